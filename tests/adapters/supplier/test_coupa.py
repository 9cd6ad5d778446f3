"""What suppliers confirm and announce in Coupa, read as Coupa's API writes it."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.errors import TransientError, UnreadableMessage
from adapters.supplier.coupa.reading import CoupaDocuments
from canonical.order import AnswerOutcome, OrderAnswer, ShipmentAnnounced
from runtime.collecting import collect, collect_all
from tests.adapters.erp.coupa import Coupa, a_coupa
from tests.adapters.erp.documents import document, line


def read(*rows: Any) -> list[Any]:
    return [part.content for part in CoupaDocuments().read(json.dumps(rows).encode(), "application/json").parts]


async def test_confirmations_and_ship_notices_are_about_our_lines() -> None:
    async with a_coupa() as coupa:
        await coupa.people("setup", approves=True)
        placed = await coupa.orders.place_order(document(line(10), line(30, "60")), key="k", maybe_written=False)
        number = placed.model_dump()["order_number"]
        confirmed = await coupa.people(
            "confirm",
            order=number,
            lines=[
                {"line": 1, "promised": "2027-03-02T00:00:00-08:00"},
                {"line": 2, "action": "propose_change", "schedule": [{"quantity": 40, "date": "2027-03-05"}]},
            ],
        )
        shipped = await coupa.people(
            "ship", order=number, asn="A1", lines=[{"line": 2, "quantity": 40}], delivery="2027-03-05"
        )
    [answer], [despatch] = read(confirmed, shipped)
    assert isinstance(answer, OrderAnswer)
    assert answer.order_number == number
    stated = [
        (each.line, each.by_reference, int(part.quantity or 0), str(part.date), part.outcome)
        for each in answer.lines
        for part in each.schedule_lines
    ]
    assert stated == [
        (10, True, 100, "2027-03-02", AnswerOutcome.CHANGED),
        (30, True, 40, "2027-03-05", AnswerOutcome.CHANGED),
    ]
    assert isinstance(despatch, ShipmentAnnounced)
    assert (despatch.despatch_number, str(despatch.arrives_on)) == ("A1", "2027-03-05")
    assert [(each.line, int(each.quantity)) for each in despatch.lines] == [(30, 40)]


def test_what_can_not_be_understood_is_said_and_never_raised() -> None:
    rows: list[Any] = [7, None, {}, {"order-line-confirmations": None}, {"asn-number": "1", "lines": [{}]}]
    rows += [{"id": 1, "updated-at": "today", "order-line-confirmations": []}]
    odd = {"line-num": "1", "order-line": {"line-num": "1"}, "action": "shrug", "status": "?"}
    at = "2027-01-04T00:00:00-08:00"
    rows += [{"id": 1, "updated-at": at, "order-header": {"po-number": "PO1"}, "order-line-confirmations": [odd]}]
    assert all(isinstance(each, UnreadableMessage) for each in read(*rows))
    [broken] = CoupaDocuments().read(b"<order/>", "application/xml").parts
    assert isinstance(broken.content, UnreadableMessage)


class Inbox:
    """What was stored, by key."""

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}

    async def store(self, channel: str, body: bytes, content_type: str, key: str) -> None:
        assert (channel, content_type) == ("cloud", "application/json")
        self.documents[key] = body


async def ordered(coupa: Coupa) -> str:
    await coupa.people("setup", approves=True)
    placed = await coupa.orders.place_order(document(line(10), line(30, "60")), key="k", maybe_written=False)
    return str(placed.model_dump()["order_number"])


async def test_what_suppliers_said_is_collected_once_from_all_pages() -> None:
    inbox = Inbox()
    async with a_coupa() as coupa:
        order = await ordered(coupa)
        for _ in range(51):
            await coupa.people("confirm", order=order, lines=[{"line": 1, "promised": "2027-03-02T00:00:00-08:00"}])
        await coupa.people("ship", order=order, asn="A1", lines=[{"line": 2, "quantity": 40}], delivery="2027-03-05")
        assert await collect("cloud", coupa.queue, inbox.store) == 52
        assert await collect("cloud", coupa.queue, inbox.store) == 0, "all of it is marked there"
        assert all(row["exported"] for row in coupa.held("confirmations"))
        assert coupa.held("shipments")[0]["export-flag"] is True
    contents = [read(json.loads(body))[0] for body in inbox.documents.values()]
    assert [type(each[0]) for each in contents] == [OrderAnswer] * 51 + [ShipmentAnnounced]


async def test_what_changes_while_it_is_collected_is_collected_again() -> None:
    async with a_coupa() as coupa:
        await coupa.people("confirm", order=await ordered(coupa), lines=[{"line": 1}])
        [document] = await coupa.queue.waiting()
        stale = document._replace(key=document.key.replace("2027", "2026"))
        assert (await coupa.queue.taken(stale, key="k")).result == "written"
        assert await coupa.queue.waiting() == [document]


@pytest.mark.parametrize("lost", ["timeout_after_write", "cut"])
async def test_a_lost_answer_loses_no_document(lost: str) -> None:
    inbox = Inbox()
    async with a_coupa() as coupa:
        await coupa.people("confirm", order=await ordered(coupa), lines=[{"line": 1}])
        coupa.fault(lost, "order_header_confirmations", "PUT", seconds=0.6)
        with pytest.raises(TransientError):
            await collect("cloud", coupa.queue, inbox.store)
        await collect("cloud", coupa.queue, inbox.store)
    assert len(inbox.documents) == 1


async def test_what_could_not_be_stored_is_collected_at_the_next_turn() -> None:
    stored = asyncio.Event()
    failures = iter([OSError("the ledger is away")])

    async def store(channel: str, body: bytes, content_type: str, key: str) -> None:
        for failure in failures:
            raise failure
        stored.set()

    async with a_coupa() as coupa:
        await coupa.people("confirm", order=await ordered(coupa), lines=[{"line": 1}])
        pool: Any = SimpleNamespace(
            landscape=SimpleNamespace(of_kind=lambda kind: ["cloud"]), collect=lambda channel: coupa.queue
        )
        collecting = asyncio.create_task(collect_all(pool, store, 0.01))
        await asyncio.wait_for(stored.wait(), 5)
        collecting.cancel()
