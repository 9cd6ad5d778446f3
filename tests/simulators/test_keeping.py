"""The counterparts' books outlive a restart, and a kill: what was answered is there, and no number is given again."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo import site as bicycles
from simulators.app import Counterparts, create, running
from simulators.faults import InProcessTransport
from simulators.keeping import BooksFile, BooksUnreadable, Shelf
from tests.simulators.erp_client import MASTER_DATA, PO, TODAY, Caller, order
from tests.simulators.fake_gateway import FakeGateway
from tools.ports import free_port

NAMES = ("erp", "edi", "aps", "wms", "plm")
ORDERS = (
    "UNB+UNOC:3+PEGLINE+VAN+260601:0800+R1'UNH+1+ORDERS:D:96A:UN'BGM+220+4500000017+9'DTM+137:20260601:102'"
    "RFF+ON:4500000017::1'NAD+BY+1710::92'NAD+SU+VISION0001::92'CUX+2:USD:9'LIN+10++CH-0234:BP'QTY+21:100:EA'"
    "DTM+2:20260615:102'PRI+AAA:14.99:::12'UNS+S'CNT+2:1'UNT+14+1'UNZ+1+R1'"
)
COVERAGE = {
    "order": "4500000000",
    "plant": "1710",
    "sequence": 3,
    "asOf": "2026-06-02T08:00:00+00:00",
    "requirements": [
        {"demandReference": "R", "scheduleLines": [{"quantity": "100", "date": "2026-06-15", "state": "confirmed"}]}
    ],
}
NOTICE = {
    "notice": "ECN-1",
    "plant": "1710",
    "assembly": "BK",
    "revision": "B",
    "effective_from": "2026-07-01",
    "replaced": [{"old": "A", "new": "B", "unit": "EA"}],
}


@dataclass
class Site:
    """All counterparts on one file, and what they send to."""

    counterparts: Counterparts
    gateway: FakeGateway
    file: BooksFile

    @property
    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=InProcessTransport(app=self.counterparts), base_url="http://all")

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.http.request(method, path, json=body, headers=named)
        assert answer.is_success, answer.text
        return answer.json()

    async def send(self, document: str) -> httpx.Response:
        headers = {"Content-Type": "application/edifact", "Idempotency-Key": "k1"}
        return await self.http.post("/edi/messages", content=document.encode(), headers=headers)

    async def place(self) -> str:
        caller = Caller(self.counterparts.apps["/erp"])
        await caller.log_on()
        requisition = await caller.requisition()
        return await caller.order(requisition)

    async def receive(self, number: str) -> str:
        row = {"order": number, "line": 10, "quantity": "30", "unit": "EA", "date": TODAY.isoformat()}
        reported = await self.call("POST", "/wms/control/receive", {"receipts": [row]})
        receipt: str = reported["receipts"][0]["receipt_number"]
        return receipt

    async def books(self) -> dict[str, Any]:
        return {
            name: await self.call("GET", f"/{name}/control/{what}") for name in NAMES for what in ("books", "writes")
        }

    def again(self) -> "Site":
        """As after a kill: nothing was closed, nobody was notified."""
        return site(self.file.file)


def site(file: Path) -> Site:
    gateway, books = FakeGateway(), BooksFile(file)
    return Site(create("http://gateway", transport=gateway.transport, keep=books), gateway, books)


@asynccontextmanager
async def started(one: Site) -> AsyncIterator[Site]:
    async with running(one.counterparts, {"type": "lifespan"}):
        yield one


@asynccontextmanager
async def program(file: Path) -> AsyncIterator[httpx.AsyncClient]:
    """All counterparts as a program of their own, killed at the end."""
    port = free_port()
    command = (sys.executable, "-m", "simulators.app", "--port", str(port), "--keep", str(file))
    process = await asyncio.create_subprocess_exec(*command)
    http = httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        auth=("PEGLINE", "pegline"),
        headers={"Accept": "application/json"},
        trust_env=False,
        timeout=60,
    )
    try:
        async with asyncio.timeout(60):
            while True:
                with suppress(httpx.TransportError):
                    await http.get("/")
                    break
                await asyncio.sleep(0.05)
        yield http
    finally:
        process.kill()
        await process.wait()
        await http.aclose()


async def test_after_a_restart_all_books_are_as_they_were_and_numbers_go_on(tmp_path: Path) -> None:
    first = site(tmp_path / "books.db")
    await first.call("POST", "/erp/control/master-data", MASTER_DATA)
    await first.call("POST", "/aps/control/model", bicycles.aps_model())
    await first.call("POST", "/aps/control/plan", bicycles.aps_plan(TODAY, "2026-06-01T05:00:00+00:00"))
    await first.call("PUT", "/aps/coverage/4500000000", COVERAGE, Idempotency_Key="c1")
    await first.call("POST", "/plm/control/notices", NOTICE)
    number = await first.place()
    edit = {"order": number, "item": 10, "user": "CARLA", "quantity": "140"}
    await first.call("POST", "/erp/control/edits", edit)
    assert await first.receive(number) == "GR00000001"
    answered = (await first.send(ORDERS)).json()
    await first.call("POST", "/edi/control/settle")
    await first.call("POST", "/edi/control/despatch", {"all": True})
    before = await first.books()

    second = first.again()
    assert await second.books() == before
    assert int(await second.place()) == int(number) + 1
    assert await second.receive(number) == "GR00000002"
    assert (await second.send(ORDERS)).json() == answered, "the document was here before"
    assert (await second.call("PUT", "/aps/coverage/4500000000", COVERAGE, Idempotency_Key="c1"))["changed"]
    assert (await second.call("POST", "/aps/control/revise", {}))["version"] == 2
    assert (await second.call("POST", "/plm/control/notices", NOTICE))["issue"] == 2

    third = second.again()
    assert await third.books() == await second.books()
    held = {row["PurchaseOrder"]: row for row in (await third.call("GET", "/erp/control/books"))["orders"]}
    assert held[number]["items"][0]["delivered"] == "60"
    assert held[number]["items"][0]["OrderQuantity"] == "140"


async def test_an_order_is_found_by_its_reference_after_a_restart(tmp_path: Path) -> None:
    first = site(tmp_path / "books.db")
    await first.call("POST", "/erp/control/master-data", MASTER_DATA)
    number = await first.place()
    caller = Caller(first.again().counterparts.apps["/erp"])
    found = await caller.get(f"{PO}/A_PurchaseOrder", filter="CorrespncExternalReference eq 'PEG-ORDER-1'")
    assert [row["PurchaseOrder"] for row in found["results"]] == [number]


async def test_what_was_refused_is_in_no_books_after_a_restart(tmp_path: Path) -> None:
    first = site(tmp_path / "books.db")
    await first.call("POST", "/erp/control/master-data", MASTER_DATA)
    caller = Caller(first.counterparts.apps["/erp"])
    await caller.log_on()
    refused = await caller.write("POST", f"{PO}/A_PurchaseOrder", order(Supplier="17300009"))
    assert refused.status_code == 400
    second = first.again()
    assert (await second.call("GET", "/erp/control/books"))["orders"] == []
    assert await second.place() == "4500000000"


async def test_what_a_supplier_had_not_begun_to_answer_is_answered_after_the_restart(tmp_path: Path) -> None:
    first = site(tmp_path / "books.db")
    await first.call("POST", "/edi/control/pace", {"answer_after_seconds": 3600})
    await first.send(ORDERS)
    assert first.gateway.documents == []
    async with started(first.again()) as second:
        await second.call("POST", "/edi/control/settle")
        assert [b"ORDRSP" in document for document in second.gateway.documents] == [True]
    async with started(second.again()) as third:
        await third.call("POST", "/edi/control/settle")
        assert third.gateway.documents == [], "it was answered"


async def test_what_was_on_its_way_when_the_counterparts_ended_goes_on(tmp_path: Path) -> None:
    first = site(tmp_path / "books.db")
    await first.call("POST", "/aps/control/model", bicycles.aps_model())
    first.gateway.answers = [503] * 1000
    async with started(first):
        plan = bicycles.aps_plan(TODAY, "2026-06-01T05:00:00+00:00") | {"wait": False, "batch_size": 1000}
        await first.call("POST", "/aps/control/plan", plan)
    async with started(first.again()) as second:
        await second.call("POST", "/aps/control/settle")
        assert len(second.gateway.events) > 300


async def test_a_killed_process_loses_nothing_that_it_answered(tmp_path: Path) -> None:
    async with program(tmp_path / "books.db") as http:
        (await http.post("/erp/control/master-data", json=MASTER_DATA)).raise_for_status()
        fetched = await http.get(f"/erp{PO}/", headers={"X-CSRF-Token": "Fetch"})
        token = {"X-CSRF-Token": fetched.headers["x-csrf-token"]}
        for _ in range(5):
            placed = await http.post(f"/erp{PO}/A_PurchaseOrder", json=order(), headers=token)
            assert placed.status_code == 201, placed.text
    async with program(tmp_path / "books.db") as http:
        orders = (await http.get("/erp/control/books")).json()["orders"]
        assert [row["PurchaseOrder"] for row in orders] == [str(4_500_000_000 + number) for number in range(5)]


def test_books_of_another_version_are_refused_with_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "books.db"
    shelf = Shelf(BooksFile(file), "erp")
    shelf.entries("order", {"1": "an order"})
    shelf.save()
    kept = Shelf(BooksFile(file), "erp")
    kept.entries("order", held := {})
    held["2"] = "another"
    kept.save()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE entry SET value = x'00'")
    with pytest.raises(BooksUnreadable, match=r"books\.db was written by another version .*; remove it"):
        Shelf(BooksFile(file), "erp").entries("order", {})


def test_an_entry_that_changes_is_written_when_it_is_named(tmp_path: Path) -> None:
    def kept() -> tuple[Shelf, dict[str, list[int]], list[str]]:
        shelf, rows, log = Shelf(BooksFile(tmp_path / "books.db"), "erp"), dict[str, list[int]](), list[str]()
        shelf.entries("rows", rows)
        shelf.entries("log", log)
        return shelf, rows, log

    shelf, rows, log = kept()
    rows |= {"b": [1], "a": [2]}
    log.append("one")
    shelf.save()
    rows["b"].append(3)
    shelf.touch("rows", "b")
    shelf.touch("rows", "gone")
    log.append("two")
    shelf.save()
    _, again, lines = kept()
    assert (list(again.items()), lines) == ([("b", [1, 3]), ("a", [2])], ["one", "two"])
