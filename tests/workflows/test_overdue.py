"""A promise that passed without a receipt: the need is tested again, the supplier reminded, the buyer asked (R16)."""

import datetime as dt
from datetime import timedelta
from decimal import Decimal

import pytest

from canonical.exception import Choice, ExceptionKind
from canonical.messages import GoodsReceived, OrderOpened
from canonical.order import Refused
from canonical.records import OrderSnapshot, OrderStage
from canonical.supply import ScheduleLineState
from decisions.overdue import OverdueStep
from tests.decisions.models import june
from tests.workflows.arrivals import unnoted
from tests.workflows.harness import CHANGED, Harness, today
from tests.workflows.order_harness import BELL, CHAIN, a_receipt, an_answer, sent_order, statement
from tests.workflows.order_harness import CHANGED as TO_ANOTHER_DAY
from tests.workflows.plant import EVERY_DAY
from workflows.purchase_order.line import Line
from workflows.purchase_order.questions import questions
from workflows.purchase_order.reports import changes_to_report
from workflows.purchase_order.state import OrderState
from workflows.purchase_order.workflow import take

SLACK = timedelta(minutes=5)


def exactly(days: int, hour: int = 0) -> dt.datetime:
    """That many days from today, at this hour; the office opens at eight.

    An entity that has asked a person stands still in time until that is decided: not a moment more than that.
    """
    return dt.datetime.combine(today() + timedelta(days=days), dt.time(hour), EVERY_DAY.tzinfo)


def at(days: int, hour: int = 0) -> dt.datetime:
    """Soon after that."""
    return exactly(days, hour) + SLACK


async def promised(harness: Harness, quantity: int = 100, *, days: int = 60, by: int = 40) -> OrderSnapshot:
    """A need in so many days, with its order promised for a day before."""
    need = harness.need(harness.item("CHAIN", "Cyclops", "Trey"), quantity, days=days)
    await harness.plan(need)
    return await harness.acknowledged(need.id, harness.line(10, (CHANGED, quantity, by)))


@pytest.mark.recorded("overdue")
async def test_what_does_not_come_is_reminded_of_then_asked_about_and_a_receipt_ends_it(harness: Harness) -> None:
    order = await promised(harness)

    await harness.skip_to(order.id, at(41, 0))
    await harness.registered(order.id, "delivery.overdue")
    assert harness.supplier.reminders == []
    await harness.skip_to(order.id, at(41, 8))
    await harness.registered(order.id, "delivery.reminded")
    await harness.until(lambda: harness.at_rest(order.id))
    assert harness.supplier.reminders == [order.order_number]
    assert (await harness.order_of(order.lines[0].requirement_id)).exception_id is None

    await harness.skip_to(order.id, exactly(43, 8))
    question = await harness.question(order)
    assert (question.proposal.kind, question.proposal.rule) == (ExceptionKind.OVERDUE, "R16")
    assert f"line 10: 100 EA for {today() + timedelta(days=40)}" in question.proposal.summary
    assert {way.choice for way in question.proposal.alternatives} == {Choice.WAIT, Choice.CANCEL}

    await harness.receive(order)
    assert await harness.ended(question.id) == "overtaken"
    assert await harness.ended(order.id) == "closed"


async def test_a_reminder_that_is_refused_is_not_recorded_as_sent(harness: Harness) -> None:
    order = await promised(harness)
    harness.supplier.failures = [Refused(system="cloud", code="no_reminders", reason="it sends none by its API")]
    await harness.skip_to(order.id, at(41, 8))
    await harness.registered(order.id, "reminder.refused")
    await harness.skip_to(order.id, exactly(43, 8))
    await harness.question(order)
    assert "delivery.reminded" not in await harness.kinds(order.id)


async def test_a_new_promise_ends_it_and_is_followed_in_turn(harness: Harness) -> None:
    order = await promised(harness)
    await harness.skip_to(order.id, exactly(43, 8))
    question = await harness.question(order)

    await harness.answer(order, harness.line(10, (CHANGED, 100, 50)))

    assert await harness.ended(question.id) == "overtaken"
    await harness.skip_to(order.id, at(51, 8))
    await harness.registered(order.id, "delivery.reminded", times=2)


async def test_a_buyer_who_waits_has_the_supplier_reminded_again_and_one_who_cancels_looks_elsewhere(
    harness: Harness,
) -> None:
    order = await promised(harness)
    requirement = order.lines[0].requirement_id
    await harness.skip_to(order.id, exactly(43, 8))
    await harness.decide(await harness.question(order), Choice.WAIT)
    await harness.order_until(order, lambda found: found.exception_id is None)

    await harness.skip_to(order.id, at(44, 8))
    await harness.registered(order.id, "delivery.reminded", times=2)
    await harness.skip_to(order.id, exactly(46, 8))
    await harness.decide(await harness.question(order), Choice.CANCEL)

    assert await harness.ended(order.id) == "cancelled"
    assert "cancelled by bea.buyer: overdue" in (await harness.short(requirement)).proposal.summary


