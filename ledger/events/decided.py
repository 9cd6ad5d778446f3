"""Decisions as they were recorded, read anew one by one: what a comparison under other policies starts from.

Decided here: that all of them are read in one snapshot, in a transaction that can't write. Not here: which facts hold
a decision and what would have been decided instead (shadow).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.facts import Fact
from ledger.database import failures
from ledger.events.chains import fact_of
from ledger.events.tables import FactRow

_AT_ONCE = 500
"""Rows that are in memory at a time."""


class Decided:
    """The decisions of one moment; open it with `read_decided`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def count(self, kinds: Sequence[str], since: datetime, plant: str | None = None) -> int:
        """How many facts of these kinds were noted since (processing time), at one plant or at all."""
        with failures():
            query = select(func.count()).select_from(FactRow).where(_noted(kinds, since, plant))
            return await self._connection.scalar(query) or 0

    async def facts(self, kinds: Sequence[str], since: datetime, plant: str | None = None) -> AsyncIterator[Fact]:
        """Those facts, kind by kind in the order of their processing time; a few at a time, however many there are."""
        for kind in kinds:
            query = (
                select(FactRow.__table__)
                .where(_noted([kind], since, plant))
                .order_by(FactRow.processing_time, FactRow.entity_id, FactRow.position)
                .execution_options(yield_per=_AT_ONCE)
            )
            with failures():
                async with self._connection.stream(query) as rows:
                    async for row in rows:
                        yield fact_of(row._mapping)


@asynccontextmanager
async def read_decided(engine: AsyncEngine) -> AsyncIterator[Decided]:
    """One read-only snapshot of the ledger: PostgreSQL itself refuses any write in it."""
    with failures():
        connection = await engine.connect()
    try:
        with failures():
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield Decided(connection)
    finally:
        await connection.close()


def _noted(kinds: Sequence[str], since: datetime, plant: str | None) -> ColumnElement[bool]:
    noted = and_(FactRow.kind.in_(list(kinds)), FactRow.processing_time >= since, ~FactRow.superseded)
    if plant is None:
        return noted
    of_plant = [FactRow.entity_id.startswith(f"{entity}/{plant}/", autoescape=True) for entity in _ENTITIES]
    return and_(noted, or_(*of_plant))


_ENTITIES = ("requirement", "order")
"""Whose ids name the plant (canonical.identity)."""
