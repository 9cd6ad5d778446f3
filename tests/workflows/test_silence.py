"""A supplier who does not answer is reminded at half of the SLA; at its end the buyer is asked (R16)."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from canonical.exception import Choice, ExceptionKind
from canonical.policy import Escalation
from canonical.reason import Reason
from canonical.records import ExceptionSnapshot, OrderSnapshot
from decisions.calendars import add_business_hours
from tests.workflows.world import EVERY_DAY, World

SLACK = timedelta(minutes=5)


def in_office_hours(start: datetime, hours: int) -> datetime:
    """After so many business hours: 08 to 17 of every day here."""
    return add_business_hours(EVERY_DAY, start, Decimal(hours))


async def silent(world: World, *others: str) -> tuple[str, OrderSnapshot, datetime]:
    """An order that was sent and not answered; when it was sent."""
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops", *others)))
    order = await world.sent(requirement)
    return requirement, order, await world.clock(order.id)


async def overdue(world: World, order: OrderSnapshot, sent_at: datetime) -> ExceptionSnapshot:
    # Not a moment more: an order that has asked a person stands still in time until that is decided.
    await world.skip_to(order.id, in_office_hours(sent_at, 16))
    return await world.question(order)


@pytest.mark.recorded("silent")
async def test_a_silent_supplier_is_reminded_at_half_of_the_sla_and_answers(world: World) -> None:
    requirement, order, sent_at = await silent(world)
    reminder_due = in_office_hours(sent_at, 8)

    await world.skip_to(order.id, reminder_due - SLACK)
    assert world.supplier.reminders == []
    await world.skip_to(order.id, reminder_due + SLACK)
    reminded = await world.order_until(order, lambda found: found.reminders == 1)
    assert world.supplier.reminders == [order.order_number]

    await world.answer(reminded)
    await world.settled(order)
    await world.skip_to(order.id, in_office_hours(sent_at, 30))
    assert len(world.supplier.reminders) == 1
    assert "exception.raised" not in await world.kinds(order.id)
    assert (await world.requirement(requirement)).stage == "covered"


@pytest.mark.recorded("waited")
async def test_a_buyer_who_waits_gives_the_supplier_another_sla(world: World) -> None:
    requirement, order, sent_at = await silent(world)
    question = await overdue(world, order, sent_at)
    assert (question.proposal.kind, question.proposal.rule) == (ExceptionKind.NO_ANSWER, "R16")
    assert "after 1 reminder" in question.proposal.summary
    assert (await world.requirement(requirement)).stage == "covered", "nothing is decided for the requirement yet"

    await world.decide(question, Choice.WAIT)
    waiting = await world.order_until(order, lambda found: found.exception_id is None)
    waited_from = await world.clock(order.id)
    assert waiting.reminders == 1

    await world.skip_to(order.id, in_office_hours(waited_from, 8) + SLACK)
    await world.order_until(order, lambda found: found.reminders == 2)
    await world.answer(order)
    await world.settled(order)


async def test_a_question_about_silence_is_overtaken_when_the_answer_comes_after_all(world: World) -> None:
    _, order, sent_at = await silent(world)
    question = await overdue(world, order, sent_at)
    await world.answer(order)
    assert await world.ended(question.id) == "overtaken"
    await world.order_until(order, lambda found: found.stage == "acknowledged" and found.exception_id is None)


@pytest.mark.recorded("given_up")
async def test_a_buyer_who_gives_the_order_up_has_the_need_look_elsewhere(world: World) -> None:
    requirement, order, sent_at = await silent(world, "Trey")
    await world.decide(await overdue(world, order, sent_at), Choice.CANCEL)

    assert await world.ended(order.id) == "cancelled"
    assert [line.cancelled for line in world.document(order).lines] == [True]
    assert [document.revision for document in world.supplier.sent[order.order_number or ""]] == [1, 2]

    exception = await world.short(requirement)
    assert "cancelled by bea.buyer" in exception.proposal.summary
    await world.decide(exception, Choice.SPLIT)
    second = await world.sent(requirement, orders=2)
    assert second.supplier == f"Trey-{world.prefix}"


async def test_a_change_of_policy_moves_the_reminder_that_is_due(world: World) -> None:
    _, order, sent_at = await silent(world)
    patient = world.policy.model_copy(update={"version": "patient", "escalation": Escalation(sla_hours=32)})
    world.policies.by_plant[patient.plant] = patient

    await world.skip_to(order.id, in_office_hours(sent_at, 8) + SLACK)
    await world.noted(order.id, "policy.changed")
    assert world.supplier.reminders == []
    await world.skip_to(order.id, in_office_hours(sent_at, 16) + SLACK)
    await world.order_until(order, lambda found: found.reminders == 1)

    reminded = next(fact for fact in await world.ledger.reads.facts([order.id]) if fact.kind == "answer.awaited")
    reason = Reason.model_validate(reminded.data["reason"])
    assert (reason.rule, reason.policy_version) == ("R16", "patient")
    assert reason.thresholds == {"escalation.sla_hours": 32, "escalation.reminder_at": "0.5"}
    await world.answer(order)
    await world.settled(order)
