"""What covers a requirement, demand by demand: which schedule line serves which peg, when, and how late.

Decided here: what is shown beside what. The earliest supply serves the earliest demand, as R7 counts it (decisions
.feasibility), so that a demand shown as late is one that R7 finds short. Not here: whether anybody is asked.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from canonical.calendar import Calendar
from canonical.identity import OrderId
from canonical.need import Need, Peg
from canonical.records import RequirementSnapshot
from canonical.supply import ScheduleLine, ScheduleLineState, in_need_unit
from canonical.units import SAME
from decisions.allocation import AllocationRequest, allocate
from decisions.calendars import working_days_between
from decisions.feasibility import available_on
from ledger.snapshots.lists import ServingLine

_NOTHING = Decimal(0)


@dataclass(frozen=True)
class SupplySource:
    """Where supply comes from."""

    order_id: OrderId | None = None
    """None: from available stock, or from orders that the requirement no longer distinguishes."""
    order_number: str | None = None
    supplier: str = ""
    supplier_name: str = ""
    lines: tuple[int, ...] = ()
    """Empty: the order is still consolidating."""


@dataclass(frozen=True)
class CoveringSupply:
    """A quantity for a requirement, in the need's unit."""

    quantity: Decimal
    state: ScheduleLineState
    dock_date: dt.date | None
    """The day at the dock; None: the supplier gave none."""
    on_stock: dt.date | None
    """The day on stock; None: it can't be counted on, since it has no date or is backordered."""
    source: SupplySource

    @property
    def received(self) -> bool:
        """It is there."""
        return self.state is ScheduleLineState.RECEIVED


@dataclass(frozen=True)
class SupplyPortion:
    """The part of a supply that serves a demand."""

    quantity: Decimal
    supply: CoveringSupply
    margin: int | None
    """Working days from the day on stock to the pegged day; below zero: late; None: no date can be counted on."""

    @property
    def late(self) -> bool:
        """It endangers its demand."""
        return self.margin is None or self.margin < 0


@dataclass(frozen=True)
class ServedDemand:
    """A pegged demand and what serves it."""

    peg: Peg
    portions: tuple[SupplyPortion, ...]
    missing: Decimal
    """Nothing is known to serve this quantity."""

    @property
    def met_on(self) -> dt.date | None:
        """The day on which all of it is on stock; None: not all of it will be, as things stand."""
        days = [portion.supply.on_stock for portion in self.portions]
        known = [day for day in days if day is not None]
        return max(known) if known and len(known) == len(days) and not self.missing else None

    @property
    def working_days_late(self) -> int:
        """How long it waits for the last of what has a date; 0: not at all."""
        return max((-portion.margin for portion in self.portions if portion.margin is not None), default=0) or 0

    @property
    def in_time(self) -> bool:
        """All of it is on stock by its day."""
        return not self.missing and not any(portion.late for portion in self.portions)


@dataclass(frozen=True)
class Coverage:
    """A requirement's demands, and all supply."""

    demands: tuple[ServedDemand, ...]
    supplies: tuple[CoveringSupply, ...]

    @property
    def late(self) -> list[ServedDemand]:
        """Demands that are not met in time."""
        return [demand for demand in self.demands if not demand.in_time]

    def portions_of(self, order: str, line: int) -> list[tuple[ServedDemand, SupplyPortion]]:
        """What an order line brings to which demand."""
        return [
            (demand, portion)
            for demand in self.demands
            for portion in demand.portions
            if portion.supply.source.order_id == order and line in portion.supply.source.lines
        ]


@dataclass
class _Left:
    """A supply while it is shared out."""

    supply: CoveringSupply
    quantity: Decimal = field(default=_NOTHING)


def coverage_of(
    requirement: RequirementSnapshot,
    serving: Sequence[ServingLine],
    calendar: Calendar,
    today: dt.date,
    *,
    receipt_days: int,
) -> Coverage:
    """The coverage of one requirement by the lines that serve it.

    `receipt_days`: working days from dock to stock where no supply request says how many. Supply that is still to come
    is at the dock today at the earliest (R7).
    """
    supplies = sorted(
        [*_from_stock(requirement), *_from_orders(requirement, serving, calendar, today, receipt_days)],
        key=lambda one: (one.on_stock is None, one.on_stock or one.dock_date or dt.date.max, one.source.order_id or ""),
    )
    return Coverage(_served(requirement.need.pegs, supplies, calendar), tuple(supplies))


