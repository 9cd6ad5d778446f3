import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.records import OrderStage
from decisions.order_change import (
    ChangeSent,
    FloorAndReorder,
    FrozenChange,
    LineChangeOutcome,
    LineState,
    LineUnchanged,
    ProposeChange,
    Reorder,
    UpdateUnsent,
    change_reason,
    judge_line_change,
)
from tests.decisions.models import WEEKDAYS, june, numbers

DOCK = june(30)
FIRST_OF_JUNE = june(1)


def judged(
    state: LineState,
    current: int | Decimal = 1000,
    requested: int | Decimal = 1200,
    *,
    requested_date: dt.date = DOCK,
    today: dt.date = FIRST_OF_JUNE,
    approved: bool = False,
) -> LineChangeOutcome:
    return judge_line_change(
        state,
        Decimal(current),
        DOCK,
        Decimal(requested),
        requested_date,
        today=today,
        frozen_zone_days=5,
        calendar=WEEKDAYS,
        approved=approved,
    )


ACKNOWLEDGED = LineState(OrderStage.ACKNOWLEDGED, answered=True)


def test_r3_acknowledged_1000_of_which_400_shipped_new_need_300_is_cut_to_400_with_surplus_100() -> None:
    """Acknowledged 1,000, of which 400 shipped; new need 300 → floor 400: cut to 400, surplus 100 reported."""
    outcome = judged(ACKNOWLEDGED._replace(in_transit=Decimal(400)), 1000, 300)
    assert isinstance(outcome, FloorAndReorder)
    assert (outcome.floor, outcome.new_quantity, outcome.surplus, outcome.open_quantity) == numbers(400, 400, 100, 0)
    assert outcome.why == "400 is shipped or received; cut to 400, surplus 100"


@pytest.mark.parametrize("stage", [OrderStage.CONSOLIDATING, OrderStage.PLACING, OrderStage.UNSENT])
def test_a_requisition_or_an_order_not_yet_sent_is_updated(stage: OrderStage) -> None:
    assert isinstance(judged(LineState(stage)), UpdateUnsent)


def test_an_order_sent_and_not_acknowledged_gets_a_change_order() -> None:
    assert isinstance(judged(LineState(OrderStage.SENT)), ChangeSent)


@pytest.mark.parametrize(
    "state", [ACKNOWLEDGED, LineState(OrderStage.SENT, answered=True), LineState(OrderStage.DELIVERING)]
)
def test_an_acknowledged_line_outside_the_fence_is_proposed(state: LineState) -> None:
    assert isinstance(judged(state), ProposeChange)


def test_the_fence_is_counted_in_working_days_and_the_day_at_the_fence_is_inside() -> None:
    assert isinstance(judged(ACKNOWLEDGED, today=june(22)), ProposeChange)
    outcome = judged(ACKNOWLEDGED, today=june(23))
    assert isinstance(outcome, FrozenChange)
    assert outcome.reason == "delivery on 2026-06-30 is inside the frozen zone of 5 working days"


def test_what_a_person_decided_is_neither_proposed_nor_frozen() -> None:
    assert isinstance(judged(ACKNOWLEDGED, approved=True), ChangeSent)
    assert isinstance(judged(ACKNOWLEDGED, today=june(29), approved=True), ChangeSent)


def test_a_line_that_a_buyer_edited_is_never_overwritten_unasked() -> None:
    for stage in (OrderStage.UNSENT, OrderStage.SENT):
        edited = LineState(stage, edited_by_buyer=True)
        assert isinstance(judged(edited), ProposeChange)
    assert isinstance(judged(LineState(OrderStage.UNSENT, edited_by_buyer=True), approved=True), UpdateUnsent)
    delivering = LineState(OrderStage.DELIVERING, answered=True, received=Decimal(10), edited_by_buyer=True)
    assert isinstance(judged(delivering), ProposeChange)
    assert isinstance(judged(delivering, approved=True), FloorAndReorder)
    near = judged(ACKNOWLEDGED._replace(edited_by_buyer=True), today=june(29))
    assert isinstance(near, ProposeChange)
    assert near.over_edit, "whatever its value, a person is asked"


