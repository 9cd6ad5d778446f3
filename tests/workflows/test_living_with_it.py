"""What a buyer decides of a shortage: live with it, or ask the supplier for more speed."""

from canonical.exception import Choice
from canonical.records import ExceptionState
from tests.workflows.harness import ACCEPTED, BACKORDERED, CHANGED, Harness
from tests.workflows.lookout import days_ahead


async def test_an_accepted_late_date_is_not_asked_again_but_a_worse_one_is(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement, harness.line(10, (CHANGED, 100, 65)))
    accepted = await harness.short(requirement)
    await harness.decide(accepted, Choice.ACCEPT, comment="the bikes can wait")
    found = await harness.requirement_until(requirement, lambda now: now.exception_id is None)
    assert found.stage == "covered"
    assert "accepted" in found.reason

    await harness.answer(order, harness.line(10, (CHANGED, 100, 64)))
    await harness.registered(requirement, "coverage.changed", times=2)
    assert (await harness.requirement(requirement)).exception_id is None

    await harness.answer(order, harness.line(10, (CHANGED, 100, 80)))
    worse = await harness.short(requirement)
    assert worse.id != accepted.id
    assert days_ahead(worse.proposal.available_on) == 82
    assert (await harness.exception(accepted.id)).decision is not None


async def test_accepting_a_remainder_that_never_comes_cuts_the_order_and_the_rest_fulfils_the_need(
    harness: Harness,
) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement, harness.line(10, (ACCEPTED, 60, 58), (BACKORDERED, 40, None)))
    await harness.decide(await harness.short(requirement), Choice.ACCEPT)

    cut = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    assert [int(line.quantity) for line in harness.document(cut).lines] == [60]
    assert harness.supplier.sent[order.order_number or ""][-1].changed_lines == (10,)
    await harness.answer(cut)
    cut = await harness.settled(order)
    assert (await harness.requirement(requirement)).exception_id is None

    await harness.receive(cut)
    assert await harness.ended(order.id) == "closed"
    assert await harness.ended(requirement) == "fulfilled"


async def test_accepting_that_nothing_comes_cancels_the_order_and_ends_the_need(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement, harness.line(10, (BACKORDERED, 100, None)))
    await harness.decide(await harness.short(requirement), Choice.ACCEPT)

    cancelled = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    await harness.answer(cancelled)

    assert await harness.ended(order.id) == "cancelled"
    assert await harness.ended(requirement) == "fulfilled"
    assert "wrote off" in (await harness.requirement(requirement)).reason


async def test_expediting_asks_for_the_pegged_date_and_a_better_answer_settles_it(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement, harness.line(10, (CHANGED, 100, 65)))
    await harness.decide(await harness.short(requirement), Choice.EXPEDITE)

    urged = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    change = harness.supplier.sent[order.order_number or ""][-1]
    assert change.expedite is True
    assert change.changed_lines == (10,)
    assert days_ahead(change.lines[0].delivery_date) == 58
    found = await harness.requirement_until(requirement, lambda now: now.exception_id is None)
    assert "waits for the supplier's answer" in found.reason

    await harness.answer(urged, harness.line(10, (CHANGED, 100, 58)))
    await harness.settled(order)
    await harness.registered(requirement, "coverage.changed", times=2)
    found = await harness.requirement(requirement)
    assert found.stage == "covered"
    assert found.exception_id is None
    assert harness.schedule_in_erp(order) == [(100, 100, 58)]


async def test_expediting_in_vain_is_a_new_question(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement, harness.line(10, (CHANGED, 100, 65)))
    first = await harness.short(requirement)
    await harness.decide(first, Choice.EXPEDITE)
    urged = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")

    await harness.answer(urged, harness.line(10, (CHANGED, 100, 65)))

    again = await harness.short(requirement)
    assert again.id != first.id


async def test_a_shortage_that_goes_away_by_itself_is_overtaken(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement, harness.line(10, (CHANGED, 100, 65)))
    exception = await harness.short(requirement)

    await harness.answer(order, harness.line(10, (CHANGED, 100, 57)))

    assert await harness.ended(exception.id) == ExceptionState.OVERTAKEN
    found = await harness.requirement(requirement)
    assert found.stage == "covered"
    assert found.exception_id is None
