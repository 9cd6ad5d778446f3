"""The phrases of the time line: the wording of a quantity, a day, a list of schedule lines or a field of an audit
event.

Missing fields are left out, and a value that is no number or date is shown unchanged: audit events outlive the versions
that wrote them.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

Data = Mapping[str, Any]
"""The data of an audit event."""


def number(value: Any) -> str:
    """A quantity without trailing zeros; unchanged where it is no number."""
    try:
        plain = Decimal(str(value)).normalize()
    except InvalidOperation:
        return str(value)
    return f"{plain:f}"


def day(value: Any) -> str:
    """A date such as `Mon 15 Jun`; unchanged where it is no date."""
    parsed = as_date(value)
    return f"{parsed:%a} {parsed.day} {parsed:%b}" if parsed else str(value)


def as_date(value: Any) -> dt.date | None:
    """The day of an ISO date or time, or None."""
    try:
        return dt.date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def schedule_lines_of(data: Data) -> list[Data]:
    """The schedule lines of an audit event, directly or on its order lines."""
    own = data.get("schedule_lines")
    if isinstance(own, list):
        return [each for each in own if isinstance(each, dict)]
    lines = data.get("lines")
    if not isinstance(lines, list):
        return []
    return [
        part
        for line in lines
        if isinstance(line, dict)
        for part in schedule_lines_of({"schedule_lines": line.get("schedule_lines")})
    ]


def join(*parts: str | None) -> str:
    """The parts that are not empty, separated by dots."""
    return " · ".join(part for part in parts if part)


def statement(data: Data, field: str, words: str, show: Callable[[Any], str] = str) -> str | None:
    """The field as text; for a rule's outcome its reason; None where the audit event has none."""
    value = data.get(field)
    if isinstance(value, Mapping):
        value = value.get("why")
    return None if value in (None, "") else words.format(show(value))


def amount(data: Data, field: str = "quantity") -> str:
    """A quantity with its unit; empty where the audit event has none."""
    if data.get(field) in (None, ""):
        return ""
    return f"{number(data[field])} {data.get('unit') or ''}".strip()


def schedule_lines(data: Data) -> str | None:
    """The audit event's schedule lines on one line: quantity, day and state."""
    reported = []
    for part in schedule_lines_of(data):
        word = str(part.get("state") or part.get("outcome") or "")
        when = f" on {day(part['date'])}" if part.get("date") else ""
        amount = number(part["quantity"]) if part.get("quantity") is not None else "all"
        reported.append(f"{amount}{when}" + (f" {word}" if word and (not when or word not in USUAL) else ""))
    return ", ".join(reported) or None


USUAL = {"confirmed", "accepted", "ordered"}


def rule_of(data: Data) -> str | None:
    """The rule that decided."""
    return statement(data, "rule", "rule {}")


def amount_of(data: Data) -> Decimal:
    """The quantity; 0 where it is no number."""
    try:
        given = Decimal(str(data.get("quantity", 0)))
    except InvalidOperation:
        return Decimal(0)
    return given if given.is_finite() else Decimal(0)
