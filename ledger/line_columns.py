"""What snapshots say of supply, as columns: whom a line serves, what of it is confirmed, and what nobody claims."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from canonical.records import OrderLineSnapshot, OrderSnapshot
from canonical.supply import ScheduleLine, ScheduleLineState

_COMING = frozenset({ScheduleLineState.CONFIRMED, ScheduleLineState.SHIPPED})
_NOTHING = Decimal(0)

Place = TypeVar("Place")
"""Order and line."""


def line_columns(order: OrderSnapshot, line: OrderLineSnapshot) -> dict[str, Any]:
    """The row of a line. What is confirmed serves the claims first; what comes last of it is spare."""
    coming = (
        [] if order.closed else [part for part in line.schedule_lines if part.state in _COMING and part.quantity > 0]
    )
    total = _sum(coming)
    confirmed = min(total, max(_NOTHING, line.allocated - line.received))
    spare = _last(coming, total - confirmed)
    return {
        "order_id": order.id,
        "line": line.line,
        "requirement_id": line.requirement_id,
        "quantity": _NOTHING if line.cancelled else line.quantity,
        "plant": order.plant,
        "item": line.item,
        "unit": line.unit,
        "coming": bool(coming),
        "confirmed": confirmed,
        "spare": spare or None,
    }


def asked_of(rows: Mapping[Place, Mapping[str, Any]]) -> dict[Place, tuple[str, Decimal]]:
    """R14: for whom each line asks the supplier for how much."""
    return {place: (row["requirement_id"], row["quantity"]) for place, row in rows.items()}


def received_of(coverage: Iterable[ScheduleLine]) -> Decimal:
    """What of a requirement's cover is on stock."""
    return _sum(part for part in coverage if part.state is ScheduleLineState.RECEIVED)


def _last(coming: Iterable[ScheduleLine], spare: Decimal) -> list[list[str]]:
    """The last of it to come, up to so much; what has no date comes last, and nobody can count on it."""
    parts = list(coming)
    dated = [(part.date, part.quantity) for part in parts if part.date is not None]
    spare -= _sum(part for part in parts if part.date is None)
    found: list[list[str]] = []
    for date, quantity in sorted(dated, reverse=True):
        taken = min(spare, quantity)
        if taken > 0:
            found.insert(0, [date.isoformat(), str(taken)])
            spare -= taken
    return found


def _sum(parts: Iterable[ScheduleLine]) -> Decimal:
    return sum((part.quantity for part in parts), _NOTHING)


__all__ = ["asked_of", "line_columns", "received_of"]
