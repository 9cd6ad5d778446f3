"""A question is handed to somebody else: to another role, or to the planner as a proposal to move the demand; and a
decision is taken back before anybody was told of it.
"""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from canonical.exception import Assignment, Choice, DecisionRefused, DecisionTakenBack, ExceptionKind
from canonical.policy import QuestionRules
from canonical.records import ExceptionSnapshot, ExceptionState
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import ACCEPTED, BACKORDERED, CHANGED, Harness


async def hand_on(harness: Harness, question: ExceptionSnapshot, to: str, **changes: Any) -> ExceptionSnapshot:
    fields: dict[str, Any] = {"event_id": uuid.uuid4().hex, "why": "beyond me", "assigned_at": datetime.now(UTC)}
    assignment = Assignment(to=to, assigned_by="bea.buyer", **(fields | changes))
    return await harness.entities.assign(question.id, assignment)


async def take_back(harness: Harness, question: ExceptionSnapshot, by: str) -> ExceptionSnapshot:
    taken_back = DecisionTakenBack(event_id=uuid.uuid4().hex, taken_back_by=by, taken_back_at=datetime.now(UTC))
    return await harness.entities.take_back(question.id, taken_back)


async def short(harness: Harness) -> tuple[str, ExceptionSnapshot]:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    await harness.acknowledged(requirement, harness.line(10, (CHANGED, 100, 65)))
    return requirement, await harness.short(requirement)


@pytest.mark.recorded("handed_on")
async def test_a_question_goes_to_the_role_that_a_person_names_and_stays_there_when_it_changes(
    harness: Harness,
) -> None:
    requirement, asked = await short(harness)
    with pytest.raises(DecisionRefused) as barred:
        await hand_on(harness, asked, "warehouse")
    assert (barred.value.code, "buyer" in barred.value.detail) == ("not_an_approver", True)
    with pytest.raises(DecisionRefused) as same:
        await hand_on(harness, asked, "buyer")
    assert same.value.code == "already_asked"

    handed = await hand_on(harness, asked, " Purchasing-Manager ", event_id="e-1")
    assert handed.assignee == "purchasing-manager"
    assert await hand_on(harness, asked, "purchasing-manager", event_id="e-1") == handed

    order = await harness.order_of(requirement)
    await harness.answer(order, harness.line(10, (ACCEPTED, 60, 58), (BACKORDERED, 40, None)))
    await harness.registered(asked.id, "exception.changed")
    changed = await harness.exception(asked.id)
    assert changed.digest != asked.digest
    assert changed.assignee == "purchasing-manager"
    assert changed.next_escalation == asked.next_escalation
    [event] = [
        each for each in await harness.ledger.reads.audit_events([asked.id]) if each.kind == "exception.assigned"
    ]
    assert event.data == {"assigned_by": "bea.buyer", "comment": "beyond me", "to": "purchasing-manager"}

    await harness.decide(changed, Choice.ACCEPT, role="purchasing-manager")
    assert await harness.ended(asked.id) == ExceptionState.DECIDED
    with pytest.raises(DecisionRefused) as late:
        await hand_on(harness, changed, "buyer")
    assert late.value.code == "already_decided"


@pytest.mark.recorded("taken_back")
async def test_a_decision_is_carried_out_only_once_it_can_not_be_taken_back_any_more(
    make_harness: MakeHarness,
) -> None:
    harness = await make_harness(questions=QuestionRules(undo_minutes=5))
    requirement, asked = await short(harness)

    decided = await harness.decide(asked, Choice.ACCEPT, decided_by="bea.buyer")
    assert decided.undo_until is not None
    assert not decided.closed
    with pytest.raises(DecisionRefused) as twice:
        await harness.decide(asked, Choice.EXPEDITE, decided_by="bob")
    assert twice.value.code == "already_decided"
    with pytest.raises(DecisionRefused) as other:
        await take_back(harness, asked, "bob")
    assert other.value.code == "not_the_decider"

    assert (await take_back(harness, asked, "bea.buyer")).state is ExceptionState.OPEN
    assert (await harness.requirement(requirement)).stage == "short"
    again = await harness.exception(asked.id)
    assert (again.state, again.decision, again.taken_back) == (ExceptionState.OPEN, None, 1)

    await harness.decide(again, Choice.ACCEPT, decided_by="bea.buyer")
    await harness.skip(harness.handle(asked.id), timedelta(minutes=5, seconds=1))
    assert await harness.ended(asked.id) == ExceptionState.DECIDED
    await harness.requirement_until(requirement, lambda found: found.stage == "covered")
    kinds = await harness.kinds(asked.id)
    assert [kind for kind in kinds if kind != "exception.opened"] == [
        "exception.closed",
        "exception.reopened",
        "exception.closed",
    ]
    with pytest.raises(DecisionRefused):
        await take_back(harness, asked, "bea.buyer")


async def test_a_decision_that_waits_does_not_hold_for_another_proposal(make_harness: MakeHarness) -> None:
    harness = await make_harness(questions=QuestionRules(undo_minutes=5))
    requirement, asked = await short(harness)
    await harness.decide(asked, Choice.ACCEPT)
    order = await harness.order_of(requirement)
    await harness.answer(order, harness.line(10, (ACCEPTED, 60, 58), (BACKORDERED, 40, None)))
    await harness.registered(asked.id, "decision.void")
    now = await harness.exception(asked.id)
    assert (now.state, now.decision) == (ExceptionState.OPEN, None)
    await harness.answer(order, harness.line(10, (ACCEPTED, 100, 58)))
    assert await harness.ended(asked.id) == ExceptionState.OVERTAKEN


@pytest.mark.parametrize("approved", [True, False], ids=["moved", "not moved"])
async def test_the_planner_moves_the_demand_or_the_buyer_needs_another_way_out(
    harness: Harness, approved: bool
) -> None:
    requirement, asked = await short(harness)
    await harness.decide(asked, Choice.RESCHEDULE, decided_by="bea.buyer")
    await harness.ended(asked.id)
    await harness.requirement_until(requirement, lambda now: now.exception_id not in (None, asked.id))

    put = await harness.asked(await harness.requirement(requirement))
    assert (put.assignee, put.proposal.kind) == ("planner", ExceptionKind.CHANGE_PROPOSAL)
    assert put.proposal.available_on == asked.proposal.available_on
    with pytest.raises(DecisionRefused) as own:
        await harness.decide(put, Choice.APPROVE, decided_by="bea.buyer")
    assert own.value.code == "proposer_is_approver"

    await harness.decide(put, Choice.APPROVE if approved else Choice.DECLINE, decided_by="pam.planner")
    await harness.registered(requirement, "reschedule.settled")
    if approved:
        found = await harness.requirement_until(requirement, lambda now: now.stage == "covered")
        assert found.exception_id is None
        return
    await harness.requirement_until(requirement, lambda now: now.exception_id not in (None, asked.id, put.id))
    again = await harness.asked(await harness.requirement(requirement))
    assert again.proposal.kind is ExceptionKind.SHORTAGE
    assert Choice.RESCHEDULE not in {way.choice for way in again.proposal.alternatives}
