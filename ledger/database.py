"""Access to PostgreSQL: engine, transactions, migrations, the meaning of failures, and what all tables share.

Decided here: which failures of the database may pass by themselves (TransientError) and which need a person
(PermanentError); and how text and models are stored so that nothing a sender can write is refused. Embedded and served
PostgreSQL differ by the URL only.

Of the tables, real columns hold what is filtered, joined or compared; JSONB snapshots that are only read back; bytea
what came in. The migrations create them, and a test compares both.
"""

import datetime as dt
import hashlib
import json
import re
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import (
    ARRAY,
    URL,
    Boolean,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Dialect,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PoolProxiedConnection,
    Text,
    any_,
    bindparam,
    event,
    func,
    make_url,
    pool,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from adapters.errors import PermanentError, TransientError
from canonical.base import Model

CONNECTIONS = 20
"""The most connections that a process keeps to the ledger (docker-compose.yml adds them up)."""
_PASSING_SQLSTATES = ("08", "40", "53", "55", "57", "58")
"""Connection, rollback (deadlock), resources, lock not available, operator intervention, system error."""


def advisory_key(*parts: str) -> int:
    """The signed 64-bit key of an advisory lock, the same in every process."""
    digest = hashlib.sha256("\x1f".join(("pegline", *parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def asyncpg_url(url: str) -> URL:
    """The URL for the asyncpg driver, from any PostgreSQL URL; libpq's `sslmode` is supported."""
    given = make_url(url)
    if given.get_backend_name() not in ("postgresql", "postgres"):
        raise ValueError(f"{given.drivername!r} is not PostgreSQL; give a URL like postgresql://user@host/database")
    query = dict(given.query)
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    return given.set(drivername="postgresql+asyncpg", query=query)


async def ping(engine: AsyncEngine) -> None:
    """Whether the database answers; TransientError or PermanentError where it does not."""
    async with transaction(engine) as connection:
        await connection.execute(select(1))


async def connect(url: str) -> AsyncEngine:
    """An engine on the ledger's database; TransientError where it can't be reached now."""
    engine = create_async_engine(
        asyncpg_url(url),
        pool_size=CONNECTIONS // 2,
        max_overflow=CONNECTIONS // 2,
        connect_args={
            "timeout": 10,
            "command_timeout": 60,
            "server_settings": {
                "application_name": "pegline",
                "jit": "off",
                # Percentiles are sorts: in memory rather than on disk.
                "work_mem": "16MB",
                # A process that is frozen in the middle of a transaction must not hold its rows for ever.
                "idle_in_transaction_session_timeout": "120000",
            },
        },
    )
    event.listen(engine.sync_engine, "checkout", _leave_closed)
    try:
        await ping(engine)
    except BaseException:
        await engine.dispose()
        raise
    return engine


def _leave_closed(connection: DBAPIConnection, record: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
    """Replace a connection that the server has closed, without a ping (which takes three round trips)."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError()


async def migrate(url: str) -> None:
    """Bring the schema to the newest version, in one transaction; several processes may start together."""
    engine = create_async_engine(asyncpg_url(url), poolclass=pool.NullPool)
    try:
        async with transaction(engine) as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(advisory_key("migrate"))))
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction; raises TransientError or PermanentError where the database fails."""
    with failures():
        async with engine.begin() as connection:
            yield connection


@asynccontextmanager
async def autocommit(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection on which each statement commits by itself, two round trips fewer than a transaction.

    For single statements, and for reads without locks: under READ COMMITTED each statement sees what was committed when
    it started, within a transaction too. Raises as `transaction`.
    """
    with failures():
        async with engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def failures() -> Iterator[None]:
    """Translate the driver's exceptions."""
    try:
        yield
    except DBAPIError as exc:
        cause = exc.orig.__cause__ if exc.orig else None
        sqlstate = getattr(exc.orig, "sqlstate", None)
        passing = not isinstance(cause, ValueError) if sqlstate is None else sqlstate.startswith(_PASSING_SQLSTATES)
        raise _failure(exc.orig or exc, passing=passing or exc.connection_invalidated) from exc
    except asyncpg.PostgresError as exc:
        raise _failure(exc, passing=(exc.sqlstate or "").startswith(_PASSING_SQLSTATES)) from exc
    except (OSError, PoolTimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as exc:
        # The driver raises the last one where the server dies between two steps of a statement.
        raise _failure(exc, passing=True) from exc


def _failure(exc: BaseException, *, passing: bool) -> TransientError | PermanentError:
    cause = exc.__cause__ or exc
    detail = getattr(cause, "detail", None)
    detail = f"{type(cause).__name__}: {cause}{'; ' + detail if detail else ''}"[:500]
    if passing:
        return TransientError("ledger", f"PostgreSQL can't do it now ({detail})")
    return PermanentError("ledger", f"PostgreSQL refused it ({detail}); see the database's log and fix the cause")


def of_plants(plant: Any, plants: Collection[str] | None) -> list[ColumnElement[bool]]:
    """The condition that a reader sees the plant in this column; `plants` None: they see all."""
    return [] if plants is None else [plant == any_(bindparam(None, sorted(plants), type_=ARRAY(Text)))]


_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""An escaped NUL in JSON text, not the end of an escaped backslash."""


def json_text(text: str) -> str:
    """JSON that PostgreSQL stores: an escaped NUL becomes U+FFFD."""
    return _NUL.sub(r"\1\\ufffd", text) if r"\u0000" in text else text


class Words(TypeDecorator[str]):
    """Text of any sender: PostgreSQL stores no NUL, so it becomes U+FFFD instead of a failed write."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value.replace("\0", "\ufffd")


class Document(TypeDecorator[Model]):
    """A model as JSONB."""

    impl = JSONB
    cache_ok = True

    def __init__(self, model: type[Model]) -> None:
        super().__init__()
        self.model = model

    def process_bind_param(self, value: Model | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        return json.loads(json_text(value.model_dump_json()))

    def process_result_value(self, value: Any, dialect: Dialect) -> Model | None:
        return None if value is None else self.model.model_validate(value)


class Base(DeclarativeBase):
    """Names constraints explicitly, so that migrations can refer to them on every server."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        str: Words(),
        int: Integer(),
        bytes: LargeBinary(),
        Decimal: Numeric(),
        bool: Boolean(),
        dt.date: Date(),
        dt.datetime: DateTime(timezone=True),
    }
