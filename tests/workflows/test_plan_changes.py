"""A plan that changes its mind: what is done depends on how much, and on how far the order is (R3, R4, R15)."""

from datetime import timedelta

import pytest

from canonical.exception import Choice, ExceptionKind
from tests.workflows.world import World, today


async def test_small_changes_are_damped_until_their_drift_is_worth_a_change(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"), 1000)
    requirement = await world.plan(need)
    order = await world.sent(requirement)

    need = await world.replan(need, 2, quantity=1030)
    await world.noted(requirement, "need.damped")
    assert (await world.order_of(requirement)).revision == 1
    await world.replan(need, 3, quantity=1060)

    changed = await world.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    assert [int(line.quantity) for line in changed.lines] == [1060]
    assert (await world.kinds(requirement)).count("need.damped") == 1


async def test_a_change_while_the_order_collects_is_simply_what_is_ordered(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    collecting = await world.ordered(requirement)
    assert collecting.stage == "collecting"
    await world.replan(need, 2, quantity=150)
    await world.noted(requirement, "cover.wanted", times=2)

    order = await world.sent(requirement)

    assert order.id == collecting.id
    assert (order.revision, [int(line.quantity) for line in order.lines]) == (1, [150])
    assert world.erp.writes == [f"place {world.document(order).reference}"]


async def test_a_change_before_the_answer_is_a_change_order_at_once(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    order = await world.sent(requirement)

    await world.replan(need, 2, quantity=150, required_date=today() + timedelta(days=70))

    changed = await world.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    document = world.supplier.sent[order.order_number or ""][-1]
    assert document == world.document(changed)
    assert (document.revision, document.changed_lines, int(document.lines[0].quantity)) == (2, (10,), 150)
    assert document.lines[0].delivery_date == today() + timedelta(days=68)
    await world.answer(changed)
    await world.settled(order)
    assert world.schedule_in_erp(order) == [(150, 150, 68)]
    assert (await world.requirement(requirement)).stage == "covered"


@pytest.mark.recorded("two_changes")
async def test_two_needs_that_change_at_once_give_one_change_order(world: World) -> None:
    needs = [world.need(world.item(item, "Cyclops")) for item in ("CHAIN", "BELL")]
    for need in needs:
        await world.ordered(await world.plan(need))
    order = await world.sent(needs[0].id)
    world.erp.open_for_calls.clear()
    await world.replan(needs[0], 2, quantity=130)
    await world.noted(order.id, "order.changed")
    assert (await world.order_of(needs[0].id)).revision == 1, "the change is not with the supplier yet"
    for number, need in enumerate(needs):
        await world.replan(need, 3, quantity=200 + number)
        await world.noted(need.id, "cover.wanted", times=3 - number)

    world.erp.open_for_calls.set()

    changed = await world.order_until(order, lambda found: found.revision == 3 and found.stage == "sent")
    assert [int(line.quantity) for line in changed.lines] == [200, 201]
    sent = world.supplier.sent[order.order_number or ""]
    assert [document.changed_lines for document in sent] == [(), (10,), (10, 20)]


async def test_a_change_of_little_value_after_the_acknowledgment_needs_nobody(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    order = await world.acknowledged(requirement)

    await world.replan(need, 2, quantity=150)

    changed = await world.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    assert "exception.raised" not in await world.kinds(order.id)
    await world.answer(changed)
    await world.settled(order)


@pytest.mark.recorded("change_approved")
async def test_a_change_of_value_after_the_acknowledgment_is_made_once_it_is_approved(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops", price="20.00"))
    requirement = await world.plan(need)
    order = await world.acknowledged(requirement)

    await world.replan(need, 2, quantity=150)

    question = await world.question(order)
    assert (question.proposal.kind, question.proposal.rule) == (ExceptionKind.CHANGE_PROPOSAL, "R3")
    assert str(question.proposal.value) == "920.00", "50 x 20.00 USD x 0.92, above the 500 EUR of class B"
    assert (await world.order_of(requirement)).revision == 1
    await world.decide(question, Choice.APPROVE)

    changed = await world.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    assert [int(line.quantity) for line in changed.lines] == [150]
    await world.answer(changed)
    settled = await world.settled(order)
    assert settled.exception_id is None
    assert (await world.requirement(requirement)).stage == "covered"


async def test_a_change_that_is_declined_leaves_the_order_and_the_need_is_short(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops", "Trey", price="20.00"))
    requirement = await world.plan(need)
    order = await world.acknowledged(requirement)
    await world.replan(need, 2, quantity=150)
    await world.decide(await world.question(order), Choice.DECLINE)

    exception = await world.short(requirement)

    assert exception.proposal.short_quantity == 50
    assert "declined by bea.buyer" in exception.proposal.summary
    assert (await world.order_of(requirement)).revision == 1
    await world.decide(exception, Choice.SPLIT)
    second = await world.sent(requirement, orders=2)
    assert [int(line.quantity) for line in second.lines] == [50]
    found = await world.requirement_until(requirement, lambda now: now.stage == "covered")
    assert found.exception_id is None


@pytest.mark.recorded("change_taken_back")
async def test_a_proposal_that_the_plan_takes_back_is_overtaken(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops", price="20.00"))
    requirement = await world.plan(need)
    order = await world.acknowledged(requirement)
    await world.replan(need, 2, quantity=150)
    question = await world.question(order)

    await world.replan(need, 3, quantity=100)

    assert await world.ended(question.id) == "overtaken"
    settled = await world.order_until(order, lambda found: found.exception_id is None)
    assert (settled.revision, settled.stage) == (1, "acknowledged")
    await world.requirement_until(requirement, lambda now: now.reason == "covered; waits for the receipt")


async def test_inside_the_freeze_fence_even_a_small_change_asks_a_person(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops", lead_time_days=1), days=6)
    requirement = await world.plan(need)
    order = await world.acknowledged(requirement)

    await world.replan(need, 2, quantity=112)

    question = await world.question(order)
    assert "inside the freeze fence" in question.proposal.summary
    assert (await world.order_of(requirement)).revision == 1


async def test_what_a_partly_shipped_order_can_not_take_is_ordered_anew_once(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    first = await world.acknowledged(requirement)
    await world.ship(first, 40, despatch="D-1")

    await world.replan(need, 2, quantity=160)

    second = await world.sent(requirement, orders=2)
    assert [int(line.quantity) for line in second.lines] == [60]
    assert (await world.order_of(requirement, 0)).revision == 1
    await world.answer(second)
    await world.receive_part(first, 40, receipt="GR-1")
    await world.noted(first.id, "goods.received")
    await world.receive_part(first, 60, receipt="GR-2")
    assert await world.ended(first.id) == "closed"
    await world.receive(second)
    assert await world.ended(requirement) == "fulfilled"
    assert len((await world.requirement(requirement)).order_ids) == 2, "the balance is ordered once"


async def test_a_partly_shipped_order_is_cut_to_what_is_under_way_and_no_lower(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"), 1000)
    requirement = await world.plan(need)
    order = await world.acknowledged(requirement)
    await world.ship(order, 400, despatch="D-1")

    await world.replan(need, 2, quantity=300)

    cut = await world.order_until(order, lambda found: found.revision == 2)
    assert [int(line.quantity) for line in cut.lines] == [400]
    await world.noted(order.id, "change.floored")
    await world.answer(cut)
    await world.receive_part(order, 400, receipt="GR-1")
    assert await world.ended(order.id) == "closed"
    assert await world.ended(requirement) == "fulfilled"


async def test_a_balance_is_not_ordered_for_a_need_that_has_gone_down_again(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    order = await world.acknowledged(requirement)
    await world.ship(order, 40, despatch="D-1")
    world.erp.open_for_calls.clear()
    await world.receive_part(order, 40, receipt="GR-1")
    need = await world.replan(need, 2, quantity=160)
    await world.noted(requirement, "cover.wanted", times=2)
    world.master_data.open_for_calls.clear()
    await world.replan(need, 3, quantity=100)
    world.erp.open_for_calls.set()
    await world.noted(order.id, "change.floored")
    world.master_data.open_for_calls.set()

    await world.noted(requirement, "cover.stated", times=2)

    found = await world.requirement(requirement)
    assert (found.stage, len(found.order_ids)) == ("covered", 1)


async def test_a_need_that_grows_while_its_last_goods_arrive_orders_the_difference_only(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    first = await world.acknowledged(requirement)
    world.master_data.open_for_calls.clear()
    await world.replan(need, 2, quantity=160)
    await world.receive(first)
    assert await world.ended(first.id) == "closed"
    world.master_data.open_for_calls.set()

    second = await world.sent(requirement, orders=2)

    assert [int(line.quantity) for line in second.lines] == [60]
    await world.answer(second)
    await world.receive(second)
    assert await world.ended(requirement) == "fulfilled"
    assert len((await world.requirement(requirement)).order_ids) == 2
    assert "exception.raised" not in await world.kinds(requirement)


async def test_a_plan_version_that_comes_late_is_ignored(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"), version=12)
    requirement = await world.plan(need)
    order = await world.sent(requirement)

    await world.replan(need, 11, quantity=500)

    await world.noted(requirement, "need.stale")
    found = await world.requirement(requirement)
    assert (found.need.revision.plan_version, int(found.need.quantity)) == (12, 100)
    assert (await world.order_of(requirement)).revision == order.revision
