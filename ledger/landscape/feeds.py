"""How far each ERP was asked for changes, and when it is asked next, for changes and for stock.

Decided here: that one worker at a time asks, and that a notification makes it the time to ask. Not here: what is asked,
and how often.
"""

import datetime as dt
import secrets
from typing import NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.database import autocommit
from ledger.landscape.tables import ChangeFeedRow


class Feed(NamedTuple):
    """The turn to ask an ERP."""

    since: dt.datetime
    """All changes before are known."""
    client_state: str
    """The secret by which it notifies."""


def deletions(system: str) -> str:
    """The feed of the orders that are deleted there."""
    return f"{system}/deleted"


class Feeds:
    """One feed a system, and one `SYSTEM/stock` for its stock; its first turn begins when it is first asked for."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def turn(self, system: str, every_seconds: float) -> Feed | None:
        """The turn to ask, which is the caller's for so long; None: it is not time yet, or another worker's turn."""
        row = ChangeFeedRow
        new = insert(row).values(system=system, client_state=secrets.token_urlsafe(32))
        now = func.clock_timestamp()
        mine = update(row).where(row.system == system, row.next_at <= now)
        taken = mine.values(next_at=now + dt.timedelta(seconds=every_seconds)).returning(row.since, row.client_state)
        async with autocommit(self._engine) as connection:
            await connection.execute(new.on_conflict_do_nothing(index_elements=[row.system]))
            found = (await connection.execute(taken)).one_or_none()
        return None if found is None else Feed(found.since, found.client_state)

    async def asked(self, system: str, since: dt.datetime) -> None:
        """All changes before this moment are known now."""
        row = ChangeFeedRow
        async with autocommit(self._engine) as connection:
            await connection.execute(update(row).where(row.system == system, row.since < since).values(since=since))

    async def client_state(self, system: str) -> str | None:
        """The secret by which the system notifies; None: nobody asks it for changes."""
        row = ChangeFeedRow
        async with autocommit(self._engine) as connection:
            found: str | None = await connection.scalar(select(row.client_state).where(row.system == system))
        return found

    async def notified(self, system: str) -> None:
        """Something changed there: it is asked at once."""
        row = ChangeFeedRow
        async with autocommit(self._engine) as connection:
            await connection.execute(update(row).where(row.system == system).values(next_at=func.clock_timestamp()))


__all__ = ["Feed", "Feeds", "deletions"]
