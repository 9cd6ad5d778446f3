import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from adapters.errors import PermanentError, TransientError
from ledger.database import Base, asyncpg_url, autocommit, connect, failures, migrate, transaction
from ledger.ledger import Ledger
from tools.postgres import Postgres

CATALOG = """
SELECT 'column', table_name, column_name, concat_ws(' ', data_type, is_nullable, column_default, is_identity,
       collation_name)
  FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
UNION ALL SELECT 'index', tablename, indexname, indexdef
  FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 'alembic_version'::regclass
ORDER BY 1, 2, 3
"""


async def test_the_models_and_the_migrations_agree(engine: AsyncEngine) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_the_models_make_the_same_catalog_as_the_migrations(
    engine: AsyncEngine, postgres_server: Postgres
) -> None:
    modelled = create_async_engine(asyncpg_url(await postgres_server.create("modelled")))
    async with modelled.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(text("CREATE TABLE alembic_version ()"))
        by_models = (await connection.execute(text(CATALOG))).all()
    await modelled.dispose()
    await postgres_server.drop("modelled")
    async with engine.connect() as connection:
        by_migrations = (await connection.execute(text(CATALOG))).all()
    assert by_migrations == by_models
    assert len(by_models) > 80


async def test_two_processes_may_migrate_together_and_again(postgres_server: Postgres) -> None:
    url = await postgres_server.create("together")
    await asyncio.gather(*(migrate(url) for _ in range(4)))
    await migrate(url)
    engine = await connect(url)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT version_num FROM alembic_version"))).all() == [("0001",)]
    assert (await Ledger(engine).reads.waiting_summary()).undelivered == 0
    await engine.dispose()
    await postgres_server.drop("together")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("postgresql://postgres:@/pegline?host=/run/pg", "postgresql+asyncpg://postgres:@/pegline?host=%2Frun%2Fpg"),
        ("postgres://u:p@db:5433/pegline", "postgresql+asyncpg://u:p@db:5433/pegline"),
        ("postgresql+psycopg://u@db/pegline?sslmode=require", "postgresql+asyncpg://u@db/pegline?ssl=require"),
    ],
)
def test_any_postgresql_url_is_understood(given: str, meant: str) -> None:
    assert asyncpg_url(given).render_as_string(hide_password=False) == meant


def test_another_database_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'sqlite' is not PostgreSQL"):
        asyncpg_url("sqlite:///pegline.db")


async def test_a_database_that_is_away_is_a_transient_failure() -> None:
    with pytest.raises(TransientError, match="ledger: PostgreSQL can't do it now"):
        await connect("postgresql://postgres@/pegline?host=/nonexistent")


async def test_a_database_that_does_not_exist_needs_a_person(database_url: str) -> None:
    missing = asyncpg_url(database_url).set(database="missing").render_as_string(hide_password=False)
    with pytest.raises(PermanentError, match='database "missing" does not exist'):
        await connect(missing)


async def test_a_cut_connection_is_transient_and_the_next_call_has_a_new_one(engine: AsyncEngine) -> None:
    with pytest.raises(TransientError):
        async with transaction(engine) as connection:
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert (await Ledger(engine).reads.waiting_summary()).undelivered == 0


def test_a_server_that_dies_between_two_steps_of_a_statement_is_transient() -> None:
    """As the driver raised it in a run of tests/scenarios/test_disturbed_plan_run.py."""
    with pytest.raises(TransientError, match="cannot switch to state"), failures():
        raise asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress")


async def test_a_connection_that_the_server_closed_meanwhile_is_left_unused(
    ledger: Ledger, engine: AsyncEngine
) -> None:
    await ledger.reads.waiting_summary()
    other = create_async_engine(engine.url)
    async with other.connect() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
        assert set(await connection.scalars(text(others + "pg_backend_pid()"))) == {True}
    await other.dispose()
    await asyncio.sleep(0.05)
    assert (await ledger.reads.waiting_summary()).undelivered == 0


async def test_each_statement_of_autocommit_stands_for_itself_and_a_transaction_after_it_does_not(
    database_url: str,
) -> None:
    engine = create_async_engine(asyncpg_url(database_url), pool_size=1, max_overflow=0)

    async def twice(way: Callable[[AsyncEngine], AbstractAsyncContextManager[AsyncConnection]], number: int) -> None:
        async with way(engine) as connection:
            for _ in range(2):
                await connection.execute(text(f"INSERT INTO kept VALUES ({number})"))

    async with autocommit(engine) as connection:
        await connection.execute(text("CREATE TABLE kept (id int PRIMARY KEY)"))
    with pytest.raises(PermanentError):
        await twice(autocommit, 1)
    with pytest.raises(PermanentError):
        await twice(transaction, 2)
    async with autocommit(engine) as connection:
        assert (await connection.execute(text("SELECT id FROM kept"))).scalars().all() == [1]
    await engine.dispose()


async def test_what_postgresql_refuses_is_permanent(engine: AsyncEngine) -> None:
    with pytest.raises(PermanentError, match="null value in column"):
        async with transaction(engine) as connection:
            await connection.execute(text("INSERT INTO order_line (order_id, line) VALUES ('o', 1)"))
    with pytest.raises(PermanentError, match="DataError"):
        async with transaction(engine) as connection:
            await connection.exec_driver_sql("SELECT $1::int", ("eleven",))
