"""Whatever order the messages of plans and orders arrive in, however often, a requirement ends in the same state."""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from canonical.exception import Choice, Decision, ExceptionDecided
from canonical.identity import ExceptionId
from canonical.supply import ScheduleLineState
from tests.workflows.arrivals import NOW, arrivals, unnoted
from tests.workflows.requirement_harness import a_plan, a_statement, a_withdrawal, covered_requirement, from_stock
from workflows.material_requirement import messages as requirement_messages
from workflows.material_requirement.messages import judge_need

OVERTAKEN = ExceptionDecided(
    exception_id=ExceptionId("exception/long-gone"),
    digest="0" * 16,
    decision=Decision(event_id="d1", digest="0" * 16, choice=Choice.ACCEPT, decided_by="bea.buyer", decided_at=NOW),
)
STATEMENTS = [
    a_statement("order/A", 1, 600, 20, ScheduleLineState.CONFIRMED),
    a_statement("order/A", 2, 600, 24, ScheduleLineState.CONFIRMED),
    a_statement("order/A", 3, 600, 23, ScheduleLineState.RECEIVED),
    a_statement("order/B", 1, 400, 30, ScheduleLineState.BACKORDERED),
    a_statement("order/B", 2, 400, 21, ScheduleLineState.CONFIRMED),
    a_statement("order/C", 1, 999, 21, ScheduleLineState.CONFIRMED),
    OVERTAKEN,
]
PLANS = [a_plan(2, 1200, 15), a_plan(3, 500, 15), a_plan(5, 2000, 29)]
"""Each far enough from all others to be acted on: what is suppressed (R4) depends on what was acted on, by intent."""


def requirement_after(messages: Sequence[Any], *, all_at_once: bool = False) -> dict[str, Any]:
    """What each message leads to where they come one by one; `all_at_once`: where the worker finds them together."""
    state = covered_requirement()
    for message in messages:
        requirement_messages.take(state, message, unnoted)
        if not all_at_once:
            judge_need(state, unnoted)
    judge_need(state, unnoted)
    return {
        "revision": state.need.revision,
        "need": None if state.withdrawn else state.need,
        "withdrawn": state.withdrawn,
        "acted_on": None if state.withdrawn else state.acted_on,
        "correlation_id": None if state.withdrawn else state.correlation_id,
        "coverages": state.coverages,
        "received": state.received,
        "from_stock": state.from_stock,
        "decision": state.decision,
    }


def ends_alike(all_reported: Sequence[Any]) -> Callable[[], None]:
    """The requirement ends in the same state for every order and repetition of its messages."""

    @given(arrivals(all_reported), st.booleans())
    def check(messages: list[Any], all_at_once: bool) -> None:
        assert requirement_after(messages, all_at_once=all_at_once) == requirement_after(all_reported)

    return check


def test_a_requirement_ends_in_the_same_state_whatever_order_plans_and_orders_speak_in() -> None:
    ends_alike([*STATEMENTS, *PLANS, a_withdrawal(4)])()
    after = requirement_after([*STATEMENTS, *PLANS, a_withdrawal(4)])
    assert after["need"].quantity == 2000
    assert after["withdrawn"] is False
    assert after["received"] == 600


def test_a_requirement_that_was_withdrawn_last_is_withdrawn_whatever_comes_after() -> None:
    ends_alike([*STATEMENTS, *PLANS, a_withdrawal(6)])()
    assert requirement_after([*PLANS, a_withdrawal(6)])["withdrawn"]


def test_the_newest_stock_figure_holds_unless_a_later_plan_has_netted_it() -> None:
    stock = [from_stock(1, 300, 1), from_stock(2, 200, 2)]
    before, after = a_plan(2, 1200, 15, hour=1), a_plan(3, 500, 15, hour=3)
    ends_alike([*STATEMENTS, *stock, before])()
    assert requirement_after([*stock, before])["from_stock"] == 200
    ends_alike([*STATEMENTS, *stock, before, after])()
    assert requirement_after([*stock, before, after])["from_stock"] == 0
