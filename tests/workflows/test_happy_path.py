"""The way of a need when nothing goes wrong."""

import pytest

from tests.workflows.harness import Harness


@pytest.mark.recorded("happy")
async def test_a_need_becomes_one_order_is_confirmed_and_received(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)

    order = await harness.sent(requirement)
    assert [line.quantity for line in harness.document(order).lines] == [100]
    assert len(harness.supplier.sent[order.order_number or ""]) == 1

    await harness.answer(order)
    await harness.until(lambda: _acknowledged(harness, requirement))
    await harness.receive(order)

    assert await harness.ended(requirement) == "fulfilled"
    assert await harness.ended(order.id) == "closed"
    assert harness.erp.writes == [f"place {harness.document(order).reference}", *[f"schedule {order.order_number}"] * 2]
    assert (order.order_number, 10) in harness.erp.completed
    assert harness.coverage_in_aps(requirement, order) == [(100, 50, "received")]


async def _acknowledged(harness: Harness, requirement: str) -> bool:
    return (await harness.order_of(requirement)).stage == "acknowledged"
