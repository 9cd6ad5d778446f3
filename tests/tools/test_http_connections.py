"""A client that never ends its headers is cut off, and others are served meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from runtime.http_connections import HEAD_BYTES_MAX, TimedHttpProtocol

_PATIENCE = 0.4


class Impatient(TimedHttpProtocol):
    head_seconds_max = _PATIENCE


async def _slow(request: Request) -> PlainTextResponse:
    await asyncio.sleep(2 * _PATIENCE)
    return PlainTextResponse("at last")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("here")), Route("/slow", _slow)])
    config = uvicorn.Config(app, port=0, http=Impatient, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def dripped(port: int, *parts: bytes, pause: float = 0.0) -> tuple[bytes, float]:
    """What the server says to the parts, and how long the connection lived."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began, answer = time.monotonic(), asyncio.create_task(reader.read())
    for part in parts:
        if answer.done():
            break
        writer.write(part)
        await asyncio.sleep(pause)
    said = await asyncio.wait_for(answer, 5)
    writer.close()
    return said, time.monotonic() - began


async def test_headers_that_drip_in_are_cut_off_after_their_time_however_often_a_byte_comes(port: int) -> None:
    drops = [b"GET / HTTP/1.1\r\n", *[b"x-drop: 1\r\n"] * 100]
    said, lived = await dripped(port, *drops, pause=0.05)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert _PATIENCE <= lived < 4 * _PATIENCE


async def test_a_connection_that_says_nothing_is_closed(port: int) -> None:
    said, lived = await dripped(port)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert lived < 4 * _PATIENCE


async def test_headers_without_end_are_cut_off_by_their_size(port: int) -> None:
    said, lived = await dripped(port, b"GET / HTTP/1.1\r\nx: ", b"a" * (HEAD_BYTES_MAX + 1))
    assert said.startswith(b"HTTP/1.1 431 ")
    assert lived < _PATIENCE


async def test_a_request_that_takes_long_to_answer_is_served(port: int) -> None:
    said, _ = await dripped(port, b"GET /slow HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
    assert said.endswith(b"at last")


async def test_the_second_request_of_a_connection_has_its_time_too(port: int) -> None:
    whole = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"
    said, lived = await dripped(port, whole, b"GET / HTTP/1.1\r\n", *[b"x-drop: 1\r\n"] * 100, pause=0.05)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in said
    assert lived < 5 * _PATIENCE


async def test_others_are_served_while_a_hundred_dawdle(port: int) -> None:
    dawdling = [asyncio.create_task(dripped(port, b"GET / HTTP/1.1\r\n")) for _ in range(100)]
    await asyncio.sleep(0.05)
    said, lived = await dripped(port, b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
    assert said.endswith(b"here")
    assert lived < _PATIENCE
    assert all(said.startswith(b"HTTP/1.1 408 ") for said, _ in await asyncio.gather(*dawdling))
