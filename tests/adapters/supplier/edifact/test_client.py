"""Orders sent to an EDI gateway and what its suppliers answer, read back and compared with their books."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.http import correlation, make_client
from adapters.ports import SupplierPort
from adapters.supplier.edifact.client import EdifactSupplier
from adapters.supplier.edifact.mapping import control_reference
from canonical.order import AnswerOutcome, OrderAnswer, OrderDocument, Refused, ShipmentAnnounced, Written
from simulators.edi.app import create
from simulators.faults import InProcessTransport, Simulator
from tests.adapters.supplier.edifact.documents import answer, read, refusal
from tests.adapters.supplier.edifact.orders import line, order

FIRST = Written(reference=control_reference("k1"), writes=1)


@dataclass
class Trade:
    """We, the EDI gateway with its suppliers, and the letter box where their documents arrive."""

    supplier: SupplierPort
    simulator: Simulator
    control: httpx.AsyncClient
    letters: list[bytes]
    arrived: asyncio.Condition

    async def post(self, path: str, body: object) -> httpx.Response:
        return (await self.control.post(f"/control/{path}", json=body)).raise_for_status()

    async def books(self) -> dict[str, Any]:
        books: dict[str, Any] = (await self.control.get("/control/books")).json()
        return books

    async def letter(self, number: int) -> bytes:
        """The n-th document that the suppliers sent, from 1."""
        async with asyncio.timeout(5), self.arrived:
            await self.arrived.wait_for(lambda: len(self.letters) >= number)
        return self.letters[number - 1]


@pytest.fixture
async def trade() -> AsyncIterator[Trade]:
    letters: list[bytes] = []
    arrived = asyncio.Condition()

    async def take(request: Request) -> Response:
        async with arrived:
            letters.append(await request.body())
            arrived.notify_all()
        return Response(status_code=202)

    inbox = Starlette(routes=[Route("/v1/suppliers/{channel}/messages", take, methods=["POST"])])
    simulator = create("http://gateway", answer_after_seconds=0, transport=httpx.ASGITransport(app=inbox))
    transport = InProcessTransport(app=simulator)
    async with (
        make_client("http://edi", "", "", timeout_seconds=0.3, transport=transport) as http,
        httpx.AsyncClient(base_url="http://edi", transport=transport) as control,
    ):
        yield Trade(EdifactSupplier(http, sender="PEGLINE"), simulator, control, letters, arrived)
        await simulator.settled()


def two_lines(**differing: object) -> OrderDocument:
    return order(line(10), line(20, quantity=Decimal("12.5"), unit="KGM", price_unit=Decimal(100)), **differing)


def as_in_books(detail: OrderAnswer) -> dict[str, list[dict[str, str | None]]]:
    """The answer's schedule lines in the words of the supplier's books."""
    return {
        str(one.line): [
            {
                "quantity": f"{part.quantity:f}",
                "date": part.date.isoformat() if part.date else None,
                "state": "backordered" if part.outcome is AnswerOutcome.BACKORDERED else "confirmed",
            }
            for part in one.schedule_lines
        ]
        for one in detail.lines
    }


def confirmed(books: dict[str, Any], number: str = "4500000017") -> dict[str, list[dict[str, str | None]]]:
    return {line: held["confirmed"] for line, held in books["orders"][number]["lines"].items()}


async def test_an_order_arrives_as_it_was_sent(trade: Trade) -> None:
    assert await trade.supplier.send_order(two_lines(), key="k1") == FIRST
    held = (await trade.books())["orders"]["4500000017"]
    assert (held["supplier"], held["plant"], held["currency"], held["revision"]) == ("V7", "P1", "EUR", 1)
    columns = ("item", "quantity", "unit", "date", "price", "price_unit")
    assert [tuple(one[column] for column in columns) for one in held["lines"].values()] == [
        ("BOLT-10", "100", "EA", "2026-06-15", "2.5", "1"),
        ("BOLT-20", "12.5", "KGM", "2026-06-15", "2.5", "100"),
    ]


@pytest.mark.parametrize("behaviour", ["accept", "later_date", "split", "backorder_part", "price_change"])
async def test_an_answer_read_back_is_what_stands_in_the_suppliers_books(trade: Trade, behaviour: str) -> None:
    await trade.post("behaviours", [{"behaviour": behaviour}])
    await trade.supplier.send_order(two_lines(), key="k1")
    detail = answer(await trade.letter(1))
    assert (detail.order_number, detail.order_revision, detail.supplier, detail.currency) == (
        "4500000017",
        1,
        "V7",
        "EUR",
    )
    books = await trade.books()
    assert as_in_books(detail) == confirmed(books)
    for one in detail.lines:
        held = books["orders"]["4500000017"]["lines"][str(one.line)]
        assert one.price == Decimal(held["confirmed_price"] or held["price"])
        assert one.price_unit == Decimal(held["price_unit"])


async def test_a_rejected_order_rejects_every_line(trade: Trade) -> None:
    await trade.post("behaviours", [{"behaviour": "reject"}])
    await trade.supplier.send_order(two_lines(), key="k1")
    detail = answer(await trade.letter(1))
    assert detail.header == "rejected"
    assert {part.outcome for one in detail.lines for part in one.schedule_lines} == {AnswerOutcome.REJECTED}


async def test_an_answer_without_lines_speaks_for_all_of_them(trade: Trade) -> None:
    await trade.post("behaviours", [{"behaviour": "accept_header_only"}])
    await trade.supplier.send_order(two_lines(), key="k1")
    detail = answer(await trade.letter(1))
    assert (detail.header, detail.lines) == ("accepted", ())


async def test_the_same_answer_twice_is_read_as_the_same(trade: Trade) -> None:
    await trade.post("behaviours", [{"behaviour": "answer_twice"}])
    await trade.supplier.send_order(two_lines(), key="k1")
    await trade.letter(2)
    assert answer(trade.letters[0]) == answer(trade.letters[1])


async def test_an_answer_with_wrong_counts_is_unreadable_until_it_is_fixed(trade: Trade) -> None:
    await trade.post("behaviours", [{"behaviour": "unreadable"}])
    await trade.supplier.send_order(two_lines(), key="k1")
    assert refusal(await trade.letter(1)).code == "control_count"
    await trade.post("fix", {"order": "4500000017"})
    assert as_in_books(answer(await trade.letter(2))) == confirmed(await trade.books())


async def test_a_reminder_gets_the_answer_that_did_not_come(trade: Trade) -> None:
    await trade.post("behaviours", [{"behaviour": "silent_until_reminded"}])
    await trade.supplier.send_order(two_lines(), key="k1")
    assert (await trade.supplier.send_reminder(two_lines(), key="k2")).result == "written"
    assert as_in_books(answer(await trade.letter(1))) == confirmed(await trade.books())
    assert (await trade.books())["orders"]["4500000017"]["reminders"] == 1


async def test_a_change_is_answered_at_its_revision_with_the_cancelled_line_deleted(trade: Trade) -> None:
    await trade.supplier.send_order(two_lines(), key="k1")
    await trade.letter(1)
    lines = (line(10, quantity=Decimal(60)), line(20, cancelled=True))
    await trade.supplier.send_change(order(*lines, revision=2, changed_lines=(10, 20)), key="k2")
    detail = answer(await trade.letter(2))
    assert detail.order_revision == 2
    assert [(one.line, one.schedule_lines[0].outcome, one.schedule_lines[0].quantity) for one in detail.lines] == [
        (10, AnswerOutcome.ACCEPTED, Decimal(60)),
        (20, AnswerOutcome.DELETED, None),
    ]


async def test_an_answer_to_the_former_revision_names_that_revision(trade: Trade) -> None:
    await trade.post("behaviours", [{"behaviour": "answer_old_revision"}])
    await trade.supplier.send_order(two_lines(), key="k1")
    await trade.letter(1)
    await trade.supplier.send_change(two_lines(revision=2, changed_lines=(10,)), key="k2")
    await trade.letter(3)
    assert [answer(letter).order_revision for letter in trade.letters] == [1, 1, 2]


async def test_an_expedited_change_brings_the_requested_date_back(trade: Trade) -> None:
    await trade.post("behaviours", [{"behaviour": "later_date"}])
    await trade.supplier.send_order(two_lines(), key="k1")
    await trade.letter(1)
    await trade.supplier.send_change(two_lines(revision=2, changed_lines=(10,), expedite=True), key="k2")
    detail = answer(await trade.letter(2))
    assert {part.date for one in detail.lines for part in one.schedule_lines} == {dt.date(2026, 6, 15)}


async def test_a_despatch_advice_is_what_was_despatched(trade: Trade) -> None:
    await trade.supplier.send_order(two_lines(), key="k1")
    await trade.letter(1)
    await trade.post("despatch", {"order": "4500000017"})
    (shipment,) = read(await trade.letter(2))
    assert isinstance(shipment, ShipmentAnnounced)
    assert (shipment.order_number, shipment.arrives_on) == ("4500000017", dt.date(2026, 6, 15))
    assert [(one.line, one.quantity, one.unit) for one in shipment.lines] == [
        (10, Decimal(100), "EA"),
        (20, Decimal("12.5"), "KGM"),
    ]


async def test_a_repeated_key_is_one_document(trade: Trade) -> None:
    first = await trade.supplier.send_order(two_lines(), key="k1")
    again = await trade.supplier.send_order(two_lines(), key="k1")
    assert (first, again) == (FIRST, FIRST.model_copy(update={"writes": 0}))
    counts = (await trade.books())["counts"]
    assert (counts["received"], counts["duplicates"]) == (1, 1)


async def test_a_document_that_the_gateway_does_not_take_is_refused_with_its_reason(trade: Trade) -> None:
    detail = await trade.supplier.send_change(two_lines(revision=2), key="k1")
    assert isinstance(detail, Refused)
    assert (detail.system, detail.code) == ("supplier", "422")
    assert "order 4500000017 is not known here" in detail.reason


async def test_the_key_and_the_correlation_id_go_with_the_document(trade: Trade) -> None:
    token = correlation.set("corr-1")
    try:
        await trade.supplier.send_order(two_lines(), key="k1")
    finally:
        correlation.reset(token)
    writes = (await trade.control.get("/control/writes")).json()["writes"]
    assert [(write["key"], write["correlation"]) for write in writes] == [("k1", "corr-1")]
