"""The dialect `frepple`: the open planning system frePPLe by its REST API."""

import datetime as dt
from collections.abc import AsyncIterator

from adapters.aps.frepple.coverage import FreppleCoverage
from adapters.aps.frepple.orders import ITEMS, ORDERS, FreppleOrders
from adapters.aps.frepple.plan import FrepplePlan
from adapters.aps.frepple.settings import FreppleSettings, read_settings
from adapters.checking import clock, tried
from adapters.dialects import CheckResult, Connection, PlanningDialect, PlanningSystem
from adapters.http import exchange

USED = {
    ORDERS: ("reference", "item", "location", "supplier", "quantity", "enddate", "status", "source"),
    ITEMS: ("name", "uom"),
}
"""The fields that are used, by resource."""


class FrepplePlanning:
    """Implements adapters.dialects.PlanningDialect."""

    def connect(self, connection: Connection) -> PlanningSystem:
        """One frePPLe, or a scenario of it. Raises OptionError."""
        settings = read_settings(connection)
        orders = FreppleOrders(connection.client, connection.system)

        def day_at(plant: str, moment: dt.datetime) -> dt.date:
            policy = connection.policies.effective(plant)
            return policy.calendar.day_of(moment) if policy else moment.date()

        return PlanningSystem(
            FreppleCoverage(orders, settings, day_at),
            check=FreppleCheck(connection, orders, settings),
            plan=FrepplePlan(orders, settings, day_at, connection.now),
            plan_every_seconds=settings.plan_minutes * 60.0,
        )


class FreppleCheck:
    """Implements adapters.dialects.SystemCheckPort."""

    def __init__(self, connection: Connection, orders: FreppleOrders, settings: FreppleSettings) -> None:
        self._connection, self._orders, self._settings = connection, orders, settings

    async def check(self) -> AsyncIterator[CheckResult]:
        """The clock; a row of each resource against the fields used; that each plant's location has orders."""
        yield await tried("clock", self._clock)
        for path, used in USED.items():
            yield await self._fields(path, used)

    async def _clock(self) -> CheckResult:
        response = await exchange(
            self._connection.client, self._connection.system, "GET", f"{ITEMS}?format=json&name=-", writes=False
        )
        return clock(response, self._connection.now())

    async def _fields(self, path: str, used: tuple[str, ...]) -> CheckResult:
        async def step() -> str | CheckResult:
            # Nothing is paged there: of orders, only what a plan would read is asked for.
            rows = await self._orders.rows(path, {"status": "approved"} if path == ORDERS else {})
            if not rows:
                return CheckResult(path, "warning", "it has no rows, so that its fields can't be compared")
            absent = [name for name in used if name not in rows[0]]
            if absent:
                return CheckResult(path, "fault", f"{', '.join(absent)} missing; is it frePPLe 6.0 or newer?")
            return f"{len(rows)} rows, all {len(used)} fields are there"

        return await tried(path, step)


DIALECT: PlanningDialect = FrepplePlanning()
