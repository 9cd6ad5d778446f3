"""A local activity that ends by time-out is an incident like any other, and is the same one in a replay."""

from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities import internal
from canonical.calls import AssessCall
from canonical.exception import Choice
from settings import WorkerSettings
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import CHANGED, Harness
from tests.workflows.revisions import june_and_july, proposed, publish, removed, revision_of
from tests.workflows.stock import state
from workflows.entity import CALL_TIMEOUT, INTERNAL_TIMEOUT
from workflows.search_attributes import INCIDENT


@pytest.mark.recorded("slow_desk")
async def test_requirement_order_and_exception_go_on_after_an_internal_activity_times_out(
    make_harness: MakeHarness,
) -> None:
    harness = await make_harness(
        hanging=("internal.assess", "internal.notify_requirements", "internal.close_exception")
    )
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    await goes_on(harness, requirement, "internal.assess")
    order = await harness.sent(requirement)
    await harness.answer(order, harness.line(10, (CHANGED, 100, 70)))
    await goes_on(harness, order.id, "internal.notify_requirements")
    question = await harness.short(requirement)
    await harness.decide(question, Choice.ACCEPT)
    await goes_on(harness, question.id, "internal.close_exception")
    await harness.requirement_until(requirement, lambda found: found.exception_id is None)
    await harness.receive(order, days=70)
    assert await harness.ended(requirement) == "fulfilled"


@pytest.mark.recorded("slow_desk_of_change")
async def test_an_engineering_change_goes_on_after_an_internal_activity_times_out(make_harness: MakeHarness) -> None:
    harness = await make_harness(hanging=("internal.change_bom",))
    chain = harness.item("CHAIN", "Cyclops")
    await june_and_july(harness, chain)
    identity = await publish(harness, revision_of(harness, removed(chain, 40)))
    await harness.decide(await proposed(harness, identity), Choice.CANCEL)
    await goes_on(harness, identity, "internal.change_bom")
    assert await harness.ended(identity) == "carried_out"


@pytest.mark.recorded("slow_desk_of_stock")
async def test_a_stock_balance_goes_on_after_an_internal_activity_times_out(make_harness: MakeHarness) -> None:
    harness = await make_harness(hanging=("internal.stock_use", "internal.allocate_stock"))
    chain = harness.item("CHAIN", "Cyclops")
    requirement = await harness.plan(harness.need(chain, 500))
    await harness.sent(requirement)
    stock = await state(harness, chain, 200)
    await goes_on(harness, stock, "internal.stock_use")
    await goes_on(harness, stock, "internal.allocate_stock")
    await harness.requirement_until(requirement, lambda one: one.from_stock)


def test_internal_calls_wait_longer_than_a_call_to_the_erp_and_no_longer_than_activities_may_take() -> None:
    one_call = WorkerSettings.model_fields["call_timeout_seconds"].default
    assert one_call < internal.MASTER_DATA_SECONDS < min(INTERNAL_TIMEOUT, CALL_TIMEOUT).total_seconds()


async def test_an_erp_slower_than_the_internal_time_out_is_named_at_once(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(internal, "MASTER_DATA_SECONDS", 0.1)
    harness.master_data.open_for_calls.clear()
    activities = internal.InternalActivities(harness.ledger, harness.entities, harness.master_data, harness.policies)
    with pytest.raises(ApplicationError, match=r"the ERP's master data did not come within 0\.1 s") as slow:
        await activities.assess(AssessCall(plant="1710", item=harness.item("CHAIN", "Cyclops")))
    assert slow.value.non_retryable


async def goes_on(harness: Harness, entity: str, call: str) -> None:
    """The call keeps failing until its pause has passed."""

    async def incident() -> str | None:
        return (await harness.handle(entity).describe()).typed_search_attributes.get(INCIDENT)

    async def passed() -> bool:
        return await incident() != call

    assert await harness.until(incident) == call
    await harness.skip(harness.handle(entity), timedelta(seconds=31))
    await harness.until(passed)
