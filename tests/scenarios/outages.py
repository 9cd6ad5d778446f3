"""Outages that a story can begin and end: a line to a server that is cut, a database that lets nobody in."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
from sqlalchemy import make_url


class Line:
    """A TCP line to a server. Cut, all connections over it are lost and new ones refused; its address stays."""

    def __init__(self, target: str) -> None:
        self._host, _, self._port = target.rpartition(":")
        self._near: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.address = ""

    async def connect(self) -> None:
        """From now on the server is reached."""
        port = int(self.address.rpartition(":")[2] or 0)
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", port)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def cut(self) -> None:
        """From now on nobody is."""
        if self._server is not None:
            self._server.close()
        self._server = None
        for writer in self._near:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._near.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, int(self._port))
            try:
                await _first_end(_pump(reader, far_writer), _pump(far_reader, writer))
            finally:
                far_writer.close()
        finally:
            self._near.discard(writer)
            writer.close()


async def _first_end(*ways: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def no_database(url: str) -> AsyncIterator[None]:
    """The database ends all connections and takes no new ones, as a server does that restarts."""
    given = make_url(url)
    server = await asyncpg.connect(host=str(given.query["host"]), user=given.username, database="postgres")
    try:
        await server.execute(f'ALTER DATABASE "{given.database}" WITH ALLOW_CONNECTIONS false')
        await server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", given.database
        )
        try:
            yield
        finally:
            await server.execute(f'ALTER DATABASE "{given.database}" WITH ALLOW_CONNECTIONS true')
    finally:
        await server.close()
