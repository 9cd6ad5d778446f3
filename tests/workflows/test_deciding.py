"""Who may decide what, on which proposal, and how long they may take (R15, R16)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from canonical.calendar import Calendar
from canonical.exception import Choice, DecisionRefused
from canonical.policy import Absence, Escalation, Role
from canonical.records import ExceptionSnapshot, ExceptionState
from decisions.calendars import add_business_hours
from tests.workflows.conftest import MakeWorld
from tests.workflows.world import ACCEPTED, CHANGED, EVERY_DAY, World, today


async def late(world: World, *suppliers: str, quantity: int = 100) -> tuple[str, ExceptionSnapshot]:
    """A requirement whose supplier answers a week late, and the question that it puts."""
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops", *suppliers), quantity))
    await world.acknowledged(requirement, world.line(10, (CHANGED, quantity, 65)))
    return requirement, await world.short(requirement)


async def refusal(world: World, exception: ExceptionSnapshot, choice: Choice, **changes: object) -> DecisionRefused:
    with pytest.raises(DecisionRefused) as refused:
        await world.decide(exception, choice, **changes)
    return refused.value


async def test_a_decision_on_another_proposal_than_the_present_one_is_refused(world: World) -> None:
    _, exception = await late(world)
    refused = await refusal(world, exception, Choice.ACCEPT, digest="0" * 16)
    assert (refused.code, refused.digest) == ("digest_out_of_date", exception.digest)
    assert (await world.exception(exception.id)).state is ExceptionState.OPEN


async def test_a_proposal_that_changed_while_it_was_open_has_to_be_read_again(world: World) -> None:
    requirement, exception = await late(world)
    order = await world.order_of(requirement)
    await world.answer(order, world.line(10, (CHANGED, 100, 70)))
    await world.noted(exception.id, "exception.changed")

    refused = await refusal(world, exception, Choice.ACCEPT)
    changed = await world.exception(exception.id)
    assert (refused.code, refused.digest) == ("digest_out_of_date", changed.digest)
    assert changed.proposal.working_days_late == 12
    assert (await world.requirement(requirement)).exception_id == exception.id, "it is the same question"

    await world.decide(changed, Choice.ACCEPT)
    found = await world.requirement_until(requirement, lambda now: now.exception_id is None)
    assert found.stage == "covered"


async def test_a_decision_that_crosses_a_change_of_the_plan_is_void_and_the_question_is_put_anew(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    order = await world.acknowledged(requirement, world.line(10, (CHANGED, 100, 65)))
    exception = await world.short(requirement)
    world.master_data.open_for_calls.clear()
    await world.replan(need, 2, quantity=150)
    await world.decide(exception, Choice.ACCEPT)
    await world.ended(exception.id)
    world.master_data.open_for_calls.set()

    await world.noted(requirement, "decision.void")
    changed = await world.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    await world.answer(changed, world.line(10, (CHANGED, 150, 65)))

    again = await world.short(requirement)
    assert again.id != exception.id
    assert again.proposal.short_quantity == 150


async def test_a_decision_that_crosses_another_answer_is_void_and_the_question_is_put_anew(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement, world.line(10, (ACCEPTED, 100, 58), price="2.10"))
    question = await world.question(order)
    world.erp.open_for_calls.clear()
    await world.receive_part(order, 10, receipt="GR-1")
    await world.answer(order, world.line(10, (ACCEPTED, 100, 58), price="3.00"))
    await world.decide(question, Choice.APPROVE)
    await world.ended(question.id)
    world.erp.open_for_calls.set()

    asked = await world.order_until(order, lambda found: found.exception_id not in (None, question.id))
    again = await world.asked(asked)
    assert "price 3.00 instead of 2.00" in again.proposal.summary


async def test_what_is_decided_is_not_decided_again_and_the_same_click_twice_is_one_decision(world: World) -> None:
    _, exception = await late(world)
    taken = await world.decide(exception, Choice.ACCEPT, event_id="click-1")
    again = await world.decide(exception, Choice.ACCEPT, event_id="click-1")
    assert taken.decision == again.decision

    assert await world.ended(exception.id) == ExceptionState.DECIDED
    assert (await refusal(world, exception, Choice.EXPEDITE)).code == "already_decided"
    assert (await world.kinds(exception.id)).count("exception.closed") == 1


async def test_nobody_approves_what_they_proposed(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement, world.line(10, (CHANGED, 100, 58), price="2.50"))
    question = await world.question(order)
    refused = await refusal(world, question, Choice.APPROVE, decided_by=f"CYCLOPS-{world.prefix} ")
    assert refused.code == "proposer_is_approver"


async def test_only_what_is_offered_can_be_chosen(world: World) -> None:
    _, exception = await late(world)
    refused = await refusal(world, exception, Choice.SPLIT)
    assert refused.code == "choice_not_offered"
    assert "accept" in refused.detail


async def test_an_exception_that_nobody_has_heard_of_can_not_be_decided(world: World) -> None:
    _, exception = await late(world)
    unknown = exception.model_copy(update={"id": "exception/never-raised"})
    assert (await refusal(world, unknown, Choice.ACCEPT)).code == "not_found"


async def test_an_exception_is_the_managers_after_one_and_a_half_times_the_sla_and_the_weekend_does_not_count(
    make_world: MakeWorld,
) -> None:
    weekend = {(today() + timedelta(days=ahead)).weekday() for ahead in (1, 2)}
    office = Calendar(name="office", weekdays=tuple(sorted(set(range(7)) - weekend)))
    world = await make_world(office=office, escalation=Escalation(sla_hours=16))
    _, exception = await late(world)
    due = add_business_hours(office, exception.opened_at, Decimal(24))
    assert due - exception.opened_at > timedelta(days=4), "24 business hours of 9 a day, and a weekend"
    handle = world.handle(exception.id)

    await world.skip(handle, due - exception.opened_at - timedelta(minutes=5))
    assert (await world.exception(exception.id)).assignee == "buyer"
    await world.skip(handle, timedelta(minutes=10))

    await world.noted(exception.id, "exception.escalated")
    escalated = await world.exception(exception.id)
    assert (escalated.assignee, escalated.escalations) == ("purchasing-manager", 1)
    inbox = await world.ledger.reads.exceptions(assignee="purchasing-manager")
    assert [row.snapshot.id for row in inbox.items] == [exception.id]
    await world.decide(escalated, Choice.ACCEPT, decided_by="mia.manager")


async def test_an_exception_is_the_managers_before_it_is_too_late_for_the_second_source(make_world: MakeWorld) -> None:
    world = await make_world(escalation=Escalation(sla_hours=1000))
    _, exception = await late(world, "Trey")
    safe = exception.proposal.latest_safe_date
    assert safe is not None
    that_morning = datetime.combine(safe, EVERY_DAY.opens, UTC)
    assert exception.next_rung is not None
    assert exception.next_rung.at == that_morning

    await world.skip_to(exception.id, that_morning - timedelta(minutes=5))
    assert (await world.exception(exception.id)).assignee == "buyer"
    await world.skip_to(exception.id, that_morning + timedelta(minutes=5))

    await world.noted(exception.id, "exception.escalated")
    reasons = (await world.exception(exception.id)).reasons
    assert [reason.inputs["latest_safe_date"] for reason in reasons] == [safe.isoformat()] * 2


async def test_who_says_in_which_role_they_decide_must_be_among_those_who_may(make_world: MakeWorld) -> None:
    away = Absence(first_day=today(), last_day=today() + timedelta(days=9), delegate="dana")
    world = await make_world(roles={"buyer": Role(absences=(away,))})
    _, exception = await late(world)
    assert (exception.assignee, exception.on_behalf_of) == ("dana", "buyer")

    refused = await refusal(world, exception, Choice.ACCEPT, role="purchasing-manager")
    assert refused.code == "not_an_approver"
    assert refused.detail == "purchasing-manager may not decide this (R15); buyer or dana may"
    taken = await world.decide(exception, Choice.ACCEPT, role="dana", decided_by="dana.deputy")
    assert taken.decision is not None
    assert taken.decision.role == "dana"
