"""Audit events: what happened to an entity, one after the other, chained by hashes.

Each hash covers the audit event and the hash before it, so that the ledger can't be changed unseen.
"""

import hashlib
import json

from pydantic import JsonValue

from canonical.base import Instant, Model

FIRST_HASH = "0" * 64


class AuditEvent(Model):
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


def audit_event_hash(audit_event: AuditEvent) -> str:
    """The hash an audit event must carry: SHA-256 over its canonical JSON without `hash`."""
    body = audit_event.model_dump(mode="json", exclude={"hash"})
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def chain(
    entity_id: str,
    sequence: int,
    previous_hash: str,
    kind: str,
    business_time: Instant,
    processing_time: Instant,
    data: dict[str, JsonValue],
) -> AuditEvent:
    """The next audit event of an entity, with its hash."""
    open_audit_event = AuditEvent(
        entity_id=entity_id,
        sequence=sequence,
        kind=kind,
        business_time=business_time,
        processing_time=processing_time,
        data=data,
        previous_hash=previous_hash,
        hash="",
    )
    return open_audit_event.model_copy(update={"hash": audit_event_hash(open_audit_event)})


def first_break(audit_events: list[AuditEvent]) -> int | None:
    """The sequence at which the chain of an entity's audit events (in order, from 1) breaks; None: intact."""
    expected, previous = 1, FIRST_HASH
    for audit_event in audit_events:
        if (
            audit_event.sequence != expected
            or audit_event.previous_hash != previous
            or audit_event_hash(audit_event) != audit_event.hash
        ):
            return expected
        expected, previous = expected + 1, audit_event.hash
    return None
