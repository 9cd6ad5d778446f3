"""What is not measured yet: which entities have recorded events that the measures do not have yet, and their measuring.

Recording only notes the entity; measuring follows, some entities at a time, so that a decision does not wait for
figures. A note is a hint: the position up to which an entity is measured decides what is new, so that nothing counts
twice however often it is noted.
"""

import datetime as dt
from typing import NamedTuple

from sqlalchemy import BigInteger, Boolean, Text, any_, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.database import advisory_key, autocommit, transaction
from ledger.events.chains import Appended
from ledger.kpis.measures import measure, measure_again
from ledger.kpis.tables import DueRow

_AT_ONCE = 500
"""Notes that one transaction takes."""
_ONE_AT_A_TIME = advisory_key("kpis")


async def note(connection: AsyncConnection, appended: Appended) -> None:
    """Note the entities of new events, in the transaction that records them."""
    ids = sorted({row["entity_id"] for row in appended.new})
    if ids:
        await connection.execute(_NOTE, {"ids": ids, "replaced": [each in appended.replaced for each in ids]})


class UnmeasuredSince(NamedTuple):
    """What waits to be measured."""

    since: dt.datetime
    age: dt.timedelta
    """By the database's clock."""


class Unmeasured:
    """What is recorded and not measured."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def clear(self) -> int:
        """Measure what was noted so far; returns how many notes. None are left but those that came meanwhile."""
        cleared = 0
        while taken := await self.measure():
            cleared += taken
            if taken < _AT_ONCE:
                break
        return cleared

    async def measure(self) -> int:
        """Measure the oldest notes in one transaction; returns how many. Concurrent calls take turns."""
        async with transaction(self._engine) as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
            notes = (await connection.execute(_OLDEST)).all()
            await connection.execute(_DONE, {"numbers": [each.number for each in notes]})
            replaced = {each.entity_id for each in notes if each.replaced}
            await measure(connection, list(dict.fromkeys(each.entity_id for each in notes)), replaced)
        return len(notes)

    async def rebuild(self) -> int:
        """Measure everything again from the events in force; returns how many entities."""
        async with transaction(self._engine) as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
            await connection.execute(delete(DueRow))
            return await measure_again(connection)

    async def waiting(self) -> UnmeasuredSince | None:
        """The oldest event that is not measured; None: the measures have all."""
        async with autocommit(self._engine) as connection:
            row = (await connection.execute(_WAITING)).one_or_none()
            return None if row is None else UnmeasuredSince(row.recorded_at, row.age)


_NOTE = insert(DueRow).from_select(
    ["entity_id", "replaced"],
    select(func.unnest(bindparam("ids", type_=ARRAY(Text))), func.unnest(bindparam("replaced", type_=ARRAY(Boolean)))),
)
"""One statement for all: recording waits for it."""
_OLDEST = select(DueRow.number, DueRow.entity_id, DueRow.replaced).order_by(DueRow.number).limit(_AT_ONCE)
_DONE = delete(DueRow).where(DueRow.number == any_(bindparam("numbers", type_=ARRAY(BigInteger))))
_WAITING = select(DueRow.recorded_at, (func.now() - DueRow.recorded_at).label("age")).order_by(DueRow.number).limit(1)
