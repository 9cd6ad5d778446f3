"""Recorded decisions, read one by one: the input of a backtest under other policies.

Decided here: that all are read in one snapshot, in a read-only transaction. Not here: which audit events hold a
decision, and the decisions under other policies (backtest).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.audit_event import AuditEvent
from ledger.database import failures
from ledger.events.chains import audit_event_of
from ledger.events.tables import AuditEventRow

_AT_ONCE = 500
"""Rows in memory at a time."""


class RecordedDecisions:
    """The decisions of one moment; open it with `read_decided`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def count(self, kinds: Sequence[str], since: datetime, plant: str | None = None) -> int:
        """The number of audit events of these kinds recorded since then (processing time), at one plant or all."""
        with failures():
            query = select(func.count()).select_from(AuditEventRow).where(_recorded(kinds, since, plant))
            return await self._connection.scalar(query) or 0

    async def audit_events(
        self, kinds: Sequence[str], since: datetime, plant: str | None = None
    ) -> AsyncIterator[AuditEvent]:
        """Those audit events, kind by kind in the order of their processing time; streamed in small chunks."""
        for kind in kinds:
            query = (
                select(AuditEventRow.__table__)
                .where(_recorded([kind], since, plant))
                .order_by(AuditEventRow.processing_time, AuditEventRow.entity_id, AuditEventRow.position)
                .execution_options(yield_per=_AT_ONCE)
            )
            with failures():
                async with self._connection.stream(query) as rows:
                    async for row in rows:
                        yield audit_event_of(row._mapping)


@asynccontextmanager
async def read_decided(engine: AsyncEngine) -> AsyncIterator[RecordedDecisions]:
    """One read-only snapshot of the ledger: PostgreSQL itself refuses any write in it."""
    with failures():
        connection = await engine.connect()
    try:
        with failures():
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield RecordedDecisions(connection)
    finally:
        await connection.close()


def _recorded(kinds: Sequence[str], since: datetime, plant: str | None) -> ColumnElement[bool]:
    recorded = and_(
        AuditEventRow.kind.in_(list(kinds)), AuditEventRow.processing_time >= since, ~AuditEventRow.superseded
    )
    if plant is None:
        return recorded
    of_plant = [AuditEventRow.entity_id.startswith(f"{entity}/{plant}/", autoescape=True) for entity in _ENTITIES]
    return and_(recorded, or_(*of_plant))


_ENTITIES = ("requirement", "order")
"""Entities whose ids name the plant (canonical.identity)."""
