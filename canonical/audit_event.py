"""Audit events: what happened to an entity, one after the other, chained by hashes.

An entity appends plain events, counted by itself. The ledger gives each its place in the entity's chain and the hash
that covers it and the hash before it, so that what is recorded can't be changed unseen.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from pydantic import JsonValue

from canonical.base import Instant, Model

FIRST_HASH = "0" * 64


class PendingEvent(Model):
    """A state transition as the entity publishes it."""

    sequence: int
    """The entity's own count of its events: with it the ledger records an event once, however often it is sent."""
    kind: str
    business_time: Instant
    """When it took effect in the trade (the sender's time)."""
    processing_time: Instant
    """When the entity recorded it (the workflow's clock)."""
    data: dict[str, JsonValue]


class AuditEvent(PendingEvent):
    """A recorded event, at its place in the entity's chain.

    `sequence` may repeat along a chain: where a workflow task was decided again, the later attempt counts on from where
    the earlier one began, and replaces it (`in_force`).
    """

    entity_id: str
    position: int
    """The ledger's number of the event, from 1 without a gap; nothing that was recorded is ever taken out."""
    writer: str = ""
    """The workflow run that published it; of a run that continues as new, the first."""
    previous_hash: str
    hash: str


class Break(StrEnum):
    """How an event does not fit its chain."""

    CHANGED = "changed"
    """Its content is not what was hashed."""
    REMOVED = "removed"
    """The event before it is missing."""
    DETACHED = "detached"
    """The previous hash is not the one it was hashed with: an event was inserted, or both were rewritten."""
    NEVER_RECORDED = "never_recorded"
    """The entity's own count goes on further ahead: the ledger never had the events between, or has lost them."""


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def event_hash(entity_id: str, position: int, writer: str, previous_hash: str, event: PendingEvent) -> str:
    """The hash that an event must carry: SHA-256 over its canonical JSON, everything but `hash`."""
    body: Mapping[str, JsonValue] = {
        "business_time": event.business_time.isoformat(),
        "data": event.data,
        "entity_id": entity_id,
        "kind": event.kind,
        "position": position,
        "previous_hash": previous_hash,
        "processing_time": event.processing_time.isoformat(),
        "sequence": event.sequence,
        "writer": writer,
    }
    return hashlib.sha256(_CANONICAL(body).encode()).hexdigest()


def audit_event_hash(audit_event: AuditEvent) -> str:
    """The hash that a recorded event must carry."""
    return event_hash(
        audit_event.entity_id, audit_event.position, audit_event.writer, audit_event.previous_hash, audit_event
    )


def chain(
    entity_id: str,
    sequence: int,
    previous_hash: str,
    kind: str,
    business_time: Instant,
    processing_time: Instant,
    data: dict[str, JsonValue],
    *,
    position: int | None = None,
    writer: str = "",
) -> AuditEvent:
    """The next event of an entity, with its hash; `position`: where it is not the entity's own count."""
    event = PendingEvent(
        sequence=sequence, kind=kind, business_time=business_time, processing_time=processing_time, data=data
    )
    return chained(entity_id, position or sequence, writer, previous_hash, event)


def chained(entity_id: str, position: int, writer: str, previous_hash: str, event: PendingEvent) -> AuditEvent:
    """The event at its place."""
    return AuditEvent(
        entity_id=entity_id,
        position=position,
        sequence=event.sequence,
        kind=event.kind,
        business_time=event.business_time,
        processing_time=event.processing_time,
        data=event.data,
        writer=writer,
        previous_hash=previous_hash,
        hash=event_hash(entity_id, position, writer, previous_hash, event),
    )


class ChainWalk:
    """Goes along the chain of one entity, from its first event on."""

    def __init__(self) -> None:
        self.position = 0
        self.hash = FIRST_HASH
        self._sequence = 0

    def step(self, audit_event: AuditEvent) -> Break | None:
        """Check the next event and return its break, if any. The walk continues from the event as it is."""
        if audit_event_hash(audit_event) != audit_event.hash:
            found: Break | None = Break.CHANGED
        elif audit_event.position != self.position + 1:
            found = Break.REMOVED
        elif audit_event.previous_hash != self.hash:
            found = Break.DETACHED
        else:
            found = Break.NEVER_RECORDED if audit_event.sequence > self._sequence + 1 else None
        self.position, self.hash, self._sequence = audit_event.position, audit_event.hash, audit_event.sequence
        return found


def first_break(audit_events: Iterable[AuditEvent]) -> int | None:
    """The position at which the chain of an entity's events (all of them, in order) breaks; None: intact."""
    walk = ChainWalk()
    return next((audit_event.position for audit_event in audit_events if walk.step(audit_event)), None)


def in_force(audit_events: Sequence[AuditEvent]) -> list[AuditEvent]:
    """The events that no later attempt replaced, in their order; the chains must be whole."""
    kept: list[AuditEvent] = []
    lowest: dict[str, int] = {}
    for audit_event in reversed(audit_events):
        if audit_event.sequence < lowest.get(audit_event.entity_id, audit_event.sequence + 1):
            kept.append(audit_event)
            lowest[audit_event.entity_id] = audit_event.sequence
    return kept[::-1]
