"""What R3 says of its verdicts, and where a fraction of a unit decides."""

from decimal import Decimal

import pytest

from canonical.records import OrderStage
from decisions.order_change import (
    CreateBalance,
    FloorAndBalance,
    FrozenChange,
    LineState,
    LineUnchanged,
    LineVerdict,
    ProposeChange,
    change_reason,
    judge_line_change,
)
from tests.decisions.nouns import WEEKDAYS, june

SENT = LineState(OrderStage.SENT)
ACKNOWLEDGED = LineState(OrderStage.ACKNOWLEDGED, answered=True)
CLOSED = LineState(OrderStage.CLOSED, received=Decimal(400))
ALL_SHIPPED = LineState(OrderStage.DELIVERING, answered=True, in_transit=Decimal(1000))


def judged(state: LineState, wanted: str, day: int = 30, today: int = 1, approved: bool = False) -> LineVerdict:
    return judge_line_change(
        state,
        Decimal(1000),
        june(30),
        Decimal(wanted),
        june(day),
        today=june(today),
        freeze_fence_days=5,
        calendar=WEEKDAYS,
        approved=approved,
    )


def said(verdict: LineVerdict) -> str:
    return verdict.reason if isinstance(verdict, ProposeChange | FrozenChange) else verdict.why


@pytest.mark.parametrize(
    ("state", "wanted", "why"),
    [
        (SENT, "1000", "the line is what is wanted"),
        (SENT, "1200", "the order is sent and not acknowledged yet"),
        (LineState(OrderStage.UNSENT), "1200", "the order is not sent yet"),
        (ACKNOWLEDGED, "1200", "the supplier has acknowledged the line"),
        (
            ACKNOWLEDGED._replace(edited_by_buyer=True),
            "1200",
            "a buyer edited the line in the ERP; that is not overwritten",
        ),
        (CLOSED, "400", "the line is closed and gave what is wanted"),
        (CLOSED, "700", "the line is closed at 400, 700 is wanted"),
        (ALL_SHIPPED, "1200", "1000 is shipped or received; the other 200 needs another order"),
    ],
)
def test_r3_says_why(state: LineState, wanted: str, why: str) -> None:
    verdict = judged(state, wanted)
    assert said(verdict) == why
    reason = change_reason(
        verdict,
        state,
        (Decimal(1000), june(30)),
        (Decimal(wanted), june(30)),
        today=june(1),
        freeze_fence_days=5,
        calendar=WEEKDAYS,
        policy_version="v7",
    )
    assert (reason.rule, reason.why) == ("R3", why)


def test_r3_says_that_a_person_decided_that_a_date_is_past_moving_and_that_it_is_too_late() -> None:
    assert said(judged(ACKNOWLEDGED, "1200", approved=True)) == "a person decided the change"
    moved = judged(ALL_SHIPPED, "1000", day=29)
    assert isinstance(moved, LineUnchanged)
    assert said(moved) == "all of the line is shipped or received; its date can't be moved"
    assert said(judged(ACKNOWLEDGED, "1200", today=23)) == (
        "delivery on 2026-06-30 is inside the freeze fence of 5 working days"
    )


def test_half_a_unit_shipped_is_a_floor_and_half_a_unit_missing_is_a_balance() -> None:
    shipped = judged(ACKNOWLEDGED._replace(in_transit=Decimal("0.5")), "0")
    assert isinstance(shipped, FloorAndBalance)
    assert shipped.floor == Decimal("0.5")
    balance = judged(CLOSED, "400.5")
    assert isinstance(balance, CreateBalance)
    assert balance.balance == Decimal("0.5")


def test_a_date_wanted_otherwise_of_a_line_that_is_partly_shipped_leaves_its_quantity() -> None:
    verdict = judged(ACKNOWLEDGED._replace(in_transit=Decimal(400)), "1000", day=29)
    assert isinstance(verdict, FloorAndBalance)
    assert (verdict.new_quantity, verdict.balance) == (Decimal(1000), Decimal(0))
    assert verdict.why == "400 is shipped or received; the other 0 needs another order"


def test_nobody_has_approved_a_change_unless_it_is_said() -> None:
    verdict = judge_line_change(
        ACKNOWLEDGED,
        Decimal(1000),
        june(30),
        Decimal(1200),
        june(30),
        today=june(1),
        freeze_fence_days=5,
        calendar=WEEKDAYS,
    )
    assert isinstance(verdict, ProposeChange)
