"""The dialect `coupa`: orders in the procurement cloud. Master data stays with the plant's ERP."""

from collections.abc import AsyncIterator, Callable, Collection
from datetime import datetime

import httpx

from adapters.dialects import CheckResult, Connection, ErpDialect, ErpSystem
from adapters.erp.coupa.api import CoupaApi
from adapters.erp.coupa.client import CoupaOrders
from adapters.erp.coupa.documents import read_settings
from adapters.erp.coupa.feed import CoupaFeed
from adapters.errors import AdapterError, PermanentError
from canonical.sourcing import ItemAtPlant, UnknownItem

READ = ("requisitions", "purchase_orders", "purchase_order_changes")


class CoupaDialect:
    """Implements adapters.dialects.ErpDialect."""

    def connect(self, connection: Connection) -> ErpSystem:
        """One instance. Raises OptionError."""
        settings = read_settings(connection)
        orders = CoupaOrders(
            connection.client,
            settings,
            system=connection.system,
            settle_seconds=connection.settle_seconds,
            second_create_seconds=connection.second_create_seconds,
            now=connection.now,
        )
        check = CoupaCheck(connection.client, connection.system, connection.now)
        feed = CoupaFeed(connection.client, settings, system=connection.system)
        return ErpSystem(orders, NoMasterData(connection.system), duplicates=None, check=check, changes=feed)


class NoMasterData:
    """Implements adapters.ports.MasterDataPort: Coupa keeps no lead times, lots or calendars."""

    def __init__(self, system: str) -> None:
        self._system = system

    async def item_at_plant(self, plant: str, item: str) -> ItemAtPlant | UnknownItem:
        """Always PermanentError."""
        raise PermanentError(self._system, f"it has no master data; give master_data of plant {plant} to its ERP")

    async def prefetch(self, plants: Collection[str]) -> int:
        """There is nothing to read."""
        return 0


class CoupaCheck:
    """Implements adapters.dialects.SystemCheckPort."""

    def __init__(self, http: httpx.AsyncClient, system: str, now: Callable[[], datetime]) -> None:
        self._api, self._now = CoupaApi(http, system), now

    async def check(self) -> AsyncIterator[CheckResult]:
        """Log on, and read a row of each resource; a right to write can't be tried without writing."""
        for path in (*READ, "receiving_transactions"):
            try:
                async for row in self._api.rows(path, order_by="id", dir="desc"):
                    yield CheckResult(path, "ok", f"read; the newest is {row.get('id')}")
                    break
                else:
                    yield CheckResult(path, "ok", "read; there are none")
            except AdapterError as error:
                needed = path in READ
                why = str(error)[:500] if needed else f"needed where it owns goods_receipt: {error}"[:500]
                yield CheckResult(path, "fault" if needed else "warning", why)


DIALECT: ErpDialect = CoupaDialect()
