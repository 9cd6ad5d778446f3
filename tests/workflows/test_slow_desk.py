"""A local activity that ends by time-out is an incident like any other, and is the same one in a replay."""

from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities import desk
from canonical.calls import AssessCall
from canonical.exception import Choice
from settings import WorkerSettings
from tests.workflows.conftest import MakeWorld
from tests.workflows.revisions import june_and_july, proposed, removed, revision_of, tell
from tests.workflows.stock import state
from tests.workflows.world import CHANGED, World
from workflows.entity import CALL_TIMEOUT, DESK_TIMEOUT
from workflows.search_attributes import INCIDENT


@pytest.mark.recorded("slow_desk")
async def test_requirement_order_and_exception_go_on_after_a_time_out_at_the_desk(make_world: MakeWorld) -> None:
    world = await make_world(hanging=("desk.assess", "desk.tell_requirements", "desk.close_exception"))
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    await goes_on(world, requirement, "desk.assess")
    order = await world.sent(requirement)
    await world.answer(order, world.line(10, (CHANGED, 100, 70)))
    await goes_on(world, order.id, "desk.tell_requirements")
    question = await world.short(requirement)
    await world.decide(question, Choice.ACCEPT)
    await goes_on(world, question.id, "desk.close_exception")
    await world.requirement_until(requirement, lambda found: found.exception_id is None)
    await world.receive(order, days=70)
    assert await world.ended(requirement) == "fulfilled"


@pytest.mark.recorded("slow_desk_of_change")
async def test_an_engineering_change_goes_on_after_a_time_out_at_the_desk(make_world: MakeWorld) -> None:
    world = await make_world(hanging=("desk.change_bom",))
    chain = world.item("CHAIN", "Cyclops")
    await june_and_july(world, chain)
    identity = await tell(world, revision_of(world, removed(chain, 40)))
    await world.decide(await proposed(world, identity), Choice.CANCEL)
    await goes_on(world, identity, "desk.change_bom")
    assert await world.ended(identity) == "carried_out"


@pytest.mark.recorded("slow_desk_of_stock")
async def test_a_stock_balance_goes_on_after_a_time_out_at_the_desk(make_world: MakeWorld) -> None:
    world = await make_world(hanging=("desk.stock_use", "desk.allot_stock"))
    chain = world.item("CHAIN", "Cyclops")
    requirement = await world.plan(world.need(chain, 500))
    await world.sent(requirement)
    stock = await state(world, chain, 200)
    await goes_on(world, stock, "desk.stock_use")
    await goes_on(world, stock, "desk.allot_stock")
    await world.requirement_until(requirement, lambda one: one.from_stock)


def test_the_desk_waits_longer_than_a_call_to_the_erp_and_no_longer_than_its_activities_may_take() -> None:
    one_call = WorkerSettings.model_fields["call_timeout_seconds"].default
    assert one_call < desk.MASTER_DATA_SECONDS < min(DESK_TIMEOUT, CALL_TIMEOUT).total_seconds()


async def test_an_erp_that_is_slower_than_the_desk_waits_is_named_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "MASTER_DATA_SECONDS", 0.1)
    world.master_data.open_for_calls.clear()
    activities = desk.DeskActivities(world.ledger, world.entities, world.master_data, world.policies)
    with pytest.raises(ApplicationError, match=r"the ERP's master data did not come within 0\.1 s") as slow:
        await activities.assess(AssessCall(plant="1710", item=world.item("CHAIN", "Cyclops")))
    assert slow.value.non_retryable


async def goes_on(world: World, entity: str, call: str) -> None:
    """The call keeps failing until its pause has passed."""

    async def incident() -> str | None:
        return (await world.handle(entity).describe()).typed_search_attributes.get(INCIDENT)

    async def passed() -> bool:
        return await incident() != call

    assert await world.until(incident) == call
    await world.skip(world.handle(entity), timedelta(seconds=31))
    await world.until(passed)
