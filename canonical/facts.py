"""Facts: what happened to an entity, one after the other, chained by hashes.

Each hash covers the fact and the hash before it, so that the ledger can't be changed unseen.
"""

import hashlib
import json

from pydantic import JsonValue

from canonical.base import Instant, Noun

FIRST_HASH = "0" * 64


class Fact(Noun):
    """One state transition of an entity."""

    entity_id: str
    sequence: int
    kind: str
    business_time: Instant
    """When it took effect in the trade (the sender's time)."""
    processing_time: Instant
    """When the entity took note of it (the workflow's clock)."""
    data: dict[str, JsonValue]
    previous_hash: str
    hash: str


def fact_hash(fact: Fact) -> str:
    """The hash a fact must carry: SHA-256 over its canonical JSON without `hash`."""
    body = fact.model_dump(mode="json", exclude={"hash"})
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def chain(
    entity_id: str,
    sequence: int,
    previous_hash: str,
    kind: str,
    business_time: Instant,
    processing_time: Instant,
    data: dict[str, JsonValue],
) -> Fact:
    """The next fact of an entity, with its hash."""
    open_fact = Fact(
        entity_id=entity_id,
        sequence=sequence,
        kind=kind,
        business_time=business_time,
        processing_time=processing_time,
        data=data,
        previous_hash=previous_hash,
        hash="",
    )
    return open_fact.model_copy(update={"hash": fact_hash(open_fact)})


def first_break(facts: list[Fact]) -> int | None:
    """The sequence at which the chain of an entity's facts (in order, from 1) breaks; None: intact."""
    expected, previous = 1, FIRST_HASH
    for fact in facts:
        if fact.sequence != expected or fact.previous_hash != previous or fact_hash(fact) != fact.hash:
            return expected
        expected, previous = expected + 1, fact.hash
    return None
