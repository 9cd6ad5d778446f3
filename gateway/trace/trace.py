"""The trace of a requirement or an order: everything known about it, assembled from the ledger.

Decided here: which audit events of a shared order concern the requirement, and what was known at an earlier moment. Not
here: their wording (`gateway.trace.words`).
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel, Field, JsonValue

from canonical.audit_event import AuditEvent, first_break, in_force
from canonical.base import Instant
from canonical.records import OrderSnapshot, RequirementSnapshot
from gateway.trace.reasons import TracedReason, reasons_of
from ledger.inbox.inbox import InboxMessage
from ledger.ledger import Ledger

_LINE_FIELDS = ("lines", "receipts", "changed")


class TracedOrder(BaseModel):
    """An order that serves the requirement, and the lines that do."""

    id: str
    supplier: str
    supplier_name: str
    stage: str
    requisition_number: str | None
    order_number: str | None
    revision: int
    lines: list[int]


class TracedMessage(BaseModel):
    """An incoming message to the requirement or one of its orders, and its status."""

    source: str
    event_id: str
    type: str
    entity: str | None
    status: str
    detail: str
    received_at: Instant
    settled_at: Instant | None
    correlation_id: str


class Chain(BaseModel):
    """Whether an entity's audit events still match their hashes."""

    entity_id: str
    audit_events: int
    intact: bool
    broken_at: int | None = Field(None, description="The position of the first audit event that does not match")


class Trace(BaseModel):
    """Everything about a requirement, from plan run to receipt."""

    requirement: RequirementSnapshot
    orders: list[TracedOrder]
    exceptions: list[str]
    audit_events: list[AuditEvent] = Field(
        description="By business time. Of a shared order only what concerns the requirement's lines is shown; "
        "the hashes cover the whole audit event"
    )
    reasons: list[TracedReason] = Field(
        description="The reasons for the decisions: each rule's outcome, with the values it compared, the thresholds "
        "and the version of the policy"
    )
    chains: list[Chain]
    chain_intact: bool
    messages: list[TracedMessage]


class OrderTrace(BaseModel):
    """Everything about an order, from its opening to the last receipt."""

    order: OrderSnapshot
    exceptions: list[str]
    audit_events: list[AuditEvent] = Field(description="Of the order and its exceptions, by business time")
    reasons: list[TracedReason] = Field(description="Each rule's outcome, with the values it compared")
    chains: list[Chain]
    chain_intact: bool
    messages: list[TracedMessage]


async def trace_of(ledger: Ledger, requirement_id: str, *, known_on: dt.datetime | None = None) -> Trace | None:
    """The requirement's trace; None where it has recorded nothing.

    `known_on`: only what had been recorded and received by then; requirement and orders are as they are now, and the
    chains are always checked whole.
    """
    row = await ledger.reads.requirement(requirement_id)
    if row is None:
        return None
    requirement = row.snapshot
    orders = [each.snapshot for each in await ledger.reads.orders_of(requirement_id)]
    told = await told_by(
        ledger,
        [requirement_id, *(order.id for order in orders)],
        [requirement.exception_id, *(order.exception_id for order in orders)],
        known_on,
    )
    lines: dict[str, set[int]] = {
        order.id: {line.line for line in order.lines if line.serves(requirement_id)} for order in orders
    }
    numbers = {order.order_number: order.id for order in orders if order.order_number}
    reported = by_business_time(
        kept
        for audit_event in told.in_force
        if (kept := about(audit_event, lines.get(audit_event.entity_id), requirement_id))
    )
    return Trace(
        requirement=requirement,
        orders=[_order(order, lines[order.id]) for order in orders],
        exceptions=told.exceptions,
        audit_events=reported,
        reasons=reasons_of(reported),
        chains=told.chains,
        chain_intact=all(chain.intact for chain in told.chains),
        messages=await messages_to(ledger, {requirement_id: None, **numbers}, known_on),
    )


async def order_trace_of(ledger: Ledger, order_id: str, *, known_on: dt.datetime | None = None) -> OrderTrace | None:
    """The order's trace; None where it has recorded nothing. `known_on` as for a requirement's."""
    row = await ledger.reads.order(order_id)
    if row is None:
        return None
    order = row.snapshot
    told = await told_by(ledger, [order_id], [order.exception_id], known_on)
    reported = by_business_time(told.in_force)
    return OrderTrace(
        order=order,
        exceptions=told.exceptions,
        audit_events=reported,
        reasons=reasons_of(reported),
        chains=told.chains,
        chain_intact=all(chain.intact for chain in told.chains),
        messages=await messages_to(ledger, {order.order_number: order_id} if order.order_number else {}, known_on),
    )


class Told(NamedTuple):
    """What some entities and the exceptions that they raised have recorded."""

    in_force: list[AuditEvent]
    exceptions: list[str]
    chains: list[Chain]


