"""Needs that arrive together share an order where plant, supplier and terms are the same."""

import pytest

from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import Harness
from tests.workflows.lookout import parts


@pytest.mark.recorded("consolidated")
async def test_needs_of_one_plant_and_supplier_share_an_order_and_another_supplier_has_its_own(
    harness: Harness,
) -> None:
    needs = [harness.need(harness.item(item, "Cyclops"), quantity) for item, quantity in _CYCLOPS.items()]
    other = await harness.plan(harness.need(harness.item("SADDLE", "Trey"), 7))
    shared = []
    for need in needs:
        shared.append(await harness.plan(need))
        await harness.ordered(shared[-1])

    order, others = await harness.sent(shared[0]), await harness.sent(other)

    assert order.id != others.id
    assert [(line.requirement_id, int(line.quantity)) for line in order.lines] == list(
        zip(shared, _CYCLOPS.values(), strict=True)
    )
    assert [int(line.quantity) for line in others.lines] == [7]
    assert [line.line for line in harness.document(order).lines] == [10, 20, 30]
    assert sum(write.startswith("place") for write in harness.erp.writes) == 2

    await harness.answer(order)
    await harness.settled(order)
    await harness.receive(order)
    assert [await harness.ended(requirement) for requirement in shared] == ["fulfilled"] * 3
    assert (await harness.requirement(other)).stage == "covered"


_CYCLOPS = {"CHAIN": 100, "BELL": 20, "BOLT": 400}


async def test_without_a_consolidation_window_each_need_has_an_order_of_its_own_at_once(
    make_harness: MakeHarness,
) -> None:
    harness = await make_harness(consolidation_minutes=0)
    item = harness.item("CHAIN", "Cyclops")
    first = await harness.plan(harness.need(item, reference="BS-1"))
    second = await harness.plan(harness.need(item, reference="BS-2"))

    orders = [await harness.sent(first), await harness.sent(second)]

    assert orders[0].id != orders[1].id
    assert [len(order.lines) for order in orders] == [1, 1]
    assert sum(write.startswith("place") for write in harness.erp.writes) == 2


async def test_a_need_above_the_largest_lot_takes_two_lines_of_one_order(harness: Harness) -> None:
    requirement = await harness.plan(
        harness.need(harness.item("CHAIN", "Cyclops", maximum_quantity=400, multiple=25), 437)
    )
    order = await harness.sent(requirement)
    assert [int(line.quantity) for line in order.lines] == [400, 50]

    await harness.answer(order)
    await harness.receive_part(order, 400, receipt="GR-1", line=10)
    await harness.registered(order.id, "goods.received")
    assert (await harness.requirement(requirement)).stage == "covered"
    await harness.receive_part(order, 50, receipt="GR-2", line=20, days=51)
    assert await harness.ended(requirement) == "fulfilled"
    received = parts((await harness.requirement(requirement)).coverage)
    assert received == [(400, 50, "received"), (37, 51, "received")], "the surplus of the lot is nobody's"
