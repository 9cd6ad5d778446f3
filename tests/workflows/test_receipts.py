"""Goods arrive in parts, more than ordered, and are reported twice."""

import pytest

from canonical.exception import Choice
from canonical.messages import GoodsReceived
from tests.workflows.harness import CHANGED, Harness
from tests.workflows.lookout import parts


@pytest.mark.recorded("received_in_parts")
async def test_goods_that_arrive_in_parts_end_the_order_with_the_last_part(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement)

    await harness.receive_part(order, 60, receipt="GR-1", days=50)
    delivering = await harness.order_until(order, lambda found: found.stage == "delivering")
    assert int(delivering.lines[0].received) == 60
    await harness.until(lambda: _reported(harness, requirement, delivering.order_number or "", 2))
    assert harness.coverage_in_aps(requirement, order) == [(60, 50, "received"), (40, 58, "confirmed")]
    assert (order.order_number, 10) not in harness.erp.completed
    assert (await harness.requirement(requirement)).stage == "covered"

    await harness.receive_part(order, 40, receipt="GR-2", days=55)
    assert await harness.ended(order.id) == "closed"
    assert await harness.ended(requirement) == "fulfilled"
    assert (order.order_number, 10) in harness.erp.completed
    assert parts((await harness.requirement(requirement)).coverage) == [(100, 55, "received")]


async def _reported(harness: Harness, requirement: str, order_number: str, schedule_lines: int) -> bool:
    return len(harness.aps.coverage[requirement, order_number]) == schedule_lines


async def test_a_receipt_reported_twice_counts_once(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement)
    await harness.receive_part(order, 60, receipt="GR-1")
    await harness.receive_part(order, 60, receipt="GR-1")
    await harness.registered(order.id, "receipt.repeated")
    assert int((await harness.order_of(requirement)).lines[0].received) == 60
    assert (await harness.requirement(requirement)).stage == "covered"


async def test_more_than_was_ordered_fulfils_the_need_and_the_rest_is_nobodys(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement)
    await harness.receive_part(order, 130, receipt="GR-1")
    assert await harness.ended(order.id) == "closed"
    assert await harness.ended(requirement) == "fulfilled"
    assert harness.coverage_in_aps(requirement, order) == [(100, 50, "received")]


async def test_goods_may_arrive_before_the_supplier_has_answered(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    await harness.receive(order)
    assert await harness.ended(order.id) == "closed"
    assert await harness.ended(requirement) == "fulfilled"


async def test_a_receipt_in_another_unit_is_put_to_the_buyer_and_counts_for_nothing(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement)
    await harness.receive_part(order, 5, receipt="GR-1", unit="BX")
    question = await harness.question(order)
    assert "receipt GR-1: line 10 is in EA, the receipt in BX" in question.proposal.summary
    assert int((await harness.order_of(requirement)).lines[0].received) == 0


async def test_an_order_stays_open_while_a_receipt_can_not_be_booked(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement)
    await harness.receive_part(order, 5, receipt="GR-1", unit="BX")
    question = await harness.question(order)

    await harness.receive(order)

    assert await harness.ended(requirement) == "fulfilled"
    waiting = await harness.order_until(order, lambda found: found.lines[0].received == 100)
    assert (waiting.stage, waiting.exception_id) == ("delivering", question.id)
    await harness.decide(question, Choice.WAIT)
    assert await harness.ended(order.id) == "closed"


async def test_receipts_that_arrive_together_are_written_back_in_one_call(harness: Harness) -> None:
    needs = [harness.need(harness.item(item, "Cyclops")) for item in ("CHAIN", "BELL")]
    for need in needs:
        await harness.ordered(await harness.plan(need))
    order = await harness.acknowledged(needs[0].id)
    writes, reports = len(harness.erp.writes), harness.aps.reports

    receipts = tuple(harness.receipt(order, 100, f"GR-{line}", line) for line in (10, 20))
    await harness.entities.receive_goods(order.id, GoodsReceived(receipts=receipts))

    assert [await harness.ended(need.id) for need in needs] == ["fulfilled", "fulfilled"]
    assert (len(harness.erp.writes), harness.aps.reports) == (writes + 1, reports + 1)


async def test_goods_of_a_confirmation_that_was_late_end_the_shortage(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement, harness.line(10, (CHANGED, 100, 75)))
    exception = await harness.short(requirement)
    await harness.receive(order, days=70)
    assert await harness.ended(requirement) == "fulfilled"
    assert await harness.ended(exception.id) == "overtaken"


# -- short, and taken back


@pytest.mark.recorded("delivered_short")
async def test_what_a_completed_delivery_lacks_is_ordered_again(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement)
    last = harness.receipt(order, 95, "GR-1").model_copy(update={"final": True})
    await harness.entities.receive_goods(order.id, GoodsReceived(receipts=(last,)))
    assert await harness.ended(order.id) == "closed"
    assert (order.order_number, 10) in harness.erp.completed
    again = await harness.sent(requirement, orders=2)
    assert [int(line.allocated) for line in again.lines] == [5]
    assert (await harness.requirement(requirement)).stage != "fulfilled"


@pytest.mark.recorded("receipt_taken_back")
async def test_what_is_taken_back_of_an_order_that_has_ended_opens_it_and_its_requirement_again(
    harness: Harness,
) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement)
    await harness.receive(order)
    assert await harness.ended(order.id) == "closed"
    assert await harness.ended(requirement) == "fulfilled"

    returned = harness.receipt(order, -20, "RV-1", days=51)
    await harness.take_back_of_ended(order, returned)

    opened = await harness.order_until(order, lambda found: int(found.lines[0].received) == 80)
    assert (opened.stage, opened.closed) == ("delivering", False)
    short = await harness.short(requirement)
    assert int(short.proposal.short_quantity or 0) == 20
    assert parts((await harness.requirement(requirement)).coverage) == [(80, 50, "received"), (20, None, "backordered")]

    await harness.receive_part(order, 20, receipt="GR-2", days=55)
    assert await harness.ended(order.id) == "closed"
    assert await harness.ended(requirement) == "fulfilled"
