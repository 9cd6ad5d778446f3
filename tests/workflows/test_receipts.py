"""Goods arrive in parts, more than was ordered, and are told of twice."""

from canonical.exception import Choice
from canonical.messages import GoodsReceived
from tests.workflows.lookout import parts
from tests.workflows.world import CHANGED, World


async def test_goods_that_arrive_in_parts_end_the_order_with_the_last_part(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement)

    await world.receive_part(order, 60, receipt="GR-1", days=50)
    delivering = await world.order_until(order, lambda found: found.stage == "delivering")
    assert int(delivering.lines[0].received) == 60
    await world.until(lambda: _told(world, requirement, delivering.order_number or "", 2))
    assert world.cover_in_aps(requirement, order) == [(60, 50, "received"), (40, 58, "confirmed")]
    assert (order.order_number, 10) not in world.erp.completed
    assert (await world.requirement(requirement)).stage == "covered"

    await world.receive_part(order, 40, receipt="GR-2", days=55)
    assert await world.ended(order.id) == "closed"
    assert await world.ended(requirement) == "fulfilled"
    assert (order.order_number, 10) in world.erp.completed
    assert parts((await world.requirement(requirement)).cover) == [(100, 55, "received")]


async def _told(world: World, requirement: str, order_number: str, slices: int) -> bool:
    return len(world.aps.coverage[requirement, order_number]) == slices


async def test_a_receipt_told_twice_counts_once(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement)
    await world.receive_part(order, 60, receipt="GR-1")
    await world.receive_part(order, 60, receipt="GR-1")
    await world.noted(order.id, "receipt.repeated")
    assert int((await world.order_of(requirement)).lines[0].received) == 60
    assert (await world.requirement(requirement)).stage == "covered"


async def test_more_than_was_ordered_fulfils_the_need_and_the_rest_is_nobodys(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement)
    await world.receive_part(order, 130, receipt="GR-1")
    assert await world.ended(order.id) == "closed"
    assert await world.ended(requirement) == "fulfilled"
    assert world.cover_in_aps(requirement, order) == [(100, 50, "received")]


async def test_goods_may_arrive_before_the_supplier_has_answered(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.sent(requirement)
    await world.receive(order)
    assert await world.ended(order.id) == "closed"
    assert await world.ended(requirement) == "fulfilled"


async def test_a_receipt_in_another_unit_is_put_to_the_buyer_and_counts_for_nothing(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement)
    await world.receive_part(order, 5, receipt="GR-1", unit="BX")
    question = await world.question(order)
    assert "receipt GR-1: line 10 is in EA, the receipt in BX" in question.proposal.summary
    assert int((await world.order_of(requirement)).lines[0].received) == 0


async def test_an_order_stays_open_while_a_receipt_can_not_be_booked(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement)
    await world.receive_part(order, 5, receipt="GR-1", unit="BX")
    question = await world.question(order)

    await world.receive(order)

    assert await world.ended(requirement) == "fulfilled"
    waiting = await world.order_until(order, lambda found: found.lines[0].received == 100)
    assert (waiting.stage, waiting.exception_id) == ("delivering", question.id)
    await world.decide(question, Choice.WAIT)
    assert await world.ended(order.id) == "closed"


async def test_receipts_that_are_told_together_are_written_back_in_one_call(world: World) -> None:
    needs = [world.need(world.item(item, "Cyclops")) for item in ("CHAIN", "BELL")]
    for need in needs:
        await world.ordered(await world.plan(need))
    order = await world.acknowledged(needs[0].id)
    writes, reports = len(world.erp.writes), world.aps.reports

    receipts = tuple(world.receipt(order, 100, f"GR-{line}", line) for line in (10, 20))
    await world.entities.receive_goods(order.id, GoodsReceived(receipts=receipts))

    assert [await world.ended(need.id) for need in needs] == ["fulfilled", "fulfilled"]
    assert (len(world.erp.writes), world.aps.reports) == (writes + 1, reports + 1)


async def test_goods_of_a_confirmation_that_was_late_end_the_shortage(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement, world.line(10, (CHANGED, 100, 75)))
    exception = await world.short(requirement)
    await world.receive(order, days=70)
    assert await world.ended(requirement) == "fulfilled"
    assert await world.ended(exception.id) == "overtaken"
