"""What the coverage does not bring by the pegged date is put to a person, with what it takes to decide."""

from datetime import timedelta
from decimal import Decimal

import pytest

from canonical.exception import Choice, ExceptionKind
from canonical.need import Peg
from canonical.policy import Tolerance
from canonical.records import ExceptionState
from ledger.work_list.work_list import WorkFilter
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import ACCEPTED, BACKORDERED, CHANGED, REJECTED, Harness, today
from tests.workflows.lookout import days_ahead, parts


async def test_a_later_date_that_still_meets_the_pegged_date_asks_nobody(make_harness: MakeHarness) -> None:
    harness = await make_harness(tolerance=Tolerance(later_working_days=10))
    peg = Peg(demand="BIKE-1", quantity=Decimal(100), date=today() + timedelta(days=70))
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops"), days=60, pegging=(peg,)))

    order = await harness.acknowledged(requirement, harness.line(10, (CHANGED, 100, 68)))

    found = await harness.requirement(requirement)
    assert found.stage == "covered"
    assert found.exception_id is None
    assert order.exception_id is None
    assert harness.coverage_in_aps(requirement, order) == [(100, 68, "confirmed")]
    await harness.registered(requirement, "coverage.changed")
    assert (await harness.requirement(requirement)).exception_id is None, "told of the day, for a newer need's sake"


async def test_a_later_date_that_misses_the_pegged_date_becomes_a_shortage_with_its_ways_out(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops", "Trey")))
    order = await harness.acknowledged(requirement, harness.line(10, (CHANGED, 100, 65)))

    exception = await harness.short(requirement)

    proposal = exception.proposal
    assert exception.raised_by == requirement
    assert exception.assignee == "buyer"
    assert exception.state == ExceptionState.OPEN
    assert (proposal.kind, proposal.rule) == (ExceptionKind.SHORTAGE, "R7")
    assert proposal.order_number == order.order_number
    assert proposal.short_quantity == 100
    assert days_ahead(proposal.available_on) == 67
    assert proposal.working_days_late == 7
    assert parts(proposal.coverage) == [(100, 65, "confirmed")]
    assert [peg.demand for peg in proposal.pegs] == ["BIKE-1"]
    ways = {way.choice for way in proposal.alternatives}
    assert ways == {Choice.ACCEPT, Choice.EXPEDITE, Choice.SPLIT, Choice.RESCHEDULE}
    assert next(way.supplier for way in proposal.alternatives if way.choice is Choice.SPLIT) == f"Trey-{harness.prefix}"
    inbox = await harness.ledger.work_list.questions(
        WorkFilter(plants=None, kind=ExceptionKind.SHORTAGE, state=ExceptionState.OPEN)
    )
    assert [row.snapshot for row in inbox.items] == [exception]
    assert (await harness.requirement(requirement)).stage == "short"


async def test_an_answer_split_over_two_dates_is_short_by_the_late_part_only(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement, harness.line(10, (CHANGED, 60, 58), (CHANGED, 40, 70)))

    exception = await harness.short(requirement)

    assert exception.proposal.short_quantity == 40
    assert days_ahead(exception.proposal.available_on) == 72
    assert harness.schedule_in_erp(order) == [(60, 60, 58), (40, 40, 70)]


async def test_a_part_on_backorder_is_short_and_has_no_date(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement, harness.line(10, (ACCEPTED, 60, 58), (BACKORDERED, 40, None)))

    exception = await harness.short(requirement)

    assert exception.proposal.short_quantity == 40
    assert exception.proposal.available_on is None
    assert harness.coverage_in_aps(requirement, order) == [(60, 58, "confirmed"), (40, None, "backordered")]


@pytest.mark.recorded("rejected")
async def test_a_rejected_line_is_ordered_from_the_second_source_once_a_buyer_decides_it(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops", "Trey")))
    first = await harness.sent(requirement)
    await harness.answer(first, harness.line(10, (REJECTED, 100, None)))

    exception = await harness.short(requirement)
    assert "rejected by the supplier" in exception.proposal.summary
    await harness.decide(exception, Choice.SPLIT)

    second = await harness.sent(requirement, orders=2)
    assert second.supplier == f"Trey-{harness.prefix}"
    assert await harness.ended(first.id) == "cancelled"
    assert harness.document(first).lines[0].cancelled
    await harness.answer(second)
    await harness.receive(second)
    assert await harness.ended(requirement) == "fulfilled"
    assert harness.coverage_in_aps(requirement, first) == []


@pytest.mark.recorded("split")
async def test_what_is_late_in_part_is_taken_from_the_first_order_when_it_is_split(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops", "Trey")))
    first = await harness.acknowledged(requirement, harness.line(10, (ACCEPTED, 60, 58), (BACKORDERED, 40, None)))
    await harness.decide(await harness.short(requirement), Choice.SPLIT)

    second = await harness.sent(requirement, orders=2)
    changed = await harness.order_until(first, lambda found: found.revision == 2 and found.stage == "sent")
    assert [int(line.quantity) for line in (*changed.lines, *second.lines)] == [60, 40]
    await harness.answer(changed)
    await harness.answer(second)
    await harness.settled(first)

    found = await harness.requirement_until(requirement, lambda now: len(now.coverage) == 2)
    assert found.stage == "covered"
    assert found.exception_id is None
    for order in (changed, second):
        await harness.receive(order)
    assert await harness.ended(requirement) == "fulfilled"


async def test_goods_that_are_all_there_leave_nothing_to_decide_however_late_they_came(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement)

    await harness.receive(order, days=75)

    assert await harness.ended(requirement) == "fulfilled"
    assert "exception.raised" not in await harness.kinds(requirement)


async def test_a_past_due_need_is_ordered_at_once_told_late_and_runs_to_its_receipt(harness: Harness) -> None:
    """What was needed a month ago: nobody refuses it, and its own date stays the measure."""
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops"), days=-30))
    order = await harness.sent(requirement)
    [line] = harness.document(order).lines
    assert days_ahead(line.delivery_date) == 0, "as soon as possible, not in the past"

    told = await harness.short(requirement)
    assert told.proposal.kind is ExceptionKind.SHORTAGE
    assert days_ahead(told.proposal.pegs[0].date) == -30
    assert (days_ahead(told.proposal.available_on), told.proposal.working_days_late) == (2, 32), "late in any case"
    assert told.proposal.latest_safe_date is None

    await harness.answer(order, harness.line(10, (CHANGED, 100, 20)))
    await harness.registered(told.id, "exception.changed")
    exception = await harness.exception(told.id)
    assert (days_ahead(exception.proposal.available_on), exception.proposal.working_days_late) == (22, 52)

    await harness.decide(exception, Choice.ACCEPT)
    await harness.requirement_until(requirement, lambda found: found.stage == "covered")
    await harness.receive(await harness.order_of(requirement), days=20)
    assert await harness.ended(requirement) == "fulfilled"
