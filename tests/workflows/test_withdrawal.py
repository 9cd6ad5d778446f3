"""A need that the plan takes back, at any stage of its order, and may want again."""

from decimal import Decimal

import pytest

from canonical.cover import SupplySlice
from canonical.exception import Choice
from tests.workflows.world import CHANGED, REJECTED, World


async def test_a_need_withdrawn_while_its_order_collects_is_never_ordered(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    order = await world.ordered(requirement)
    await world.withdraw(need, 2)
    await world.noted(requirement, "cover.wanted", times=2)

    await world.skip_collecting(order)

    assert await world.ended(order.id) == "cancelled"
    assert await world.ended(requirement) == "withdrawn"
    assert (world.erp.writes, dict(world.supplier.sent)) == ([], {})
    assert (await world.kinds(order.id))[-1] == "order.cancelled"


async def test_a_need_withdrawn_from_an_order_that_others_share_ends_when_the_order_is_sent_without_it(
    world: World,
) -> None:
    chain, bell = (world.need(world.item(item, "Cyclops")) for item in ("CHAIN", "BELL"))
    for need in (chain, bell):
        await world.ordered(await world.plan(need))
    await world.withdraw(bell, 2)
    await world.noted(bell.id, "cover.wanted", times=2)

    order = await world.sent(chain.id)

    assert await world.ended(bell.id) == "withdrawn"
    assert [(line.line, line.item) for line in world.document(order).lines] == [(10, chain.item)]


async def test_a_need_withdrawn_before_the_answer_cancels_the_order_with_a_change(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    order = await world.sent(requirement)
    await world.withdraw(need, 2)

    cancelled = await world.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    assert [line.cancelled for line in world.supplier.sent[order.order_number or ""][-1].lines] == [True]
    assert (await world.requirement(requirement)).stage == "covered", "until the supplier has let go of it"
    await world.answer(cancelled)

    assert await world.ended(order.id) == "cancelled"
    assert await world.ended(requirement) == "withdrawn"
    assert world.cover_in_aps(requirement, order) == []


@pytest.mark.recorded("withdrawn")
async def test_a_need_withdrawn_after_the_acknowledgment_asks_a_person_where_it_is_worth_it(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops", price="20.00"))
    requirement = await world.plan(need)
    order = await world.acknowledged(requirement)
    await world.withdraw(need, 2)
    question = await world.question(order)
    assert "cancelled" in question.proposal.summary

    await world.decide(question, Choice.APPROVE)

    cancelled = await world.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    await world.answer(cancelled)
    assert await world.ended(order.id) == "cancelled"
    assert await world.ended(requirement) == "withdrawn"


async def test_a_cancellation_that_the_supplier_does_not_accept_is_given_up_by_a_person(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    order = await world.sent(requirement)
    await world.withdraw(need, 2)
    cancelled = await world.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    await world.answer(cancelled, world.line(10, (REJECTED, 100, None)))

    question = await world.question(order)
    assert "does not accept the cancellation" in question.proposal.summary
    await world.decide(question, Choice.CANCEL)

    assert await world.ended(order.id) == "cancelled"
    assert await world.ended(requirement) == "withdrawn"


async def test_a_shortage_of_a_need_that_is_withdrawn_is_overtaken(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    await world.acknowledged(requirement, world.line(10, (CHANGED, 100, 70)))
    exception = await world.short(requirement)
    await world.withdraw(need, 2)
    assert await world.ended(exception.id) == "overtaken"


async def test_a_need_wanted_again_while_its_order_collects_is_ordered_once(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    collecting = await world.ordered(requirement)
    await world.withdraw(need, 2)
    await world.noted(requirement, "cover.wanted", times=2)
    await world.replan(need, 3, quantity=80)
    await world.noted(requirement, "cover.wanted", times=3)

    order = await world.sent(requirement)

    assert order.id == collecting.id
    assert [int(line.quantity) for line in order.lines] == [80]
    await world.answer(order)
    await world.receive_part(order, 40, receipt="GR-1")
    await world.noted(order.id, "goods.received")
    assert (await world.requirement(requirement)).stage == "covered", "half of it is not all of it"
    await world.receive_part(order, 40, receipt="GR-2")
    assert await world.ended(requirement) == "fulfilled"


async def test_a_need_wanted_again_before_a_person_let_its_order_go_keeps_the_order(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops", price="20.00"))
    requirement = await world.plan(need)
    order = await world.acknowledged(requirement)
    await world.withdraw(need, 2)
    question = await world.question(order)

    await world.replan(need, 3)

    assert await world.ended(question.id) == "overtaken"
    kept = await world.order_until(order, lambda found: found.exception_id is None)
    assert (kept.revision, kept.stage) == (1, "acknowledged")
    assert len((await world.requirement(requirement)).order_ids) == 1
    await world.receive(order)
    assert await world.ended(requirement) == "fulfilled"


@pytest.mark.recorded("wanted_again")
async def test_a_need_wanted_again_after_its_order_was_cancelled_is_ordered_anew_at_once(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    first = await world.sent(requirement)
    await world.withdraw(need, 2)
    cancelled = await world.order_until(first, lambda found: found.revision == 2 and found.stage == "sent")

    await world.replan(need, 3)

    second = await world.sent(requirement, orders=2)
    assert second.id != first.id
    await world.answer(cancelled)
    assert await world.ended(first.id) == "cancelled"
    await world.answer(second)
    await world.receive(second)
    assert await world.ended(requirement) == "fulfilled"
    assert len((await world.requirement(requirement)).order_ids) == 2


async def test_a_need_that_was_fulfilled_keeps_its_goods_when_it_comes_back_higher(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    first = await world.acknowledged(requirement)
    await world.receive(first)
    assert await world.ended(requirement) == "fulfilled"
    facts = len(await world.kinds(requirement))

    await world.reopen(need.model_copy(update={"quantity": Decimal(160), "pegging": ()}), 2)

    second = await world.sent(requirement)
    assert second.id != first.id
    assert [int(line.quantity) for line in second.lines] == [60]
    await world.answer(second)
    await world.receive(second)
    assert await world.ended(requirement) == "fulfilled"
    found = await world.requirement(requirement)
    assert sum(part.quantity for part in found.cover if isinstance(part, SupplySlice)) == 160
    kinds = await world.kinds(requirement)
    assert kinds[facts] == "need.stated", "the chain of facts goes on where the former run ended"


async def test_a_need_that_was_fulfilled_and_comes_back_lower_is_fulfilled_at_once(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    order = await world.acknowledged(requirement)
    await world.receive(order)
    assert await world.ended(requirement) == "fulfilled"

    await world.reopen(need.model_copy(update={"quantity": Decimal(70), "pegging": ()}), 2)

    assert await world.ended(requirement) == "fulfilled"
    assert (await world.requirement(requirement)).order_ids == ()
