"""An uploaded file taken apart: what kind it is, its characters and separator, its head and its rows.

Decided here: what a file is, by its content and not by its name, and the limits by which one is refused. Not here: what
a column means (exports, mapping). A plan that is too large for a page is sent to the API, which reads it as a stream.
"""

import codecs
import csv
import datetime as dt
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any, NamedTuple

from gateway.intake.cloudevents import DECODER
from gateway.plan_runs.exports import recognized
from gateway.plan_runs.stream import LINE_LIMIT_BYTES
from gateway.plan_runs.table import CsvTable
from gateway.problems import Refusal

FILE_BYTES_MAX = 16 * 1024 * 1024
ROWS_MAX = 50_000
_COLUMNS_MAX = 300
_NAME_MAX = 190
_HEAD_AMONG = 30
"""Lines in which the head is looked for: lists are printed with titles above it."""
_SAMPLE_LINES = 60
_UNPACKED_MAX = 300 * 1024 * 1024
_SEPARATORS = ("\t", ";", ",", "|")
SEPARATORS = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "bar"}
_RULE = frozenset("-|=+ \t")
"""Characters of the lines that a list draws between its rows."""
_CODECS = {"utf-8": "utf-8-sig", "windows-1252": "cp1252", "iso-8859-15": "iso8859-15", "utf-16": "utf-16"}

_LINE_ENDS = re.compile(r"\r\n|\n|\r")

Cell = str | Decimal | dt.date | list[Any] | None


class Row(NamedTuple):
    """A row of a file; its number is that of its (first) line."""

    number: int
    values: Mapping[str, Cell]
    original: str
    fault: str = ""


class FileFound(NamedTuple):
    """What a file is."""

    kind: str
    """CSV, Excel or NDJSON."""
    encoding: str
    """Empty for a workbook, which has none of its own."""
    separator: str
    sheets: tuple[str, ...]
    sheet: str
    head_line: int
    """0: it has none (NDJSON)."""
    columns: tuple[str, ...]
    rows: list[Row]


def take_apart(body: bytes, *, encoding: str = "", sheet: str = "") -> FileFound:
    """The file's rows; raises Refusal where it can't be a plan, or is too large for a page."""
    if not body.strip():
        raise _refused("the file is empty", "choose the file with the plan's rows")
    if body.startswith(b"PK\x03\x04"):
        return _workbook(body, sheet)
    for magic, kind, step in _OTHERS:
        if body.startswith(magic):
            raise _refused(f"the file is {kind}", step)
    text, found = _decoded(body, encoding)
    if text.lstrip()[:1] == "{":
        return _json_lines(text, found)
    if text.lstrip()[:1] == "<":
        raise _refused(
            "the file is HTML or XML, as some systems name .xls", "open it in a spreadsheet and save it as .xlsx or CSV"
        )
    return _table(text, found)


_OTHERS = (
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", "open it in a spreadsheet and save it as .xlsx or CSV"),
    (b"\x1f\x8b", "packed with gzip", "unpack it, or send it to the API with Content-Encoding: gzip"),
    (b"%PDF", "a PDF", "export the plan as .xlsx or CSV"),
)


def _decoded(body: bytes, encoding: str) -> tuple[str, str]:
    """The text and its character set: as said, else by its first bytes, else UTF-8 if it is that, else windows-1252."""
    if encoding:
        chosen = encoding
    elif body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        chosen = "utf-16"
    else:
        try:
            return body.decode("utf-8-sig"), "utf-8"
        except UnicodeDecodeError:
            chosen = "windows-1252"
    try:
        return body.decode(_CODECS[chosen]), chosen
    except UnicodeError as error:
        raise _refused(
            f"the file is not in {chosen}: {error}", "choose another character set, or save the file as UTF-8"
        ) from error


