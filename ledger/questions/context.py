"""What a person needs to see beside a question: the requirement and orders that it is about, who shares them, what the
supplier said, and what happened to the question so far.

Nothing is decided here. A few indexed reads by id; nothing grows with the number of questions.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import or_, select, union
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.audit_event import AuditEvent
from canonical.base import Instant, Model
from canonical.records import ExceptionSnapshot, OrderSnapshot, RequirementSnapshot
from ledger.database import autocommit
from ledger.events.chains import audit_event_of
from ledger.events.tables import AuditEventRow
from ledger.inbox.tables import InboxRow
from ledger.questions.tables import WaitingRow
from ledger.snapshots.tables import OrderLineRow, OrderRecord, RequirementRecord

ORDERS_MAX, REQUIREMENTS_MAX, MESSAGES_MAX, EVENTS_MAX = 5, 60, 6, 200


class SupplierMessage(Model):
    """An incoming message about an order, as it was parsed."""

    type: str
    source: str
    received_at: Instant
    content: str
    """JSON."""


class QuestionContext(Model):
    """What is known around a question."""

    requirement: RequirementSnapshot | None
    """That raised it; None: an order, a change or a plan run did."""
    orders: tuple[OrderSnapshot, ...]
    """That are in question, the newest first."""
    requirements: tuple[RequirementSnapshot, ...]
    """Those with a share in these orders, or that wait for the same decision; the earliest required first."""
    waiting: tuple[str, ...]
    """Requirements that wait for the decision, where several share the question."""
    messages: tuple[SupplierMessage, ...]
    """About these orders, the newest first."""
    events: tuple[AuditEvent, ...]
    """Of the question, the oldest first."""


class QuestionContexts:
    """Assembles contexts."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of(self, question: ExceptionSnapshot, message_types: Sequence[str]) -> QuestionContext:
        """The context of a question; of the messages those of these types."""
        async with autocommit(self._engine) as connection:
            orders = await _orders(connection, question)
            waiting = await _waiting(connection, question.id)
            ids = dict.fromkeys((question.raised_by, *waiting, *_served(orders)))
            requirements = await _requirements(connection, [each for each in ids if each.startswith("requirement/")])
            numbered = [order for order in orders if order.order_number]
            messages = await _messages(connection, numbered, message_types) if numbered else []
            events = await _events(connection, question.id)
        return QuestionContext(
            requirement=next((each for each in requirements if each.id == question.raised_by), None),
            orders=tuple(orders),
            requirements=tuple(each for each in requirements if each.id != question.raised_by),
            waiting=waiting,
            messages=tuple(messages),
            events=tuple(events),
        )


async def _orders(connection: AsyncConnection, question: ExceptionSnapshot) -> list[OrderSnapshot]:
    """The order that asks, or those that serve the requirement that does; else the one that the question names."""
    raised_by, number = question.raised_by, question.proposal.order_number
    asked: list[Any] = []
    if raised_by.startswith("order/"):
        asked.append(select(OrderRecord.id).where(OrderRecord.id == raised_by))
    elif raised_by.startswith("requirement/"):
        asked.append(select(OrderLineRow.order_id).where(OrderLineRow.requirement_id == raised_by))
        # A share of a line that another requirement opened has no row of its own.
        asked.append(
            select(OrderRecord.id).where(OrderRecord.id.in_(_order_ids(await _snapshot(connection, raised_by))))
        )
    if number is not None:
        of_plant = OrderRecord.plant == question.proposal.plant
        asked.append(select(OrderRecord.id).where(OrderRecord.order_number == number, of_plant))
    if not asked:
        return []
    query = (
        select(OrderRecord.snapshot)
        .where(OrderRecord.id.in_(union(*asked)))
        .order_by(OrderRecord.closed, OrderRecord.recorded_at.desc())
        .limit(ORDERS_MAX)
    )
    return list((await connection.scalars(query)).all())


async def _snapshot(connection: AsyncConnection, requirement: str) -> RequirementSnapshot | None:
    return await connection.scalar(select(RequirementRecord.snapshot).where(RequirementRecord.id == requirement))


def _order_ids(requirement: RequirementSnapshot | None) -> list[str]:
    return [] if requirement is None else list(requirement.order_ids[-ORDERS_MAX:])


async def _waiting(connection: AsyncConnection, question: str) -> tuple[str, ...]:
    query = select(WaitingRow.requirement_id).where(WaitingRow.exception_id == question)
    query = query.order_by(WaitingRow.requirement_id).limit(REQUIREMENTS_MAX)
    return tuple((await connection.scalars(query)).all())


def _served(orders: Iterable[OrderSnapshot]) -> list[str]:
    return [
        requirement
        for order in orders
        for line in order.lines
        if not line.cancelled
        for requirement in (line.requirement_id, *(share.requirement_id for share in line.shares if share.quantity))
    ]


async def _requirements(connection: AsyncConnection, ids: Sequence[str]) -> list[RequirementSnapshot]:
    record = RequirementRecord
    query = select(record.snapshot).where(record.id.in_(ids[:REQUIREMENTS_MAX]), record.snapshot.is_not(None))
    return [each for each in await connection.scalars(query.order_by(record.required_date, record.id)) if each]


async def _messages(
    connection: AsyncConnection, orders: Sequence[OrderSnapshot], types: Sequence[str]
) -> list[SupplierMessage]:
    row, numbers = InboxRow, [order.order_number for order in orders]
    theirs = or_(row.order_id.is_(None), row.order_id.in_([order.id for order in orders]))
    query = (
        select(row.type, row.source, row.received_at, row.message.label("content"))
        .where(row.entity.in_(numbers), row.type.in_(types), row.message.is_not(None), theirs)
        .order_by(row.id.desc())
        .limit(MESSAGES_MAX)
    )
    return [SupplierMessage.model_validate(found._mapping) for found in await connection.execute(query)]


async def _events(connection: AsyncConnection, question: str) -> list[AuditEvent]:
    row = AuditEventRow
    query = select(row.__table__).where(row.entity_id == question, ~row.superseded)
    found = await connection.execute(query.order_by(row.position.desc()).limit(EVENTS_MAX))
    return [audit_event_of(each._mapping) for each in found][::-1]


__all__ = ["QuestionContext", "QuestionContexts", "SupplierMessage"]
