"""Databases that are emptied and used again: making one takes longer than most tests, and truncating one, too."""

from functools import cache

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import Base
from tools.postgres import Postgres


@cache
def _deletes() -> str:
    return "; ".join(f"DELETE FROM {table.name}" for table in reversed(Base.metadata.sorted_tables))


async def empty(connection: AsyncConnection) -> None:
    """Delete all rows, in the caller's transaction."""
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert isinstance(driver, asyncpg.Connection)
    await driver.execute(_deletes())


class Databases:
    """Migrated databases without rows."""

    def __init__(self, server: Postgres, template: str) -> None:
        self._server = server
        self._template = template
        self._free: list[str] = []
        self._made = 0

    async def take(self) -> str:
        """One that nobody uses."""
        if self._free:
            return self._free.pop()
        self._made += 1
        name = f"test_{self._made}"
        await self._server.create(name, template=self._template)
        return name

    async def give_back(self, name: str) -> None:
        """Empty it for the next one, once whoever is still connected is gone."""
        url = self._server.url(name)
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            await connection.execute(_END_OTHERS)
            await connection.execute(_deletes())
        finally:
            await connection.close()
        self._free.append(name)

    def url(self, name: str) -> str:
        """Its address."""
        return self._server.url(name)


_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