def _table(text: str, encoding: str) -> FileFound:
    lines = _LINE_ENDS.split(text)
    named = lines[0].strip()
    separator = named[4] if len(named) == 5 and named.lower().startswith("sep=") else _separator(lines)
    head_line, columns = _head(lines, separator)
    table = CsvTable("", frozenset(), separator=separator, columns=columns)
    rows = _bounded(_records(table, lines, head_line))
    return FileFound("CSV", encoding, separator, (), "", head_line, _names(columns), rows)


def _records(table: CsvTable, lines: Sequence[str], head_line: int) -> Iterator[Row]:
    head = lines[head_line - 1].strip()
    for number, line in enumerate(lines[head_line:], head_line + 1):
        # Printed lists repeat their head on each page.
        if not table.is_open and (line.strip() in ("", head) or set(line) <= _RULE):
            continue
        if len(line) > LINE_LIMIT_BYTES:
            raise _refused(f"line {number} is longer than {LINE_LIMIT_BYTES} characters", "one row is one line")
        record = table.record(number, line)
        if record is not None:
            yield Row(record.number, record.fields, record.text, record.fault)
    table.end()


def _separator(lines: Sequence[str]) -> str:
    """The one by which most of the first lines have equally many values, more than one."""
    sample = [line for line in lines[:_SAMPLE_LINES] if line.strip() and not set(line) <= _RULE]

    def fits(separator: str) -> tuple[int, int]:
        widths = Counter(len(values) for values in _parsed(sample, separator))
        width, times = max(widths.items(), key=lambda each: (each[1], each[0]), default=(1, 0))
        return (times if width > 1 else 0, width)

    return max(_SEPARATORS, key=fits)


def _parsed(lines: Iterable[str], separator: str) -> Iterator[list[str]]:
    for line in lines:
        try:
            yield next(csv.reader([line], delimiter=separator), [])
        except csv.Error:
            yield []


def _head(lines: Sequence[str], separator: str) -> tuple[int, list[str]]:
    """The number of the head's line, and its names: the line that knows the most columns; of equals the first."""
    candidates = [
        (number, [name.strip() for name in values])
        for number, values in enumerate(_parsed(lines[:_HEAD_AMONG], separator), 1)
        if sum(bool(value.strip()) for value in values) > 1
    ]
    if not candidates:
        raise _refused(
            "no line of the file has several columns",
            "send a table whose first line names the columns, separated by comma, semicolon or tab",
        )
    number, names = max(candidates, key=lambda each: recognized(each[1]))
    while names and not names[-1]:
        names.pop()
    _require_columns(names)
    return number, _apart(names)


def _apart(names: Sequence[str]) -> list[str]:
    """Names that stand twice are told apart: Item, Item (2)."""
    seen: Counter[str] = Counter()
    apart = []
    for name in names:
        seen[name] += 1
        apart.append(f"{name[:_NAME_MAX]} ({seen[name]})" if name and seen[name] > 1 else name[:_NAME_MAX])
    return apart


def _names(columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in columns if name)


def _require_columns(names: Sequence[str]) -> None:
    if len(names) > _COLUMNS_MAX:
        raise _refused(
            f"the file has {len(names)} columns", f"leave out those that are not needed: {_COLUMNS_MAX} are taken"
        )


def _json_lines(text: str, encoding: str) -> FileFound:
    rows = _bounded(_objects(text))
    columns = tuple(dict.fromkeys(name for row in rows for name in row.values))
    _require_columns(columns)
    return FileFound("NDJSON", encoding, "", (), "", 0, columns, rows)


def _objects(text: str) -> Iterator[Row]:
    for number, line in enumerate(_LINE_ENDS.split(text), 1):
        if not line.strip():
            continue
        try:
            fields = DECODER.decode(line)
            if not isinstance(fields, dict):
                raise ValueError("a line is one JSON object")
        except (ValueError, RecursionError) as error:
            yield Row(number, {}, line, str(error)[:300])
        else:
            yield Row(number, {name: _json_cell(value) for name, value in fields.items()}, line)


