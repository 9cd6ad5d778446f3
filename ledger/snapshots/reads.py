"""Reads for lists, traces and inboxes: the last recorded snapshots, in keyset pages.

Nothing is decided here. No read lists workflows; a single entity's present state comes from its `status` query.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, func, or_, select, union
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.audit_event import AuditEvent
from canonical.base import Instant, Model
from canonical.records import (
    ChangeSnapshot,
    ChangeStage,
    EndedEntity,
    ExceptionSnapshot,
    ExceptionState,
    OrderSnapshot,
    RequirementSnapshot,
)
from ledger.consolidation.tables import SupplyRequestRow
from ledger.database import autocommit, of_plants
from ledger.events.chains import audit_event_of, counts
from ledger.events.tables import AuditEventRow
from ledger.inbox.dead_letters import LetterState
from ledger.inbox.inbox import UNDELIVERED, InboxMessage, message_query
from ledger.inbox.tables import DeadLetterRow, InboxRow
from ledger.paging import Page, cursor, key_of
from ledger.questions.tables import WaitingRow
from ledger.snapshots.tables import (
    ChangeRecord,
    EndedRow,
    ExceptionRecord,
    OrderLineRow,
    OrderRecord,
    RequirementRecord,
)


class RequirementRow(Model):
    """A requirement as last recorded; `position` is that of the event that led to this state."""

    snapshot: RequirementSnapshot
    position: int
    recorded_at: Instant


class OrderRow(Model):
    """An order as last recorded."""

    snapshot: OrderSnapshot
    position: int
    recorded_at: Instant


class ExceptionRow(Model):
    """An exception as last recorded."""

    snapshot: ExceptionSnapshot
    waiting: int = 0
    """Requirements that wait for its decision, where several share the question."""
    risk: Decimal | None = None
    """The chance, 0 to 1, that a pegged date is missed; None: it can't be told."""
    risk_why: str = ""
    position: int
    recorded_at: Instant


class ChangeRow(Model):
    """An engineering change as last recorded."""

    snapshot: ChangeSnapshot
    position: int
    recorded_at: Instant


class WaitingSummary(Model):
    """The backlog: what waits for delivery and what waits for people."""

    undelivered: int
    oldest_undelivered_at: Instant | None
    open_dead_letters: int
    open_exceptions: int


