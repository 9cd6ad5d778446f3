"""R7, feasibility: whether the supply meets the pegged need, and if not, where it falls short and for how long.

Decided here: feasible or short, against the pegs and never against the order's own date. Not here: what can be
done about it (shortage).
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from canonical.calendar import Calendar
from canonical.need import Peg
from canonical.reason import JsonValue, Reason, figure
from canonical.supply import ScheduleLine, ScheduleLineState
from decisions.calendars import add_working_days, working_days_between

_ZERO = Decimal(0)


class Feasible(NamedTuple):
    """Every pegged demand is met on its day."""

    needed: Decimal
    available_on: dt.date
    """The day on which the whole need is on stock."""
    why: str
    rule: str = "R7"

    def reason(self, policy_version: str) -> Reason:
        """The outcome for trace and audit; of the policy it depends on the calendar only."""
        inputs: dict[str, JsonValue] = {"needed": str(self.needed), "available_on": self.available_on.isoformat()}
        return Reason(rule=self.rule, why=self.why, inputs=inputs, policy_version=policy_version)


class Short(NamedTuple):
    """Some pegged demand is not met on its day."""

    short_quantity: Decimal
    """The largest shortfall on any pegged day."""
    short_at: dt.date
    """The first pegged day that falls short."""
    available_on: dt.date | None
    """When the whole need is covered; None: never, as things stand."""
    working_days_late: int
    """The longest that a pegged demand waits for its quantity, of those that get it."""
    needed: Decimal
    why: str
    rule: str = "R7"

    def reason(self, policy_version: str) -> Reason:
        """The outcome for trace and audit; of the policy it depends on the calendar only."""
        inputs: dict[str, JsonValue] = {
            "needed": str(self.needed),
            "short_quantity": str(self.short_quantity),
            "short_at": self.short_at.isoformat(),
            "available_on": self.available_on.isoformat() if self.available_on else None,
            "working_days_late": self.working_days_late,
        }
        return Reason(rule=self.rule, why=self.why, inputs=inputs, policy_version=policy_version)


def available_on(dock: dt.date, goods_receipt_days: int, calendar: Calendar) -> dt.date:
    """The day on which goods at the dock are on stock: receipt and inspection take plant working days."""
    return add_working_days(calendar, dock, goods_receipt_days)


def judge_feasibility(
    pegs: Sequence[Peg],
    schedule_lines: Sequence[ScheduleLine],
    goods_receipt_days: int,
    calendar: Calendar,
    today: dt.date,
) -> Feasible | Short:
    """R7: short on the day where the supply available by then is less than the demand pegged up to it.

    Dated schedule lines that are ordered, confirmed or shipped are at the dock on their day, but not before `today`,
    and available after the receipt days; received ones are available on their day. Backordered or undated schedule
    lines count for nothing. Raises ValueError without pegs.
    """
    if not pegs:
        raise ValueError("no pegged demand to test the supply against; a need without pegging is its own peg")
    supply = _supply(schedule_lines, goods_receipt_days, calendar, today)
    short_at: dt.date | None = None
    largest = needed = by_the_day = enough = _ZERO
    days_late = arrived = reached = 0
    for day, quantity in _demand(pegs):
        needed += quantity
        while arrived < len(supply) and supply[arrived][0] <= day:
            by_the_day += supply[arrived][1]
            arrived += 1
        while enough < needed and reached < len(supply):
            enough += supply[reached][1]
            reached += 1
        if by_the_day >= needed:
            continue
        short_at = short_at or day
        largest = max(largest, needed - by_the_day)
        if enough >= needed:
            days_late = max(days_late, working_days_between(calendar, day, supply[reached - 1][0]))
    covered_on = supply[reached - 1][0] if enough >= needed else None
    if short_at is None and covered_on is not None:
        return Feasible(needed, covered_on, f"{figure(needed)} on stock by {covered_on}")
    first = short_at or pegs[0].date
    return Short(largest, first, covered_on, days_late, needed, _why(largest, needed, first, covered_on, days_late))


def _supply(
    schedule_lines: Sequence[ScheduleLine], goods_receipt_days: int, calendar: Calendar, today: dt.date
) -> list[tuple[dt.date, Decimal]]:
    """What can be counted on, by the day it is on stock."""
    supply = []
    for piece in schedule_lines:
        if piece.date is None or piece.state is ScheduleLineState.BACKORDERED:
            continue
        received = piece.state is ScheduleLineState.RECEIVED
        on_stock = piece.date if received else available_on(max(piece.date, today), goods_receipt_days, calendar)
        supply.append((on_stock, piece.quantity))
    return sorted(supply)


def _demand(pegs: Sequence[Peg]) -> list[tuple[dt.date, Decimal]]:
    """The pegged quantity of each day, in order."""
    by_day: dict[dt.date, Decimal] = {}
    for peg in pegs:
        by_day[peg.date] = by_day.get(peg.date, _ZERO) + peg.quantity
    return sorted(by_day.items())


def _why(short: Decimal, needed: Decimal, first: dt.date, covered_on: dt.date | None, days_late: int) -> str:
    missing = f"{figure(short)} of {figure(needed)} short from {first}"
    if covered_on is None:
        return f"{missing}; no dated supply covers the whole need"
    return f"{missing}; covered on {covered_on}, {days_late} working days late"
