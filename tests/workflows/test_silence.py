"""A supplier who does not answer is reminded at half of the SLA; at its end the buyer is asked (R16)."""

from datetime import timedelta

import pytest

from canonical.exception import Choice, ExceptionKind
from canonical.messages import ReminderAsked, ReminderRefused
from canonical.policy import Escalation
from canonical.reason import Reason
from tests.workflows.harness import Harness
from tests.workflows.silence import in_office_hours, overdue, silent

SLACK = timedelta(minutes=5)


@pytest.mark.recorded("silent")
async def test_a_silent_supplier_is_reminded_at_half_of_the_sla_and_answers(harness: Harness) -> None:
    requirement, order, sent_at = await silent(harness)
    reminder_due = in_office_hours(sent_at, 8)

    await harness.skip_to(order.id, reminder_due - SLACK)
    assert harness.supplier.reminders == []
    await harness.skip_to(order.id, reminder_due + SLACK)
    reminded = await harness.order_until(order, lambda found: found.reminders == 1)
    await harness.until(lambda: harness.at_rest(order.id))
    assert harness.supplier.reminders == [order.order_number]

    await harness.answer(reminded)
    await harness.settled(order)
    await harness.skip_to(order.id, in_office_hours(sent_at, 30))
    assert len(harness.supplier.reminders) == 1
    assert "exception.raised" not in await harness.kinds(order.id)
    assert (await harness.requirement(requirement)).stage == "covered"


@pytest.mark.recorded("waited")
async def test_a_buyer_who_waits_gives_the_supplier_another_sla(harness: Harness) -> None:
    requirement, order, sent_at = await silent(harness)
    question = await overdue(harness, order, sent_at)
    assert (question.proposal.kind, question.proposal.rule) == (ExceptionKind.NO_ANSWER, "R16")
    assert "after 1 reminder" in question.proposal.summary
    assert (await harness.requirement(requirement)).stage == "covered", "nothing is decided for the requirement yet"

    await harness.decide(question, Choice.WAIT)
    waiting = await harness.order_until(order, lambda found: found.exception_id is None)
    waited_from = await harness.clock(order.id)
    assert waiting.reminders == 1

    await harness.skip_to(order.id, in_office_hours(waited_from, 8) + SLACK)
    await harness.order_until(order, lambda found: found.reminders == 2)
    await harness.answer(order)
    await harness.settled(order)


async def test_a_question_about_silence_is_overtaken_when_the_answer_comes_after_all(harness: Harness) -> None:
    _, order, sent_at = await silent(harness)
    question = await overdue(harness, order, sent_at)
    await harness.answer(order)
    assert await harness.ended(question.id) == "overtaken"
    await harness.order_until(order, lambda found: found.stage == "acknowledged" and found.exception_id is None)


@pytest.mark.recorded("given_up")
async def test_a_need_is_sourced_elsewhere_once_the_buyer_gives_its_order_up(harness: Harness) -> None:
    requirement, order, sent_at = await silent(harness, "Trey")
    await harness.decide(await overdue(harness, order, sent_at), Choice.CANCEL)

    assert await harness.ended(order.id) == "cancelled"
    assert [line.cancelled for line in harness.document(order).lines] == [True]
    assert [document.revision for document in harness.supplier.sent[order.order_number or ""]] == [1, 2]

    exception = await harness.short(requirement)
    assert "cancelled by bea.buyer" in exception.proposal.summary
    await harness.decide(exception, Choice.SPLIT)
    second = await harness.sent(requirement, orders=2)
    assert second.supplier == f"Trey-{harness.prefix}"


async def test_a_change_of_policy_moves_the_reminder_that_is_due(harness: Harness) -> None:
    _, order, sent_at = await silent(harness)
    patient = harness.policy.model_copy(update={"version": "patient", "escalation": Escalation(sla_hours=32)})
    harness.policies.by_plant[patient.plant] = patient

    await harness.skip_to(order.id, in_office_hours(sent_at, 8) + SLACK)
    await harness.registered(order.id, "policy.changed")
    assert harness.supplier.reminders == []
    await harness.skip_to(order.id, in_office_hours(sent_at, 16) + SLACK)
    await harness.order_until(order, lambda found: found.reminders == 1)

    reminded = next(
        audit_event
        for audit_event in await harness.ledger.reads.audit_events([order.id])
        if audit_event.kind == "answer.awaited"
    )
    reason = Reason.model_validate(reminded.data["reason"])
    assert (reason.rule, reason.policy_version) == ("R16", "patient")
    assert reason.thresholds == {"escalation.sla_hours": 32, "escalation.reminder_at": "0.5"}
    await harness.answer(order)
    await harness.settled(order)


@pytest.mark.recorded("reminded_by_hand")
async def test_a_buyer_has_the_supplier_reminded_before_it_is_due_and_once_a_click(harness: Harness) -> None:
    _, order, sent_at = await silent(harness)
    asked = ReminderAsked(event_id="click-1", asked_by="bea.buyer", asked_at=sent_at)
    assert (await harness.entities.remind(order.id, asked)).about == "answer"
    await harness.order_until(order, lambda found: found.reminders == 1)
    # The count is recorded with the call that tells the supplier.
    await harness.until(lambda: harness.at_rest(order.id))
    await harness.entities.remind(order.id, asked)
    assert harness.supplier.reminders == [order.order_number]
    recorded = await harness.ledger.reads.audit_events([order.id])
    (by_hand,) = [event for event in recorded if event.kind == "reminder.asked"]
    assert by_hand.data["asked_by"] == "bea.buyer"

    await harness.answer(order)
    await harness.settled(order)
    with pytest.raises(ReminderRefused, match="nothing is awaited"):
        await harness.entities.remind(order.id, asked.model_copy(update={"event_id": "click-2"}))
