"""The landscapes that were in force: what an order's `landscape` names can be read again, however the file is now."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.database import autocommit
from ledger.landscape.tables import LandscapeRow


class Landscapes:
    """Keeps each version once."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def keep(self, version: str, systems: Mapping[str, str], said: str) -> dict[str, str]:
        """Keep a version; returns all systems that there ever were, with their kinds as last named."""
        row = LandscapeRow
        kept = insert(row).values(version=version, systems=dict(systems), said=said)
        async with autocommit(self._engine) as connection:
            await connection.execute(kept.on_conflict_do_nothing(index_elements=[row.version]))
            known = await connection.scalars(select(row.systems).order_by(row.first_at))
            found: dict[str, str] = {}
            for each in known:
                found |= each
        return found | dict(systems)

    async def said(self, version: str) -> str | None:
        """What a version said; None: it was never in force."""
        async with autocommit(self._engine) as connection:
            found: str | None = await connection.scalar(
                select(LandscapeRow.said).where(LandscapeRow.version == version)
            )
        return found


__all__ = ["Landscapes"]
