"""Tables as files: CSV and XLSX, with the types of their values kept and no text that a spreadsheet would run.

XLSX says of each cell that it is text; for CSV see `gateway.spreadsheets`.
"""

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from tempfile import TemporaryFile
from typing import Any, cast

from fastapi.responses import Response
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from gateway.pages.shell import HEADERS
from gateway.spreadsheets import harmless

Value = str | int | Decimal | dt.date | dt.datetime | None

_CSV = "text/csv; charset=utf-8"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_CELL_CHARACTERS_MAX = 32_000


def csv_file(name: str, headings: Sequence[str], rows: Iterable[Sequence[Value]]) -> Response:
    """A CSV file with ISO dates and decimal points; it begins with the mark by which spreadsheets know UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([harmless(heading) for heading in headings])
    for row in rows:
        writer.writerow([_written(value) for value in row])
    return _file(text.getvalue().encode("utf-8-sig"), _CSV, f"{name}.csv")


def xlsx_file(name: str, headings: Sequence[str], rows: Iterable[Sequence[Value]]) -> Response:
    """An XLSX file of one sheet, whose first row stays in sight; moments are in UTC, which spreadsheets have no zone
    for.
    """
    book = Workbook(write_only=True)
    sheet = book.create_sheet(name[:31])
    sheet.freeze_panes = "A2"
    for number, heading in enumerate(headings, 1):
        sheet.column_dimensions[get_column_letter(number)].width = max(12, min(40, len(heading) + 4))
    sheet.append([_cell(sheet, heading, bold=True) for heading in headings])
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])
    with TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        return _file(file.read(), _XLSX, f"{name}.xlsx")


def _file(content: bytes, media_type: str, name: str) -> Response:
    return Response(
        content,
        media_type=media_type,
        headers={**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'},
    )


def _written(value: Value) -> str:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, Decimal):
        return f"{value:f}"
    return "" if value is None else str(value)


def _cell(sheet: Any, value: Value, *, bold: bool = False) -> Any:
    if isinstance(value, dt.datetime):
        value = value.astimezone(dt.UTC).replace(tzinfo=None, microsecond=0)
    if isinstance(value, str):
        cell = WriteOnlyCell(sheet, _NOT_IN_XML.sub("\ufffd", value)[:_CELL_CHARACTERS_MAX])
        cell.data_type = "s"
    else:
        cell = WriteOnlyCell(sheet, cast(Any, value))
    if isinstance(value, dt.datetime):
        cell.number_format = "yyyy-mm-dd hh:mm"
    elif isinstance(value, dt.date):
        cell.number_format = "yyyy-mm-dd"
    if bold:
        cell.font = Font(bold=True)
    return cell


__all__ = ["Value", "csv_file", "xlsx_file"]
