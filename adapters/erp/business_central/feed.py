"""What happens to our orders in Business Central, for whoever follows it: changes, posted receipts, a subscription.

Decided here: that a posted receipt is a change of its order, too. Not here: when this is asked.
"""

import datetime as dt
from collections.abc import Callable, Sequence

import httpx

from adapters.erp.business_central.api import CompanyApi, Row
from adapters.erp.business_central.changes import BusinessCentralChanges, read_moment
from adapters.erp.business_central.receipts import BusinessCentralReceipts
from adapters.erp.business_central.settings import CentralSettings
from adapters.ports import ChangedOrder, PostedReceipts
from canonical.order import Refused, WriteOutcome, Written


class BusinessCentralFeed:
    """Implements adapters.ports.ErpChangesPort."""

    def __init__(
        self, http: httpx.AsyncClient, settings: CentralSettings, system: str, now: Callable[[], dt.datetime]
    ) -> None:
        self._api = CompanyApi(http, system, settings.company, at_once=settings.at_once)
        self._changes = BusinessCentralChanges(http, settings, system=system)
        self._receipts = BusinessCentralReceipts.of(http, settings, system=system)
        self._notify_at, self._now, self._system = settings.notify_at, now, system

    async def subscribe(self, client_state: str, *, key: str) -> WriteOutcome:
        """As the port has it; made, renewed a day before its end, or left as it is."""
        if not self._notify_at:
            return Refused(system=self._system, code="no_address", reason="options.notify_at is not set")
        if not await self._changes.offers_subscriptions():
            return Refused(system=self._system, code="not_offered", reason="orders take no subscription here")
        held = await self._changes.subscribed(self._notify_at, client_state, self._now())
        return Written(reference=held.id)

    async def changed_since(self, moment: dt.datetime) -> Sequence[ChangedOrder]:
        """As the port has it."""
        since = moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = [ChangedOrder(number, read_moment(at)) for number, at in await self._changes.changed_since(moment)]

        def shape(rows: list[Row]) -> list[ChangedOrder]:
            return [
                ChangedOrder(str(row["orderNumber"]), read_moment(str(row["lastModifiedDateTime"]))) for row in rows
            ]

        found += await self._api.read_as(
            shape,
            self._api.path("purchaseReceipts"),
            filter=f"lastModifiedDateTime ge {since}",
            select="id,orderNumber,lastModifiedDateTime",
        )
        return sorted({each for each in found if each.order_number}, key=lambda each: each.at)

    async def gone(self, order_numbers: Sequence[str]) -> Sequence[str]:
        """As the port has it; neither a change nor a notification names a deleted order by its number."""
        there = await self._changes.there(order_numbers)
        return [number for number in order_numbers if number not in there]

    async def received(self, order_number: str) -> PostedReceipts:
        """As the port has it."""
        matched, left = await self._receipts.received(order_number)
        unclear = [
            f"receipt {one.goods.receipt}: {one.goods.quantity:f} {one.goods.unit} {one.goods.item} belongs to "
            + (f"one of lines {', '.join(map(str, one.lines))}" if one.lines else "no line of ours")
            for one in left
        ]
        return PostedReceipts(matched, unclear)


__all__ = ["BusinessCentralFeed"]
