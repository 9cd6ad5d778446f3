"""Availability: by when a quantity of an item can be on stock, and where it would come from.

Decided here: the order in which supply is used (available stock, then unallocated confirmed supply, then a new order
scheduled forward by R6), and when the whole quantity is available. Not here: what is available or allocated (the
ledger), and whether a lot of this size can be ordered at all (R5 applies once there is a need). All quantities are in
the unit of the question.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from canonical.calendar import Calendar
from canonical.need import Need, Revision
from canonical.reason import figure
from canonical.sourcing import Assessment, Source
from decisions.effectivity import availability_ended
from decisions.feasibility import available_on
from decisions.master_data import Asked, first_defect
from decisions.schedule import earliest_dock
from decisions.sourcing import permitted_sources

_NOTHING = Decimal(0)
_MIDNIGHT = dt.time(tzinfo=dt.UTC)


class Origin(StrEnum):
    """Where a quantity comes from."""

    STOCK = "stock"
    SURPLUS = "confirmed_surplus"
    """Confirmed by an order's supplier and not allocated to any need."""
    NEW_ORDER = "new_order"


class Spare(NamedTuple):
    """The unallocated quantity of an order, and the day it is on stock."""

    quantity: Decimal
    available_on: dt.date
    reference: str
    """The order, as a person names it."""


class NewOrder(NamedTuple):
    """The fastest source if the requisition were written today."""

    source: Source
    available_on: dt.date


class Portion(NamedTuple):
    """A part of the quantity, with the day it is on stock."""

    origin: Origin
    quantity: Decimal
    available_on: dt.date
    reference: str = ""
    """The order of a surplus, the supplier of a new order."""


class Availability(NamedTuple):
    """When the quantity can be on stock; `earliest` None: no known supply suffices."""

    quantity: Decimal
    earliest: dt.date | None
    portions: tuple[Portion, ...]
    missing: Decimal
    """The quantity that no known supply would bring."""

    @property
    def why(self) -> str:
        """Where it comes from, in one line."""
        parts = [
            f"{figure(part.quantity)} from {_WORDS[part.origin]}{f' ({part.reference})' if part.reference else ''}"
            f" on {part.available_on}"
            for part in self.portions
        ]
        if self.missing:
            parts.append(f"{figure(self.missing)} not available from any known source")
        return "; ".join(parts)


_WORDS = {
    Origin.STOCK: "available stock",
    Origin.SURPLUS: "confirmed supply that no need claims",
    Origin.NEW_ORDER: "a new order",
}


def fastest_order(assessment: Assessment, unit: str, today: dt.date) -> NewOrder | None:
    """R6 forward: the orderable source whose goods are on stock first; None: no source.

    Requisition today, processing days, lead time, dock on a plant working day, goods receipt days. Among equally fast
    sources, the one that sourcing would prefer.
    """
    item = assessment.item
    if item is None or item.blocked:
        return None
    question = Need(
        plant=item.plant,
        item=item.item,
        quantity=Decimal(1),
        unit=unit,
        required_date=today,
        source="availability",
        demand_reference="question",
        revision=Revision(plan_version=0, effective_at=dt.datetime.combine(today, _MIDNIGHT), event_id="question"),
    )
    found: NewOrder | None = None
    for source in permitted_sources(question, assessment):
        policy = assessment.policy_for(source.supplier)
        always = source.model_copy(update={"available_from": None, "available_to": None})
        if first_defect(always, Asked(question, item, today), policy) is not None:
            continue
        dock = earliest_dock(policy.calendar, source, policy.processing_days, today)
        if availability_ended(source, dock) is not None:
            continue
        on_stock = available_on(dock, item.goods_receipt_days, policy.calendar)
        if found is None or on_stock < found.available_on:
            found = NewOrder(source, on_stock)
    return found


def spare_of(
    quantity: Decimal,
    dock_date: dt.date,
    reference: str,
    goods_receipt_days: int,
    calendar: Calendar,
    today: dt.date,
) -> Spare:
    """R7: on stock after the plant's receipt days; overdue supply is at the dock today at the earliest."""
    return Spare(quantity, available_on(max(dock_date, today), goods_receipt_days, calendar), reference)


def find_availability(
    quantity: Decimal,
    on_stock: Decimal,
    spare: Sequence[Spare],
    new_order: NewOrder | None,
    today: dt.date,
) -> Availability:
    """Stock first, then unallocated supply that arrives before a new order would; the new order brings the rest."""
    portions: list[Portion] = []
    left = quantity
    if on_stock > 0:
        portions.append(Portion(Origin.STOCK, min(left, on_stock), today))
        left -= portions[-1].quantity
    for piece in sorted(spare, key=lambda each: (each.available_on, each.reference)):
        if left <= 0 or (new_order is not None and piece.available_on > new_order.available_on):
            break
        portions.append(Portion(Origin.SURPLUS, min(left, piece.quantity), piece.available_on, piece.reference))
        left -= portions[-1].quantity
    if left > 0 and new_order is not None:
        portions.append(Portion(Origin.NEW_ORDER, left, new_order.available_on, new_order.source.supplier))
        left = _NOTHING
    earliest = max(part.available_on for part in portions) if portions and not left else None
    return Availability(quantity, earliest, tuple(portions), left)


__all__ = ["Availability", "NewOrder", "Origin", "Portion", "Spare", "fastest_order", "find_availability", "spare_of"]
