"""A need that the plan takes back, at any stage of its order, and may want again."""

from decimal import Decimal

import pytest

from canonical.exception import Choice
from canonical.supply import ScheduleLine
from tests.workflows.harness import CHANGED, REJECTED, Harness


async def test_a_need_withdrawn_while_its_order_consolidates_is_never_ordered(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.ordered(requirement)
    await harness.withdraw(need, 2)
    await harness.registered(requirement, "supply_request.sent", times=2)

    await harness.skip_consolidation(order)

    assert await harness.ended(order.id) == "cancelled"
    assert await harness.ended(requirement) == "withdrawn"
    assert harness.erp.writes == []
    assert dict(harness.supplier.sent) == {}
    assert (await harness.kinds(order.id))[-1] == "order.cancelled"


async def test_a_need_withdrawn_from_an_order_that_others_share_ends_when_the_order_is_sent_without_it(
    harness: Harness,
) -> None:
    chain, bell = (harness.need(harness.item(item, "Cyclops")) for item in ("CHAIN", "BELL"))
    for need in (chain, bell):
        await harness.ordered(await harness.plan(need))
    await harness.withdraw(bell, 2)
    await harness.registered(bell.id, "supply_request.sent", times=2)

    order = await harness.sent(chain.id)

    assert await harness.ended(bell.id) == "withdrawn"
    assert [(line.line, line.item) for line in harness.document(order).lines] == [(10, chain.item)]


async def test_a_need_withdrawn_before_the_answer_cancels_the_order_with_a_change(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)
    await harness.withdraw(need, 2)

    cancelled = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    assert [line.cancelled for line in harness.supplier.sent[order.order_number or ""][-1].lines] == [True]
    assert (await harness.requirement(requirement)).stage == "covered", "until the supplier has let go of it"
    await harness.answer(cancelled)

    assert await harness.ended(order.id) == "cancelled"
    assert await harness.ended(requirement) == "withdrawn"
    assert harness.coverage_in_aps(requirement, order) == []


@pytest.mark.recorded("withdrawn")
async def test_a_need_withdrawn_after_the_acknowledgment_asks_a_person_where_it_is_worth_it(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops", price="20.00"))
    requirement = await harness.plan(need)
    order = await harness.acknowledged(requirement)
    await harness.withdraw(need, 2)
    question = await harness.question(order)
    assert "cancelled" in question.proposal.summary

    await harness.decide(question, Choice.APPROVE)

    cancelled = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    await harness.answer(cancelled)
    assert await harness.ended(order.id) == "cancelled"
    assert await harness.ended(requirement) == "withdrawn"


async def test_a_cancellation_that_the_supplier_does_not_accept_is_given_up_by_a_person(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)
    await harness.withdraw(need, 2)
    cancelled = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    await harness.answer(cancelled, harness.line(10, (REJECTED, 100, None)))

    question = await harness.question(order)
    assert "does not accept the cancellation" in question.proposal.summary
    await harness.decide(question, Choice.CANCEL)

    assert await harness.ended(order.id) == "cancelled"
    assert await harness.ended(requirement) == "withdrawn"


async def test_a_shortage_of_a_need_that_is_withdrawn_is_overtaken(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    await harness.acknowledged(requirement, harness.line(10, (CHANGED, 100, 70)))
    exception = await harness.short(requirement)
    await harness.withdraw(need, 2)
    assert await harness.ended(exception.id) == "overtaken"


async def test_a_need_that_returns_while_its_order_consolidates_is_ordered_once(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    consolidating = await harness.ordered(requirement)
    await harness.withdraw(need, 2)
    await harness.registered(requirement, "supply_request.sent", times=2)
    await harness.replan(need, 3, quantity=80)
    await harness.registered(requirement, "supply_request.sent", times=3)

    order = await harness.sent(requirement)

    assert order.id == consolidating.id
    assert [int(line.quantity) for line in order.lines] == [80]
    await harness.answer(order)
    await harness.receive_part(order, 40, receipt="GR-1")
    await harness.registered(order.id, "goods.received")
    assert (await harness.requirement(requirement)).stage == "covered", "half of it is not all of it"
    await harness.receive_part(order, 40, receipt="GR-2")
    assert await harness.ended(requirement) == "fulfilled"


async def test_a_need_that_returns_before_a_person_released_its_order_keeps_the_order(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops", price="20.00"))
    requirement = await harness.plan(need)
    order = await harness.acknowledged(requirement)
    await harness.withdraw(need, 2)
    question = await harness.question(order)

    await harness.replan(need, 3)

    assert await harness.ended(question.id) == "overtaken"
    kept = await harness.order_until(order, lambda found: found.exception_id is None)
    assert kept.revision == 1
    assert kept.stage == "acknowledged"
    assert len((await harness.requirement(requirement)).order_ids) == 1
    await harness.receive(order)
    assert await harness.ended(requirement) == "fulfilled"


@pytest.mark.recorded("wanted_again")
async def test_a_need_that_returns_after_its_order_was_cancelled_is_ordered_again_at_once(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    first = await harness.sent(requirement)
    await harness.withdraw(need, 2)
    cancelled = await harness.order_until(first, lambda found: found.revision == 2 and found.stage == "sent")

    await harness.replan(need, 3)

    second = await harness.sent(requirement, orders=2)
    assert second.id != first.id
    await harness.answer(cancelled)
    assert await harness.ended(first.id) == "cancelled"
    await harness.answer(second)
    await harness.receive(second)
    assert await harness.ended(requirement) == "fulfilled"
    assert len((await harness.requirement(requirement)).order_ids) == 2


async def test_a_need_that_was_fulfilled_keeps_its_goods_when_it_comes_back_higher(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    first = await harness.acknowledged(requirement)
    await harness.receive(first)
    assert await harness.ended(requirement) == "fulfilled"
    audit_events = len(await harness.kinds(requirement))

    await harness.reopen(need.model_copy(update={"quantity": Decimal(160), "pegging": ()}), 2)

    second = await harness.sent(requirement)
    assert second.id != first.id
    assert [int(line.quantity) for line in second.lines] == [60]
    await harness.answer(second)
    await harness.receive(second)
    assert await harness.ended(requirement) == "fulfilled"
    found = await harness.requirement(requirement)
    assert sum(part.quantity for part in found.coverage if isinstance(part, ScheduleLine)) == 160
    kinds = await harness.kinds(requirement)
    assert kinds[audit_events] == "requirement.opened", "the chain of audit events goes on where the former run ended"


async def test_a_need_that_was_fulfilled_and_comes_back_lower_is_fulfilled_at_once(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.acknowledged(requirement)
    await harness.receive(order)
    assert await harness.ended(requirement) == "fulfilled"

    await harness.reopen(need.model_copy(update={"quantity": Decimal(70), "pegging": ()}), 2)

    assert await harness.ended(requirement) == "fulfilled"
    assert (await harness.requirement(requirement)).order_ids == ()
