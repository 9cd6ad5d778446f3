"""R15: what another system's own people must approve first is waited for, and there is never a second order."""

from datetime import timedelta
from functools import partial

import pytest

from canonical.exception import Choice, ExceptionKind
from canonical.messages import ApprovalReported
from canonical.policy import OutsideApproval
from canonical.records import OrderSnapshot
from decisions.outside_approval import ask_buyer_at
from tests.workflows.conftest import MakeHarness
from tests.workflows.fakes import Approvers, cut_off
from tests.workflows.harness import Harness

PAUSE = timedelta(minutes=6)


async def held(harness: Harness, requirement: str, number: str = "97") -> OrderSnapshot:
    """The requirement's order once it waits under this number."""
    order = await harness.ordered(requirement)
    await harness.skip_consolidation(order)
    found = await harness.order_until(order, lambda now: now.approval and now.approval.document == number)
    await harness.until(lambda: harness.at_rest(order.id))
    return found


async def decided(harness: Harness, order: OrderSnapshot, number: str) -> None:
    """The system reports that its people have decided."""
    await harness.entities.report_approval(order.id, ApprovalReported(event_id=f"decided-{number}", document=number))


def people_of(harness: Harness) -> Approvers:
    harness.erp.people = Approvers()
    return harness.erp.people


async def test_an_order_goes_to_its_supplier_once_it_is_approved_and_not_before(harness: Harness) -> None:
    people = people_of(harness)
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await held(harness, requirement)
    assert order.reason.startswith("waits for approval in Coupa since ")
    assert order.reason.endswith("(97, Anna)")
    assert (order.requisition_number, order.order_number) == ("97", None)

    await harness.skip(harness.handle(order.id), PAUSE)
    await harness.until(lambda: looked(people, 1))
    assert harness.supplier.sent == {}
    people.approve("97")
    await harness.skip(harness.handle(order.id), 2 * PAUSE)

    sent = await harness.order_until(order, lambda found: found.stage == "sent")
    assert sent.approval is None
    await harness.answer(sent)
    await harness.receive(await harness.settled(sent))
    assert await harness.ended(requirement) == "fulfilled"
    assert len(harness.erp.orders) == 1


async def looked(people: Approvers, times: int) -> bool:
    return people.looks >= times


@pytest.mark.recorded("approved_elsewhere")
async def test_a_reported_decision_ends_the_waiting_at_once(harness: Harness) -> None:
    people = people_of(harness)
    harness.erp.failures_after_writing.append(cut_off("erp"))
    order = await held(harness, await harness.plan(harness.need(harness.item("CHAIN", "Cyclops"))))
    people.approve("97")
    await decided(harness, order, "97")
    sent = await harness.order_until(order, lambda found: found.stage == "sent")
    assert list(people.held) == ["97"], "submitted once, though the answer was lost"
    assert len(harness.supplier.sent[sent.order_number or ""]) == 1


async def test_a_run_that_continues_as_new_meanwhile_waits_on(restless: Harness) -> None:
    people = people_of(restless)
    order = await held(restless, await restless.plan(restless.need(restless.item("CHAIN", "Cyclops"))))
    for times in range(1, 5):
        await decided(restless, order, "97")
        await restless.until(partial(looked, people, times))
    people.approve("97")
    await decided(restless, order, "97")
    await restless.order_until(order, lambda found: found.stage == "sent")
    assert list(people.held) == ["97"]


async def test_what_was_not_approved_is_submitted_again_by_a_buyer_who_settled_it(harness: Harness) -> None:
    people = people_of(harness)
    order = await held(harness, await harness.plan(harness.need(harness.item("CHAIN", "Cyclops"))))
    people.refuse("97", "cost centre is over budget")
    await decided(harness, order, "97")

    question = await harness.question(order)
    assert question.proposal.kind is ExceptionKind.CHANGE_PROPOSAL
    assert "Coupa did not approve the new order" in question.proposal.summary
    assert "cost centre is over budget" in question.proposal.summary
    await harness.decide(question, Choice.RETRY)

    await held(harness, order.lines[0].requirement_id, "98")
    people.approve("98")
    await decided(harness, order, "98")
    await harness.order_until(order, lambda found: found.stage == "sent")
    assert len(harness.erp.orders) == 1


async def test_what_was_not_approved_is_given_up_by_a_buyer(harness: Harness) -> None:
    people = people_of(harness)
    order = await held(harness, await harness.plan(harness.need(harness.item("CHAIN", "Cyclops"))))
    people.refuse("97", "not this supplier")
    await decided(harness, order, "97")
    await harness.decide(await harness.question(order), Choice.CANCEL)
    assert await harness.ended(order.id) == "cancelled"
    assert harness.erp.orders == {}
    assert harness.supplier.sent == {}