class Reads:
    """Answers the gateway."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def ended(self, entity: str) -> EndedEntity | None:
        """The state of an ended requirement or order; None where it has not ended, or nothing can be taken back."""
        async with autocommit(self._engine) as connection:
            query = select(EndedRow.state).where(EndedRow.id == entity, EndedRow.state != "")
            state = (await connection.execute(query)).scalar_one_or_none()
            recorded = await counts(connection, [entity])
        return None if state is None else EndedEntity(state=state, sequence=recorded.get(entity, 0))

    async def requirement(self, requirement_id: str) -> RequirementRow | None:
        """One requirement; None where it has recorded nothing yet."""
        rows = await self._all(_requirement_query().where(RequirementRecord.id == requirement_id))
        return RequirementRow.model_validate(rows[0]) if rows else None

    async def orders_of(self, requirement_id: str) -> list[OrderRow]:
        """The orders that serve or served the requirement, by id."""
        served = union(
            select(OrderLineRow.order_id).where(OrderLineRow.requirement_id == requirement_id),
            select(SupplyRequestRow.order_id).where(SupplyRequestRow.requirement_id == requirement_id),
        )
        rows = await self._all(_order_query().where(OrderRecord.id.in_(served)).order_by(OrderRecord.id))
        return [OrderRow.model_validate(row) for row in rows]

    async def order(self, order_id: str) -> OrderRow | None:
        """One order; None where it has recorded nothing yet."""
        rows = await self._all(_order_query().where(OrderRecord.id == order_id))
        return OrderRow.model_validate(rows[0]) if rows else None

    async def exception(self, exception_id: str) -> ExceptionRow | None:
        """One exception; None where it has recorded nothing yet."""
        rows = await self._all(exception_query().where(ExceptionRecord.id == exception_id))
        return ExceptionRow.model_validate(rows[0]) if rows else None

    async def changes(
        self,
        *,
        plant: str | None = None,
        plants: Collection[str] | None = None,
        assembly: str | None = None,
        stage: ChangeStage | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[ChangeRow]:
        """Engineering changes by id, without those that have recorded nothing yet; `plants`: of these plants alone."""
        query = _change_query().order_by(ChangeRecord.id).limit(limit + 1)
        if plant is not None:
            query = query.where(ChangeRecord.plant == plant)
        query = query.where(*of_plants(ChangeRecord.plant, plants))
        if assembly is not None:
            query = query.where(ChangeRecord.assembly == assembly)
        if stage is not None:
            query = query.where(ChangeRecord.stage == stage)
        if after is not None:
            query = query.where(ChangeRecord.id > key_of(after, 1)[0])
        rows = [ChangeRow.model_validate(row) for row in await self._all(query)]
        return Page[ChangeRow](
            items=tuple(rows[:limit]), next=cursor(rows[limit - 1].snapshot.id) if len(rows) > limit else None
        )

    async def change(self, change_id: str) -> ChangeRow | None:
        """One engineering change; None where it has recorded nothing yet."""
        rows = await self._all(_change_query().where(ChangeRecord.id == change_id))
        return ChangeRow.model_validate(rows[0]) if rows else None

    async def audit_events_of_kind(self, entity_ids: Sequence[str], kinds: Sequence[str]) -> list[AuditEvent]:
        """The audit events of these entities and kinds, oldest first: not a chain, since events between them are left
        out.
        """
        row = AuditEventRow
        query = select(row.__table__).where(row.entity_id.in_(list(entity_ids)), row.kind.in_(list(kinds)))
        query = query.where(~row.superseded)
        return [audit_event_of(found) for found in await self._all(query.order_by(row.processing_time, row.entity_id))]

    async def recorded_between(
        self, kind: str, entities: str, begins: dt.datetime, ends: dt.datetime
    ) -> list[AuditEvent]:
        """The audit events of a kind of entities whose id begins so, recorded in that time, oldest first."""
        row = AuditEventRow
        query = select(row.__table__).where(row.kind == kind, row.processing_time >= begins, row.processing_time < ends)
        query = query.where(~row.superseded, row.entity_id.startswith(entities, autoescape=True))
        return [audit_event_of(found) for found in await self._all(query.order_by(row.processing_time, row.sequence))]

    async def audit_events(self, entity_ids: Sequence[str]) -> list[AuditEvent]:
        """The whole chains of these entities, in the given order, each from its first event on.

        Includes events that a later attempt replaced (canonical.audit_event.in_force).
        """
        query = (
            select(AuditEventRow.__table__)
            .where(AuditEventRow.entity_id.in_(list(entity_ids)))
            .order_by(AuditEventRow.position)
        )
        place = {entity_id: number for number, entity_id in enumerate(entity_ids)}
        return sorted(
            (audit_event_of(row) for row in await self._all(query)),
            key=lambda audit_event: place[audit_event.entity_id],
        )

    async def inbox_of(self, entity: str, order: str | None = None) -> list[InboxMessage]:
        """Incoming messages for an entity (requirement id or order number), oldest first.

        `order`: for an order number, the order: those that were delivered to another one of the number are left out.
        """
        query = message_query().where(InboxRow.entity == entity).order_by(InboxRow.id)
        if order is not None:
            query = query.where(or_(InboxRow.order_id.is_(None), InboxRow.order_id == order))
        rows = await self._all(query)
        return [InboxMessage.model_validate(row) for row in rows]

    async def waiting_summary(self) -> WaitingSummary:
        """The backlog, for health checks and metrics."""
        waits = InboxRow.status == UNDELIVERED
        query = select(
            select(func.count()).where(waits).scalar_subquery().label("undelivered"),
            select(func.min(InboxRow.received_at)).where(waits).scalar_subquery().label("oldest_undelivered_at"),
            _count_of(DeadLetterRow.state == LetterState.OPEN).label("open_dead_letters"),
            _count_of(ExceptionRecord.state == ExceptionState.OPEN).label("open_exceptions"),
        )
        return WaitingSummary.model_validate((await self._all(query))[0])

    async def _all(self, query: Select[*tuple[Any, ...]]) -> list[Any]:
        async with autocommit(self._engine) as connection:
            return [row._mapping for row in await connection.execute(query)]


def _count_of(condition: Any) -> Any:
    return select(func.count()).where(condition).scalar_subquery()


def _requirement_query() -> Select[*tuple[Any, ...]]:
    record = RequirementRecord
    return select(record.snapshot, record.position, record.recorded_at).where(record.position.is_not(None))


def _order_query() -> Select[*tuple[Any, ...]]:
    return select(OrderRecord.snapshot, OrderRecord.position, OrderRecord.recorded_at)


def exception_query() -> Select[*tuple[Any, ...]]:
    """Exceptions as a whole, as ExceptionRow reads them."""
    record = ExceptionRecord
    waiting = select(func.count()).where(WaitingRow.exception_id == record.id).scalar_subquery()
    return select(
        record.snapshot, record.position, record.recorded_at, record.risk, record.risk_why, waiting.label("waiting")
    )


def _change_query() -> Select[*tuple[Any, ...]]:
    record = ChangeRecord
    return select(record.snapshot, record.position, record.recorded_at).where(record.position.is_not(None))
