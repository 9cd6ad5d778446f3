"""Suppliers answer twice, late, of lines that do not exist, in words that can't be read, and at other prices."""

from datetime import timedelta
from decimal import Decimal

import pytest

from canonical.exception import Choice, DecisionRefused, ExceptionKind
from canonical.need import Peg
from canonical.order import LineOutcome
from canonical.policy import Tolerance
from tests.workflows.conftest import MakeWorld
from tests.workflows.world import ACCEPTED, CHANGED, World, today


async def test_the_same_answer_twice_is_one_answer(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.sent(requirement)
    answered = await world.answer(order)
    await world.settled(order)
    writes, reports = list(world.erp.writes), world.aps.reports

    await world.entities.answer_order(order.id, answered)

    await world.noted(order.id, "answer.repeat")
    assert (world.erp.writes, world.aps.reports) == (writes, reports)


async def test_an_answer_to_an_old_revision_changes_nothing(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    requirement = await world.plan(need)
    order = await world.sent(requirement)
    await world.replan(need, 2, quantity=150)
    changed = await world.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")

    await world.answer(changed, world.line(10, (ACCEPTED, 100, 58)), revision=1)
    await world.noted(order.id, "answer.stale")
    assert (await world.order_of(requirement)).stage == "sent"

    await world.answer(changed)
    await world.settled(order)
    assert world.schedule_in_erp(order) == [(150, 150, 58)]


async def test_an_answer_to_a_revision_never_sent_changes_nothing(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.sent(requirement)
    await world.answer(order, revision=7)
    await world.noted(order.id, "answer.unknown_revision")
    assert (await world.order_of(requirement)).stage == "sent"


async def test_an_answer_for_a_line_that_the_order_does_not_have_is_put_to_the_buyer(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.sent(requirement)
    await world.answer(order, world.line(10, (ACCEPTED, 100, 58)), world.line(90, (ACCEPTED, 5, 58)))

    question = await world.question(order)
    assert question.proposal.kind is ExceptionKind.NO_ANSWER
    assert "line 90: the answer names a line that the order does not have" in question.proposal.summary
    assert (await world.order_of(requirement)).stage == "acknowledged", "what could be read is taken"

    await world.decide(question, Choice.WAIT)
    await world.order_until(order, lambda found: found.exception_id is None)


async def test_an_answer_that_would_have_to_be_guessed_is_put_to_the_buyer_until_a_clear_one_comes(
    world: World,
) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.sent(requirement)
    await world.answer(order, world.line(10, (LineOutcome.SUBSTITUTED, 100, 58)))

    question = await world.question(order)
    assert "a substitute" in question.proposal.summary
    assert (await world.order_of(requirement)).stage == "sent"

    await world.answer(order)
    assert await world.ended(question.id) == "overtaken"
    await world.settled(order)


async def test_a_price_outside_the_tolerance_is_taken_where_the_buyer_approves(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement, world.line(10, (ACCEPTED, 100, 58), price="2.10"))
    question = await world.question(order)
    assert (question.proposal.kind, question.proposal.rule) == (ExceptionKind.CHANGE_PROPOSAL, "R8")
    assert "price 2.10 instead of 2.00" in question.proposal.summary

    await world.decide(question, Choice.APPROVE)

    settled = await world.order_until(order, lambda found: found.exception_id is None)
    assert (settled.stage, settled.revision) == ("acknowledged", 1)


async def test_a_price_outside_the_tolerance_that_is_declined_sends_the_order_once_more_as_it_was(
    world: World,
) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement, world.line(10, (ACCEPTED, 100, 58), price="2.10"))
    await world.decide(await world.question(order), Choice.DECLINE)

    restated = await world.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    sent = world.supplier.sent[order.order_number or ""][-1]
    assert (str(sent.lines[0].price), sent.changed_lines) == ("2.00", (10,))
    await world.answer(restated, world.line(10, (ACCEPTED, 100, 58), price="2.00"))
    settled = await world.settled(order)
    assert settled.exception_id is None


async def test_a_price_that_the_supplier_corrects_by_itself_asks_nobody_any_more(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement, world.line(10, (ACCEPTED, 100, 58), price="2.10"))
    question = await world.question(order)

    await world.answer(order, world.line(10, (ACCEPTED, 100, 58), price="2.00"))

    assert await world.ended(question.id) == "overtaken"


async def test_a_price_question_ends_with_the_order_that_it_is_about(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement, world.line(10, (ACCEPTED, 100, 58), price="2.10"))
    question = await world.question(order)

    await world.receive(order)

    assert await world.ended(order.id) == "closed"
    assert await world.ended(question.id) == "overtaken"
    with pytest.raises(DecisionRefused) as refused:
        await world.decide(question, Choice.DECLINE)
    assert refused.value.code == "already_decided"


async def test_a_later_date_outside_the_tolerance_is_a_question_even_where_it_harms_no_need(
    make_world: MakeWorld,
) -> None:
    world = await make_world(tolerance=Tolerance(later_working_days=3))
    ids = []
    for item in ("CHAIN", "BELL"):
        peg = Peg(demand="BIKE-1", quantity=Decimal(100), date=today() + timedelta(days=90))
        ids.append(await world.plan(world.need(world.item(item, "Cyclops"), days=60, pegging=(peg,))))
        await world.ordered(ids[-1])
    order = await world.acknowledged(ids[0], world.line(10, (CHANGED, 100, 61)), world.line(20, (CHANGED, 100, 62)))
    question = await world.question(order)
    assert "line 20: date" in question.proposal.summary
    assert "line 10" not in question.proposal.summary


async def test_a_price_for_another_number_of_pieces_is_compared_as_it_is_meant(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.sent(requirement)
    said = world.line(10, (ACCEPTED, 100, 58), price="200.00").model_copy(update={"price_unit": Decimal(100)})

    await world.answer(order, said)

    assert (await world.settled(order)).exception_id is None


async def test_an_answer_in_another_currency_is_a_question_about_the_currency(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.sent(requirement)
    answered = world.an_answer(order, world.line(10, (ACCEPTED, 100, 58), price="1.50"))
    in_euros = answered.answer.model_copy(update={"currency": "EUR"})

    await world.entities.answer_order(order.id, answered.model_copy(update={"answer": in_euros}))

    question = await world.question(order)
    assert "line 10: currency EUR instead of USD" in question.proposal.summary
    assert [reason.rule for reason in question.proposal.reasons] == ["R8"]
