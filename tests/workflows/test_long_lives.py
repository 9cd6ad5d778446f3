"""Entities that live for weeks continue as new, and lose nothing by it."""

import asyncio
import json
from statistics import median
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory

from canonical.exception import Choice
from canonical.records import OrderSnapshot
from tests.replay.replaying import runs_of
from tests.workflows.harness import ACCEPTED, CHANGED, Harness


@pytest.mark.recorded("restless")
async def test_entities_that_continue_as_new_after_every_step_tell_the_same_story(restless: Harness) -> None:
    harness = restless
    need = harness.need(harness.item("CHAIN", "Cyclops", "Trey"))
    requirement = await harness.plan(need)
    first = await harness.acknowledged(requirement, harness.line(10, (CHANGED, 60, 58), (CHANGED, 40, 70)))
    exception = await harness.short(requirement)
    await harness.answer(first, harness.line(10, (CHANGED, 60, 58), (CHANGED, 40, 72)))
    await harness.registered(exception.id, "exception.changed")
    await harness.decide(await harness.exception(exception.id), Choice.ACCEPT)
    await harness.requirement_until(requirement, lambda now: now.exception_id is None)

    need = await harness.replan(need, 2, quantity=103)
    await harness.registered(requirement, "requirement.change_suppressed")
    await harness.receive_part(first, 30, receipt="GR-1")
    await harness.registered(first.id, "goods.received")
    await harness.replan(need, 3, quantity=150)
    second = await harness.sent(requirement, orders=2)
    await harness.receive_part(first, 30, receipt="GR-1")
    await harness.registered(first.id, "receipt.repeated")
    await harness.answer(second, harness.line(10, (ACCEPTED, 50, 58)))
    await harness.settled(second)
    await harness.receive_part(first, 70, receipt="GR-2")
    await harness.receive(second)

    assert [await harness.ended(order) for order in (first.id, second.id)] == ["closed", "closed"]
    assert await harness.ended(requirement) == "fulfilled"
    found = await harness.requirement(requirement)
    assert sum(part.quantity for part in found.coverage) == 150
    assert len(found.order_ids) == 2
    assert harness.erp.orders.keys() == {first.order_number, second.order_number}
    for entity in (requirement, first.id):
        assert len(await runs_of(harness.client, entity)) > 1


async def test_months_of_plans_and_answers_leave_every_run_short_and_what_it_carries_small(restless: Harness) -> None:
    harness = restless
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.acknowledged(requirement)
    for version in range(2, 25):
        quantity = 100 + version % 8 * 30
        need = await harness.replan(need, version, quantity=quantity)
        if version % 4 == 0:

            def changed(now: OrderSnapshot, requested: int = quantity) -> bool:
                sent = harness.supplier.sent[str(now.order_number)][-1]
                return sent.revision == now.revision and sent.lines[0].quantity == requested

            await harness.answer(await harness.order_until(order, changed))
            await harness.order_until(order, lambda now: now.answered_revision == now.revision)
    for number in range(6):
        await harness.receive_part(order, 1, receipt=f"GR-{number}")
    await harness.order_until(order, lambda now: now.lines[0].received == 6)
    for entity in (requirement, order.id):
        runs = await runs_of(harness.client, entity)
        assert len(runs) > 5
        assert max(len(run.events) for run in runs) < 100, "a dozen, and what one step adds"
        carried = [size_of_input(run) for run in runs]
        quarter = len(carried) // 4
        early, late = median(carried[quarter : 2 * quarter]), median(carried[-quarter:])
        assert late < early * 1.2, "what one run carries depends on when it began, by a tenth"


async def test_a_run_continues_as_new_with_messages_in_its_inbox_and_loses_none(restless: Harness) -> None:
    harness = restless
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops"), 300))
    order = await harness.acknowledged(requirement)
    async with asyncio.TaskGroup() as sending:
        for number in range(200):
            sending.create_task(harness.receive_part(order, 1, receipt=f"GR-{number}"))
    await harness.order_until(order, lambda now: now.lines[0].received == 200)
    assert max(len(inbox_of(run)) for run in await runs_of(harness.client, order.id)) > 0
    await harness.receive_part(order, 100, receipt="GR-last")
    assert await harness.ended(order.id) == "closed"
    assert await harness.ended(requirement) == "fulfilled"
    assert (await harness.kinds(order.id)).count("goods.received") == 201


@pytest.mark.recorded("restless_question")
async def test_a_question_whose_cause_keeps_changing_continues_as_new_and_is_decided(restless: Harness) -> None:
    harness = restless
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement, harness.line(10, (CHANGED, 100, 61)))
    asked = await harness.short(requirement)
    for times in range(1, 7):
        await harness.answer(order, harness.line(10, (CHANGED, 100, 61 + times)))
        await harness.registered(asked.id, "exception.changed", times)
    assert len(await runs_of(harness.client, asked.id)) > 1
    assert (await harness.kinds(asked.id)).count("exception.opened") == 1
    question = await harness.exception(asked.id)
    assert question.opened_at == asked.opened_at
    await harness.decide(question, Choice.ACCEPT)
    await harness.requirement_until(requirement, lambda now: now.exception_id is None)
    assert await harness.ended(asked.id) == "decided"
    await harness.receive(order)
    assert await harness.ended(requirement) == "fulfilled"


def size_of_input(run: WorkflowHistory) -> int:
    """What the run was given but for messages that wait, in bytes."""
    return len(given_to(run).data) - len(json.dumps(inbox_of(run)))


def inbox_of(run: WorkflowHistory) -> list[Any]:
    """The messages that the run before has left."""
    inbox: list[Any] = json.loads(given_to(run).data)["inbox"]
    return inbox


def given_to(run: WorkflowHistory) -> Payload:
    """The one argument of the run."""
    [payload] = run.events[0].workflow_execution_started_event_attributes.input.payloads
    return payload
