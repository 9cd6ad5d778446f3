"""Free stock relaxes needs and a shortfall is needed; a later plan has netted it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from canonical.identity import RequirementId, StockId
from canonical.messages import StockOpened
from canonical.records import StockSnapshot, StockStage
from canonical.stock import StockReport, StockReportKind
from ledger.stock.stock import Counted
from tests.workflows.plant import today
from tests.workflows.world import World


async def state(world: World, item: str, quantity: int, *, ago: timedelta = timedelta(0), told: bool = True) -> StockId:
    """A system says what is free, and the gateway tells whom it concerns."""
    at = datetime.now(UTC) - ago
    report = StockReport(
        kind=StockReportKind.STATED,
        plant="1710",
        item=item,
        quantity=Decimal(quantity),
        unit="EA",
        source="wms",
        effective_at=at,
        event_id=f"{world.prefix}-{at.isoformat()}",
    )
    triage = await world.ledger.stock.note(report.id, "EA", [Counted(report=report, quantity=report.quantity)])
    assert triage.tell is told
    if triage.tell:
        assert triage.figure is not None
        opened = StockOpened(
            figure=triage.figure,
            correlation_id=f"corr-{world.prefix}",
            first_sequence=triage.next_sequence,
        )
        assert await world.entities.open_stock(opened, reopen=triage.reopen)
        await world.ledger.stock.told(triage.figure)
    return report.id


async def balance(world: World, stock: str) -> StockSnapshot:
    return StockSnapshot.model_validate(await world.status(stock))


async def test_a_surplus_relaxes_an_open_need_a_small_change_does_not_and_a_fall_restores_it(world: World) -> None:
    chain = world.item("CHAIN", "Cyclops")
    need = world.need(chain, 500)
    requirement = await world.plan(need)
    order = await world.sent(requirement)

    stock = await state(world, chain, 200)
    relaxed = await world.order_until(order, lambda found: found.revision == 2)
    assert [int(line.quantity) for line in relaxed.lines] == [300]
    found = await world.requirement_until(requirement, lambda one: one.from_stock)
    assert found.needed == 500
    assert found.from_stock == 200

    await state(world, chain, 220)
    await world.noted(stock, "stock.judged", times=2)
    now = await balance(world, stock)
    assert (now.damped, [int(one.quantity) for one in now.allotments]) == (1, [200])

    await state(world, chain, 0)
    restored = await world.order_until(order, lambda found: found.revision == 3)
    assert [int(line.quantity) for line in restored.lines] == [500]
    assert await world.ended(stock) == "settled"
    await world.answer(restored)
    await world.settled(restored)


async def test_a_need_that_stock_meets_whole_waits_for_the_plan_and_is_ordered_where_the_stock_falls(
    world: World,
) -> None:
    chain = world.item("CHAIN", "Cyclops")
    requirement = await world.plan(world.need(chain, 100))
    order = await world.ordered(requirement)

    await state(world, chain, 130)
    await world.requirement_until(requirement, lambda one: one.from_stock)
    await world.until(lambda: world.at_rest(requirement))
    await world.skip_collecting(order)
    met = await world.requirement_until(requirement, lambda one: one.from_stock and "free stock" in one.reason)
    assert not met.closed
    assert await world.ended(order.id) == "cancelled"

    await state(world, chain, 0)
    again = await world.ordered(requirement, 2)
    assert [int(line.quantity) for line in again.lines] in ([], [100])
    again = await world.sent(requirement, 2)
    assert [int(line.quantity) for line in again.lines] == [100]


async def test_a_later_plan_has_netted_the_stock_and_an_older_figure_says_nothing_of_it(world: World) -> None:
    chain = world.item("CHAIN", "Cyclops")
    need = world.need(chain, 500)
    requirement = await world.plan(need)
    order = await world.sent(requirement)
    stock = await state(world, chain, 200)
    order = await world.order_until(order, lambda found: found.revision == 2)

    await world.replan(need, 2, quantity=Decimal(450))
    planned = await world.order_until(order, lambda found: found.revision == 3)
    assert [int(line.quantity) for line in planned.lines] == [450], "the plan has netted the stock by itself"
    await world.noted(requirement, "stock.overtaken")
    await world.requirement_until(requirement, lambda one: not one.from_stock and one.needed == 450)

    await state(world, chain, 210, ago=timedelta(minutes=5), told=False)
    assert (await balance(world, stock)).figure.free == 200


async def test_a_shortfall_is_stated_as_a_need_once_and_withdrawn_when_the_stock_is_there(world: World) -> None:
    chain = world.item("CHAIN", "Cyclops")
    stock = await state(world, chain, -40)
    await world.noted(stock, "stock.short")
    await world.until(lambda: world.at_rest(stock))
    now = await balance(world, stock)
    assert now.stage is StockStage.STANDING
    assert now.shortfall == 40
    assert now.shortfall_requirement == f"requirement/1710/{chain}/pegline~stock"
    [first] = await world.ledger.reads.inbox_of(RequirementId(now.shortfall_requirement))
    assert '"quantity":"40' in first.body.decode()
    assert f'"required_date":"{today()}"' in first.body.decode()

    await state(world, chain, -55)
    await world.noted(stock, "stock.short", times=2)
    await state(world, chain, 3)
    assert await world.ended(stock) == "settled"
    said = await world.ledger.reads.inbox_of(RequirementId(now.shortfall_requirement))
    assert [row.type for row in said] == [
        "pegline.requirement.planned.v1",
        "pegline.requirement.planned.v1",
        "pegline.requirement.withdrawn.v1",
    ]

    await state(world, chain, -7)
    await world.noted(stock, "stock.short", times=3)
