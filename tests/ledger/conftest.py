"""One database for the ledger's tests, emptied before each: creating one takes longer than most tests."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.database import connect, migrate
from ledger.ledger import Ledger
from tests.databases import empty
from tools.postgres import Postgres


@pytest.fixture(scope="session")
async def ledger_database(postgres_server: Postgres) -> str:
    url = await postgres_server.create("ledger")
    await migrate(url)
    return url


@pytest.fixture(scope="session")
async def ledger_engine(ledger_database: str) -> AsyncIterator[AsyncEngine]:
    engine = await connect(ledger_database)
    yield engine
    await engine.dispose()


@pytest.fixture
async def engine(ledger_engine: AsyncEngine) -> AsyncEngine:
    async with ledger_engine.begin() as connection:
        await empty(connection)
    return ledger_engine


@pytest.fixture
async def database_url(ledger_database: str, engine: AsyncEngine) -> str:
    return ledger_database


@pytest.fixture
def ledger(engine: AsyncEngine) -> Ledger:
    return Ledger(engine)
