"""Which needs of the other plan are nearest to a need: the look-up that matching (R1) is built on.

Decided here: the distance between two needs. Not here: which of them match (matching).
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from canonical.calendar import Calendar
from canonical.need import Need
from decisions.calendars import working_days_between

_INCOMPARABLE = Decimal("Infinity")


class Distance(NamedTuple):
    """How far apart two needs are; compared field by field, the date before the quantity before the demand."""

    working_days: int
    another_day: bool
    """Distinguishes a Saturday's need from the Friday's, which is no working day away."""
    quantity: Decimal
    """Infinite where the units differ."""
    unlike: int
    """0: equal in all fields of the plan; 1: for the same pegged demand; 2: for another."""


class Alike:
    """Needs of one plan that differ only in their reference, so that they are interchangeable."""

    def __init__(self, side: int, needs: list[Need]) -> None:
        self.side = side
        """0: of the last plan, 1: of the new one."""
        self.needs = sorted(needs, key=lambda need: need.demand_reference)
        self.date = needs[0].required_date
        self.unit = needs[0].unit
        self.quantity = needs[0].quantity
        self.demands = frozenset(peg.demand for peg in needs[0].pegging)
        self.substance = substance(needs[0])


class Candidates:
    """The unmatched needs of one side of one group, by date, unit and quantity."""

    def __init__(self, side: int, needs: list[Need], ordinals: dict[date, int], window_days: int) -> None:
        self._ordinals = ordinals
        self._window_days = window_days
        self._dates: dict[int, list[date]] = {}
        self._quantities: dict[tuple[date, str], list[Decimal]] = {}
        self._units: dict[date, set[str]] = {}
        self._places: dict[tuple[date, str, Decimal], list[Alike]] = {}
        alike: dict[tuple[object, ...], list[Need]] = {}
        for need in sorted(needs, key=lambda need: (need.required_date, need.demand_reference)):
            alike.setdefault(substance(need), []).append(need)
        for same in alike.values():
            self._add(Alike(side, same))

    @classmethod
    def of_both(
        cls, old: list[Need], new: list[Need], calendar: Calendar, window_days: int
    ) -> tuple["Candidates", "Candidates"]:
        """Both sides of a group."""
        days = sorted({need.required_date for need in (*old, *new)})
        ordinals = {day: working_days_between(calendar, days[0], day) for day in days}
        return cls(0, old, ordinals, window_days), cls(1, new, ordinals, window_days)

    def present(self) -> Iterator[Alike]:
        """All unmatched needs."""
        for place in self._places.values():
            yield from place

    def has(self, alike: Alike) -> bool:
        """Whether it is still unmatched."""
        return alike in self._places.get((alike.date, alike.unit, alike.quantity), ())

    def remove(self, alike: Alike) -> None:
        """Take it out: it is matched."""
        key = (alike.date, alike.unit, alike.quantity)
        self._places[key].remove(alike)
        if self._places[key]:
            return
        del self._places[key]
        quantities = self._quantities[alike.date, alike.unit]
        del quantities[bisect_left(quantities, alike.quantity)]

    def nearest(self, to: Alike) -> tuple[Distance, list[Alike]] | None:
        """The needs nearest to a need of the other side, all at one distance; None: none within the window."""
        at = self._ordinals[to.date]
        for days in range(self._window_days + 1):
            around = {at - days, at + days}
            dates = [day for ordinal in around for day in self._dates.get(ordinal, ())]
            found = [place for day in dates for place in self._nearest_of_day(day, to)]
            if found:
                distances = [self.distance(to, alike) for alike in found]
                smallest = min(distances)
                return smallest, [alike for alike, far in zip(found, distances, strict=True) if far == smallest]
        return None

    def distance(self, one: Alike, other: Alike) -> Distance:
        """How far apart the two are."""
        return Distance(
            abs(self._ordinals[one.date] - self._ordinals[other.date]),
            one.date != other.date,
            abs(one.quantity - other.quantity) if one.unit == other.unit else _INCOMPARABLE,
            0 if one.substance == other.substance else 1 if one.demands == other.demands else 2,
        )

    def _nearest_of_day(self, day: date, to: Alike) -> Iterator[Alike]:
        """The day's needs that can be nearest: in the same unit, the next quantity either way; otherwise all."""
        quantities = self._quantities.get((day, to.unit))
        if not quantities:
            for unit in self._units[day]:
                for quantity in self._quantities[day, unit]:
                    yield from self._places[day, unit, quantity]
            return
        at = bisect_left(quantities, to.quantity)
        for quantity in quantities[max(0, at - 1) : at + 1]:
            yield from self._places[day, to.unit, quantity]

    def _add(self, alike: Alike) -> None:
        place = self._places.setdefault((alike.date, alike.unit, alike.quantity), [])
        if not place:
            insort(self._quantities.setdefault((alike.date, alike.unit), []), alike.quantity)
        place.append(alike)
        self._units.setdefault(alike.date, set()).add(alike.unit)
        dates = self._dates.setdefault(self._ordinals[alike.date], [])
        if alike.date not in dates:
            dates.append(alike.date)


def substance(need: Need) -> tuple[object, ...]:
    """All fields of a need but its reference, revision and group."""
    return (
        need.required_date,
        need.unit,
        need.quantity,
        need.pegging,
        need.planner,
        need.demanded_by,
        need.demanding_line,
        need.from_stock,
        need.transit_days,
    )
