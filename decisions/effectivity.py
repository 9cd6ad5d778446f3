"""Effectivity: each part of the terms is judged on its own date.

Decided here: a price and an outline agreement hold by the order date, a source is available by the delivery date, and a
component is taken from the bill of material by the day on which it is issued. Not here: what is done about terms that
have ended (master_data names them, sourcing takes others).
"""

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

from canonical.policy import PlantPolicy, RouteKind, RouteRule
from canonical.sourcing import Component, ItemAtPlant, Source, in_force
from decisions.calendars import next_working_day, subtract_working_days

_SUBCONTRACT = RouteRule(kind=RouteKind.SUBCONTRACT)


class Ended(NamedTuple):
    """Terms that do not hold on the day that counts for them."""

    what: str
    day: dt.date
    """The day that counts."""
    first: dt.date | None
    last: dt.date | None

    @property
    def period(self) -> str:
        """The days on which they hold, in words; a gap by the days around it."""
        if self.first and self.last and self.last < self.first:
            return f"until {self.last} and again from {self.first}"
        since = f"from {self.first}" if self.first else ""
        until = f"until {self.last}" if self.last else ""
        return " ".join(text for text in (since, until) if text) or "never"

    @property
    def side(self) -> str:
        """Whether the day lies before or after them."""
        return "earlier" if self.first is not None and self.day < self.first else "later"


def price_ended(source: Source, ordered_on: dt.date) -> Ended | None:
    """The price does not hold on the order date; None: it does."""
    if in_force(ordered_on, source.price_from, source.price_to):
        return None
    return Ended("price", ordered_on, source.price_from, source.price_to)


def terms_in_force(sources: Iterable[Source], ordered_on: dt.date) -> Source | None:
    """Of one supplier's terms the first whose price holds on the order date, else the first; None: there are none."""
    known = list(sources)
    return next((source for source in known if price_ended(source, ordered_on) is None), known[0] if known else None)


def agreement_ended(source: Source, ordered_on: dt.date) -> Ended | None:
    """The outline agreement does not hold on the order date; None: it does, or there is none."""
    agreed = source.agreement
    if agreed is None or in_force(ordered_on, agreed.valid_from, agreed.valid_to):
        return None
    return Ended(f"outline agreement {agreed.number}/{agreed.item}", ordered_on, agreed.valid_from, agreed.valid_to)


def availability_ended(source: Source, delivered_on: dt.date) -> Ended | None:
    """The source may not be used for a delivery on that day; None: it may."""
    if in_force(delivered_on, source.available_from, source.available_to):
        return None
    return Ended("source", delivered_on, source.available_from, source.available_to)


def delivery_date(required_date: dt.date, item: ItemAtPlant, policy: PlantPolicy, today: dt.date) -> dt.date:
    """The day of delivery that is requested for a need: R6's dock date, or the next working day where it has passed."""
    dock_date = subtract_working_days(policy.calendar, required_date, item.goods_receipt_days)
    return max(dock_date, next_working_day(policy.calendar, today))


def issue_date(policy: PlantPolicy, send_by: dt.date) -> dt.date:
    """The day on which components are issued to a subcontractor whose lead time begins on `send_by`."""
    rule = next((route for route in policy.routes if route.kind is RouteKind.SUBCONTRACT), _SUBCONTRACT)
    return subtract_working_days(policy.calendar, send_by, rule.components_lead_days)


def components_on(item: ItemAtPlant, day: dt.date) -> tuple[Component, ...]:
    """The components of the bill of material that is in force on the day of issue."""
    return tuple(each for each in item.components if in_force(day, each.valid_from, each.valid_to))