async def test_a_need_that_changes_meanwhile_is_submitted_anew_in_place_of_the_old_one(harness: Harness) -> None:
    people = people_of(harness)
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    order = await held(harness, await harness.plan(need))
    await harness.replan(need, 2, quantity=250)

    await held(harness, need.id, "98")
    assert people.decided == {"97": "withdrawn"}
    people.approve("98")
    await decided(harness, order, "98")

    sent = await harness.order_until(order, lambda found: found.stage == "sent")
    assert [int(line.quantity) for line in harness.document(sent).lines] == [250]
    assert len(harness.erp.orders) == 1


async def test_what_can_not_be_taken_back_is_changed_once_it_is_approved(harness: Harness) -> None:
    people = people_of(harness)
    people.keeps = True
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    order = await held(harness, await harness.plan(need))
    await harness.replan(need, 2, quantity=250)
    await harness.registered(order.id, "approval.kept")
    people.approve("97")
    await decided(harness, order, "97")

    placed = await held(harness, need.id, "98")
    assert [int(line.quantity) for line in harness.document(placed).lines] == [100], "as it was approved"
    assert harness.supplier.sent == {}
    people.approve("98")
    await decided(harness, order, "98")

    sent = await harness.order_until(order, lambda found: found.stage == "sent")
    [document] = harness.supplier.sent[sent.order_number or ""]
    assert [int(line.quantity) for line in document.lines] == [250]


async def test_a_need_that_is_withdrawn_meanwhile_leaves_nothing_behind(harness: Harness) -> None:
    people = people_of(harness)
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    order = await held(harness, await harness.plan(need))
    await harness.withdraw(need, 2)
    assert await harness.ended(order.id) == "cancelled"
    assert people.decided == {"97": "withdrawn"}
    assert await harness.ended(need.id) == "withdrawn"
    assert harness.erp.orders == {}


async def test_while_a_change_waits_later_ones_wait_with_it(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    order = await harness.sent(await harness.plan(need))
    people = people_of(harness)
    await harness.replan(need, 2, quantity=150)
    changing = await held(harness, need.id)
    assert changing.reason.startswith("a change waits for approval in Coupa since ")
    await harness.replan(need, 3, quantity=250)
    await harness.registered(need.id, "supply_request.sent", times=3)
    people.approve("97")
    await decided(harness, order, "97")

    await harness.order_until(order, lambda found: found.revision == 2)
    await held(harness, need.id, "98")
    people.approve("98")
    await decided(harness, order, "98")

    third = await harness.order_until(order, lambda found: found.revision == 3)
    sent = harness.supplier.sent[third.order_number or ""]
    assert [int(document.lines[0].quantity) for document in sent] == [100, 150, 250]
    assert len(harness.erp.orders) == 1


@pytest.mark.recorded("change_not_approved")
async def test_after_a_change_that_was_not_approved_the_order_is_as_it_was(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)
    people = people_of(harness)
    await harness.replan(need, 2, quantity=150)
    await held(harness, need.id)
    people.refuse("97", "quota is used up")
    await decided(harness, order, "97")
    question = await harness.question(order)
    assert "quota is used up" in question.proposal.summary

    await harness.decide(question, Choice.DECLINE, comment="they are right")

    kept = await harness.order_until(order, lambda found: int(found.lines[0].quantity) == 100)
    assert kept.revision == 1
    await harness.answer(kept)
    short = await harness.short(requirement)
    assert short.proposal.short_quantity == 50


async def test_the_buyer_is_asked_about_an_approval_that_takes_long(make_harness: MakeHarness) -> None:
    seldom = OutsideApproval(first_look_minutes=1440, longest_pause_minutes=1440, question_hours=1)
    harness = await make_harness(outside_approval=seldom)
    people = people_of(harness)
    order = await held(harness, await harness.plan(harness.need(harness.item("CHAIN", "Cyclops"))))
    assert order.approval is not None
    await harness.skip_to(order.id, ask_buyer_at(order.approval.since, harness.policy))
    question = await harness.question(order)
    assert question.proposal.kind is ExceptionKind.NO_ANSWER
    assert "waits for approval in Coupa" in question.proposal.summary
    await harness.decide(question, Choice.CANCEL, comment="bought elsewhere")
    assert await harness.ended(order.id) == "cancelled"
    assert people.decided == {"97": "withdrawn"}
