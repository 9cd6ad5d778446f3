"""The outbox: writes what subscribers are told of, in the transaction that records the audit events it reports.

Decided here: which audit events are told, and what of the entity's state. Each is told once, by its place in the
entity's own count, though an attempt may record it again. Nobody subscribed: nothing is written.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.identity import short_hash
from canonical.notification import (
    NOTICES,
    CoverageChangedNotice,
    ExceptionClosed,
    ExceptionEscalated,
    ExceptionOpened,
    Notice,
    NotificationType,
    OrderSent,
    QuestionNotice,
    SentLine,
    Subscriptions,
)
from canonical.records import ExceptionSnapshot, ExceptionState, OrderSnapshot, RequirementSnapshot, Snapshot
from ledger.events.chains import Appended, Row
from ledger.notifications.tables import DeliveryRow, NotificationRow

log = logging.getLogger("pegline.ledger")

_TYPES = {
    "exception.opened": NotificationType.EXCEPTION_OPENED,
    "exception.reminded": NotificationType.EXCEPTION_ESCALATED,
    "exception.escalated": NotificationType.EXCEPTION_ESCALATED,
    "exception.closed": NotificationType.EXCEPTION_CLOSED,
    "exception.overtaken": NotificationType.EXCEPTION_CLOSED,
    "coverage.changed": NotificationType.COVERAGE_CHANGED,
    "order.sent": NotificationType.ORDER_SENT,
}
"""By the kind of the audit event."""


class DueNotice(NamedTuple):
    """A notification to be written."""

    type: NotificationType
    event: Row
    notice: Notice


async def write(connection: AsyncConnection, appended: Appended, subscriptions: Subscriptions) -> None:
    """Write the notifications of the events that are new, with a delivery for each subscriber who wants it."""
    if not subscriptions.all:
        return
    for told in told_of(appended):
        if names := subscriptions.told(told.type, told.notice):
            await store(connection, told, names)


async def store(connection: AsyncConnection, told: DueNotice, names: Sequence[str]) -> None:
    """Store one notification, once, for these subscriptions."""
    event = told.event
    row = insert(NotificationRow).values(
        event_id=event_id(event["entity_id"], event["sequence"], told.type),
        type=told.type,
        entity=event["entity_id"],
        sequence=event["sequence"],
        plant=told.notice.plant,
        occurred_at=event["business_time"],
        data=told.notice.model_dump(mode="json", exclude_none=True),
    )
    stored = await connection.scalar(row.on_conflict_do_nothing().returning(NotificationRow.id))
    if stored is None:
        return
    deliveries = [{"notification_id": stored, "subscription": name, "entity": event["entity_id"]} for name in names]
    await connection.execute(insert(DeliveryRow), deliveries)


def event_id(entity: str, sequence: int, type: NotificationType) -> str:
    """The CloudEvents id, and the receivers' idempotency key."""
    return f"msg_{short_hash(entity, str(sequence), type, length=26)}"


def told_of(appended: Appended) -> list[DueNotice]:
    """The new events that are told, in their order; of several changes of a coverage at once the last."""
    states = {each.audit_batch.snapshot.id: each for each in sorted(appended.standing, key=lambda each: each.position)}
    found: dict[tuple[object, ...], DueNotice] = {}
    for event in appended.new:
        type, standing = _TYPES.get(event["kind"]), states.get(event["entity_id"])
        if type is None or standing is None:
            continue
        try:
            notice = _notice(type, event, standing.audit_batch.snapshot)
        except ValueError:
            # What can't be told must not keep the entity from being recorded.
            log.exception("%s of %s can't be told", event["kind"], event["entity_id"])
            continue
        if notice is not None:
            last_alone = type is NotificationType.COVERAGE_CHANGED
            found[event["entity_id"], type if last_alone else event["sequence"]] = DueNotice(type, event, notice)
    return list(found.values())


def _notice(type: NotificationType, event: Row, snapshot: Snapshot) -> Notice | None:
    match snapshot:
        case ExceptionSnapshot():
            return _question(type, event, snapshot)
        case RequirementSnapshot():
            return _coverage(snapshot)
        case OrderSnapshot():
            return _sent(snapshot, event["data"])
        case _:
            return None


_OF_PROPOSAL = (
    "plant",
    "kind",
    "rule",
    "item",
    "supplier",
    "order_number",
    "quantity",
    "short_quantity",
    "unit",
    "available_on",
    "working_days_late",
    "latest_safe_date",
    "criticality",
    "summary",
    "value",
    "currency",
)


def question_fields(snapshot: ExceptionSnapshot) -> dict[str, Any]:
    """What a notification says of a question."""
    proposal = snapshot.proposal
    return {name: getattr(proposal, name) for name in _OF_PROPOSAL} | {
        "exception": snapshot.id,
        "assignee": snapshot.assignee,
        "on_behalf_of": snapshot.on_behalf_of,
        "digest": snapshot.digest,
        "opened_at": snapshot.opened_at,
    }


def _question(type: NotificationType, event: Row, snapshot: ExceptionSnapshot) -> QuestionNotice:
    fields = question_fields(snapshot)
    if type is NotificationType.EXCEPTION_OPENED:
        return ExceptionOpened(**fields)
    if type is NotificationType.EXCEPTION_ESCALATED:
        # Of a question that has moved on meanwhile: whom this level asked.
        asked = {"assignee": event["data"].get("to", snapshot.assignee)}
        step = "reminded" if event["kind"] == "exception.reminded" else "escalated"
        return ExceptionEscalated(**fields | asked, step=step)
    decided = snapshot.state is ExceptionState.DECIDED
    choice = snapshot.decision.choice if snapshot.decision else None
    return ExceptionClosed(**fields, outcome="decided" if decided else "overtaken", choice=choice)


def _coverage(snapshot: RequirementSnapshot) -> CoverageChangedNotice:
    need = snapshot.need
    return CoverageChangedNotice(
        requirement=snapshot.id,
        plant=need.plant,
        item=need.item,
        source=need.source,
        demand_reference=need.demand_reference,
        stage=snapshot.stage,
        needed=snapshot.needed,
        unit=need.unit,
        required_date=need.required_date,
        from_stock=snapshot.from_stock,
        coverage=snapshot.coverage,
    )


def _sent(snapshot: OrderSnapshot, data: Mapping[str, Any]) -> OrderSent:
    return OrderSent(
        order=snapshot.id,
        plant=snapshot.plant,
        order_number=snapshot.order_number,
        supplier=snapshot.supplier,
        supplier_name=snapshot.supplier_name,
        revision=data.get("revision", snapshot.revision),
        changed_lines=tuple(data.get("changed", ())),
        currency=snapshot.currency,
        lines=tuple(
            SentLine(
                line=line.line,
                item=line.item,
                quantity=line.quantity,
                unit=line.unit,
                delivery_date=line.delivery_date,
                cancelled=line.cancelled,
                price=line.price,
            )
            for line in snapshot.lines
        ),
    )


def stored_notice(type: NotificationType, data: Mapping[str, Any]) -> Notice:
    """A notification's content as it was stored."""
    return NOTICES[type].model_validate(data)
