"""R13, engineering change: the disposition of stock and supply of an outgoing component, and the needs of the new ones.

Decided here: one disposition for every unit of the outgoing component, and the needs of the new components.
Not here: how an order is cancelled (R3) and which of the candidates an excess takes (a person, who knows its scrap
value and the supplier's terms).
"""

import datetime as dt
from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import NamedTuple

from canonical.base import Criticality
from canonical.calendar import Calendar
from canonical.need import Need, Peg, Revision
from canonical.reason import Reason, figure
from decisions.calendars import subtract_working_days

_NOTHING = Decimal(0)
_LAST_PLACE = Decimal("0.000001")


class Fate(StrEnum):
    """What becomes of a quantity."""

    CONSUMED = "consumed"
    """By demand before the effectivity date."""
    USED_UP = "used_up"
    """By later demand that keeps the old component (spares, another assembly)."""
    EXCESS = "excess"
    """Available by the effectivity date and without use: a person chooses a candidate."""
    CANCELLED = "cancelled"
    """Later supply without use, still to be cancelled."""
    EXCEPTION = "exception"
    """Later supply without use, past the supplier's cancellation cut-off."""
    RECEIVED = "received"
    """Received for a requirement that keeps it."""


class Candidate(StrEnum):
    """The options for a quantity without use; of two at the same cost the first is proposed."""

    CANCEL = "cancel"
    USE_UP = "use_up"
    RETURN = "return"
    REWORK = "rework"
    SCRAP = "scrap"


class OutgoingSupply(NamedTuple):
    """An order line of the outgoing component, or its open quantity."""

    reference: str
    quantity: Decimal
    available_on: dt.date
    """The day it is on stock."""
    cut_off: dt.date
    """The first day on which the supplier no longer accepts its cancellation."""


class OutgoingDemand(NamedTuple):
    """A demand for the outgoing component: every one before the effectivity date, later ones where they keep the
    component.
    """

    date: dt.date
    quantity: Decimal


class Disposition(NamedTuple):
    """What becomes of a quantity of one supply."""

    reference: str
    """The supply's; empty: the stock."""
    quantity: Decimal
    fate: Fate
    candidates: tuple[Candidate, ...] = ()
    """For an excess only."""


class DispositionPlan(NamedTuple):
    """Every unit of stock and supply, with what becomes of it, in the order in which it is used."""

    dispositions: tuple[Disposition, ...]
    effective_on: dt.date
    demand_before: Decimal
    demand_after: Decimal
    rule: str = "R13"

    def total(self, fate: Fate) -> Decimal:
        """The total quantity with this fate."""
        return sum((one.quantity for one in self.dispositions if one.fate is fate), _NOTHING)

    @property
    def short(self) -> Decimal:
        """Demand before the effectivity date that nothing covers (R7 says when)."""
        return self.demand_before - self.total(Fate.CONSUMED)

    @property
    def why(self) -> str:
        """The outcome, in one line."""
        parts = [f"{figure(quantity)} {fate}" for fate in Fate if (quantity := self.total(fate))]
        if self.short:
            parts.append(f"{figure(self.short)} short")
        return f"effective {self.effective_on}: {', '.join(parts) or 'nothing to dispose of'}"

    def reason(self, policy_version: str) -> Reason:
        """The outcome for trace and audit; cut-offs are the caller's, by the frozen zone or the supplier's terms."""
        return Reason(
            rule=self.rule,
            why=self.why,
            inputs={
                "effective_on": self.effective_on.isoformat(),
                "demand_before": str(self.demand_before),
                "demand_after": str(self.demand_after),
                "dispositions": [
                    {"reference": one.reference, "quantity": str(one.quantity), "fate": one.fate.value}
                    for one in self.dispositions
                ],
            },
            policy_version=policy_version,
        )


def cancellation_cut_off(dock_date: dt.date, frozen_zone_days: int, calendar: Calendar) -> dt.date:
    """The first day inside the frozen zone of a delivery, for a supplier that states no cut-off of its own.

    The frozen zone is counted in the calendar's (the plant's) working days, as in R3.
    """
    return subtract_working_days(calendar, dock_date, frozen_zone_days)


