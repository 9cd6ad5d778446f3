"""The relay: delivers the messages in the inbox at least once, those of each entity in order.

Decided here: when a message is delivered, when a failed delivery is tried again, and that no plant's plan delays
another plant or a supplier's answer: the partitions of the inbox are processed concurrently. Not here: the result of a
message (`gateway.delivery.delivery`).
"""

import asyncio
import contextlib
import datetime as dt
import logging
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from adapters.ports import SupplierDialect
from canonical.records import DeadLetter
from gateway.delivery.delivery import Dead, Deliverer, DeliveryResult, Round, Settled, at_once
from gateway.intake import cloudevents
from gateway.intake.documents import (
    SUPPLIER_DOCUMENT,
    SUPPLIER_REPLY,
    Divided,
    UnreadableContent,
    content_again,
    read_document,
    stored_content,
)
from gateway.intake.events import EVENT_TYPES, EVENTS_CHANNEL, Recipient, read
from gateway.problems import Refusal
from ledger.inbox.inbox import Waiting
from ledger.inbox.lease import RELAY, Lease
from ledger.ledger import Ledger

logger = logging.getLogger(__name__)

_BATCHES_AT_ONCE = 2
"""Batches per partition: the second keeps it busy while the slowest deliveries of the first finish."""


@dataclass(frozen=True)
class RelayPace:
    """The relay's batch sizes, waits and lease times."""

    batch: int = 200
    concurrency: int = 40
    """Concurrent calls per partition."""
    poll_seconds: float = 2.0
    busy_poll_seconds: float = 0.1
    """How soon to poll again after finding messages: another process that stores one can't wake this relay."""
    linger_seconds: float = 1.0
    """How long the lease is kept when nothing is due, in case more arrives."""
    lease_seconds: float = 10.0
    """How long until another process takes over from one that is frozen or gone."""
    busy_seconds: float = 5.0
    retry_seconds: float = 1.0
    """The wait after the first failure; it doubles with each further one."""
    retry_seconds_max: float = 60.0

    def retry_after(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row."""
        return min(self.retry_seconds * float(2 ** min(failures, 16)), self.retry_seconds_max)


class Relay:
    """Delivers the inbox; only one of the processes on a ledger works at a time."""

    def __init__(
        self,
        ledger: Ledger,
        deliverers: Mapping[Recipient, Deliverer],
        dialects: Mapping[str, SupplierDialect],
        pace: RelayPace | None = None,
    ) -> None:
        self._ledger = ledger
        self._deliverers = deliverers
        self._dialects = dialects
        self._pace = pace or RelayPace()
        self._woken = asyncio.Event()
        self._busy_until = 0.0
        self.running = False

    def wake(self) -> None:
        """Deliver now rather than at the next poll, since something new is stored."""
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
                    # Not wait_for: Python 3.11's drops a cancellation that arrives together with the result.
                    busy = time.monotonic() < self._busy_until
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self._pace.busy_poll_seconds if busy else self._pace.poll_seconds):
                            await self._woken.wait()
        finally:
            self.running = False

    async def drain(self, linger_seconds: float = 0.0) -> bool:
        """Deliver what is due, all partitions concurrently; True where Temporal could not be reached.

        `linger_seconds`: how long to wait for more. Ends as soon as another process has the lease.
        """
        if not await self._ledger.inbox.partitions():
            return False  # with nothing to do, don't take the lease
        async with self._ledger.leases.held(RELAY, self._pace.lease_seconds) as lease:
            return False if lease is None else await self._work(lease, linger_seconds)

    async def _work(self, lease: Lease, linger_seconds: float) -> bool:
        work: dict[str, asyncio.Task[bool]] = {}
        not_before: dict[str, float] = {}
        down = asyncio.Event()
        try:
            until = time.monotonic() + linger_seconds
            while lease.held:
                if self._woken.is_set():
                    self._woken.clear()
                    not_before.clear()
                due = [] if down.is_set() else await self._ledger.inbox.partitions()
                new = [name for name in due if name not in work and time.monotonic() >= not_before.get(name, 0)]
                # All at once, so that none is half done before another's first messages are read.
                firsts = await asyncio.gather(*(self._ledger.inbox.undelivered(self._pace.batch, name) for name in new))
                for name, first in zip(new, firsts, strict=True):
                    partition = self._partition(name, first, lease, down)
                    work[name] = asyncio.create_task(partition, name=f"relay {name}")
                if not work and (down.is_set() or time.monotonic() >= until):
                    break
                if work:
                    until = time.monotonic() + linger_seconds
                # Don't wait only for a partition to finish; also pick up those that receive messages meanwhile.
                await self._woken_or_done(work.values())
                ended = [name for name, task in work.items() if task.done()]
                if any([work.pop(name).result() for name in ended]):
                    down.set()  # the other partitions record what they have delivered, and end
                # Not at once: messages due there that were not handed out wait behind postponed ones.
                again = time.monotonic() + self._pace.busy_poll_seconds
                not_before.update({name: again for name in ended})
            return down.is_set()
        finally:
            for task in work.values():
                task.cancel()
            await asyncio.gather(*work.values(), return_exceptions=True)

    async def _woken_or_done(self, work: Collection[asyncio.Task[bool]]) -> None:
        """Until something new is stored here, a partition is done, or it is time to look for what others stored."""
        woken = asyncio.create_task(self._woken.wait())
        try:
            await asyncio.wait(
                [*work, woken], timeout=self._pace.busy_poll_seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            woken.cancel()

    async def _partition(self, name: str, first: Sequence[Waiting], lease: Lease, down: asyncio.Event) -> bool:
        """Deliver what is due in a partition, beginning with `first`; True where Temporal could not be reached.

        While a batch is delivered and recorded, the next is under way, without messages to entities of the first.
        """
        places, engine_down = asyncio.Semaphore(self._pace.concurrency), False
        under_way: dict[asyncio.Task[Round], Sequence[Waiting]] = {}
        try:
            while True:
                more = len(under_way) < _BATCHES_AT_ONCE and not engine_down and not down.is_set() and lease.held
                taken = [row for rows in under_way.values() for row in rows]
                rows, first = first, ()
                if not rows and more:
                    rows = await self._ledger.inbox.undelivered(self._pace.batch, name, taken)
                if rows:
                    self._busy_until = time.monotonic() + self._pace.busy_seconds
                    under_way[asyncio.create_task(self._deliver(rows, Round(places, lease)))] = rows
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
        """Read one message again after a fix and deliver it; recorded unless it must wait or is still undeliverable."""
        content = await self._read_again(row)
        if isinstance(content, Dead):
            return content
        done = Round(asyncio.Semaphore(self._pace.concurrency), patient=False)
        await self._deliverers[_recipient(row)].deliver([(row, content)], done)
        result = done.results[-1][1]
        if isinstance(result, Settled):
            await self._record(done)
        return result

    async def _deliver(self, rows: Sequence[Waiting], done: Round) -> Round:
        by_recipient: dict[Recipient, list[tuple[Waiting, Any]]] = defaultdict(list)
        for row in rows:
            content = await self._content(row)
            if isinstance(content, Dead | Settled):
                done.add([row], content)
            else:
                by_recipient[_recipient(row)].append((row, content))
        await at_once(
            [self._deliverers[recipient].deliver(messages, done) for recipient, messages in by_recipient.items()]
        )
        await self._record(done)
        return done

    async def _content(self, row: Waiting) -> Any:
        """The message as the intake read it; Dead where it can't be read, Settled where it has nothing to deliver."""
        if row.type == SUPPLIER_REPLY:
            return row.body
        if row.message is None:
            return await self._read_again(row)
        if row.type == SUPPLIER_DOCUMENT:
            return _or_dead(stored_content(row.message))
        return EVENT_TYPES[row.type].stored(row.message)

    async def _read_again(self, row: Waiting) -> Any:
        if row.type == SUPPLIER_REPLY:
            return row.body
        if row.type == SUPPLIER_DOCUMENT:
            document = await read_document(self._dialects, row.subject or "", row.body, row.content_type)
            return _or_dead(content_again(document, row.entity))
        try:
            return read(cloudevents.read_structured(row.body), row.received_at).message
        except Refusal as refusal:
            problem = refusal.problem
            return Dead(problem.code, problem.detail, problem.next_step)

    async def _record(self, done: Round) -> None:
        fence = done.lease.fence if done.lease else None
        if done.registered:
            await self._ledger.registry.register(done.registered)
        settled: dict[tuple[str, str], dict[int, str | None]] = defaultdict(dict)
        for row, result in sorted(done.results, key=lambda each: each[0].id):
            if isinstance(result, Settled):
                settled[result.outcome, result.detail][row.id] = result.order
            elif isinstance(result, Dead):
                identity = await self._ledger.dead_letters.keep(dead_letter(row, result), row.id)
                await self._ledger.inbox.delivered([row.id], "dead_letter", identity, fence=fence)
            else:
                wait = dt.timedelta(seconds=self._pace.retry_after(row.attempts))
                await self._ledger.inbox.postponed([row.id], result.error, wait, fence=fence)
        for (outcome, detail), orders in settled.items():
            await self._ledger.inbox.delivered(list(orders), outcome, detail, fence=fence, orders=list(orders.values()))


def dead_letter(row: Waiting, dead: Dead) -> DeadLetter:
    """The whole message with the reason, and the inbox row to deliver it again by."""
    context: Mapping[str, JsonValue] = {
        "inbox_id": row.id,
        "event_id": row.event_id,
        "type": row.type,
        "correlation_id": row.correlation_id,
    }
    if row.type == SUPPLIER_DOCUMENT and row.entity is not None:
        context = {**context, "order": row.entity}
    if row.entity is not None and "/" in row.entity:  # not an order's number
        context = {**context, "plant": row.entity.split("/")[1]}
    return DeadLetter(
        channel=row.source if row.type in (SUPPLIER_DOCUMENT, SUPPLIER_REPLY) else EVENTS_CHANNEL,
        source=row.source,
        code=dead.code,
        detail=dead.detail,
        next_step=dead.next_step,
        body=row.body,
        content_type=row.content_type,
        context=dict(context),
    )


def _recipient(row: Waiting) -> Recipient:
    if row.type == SUPPLIER_REPLY:
        return Recipient.SUPPLIER
    return Recipient.ORDER if row.type == SUPPLIER_DOCUMENT else EVENT_TYPES[row.type].recipient


def _or_dead(content: Any) -> Any:
    if isinstance(content, Divided):
        return Settled("divided", f"{content.messages} messages, each delivered by itself")
    return Dead(content.code, content.detail, content.next_step) if isinstance(content, UnreadableContent) else content


__all__ = ["Relay", "RelayPace", "dead_letter"]
