"""The chains of audit events: each event of an entity is numbered and hashed in its position, and never removed.

Decided here: how an event relates to the recorded ones. By the entity's own count it is new, already recorded, or from
another attempt of the same workflow task: a local activity runs inside the task that decided it, and where that task is
finally not accepted (a message arrived meanwhile, the worker died), Temporal has the workflow decide again, later and
perhaps with more messages. Then the later attempt holds: its events follow in the chain, and those that they replace
are marked and no longer read. Two writers of one count raise AuditEventConflict.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from sqlalchemy import Select, Text, bindparam, func, select, true, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.errors import PermanentError
from canonical.audit_event import FIRST_HASH, AuditEvent, PendingEvent, event_hash
from canonical.records import AuditBatch
from ledger.events.tables import AuditEventRow

log = logging.getLogger("pegline.ledger")

Row = Mapping[str, Any]
"""An event as its columns."""


class AuditEventConflict(PermanentError):
    """Two writers claim the same position in an entity's chain; one of them must not exist."""

    def __init__(self, entity_id: str, kept: Row, given: PendingEvent, writer: str) -> None:
        super().__init__(
            "ledger",
            f"event {given.sequence} of {entity_id} is recorded as {kept['kind']} by run {kept['writer'] or 'unknown'} "
            f"and was given again as {given.kind} by run {writer or 'unknown'}: two writers of one entity; compare "
            "both runs of its workflow and end the one that should not exist",
        )
        self.entity_id = entity_id
        self.sequence = given.sequence


class Overtaken(Exception):
    """Another call recorded events of the same entity meanwhile: read again and decide again."""


class Standing(NamedTuple):
    """A batch that is in force, and the position of the event that led to its state."""

    audit_batch: AuditBatch
    position: int


class Appended(NamedTuple):
    """What recording batches did: those in force, without those of abandoned attempts, and the events new by them."""

    standing: list[Standing]
    new: list[Row]
    replaced: frozenset[str] = frozenset()
    """The entities of which earlier recorded events were replaced."""


async def append(connection: AsyncConnection, audit_batches: Iterable[AuditBatch]) -> Appended:
    """Append the new events of the batches to their entities' chains, in the caller's transaction.

    Raises AuditEventConflict and Overtaken.
    """
    by_entity: dict[str, list[AuditBatch]] = {}
    for audit_batch in audit_batches:
        by_entity.setdefault(audit_batch.snapshot.id, []).append(audit_batch)
    # In the order of ids, so that concurrent calls wait for each other without a deadlock.
    ids = sorted(by_entity)
    ends = {row.entity_id: row for row in await connection.execute(_LAST_LOCKED, {"ids": ids})}
    holding: list[Standing] = []
    chains = []
    for entity_id in ids:
        own = sorted(by_entity[entity_id], key=lambda audit_batch: (_first(audit_batch), audit_batch.sequence))
        chain = _Chain(entity_id, ends.get(entity_id))
        if _first(own[0]) <= chain.sequence:
            await chain.load(connection, _first(own[0]) - 1)
        holding += [
            Standing(audit_batch, position) for audit_batch in own if (position := chain.take(audit_batch)) is not None
        ]
        chains.append(chain)
    for chain in chains:
        if chain.replaced_from is not None:
            await connection.execute(_SUPERSEDE, {"entity": chain.entity_id, "from": chain.replaced_from})
    if rows := [row for chain in chains for row in chain.added]:
        written = await connection.execute(_INSERT, rows)
        if len(written.all()) < len(rows):
            raise Overtaken
    replaced = frozenset(chain.entity_id for chain in chains if chain.replaced_from is not None)
    return Appended(holding, [row for row in rows if not row["superseded"]], replaced)


async def counts(connection: AsyncConnection, entity_ids: Collection[str]) -> dict[str, int]:
    """The entities' event counts so far, without entities that have recorded none."""
    return {row.entity_id: row.sequence for row in await connection.execute(_LAST, {"ids": sorted(entity_ids)})}


def audit_event_of(row: Mapping[Any, Any]) -> AuditEvent:
    """A row as the event that was hashed, with the original offsets of its instants."""
    return AuditEvent(
        entity_id=row["entity_id"],
        position=row["position"],
        sequence=row["sequence"],
        kind=row["kind"],
        business_time=_instant(row["business_time"], row["business_offset_seconds"]),
        processing_time=_instant(row["processing_time"], row["processing_offset_seconds"]),
        data=row["data"],
        writer=row["writer"],
        previous_hash=row["previous_hash"],
        hash=row["hash"],
    )


