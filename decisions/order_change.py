"""R3, change of an order line: what a changed supply request does to a line, by the state of its document.

Decided here: which way the change goes. Not here: whether the need's change is worth one (R4), who approves a
proposal (R15) and how the changes of several lines become one revision (the order).
"""

import datetime as dt
from decimal import Decimal
from typing import NamedTuple

from canonical.calendar import Calendar
from canonical.reason import JsonValue, Reason, figure
from canonical.records import OrderStage
from decisions.calendars import working_days_between

_UNSENT = frozenset({OrderStage.CONSOLIDATING, OrderStage.PLACING, OrderStage.UNSENT})
_OVER = frozenset({OrderStage.CLOSED, OrderStage.CANCELLED})
_ZERO = Decimal(0)


class LineState(NamedTuple):
    """The state of an order line when the change arrives."""

    stage: OrderStage
    answered: bool = False
    """The supplier has answered the line."""
    in_transit: Decimal = _ZERO
    """Shipped and not yet received."""
    received: Decimal = _ZERO
    edited_by_buyer: bool = False
    """A buyer changed the line in the ERP."""

    @property
    def floor(self) -> Decimal:
        """Shipped + received: below this the line can't be cut."""
        return self.in_transit + self.received


class LineUnchanged(NamedTuple):
    """The line already is as requested, or nothing of it can be moved any more."""

    why: str
    rule: str = "R3"


class UpdateUnsent(NamedTuple):
    """The supplier has not seen the line: change it before it is sent."""

    why: str
    rule: str = "R3"


class ChangeSent(NamedTuple):
    """Send a change order: the next revision."""

    why: str
    rule: str = "R3"


class ProposeChange(NamedTuple):
    """A person approves the change first."""

    reason: str
    over_edit: bool = False
    """It would overwrite what a buyer edited: it needs a person whatever its value."""
    rule: str = "R3"


class FrozenChange(NamedTuple):
    """Too near to delivery to change without a person: an exception."""

    reason: str
    rule: str = "R3"


class FloorAndReorder(NamedTuple):
    """Goods are on the way or in: cut no lower than those, order more elsewhere."""

    floor: Decimal
    new_quantity: Decimal
    """The line's new quantity; its open rest takes the requested date."""
    surplus: Decimal
    """The quantity beyond the supply request."""
    open_quantity: Decimal
    """The quantity that another order must supply."""
    why: str
    rule: str = "R3"


class Reorder(NamedTuple):
    """The line is closed: what is missing needs another order."""

    open_quantity: Decimal
    why: str
    rule: str = "R3"


LineChangeOutcome = LineUnchanged | UpdateUnsent | ChangeSent | ProposeChange | FrozenChange | FloorAndReorder | Reorder


def judge_line_change(
    state: LineState,
    current_quantity: Decimal,
    current_date: dt.date,
    requested_quantity: Decimal,
    requested_date: dt.date,
    *,
    today: dt.date,
    frozen_zone_days: int,
    calendar: Calendar,
    approved: bool = False,
) -> LineChangeOutcome:
    """R3: the action that the state of the document allows; quantities in the order unit, dates at the dock.

    `approved`: a person has decided this change, so that it is neither proposed nor frozen. The frozen zone is counted
    in the plant's working days before the current dock date; its first day is inside it.
    """
    if state.stage in _OVER:
        return _after_closing(state, requested_quantity)
    if (requested_quantity, requested_date) == (current_quantity, current_date):
        return LineUnchanged("the line is already as requested")
    if state.edited_by_buyer and not approved:
        return ProposeChange("a buyer edited the line in the ERP; that is not overwritten", over_edit=True)
    if state.stage not in _UNSENT and state.floor > 0:
        return _while_delivering(state, current_quantity, requested_quantity)
    if state.stage not in _UNSENT and (state.answered or state.stage is not OrderStage.SENT) and not approved:
        return _acknowledged(current_date, today, frozen_zone_days, calendar)
    if state.stage in _UNSENT:
        return UpdateUnsent("the order is not sent yet")
    if approved:
        return ChangeSent("a person decided the change")
    return ChangeSent("the order is sent and not acknowledged yet")


def _after_closing(state: LineState, requested: Decimal) -> LineUnchanged | Reorder:
    open_quantity = requested - state.floor
    if open_quantity <= 0:
        return LineUnchanged("the line is closed and has delivered the requested quantity")
    return Reorder(open_quantity, f"the line is closed at {figure(state.floor)}, {figure(requested)} is requested")


def change_reason(
    outcome: LineChangeOutcome,
    state: LineState,
    current: tuple[Decimal, dt.date],
    requested: tuple[Decimal, dt.date],
    *,
    today: dt.date,
    frozen_zone_days: int,
    calendar: Calendar,
    policy_version: str,
) -> Reason:
    """The reason for R3's outcome: the arguments of `judge_line_change`, as trace and exception show them."""
    inputs: dict[str, JsonValue] = {
        "stage": str(state.stage),
        "acknowledged": state.answered,
        "shipped": figure(state.in_transit),
        "received": figure(state.received),
        "edited_by_buyer": state.edited_by_buyer,
        "quantity": figure(current[0]),
        "delivery_date": current[1].isoformat(),
        "requested_quantity": figure(requested[0]),
        "requested_date": requested[1].isoformat(),
        "working_days_to_delivery": working_days_between(calendar, today, current[1]),
    }
    return Reason(
        rule=outcome.rule,
        why=outcome.reason if isinstance(outcome, ProposeChange | FrozenChange) else outcome.why,
        inputs=inputs,
        thresholds={"frozen_zone_days": frozen_zone_days},
        policy_version=policy_version,
    )


def _while_delivering(state: LineState, current: Decimal, requested: Decimal) -> LineChangeOutcome:
    floor = state.floor
    coming = max(current, floor)
    if floor >= current and requested == current:
        return LineUnchanged("all of the line is shipped or received; its date can't be moved")
    if requested >= coming:
        open_quantity = requested - coming
        why = f"{figure(floor)} is shipped or received; the other {figure(open_quantity)} needs another order"
        return FloorAndReorder(floor, current, _ZERO, open_quantity, why)
    new_quantity = min(current, max(requested, floor))
    surplus = max(new_quantity, floor) - requested
    why = f"{figure(floor)} is shipped or received; cut to {figure(new_quantity)}, surplus {figure(surplus)}"
    return FloorAndReorder(floor, new_quantity, surplus, _ZERO, why)


def _acknowledged(
    current_date: dt.date, today: dt.date, frozen_zone_days: int, calendar: Calendar
) -> ProposeChange | FrozenChange:
    if working_days_between(calendar, today, current_date) <= frozen_zone_days:
        return FrozenChange(f"delivery on {current_date} is inside the frozen zone of {frozen_zone_days} working days")
    return ProposeChange("the supplier has acknowledged the line")
