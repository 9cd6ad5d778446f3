"""The dialect `edifact`: suppliers behind an EDI gateway that takes EDIFACT over HTTP."""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Collection

import httpx

from adapters.checking import clock, tried
from adapters.dialects import ChannelDialect, CheckResult, Connection, OptionError, SupplierChannel
from adapters.http import exchange
from adapters.ports import SupplierDialect
from adapters.supplier.edifact.client import OUR_ADDRESS, EdifactSupplier
from adapters.supplier.edifact.dialect import EdifactDialect
from adapters.supplier.edifact.mapping import SYSTEM

OPTIONS = {"sender": "our interchange address (UNB S002), of up to 35 characters"}


class EdifactChannel:
    """Implements adapters.dialects.ChannelDialect."""

    def connect(self, connection: Connection) -> SupplierChannel:
        """One gateway. Raises OptionError."""
        sender = connection.own_options(OPTIONS).get("sender", OUR_ADDRESS)
        if not 0 < len(sender) <= 35 or set(sender) & set("+:'? "):
            raise OptionError("sender", sender, OPTIONS["sender"])
        supplier = EdifactSupplier(connection.client, sender=sender)
        return SupplierChannel(supplier, replies=supplier, check=GatewayCheck(connection.client, connection.now))

    def reader(self, our_addresses: Collection[str]) -> SupplierDialect:
        """Reads what suppliers send."""
        return EdifactDialect(our_addresses or None)


class GatewayCheck:
    """Implements adapters.dialects.SystemCheckPort: whether the gateway is reached, and its clock."""

    def __init__(self, http: httpx.AsyncClient, now: Callable[[], dt.datetime]) -> None:
        self._http = http
        self._now = now

    async def check(self) -> AsyncIterator[CheckResult]:
        """One call. Sending can't be tried without a supplier receiving it."""
        yield await tried("clock", self._clock)

    async def _clock(self) -> CheckResult:
        # A gateway need not list what was sent: that it knows the address and the user is enough.
        reads = (404, 405)
        response = await exchange(self._http, SYSTEM, "GET", "/messages", writes=False, reads=reads)
        return clock(response, self._now())


DIALECT: ChannelDialect = EdifactChannel()
