"""frePPLe's plan for a plant: the purchase orders that a planner has approved, as lines of a plan run.

Decided here: an approved order is a line until all of it has come, with the whole quantity that was approved, whatever
of it Pegline has ordered since; proposed orders are a planner's to approve, and get new references with every plan. The
plan is whole: what a planner deletes is withdrawn. frePPLe has no plan versions, so a plan's version is the second in
which it was read. Not decided here: whether a line is sound, and what it changes (the door that all plans pass).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from adapters.aps.frepple.needs import NeedOrders, by_need
from adapters.aps.frepple.orders import ITEMS, FreppleOrders
from adapters.aps.frepple.settings import FreppleSettings
from adapters.ports import PublishedPlan

LOOKED_BACK_DAYS = 400
"""Orders of which the receipt date is longer ago are history."""
_NAMES_MAX = 40
"""Items asked for in one call; more make an address too long for some servers."""


class FrepplePlan:
    """Implements adapters.ports.PlanPort."""

    def __init__(
        self,
        orders: FreppleOrders,
        settings: FreppleSettings,
        day_at: Callable[[str, datetime], date],
        now: Callable[[], datetime],
    ) -> None:
        self._orders, self._settings, self._day_at, self._now = orders, settings, day_at, now

    async def read_plan(self, plant: str) -> PublishedPlan:
        """The plan as it is now; the same lines in the same order while nothing changes."""
        now = self._now()

        def day_of(moment: datetime) -> date:
            return self._day_at(plant, moment)

        first = day_of(now) - timedelta(days=LOOKED_BACK_DAYS)
        found = await self._orders.find(
            day_of,
            location=self._settings.location(plant),
            status__in="approved,confirmed,completed,closed",
            enddate__gte=f"{first.isoformat()}T00:00:00",
        )
        needs = [need for need in by_need(found, self._settings.sources).values() if need.quantity > need.received]
        units = await self._units({need.base.item for need in needs if need.base})
        lines = (self._line(need, units) for need in sorted(needs, key=lambda need: need.reference))
        return PublishedPlan(int(now.timestamp()), b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def _line(self, need: NeedOrders, units: Mapping[str, str]) -> dict[str, Any]:
        assert need.base is not None
        line = {
            "item": need.base.item,
            "quantity": f"{need.quantity:f}",
            "unit": units.get(need.base.item, ""),
            "required_date": need.base.received_on.isoformat() if need.base.received_on else "",
            "demand_reference": need.reference,
        }
        return {name: value for name, value in line.items() if value}

    async def _units(self, items: set[str]) -> dict[str, str]:
        """The UN/ECE codes of the items; a unit that is no such code and not set up stands as it is, to be refused."""
        units: dict[str, str] = {}
        for filters in _asked(sorted(items)):
            for row in await self._orders.rows(ITEMS, filters):
                theirs = str(row.get("uom") or "").strip()
                units[str(row.get("name"))] = self._settings.units.get(theirs, theirs) or self._settings.unit
        return units


def _asked(items: Sequence[str]) -> Iterator[dict[str, str]]:
    """The filters of each call: many names with commas between them; one that has a comma by itself."""
    together = [name for name in items if "," not in name]
    for start in range(0, len(together), _NAMES_MAX):
        yield {"name__in": ",".join(together[start : start + _NAMES_MAX])}
    for name in items:
        if "," in name:
            yield {"name": name}


__all__ = ["FrepplePlan"]
