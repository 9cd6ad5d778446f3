"""Databases that are emptied and used again: making one takes longer than most tests, and truncating one, too.

Each test has an engine of its own, and SQLAlchemy compiles every statement anew for each engine, which was a tenth of
the tests' processor time. Here all engines of a process share what one of them has compiled.
"""

from functools import cache, partial

import asyncpg
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from ledger import database
from ledger.database import Base
from tools.postgres import Postgres


class OneDialect(PGDialect_asyncpg):
    """All of a process are the same: they speak to one server."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OneDialect)

    def __hash__(self) -> int:
        return hash(OneDialect)


def share_compiled_statements() -> None:
    """Among the engines that the ledger makes from now on."""
    registry.register("postgresql.asyncpg", __name__, OneDialect.__name__)
    sharing = partial(create_async_engine, execution_options={"compiled_cache": {}})
    setattr(database, create_async_engine.__name__, sharing)


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
