"""The report of a plan run for spreadsheets or data tools: CSV or Parquet, written while it is read.

Decided here: the format of a row, and that only a few thousand rows of a report are in memory at a time. Not here: the
outcome of a line (ledger.plan_runs).
"""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from gateway.spreadsheets import csv_pages
from ledger.plan_runs.plan_runs import REPORT_COLUMNS

ReportForm = Literal["csv", "parquet"]
MEDIA_TYPES: dict[ReportForm, str] = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
_ROWS_IN_A_GROUP = 20_000
"""Rows in a Parquet row group: read and written at once, some megabytes."""

Row = tuple[object, ...]


def form_asked(form: ReportForm | None, accept: str) -> ReportForm:
    """The format by the query, else by the Accept header; CSV where neither names one."""
    return form or ("parquet" if MEDIA_TYPES["parquet"] in accept.lower() else "csv")


def written(form: ReportForm, rows: AsyncIterator[Row]) -> AsyncIterator[bytes]:
    """The report's bytes, piece by piece."""
    return csv_pages(REPORT_COLUMNS, rows) if form == "csv" else _parquet(rows)


async def _parquet(rows: AsyncIterator[Row]) -> AsyncIterator[bytes]:
    # Imported here, so that a gateway without requests for Parquet does not load the library's 50 MB.
    import pyarrow as pa
    from pyarrow import parquet

    types = [pa.int32() if name == "line" else pa.string() for name in REPORT_COLUMNS]
    schema = pa.schema(zip(REPORT_COLUMNS, types, strict=True))
    page = _Page()
    with parquet.ParquetWriter(page, schema, compression="zstd") as writer:
        async for some in _groups(rows, _ROWS_IN_A_GROUP):
            columns = [pa.array(values, type) for values, type in zip(zip(*some, strict=True), types, strict=True)]
            await asyncio.to_thread(writer.write_table, pa.table(columns, schema=schema))
            yield page.taken()
    yield page.taken()


class _Page(io.RawIOBase):
    """The output of a Parquet writer since the last `taken()`; the writer only appends, so nothing else is kept."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._position += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._position

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


async def _groups(rows: AsyncIterator[Row], size: int) -> AsyncIterator[Sequence[Row]]:
    some: list[Row] = []
    async for row in rows:
        some.append(row)
        if len(some) >= size:
            yield some
            some = []
    if some:
        yield some


__all__ = ["MEDIA_TYPES", "ReportForm", "form_asked", "written"]
