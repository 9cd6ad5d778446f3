"""Needs that arrive together share an order where plant, supplier and terms are the same."""

import pytest

from tests.workflows.conftest import MakeWorld
from tests.workflows.lookout import parts
from tests.workflows.world import World


@pytest.mark.recorded("consolidated")
async def test_needs_of_one_plant_and_supplier_share_an_order_and_another_supplier_has_its_own(world: World) -> None:
    needs = [world.need(world.item(item, "Cyclops"), quantity) for item, quantity in _CYCLOPS.items()]
    other = await world.plan(world.need(world.item("SADDLE", "Trey"), 7))
    shared = []
    for need in needs:
        shared.append(await world.plan(need))
        await world.ordered(shared[-1])

    order, others = await world.sent(shared[0]), await world.sent(other)

    assert order.id != others.id
    assert [(line.requirement_id, int(line.quantity)) for line in order.lines] == list(
        zip(shared, _CYCLOPS.values(), strict=True)
    )
    assert [int(line.quantity) for line in others.lines] == [7]
    assert [line.line for line in world.document(order).lines] == [10, 20, 30]
    assert sum(write.startswith("place") for write in world.erp.writes) == 2

    await world.answer(order)
    await world.settled(order)
    await world.receive(order)
    assert [await world.ended(requirement) for requirement in shared] == ["fulfilled"] * 3
    assert (await world.requirement(other)).stage == "covered"


_CYCLOPS = {"CHAIN": 100, "BELL": 20, "BOLT": 400}


async def test_without_a_collecting_window_each_need_has_an_order_of_its_own_at_once(make_world: MakeWorld) -> None:
    world = await make_world(consolidation_minutes=0)
    item = world.item("CHAIN", "Cyclops")
    first = await world.plan(world.need(item, reference="BS-1"))
    second = await world.plan(world.need(item, reference="BS-2"))

    orders = [await world.sent(first), await world.sent(second)]

    assert orders[0].id != orders[1].id
    assert [len(order.lines) for order in orders] == [1, 1]
    assert sum(write.startswith("place") for write in world.erp.writes) == 2


async def test_a_need_above_the_largest_lot_takes_two_lines_of_one_order(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops", maximum_quantity=400, multiple=25), 437))
    order = await world.sent(requirement)
    assert [int(line.quantity) for line in order.lines] == [400, 50]

    await world.answer(order)
    await world.receive_part(order, 400, receipt="GR-1", line=10)
    await world.noted(order.id, "goods.received")
    assert (await world.requirement(requirement)).stage == "covered"
    await world.receive_part(order, 50, receipt="GR-2", line=20, days=51)
    assert await world.ended(requirement) == "fulfilled"
    received = parts((await world.requirement(requirement)).cover)
    assert received == [(400, 50, "received"), (37, 51, "received")], "the surplus of the lot is nobody's"
