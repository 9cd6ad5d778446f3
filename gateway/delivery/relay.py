"""The relay: brings what is stored in the inbox to the entities, at least once, each entity's messages in order.

What is decided here: when a message is taken up, which of several states of a requirement is told (the newest), when a
failed delivery is tried again, and that no plant's plan keeps another plant or a supplier's answer waiting: each
partition
of the inbox is worked through beside the others. Not here: the outcome on a message (`gateway.delivery.delivery`).
"""

import asyncio
import contextlib
import datetime as dt
import logging
import time
from collections import defaultdict
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from canonical.bom import BomRevised
from canonical.need import Need, Withdrawal
from canonical.order import GoodsReceipt
from canonical.records import DeadLetter
from canonical.stock import StockFigure, StockReport
from gateway.delivery.delivery import Dead, Delivery, DeliveryResult, OrderMessage, Postponed, Settled, order_units
from gateway.intake.events import SUPPLIER_DOCUMENT
from gateway.intake.intake import EVENTS_CHANNEL
from ledger.inbox.inbox import Waiting
from ledger.inbox.registry import Classification
from ledger.inbox.registry import Newness as Newness
from ledger.ledger import Ledger

logger = logging.getLogger(__name__)

State = Need | Withdrawal
_BATCHES_AT_ONCE = 2
"""Of a partition: the second keeps it busy while the slowest of the first are waited for."""
_BEGUN = frozenset(Settled("delivered", news) for news in (Newness.NEW, Newness.CHANGED, Newness.REOPEN))


