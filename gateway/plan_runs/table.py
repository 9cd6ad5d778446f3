"""A plan as CSV: its head, and the records under it.

Decided here: the separator, which columns there are, and where a record ends. Not here: what a value means
(gateway.plan_runs.reading).

As spreadsheets write it (RFC 4180): a head line with the field names; comma, semicolon or tab, or what a first line
`sep=;` says; a quoted value may go on over several lines. Rows without values, a head that is repeated, and separators
at the ends of rows mean nothing.
"""

import csv
from collections.abc import Sequence
from typing import NamedTuple

from gateway.plan_runs.columns import head_faults
from gateway.plan_runs.stream import LINE_LIMIT_BYTES
from gateway.problems import Refusal

_SEPARATORS = ",;\t"
_QUOTED_LINES_MAX = 100
"""Over how many lines a quoted value may go on: a quote that nobody closes would take in the rest of the plan."""
_NOT_CLOSED = "unexpected end of data"
"""The csv module's words for a quote that is open at the end."""


class Record(NamedTuple):
    """A row; its number is that of its first line."""

    number: int
    fields: dict[str, str]
    fault: str = ""
    text: str = ""
    """The row as it was written."""


class CsvTable:
    """Reads a plan's lines, one after another; `columns`: the names of a head that was read already."""

    def __init__(
        self, plant: str, ignored: frozenset[str], *, separator: str = "", columns: Sequence[str] = ()
    ) -> None:
        self._plant = plant
        self._ignored = ignored
        self.columns = list(columns)
        """The names in the head; empty until it has come, and at a place without name."""
        self._separator = separator
        self._open: list[str] = []
        self._open_since = 0

    @property
    def is_open(self) -> bool:
        """Whether a quoted value goes on in the next line."""
        return bool(self._open)

    def record(self, number: int, text: str) -> Record | None:
        """The row that ends with this line; None where none does, or it says nothing. Raises Refusal on a bad head."""
        if not self.columns and self._names_the_separator(text):
            return None
        first = self._open_since if self._open else number
        whole = "\n".join((*self._open, text))
        try:
            values = self._values(number, text)
        except csv.Error as error:
            self._open = []
            if not self.columns:
                raise _no_table(text, str(error)) from error
            return Record(first, {}, str(error), whole)
        if values is None:
            return None
        if not self.columns:
            self._take_head(values)
            return None
        found = self._row(first, values)
        return None if found is None else found._replace(text=whole)

    def end(self) -> None:
        """Raise Refusal where the plan ends within a quoted value."""
        if self._open:
            raise self._never_closed()

    def _names_the_separator(self, text: str) -> bool:
        named = text.strip("\r\n ")
        if len(named) == 5 and named.lower().startswith("sep="):
            self._separator = named[4]
            return True
        if not self._separator:
            self._separator = max(_SEPARATORS, key=text.count)
        return False

    def _values(self, number: int, text: str) -> list[str] | None:
        """The values of the row that ends here; None: it goes on. Raises csv.Error."""
        if self._open:
            self._open.append(text)
            if len(self._open) > _QUOTED_LINES_MAX or sum(map(len, self._open)) > LINE_LIMIT_BYTES:
                raise self._never_closed()
            if text.count('"') % 2 == 0:
                return None  # an even number of quotes closes nothing
            text = "\n".join(self._open)
        try:
            values = next(csv.reader([text], delimiter=self._separator, strict=True))
        except csv.Error as error:
            if str(error) != _NOT_CLOSED:
                raise
            if not self._open:
                self._open, self._open_since = [text], number
            return None
        self._open = []
        return values

    def _row(self, number: int, values: list[str]) -> Record | None:
        while len(values) > len(self.columns) and not values[-1].strip():
            values.pop()
        if not any(value.strip() for value in values) or _as_head(values) == self.columns:
            return None
        if len(values) != len(self.columns):
            return Record(number, {}, f"{len(values)} values for {len(self.columns)} columns")
        fields = {name: value for name, value in zip(self.columns, values, strict=True) if value.strip()}
        if (nameless := fields.pop("", None)) is not None:
            return Record(number, fields, f"{nameless[:80]!r} stands in a column without a name")
        return Record(number, fields)

    def _take_head(self, values: list[str]) -> None:
        names = _as_head(values)
        faults = head_faults(names, self._ignored, self._plant)
        if faults:
            raise Refusal(
                422,
                faults[0].code,
                "; ".join(fault.problem.detail for fault in faults)[:2000],
                faults[0].problem.next_step,
                field="body",
                value=self._separator.join(values),
                errors=[fault.problem for fault in faults] if len(faults) > 1 else (),
            )
        self.columns = names

    def _never_closed(self) -> Refusal:
        return Refusal(
            422,
            "quote_not_closed",
            f"a quoted value begins in line {self._open_since} and does not end within {_QUOTED_LINES_MAX} lines",
            "close the quote, and write a quote within a value twice",
            field="body",
            value=self._open[0],
        )


def _as_head(values: list[str]) -> list[str]:
    names = [value.strip() for value in values]
    while names and not names[-1]:
        names.pop()
    return names


def _no_table(text: str, why: str) -> Refusal:
    return Refusal(
        422,
        "no_head",
        f"the CSV's first line can't be read: {why}",
        "begin with a line of column names",
        field="body",
        value=text[:120],
    )


__all__ = ["CsvTable", "Record"]