def test_the_reason_names_what_was_compared_and_the_fence() -> None:
    state, today = ACKNOWLEDGED._replace(in_transit=Decimal(400)), june(22)
    outcome = judged(state, 1000, 300, today=today)
    reason = change_reason(
        outcome,
        state,
        (Decimal(1000), DOCK),
        (Decimal(300), june(26)),
        today=today,
        frozen_zone_days=5,
        calendar=WEEKDAYS,
        policy_version="v1",
    )
    assert (reason.rule, reason.why, reason.policy_version) == (
        "R3",
        "400 is shipped or received; cut to 400, surplus 100",
        "v1",
    )
    assert reason.inputs == {
        "stage": "acknowledged",
        "acknowledged": True,
        "shipped": "400",
        "received": "0",
        "edited_by_buyer": False,
        "quantity": "1000",
        "delivery_date": "2026-06-30",
        "requested_quantity": "300",
        "requested_date": "2026-06-26",
        "working_days_to_delivery": 6,
    }
    assert reason.thresholds == {"frozen_zone_days": 5}


def test_an_increase_of_a_line_under_way_leaves_an_open_quantity() -> None:
    outcome = judged(LineState(OrderStage.DELIVERING, True, Decimal(300), Decimal(100)), 1000, 1200)
    assert isinstance(outcome, FloorAndReorder)
    assert (outcome.floor, outcome.new_quantity, outcome.surplus, outcome.open_quantity) == numbers(400, 1000, 0, 200)


def test_a_cut_above_the_floor_leaves_no_surplus() -> None:
    outcome = judged(ACKNOWLEDGED._replace(in_transit=Decimal(400)), 1000, 700)
    assert isinstance(outcome, FloorAndReorder)
    assert (outcome.new_quantity, outcome.surplus, outcome.open_quantity) == numbers(700, 0, 0)


def test_a_line_that_was_overdelivered_is_not_raised_to_what_came() -> None:
    outcome = judged(LineState(OrderStage.DELIVERING, True, received=Decimal(1050)), 1000, 900)
    assert isinstance(outcome, FloorAndReorder)
    assert (outcome.new_quantity, outcome.surplus, outcome.open_quantity) == numbers(1000, 150, 0)


def test_a_closed_line_leaves_open_what_it_did_not_deliver() -> None:
    closed = LineState(OrderStage.CLOSED, answered=True, received=Decimal(900))
    outcome = judged(closed, 1000, 1000)
    assert isinstance(outcome, Reorder)
    assert outcome.open_quantity == 100
    assert isinstance(judged(closed, 1000, 900), LineUnchanged)


def test_a_request_for_what_is_ordered_is_no_change() -> None:
    assert isinstance(judged(ACKNOWLEDGED, 1000, 1000), LineUnchanged)


def test_the_date_of_what_has_wholly_shipped_can_not_be_moved() -> None:
    shipped = ACKNOWLEDGED._replace(in_transit=Decimal(1000))
    assert isinstance(judged(shipped, 1000, 1000, requested_date=june(25)), LineUnchanged)


amounts = st.integers(0, 500).map(Decimal)


@given(amounts, amounts, amounts, amounts, st.sampled_from([OrderStage.SENT, OrderStage.DELIVERING, OrderStage.CLOSED]))
def test_line_and_open_quantity_sum_to_the_request_and_the_rest_is_surplus(
    in_transit: Decimal, received: Decimal, current: Decimal, requested: Decimal, stage: OrderStage
) -> None:
    state = LineState(stage, True, in_transit, received)
    outcome = judged(state, current, requested, requested_date=june(29))
    match outcome:
        case FloorAndReorder(floor=floor, new_quantity=new_quantity, surplus=surplus, open_quantity=open_quantity):
            assert floor == in_transit + received > 0
            assert max(new_quantity, floor) + open_quantity - surplus == requested
            assert new_quantity >= min(floor, current)
            assert min(surplus, open_quantity) == 0
        case Reorder(open_quantity=open_quantity):
            assert stage is OrderStage.CLOSED
            assert in_transit + received + open_quantity == requested
        case LineUnchanged():
            assert in_transit + received >= requested or requested == current
        case _:
            assert in_transit + received == 0
            assert stage is not OrderStage.CLOSED
