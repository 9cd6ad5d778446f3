"""CSV that people open in spreadsheets: no sender's text becomes a formula; long tables are written piece by piece."""

import csv
import io
import re
from collections.abc import AsyncIterator, Sequence

_FORMULA = re.compile(r"^\s*[=+\-@]|^[\t\r\n]")
_PAGE_CHARACTERS = 65_536


def harmless(value: object) -> str:
    """A value as text that a spreadsheet shows and does not compute: an apostrophe before it, as OWASP advises."""
    text = "" if value is None else str(value)
    return f"'{text}" if _FORMULA.match(text) else text


async def csv_pages(
    headings: Sequence[str], rows: AsyncIterator[Sequence[object]], *, marked: bool = False
) -> AsyncIterator[bytes]:
    """A table as CSV, piece by piece. `marked`: beginning with the mark by which spreadsheets know UTF-8."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\r\n")
    if marked:
        page.write("\ufeff")
    writer.writerow(headings)
    async for row in rows:
        writer.writerow([harmless(value) for value in row])
        if page.tell() > _PAGE_CHARACTERS:
            yield page.getvalue().encode()
            page.seek(0)
            page.truncate()
    yield page.getvalue().encode()


__all__ = ["csv_pages", "harmless"]
