"""Who may decide what, on which proposal, and how long they may take (R15, R16)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from canonical.calendar import Calendar
from canonical.exception import Choice, DecisionRefused
from canonical.policy import Absence, Escalation, Role
from canonical.records import ExceptionSnapshot, ExceptionState
from decisions.calendars import add_business_hours
from ledger.work_list.work_list import WorkFilter
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import ACCEPTED, CHANGED, EVERY_DAY, Harness, today


async def late(harness: Harness, *suppliers: str, quantity: int = 100) -> tuple[str, ExceptionSnapshot]:
    """A requirement whose supplier answers a week late, and the question that it puts."""
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops", *suppliers), quantity))
    await harness.acknowledged(requirement, harness.line(10, (CHANGED, quantity, 65)))
    return requirement, await harness.short(requirement)


async def refusal(harness: Harness, exception: ExceptionSnapshot, choice: Choice, **changes: object) -> DecisionRefused:
    with pytest.raises(DecisionRefused) as refused:
        await harness.decide(exception, choice, **changes)
    return refused.value


async def test_a_decision_on_another_proposal_than_the_present_one_is_refused(harness: Harness) -> None:
    _, exception = await late(harness)
    refused = await refusal(harness, exception, Choice.ACCEPT, digest="0" * 16)
    assert (refused.code, refused.digest) == ("digest_out_of_date", exception.digest)
    assert (await harness.exception(exception.id)).state is ExceptionState.OPEN


async def test_a_proposal_that_changed_while_it_was_open_has_to_be_read_again(harness: Harness) -> None:
    requirement, exception = await late(harness)
    order = await harness.order_of(requirement)
    await harness.answer(order, harness.line(10, (CHANGED, 100, 70)))
    await harness.registered(exception.id, "exception.changed")

    refused = await refusal(harness, exception, Choice.ACCEPT)
    changed = await harness.exception(exception.id)
    assert (refused.code, refused.digest) == ("digest_out_of_date", changed.digest)
    assert changed.proposal.working_days_late == 12
    assert (await harness.requirement(requirement)).exception_id == exception.id, "it is the same question"

    await harness.decide(changed, Choice.ACCEPT)
    found = await harness.requirement_until(requirement, lambda now: now.exception_id is None)
    assert found.stage == "covered"


async def test_a_decision_that_crosses_a_change_of_the_plan_is_void_and_the_question_is_asked_again(
    harness: Harness,
) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.acknowledged(requirement, harness.line(10, (CHANGED, 100, 65)))
    exception = await harness.short(requirement)
    harness.master_data.open_for_calls.clear()
    await harness.replan(need, 2, quantity=150)
    await harness.decide(exception, Choice.ACCEPT)
    await harness.ended(exception.id)
    harness.master_data.open_for_calls.set()

    await harness.registered(requirement, "decision.void")
    changed = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    await harness.answer(changed, harness.line(10, (CHANGED, 150, 65)))

    again = await harness.short(requirement)
    assert again.id != exception.id
    assert again.proposal.short_quantity == 150


async def test_a_decision_that_crosses_another_answer_is_void_and_the_question_is_asked_again(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement, harness.line(10, (ACCEPTED, 100, 58), price="2.10"))
    question = await harness.question(order)
    harness.erp.open_for_calls.clear()
    await harness.receive_part(order, 10, receipt="GR-1")
    await harness.answer(order, harness.line(10, (ACCEPTED, 100, 58), price="3.00"))
    await harness.decide(question, Choice.APPROVE)
    await harness.ended(question.id)
    harness.erp.open_for_calls.set()

    asked = await harness.order_until(order, lambda found: found.exception_id not in (None, question.id))
    again = await harness.asked(asked)
    assert "price 3.00 instead of 2.00" in again.proposal.summary


async def test_what_is_decided_is_not_decided_again_and_the_same_click_twice_is_one_decision(harness: Harness) -> None:
    _, exception = await late(harness)
    taken = await harness.decide(exception, Choice.ACCEPT, event_id="click-1")
    again = await harness.decide(exception, Choice.ACCEPT, event_id="click-1")
    assert taken.decision == again.decision

    assert await harness.ended(exception.id) == ExceptionState.DECIDED
    assert (await refusal(harness, exception, Choice.EXPEDITE)).code == "already_decided"
    assert (await harness.kinds(exception.id)).count("exception.closed") == 1


async def test_nobody_approves_what_they_proposed(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement, harness.line(10, (CHANGED, 100, 58), price="2.50"))
    question = await harness.question(order)
    refused = await refusal(harness, question, Choice.APPROVE, decided_by=f"CYCLOPS-{harness.prefix} ")
    assert refused.code == "proposer_is_approver"


async def test_only_what_is_offered_can_be_chosen(harness: Harness) -> None:
    _, exception = await late(harness)
    refused = await refusal(harness, exception, Choice.SPLIT)
    assert refused.code == "choice_not_offered"
    assert "accept" in refused.detail


async def test_an_unknown_exception_can_not_be_decided(harness: Harness) -> None:
    _, exception = await late(harness)
    unknown = exception.model_copy(update={"id": "exception/never-raised"})
    assert (await refusal(harness, unknown, Choice.ACCEPT)).code == "not_found"


async def test_an_exception_is_the_managers_after_one_and_a_half_times_the_sla_and_the_weekend_does_not_count(
    make_harness: MakeHarness,
) -> None:
    weekend = {(today() + timedelta(days=ahead)).weekday() for ahead in (1, 2)}
    office = Calendar(name="office", weekdays=tuple(sorted(set(range(7)) - weekend)))
    harness = await make_harness(office=office, escalation=Escalation(sla_hours=16))
    _, exception = await late(harness)
    due = add_business_hours(office, exception.opened_at, Decimal(24))
    assert due - exception.opened_at > timedelta(days=4), "24 business hours of 9 a day, and a weekend"
    handle = harness.handle(exception.id)

    await harness.skip(handle, due - exception.opened_at - timedelta(minutes=5))
    assert (await harness.exception(exception.id)).assignee == "buyer"
    await harness.skip(handle, timedelta(minutes=10))

    await harness.registered(exception.id, "exception.escalated")
    escalated = await harness.exception(exception.id)
    assert escalated.assignee == "purchasing-manager"
    assert escalated.escalations == 1
    inbox = await harness.ledger.work_list.questions(WorkFilter(plants=None, assignee="purchasing-manager"))
    assert [row.snapshot.id for row in inbox.items] == [exception.id]
    await harness.decide(escalated, Choice.ACCEPT, decided_by="mia.manager")


async def test_an_exception_is_the_managers_before_it_is_too_late_for_the_second_source(
    make_harness: MakeHarness,
) -> None:
    harness = await make_harness(escalation=Escalation(sla_hours=1000))
    _, exception = await late(harness, "Trey")
    safe = exception.proposal.latest_safe_date
    assert safe is not None
    that_morning = datetime.combine(safe, EVERY_DAY.opens, UTC)
    assert exception.next_escalation is not None
    assert exception.next_escalation.at == that_morning

    await harness.skip_to(exception.id, that_morning - timedelta(minutes=5))
    assert (await harness.exception(exception.id)).assignee == "buyer"
    await harness.skip_to(exception.id, that_morning + timedelta(minutes=5))

    await harness.registered(exception.id, "exception.escalated")
    reasons = (await harness.exception(exception.id)).reasons
    assert [reason.inputs["latest_safe_date"] for reason in reasons] == [safe.isoformat()] * 2


async def test_a_person_who_decides_in_a_role_must_hold_a_role_that_may_approve(make_harness: MakeHarness) -> None:
    away = Absence(first_day=today(), last_day=today() + timedelta(days=9), delegate="dana")
    harness = await make_harness(roles={"buyer": Role(absences=(away,))})
    _, exception = await late(harness)
    assert (exception.assignee, exception.on_behalf_of) == ("dana", "buyer")

    refused = await refusal(harness, exception, Choice.ACCEPT, role="purchasing-manager")
    assert refused.code == "not_an_approver"
    assert refused.detail == "purchasing-manager may not decide this (R15); buyer or dana may"
    taken = await harness.decide(exception, Choice.ACCEPT, role="dana", decided_by="dana.deputy")
    assert taken.decision is not None
    assert taken.decision.role == "dana"
