"""Available stock relaxes needs and a shortfall is needed; a later plan has netted it."""

from datetime import timedelta
from decimal import Decimal

import pytest

from canonical.identity import RequirementId
from canonical.records import StockStage
from tests.workflows.harness import Harness
from tests.workflows.plant import today
from tests.workflows.stock import state, stock_balance


@pytest.mark.recorded("stock_relaxes")
async def test_a_surplus_relaxes_an_open_need_a_small_change_does_not_and_a_fall_restores_it(harness: Harness) -> None:
    chain = harness.item("CHAIN", "Cyclops")
    need = harness.need(chain, 500)
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)

    stock = await state(harness, chain, 200)
    relaxed = await harness.order_until(order, lambda found: found.revision == 2)
    assert [int(line.quantity) for line in relaxed.lines] == [300]
    found = await harness.requirement_until(requirement, lambda one: one.from_stock)
    assert found.needed == 500
    assert found.from_stock == 200

    await state(harness, chain, 220)
    await harness.registered(stock, "stock.judged", times=2)
    now = await stock_balance(harness, stock)
    assert now.suppressed == 1
    assert [int(one.quantity) for one in now.allocations] == [200]

    await state(harness, chain, 0)
    restored = await harness.order_until(order, lambda found: found.revision == 3)
    assert [int(line.quantity) for line in restored.lines] == [500]
    assert await harness.ended(stock) == "settled"
    await harness.answer(restored)
    await harness.settled(restored)


async def test_a_need_that_stock_meets_whole_waits_for_the_plan_and_is_ordered_where_the_stock_falls(
    harness: Harness,
) -> None:
    chain = harness.item("CHAIN", "Cyclops")
    requirement = await harness.plan(harness.need(chain, 100))
    order = await harness.ordered(requirement)

    await state(harness, chain, 130)
    await harness.requirement_until(requirement, lambda one: one.from_stock)
    await harness.until(lambda: harness.at_rest(requirement))
    await harness.skip_consolidation(order)
    met = await harness.requirement_until(requirement, lambda one: one.from_stock and "available stock" in one.reason)
    assert not met.closed
    assert await harness.ended(order.id) == "cancelled"

    await state(harness, chain, 0)
    again = await harness.ordered(requirement, 2)
    assert [int(line.quantity) for line in again.lines] in ([], [100])
    again = await harness.sent(requirement, 2)
    assert [int(line.quantity) for line in again.lines] == [100]


async def test_a_later_plan_has_netted_the_stock_and_an_older_figure_changes_nothing(harness: Harness) -> None:
    chain = harness.item("CHAIN", "Cyclops")
    need = harness.need(chain, 500)
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)
    stock = await state(harness, chain, 200)
    order = await harness.order_until(order, lambda found: found.revision == 2)

    await harness.replan(need, 2, quantity=Decimal(450))
    planned = await harness.order_until(order, lambda found: found.revision == 3)
    assert [int(line.quantity) for line in planned.lines] == [450], "the plan has netted the stock by itself"
    await harness.registered(requirement, "stock.overtaken")
    await harness.requirement_until(requirement, lambda one: not one.from_stock and one.needed == 450)

    await state(harness, chain, 210, ago=timedelta(minutes=5), reported=False)
    assert (await stock_balance(harness, stock)).figure.available_to_promise == 200


@pytest.mark.recorded("stock_short")
async def test_a_shortfall_is_published_as_a_need_once_and_withdrawn_when_the_stock_is_there(harness: Harness) -> None:
    chain = harness.item("CHAIN", "Cyclops")
    stock = await state(harness, chain, -40)
    await harness.registered(stock, "stock.short")
    await harness.until(lambda: harness.at_rest(stock))
    now = await stock_balance(harness, stock)
    assert now.stage is StockStage.ACTIVE
    assert now.shortfall == 40
    assert now.shortfall_requirement == f"requirement/1710/{chain}/pegline~stock"
    [first] = await harness.ledger.reads.inbox_of(RequirementId(now.shortfall_requirement))
    assert '"quantity":"40' in first.body.decode()
    assert f'"required_date":"{today()}"' in first.body.decode()

    await state(harness, chain, -55)
    await harness.registered(stock, "stock.short", times=2)
    await state(harness, chain, 3)
    assert await harness.ended(stock) == "settled"
    statement = await harness.ledger.reads.inbox_of(RequirementId(now.shortfall_requirement))
    assert [row.type for row in statement] == [
        "pegline.requirement.planned.v1",
        "pegline.requirement.planned.v1",
        "pegline.requirement.withdrawn.v1",
    ]

    await state(harness, chain, -7)
    await harness.registered(stock, "stock.short", times=3)
