"""Asks ERPs that report nothing by themselves what happened to our orders, and has it taken in like any event.

Decided here: how often, that a notification makes it at once, that deleted orders are found by asking which of ours are
still there, and that only what the ERP owns at the plant is taken
from it: receipts where it owns `goods_receipt`, changes where it owns `order_document`. Not here: what a change means
(the order reads it in the ERP).
"""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Sequence
from typing import Any

from adapters.errors import AdapterError
from adapters.ports import ChangedOrder, ErpChangesPort
from canonical.event_data import GOODS_RECEIVED, ORDER_CHANGED
from canonical.landscape import Domain
from canonical.order import Refused
from ledger.inbox.inbox import Arrival, Outcome
from ledger.inbox.our_events import event_arrival
from ledger.inbox.registry import OrderRef
from ledger.landscape.feeds import Feed, deletions
from ledger.ledger import Ledger
from runtime.systems import SystemPool

ASK_EVERY_SECONDS = 60.0
LOOK_FOR_DELETED_EVERY_SECONDS = 600.0
_ALL_GONE = 5
"""From more orders on, nobody has deleted them all: something else is asked than what they were placed in."""
LOOK_EVERY_SECONDS = 5.0
"""How soon a notification has an effect."""

log = logging.getLogger("pegline.changes")


class OrderChanges:
    """Follows what happens to orders in the ERPs of the landscape."""

    def __init__(
        self,
        pool: SystemPool,
        ledger: Ledger,
        now: Callable[[], dt.datetime],
        ask_every_seconds: float = ASK_EVERY_SECONDS,
    ) -> None:
        self._pool, self._ledger, self._now, self._every = pool, ledger, now, ask_every_seconds
        self._unsubscribed: dict[str, str] = {}
        """Why a system does not notify, so that it is said once."""

    async def keep(self) -> None:
        """Ask whenever it is time, until cancelled."""
        while True:
            for name in self._pool.landscape.ordering:
                try:
                    await self.look(name)
                except AdapterError as error:
                    log.warning("what changed could not be asked for, and is asked for again: %s", error)
                except Exception:
                    log.exception("what changed in %s could not be taken in, and is asked for again", name)
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def look(self, name: str) -> int:
        """Ask one ERP, where it can be asked and it is time; returns how much was new. Raises AdapterError."""
        if not self._pool.landscape.owns(name, Domain.GOODS_RECEIPT, Domain.ORDER_DOCUMENT):
            return 0
        if self._pool.book.maintenance([name]) or (changes := self._pool.changes(name)) is None:
            return 0
        feed = await self._ledger.feeds.turn(name, self._every)
        new = 0 if feed is None else await self._take(name, changes, feed)
        if await self._ledger.feeds.turn(deletions(name), LOOK_FOR_DELETED_EVERY_SECONDS) is not None:
            new += await self._take_gone(name, changes)
        return new

    async def _take_gone(self, name: str, changes: ErpChangesPort) -> int:
        """Have each open order that is in the ERP no more look there what became of it, once a day at most."""
        held = await self._ledger.registry.open_orders(name)
        known = [number for number in held if self._owns(name, Domain.ORDER_DOCUMENT, held[number])]
        gone = await changes.gone(known)
        if len(gone) == len(known) > _ALL_GONE:
            log.error("%s has none of the %d open orders; see whether it is the right company there", name, len(known))
            return 0
        now = self._now()
        return await self._store(
            [
                self._arrival(name, f"{name}/gone/{number}/{now.date()}", ORDER_CHANGED, now, {"order": number})
                for number in gone
            ]
        )

    async def _take(self, name: str, changes: ErpChangesPort, feed: Feed) -> int:
        await self._subscribe(name, changes, feed)
        changed = await changes.changed_since(feed.since)
        new = 0
        for number in dict.fromkeys(each.order_number for each in changed):
            for order in await self._ledger.registry.orders_of(number):
                if order.erp == name:
                    arrivals = await self._arrivals(name, changes, number, order, changed)
                    new += await self._store(arrivals)
        if changed:
            await self._ledger.feeds.asked(name, max(each.at for each in changed))
        return new

    async def _subscribe(self, name: str, changes: ErpChangesPort, feed: Feed) -> None:
        try:
            outcome = await changes.subscribe(feed.client_state, key=f"subscribe/{name}")
            why = outcome.reason if isinstance(outcome, Refused) else ""
        except AdapterError as error:
            why = str(error)
        if why != self._unsubscribed.get(name, ""):
            log.info("%s does not notify, and is asked every %g seconds: %s", name, self._every, why or "it does now")
        self._unsubscribed[name] = why

    async def _arrivals(
        self, name: str, changes: ErpChangesPort, number: str, order: OrderRef, changed: Sequence[ChangedOrder]
    ) -> list[Arrival]:
        owned = [each for each in (Domain.GOODS_RECEIPT, Domain.ORDER_DOCUMENT) if self._owns(name, each, order)]
        arrivals = []
        if Domain.GOODS_RECEIPT in owned:
            posted = await changes.received(number)
            for text in posted.unclear:
                log.warning("order %s in %s, %s; post it as pegline.goods.received.v1", number, name, text)
            for receipt in posted.receipts:
                data = receipt.model_dump(mode="json", exclude={"order_number", "effective_at"}, exclude_defaults=True)
                identity = f"{name}/receipt/{receipt.receipt_number}"
                at = receipt.effective_at
                arrivals.append(self._arrival(name, identity, GOODS_RECEIVED, at, {"order": number, **data}))
        if Domain.ORDER_DOCUMENT in owned:
            at = max(each.at for each in changed if each.order_number == number)
            identity = f"{name}/changed/{number}/{at.isoformat()}"
            arrivals.append(self._arrival(name, identity, ORDER_CHANGED, at, {"order": number}))
        return arrivals

    def _owns(self, name: str, domain: Domain, order: OrderRef) -> bool:
        landscape = self._pool.landscape
        return landscape.owner(domain, order.plant) == name and bool(landscape.systems[name].sources)

    def _arrival(self, name: str, identity: str, kind: str, at: dt.datetime, data: dict[str, Any]) -> Arrival:
        source = self._pool.landscape.systems[name].sources[0].replace("*", "")
        return event_arrival(
            source,
            identity,
            kind,
            at,
            data,
            entity=data["order"],
            correlation_id=identity,
            received_at=self._now(),
        )

    async def _store(self, arrivals: Sequence[Arrival]) -> int:
        new = 0
        for arrival, stored in zip(arrivals, await self._ledger.inbox.store(arrivals), strict=True):
            if stored.outcome is Outcome.CONFLICT:
                log.error("%s was reported before and otherwise; the first stands: %s", arrival.event_id, stored.detail)
            new += stored.outcome is Outcome.STORED
        return new


__all__ = ["ASK_EVERY_SECONDS", "OrderChanges"]