@dataclass(frozen=True)
class RelayPace:
    """How the relay goes about its work."""

    batch: int = 200
    concurrency: int = 40
    """Calls of one partition at a time."""
    poll_seconds: float = 2.0
    busy_poll_seconds: float = 0.1
    """How soon it looks again where there was something just now: whoever stores in another process can't wake it."""
    linger_seconds: float = 1.0
    """How long the lock is kept when nothing is due, for what comes next."""
    busy_seconds: float = 5.0
    retry_seconds: float = 1.0
    """The wait after a first failure; doubled with each further one."""
    retry_seconds_max: float = 60.0

    def retry_after(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row."""
        return min(self.retry_seconds * float(2 ** min(failures, 16)), self.retry_seconds_max)


@dataclass
class Round:
    """What one batch came to."""

    places: asyncio.Semaphore
    engine_down: bool = False
    results: list[tuple[Waiting, DeliveryResult]] = field(default_factory=list)
    registered: list[State] = field(default_factory=list)

    def add(self, rows: Sequence[Waiting], result: DeliveryResult) -> None:
        """Keep the outcome of messages that were judged together."""
        self.results += [(row, result) for row in rows]
        self.engine_down |= isinstance(result, Postponed) and result.engine_down


class Relay:
    """Delivers the inbox; of several processes on one ledger, one at a time works."""

    def __init__(self, ledger: Ledger, delivery: Delivery, pace: RelayPace | None = None) -> None:
        self._ledger = ledger
        self._delivery = delivery
        self._pace = pace or RelayPace()
        self._woken = asyncio.Event()
        self._busy_until = 0.0
        self.running = False

    def wake(self) -> None:
        """Something new is stored: deliver now rather than at the next poll."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver until cancelled; a failure of the ledger or of Temporal only makes it wait."""
        self.running, failures = True, 0
        try:
            while True:
                self._woken.clear()
                try:
                    engine_down = await self.drain(self._pace.linger_seconds)
                except Exception:
                    logger.exception("the relay could not work through the inbox; it tries again")
                    engine_down = True
                failures = failures + 1 if engine_down else 0
                if failures:
                    await asyncio.sleep(self._pace.retry_after(failures - 1))
                else:
                    # Not wait_for: Python 3.11's drops a cancellation that comes with what is waited for.
                    busy = time.monotonic() < self._busy_until
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self._pace.busy_poll_seconds if busy else self._pace.poll_seconds):
                            await self._woken.wait()
        finally:
            self.running = False

    async def drain(self, linger_seconds: float = 0.0) -> bool:
        """Deliver what is due, all partitions beside each other; True where Temporal could not be reached.

        `linger_seconds`: it stays so long for what comes next, since taking the lock again takes a new connection.
        """
        async with self._ledger.inbox.relay_lock() as ours:
            if not ours:
                return False
            work: dict[str, asyncio.Task[bool]] = {}
            not_before: dict[str, float] = {}
            down = asyncio.Event()
            try:
                until = time.monotonic() + linger_seconds
                while True:
                    if self._woken.is_set():
                        self._woken.clear()
                        not_before.clear()
                    partitions = [] if down.is_set() else await self._ledger.inbox.partitions()
                    for partition in partitions:
                        if partition not in work and time.monotonic() >= not_before.get(partition, 0):
                            work[partition] = asyncio.create_task(
                                self._partition(partition, down), name=f"relay {partition}"
                            )
                    if not work and (down.is_set() or time.monotonic() >= until):
                        return down.is_set()
                    if work:
                        until = time.monotonic() + linger_seconds
                    # Not until one is done alone: a partition that something comes into meanwhile is taken up, too.
                    await self._woken_or_done(work.values())
                    ended = [partition for partition, task in work.items() if task.done()]
                    if any([work.pop(partition).result() for partition in ended]):
                        down.set()  # the others write down what they have told, and end
                    # Not at once: what is due there and was not handed out waits behind what is postponed.
                    again = time.monotonic() + self._pace.busy_poll_seconds
                    not_before.update({partition: again for partition in ended})
            finally:
                for task in work.values():
                    task.cancel()
                await asyncio.gather(*work.values(), return_exceptions=True)

    async def _woken_or_done(self, work: Collection[asyncio.Task[bool]]) -> None:
        """Until something new is stored here, a partition is done, or it is time to look for what others have
        stored."""
        woken = asyncio.create_task(self._woken.wait())
        try:
            await asyncio.wait(
                [*work, woken], timeout=self._pace.busy_poll_seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            woken.cancel()

    async def _partition(self, partition: str, down: asyncio.Event) -> bool:
        """Deliver what is due in a partition; True where Temporal could not be reached.

        While a batch is told of and written down, the next is under way; none of an entity that is in the first.
        """
        places, engine_down = asyncio.Semaphore(self._pace.concurrency), False
        under_way: dict[asyncio.Task[Round], Sequence[Waiting]] = {}
        try:
            while True:
                more = len(under_way) < _BATCHES_AT_ONCE and not engine_down and not down.is_set()
                reported = [row for rows in under_way.values() for row in rows]
                rows = await self._ledger.inbox.undelivered(self._pace.batch, partition, reported) if more else ()
                if rows:
                    self._busy_until = time.monotonic() + self._pace.busy_seconds
                    under_way[asyncio.create_task(self._deliver(rows, places))] = rows
                elif not under_way:
                    return engine_down
                else:
                    again = self._pace.busy_poll_seconds if more else None
                    done, _ = await asyncio.wait(under_way, timeout=again, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        del under_way[task]
                        engine_down |= task.result().engine_down
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def redeliver(self, row: Waiting) -> DeliveryResult:
        """Deliver one message again, after a fix; written down unless it must wait or is dead still."""
        content = self._delivery.read(row)
        done = Round(asyncio.Semaphore(self._pace.concurrency))
        if isinstance(content, Dead):
            return content
        if isinstance(content, Need | Withdrawal):
            await self._requirements([(row, content)], done)
        elif isinstance(content, BomRevised):
            await self._change([(row, content)], done)
        elif isinstance(content, StockReport):
            await self._stock([(row, content)], done)
        else:
            [unit] = order_units([(row, _order_words(content))])
            done.add([row], await self._delivery.notify_orders(unit, patient=False))
        result = done.results[-1][1]
        if isinstance(result, Settled):
            await self._write_down(done)
        return result

    async def _deliver(self, rows: Sequence[Waiting], places: asyncio.Semaphore) -> Round:
        done = Round(places)
        requirements: list[tuple[Waiting, State]] = []
        orders: dict[str, list[tuple[Waiting, Sequence[OrderMessage] | GoodsReceipt]]] = defaultdict(list)
        changes: dict[str, list[tuple[Waiting, BomRevised]]] = defaultdict(list)
        stocks: dict[str, list[tuple[Waiting, StockReport]]] = defaultdict(list)
        for row in rows:
            content = self._delivery.read(row)
            if isinstance(content, Dead):
                done.add([row], content)
            elif isinstance(content, Need | Withdrawal):
                requirements.append((row, content))
            elif isinstance(content, BomRevised):
                changes[content.id].append((row, content))
            elif isinstance(content, StockReport):
                stocks[content.id].append((row, content))
            else:
                orders[row.entity or f"#{row.id}"].append((row, _order_words(content)))
        await _all(
            [self._requirements(requirements, done)]
            + [self._order(order_rows, done) for order_rows in orders.values()]
            + [self._change(revisions, done) for revisions in changes.values()]
            + [self._stock(reports, done) for reports in stocks.values()]
        )
        await self._write_down(done)
        return done

    async def _requirements(self, stated: Sequence[tuple[Waiting, State]], done: Round) -> None:
        newest: dict[str, tuple[Waiting, State]] = {}
        for row, state in stated:
            before = newest.get(state.id)
            if before is None or before[1].revision.rank < state.revision.rank:
                newest[state.id] = (row, state)
        for row, state in stated:
            if newest[state.id][0] is not row:
                done.add([row], Settled("superseded", "a newer state of the requirement waited beside it (R10)"))
        later = await self._ledger.stock.newer_than([state for _, state in newest.values() if isinstance(state, Need)])
        by_source: dict[str, list[tuple[Waiting, State]]] = defaultdict(list)
        for row, state in newest.values():
            by_source[state.source].append((row, state))  # event ids are unique within a source only
        for group in by_source.values():
            classifications = await self._ledger.registry.classify([state for _, state in group])
            await _all(
                [
                    self._requirement(row, state, classifications[state.revision.event_id], later.get(state.id), done)
                    for row, state in group
                ]
            )

    async def _requirement(
        self, row: Waiting, state: State, classification: Classification, stock: StockFigure | None, done: Round
    ) -> None:
        async with done.places:
            if done.engine_down:
                return
            result = await self._delivery.notify_requirement(row, state, classification)
            if stock is not None and isinstance(state, Need) and result in _BEGUN:
                reported = await self._delivery.notify_stock_of(row, state, stock)
                result = result if isinstance(reported, Settled) else reported
        done.add([row], result)
        # What was seen is noted as well: its requirement has recorded it, and whoever told it may have died before it
        # was noted. A plan is compared with what is noted alone.
        if isinstance(result, Settled) and (result.outcome != "stale" or classification.detail == "seen"):
            done.registered.append(state)

    async def _order(self, rows: Sequence[tuple[Waiting, Sequence[OrderMessage] | GoodsReceipt]], done: Round) -> None:
        for unit in order_units(rows):
            async with done.places:
                if done.engine_down:
                    return
                result = await self._delivery.notify_orders(unit)
            done.add(unit.rows, result)
            if isinstance(result, Postponed):
                return  # what came later to this order waits behind it

    async def _change(self, stated: Sequence[tuple[Waiting, BomRevised]], done: Round) -> None:
        for row, revised in stated:
            async with done.places:
                if done.engine_down:
                    return
                result = await self._delivery.notify_change(row, revised)
            done.add([row], result)
            if isinstance(result, Postponed):
                return

    async def _stock(self, content: Sequence[tuple[Waiting, StockReport]], done: Round) -> None:
        async with done.places:
            if done.engine_down:
                return
            results = await self._delivery.notify_stock([row for row, _ in content], [report for _, report in content])
        for (row, _), result in zip(content, results, strict=True):
            done.add([row], result)

    async def _write_down(self, done: Round) -> None:
        if done.registered:
            await self._ledger.registry.register(done.registered)
        settled: dict[Settled, list[int]] = defaultdict(list)
        for row, result in sorted(done.results, key=lambda each: each[0].id):
            if isinstance(result, Settled):
                settled[result].append(row.id)
            elif isinstance(result, Dead):
                identity = await self._ledger.dead_letters.keep(dead_letter(row, result), row.id)
                await self._ledger.inbox.delivered([row.id], "dead_letter", identity)
            else:
                wait = dt.timedelta(seconds=self._pace.retry_after(row.attempts))
                await self._ledger.inbox.postponed([row.id], result.error, wait)
        for result, ids in settled.items():
            await self._ledger.inbox.delivered(ids, result.outcome, result.detail)


def dead_letter(row: Waiting, dead: Dead) -> DeadLetter:
    """The whole message with the reason, and the inbox row to deliver it again by."""
    context: Mapping[str, JsonValue] = {
        "inbox_id": row.id,
        "event_id": row.event_id,
        "type": row.type,
        "correlation_id": row.correlation_id,
    }
    return DeadLetter(
        channel=row.source if row.type == SUPPLIER_DOCUMENT else EVENTS_CHANNEL,
        source=row.source,
        code=dead.code,
        detail=dead.detail,
        next_step=dead.next_step,
        body=row.body,
        content_type=row.content_type,
        context=dict(context),
    )


def _order_words(content: Any) -> Sequence[OrderMessage] | GoodsReceipt:
    if isinstance(content, GoodsReceipt):
        return content
    return content if isinstance(content, tuple) else (content,)


async def _all(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for each in work:
            group.create_task(each)


__all__ = ["Relay", "RelayPace", "Round", "dead_letter"]