async def test_the_need_is_tested_again_as_soon_as_the_promise_has_passed_and_on_every_working_day(
    harness: Harness,
) -> None:
    """In 60 days; 2 days of receipt: goods at the dock in 58 days are in time, in 59 they are not."""
    order = await promised(harness, by=56)
    requirement = order.lines[0].requirement_id
    await harness.skip_to(requirement, at(57, 0))
    await harness.skip_to(order.id, at(57, 0))
    await harness.registered(requirement, "coverage.changed", times=2)
    assert (await harness.requirement(requirement)).exception_id is None, "they can be there today, in time"

    await harness.skip_to(requirement, at(58, 0))
    assert (await harness.requirement(requirement)).exception_id is None
    await harness.skip_to(requirement, exactly(59, 0))

    question = await harness.short(requirement)
    assert (question.proposal.short_quantity, question.proposal.working_days_late) == (Decimal(100), 1)
    await harness.decide(question, Choice.ACCEPT)
    await harness.requirement_until(requirement, lambda found: found.exception_id is None)
    await harness.skip_to(requirement, at(61, 0))
    assert (await harness.requirement(requirement)).exception_id is None, "accepted until in 61 days"
    await harness.skip_to(requirement, exactly(62, 0))
    assert (await harness.short(requirement)).proposal.working_days_late == 4


# -- without a server


def acknowledged(*days: int) -> OrderState:
    """100 chains confirmed in equal parts for these days of June, 60 bells as requested."""
    state = sent_order()
    parts = [(TO_ANOTHER_DAY, 100 // len(days), day) for day in days]
    take(state, an_answer(1, statement(10, *parts), statement(20, (TO_ANOTHER_DAY, 60, 20))), unnoted, june(1))
    return state


def chains(state: OrderState) -> Line:
    return state.lines[0]


def test_a_line_is_due_on_its_first_open_date() -> None:
    state = acknowledged(8, 15)
    assert chains(state).due_on == june(8)
    take(state, GoodsReceived(receipts=(a_receipt("GR-1", 10, 50, 8),)), unnoted, june(8))
    assert chains(state).due_on == june(15)
    take(state, GoodsReceived(receipts=(a_receipt("GR-2", 10, 50, 9),)), unnoted, june(9))
    assert chains(state).due_on is None


def test_every_requirement_on_an_overdue_line_hears_of_it_even_if_it_gets_what_it_requested() -> None:
    state = acknowledged(20)
    assert changes_to_report(state, june(1)) == []
    state.lines[1].reach_overdue(june(20), OverdueStep.TEST_AGAIN)
    [(requirement, told)] = changes_to_report(state, june(23))
    assert (requirement, told.overdue_since) == (BELL, june(20))
    assert [(part.quantity, part.date) for part in told.schedule_lines] == [(Decimal(60), june(20))]


def test_a_part_that_came_leaves_the_rest_overdue_and_a_later_part_is_not_asked_about() -> None:
    state = acknowledged(8, 15)
    take(state, GoodsReceived(receipts=(a_receipt("GR-1", 10, 20, 8),)), unnoted, june(8))
    chains(state).reach_overdue(june(8), OverdueStep.ASK_BUYER)
    chains(state).follow_date()
    asked = questions(state, june(11), answer_overdue=False)["overdue"]
    assert "line 10: 30 EA for 2026-06-08" in asked.summary


@pytest.mark.parametrize(("year", "unclear"), [(2026, False), (2025, True)])
def test_a_promise_of_last_year_is_asked_about_and_covers_nothing(year: int, unclear: bool) -> None:
    state = sent_order()
    said = statement(10, (TO_ANOTHER_DAY, 100, 20))
    [part] = said.schedule_lines
    assert part.date is not None
    said = said.model_copy(update={"schedule_lines": (part.model_copy(update={"date": part.date.replace(year=year)}),)})
    take(state, an_answer(1, said), unnoted, june(1))
    assert (10 in state.unclear) is unclear
    assert chains(state).awaited is unclear
    assert ("no_answer" in questions(state, june(1), answer_overdue=False)) is unclear


def test_what_the_supplier_says_once_more_of_what_came_is_no_old_promise() -> None:
    state = acknowledged(8)
    take(state, GoodsReceived(receipts=(a_receipt("GR-1", 10, 60, 8),)), unnoted, june(8))
    again = statement(10, (TO_ANOTHER_DAY, 60, 8), (TO_ANOTHER_DAY, 40, 25))
    take(state, an_answer(240, again), unnoted, june(11))
    assert state.unclear == {}
    still = [(int(part.quantity), part.date, part.state) for part in chains(state).supply]
    assert still == [
        (60, june(8), ScheduleLineState.RECEIVED),
        (40, june(25), ScheduleLineState.CONFIRMED),
    ]
    assert state.stage is OrderStage.SENT
    assert chains(state).serves(CHAIN)
    assert chains(state).quantity == Decimal(100)


def test_a_promised_moment_is_for_the_day_that_it_is_at_the_plant() -> None:
    """02:00 in Greenwich on the 20th is the evening of the 19th in Los Angeles."""
    state = sent_order()
    west = state.policy.calendar.model_copy(update={"zone": "America/Los_Angeles"})
    state.policy = state.policy.model_copy(update={"calendar": west})
    said = statement(10, (TO_ANOTHER_DAY, 100, 20))
    moment = dt.datetime(2026, 6, 20, 2, tzinfo=dt.UTC)
    [part] = said.schedule_lines
    said = said.model_copy(update={"schedule_lines": (part.model_copy(update={"at": moment}),)})
    take(state, an_answer(1, said), unnoted, june(1))
    assert [part.date for part in chains(state).promised] == [june(19)]


def test_an_order_is_dated_by_the_day_at_its_plant() -> None:
    before, opened = sent_order(), dt.datetime(2026, 6, 9, 1, 55, tzinfo=dt.UTC)
    west = before.policy.calendar.model_copy(update={"zone": "America/Los_Angeles"})
    policy = before.policy.model_copy(update={"calendar": west})
    message = OrderOpened(
        order_id=before.id, terms=before.terms, source=before.source, policy=policy, correlation_id="c"
    )
    assert OrderState.of(message, opened).order_date == june(8)