def dispose(
    stock: Decimal,
    supply: Iterable[OutgoingSupply],
    demand: Iterable[OutgoingDemand],
    effective_on: dt.date,
    today: dt.date,
) -> DispositionPlan:
    """R13: the disposition of every unit of the outgoing component; one component, one unit of measure.

    Stock and supply available before the effectivity date meet the demand before it, stock first, then by date; later
    demand uses up what is left, and the remainder is excess. Supply from that date on serves the remaining later
    demand; the rest is cancelled before its cut-off, else an exception.
    """
    demand = list(demand)
    before = sum((one.quantity for one in demand if one.date < effective_on), _NOTHING)
    after = sum((one.quantity for one in demand if one.date >= effective_on), _NOTHING)
    open_before, open_after = before, after
    dispositions: list[Disposition] = []
    held = OutgoingSupply("", stock, dt.date.min, dt.date.min)
    for piece in (held, *sorted(supply, key=lambda piece: (piece.available_on, piece.reference))):
        in_time = piece.available_on < effective_on
        consumed = min(piece.quantity, open_before) if in_time else _NOTHING
        used_up = min(piece.quantity - consumed, open_after)
        open_before -= consumed
        open_after -= used_up
        useless = _without_use(piece, piece.quantity - consumed - used_up, in_time, today)
        dispositions += [
            one
            for one in (
                Disposition(piece.reference, consumed, Fate.CONSUMED),
                Disposition(piece.reference, used_up, Fate.USED_UP),
                useless,
            )
            if one.quantity
        ]
    return DispositionPlan(tuple(dispositions), effective_on, before, after)


def _without_use(piece: OutgoingSupply, quantity: Decimal, in_time: bool, today: dt.date) -> Disposition:
    can_be_cancelled = today < piece.cut_off
    if in_time:
        candidates = (Candidate.USE_UP, Candidate.RETURN, Candidate.SCRAP)
        open_order = (Candidate.CANCEL,) if can_be_cancelled else ()
        return Disposition(piece.reference, quantity, Fate.EXCESS, open_order + candidates)
    return Disposition(piece.reference, quantity, Fate.CANCELLED if can_be_cancelled else Fate.EXCEPTION)


class NewComponent(NamedTuple):
    """A component that only the changed assembly has."""

    item: str
    per_assembly: Decimal
    unit: str


class AssemblyOrder(NamedTuple):
    """A planned production of the assembly; `date` is when its components must be on stock."""

    reference: str
    quantity: Decimal
    date: dt.date
    criticality: Criticality = Criticality.B


def needs_of_new_components(
    change: str,
    plant: str,
    source: str,
    components: Iterable[NewComponent],
    assemblies: Iterable[AssemblyOrder],
    effective_on: dt.date,
    revision: Revision,
) -> tuple[Need, ...]:
    """R13: the needs of the new components, one for each component and assembly order from the effectivity date on.

    `change`: the engineering change's number; with the assembly order's reference it is the need's stable reference
    (R1), so that a repeated change yields the same needs. Quantities are rounded up at the sixth decimal.
    """
    per_assembly: dict[tuple[str, str], Decimal] = {}
    for component in components:
        named = (component.item, component.unit)
        per_assembly[named] = per_assembly.get(named, _NOTHING) + component.per_assembly
    makings = sorted(assemblies, key=lambda making: (making.date, making.reference))
    return tuple(
        _need(change, plant, source, item, unit, _round_up(quantity * making.quantity), making, revision)
        for (item, unit), quantity in per_assembly.items()
        for making in makings
        if making.date >= effective_on
    )


def _need(
    change: str,
    plant: str,
    source: str,
    item: str,
    unit: str,
    quantity: Decimal,
    making: AssemblyOrder,
    revision: Revision,
) -> Need:
    return Need(
        plant=plant,
        item=item,
        quantity=quantity,
        unit=unit,
        required_date=making.date,
        source=source,
        demand_reference=f"{change}/{making.reference}",
        revision=revision,
        pegging=(Peg(demand=making.reference, quantity=quantity, date=making.date, criticality=making.criticality),),
    )


def _round_up(quantity: Decimal) -> Decimal:
    return quantity.quantize(_LAST_PLACE, ROUND_CEILING)