def _json_cell(value: object) -> Cell:
    if isinstance(value, bool) or value is None:
        return None if value is None else str(value)
    if isinstance(value, int | Decimal):
        return Decimal(value)
    return value if isinstance(value, str | list) else str(value)


def _workbook(body: bytes, sheet: str) -> FileFound:
    # Imported here: a gateway that reads no workbook does without the library.
    from openpyxl import load_workbook

    _require_small(body)
    try:
        book = load_workbook(io.BytesIO(body), read_only=True, data_only=True)
        sheets = tuple(str(name) for name in book.sheetnames)
        chosen = sheet if sheet in sheets else sheets[0]
        read = book[chosen].iter_rows(values_only=True, max_col=_COLUMNS_MAX)
        numbered = [(number, list(values)) for number, values in enumerate(islice(read, ROWS_MAX + _HEAD_AMONG + 1), 1)]
        book.close()
    except Refusal:
        raise
    except Exception as error:  # the library raises whatever it stumbles over
        raise _refused(
            f"the workbook can't be read: {type(error).__name__}", "open it in a spreadsheet and save it again as .xlsx"
        ) from error
    filled = [(number, [_cell(value) for value in values]) for number, values in numbered]
    heads = [
        (number, [_shown(cell) for cell in cells])
        for number, cells in filled[:_HEAD_AMONG]
        if sum(cell is not None for cell in cells) > 1
    ]
    if not heads:
        raise _refused(f"sheet {chosen!r} has no row with several columns", "choose the sheet with the plan")
    head_line, names = max(heads, key=lambda each: recognized(each[1]))
    while names and not names[-1]:
        names.pop()
    columns = _apart(names)
    rows = [
        Row(number, {name: cell for name, cell in zip(columns, cells, strict=False) if name}, _line(cells))
        for number, cells in filled[head_line:]
        if any(cell is not None for cell in cells) and [_shown(cell) for cell in cells][: len(names)] != names
    ]
    return FileFound("Excel", "", "", sheets, chosen, head_line, _names(columns), _bounded(rows))


def _require_small(body: bytes) -> None:
    """Before anything is unpacked: a small file may unpack to a huge one."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            size = sum(each.file_size for each in packed.infolist())
    except zipfile.BadZipFile as error:
        raise _refused("the workbook is damaged", "save it again as .xlsx") from error
    if size > _UNPACKED_MAX:
        raise _refused(
            f"the workbook unpacks to {size // 1024 // 1024} MB",
            "save the plan's sheet alone, without formats, or as CSV",
        )


def _cell(value: object) -> Cell:
    if isinstance(value, dt.datetime):
        return value.date()
    if value is None or isinstance(value, dt.date):
        return value
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        try:
            number = Decimal(repr(value))
        except InvalidOperation:
            return str(value)
        return number if number.is_finite() else str(value)
    text = str(value).strip()
    return text or None


def _shown(cell: Cell) -> str:
    return "" if cell is None else f"{cell.normalize():f}" if isinstance(cell, Decimal) else str(cell).strip()


def _line(cells: Sequence[Cell]) -> str:
    shown = [_shown(cell) for cell in cells]
    while shown and not shown[-1]:
        shown.pop()
    page = io.StringIO()
    csv.writer(page, delimiter=";", lineterminator="").writerow(shown)
    return page.getvalue()


def _bounded(rows: Iterable[Row]) -> list[Row]:
    found = list(islice(rows, ROWS_MAX + 1))
    if len(found) > ROWS_MAX:
        raise _refused(
            f"the file has more than {ROWS_MAX} rows",
            "send it to the API or with `cli.py plan run`, which take a million",
        )
    return found


def _refused(detail: str, step: str) -> Refusal:
    return Refusal(422, "unreadable_file", detail, step, field="file")


__all__ = ["FILE_BYTES_MAX", "ROWS_MAX", "SEPARATORS", "Cell", "FileFound", "Row", "take_apart"]
