"""All counterparts in one process, over a socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from simulators.app import Counterparts, create
from simulators.faults import App, Message, Simulator
from tests.simulators.erp_client import MASTER_DATA, PO, TODAY, order


@asynccontextmanager
async def served(app: App) -> AsyncIterator[httpx.AsyncClient]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.01)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{listener.getsockname()[1]}",
            auth=("PEGLINE", "pegline"),
            headers={"Accept": "application/json"},
        ) as client:
            try:
                yield client
            finally:
                server.should_exit = True
                await task


async def test_each_counterpart_answers_below_its_own_address() -> None:
    async with served(create("http://127.0.0.1:9")) as client:
        prefixes = (await client.get("/")).json()["counterparts"]
        assert prefixes == [
            *(
                "/aps",
                "/central",
                "/coupa",
                "/edi",
                "/erp",
                "/frepple",
                "/issuer",
                "/mes",
                "/odoo",
                "/oracle",
                "/plm",
                "/wms",
            )
        ]
        for prefix in prefixes:
            assert (await client.get(f"{prefix}/control/books")).status_code == 200, prefix
        assert (await client.get("/nowhere")).status_code == 404


async def test_an_order_is_placed_over_a_socket_and_a_cut_is_a_closed_connection() -> None:
    async with served(create("http://127.0.0.1:9")) as client:
        await client.post("/erp/control/master-data", json=MASTER_DATA)
        fetched = await client.get(f"/erp{PO}/", headers={"X-CSRF-Token": "Fetch"})
        token = {"X-CSRF-Token": fetched.headers["x-csrf-token"]}
        await client.post("/erp/control/faults", json={"kind": "cut", "match": {"path_regex": "A_PurchaseOrder$"}})
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            await client.post(f"/erp{PO}/A_PurchaseOrder", json=order(), headers=token)
        assert (await client.get("/erp/control/books")).json()["orders"] == []
        placed = await client.post(f"/erp{PO}/A_PurchaseOrder", json=order(), headers=token)
        assert placed.headers["location"] == f"{client.base_url}/erp{PO}/A_PurchaseOrder('4500000000')"
        assert (await client.get(placed.headers["location"])).json()["d"]["Supplier"] == "17300001"


async def test_what_the_warehouse_receives_is_posted_in_the_erp() -> None:
    async with served(create("http://127.0.0.1:9")) as client:
        await client.post("/erp/control/master-data", json=MASTER_DATA)
        fetched = await client.get(f"/erp{PO}/", headers={"X-CSRF-Token": "Fetch"})
        token = {"X-CSRF-Token": fetched.headers["x-csrf-token"]}
        await client.post(f"/erp{PO}/A_PurchaseOrder", json=order(), headers=token)
        receipt = {"order": "4500000000", "line": 10, "quantity": "60", "unit": "EA", "date": TODAY.isoformat()}
        await client.post("/wms/control/gateway", json={"url": str(client.base_url) + "/aps"})
        received = await client.post("/wms/control/receive", json={"receipts": [receipt]})
        assert received.status_code == 201, received.text
        [held] = (await client.get("/erp/control/books")).json()["orders"]
        assert held["items"][0]["delivered"] == "60"
        refused = await client.post("/wms/control/receive", json={"receipts": [receipt | {"line": 20}]})
        assert refused.status_code == 409


async def test_one_call_sets_the_clock_of_all() -> None:
    async with served(create("http://127.0.0.1:9")) as client:
        assert (await client.put("/control/clock", json={"now": "2031-05-04T10:00:00+00:00"})).status_code == 200
        for prefix in ("/aps", "/central", "/coupa", "/edi", "/erp", "/odoo", "/oracle", "/plm", "/wms"):
            assert (await client.get(f"{prefix}/control/clock")).json()["now"].startswith("2031-05-04T10:0"), prefix


async def test_every_counterparts_lifespan_runs_and_ends() -> None:
    reported: list[str] = []

    def lively(name: str) -> Simulator:
        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            reported.append(f"{name} up")
            yield
            reported.append(f"{name} down")

        return Simulator(Starlette(lifespan=lifespan), name=name, books=dict)

    async with served(Counterparts({"/a": lively("a"), "/b": lively("b")})):
        assert reported == ["a up", "b up"]
    assert reported == ["a up", "b up", "b down", "a down"]


async def test_a_counterpart_that_does_not_start_is_reported() -> None:
    @asynccontextmanager
    async def broken(_: Starlette) -> AsyncIterator[None]:
        raise ValueError("no books")
        yield

    app = Counterparts({"/a": Simulator(Starlette(lifespan=broken), name="a", books=dict)})
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
    assert sent[0]["type"] == "lifespan.startup.failed"
    assert "no books" in sent[0]["message"]
