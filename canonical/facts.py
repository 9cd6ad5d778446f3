"""Audit events: what happened to an entity, one after the other, chained by hashes.

An entity appends plain events, counted by itself. The ledger gives each its place in the entity's chain and the hash
that covers it and the hash before it, so that what is recorded can't be changed unseen.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from pydantic import JsonValue

from canonical.base import Instant, Noun

FIRST_HASH = "0" * 64


class PendingEvent(Noun):
    """One state transition of an entity, as the entity publishes it."""

    sequence: int
    """The entity's own count of its events: with it the ledger records an event once, however often it is sent."""
    kind: str
    business_time: Instant
    """When it took effect in the trade (the sender's time)."""
    processing_time: Instant
    """When the entity took note of it (the workflow's clock)."""
    data: dict[str, JsonValue]


class Fact(PendingEvent):
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
    """The hash before it is not the one that it was hashed with: one was inserted, or both were written anew."""
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


def fact_hash(fact: Fact) -> str:
    """The hash that a recorded event must carry."""
    return event_hash(fact.entity_id, fact.position, fact.writer, fact.previous_hash, fact)


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
) -> Fact:
    """The next event of an entity, with its hash; `position`: where it is not the entity's own count."""
    event = PendingEvent(
        sequence=sequence, kind=kind, business_time=business_time, processing_time=processing_time, data=data
    )
    return chained(entity_id, position or sequence, writer, previous_hash, event)


def chained(entity_id: str, position: int, writer: str, previous_hash: str, event: PendingEvent) -> Fact:
    """The event at its place."""
    return Fact(
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

    def step(self, fact: Fact) -> Break | None:
        """Take the next event; how it does not fit. The walk goes on from the event as it is."""
        if fact_hash(fact) != fact.hash:
            found: Break | None = Break.CHANGED
        elif fact.position != self.position + 1:
            found = Break.REMOVED
        elif fact.previous_hash != self.hash:
            found = Break.DETACHED
        else:
            found = Break.NEVER_RECORDED if fact.sequence > self._sequence + 1 else None
        self.position, self.hash, self._sequence = fact.position, fact.hash, fact.sequence
        return found


def first_break(facts: Iterable[Fact]) -> int | None:
    """The position at which the chain of an entity's events (all of them, in order) breaks; None: intact."""
    walk = ChainWalk()
    return next((fact.position for fact in facts if walk.step(fact)), None)


def in_force(facts: Sequence[Fact]) -> list[Fact]:
    """The events that no later attempt replaced, in their order; the chains must be whole."""
    kept: list[Fact] = []
    lowest: dict[str, int] = {}
    for fact in reversed(facts):
        if fact.sequence < lowest.get(fact.entity_id, fact.sequence + 1):
            kept.append(fact)
            lowest[fact.entity_id] = fact.sequence
    return kept[::-1]