async def told_by(
    ledger: Ledger, entities: Sequence[str], present: Iterable[str | None], known_on: dt.datetime | None
) -> Told:
    """`present`: exceptions that are open now, whatever the events say; `known_on` as for a requirement's trace."""
    own = await ledger.reads.audit_events(entities)
    known = in_force(recorded_by(own, known_on))
    exceptions = raised_by(known, present if known_on is None else ())
    theirs = await ledger.reads.audit_events(exceptions) if exceptions else []
    # What was in force then: events that a later attempt replaced only after that are still in it.
    return Told(known + in_force(recorded_by(theirs, known_on)), exceptions, chains_of(own + theirs))


def recorded_by(audit_events: Sequence[AuditEvent], moment: dt.datetime | None) -> Sequence[AuditEvent]:
    """Those that had been recorded by the moment; None: all."""
    if moment is None:
        return audit_events
    return [each for each in audit_events if each.processing_time <= moment]


async def messages_to(
    ledger: Ledger, entities: Mapping[str, str | None], known_on: dt.datetime | None
) -> list[TracedMessage]:
    """Incoming messages to these entities (requirement ids, order numbers with the order of each), by arrival."""
    messages = [message for entity, order in entities.items() for message in await ledger.reads.inbox_of(entity, order)]
    return by_arrival(message for message in messages if known_on is None or message.received_at <= known_on)


def about(audit_event: AuditEvent, lines: Collection[int] | None, requirement_id: str) -> AuditEvent | None:
    """The audit event with only those of its lines that serve the requirement; None where it concerns only others.

    `lines` None: the entity is not an order. An event that names no line concerns the whole order; of a shared line,
    each requirement sees its own allocation.
    """
    if lines is None:
        return audit_event
    data: dict[str, JsonValue] = dict(audit_event.data)
    if data.get("requirement_id", requirement_id) != requirement_id or not _concerns(data.get("line"), lines):
        return None
    if isinstance(shares := data.get("shares"), dict):
        if requirement_id not in shares:
            return None
        data["quantity"] = shares[requirement_id]
    for field in _LINE_FIELDS:
        listed = data.get(field)
        if not isinstance(listed, list) or not listed:
            continue
        kept = [each for each in listed if _concerns(each.get("line") if isinstance(each, dict) else each, lines)]
        if not kept:
            return None
        data[field] = [_own_allocation(each, requirement_id) for each in kept]
    return audit_event.model_copy(update={"data": data})


def _own_allocation(line: JsonValue, requirement_id: str) -> JsonValue:
    """The requirement's allocation in an answer to a shared line."""
    if not isinstance(line, dict) or not isinstance(shares := line.get("shares"), dict):
        return line
    return {**line, "schedule_lines": shares.get(requirement_id, [])}


def _concerns(line: JsonValue, lines: Collection[int]) -> bool:
    return not isinstance(line, int) or line in lines


def raised_by(audit_events: Sequence[AuditEvent], present: Iterable[str | None]) -> list[str]:
    """The exceptions that the audit events' entities raised, in order; `present`: those that are open now."""
    raised = [
        audit_event.data["exception_id"]
        for audit_event in audit_events
        if isinstance(audit_event.data.get("exception_id"), str)
    ]
    return list(dict.fromkeys(str(each) for each in [*raised, *present] if each))


def by_business_time(audit_events: Iterable[AuditEvent]) -> list[AuditEvent]:
    """Audit events in the order that a trace shows them."""
    return sorted(
        audit_events,
        key=lambda audit_event: (audit_event.business_time, audit_event.processing_time, audit_event.sequence),
    )


def by_arrival(messages: Iterable[InboxMessage]) -> list[TracedMessage]:
    """Incoming messages, the oldest first."""
    reported = (TracedMessage.model_validate(message.model_dump()) for message in messages)
    return sorted(reported, key=lambda message: message.received_at)


def chains_of(audit_events: Sequence[AuditEvent]) -> list[Chain]:
    """For each entity, whether its audit events match their hashes; they must be complete and in order."""
    by_entity: dict[str, list[AuditEvent]] = defaultdict(list)
    for audit_event in audit_events:
        by_entity[audit_event.entity_id].append(audit_event)
    chains = []
    for entity_id, own in by_entity.items():
        broken_at = first_break(own)
        chains.append(Chain(entity_id=entity_id, audit_events=len(own), intact=broken_at is None, broken_at=broken_at))
    return chains


def _order(order: OrderSnapshot, lines: Collection[int]) -> TracedOrder:
    return TracedOrder(
        id=order.id,
        supplier=order.supplier,
        supplier_name=order.supplier_name,
        stage=order.stage.value,
        requisition_number=order.requisition_number,
        order_number=order.order_number,
        revision=order.revision,
        lines=sorted(lines),
    )


__all__ = [
    "Chain",
    "OrderTrace",
    "Told",
    "Trace",
    "TracedMessage",
    "TracedOrder",
    "about",
    "by_arrival",
    "by_business_time",
    "chains_of",
    "messages_to",
    "order_trace_of",
    "raised_by",
    "recorded_by",
    "told_by",
    "trace_of",
]
