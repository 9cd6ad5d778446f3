"""The dialect `rest`: a planning system that takes coverage by PUT (client.py)."""

import datetime as dt
from collections.abc import AsyncIterator, Callable

import httpx

from adapters.aps.rest.client import SYSTEM, RestAps
from adapters.checking import clock, tried
from adapters.dialects import CheckResult, Connection, PlanningDialect, PlanningSystem
from adapters.http import exchange


class RestPlanning:
    """Implements adapters.dialects.PlanningDialect."""

    def connect(self, connection: Connection) -> PlanningSystem:
        """One planning system. Raises OptionError."""
        connection.own_options({})
        return PlanningSystem(RestAps(connection.client), check=RestCheck(connection.client, connection.now))


class RestCheck:
    """Implements adapters.dialects.SystemCheckPort: whether the planning system is reached, and its clock."""

    def __init__(self, http: httpx.AsyncClient, now: Callable[[], dt.datetime]) -> None:
        self._http = http
        self._now = now

    async def check(self) -> AsyncIterator[CheckResult]:
        """One call, of an order that there is not."""
        yield await tried("clock", self._clock)

    async def _clock(self) -> CheckResult:
        # Reading coverage is no part of the interface; that address and user are known is enough.
        response = await exchange(self._http, SYSTEM, "GET", "coverage/0", writes=False, reads=(404, 405))
        return clock(response, self._now())


DIALECT: PlanningDialect = RestPlanning()
