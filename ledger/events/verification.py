"""Verification of the chains: rehashes every event, and compares the newest ones with a checkpoint.

Decided here: how differences are worded. Not here: checkpoints (ledger.events.checkpoints), and how an event is hashed
(canonical.audit_event).
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.audit_event import AuditEvent, Break, ChainWalk
from ledger.database import failures
from ledger.events.chains import audit_event_of
from ledger.events.checkpoints import Head
from ledger.events.tables import AuditEventRow

_AT_ONCE = 1000
"""Rows that are in memory at a time."""


class Finding(NamedTuple):
    """A difference in the chain of one entity."""

    entity_id: str
    what: str

    def __str__(self) -> str:
        return f"{self.entity_id}: {self.what}"


class RecordedEvent(NamedTuple):
    """An event as stored in the ledger."""

    audit_event: AuditEvent
    superseded: bool


class RecordedChains:
    """All chains at one moment; open it with `read_chains`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def count(self) -> int:
        """The number of events."""
        with failures():
            return await self._connection.scalar(select(func.count()).select_from(AuditEventRow)) or 0

    async def events(self) -> AsyncIterator[RecordedEvent]:
        """The events, entity by entity, each chain from its first event on; streamed in small chunks."""
        query = select(AuditEventRow.__table__).order_by(AuditEventRow.entity_id, AuditEventRow.position)
        with failures():
            async with self._connection.stream(query.execution_options(yield_per=_AT_ONCE)) as rows:
                async for row in rows:
                    yield RecordedEvent(audit_event_of(row._mapping), row.superseded)


@asynccontextmanager
async def read_chains(engine: AsyncEngine) -> AsyncIterator[RecordedChains]:
    """One read-only snapshot of the ledger."""
    with failures():
        connection = await engine.connect()
    try:
        with failures():
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield RecordedChains(connection)
    finally:
        await connection.close()


class Verification:
    """Takes all events in the order of `RecordedChains.events`; `finish` reports what else the checkpoint has."""

    def __init__(self, heads: Mapping[str, Head] | None = None) -> None:
        self.events = self.entities = 0
        self._expected = dict(heads or {})
        self._chain: _EntityChain | None = None

    def take(self, event: RecordedEvent) -> Iterator[Finding]:
        """Findings from this event, including those on the entity whose chain ends before it."""
        entity_id = event.audit_event.entity_id
        self.events += 1
        if self._chain is None or self._chain.entity_id != entity_id:
            yield from self._end_chain()
            self.entities += 1
            self._chain = _EntityChain(entity_id, self._expected.pop(entity_id, None))
        yield from self._chain.take(event)

    def finish(self) -> Iterator[Finding]:
        """Findings at the end."""
        yield from self._end_chain()
        for head in self._expected.values():
            yield Finding(head.entity_id, f"all of its events are gone, {head.position} at the checkpoint")

    def _end_chain(self) -> Iterator[Finding]:
        if self._chain is not None:
            yield from self._chain.end()

    @property
    def head(self) -> Head | None:
        """The newest event taken; it is its entity's head once an event of another entity follows."""
        return self._chain.head if self._chain else None


class _EntityChain:
    def __init__(self, entity_id: str, expected: Head | None) -> None:
        self.entity_id = entity_id
        self._expected = expected
        self._walk = ChainWalk()
        self._broken = False
        self._sequences: list[tuple[int, bool]] = []

    @property
    def head(self) -> Head:
        return Head(self.entity_id, self._walk.position, self._walk.hash)

    def take(self, event: RecordedEvent) -> Iterator[Finding]:
        audit_event, before = event.audit_event, self._walk.position
        found = self._walk.step(audit_event)
        self._sequences.append((audit_event.sequence, event.superseded))
        if found is not None and not self._broken:
            self._broken = True  # later breaks follow from the first one
            yield Finding(self.entity_id, _words(found, audit_event, before))
        expected = self._expected
        if expected is not None and audit_event.position == expected.position and audit_event.hash != expected.hash:
            yield Finding(
                self.entity_id,
                f"event {audit_event.position} has another hash than at the checkpoint: events up to it were changed, "
                "removed or inserted, and the chain was hashed again",
            )

    def end(self) -> Iterator[Finding]:
        expected, position = self._expected, self._walk.position
        if expected is not None and position < expected.position:
            yield Finding(
                self.entity_id,
                f"its end is cut off: it goes on to event {position}, at the checkpoint to event {expected.position}",
            )
        if self._broken:
            return
        lowest = self._sequences[-1][0] + 1
        for place, (sequence, superseded) in reversed(list(enumerate(self._sequences, 1))):
            replaced = sequence >= lowest
            lowest = min(lowest, sequence)
            if superseded and not replaced:
                yield Finding(self.entity_id, f"event {place} is hidden as replaced, but no later event replaces it")
            if replaced and not superseded:
                yield Finding(self.entity_id, f"event {place} is shown, but a later event replaces it")


def _words(found: Break, audit_event: AuditEvent, before: int) -> str:
    position = audit_event.position
    match found:
        case Break.CHANGED:
            return f"event {position} was changed after it was recorded: its content does not give its hash"
        case Break.REMOVED:
            first, last = before + 1, position - 1
            return f"event {first} was removed" if first == last else f"events {first} to {last} were removed"
        case Break.DETACHED:
            return f"event {position} does not follow from event {before}: one of them was inserted or exchanged"
        case Break.NEVER_RECORDED:
            return f"before event {position}, the entity counted events that the ledger does not have"
