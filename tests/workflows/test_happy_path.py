"""The way of a need when nothing goes wrong."""

import pytest

from tests.workflows.world import World


@pytest.mark.recorded("happy")
async def test_a_need_becomes_one_order_is_confirmed_and_received(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)

    order = await world.sent(requirement)
    assert [line.quantity for line in world.document(order).lines] == [100]
    assert len(world.supplier.sent[order.order_number or ""]) == 1

    await world.answer(order)
    await world.until(lambda: _acknowledged(world, requirement))
    await world.receive(order)

    assert await world.ended(requirement) == "fulfilled"
    assert await world.ended(order.id) == "closed"
    assert world.erp.writes == [f"place {world.document(order).reference}", *[f"schedule {order.order_number}"] * 2]
    assert (order.order_number, 10) in world.erp.completed
    assert world.cover_in_aps(requirement, order) == [(100, 50, "received")]


async def _acknowledged(world: World, requirement: str) -> bool:
    return (await world.order_of(requirement)).stage == "acknowledged"
