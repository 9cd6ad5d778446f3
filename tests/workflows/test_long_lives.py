"""Entities that live for weeks continue as new, and lose nothing by it."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.testing import WorkflowEnvironment

from canonical.exception import Choice
from canonical.records import OrderSnapshot
from tests.conftest import FreshDatabase
from tests.workflows.conftest import serving, telling
from tests.workflows.world import ACCEPTED, CHANGED, World


@pytest.fixture(scope="session")
async def restless_env(temporal_cli: Path) -> AsyncIterator[WorkflowEnvironment]:
    """A server that suggests to continue as new after a dozen events, where others wait for thousands."""
    async with serving(temporal_cli, limit__historyCount__suggestContinueAsNew="12") as environment:
        yield environment


@pytest.fixture
async def restless(restless_env: WorkflowEnvironment, fresh_database: FreshDatabase) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        make = await stack.enter_async_context(telling(restless_env, fresh_database))
        yield await make()


async def test_entities_that_continue_as_new_after_every_step_tell_the_same_story(restless: World) -> None:
    world = restless
    need = world.need(world.item("CHAIN", "Cyclops", "Trey"))
    requirement = await world.plan(need)
    first = await world.acknowledged(requirement, world.line(10, (CHANGED, 60, 58), (CHANGED, 40, 70)))
    exception = await world.short(requirement)
    await world.answer(first, world.line(10, (CHANGED, 60, 58), (CHANGED, 40, 72)))
    await world.noted(exception.id, "exception.changed")
    await world.decide(await world.exception(exception.id), Choice.ACCEPT)
    await world.requirement_until(requirement, lambda now: now.exception_id is None)

    need = await world.replan(need, 2, quantity=103)
    await world.noted(requirement, "need.damped")
    await world.receive_part(first, 30, receipt="GR-1")
    await world.noted(first.id, "goods.received")
    await world.replan(need, 3, quantity=150)
    second = await world.sent(requirement, orders=2)
    await world.receive_part(first, 30, receipt="GR-1")
    await world.noted(first.id, "receipt.repeated")
    await world.answer(second, world.line(10, (ACCEPTED, 50, 58)))
    await world.settled(second)
    await world.receive_part(first, 70, receipt="GR-2")
    await world.receive(second)

    assert [await world.ended(order) for order in (first.id, second.id)] == ["closed", "closed"]
    assert await world.ended(requirement) == "fulfilled"
    found = await world.requirement(requirement)
    assert sum(part.quantity for part in found.cover) == 150
    assert len(found.order_ids) == 2
    assert world.erp.orders.keys() == {first.order_number, second.order_number}
    assert [await runs_of(world, entity) > 1 for entity in (requirement, first.id)] == [True, True]


async def test_months_of_plans_and_answers_leave_every_run_short_and_what_it_carries_small(restless: World) -> None:
    world = restless
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    order = await world.acknowledged(requirement)
    for version in range(2, 25):
        quantity = 100 + version % 8 * 30
        need = await world.replan(need, version, quantity=quantity)
        if version % 4 == 0:

            def changed(now: OrderSnapshot, wanted: int = quantity) -> bool:
                sent = world.supplier.sent[str(now.order_number)][-1]
                return sent.revision == now.revision and sent.lines[0].quantity == wanted

            await world.answer(await world.order_until(order, changed))
            await world.order_until(order, lambda now: now.answered_revision == now.revision)
    for number in range(6):
        await world.receive_part(order, 1, receipt=f"GR-{number}")
    await world.order_until(order, lambda now: now.lines[0].received == 6)
    for entity in (requirement, order.id):
        runs = await history_of(world, entity)
        assert len(runs) > 5
        assert max(len(run.events) for run in runs) < 100, "a dozen, and what one step adds"
        carried = [size_of_input(run) for run in runs]
        assert carried[0] < carried[len(carried) // 2] * 1.1


async def test_a_question_whose_cause_keeps_changing_continues_as_new_and_is_decided(restless: World) -> None:
    world = restless
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement, world.line(10, (CHANGED, 100, 61)))
    asked = await world.short(requirement)
    for times in range(1, 7):
        await world.answer(order, world.line(10, (CHANGED, 100, 61 + times)))
        await world.noted(asked.id, "exception.changed", times)
    assert await runs_of(world, asked.id) > 1
    assert (await world.kinds(asked.id)).count("exception.opened") == 1
    question = await world.exception(asked.id)
    assert question.opened_at == asked.opened_at
    await world.decide(question, Choice.ACCEPT)
    await world.requirement_until(requirement, lambda now: now.exception_id is None)
    assert await world.ended(asked.id) == "decided"
    await world.receive(order)
    assert await world.ended(requirement) == "fulfilled"


async def runs_of(world: World, entity: str) -> int:
    """How many runs the entity has had, the present one included."""
    return len(await history_of(world, entity))


async def history_of(world: World, entity: str) -> list[WorkflowHistory]:
    """The history of each run, the newest first."""
    runs: list[WorkflowHistory] = []
    run_id = None
    while run_id != "":
        runs.append(await world.client.get_workflow_handle(entity, run_id=run_id).fetch_history())
        run_id = runs[-1].events[0].workflow_execution_started_event_attributes.continued_execution_run_id
    return runs


def size_of_input(run: WorkflowHistory) -> int:
    """What the run was given but for messages that wait, in bytes."""
    [payload] = run.events[0].workflow_execution_started_event_attributes.input.payloads
    given = json.loads(payload.data)
    return len(payload.data) - len(json.dumps(given["inbox"]))
