"""Whatever order plans and orders speak in, however often, a requirement ends in the same state."""

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from canonical.exception import Choice, Decision, ExceptionDecided
from canonical.identity import ExceptionId, OrderId
from canonical.messages import RequirementOpened, RequirementWithdrawn, StockAllocated
from canonical.need import Withdrawal
from canonical.sourcing import Assessment
from canonical.supply import CoverageChanged, OrderCoverage, ScheduleLine, ScheduleLineState
from tests.decisions.models import a_need, a_revision, a_source, an_item, june
from tests.workflows.arrivals import NOW, POLICY, a_request, arrivals, unnoted
from workflows.material_requirement import messages as requirement_messages
from workflows.material_requirement.messages import judge_need
from workflows.material_requirement.state import RequirementState


def covered_requirement() -> RequirementState:
    """1,000 bottom brackets, wanted of two orders, with a question open."""
    state = RequirementState.of(RequirementOpened(need=a_need(), correlation_id="c"))
    state.assessment = Assessment(item=an_item(a_source()), policy=POLICY)
    state.covered_revision = state.acted_on.revision.rank
    state.coverages = [
        OrderCoverage(order_id=OrderId(order), supplier="1580", request=a_request(state.id, revision, quantity))
        for revision, (order, quantity) in enumerate((("order/A", 600), ("order/B", 400)), 1)
    ]
    return state


def a_plan(version: int, quantity: int, day: int, hour: int = 0) -> RequirementOpened:
    """`hour`: after the others'."""
    revision = a_revision(version, event_id=f"p{version}")
    revision = revision.model_copy(update={"effective_at": revision.effective_at + dt.timedelta(hours=hour)})
    need = a_need(quantity=Decimal(quantity), required_date=june(day), revision=revision)
    return RequirementOpened(need=need, correlation_id=f"plan-{version}")


def a_withdrawal(version: int) -> RequirementWithdrawn:
    need = a_need()
    return RequirementWithdrawn(
        withdrawal=Withdrawal(
            plant=need.plant,
            item=need.item,
            source=need.source,
            demand_reference=need.demand_reference,
            revision=a_revision(version, event_id=f"w{version}"),
        )
    )


def a_statement(order: str, sequence: int, quantity: int, day: int, state: ScheduleLineState) -> CoverageChanged:
    return CoverageChanged(
        order_id=OrderId(order),
        sequence=sequence,
        as_of=NOW + dt.timedelta(days=sequence),
        supplier="1580",
        request_revision=sequence,
        schedule_lines=(ScheduleLine(quantity=Decimal(quantity), date=june(day), state=state),),
        closed=state is ScheduleLineState.RECEIVED,
    )


def from_stock(revision: int, quantity: int, hour: int) -> StockAllocated:
    reported_at = a_revision(1).effective_at + dt.timedelta(hours=hour)
    return StockAllocated(quantity=Decimal(quantity), unit="EA", reported_at=reported_at, revision=revision, as_of=NOW)


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
    """The requirement ends in the same state for every order and repetition of what it is told."""

    @given(arrivals(all_reported), st.booleans())
    def check(messages: list[Any], all_at_once: bool) -> None:
        assert requirement_after(messages, all_at_once=all_at_once) == requirement_after(all_reported)

    return check


def test_a_requirement_ends_in_the_same_state_whatever_order_plans_and_orders_speak_in() -> None:
    ends_alike([*STATEMENTS, *PLANS, a_withdrawal(4)])()
    after = requirement_after([*STATEMENTS, *PLANS, a_withdrawal(4)])
    assert (after["need"].quantity, after["withdrawn"], after["received"]) == (2000, False, 600)


def test_a_requirement_that_was_withdrawn_last_is_withdrawn_whatever_comes_after() -> None:
    ends_alike([*STATEMENTS, *PLANS, a_withdrawal(6)])()
    assert requirement_after([*PLANS, a_withdrawal(6)])["withdrawn"]


def test_what_is_met_from_stock_is_what_the_newest_figure_says_unless_a_later_plan_has_netted_it() -> None:
    stock = [from_stock(1, 300, 1), from_stock(2, 200, 2)]
    before, after = a_plan(2, 1200, 15, hour=1), a_plan(3, 500, 15, hour=3)
    ends_alike([*STATEMENTS, *stock, before])()
    assert requirement_after([*stock, before])["from_stock"] == 200
    ends_alike([*STATEMENTS, *stock, before, after])()
    assert requirement_after([*stock, before, after])["from_stock"] == 0
