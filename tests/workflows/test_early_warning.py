"""Promises that are likely to be missed: asked about once, before they are late (R17)."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

import pytest

from canonical.exception import Choice, Decision, ExceptionDecided, ExceptionKind
from canonical.identity import exception_id
from canonical.messages import GoodsReceived, PromisesRated, RatedPromise
from canonical.policy import PromiseRules
from tests.decisions.models import june
from tests.workflows.arrivals import NOW, unnoted
from tests.workflows.harness import CHANGED, Harness, today
from tests.workflows.order_harness import CHANGED as TO_ANOTHER_DAY
from tests.workflows.order_harness import ORDER, a_receipt, an_answer, sent_order, statement
from workflows.memory import OpenQuestion
from workflows.purchase_order.questions import questions, settle_decisions
from workflows.purchase_order.state import OrderState
from workflows.purchase_order.workflow import take

LIMIT = PromiseRules(warn_above=Decimal("0.3"))


def confirmed(day: int = 20) -> OrderState:
    """100 chains and 60 bells are confirmed for a day of June; the plant wants to be warned above 30 %."""
    state = sent_order()
    state.policy = state.policy.model_copy(update={"promises": LIMIT})
    take(state, an_answer(1, *(statement(n, (TO_ANOTHER_DAY, q, day)) for n, q in ((10, 100), (20, 60)))), unnoted, DAY)
    return state


DAY = june(1)


def rate(state: OrderState, *risks: tuple[int, str], day: int = 20) -> None:
    """Lines, and the chances that they are missed."""
    promises = tuple(
        RatedPromise(line=line, promised_on=june(day), demand=f"SO-{line}", missing=Decimal(chance), why="as learned")
        for line, chance in risks
    )
    take(state, PromisesRated(promises=promises, rated_at=NOW), unnoted, DAY)


def asked(state: OrderState, today: dt.date = DAY) -> str:
    """The question; empty: there is none."""
    found = questions(state, today, answer_overdue=False).get("at_risk")
    return found.summary if found is not None else ""


def decide(state: OrderState, choice: Choice) -> None:
    proposal = questions(state, DAY, answer_overdue=False)["at_risk"]
    identity = exception_id(ORDER, 1)
    state.questions["at_risk"] = OpenQuestion(id=identity, kind=proposal.kind, digest=proposal.digest)
    decision = Decision(
        event_id="d", digest=proposal.digest, choice=choice, decided_by="bea", comment="late again", decided_at=NOW
    )
    take(state, ExceptionDecided(exception_id=identity, digest=proposal.digest, decision=decision), unnoted, DAY)
    settle_decisions(state, unnoted, NOW)


def test_an_order_asks_once_about_all_its_lines_that_are_above_the_limit() -> None:
    state = confirmed()
    rate(state, (10, "0.30"), (20, "0.41"))
    question = asked(state)
    assert "line 20: 41 % that SO-20 is missed by the 60 EA promised for 2026-06-20" in question
    assert "line 10" not in question
    proposal = questions(state, DAY, answer_overdue=False)["at_risk"]
    assert (proposal.kind, proposal.rule) == (ExceptionKind.EARLY_WARNING, "R17")
    assert proposal.reasons[0].thresholds == {"promises.warn_above": "0.3"}
    rate(state, (20, "0.25"))
    rate(state, (20, "0.6"))
    assert asked(state) == question, "a small change asks nothing anew"
    rate(state, (20, "0.24"))
    assert asked(state) == ""


def test_nobody_is_asked_where_the_plant_does_not_say_so() -> None:
    state = confirmed()
    state.policy = state.policy.model_copy(update={"promises": PromiseRules()})
    rate(state, (10, "0.99"))
    assert (asked(state), state.at_risk) == ("", {})


def another_day(state: OrderState) -> None:
    take(state, an_answer(2, statement(10, (TO_ANOTHER_DAY, 100, 25))), unnoted, DAY)


def receipt(state: OrderState) -> None:
    take(state, GoodsReceived(receipts=(a_receipt("GR-1", 10, 100, 2),)), unnoted, DAY)


@pytest.mark.parametrize("ends", [another_day, receipt])
def test_a_question_goes_where_the_goods_come_or_another_day_is_promised(ends: object) -> None:
    state = confirmed()
    rate(state, (10, "0.5"))
    assert asked(state)
    assert callable(ends)
    ends(state)
    assert asked(state) == ""
    rate(state, (10, "0.5"))
    assert asked(state) == "", "a rating of the former promise says nothing of this one"


def test_once_the_day_has_passed_it_is_overdue_and_no_warning() -> None:
    state = confirmed()
    rate(state, (10, "0.5"))
    assert asked(state, june(20))
    assert not asked(state, june(21))


def test_whoever_takes_the_risk_is_not_asked_again_and_whoever_cancels_frees_the_need() -> None:
    state = confirmed()
    rate(state, (10, "0.5"))
    decide(state, Choice.WAIT)
    rate(state, (10, "0.7"))
    assert asked(state) == ""
    rate(state, (10, "0.7"), (20, "0.7"))
    assert "line 20" in asked(state)
    assert "line 10" not in asked(state)
    decide(state, Choice.CANCEL)
    assert [line.cancelled for line in state.lines] == [False, True]


def rated(line: int, promised_on: dt.date, chance: str) -> Iterable[RatedPromise]:
    yield RatedPromise(line=line, promised_on=promised_on, demand="SO-1", missing=Decimal(chance), why="as learned")


@pytest.mark.recorded("early_warning")
async def test_a_buyer_is_warned_of_a_promise_and_a_receipt_ends_it(harness: Harness) -> None:
    warned = harness.policy.model_copy(update={"promises": LIMIT, "version": "warned"})
    harness.policies.by_plant[warned.plant] = warned
    need = harness.need(harness.item("CHAIN", "Cyclops", "Trey"), 100, days=60)
    await harness.plan(need)
    order = await harness.acknowledged(need.id, harness.line(10, (CHANGED, 100, 40)))
    message = PromisesRated(
        promises=(*rated(10, today() + dt.timedelta(days=40), "0.41"),), rated_at=dt.datetime.now(dt.UTC)
    )
    await harness.entities.rate_promises(order.id, message)
    question = await harness.question(order)
    assert question.proposal.kind is ExceptionKind.EARLY_WARNING
    assert {way.choice for way in question.proposal.alternatives} == {Choice.WAIT, Choice.CANCEL}
    await harness.registered(order.id, "promise.risky")
    await harness.receive(order)
    assert await harness.ended(question.id) == "overtaken"
    assert await harness.ended(order.id) == "closed"
