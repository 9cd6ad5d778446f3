"""What suppliers confirm and announce in Coupa, read as Coupa's API writes it."""

import json
from typing import Any

from adapters.errors import UnreadableMessage
from adapters.supplier.coupa.reading import CoupaDocuments
from canonical.order import AnswerOutcome, OrderAnswer, ShipmentAnnounced
from tests.adapters.erp.coupa import a_coupa
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
