"""Call slots: the moments at which any process of the installation may call a counterpart, each given out once.

The rate of all calls to one counterpart is held here, since this database is what all processes have in common.
"""

from datetime import timedelta

from sqlalchemy import func, literal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.database import autocommit
from ledger.inbox.tables import CallSlotRow


class CallSlots:
    """Gives slots out."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def take(self, counterpart: str, slots: int, per_second: float) -> float:
        """Take so many slots in a row; returns the seconds until the first, the others follow at the rate.

        Slots of the past are not kept for later. Raises TransientError where the database does not answer.
        """
        now, span = func.clock_timestamp(), timedelta(seconds=slots / per_second)
        row = insert(CallSlotRow).values(counterpart=counterpart, free_at=now + span)
        row = row.on_conflict_do_update(
            index_elements=[CallSlotRow.counterpart],
            set_={"free_at": func.greatest(CallSlotRow.free_at, now) + literal(span)},
        )
        wait = func.extract("epoch", CallSlotRow.free_at - literal(span) - now)
        async with autocommit(self._engine) as connection:
            return max(0.0, float(await connection.scalar(row.returning(wait)) or 0))


__all__ = ["CallSlots"]
