"""A plan that changes its mind: what is done depends on how much, and on how far the order is (R3, R4, R15)."""

from datetime import timedelta

import pytest

from canonical.exception import Choice, ExceptionKind
from tests.workflows.harness import Harness, today


async def test_small_changes_are_suppressed_until_their_drift_is_worth_a_change(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"), 1000)
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)

    need = await harness.replan(need, 2, quantity=1030)
    await harness.registered(requirement, "requirement.change_suppressed")
    assert (await harness.order_of(requirement)).revision == 1
    await harness.replan(need, 3, quantity=1060)

    changed = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    assert [int(line.quantity) for line in changed.lines] == [1060]
    assert (await harness.kinds(requirement)).count("requirement.change_suppressed") == 1


async def test_a_change_during_consolidation_is_simply_what_is_ordered(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    consolidating = await harness.ordered(requirement)
    assert consolidating.stage == "consolidating"
    await harness.replan(need, 2, quantity=150)
    await harness.registered(requirement, "supply_request.sent", times=2)

    order = await harness.sent(requirement)

    assert order.id == consolidating.id
    assert order.revision == 1
    assert [int(line.quantity) for line in order.lines] == [150]
    assert harness.erp.writes == [f"place {harness.document(order).reference}"]


async def test_a_change_before_the_answer_is_a_change_order_at_once(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)

    await harness.replan(need, 2, quantity=150, required_date=today() + timedelta(days=70))

    changed = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    document = harness.supplier.sent[order.order_number or ""][-1]
    assert document == harness.document(changed)
    assert document.revision == 2
    assert document.changed_lines == (10,)
    assert document.lines[0].quantity == 150
    assert document.lines[0].delivery_date == today() + timedelta(days=68)
    await harness.answer(changed)
    await harness.settled(order)
    assert harness.schedule_in_erp(order) == [(150, 150, 68)]
    assert (await harness.requirement(requirement)).stage == "covered"


@pytest.mark.recorded("two_changes")
async def test_two_needs_that_change_at_once_give_one_change_order(harness: Harness) -> None:
    needs = [harness.need(harness.item(item, "Cyclops")) for item in ("CHAIN", "BELL")]
    for need in needs:
        await harness.ordered(await harness.plan(need))
    order = await harness.sent(needs[0].id)
    harness.erp.open_for_calls.clear()
    await harness.replan(needs[0], 2, quantity=130)
    await harness.registered(order.id, "order.changed")
    assert (await harness.order_of(needs[0].id)).revision == 1, "the change is not with the supplier yet"
    for number, need in enumerate(needs):
        await harness.replan(need, 3, quantity=200 + number)
        await harness.registered(need.id, "supply_request.sent", times=3 - number)

    harness.erp.open_for_calls.set()

    changed = await harness.order_until(order, lambda found: found.revision == 3 and found.stage == "sent")
    assert [int(line.quantity) for line in changed.lines] == [200, 201]
    sent = harness.supplier.sent[order.order_number or ""]
    assert [document.changed_lines for document in sent] == [(), (10,), (10, 20)]


async def test_a_change_of_little_value_after_the_acknowledgment_needs_nobody(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.acknowledged(requirement)

    await harness.replan(need, 2, quantity=150)

    changed = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    assert "exception.raised" not in await harness.kinds(order.id)
    await harness.answer(changed)
    await harness.settled(order)


@pytest.mark.recorded("change_approved")
async def test_a_change_of_value_after_the_acknowledgment_is_made_once_it_is_approved(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops", price="20.00"))
    requirement = await harness.plan(need)
    order = await harness.acknowledged(requirement)

    await harness.replan(need, 2, quantity=150)

    question = await harness.question(order)
    assert (question.proposal.kind, question.proposal.rule) == (ExceptionKind.CHANGE_PROPOSAL, "R3")
    assert str(question.proposal.value) == "920.00", "50 x 20.00 USD x 0.92, above the 500 EUR of class B"
    assert (await harness.order_of(requirement)).revision == 1
    await harness.decide(question, Choice.APPROVE)

    changed = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    assert [int(line.quantity) for line in changed.lines] == [150]
    await harness.answer(changed)
    settled = await harness.settled(order)
    assert settled.exception_id is None
    assert (await harness.requirement(requirement)).stage == "covered"


async def test_a_change_that_is_declined_leaves_the_order_and_the_need_is_short(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops", "Trey", price="20.00"))
    requirement = await harness.plan(need)
    order = await harness.acknowledged(requirement)
    await harness.replan(need, 2, quantity=150)
    await harness.decide(await harness.question(order), Choice.DECLINE)

    exception = await harness.short(requirement)

    assert exception.proposal.short_quantity == 50
    assert "declined by bea.buyer" in exception.proposal.summary
    assert (await harness.order_of(requirement)).revision == 1
    await harness.decide(exception, Choice.SPLIT)
    second = await harness.sent(requirement, orders=2)
    assert [int(line.quantity) for line in second.lines] == [50]
    found = await harness.requirement_until(requirement, lambda now: now.stage == "covered")
    assert found.exception_id is None


@pytest.mark.recorded("change_taken_back")
async def test_a_proposal_that_the_plan_takes_back_is_overtaken(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops", price="20.00"))
    requirement = await harness.plan(need)
    order = await harness.acknowledged(requirement)
    await harness.replan(need, 2, quantity=150)
    question = await harness.question(order)

    await harness.replan(need, 3, quantity=100)

    assert await harness.ended(question.id) == "overtaken"
    settled = await harness.order_until(order, lambda found: found.exception_id is None)
    assert settled.revision == 1
    assert settled.stage == "acknowledged"
    await harness.requirement_until(requirement, lambda now: now.reason == "covered; waits for the receipt")


async def test_inside_the_frozen_zone_even_a_small_change_asks_a_person(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops", lead_time_days=1), days=6)
    requirement = await harness.plan(need)
    order = await harness.acknowledged(requirement)

    await harness.replan(need, 2, quantity=112)

    question = await harness.question(order)
    assert "inside the frozen zone" in question.proposal.summary
    assert (await harness.order_of(requirement)).revision == 1


async def test_what_a_partly_shipped_order_can_not_take_is_ordered_elsewhere_once(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    first = await harness.acknowledged(requirement)
    await harness.ship(first, 40, despatch="D-1")

    await harness.replan(need, 2, quantity=160)

    second = await harness.sent(requirement, orders=2)
    assert [int(line.quantity) for line in second.lines] == [60]
    assert (await harness.order_of(requirement, 0)).revision == 1
    await harness.answer(second)
    await harness.receive_part(first, 40, receipt="GR-1")
    await harness.registered(first.id, "goods.received")
    await harness.receive_part(first, 60, receipt="GR-2")
    assert await harness.ended(first.id) == "closed"
    await harness.receive(second)
    assert await harness.ended(requirement) == "fulfilled"
    assert len((await harness.requirement(requirement)).order_ids) == 2, "the open quantity is ordered once"


async def test_a_partly_shipped_order_is_cut_to_what_is_under_way_and_no_lower(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"), 1000)
    requirement = await harness.plan(need)
    order = await harness.acknowledged(requirement)
    await harness.ship(order, 400, despatch="D-1")

    await harness.replan(need, 2, quantity=300)

    cut = await harness.order_until(order, lambda found: found.revision == 2)
    assert [int(line.quantity) for line in cut.lines] == [400]
    await harness.registered(order.id, "change.floored")
    await harness.answer(cut)
    await harness.receive_part(order, 400, receipt="GR-1")
    assert await harness.ended(order.id) == "closed"
    assert await harness.ended(requirement) == "fulfilled"


async def test_an_open_quantity_is_not_ordered_for_a_need_that_has_gone_down_again(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.acknowledged(requirement)
    await harness.ship(order, 40, despatch="D-1")
    harness.erp.open_for_calls.clear()
    await harness.receive_part(order, 40, receipt="GR-1")
    need = await harness.replan(need, 2, quantity=160)
    await harness.registered(requirement, "supply_request.sent", times=2)
    harness.master_data.open_for_calls.clear()
    await harness.replan(need, 3, quantity=100)
    harness.erp.open_for_calls.set()
    await harness.registered(order.id, "change.floored")
    harness.master_data.open_for_calls.set()

    await harness.registered(requirement, "coverage.changed", times=2)

    found = await harness.requirement(requirement)
    assert found.stage == "covered"
    assert len(found.order_ids) == 1


async def test_a_need_that_grows_while_its_last_goods_arrive_orders_the_difference_only(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    first = await harness.acknowledged(requirement)
    harness.master_data.open_for_calls.clear()
    await harness.replan(need, 2, quantity=160)
    await harness.receive(first)
    assert await harness.ended(first.id) == "closed"
    harness.master_data.open_for_calls.set()

    second = await harness.sent(requirement, orders=2)

    assert [int(line.quantity) for line in second.lines] == [60]
    await harness.answer(second)
    await harness.receive(second)
    assert await harness.ended(requirement) == "fulfilled"
    assert len((await harness.requirement(requirement)).order_ids) == 2
    assert "exception.raised" not in await harness.kinds(requirement)


async def test_a_plan_version_that_comes_late_is_ignored(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"), version=12)
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)

    await harness.replan(need, 11, quantity=500)

    await harness.registered(requirement, "requirement.stale")
    found = await harness.requirement(requirement)
    assert found.need.revision.plan_version == 12
    assert found.need.quantity == 100
    assert (await harness.order_of(requirement)).revision == order.revision
