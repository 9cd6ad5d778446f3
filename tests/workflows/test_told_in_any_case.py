"""What is not acted on is still told: the coverage is tested against the plan's newest need (R4, R7)."""

from datetime import timedelta
from decimal import Decimal

import pytest

from canonical.exception import Choice
from canonical.need import Need, Peg
from canonical.records import OrderSnapshot
from tests.workflows.harness import CHANGED, Harness, today


async def confirmed(harness: Harness, quantity: int = 1000, **answered: int) -> tuple[Need, OrderSnapshot]:
    """A need whose order the supplier has confirmed; `days`: from today, instead of as requested."""
    need = harness.need(harness.item("CHAIN", "Cyclops", "Trey"), quantity)
    await harness.plan(need)
    lines = [harness.line(10, (CHANGED, quantity, answered["days"]))] if answered else []
    return need, await harness.acknowledged(need.id, *lines)


async def suppressed(harness: Harness, need: Need) -> None:
    await harness.registered(need.id, "requirement.change_suppressed")


@pytest.mark.recorded("suppressed_and_told")
async def test_30_more_than_are_ordered_are_not_acted_on_and_are_told(harness: Harness) -> None:
    need, order = await confirmed(harness)
    await harness.replan(need, 2, quantity=1030)

    question = await harness.short(need.id)

    assert (question.proposal.short_quantity, question.proposal.quantity) == (Decimal(30), Decimal(1030))
    await suppressed(harness, need)
    assert (await harness.order_of(need.id)).revision == 1
    ways = {way.choice for way in question.proposal.alternatives}
    assert ways == {Choice.ACCEPT, Choice.APPROVE, Choice.SPLIT}

    await harness.decide(question, Choice.APPROVE)
    changed = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    assert [int(line.quantity) for line in changed.lines] == [1030]
    await harness.answer(changed)
    await harness.requirement_until(need.id, lambda now: now.reason == "covered; waits for the receipt")


async def test_what_is_split_off_does_not_take_from_the_order_that_lacks_it(harness: Harness) -> None:
    need, _ = await confirmed(harness)
    await harness.replan(need, 2, quantity=1030)
    await harness.decide(await harness.short(need.id), Choice.SPLIT)

    second = await harness.sent(need.id, orders=2)

    assert [int(line.quantity) for line in second.lines] == [30]
    assert [int(line.quantity) for line in (await harness.order_of(need.id, 0)).lines] == [1000]
    await harness.requirement_until(need.id, lambda now: now.exception_id is None)


async def test_a_need_of_one_day_earlier_is_short_by_a_day_and_no_more_once_the_plan_takes_it_back(
    harness: Harness,
) -> None:
    need, _ = await confirmed(harness)
    await harness.replan(need, 2, required_date=need.required_date - timedelta(days=1))

    question = await harness.short(need.id)

    assert (question.proposal.short_quantity, question.proposal.working_days_late) == (Decimal(1000), 1)
    await suppressed(harness, need)
    await harness.replan(need, 3)
    assert await harness.ended(question.id) == "overtaken"


async def test_a_day_earlier_is_no_shortage_where_the_supplier_comes_earlier_than_asked(harness: Harness) -> None:
    need, _ = await confirmed(harness, days=50)
    await harness.registered(need.id, "coverage.changed")
    await harness.replan(need, 2, required_date=need.required_date - timedelta(days=1))
    await suppressed(harness, need)
    assert (await harness.requirement(need.id)).exception_id is None


async def test_demands_that_the_plan_divides_anew_are_tested_though_quantity_and_date_are_as_before(
    harness: Harness,
) -> None:
    need, _ = await confirmed(harness)
    day = need.required_date
    pegs = (
        Peg(demand="BIKE-1", quantity=Decimal(600), date=day - timedelta(days=1)),
        Peg(demand="BIKE-2", quantity=Decimal(400), date=day),
    )
    await harness.replan(need, 2, pegging=pegs)

    question = await harness.short(need.id)

    assert (question.proposal.short_quantity, question.proposal.pegs) == (Decimal(600), pegs)
    await suppressed(harness, need)


async def test_a_need_that_grows_after_all_has_come_is_short_until_a_person_writes_it_off(harness: Harness) -> None:
    need, order = await confirmed(harness)
    await harness.replan(need, 2, quantity=1030)
    question = await harness.short(need.id)
    await harness.receive(order)
    assert await harness.ended(order.id) == "closed"
    await harness.registered(need.id, "coverage.changed")
    question = await harness.short(need.id)
    assert question.proposal.short_quantity == 30

    await harness.decide(question, Choice.ACCEPT)

    assert await harness.ended(need.id) == "fulfilled"
    assert (await harness.requirement(need.id)).reason == "received, but for 30 EA that a buyer wrote off"


async def test_an_accepted_shortage_is_not_asked_about_again_when_the_plan_repeats_it(harness: Harness) -> None:
    need, _ = await confirmed(harness)
    changed = await harness.replan(need, 2, quantity=1030)
    await harness.decide(await harness.short(need.id), Choice.ACCEPT)
    await harness.requirement_until(need.id, lambda now: now.exception_id is None)
    await harness.replan(changed, 3, quantity=1029)
    await harness.registered(need.id, "requirement.change_suppressed", times=2)
    assert (await harness.requirement(need.id)).exception_id is None
    assert today() < need.required_date
