"""The dialect `acme`: what the landscape's line `dialect = "acme"` connects."""

import datetime as dt
from collections.abc import AsyncIterator, Callable

import httpx

from adapters.checking import clock, tried
from adapters.dialects import CheckResult, Connection, ErpDialect, ErpSystem
from adapters.http import exchange
from skeletons.erp.pegline_acme.items import AcmeItems
from skeletons.erp.pegline_acme.orders import AcmeOrders


class AcmeDialect:
    """Implements adapters.dialects.ErpDialect."""

    def connect(self, connection: Connection) -> ErpSystem:
        """One system; no I/O. Raises OptionError for an option that the dialect does not have."""
        connection.own_options({})  # name each option of yours here, with its values in words
        http, system = connection.client, connection.system
        return ErpSystem(
            AcmeOrders(http, system, connection.now),
            AcmeItems(http, system),
            duplicates=None,
            check=AcmeCheck(http, system, connection.now),
        )


class AcmeCheck:
    """Implements adapters.dialects.SystemCheckPort, for `cli.py landscape check`: it writes nothing."""

    def __init__(self, http: httpx.AsyncClient, system: str, now: Callable[[], dt.datetime]) -> None:
        self._http, self._system, self._now = http, system, now

    async def check(self) -> AsyncIterator[CheckResult]:
        """One result a step. Add one read of each service that the adapter uses."""
        yield await tried("clock", self._clock)

    async def _clock(self) -> CheckResult:
        response = await exchange(self._http, self._system, "GET", "", writes=False, reads=(404,))
        return clock(response, self._now())


DIALECT: ErpDialect = AcmeDialect()