def _served(pegs: Iterable[Peg], supplies: Sequence[CoveringSupply], calendar: Calendar) -> tuple[ServedDemand, ...]:
    left = [_Left(supply, supply.quantity) for supply in supplies]
    demands = []
    for peg in pegs:
        wanted, portions = peg.quantity, []
        while wanted > 0 and left:
            taken = min(wanted, left[0].quantity)
            portions.append(SupplyPortion(taken, left[0].supply, _margin(left[0].supply, peg, calendar)))
            wanted -= taken
            left[0].quantity -= taken
            if left[0].quantity <= 0:
                left.pop(0)
        demands.append(ServedDemand(peg, tuple(portions), wanted))
    return tuple(demands)


def _margin(supply: CoveringSupply, peg: Peg, calendar: Calendar) -> int | None:
    return None if supply.on_stock is None else working_days_between(calendar, supply.on_stock, peg.date)


def _from_stock(requirement: RequirementSnapshot) -> list[CoveringSupply]:
    if not requirement.from_stock:
        return []
    day = min(peg.date for peg in requirement.need.pegs)
    return [CoveringSupply(requirement.from_stock, ScheduleLineState.RECEIVED, None, day, SupplySource())]


def _from_orders(
    requirement: RequirementSnapshot,
    serving: Sequence[ServingLine],
    calendar: Calendar,
    today: dt.date,
    receipt_days: int,
) -> list[CoveringSupply]:
    unit = requirement.need.unit
    if any(one.line is not None and one.request is None and one.line.unit != unit for one in serving):
        # Counted in a unit whose conversion is not known here: what the requirement itself was told is in its own.
        parts = [part for part in requirement.coverage if part.quantity]
        return [_supply(part, SupplySource(), receipt_days, calendar, today) for part in parts]
    by_order: dict[OrderId, list[ServingLine]] = {}
    for one in serving:
        by_order.setdefault(one.order_id, []).append(one)
    found = []
    for lines in by_order.values():
        request = lines[0].request
        days = request.goods_receipt_days if request is not None else receipt_days
        for source, given in _given(requirement.need, lines):
            converted = in_need_unit(given, request.per_order_unit if request is not None else SAME)
            found += [_supply(part, source, days, calendar, today) for part in converted if part.quantity]
    return found


def _given(need: Need, lines: Sequence[ServingLine]) -> list[tuple[SupplySource, tuple[ScheduleLine, ...]]]:
    """What an order gives the requirement, in the order unit.

    R11: lines that serve it alone are one supply, without the surplus of their lots.
    """
    first = lines[0]
    if first.line is None:
        request = first.request
        if request is None:
            return []
        ordered = ScheduleLine(quantity=request.needed, date=request.dock_date, state=ScheduleLineState.ORDERED)
        return [(_source(first, ()), (ordered,))]
    found, own = [], []
    for one in lines:
        if one.line is None:
            continue
        shares = [share for share in one.line.shares if share.requirement_id == need.id]
        if one.line.shares:
            found += [(_source(one, (one.line.line,)), share.schedule_lines) for share in shares]
        else:
            own.append(one.line)
    if len(own) == 1:
        found.append((_source(first, (own[0].line,)), _allocated(need, own[0].schedule_lines, own[0].allocated)))
    elif own:
        every = tuple(part for line in own for part in line.schedule_lines)
        total = sum((line.allocated for line in own), _NOTHING)
        found.append((_source(first, tuple(line.line for line in own)), _allocated(need, every, total)))
    return found


def _allocated(need: Need, parts: tuple[ScheduleLine, ...], quantity: Decimal) -> tuple[ScheduleLine, ...]:
    request = AllocationRequest(need.id, quantity, need.required_date, need.criticality)
    return allocate(parts, [request]).by_requirement[need.id]


def _source(one: ServingLine, lines: tuple[int, ...]) -> SupplySource:
    return SupplySource(one.order_id, one.order_number, one.supplier, one.supplier_name, lines)


def _supply(
    part: ScheduleLine, source: SupplySource, receipt_days: int, calendar: Calendar, today: dt.date
) -> CoveringSupply:
    on_stock = part.date
    if part.state is ScheduleLineState.BACKORDERED:
        on_stock = None
    elif part.date is not None and part.state is not ScheduleLineState.RECEIVED:
        on_stock = available_on(max(part.date, today), receipt_days, calendar)
    return CoveringSupply(part.quantity, part.state, part.date, on_stock, source)


__all__ = ["Coverage", "CoveringSupply", "ServedDemand", "SupplyPortion", "SupplySource", "coverage_of"]
