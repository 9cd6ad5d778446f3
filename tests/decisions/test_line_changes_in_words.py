"""The reasons of R3's outcomes, and cases that a fraction of a unit decides."""

from decimal import Decimal

import pytest

from canonical.records import OrderStage
from decisions.order_change import (
    FloorAndReorder,
    FrozenChange,
    LineChangeOutcome,
    LineState,
    LineUnchanged,
    ProposeChange,
    Reorder,
    change_reason,
    judge_line_change,
)
from tests.decisions.models import WEEKDAYS, june

SENT = LineState(OrderStage.SENT)
ACKNOWLEDGED = LineState(OrderStage.ACKNOWLEDGED, answered=True)
CLOSED = LineState(OrderStage.CLOSED, received=Decimal(400))
ALL_SHIPPED = LineState(OrderStage.DELIVERING, answered=True, in_transit=Decimal(1000))


def judged(
    state: LineState, requested: str, day: int = 30, today: int = 1, approved: bool = False
) -> LineChangeOutcome:
    return judge_line_change(
        state,
        Decimal(1000),
        june(30),
        Decimal(requested),
        june(day),
        today=june(today),
        frozen_zone_days=5,
        calendar=WEEKDAYS,
        approved=approved,
    )


def statement(outcome: LineChangeOutcome) -> str:
    return outcome.reason if isinstance(outcome, ProposeChange | FrozenChange) else outcome.why


@pytest.mark.parametrize(
    ("state", "requested", "why"),
    [
        (SENT, "1000", "the line is already as requested"),
        (SENT, "1200", "the order is sent and not acknowledged yet"),
        (LineState(OrderStage.UNSENT), "1200", "the order is not sent yet"),
        (ACKNOWLEDGED, "1200", "the supplier has acknowledged the line"),
        (
            ACKNOWLEDGED._replace(edited_by_buyer=True),
            "1200",
            "a buyer edited the line in the ERP; that is not overwritten",
        ),
        (CLOSED, "400", "the line is closed and has delivered the requested quantity"),
        (CLOSED, "700", "the line is closed at 400, 700 is requested"),
        (ALL_SHIPPED, "1200", "1000 is shipped or received; the other 200 needs another order"),
    ],
)
def test_r3_says_why(state: LineState, requested: str, why: str) -> None:
    outcome = judged(state, requested)
    assert statement(outcome) == why
    reason = change_reason(
        outcome,
        state,
        (Decimal(1000), june(30)),
        (Decimal(requested), june(30)),
        today=june(1),
        frozen_zone_days=5,
        calendar=WEEKDAYS,
        policy_version="v7",
    )
    assert (reason.rule, reason.why) == ("R3", why)


def test_r3_says_that_a_person_decided_that_a_date_is_past_moving_and_that_it_is_too_late() -> None:
    assert statement(judged(ACKNOWLEDGED, "1200", approved=True)) == "a person decided the change"
    moved = judged(ALL_SHIPPED, "1000", day=29)
    assert isinstance(moved, LineUnchanged)
    assert statement(moved) == "all of the line is shipped or received; its date can't be moved"
    assert statement(judged(ACKNOWLEDGED, "1200", today=23)) == (
        "delivery on 2026-06-30 is inside the frozen zone of 5 working days"
    )


def test_half_a_unit_shipped_is_a_floor_and_half_a_unit_missing_is_an_open_quantity() -> None:
    shipped = judged(ACKNOWLEDGED._replace(in_transit=Decimal("0.5")), "0")
    assert isinstance(shipped, FloorAndReorder)
    assert shipped.floor == Decimal("0.5")
    open_quantity = judged(CLOSED, "400.5")
    assert isinstance(open_quantity, Reorder)
    assert open_quantity.open_quantity == Decimal("0.5")


def test_another_date_for_a_partly_shipped_line_leaves_its_quantity() -> None:
    outcome = judged(ACKNOWLEDGED._replace(in_transit=Decimal(400)), "1000", day=29)
    assert isinstance(outcome, FloorAndReorder)
    assert (outcome.new_quantity, outcome.open_quantity) == (Decimal(1000), Decimal(0))
    assert outcome.why == "400 is shipped or received; the other 0 needs another order"


def test_a_change_is_not_approved_by_default() -> None:
    outcome = judge_line_change(
        ACKNOWLEDGED,
        Decimal(1000),
        june(30),
        Decimal(1200),
        june(30),
        today=june(1),
        frozen_zone_days=5,
        calendar=WEEKDAYS,
    )
    assert isinstance(outcome, ProposeChange)
