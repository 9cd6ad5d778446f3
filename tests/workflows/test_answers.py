"""Suppliers answer twice, late, of lines that do not exist, in words that can't be read, and at other prices."""

from datetime import timedelta
from decimal import Decimal

import pytest

from canonical.exception import Choice, DecisionRefused, ExceptionKind
from canonical.need import Peg
from canonical.order import AnswerOutcome
from canonical.policy import Tolerance
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import ACCEPTED, CHANGED, Harness, today


async def test_the_same_answer_twice_is_one_answer(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    answered = await harness.answer(order)
    await harness.settled(order)
    writes, reports = list(harness.erp.writes), harness.aps.reports

    await harness.entities.answer_order(order.id, answered)

    await harness.registered(order.id, "answer.repeat")
    assert (harness.erp.writes, harness.aps.reports) == (writes, reports)


async def test_an_answer_to_an_old_revision_changes_nothing(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)
    await harness.replan(need, 2, quantity=150)
    changed = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")

    await harness.answer(changed, harness.line(10, (ACCEPTED, 100, 58)), revision=1)
    await harness.registered(order.id, "answer.stale")
    assert (await harness.order_of(requirement)).stage == "sent"

    await harness.answer(changed)
    await harness.settled(order)
    assert harness.schedule_in_erp(order) == [(150, 150, 58)]


async def test_an_answer_to_a_revision_never_sent_changes_nothing(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    await harness.answer(order, revision=7)
    await harness.registered(order.id, "answer.unknown_revision")
    assert (await harness.order_of(requirement)).stage == "sent"


async def test_an_answer_for_a_line_that_the_order_does_not_have_is_put_to_the_buyer(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    await harness.answer(order, harness.line(10, (ACCEPTED, 100, 58)), harness.line(90, (ACCEPTED, 5, 58)))

    question = await harness.question(order)
    assert question.proposal.kind is ExceptionKind.NO_ANSWER
    assert "line 90: the answer names a line that the order does not have" in question.proposal.summary
    assert (await harness.order_of(requirement)).stage == "acknowledged", "what could be read is taken"

    await harness.decide(question, Choice.WAIT)
    await harness.order_until(order, lambda found: found.exception_id is None)


async def test_an_answer_that_would_have_to_be_guessed_is_put_to_the_buyer_until_a_clear_one_comes(
    harness: Harness,
) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    await harness.answer(order, harness.line(10, (AnswerOutcome.SUBSTITUTED, 100, 58)))

    question = await harness.question(order)
    assert "a substitute" in question.proposal.summary
    assert (await harness.order_of(requirement)).stage == "sent"

    await harness.answer(order)
    assert await harness.ended(question.id) == "overtaken"
    await harness.settled(order)


async def test_a_price_outside_the_tolerance_is_taken_where_the_buyer_approves(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement, harness.line(10, (ACCEPTED, 100, 58), price="2.10"))
    question = await harness.question(order)
    assert (question.proposal.kind, question.proposal.rule) == (ExceptionKind.CHANGE_PROPOSAL, "R8")
    assert "price 2.10 instead of 2.00" in question.proposal.summary

    await harness.decide(question, Choice.APPROVE)

    settled = await harness.order_until(order, lambda found: found.exception_id is None)
    assert settled.stage == "acknowledged"
    assert settled.revision == 1


async def test_a_price_outside_the_tolerance_that_is_declined_sends_the_order_once_more_as_it_was(
    harness: Harness,
) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement, harness.line(10, (ACCEPTED, 100, 58), price="2.10"))
    await harness.decide(await harness.question(order), Choice.DECLINE)

    restated = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    sent = harness.supplier.sent[order.order_number or ""][-1]
    assert str(sent.lines[0].price) == "2.00"
    assert sent.changed_lines == (10,)
    await harness.answer(restated, harness.line(10, (ACCEPTED, 100, 58), price="2.00"))
    settled = await harness.settled(order)
    assert settled.exception_id is None


async def test_a_price_that_the_supplier_corrects_by_itself_asks_nobody_any_more(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement, harness.line(10, (ACCEPTED, 100, 58), price="2.10"))
    question = await harness.question(order)

    await harness.answer(order, harness.line(10, (ACCEPTED, 100, 58), price="2.00"))

    assert await harness.ended(question.id) == "overtaken"


async def test_a_price_question_ends_with_the_order_that_it_is_about(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement, harness.line(10, (ACCEPTED, 100, 58), price="2.10"))
    question = await harness.question(order)

    await harness.receive(order)

    assert await harness.ended(order.id) == "closed"
    assert await harness.ended(question.id) == "overtaken"
    with pytest.raises(DecisionRefused) as refused:
        await harness.decide(question, Choice.DECLINE)
    assert refused.value.code == "already_decided"


async def test_a_later_date_outside_the_tolerance_is_a_question_even_where_it_harms_no_need(
    make_harness: MakeHarness,
) -> None:
    harness = await make_harness(tolerance=Tolerance(later_working_days=3))
    ids = []
    for item in ("CHAIN", "BELL"):
        peg = Peg(demand="BIKE-1", quantity=Decimal(100), date=today() + timedelta(days=90))
        ids.append(await harness.plan(harness.need(harness.item(item, "Cyclops"), days=60, pegging=(peg,))))
        await harness.ordered(ids[-1])
    order = await harness.acknowledged(
        ids[0], harness.line(10, (CHANGED, 100, 61)), harness.line(20, (CHANGED, 100, 62))
    )
    question = await harness.question(order)
    assert "line 20: date" in question.proposal.summary
    assert "line 10" not in question.proposal.summary


async def test_a_price_for_another_number_of_pieces_is_compared_as_it_is_meant(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    statement = harness.line(10, (ACCEPTED, 100, 58), price="200.00").model_copy(update={"price_unit": Decimal(100)})

    await harness.answer(order, statement)

    assert (await harness.settled(order)).exception_id is None


async def test_an_answer_in_another_currency_is_a_question_about_the_currency(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    answered = harness.an_answer(order, harness.line(10, (ACCEPTED, 100, 58), price="1.50"))
    in_euros = answered.answer.model_copy(update={"currency": "EUR"})

    await harness.entities.answer_order(order.id, answered.model_copy(update={"answer": in_euros}))

    question = await harness.question(order)
    assert "line 10: currency EUR instead of USD" in question.proposal.summary
    assert [reason.rule for reason in question.proposal.reasons] == ["R8"]
