"""Faults strike their targets only, and the write is carried out where the kind of fault requires it."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from simulators.faults import Clock, InProcessTransport, Simulator, WriteLog


def counterpart() -> Simulator:
    """A counterpart that takes notes."""
    log = WriteLog(Clock())
    notes: list[str] = []

    async def write(request: Request) -> JSONResponse:
        notes.append((await request.body()).decode())
        log.record(
            method=request.method,
            path=request.url.path,
            headers=request.headers,
            summary="note",
            document=str(len(notes)),
        )
        return JSONResponse({"notes": len(notes)}, 201)

    return Simulator(
        Starlette(routes=[Route("/notes", write, methods=["POST", "PUT"])]),
        name="notes",
        books=lambda: {"notes": notes},
        log=log,
    )


def client_of(simulator: Simulator, timeout: float = 5) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=InProcessTransport(simulator), base_url="http://notes", timeout=timeout)


async def plan(client: httpx.AsyncClient, **fault: object) -> None:
    answer = await client.post("/control/faults", json=fault)
    assert answer.status_code == 201, answer.text


async def notes_of(client: httpx.AsyncClient) -> list[str]:
    notes: list[str] = (await client.get("/control/books")).json()["notes"]
    return notes


async def test_a_status_is_answered_as_often_as_configured_without_writing() -> None:
    async with client_of(counterpart()) as client:
        await plan(client, kind="status", status=429, retry_after=7, times=2, after=1)
        answers = [await client.post("/notes", content=str(n)) for n in range(4)]
        assert [answer.status_code for answer in answers] == [201, 429, 429, 201]
        assert answers[1].headers["retry-after"] == "7"
        assert await notes_of(client) == ["0", "3"]
        [fault] = (await client.get("/control/faults")).json()["faults"]
        assert (fault["seen"], fault["hits"]) == (3, 2)


async def test_only_the_matching_request_is_hit() -> None:
    async with client_of(counterpart()) as client:
        match = {"method": "post", "path_regex": "^/notes$", "body_regex": "bolt", "header": {"X-Plant": "^1[07]10$"}}
        await plan(client, kind="status", match=match, times=9)
        assert (await client.post("/notes", content="nut", headers={"X-Plant": "1710"})).status_code == 201
        assert (await client.put("/notes", content="bolt", headers={"X-Plant": "1710"})).status_code == 201
        assert (await client.post("/notes", content="bolt")).status_code == 201
        assert (await client.post("/notes?x=1", content="bolt", headers={"X-Plant": "1710"})).status_code == 201
        assert (await client.post("/notes", content="a bolt", headers={"X-Plant": "1710"})).status_code == 500
        await client.delete("/control/faults")
        assert (await client.post("/notes", content="a bolt", headers={"X-Plant": "1710"})).status_code == 201


async def test_a_slow_answer_still_comes() -> None:
    async with client_of(counterpart()) as client:
        await plan(client, kind="slow", seconds=0.1)
        began = time.monotonic()
        assert (await client.post("/notes", content="a")).status_code == 201
        assert time.monotonic() - began >= 0.1


async def test_a_slow_write_is_carried_out_though_the_client_left() -> None:
    simulator = counterpart()
    async with client_of(simulator, timeout=0.05) as client:
        await plan(client, kind="slow", seconds=0.1)
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/notes", content="a")
        assert await notes_of(client) == []
        await simulator.settled()
        assert await notes_of(client) == ["a"]


async def test_the_write_is_there_when_the_answer_is_held_back() -> None:
    async with client_of(counterpart(), timeout=0.1) as client:
        await plan(client, kind="timeout_after_write", seconds=5)
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/notes", content="a")
        assert await notes_of(client) == ["a"]


async def test_a_late_write_appears_after_the_client_gave_up() -> None:
    simulator = counterpart()
    async with client_of(simulator, timeout=0.05) as client:
        await plan(client, kind="write_late", seconds=0.15)
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/notes", content="a")
        assert await notes_of(client) == []
        await simulator.settled()
        assert await notes_of(client) == ["a"]


async def test_a_patient_client_of_a_late_write_sees_the_connection_cut() -> None:
    simulator = counterpart()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(simulator), base_url="http://notes") as client:
        await plan(client, kind="write_late", seconds=0.1, hold=0.02)
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/notes", content="a")
        assert await notes_of(client) == []
        await simulator.settled()
        assert await notes_of(client) == ["a"]


async def test_a_cut_connection_writes_nothing() -> None:
    async with client_of(counterpart()) as client:
        await plan(client, kind="cut")
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/notes", content="a")
        assert await notes_of(client) == []


async def test_an_unknown_fault_is_refused_with_the_reason() -> None:
    async with client_of(counterpart()) as client:
        answer = await client.post("/control/faults", json={"kind": "explode", "tiems": 2})
        assert answer.status_code == 400
        assert "tiems" in answer.text
        assert "explode" in answer.text


async def test_the_write_log_names_key_and_correlation() -> None:
    async with client_of(counterpart()) as client:
        for key in ("k1", "k2"):
            await client.post("/notes", content="a", headers={"Idempotency-Key": key, "X-Correlation-ID": "c"})
        [write] = (await client.get("/control/writes", params={"since": 1})).json()["writes"]
        assert (write["seq"], write["key"], write["correlation"], write["document"]) == (2, "k2", "c", "2")


async def test_the_clock_can_be_set_and_goes_on() -> None:
    async with client_of(counterpart()) as client:
        assert (await client.put("/control/clock", json={"now": "2031-05-04T10:00:00+00:00"})).status_code == 200
        assert (await client.get("/control/clock")).json()["now"].startswith("2031-05-04T10:0")
        assert (await client.put("/control/clock", json={"now": "2031-05-04T10:00:00"})).status_code == 400


@asynccontextmanager
async def served(simulator: Simulator) -> AsyncIterator[str]:
    """The simulator on a real socket."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(simulator, log_level="warning", lifespan="off"))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


async def test_over_a_socket_a_cut_is_a_closed_connection_and_a_late_write_outlives_the_client() -> None:
    simulator = counterpart()
    async with served(simulator) as url, httpx.AsyncClient(base_url=url, timeout=0.2) as client:
        await plan(client, kind="cut")
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            await client.post("/notes", content="a")
        assert await notes_of(client) == []
        await plan(client, kind="write_late", seconds=0.4)
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/notes", content="b")
        assert await notes_of(client) == []
        await simulator.settled()
        assert await notes_of(client) == ["b"]


@pytest.mark.parametrize(("carried_out", "notes"), [(False, []), (True, ["hello"])])
async def test_any_answer_can_be_given_in_place_of_its_own(carried_out: bool, notes: list[str]) -> None:
    async with client_of(counterpart()) as client:
        page = "<html>Log on</html>"
        headers = {"content-type": "text/html"}
        await plan(client, kind="answer", carried_out=carried_out, status=200, headers=headers, body=page)
        answer = await client.post("/notes", content="hello")
        assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, "text/html", page)
        assert await notes_of(client) == notes
