"""Orders in Coupa: one requisition however calls end, its approval there, its order, and changes."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from adapters.errors import TransientError
from canonical.order import AwaitingApproval, OrderDocument, Placed, Refused, Written
from tests.adapters.erp.coupa import Coupa, a_coupa
from tests.adapters.erp.documents import document, line, written

KEY = "order/1710/17300001/k3jd9#place"


@pytest.fixture
async def coupa() -> AsyncIterator[Coupa]:
    async with a_coupa() as made:
        yield made


def two_lines(**other: Any) -> OrderDocument:
    return document(line(10, "100"), line(20, "60"), **other)


async def place(coupa: Coupa, wanted: OrderDocument, *, again: bool = False) -> Any:
    return await coupa.orders.place_order(wanted, key=KEY, maybe_written=again)


async def submitted(coupa: Coupa, wanted: OrderDocument | None = None) -> OrderDocument:
    """A requisition that waits, and the document as the order then asks about it."""
    wanted = wanted or two_lines()
    held = await place(coupa, wanted)
    assert isinstance(held, AwaitingApproval)
    numbers = {"awaiting": held.document, "requisition_number": held.requisition_number}
    return wanted.model_copy(update=numbers)


async def ordered(coupa: Coupa) -> OrderDocument:
    """An order that Coupa made, with what was last written of its lines."""
    waits = await submitted(coupa)
    await coupa.people("approve", requisition=int(waits.awaiting or 0))
    placed = await place(coupa, waits, again=True)
    assert isinstance(placed, Placed)
    lines = tuple(one.model_copy(update={"written": written(str(one.quantity))}) for one in waits.lines)
    return waits.model_copy(update={"awaiting": None, "order_number": placed.order_number, "lines": lines})


def changed(known: OrderDocument, quantity: str, revision: int = 2) -> OrderDocument:
    first, second = known.lines
    other = first.model_copy(update={"quantity": Decimal(quantity)})
    return known.model_copy(update={"lines": (other, second), "changed_lines": (10,), "revision": revision})


async def change(coupa: Coupa, wanted: OrderDocument, key: str = "change-2") -> Any:
    return await coupa.orders.change_order(wanted, key=key)


async def test_a_requisition_waits_and_becomes_an_order_once_it_is_approved(coupa: Coupa) -> None:
    waits = await submitted(coupa)
    held = await place(coupa, waits, again=True)
    assert isinstance(held, AwaitingApproval)
    assert (held.system, held.approver, held.since is not None) == ("Coupa", "Anna Approver", True)

    await coupa.people("setup", order_delay=True)
    await coupa.people("approve", requisition=int(waits.awaiting or 0))
    assert isinstance(await place(coupa, waits, again=True), AwaitingApproval), "approved, and no order yet"
    await coupa.people("orders")
    placed = await place(coupa, waits, again=True)

    [order], [requisition] = coupa.held("orders"), coupa.held("requisitions")
    assert placed == Placed(requisition_number=str(requisition["id"]), order_number=order["po-number"])
    assert [(one["quantity"], one["price"]) for one in order["order-lines"]] == [
        ("100.000000", "0.100000"),
        ("60.000000", "0.100000"),
    ]


async def test_an_order_on_hold_in_coupa_is_there_and_may_not_be_sent(coupa: Coupa) -> None:
    await coupa.people("setup", issues=False, approves=True)
    placed = await place(coupa, two_lines())
    assert isinstance(placed, Placed)
    assert placed.unreleased == "it is on buyer_hold in Coupa"


async def test_a_requisition_is_found_again_among_pages_of_others(coupa: Coupa) -> None:
    first = await submitted(coupa)
    for number in range(60):
        await place(coupa, document(line(), reference=f"PLOTHER{number:05}"))
    held = await place(coupa, two_lines())
    assert isinstance(held, AwaitingApproval)
    assert held.document == first.awaiting


async def test_beyond_25_requests_a_second_it_is_tried_again() -> None:
    async with a_coupa(limited=True) as coupa:
        waits = await submitted(coupa)

        async def ask_on() -> None:
            for _ in range(60):
                await place(coupa, waits, again=True)

        with pytest.raises(TransientError, match="429"):
            await ask_on()


async def test_a_refusal_says_why_and_is_submitted_anew_where_a_person_wants_that(coupa: Coupa) -> None:
    waits = await submitted(coupa)
    await coupa.people("reject", requisition=int(waits.awaiting or 0), reason="cost centre is closed")
    for refused in (await place(coupa, waits, again=True), await place(coupa, two_lines(), again=True)):
        assert isinstance(refused, Refused)
        assert (refused.code, "cost centre is closed" in refused.reason) == ("not_approved", True)

    again = await submitted(coupa, waits.model_copy(update={"awaiting": None}))
    assert again.awaiting != waits.awaiting
    assert [str(row["id"]) for row in coupa.held("requisitions")] == [again.awaiting], "the refused one is gone"


async def test_what_somebody_withdrew_or_deleted_there_is_not_made_again(coupa: Coupa) -> None:
    waits = await submitted(coupa)
    await coupa.people("withdraw", requisition=int(waits.awaiting or 0))
    refused = await place(coupa, waits, again=True)
    assert isinstance(refused, Refused)
    assert refused.code == "withdrawn"


async def test_what_waits_is_taken_back_and_what_is_ordered_is_not(coupa: Coupa) -> None:
    waits = await submitted(coupa)
    assert (await coupa.orders.cancel_requisition(waits, key="back")).model_dump()["writes"] == 1
    gone = await place(coupa, waits, again=True)
    assert isinstance(gone, Refused)
    known = await ordered(coupa)
    kept = await coupa.orders.cancel_requisition(known, key="back")
    assert (kept.result, len(coupa.held("orders"))) == ("written", 1)


async def test_what_coupa_does_not_take_is_refused_with_its_words(coupa: Coupa) -> None:
    coupa.fault("answer", "submit_for_approval", status=400, body='{"errors": {"account": ["Segment 1 is blank"]}}')
    refused = await place(coupa, two_lines())
    assert refused == Refused(system="coupa", code="400", reason="Coupa: Segment 1 is blank")
    xml = "<?xml version='1.0'?><errors><error>No budget.</error></errors>"
    coupa.fault("answer", "submit_for_approval", status=422, body=xml, headers={"Content-Type": "application/xml"})
    assert (await place(coupa, two_lines())).reason == "Coupa: No budget."


async def test_a_change_waits_and_is_written_once_it_is_approved(coupa: Coupa) -> None:
    known = await ordered(coupa)
    held = await change(coupa, changed(known, "150"))
    assert isinstance(held, AwaitingApproval)
    assert await change(coupa, changed(known, "150")) == held, "asked again, it is the same one"
    asked = changed(known, "150").model_copy(update={"awaiting": held.document})
    assert isinstance(await change(coupa, asked), AwaitingApproval)
    await coupa.people("approve", change=int(held.document))
    assert isinstance(await change(coupa, asked), Written)
    assert await change(coupa, changed(known, "150")) == Written(reference=known.order_number or "")
    [order] = coupa.held("orders")
    assert (order["order-lines"][0]["quantity"], order["version"]) == ("150.000000", 2)


async def test_an_order_that_nobody_needs_is_cancelled_as_a_whole(coupa: Coupa) -> None:
    known = await ordered(coupa)
    lines = tuple(one.model_copy(update={"cancelled": True, "quantity": Decimal(0)}) for one in known.lines)
    gone = known.model_copy(update={"lines": lines, "changed_lines": (10, 20)})
    assert isinstance(await change(coupa, gone), Written)
    assert [order["status"] for order in coupa.held("orders")] == ["cancelled"]
