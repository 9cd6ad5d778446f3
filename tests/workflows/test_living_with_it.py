"""What a buyer decides of a shortage: live with it, or ask the supplier for more speed."""

from canonical.exception import Choice
from canonical.records import ExceptionState
from tests.workflows.lookout import days_ahead
from tests.workflows.world import ACCEPTED, BACKORDERED, CHANGED, World


async def test_an_accepted_late_date_is_not_asked_again_but_a_worse_one_is(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement, world.line(10, (CHANGED, 100, 65)))
    accepted = await world.short(requirement)
    await world.decide(accepted, Choice.ACCEPT, comment="the bikes can wait")
    found = await world.requirement_until(requirement, lambda now: now.exception_id is None)
    assert found.stage == "covered"
    assert "accepted" in found.reason

    await world.answer(order, world.line(10, (CHANGED, 100, 64)))
    await world.noted(requirement, "cover.stated", times=2)
    assert (await world.requirement(requirement)).exception_id is None

    await world.answer(order, world.line(10, (CHANGED, 100, 80)))
    worse = await world.short(requirement)
    assert worse.id != accepted.id
    assert days_ahead(worse.proposal.available_on) == 82
    assert (await world.exception(accepted.id)).decision is not None


async def test_accepting_a_remainder_that_never_comes_cuts_the_order_and_the_rest_fulfils_the_need(
    world: World,
) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement, world.line(10, (ACCEPTED, 60, 58), (BACKORDERED, 40, None)))
    await world.decide(await world.short(requirement), Choice.ACCEPT)

    cut = await world.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    assert [int(line.quantity) for line in world.document(cut).lines] == [60]
    assert world.supplier.sent[order.order_number or ""][-1].changed_lines == (10,)
    await world.answer(cut)
    cut = await world.settled(order)
    assert (await world.requirement(requirement)).exception_id is None

    await world.receive(cut)
    assert await world.ended(order.id) == "closed"
    assert await world.ended(requirement) == "fulfilled"


async def test_accepting_that_nothing_comes_cancels_the_order_and_ends_the_need(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement, world.line(10, (BACKORDERED, 100, None)))
    await world.decide(await world.short(requirement), Choice.ACCEPT)

    cancelled = await world.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    await world.answer(cancelled)

    assert await world.ended(order.id) == "cancelled"
    assert await world.ended(requirement) == "fulfilled"
    assert "wrote off" in (await world.requirement(requirement)).reason


async def test_expediting_asks_for_the_pegged_date_and_a_better_answer_settles_it(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement, world.line(10, (CHANGED, 100, 65)))
    await world.decide(await world.short(requirement), Choice.EXPEDITE)

    urged = await world.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    change = world.supplier.sent[order.order_number or ""][-1]
    assert (change.expedite, change.changed_lines) == (True, (10,))
    assert days_ahead(change.lines[0].delivery_date) == 58
    found = await world.requirement_until(requirement, lambda now: now.exception_id is None)
    assert "waits for the supplier's answer" in found.reason

    await world.answer(urged, world.line(10, (CHANGED, 100, 58)))
    await world.settled(order)
    await world.noted(requirement, "cover.stated", times=2)
    found = await world.requirement(requirement)
    assert (found.stage, found.exception_id) == ("covered", None)
    assert world.schedule_in_erp(order) == [(100, 100, 58)]


async def test_expediting_in_vain_is_a_new_question(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement, world.line(10, (CHANGED, 100, 65)))
    first = await world.short(requirement)
    await world.decide(first, Choice.EXPEDITE)
    urged = await world.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")

    await world.answer(urged, world.line(10, (CHANGED, 100, 65)))

    again = await world.short(requirement)
    assert again.id != first.id


async def test_a_shortage_that_goes_away_by_itself_is_overtaken(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement, world.line(10, (CHANGED, 100, 65)))
    exception = await world.short(requirement)

    await world.answer(order, world.line(10, (CHANGED, 100, 57)))

    assert await world.ended(exception.id) == ExceptionState.OVERTAKEN
    found = await world.requirement(requirement)
    assert (found.stage, found.exception_id) == ("covered", None)