class _Chain:
    """An entity's chain while batches are added to it."""

    def __init__(self, entity_id: str, end: Any) -> None:
        self.entity_id = entity_id
        self.position: int = end.position if end else 0
        self.sequence: int = end.sequence if end else 0
        """The count of the newest event."""
        self.replaced_from: int | None = None
        """The first count whose recorded events are replaced."""
        self.added: list[dict[str, Any]] = []
        self._hash: str = end.hash if end else FIRST_HASH
        self._held: dict[int, Row] = {}
        """The events in force by their count, as far as they are known here."""

    async def load(self, connection: AsyncConnection, first: int) -> None:
        """Read the recorded events from this count on, since some given events are already recorded."""
        rows = await connection.execute(_HELD, {"entity": self.entity_id, "from": first})
        self._held = {row.sequence: dict(row._mapping) for row in rows}

    def take(self, audit_batch: AuditBatch) -> int | None:
        """Append the new events of the batch; returns the position of the event that led to its state, None where it is
        not in force.
        """
        new = self._new_of(audit_batch)
        if new is None:
            log.warning(
                "%s: events from %s on are of an attempt that was given up", self.entity_id, _first(audit_batch)
            )
            return None
        if new and new[0].sequence <= self.sequence:
            self._replace(new[0].sequence)
        for event in new:
            self._append(event, audit_batch.writer)
        if audit_batch.sequence >= self.sequence:
            return self.position
        held = self._held.get(audit_batch.sequence)
        return held["position"] if held else 0

    def _new_of(self, audit_batch: AuditBatch) -> Sequence[PendingEvent] | None:
        """The events to append; None where they are of an abandoned attempt. Raises AuditEventConflict."""
        known = [event for event in audit_batch.audit_events if event.sequence <= self.sequence]
        new = audit_batch.audit_events[len(known) :]
        for event in known:
            if (kept := self._held.get(event.sequence)) and kept["writer"] != audit_batch.writer:
                raise AuditEventConflict(self.entity_id, kept, event, audit_batch.writer)
        differs = (not _is(event, self._held.get(event.sequence)) for event in known)
        fork = next((place for place, other in enumerate(differs) if other), None)
        if fork is None:
            return new
        other, kept = known[fork], self._held.get(known[fork].sequence)
        if kept is not None and other.processing_time > kept["processing_time"]:
            return audit_batch.audit_events[fork:]
        if kept is not None and other.processing_time == kept["processing_time"]:
            raise AuditEventConflict(self.entity_id, kept, other, audit_batch.writer)
        return new if new and self._goes_on(known, new[0]) else None

    def _goes_on(self, known: Sequence[PendingEvent], new: PendingEvent) -> bool:
        """Whether the recorded events, apart from their times, are those of the same attempt: a replay's clock may
        differ.
        """
        since: datetime = self._held[self.sequence]["processing_time"]
        return new.processing_time >= since and all(_says(event, self._held.get(event.sequence)) for event in known)

    def _replace(self, first: int) -> None:
        """Replace the recorded events from here on by those of a later attempt."""
        log.warning("%s: a later attempt replaces the events from %s on", self.entity_id, first)
        self.replaced_from = first if self.replaced_from is None else min(first, self.replaced_from)
        for row in self.added:
            row["superseded"] = row["superseded"] or row["sequence"] >= first
        self._held = {sequence: held for sequence, held in self._held.items() if sequence < first}

    def _append(self, event: PendingEvent, writer: str) -> None:
        self.position += 1
        previous, self.sequence = self._hash, event.sequence
        self._hash = event_hash(self.entity_id, self.position, writer, previous, event)
        row = {
            "entity_id": self.entity_id,
            "position": self.position,
            "sequence": event.sequence,
            "kind": event.kind,
            "business_time": event.business_time,
            "business_offset_seconds": _offset_seconds(event.business_time),
            "processing_time": event.processing_time,
            "processing_offset_seconds": _offset_seconds(event.processing_time),
            "data": event.data,
            "writer": writer,
            "previous_hash": previous,
            "hash": self._hash,
            "superseded": False,
        }
        self.added.append(row)
        self._held[event.sequence] = row


def _first(audit_batch: AuditBatch) -> int:
    """The count of a batch's first event; where it has none, of the next event."""
    return audit_batch.audit_events[0].sequence if audit_batch.audit_events else audit_batch.after + 1


def _is(event: PendingEvent, held: Row | None) -> bool:
    """Whether this same event is recorded."""
    return held is not None and _says(event, held) and event.processing_time == held["processing_time"]


def _says(event: PendingEvent, held: Row | None) -> bool:
    """Whether the recorded event has the same content, apart from the time of recording."""
    if held is None or (event.kind, event.data) != (held["kind"], held["data"]):
        return False
    # Without a sender, the effective time is the workflow's own.
    ours, theirs = event.business_time == event.processing_time, held["business_time"] == held["processing_time"]
    return (ours and theirs) or bool(event.business_time == held["business_time"])


def _instant(moment: datetime, offset_seconds: int) -> datetime:
    return moment.astimezone(timezone(timedelta(seconds=offset_seconds)))


def _offset_seconds(instant: datetime) -> int:
    offset = instant.utcoffset()
    return 0 if offset is None else round(offset.total_seconds())


def _last(*, lock: bool) -> Select[Any]:
    """The newest event of each entity, in the order of the given ids."""
    requested = func.unnest(bindparam("ids", type_=ARRAY(Text))).table_valued("id", name="wanted").render_derived()
    newest = (
        select(AuditEventRow.entity_id, AuditEventRow.position, AuditEventRow.sequence, AuditEventRow.hash)
        .where(AuditEventRow.entity_id == requested.c.id)
        .order_by(AuditEventRow.position.desc())
        .limit(1)
    )
    found = (newest.with_for_update() if lock else newest).lateral("newest")
    return select(found).select_from(requested).join(found, true())


_LAST, _LAST_LOCKED = _last(lock=False), _last(lock=True)
_HELD = select(AuditEventRow.__table__).where(
    AuditEventRow.entity_id == bindparam("entity"),
    AuditEventRow.sequence >= bindparam("from"),
    ~AuditEventRow.superseded,
)
_SUPERSEDE = (
    update(AuditEventRow)
    .where(
        AuditEventRow.entity_id == bindparam("entity"),
        AuditEventRow.sequence >= bindparam("from"),
        ~AuditEventRow.superseded,
    )
    .values(superseded=True)
)
_INSERT = insert(AuditEventRow).on_conflict_do_nothing().returning(AuditEventRow.position)
