"""Leases: one holder at a time in the whole installation, and only as long as it proves to be alive.

A holder renews its lease; one that is frozen, cut off or gone loses it when it expires. The fence rises with each new
holder, so that late writes of a former one can be recognized and refused (`fenced`).
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import BigInteger, ColumnElement, bindparam, exists, func, or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.errors import TransientError
from ledger.database import autocommit
from ledger.inbox.tables import LeaseRow

logger = logging.getLogger(__name__)

RELAY = "relay"


class Lease:
    """A lease that was acquired; `held` until it expires by this machine's clock, or another process acquires it."""

    def __init__(self, name: str, holder: str, fence: int, until: float) -> None:
        self.name = name
        self.holder = holder
        self.fence = fence
        self._until = until

    @property
    def held(self) -> bool:
        """Whether it is held now."""
        return _clock() < self._until

    def extend(self, until: float) -> None:
        """Record a renewal."""
        self._until = until

    def lose(self) -> None:
        """Record that another process has it, or that it was released."""
        self._until = 0.0


class Leases:
    """Hands out leases."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def held(self, name: str, seconds: float) -> AsyncIterator[Lease | None]:
        """The lease, renewed until the end of the block; None where another process holds it."""
        lease = await self.take(name, seconds)
        if lease is None:
            yield None
            return
        renewing = asyncio.create_task(self._keep(lease, seconds), name=f"lease {name}")
        try:
            yield lease
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            with contextlib.suppress(TransientError):  # it expires in any case
                await self.give_back(lease)

    async def take(self, name: str, seconds: float) -> Lease | None:
        """Acquire the lease for so long; None where another process holds it."""
        holder, asked_at = uuid4().hex, _clock()
        row = insert(LeaseRow).values(name=name, holder=holder, fence=1, expires_at=_in(seconds))
        row = row.on_conflict_do_update(
            index_elements=[LeaseRow.name],
            set_={"holder": row.excluded.holder, "fence": LeaseRow.fence + 1, "expires_at": row.excluded.expires_at},
            where=LeaseRow.expires_at <= func.clock_timestamp(),
        )
        async with autocommit(self._engine) as connection:
            fence = await connection.scalar(row.returning(LeaseRow.fence))
        return None if fence is None else Lease(name, holder, fence, asked_at + seconds)

    async def renew(self, lease: Lease, seconds: float) -> bool:
        """Renew it for so long from now; False where another process has acquired it."""
        asked_at = _clock()
        mine = update(LeaseRow).where(LeaseRow.name == lease.name, LeaseRow.fence == lease.fence)
        async with autocommit(self._engine) as connection:
            kept = await connection.scalar(mine.values(expires_at=_in(seconds)).returning(LeaseRow.fence))
        if kept is None:
            lease.lose()
            return False
        lease.extend(asked_at + seconds)
        return True

    async def give_back(self, lease: Lease) -> None:
        """Release it at once."""
        lease.lose()
        mine = update(LeaseRow).where(LeaseRow.name == lease.name, LeaseRow.fence == lease.fence)
        async with autocommit(self._engine) as connection:
            await connection.execute(mine.values(expires_at=func.clock_timestamp()))

    async def _keep(self, lease: Lease, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds / 3)
            try:
                if not await self.renew(lease, seconds):
                    logger.warning("the %s's lease was lost to another process; this one stops", lease.name)
                    return
            except TransientError as error:
                logger.warning("the %s's lease could not be renewed: %s", lease.name, error)


def fenced() -> ColumnElement[bool]:
    """An update's condition: `fence` is None, or that of the present holder of the relay's lease."""
    fence: Any = bindparam("fence", type_=BigInteger)
    return or_(fence.is_(None), exists().where(LeaseRow.name == RELAY, LeaseRow.fence == fence))


def _in(seconds: float) -> Any:
    return func.clock_timestamp() + timedelta(seconds=seconds)


def _clock() -> float:
    """Monotonic seconds, including the machine's sleep where it can measure that."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


__all__ = ["RELAY", "Lease", "Leases", "fenced"]
