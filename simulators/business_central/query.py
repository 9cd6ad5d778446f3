"""OData V4 options of a list: $filter, $select, $top, $skip, $orderby, and pages with @odata.nextLink.

Of $filter: eq, ne, gt, ge, lt, le with strings, numbers, days and moments; startswith; `and`, `or` without brackets.
Anything else is refused rather than ignored.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from simulators.business_central.books import Refusal, Row

_TERM = re.compile(r"\s*(\w+)\s+(eq|ne|gt|ge|lt|le)\s+('(?:[^']|'')*'|[^\s']+)\s*")
_STARTS = re.compile(r"\s*startswith\(\s*(\w+)\s*,\s*('(?:[^']|'')*')\s*\)\s*")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda one, other: one == other,
    "ne": lambda one, other: one != other,
    "gt": lambda one, other: one > other,
    "ge": lambda one, other: one >= other,
    "lt": lambda one, other: one < other,
    "le": lambda one, other: one <= other,
}


def filtered(rows: Sequence[Row], text: str | None) -> list[Row]:
    """The rows that a $filter lets through."""
    if not text:
        return list(rows)
    alternatives = [[_term(part) for part in _split(one, "and")] for one in _split(text, "or")]
    return [row for row in rows if any(all(holds(row) for holds in terms) for terms in alternatives)]


def _split(text: str, by: str) -> list[str]:
    """At the word, outside of quotes."""
    parts, current, quoted = [], "", False
    for token in re.split(r"('|\s+)", text):
        if token == "'":
            quoted = not quoted
        if token == by and not quoted:
            parts.append(current)
            current = ""
        else:
            current += token
    return [*parts, current]


def _term(text: str) -> Callable[[Row], bool]:
    if found := _STARTS.fullmatch(text):
        name, start = found.group(1), _literal(found.group(2))
        return lambda row: str(_held(row, name)).startswith(str(start))
    found = _TERM.fullmatch(text)
    if found is None:
        raise Refusal(400, "BadRequest_NotFound", f"Bad Request - Error in query syntax: {text.strip()}")
    name, compare, value = found.group(1), _COMPARE[found.group(2)], _literal(found.group(3))
    return lambda row: compare(_moment(_held(row, name)), _moment(value))


def _held(row: Row, name: str) -> Any:
    if name not in row:
        raise Refusal(400, "BadRequest", f"Could not find a property named '{name}'.")
    return row[name]


def _moment(value: Any) -> Any:
    """A moment is compared as one, whatever its fraction of a second; anything else as it is."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return value
    return datetime.fromisoformat(value.replace("Z", "+00:00"))


def _literal(text: str) -> Any:
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    if text in ("true", "false"):
        return text == "true"
    try:
        return Decimal(text)
    except ArithmeticError:
        return text  # a day, a moment or a GUID: compared as text


def page(rows: Sequence[Row], options: Mapping[str, str], address: str, page_size: int) -> tuple[list[Row], str | None]:
    """One page of the rows, and the address of the next."""
    rows = filtered(rows, options.get("$filter"))
    if by := options.get("$orderby"):
        rows.sort(key=lambda row: row[by.split()[0]], reverse=by.endswith(" desc"))
    start = int(options.get("$skip", "0")) + int(options.get("$skiptoken", "0"))
    most = int(options["$top"]) if "$top" in options else len(rows)
    wanted = rows[start : start + most] if "$skiptoken" not in options else rows[start:most]
    shown = wanted[:page_size]
    following = None
    if len(wanted) > page_size:
        kept = {name: value for name, value in options.items() if name not in ("$skiptoken", "$skip")}
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in kept.items())
        following = f"{address}?{query}{'&' if query else ''}$skiptoken={start + page_size}"
    if chosen := options.get("$select"):
        names = chosen.split(",")
        shown = [
            {name: value for name, value in row.items() if name in names or name.startswith("@odata")} for row in shown
        ]
    return shown, following
