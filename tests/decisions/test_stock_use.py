"""What is free relaxes needs in R11's order, within R4; what is short is needed."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.base import Criticality
from canonical.bom import BomLine, BomLineChange, ComponentUse
from canonical.identity import RequirementId
from canonical.policy import Dampener
from canonical.reason import Reason
from canonical.sourcing import ItemAtPlant, UnitConversion
from canonical.stock import StockFigure, StockUser
from decisions.engineering_change.component_use import stock_of
from decisions.stock_use import StockOutcome, judge_stock, shortfall_gone, shortfall_need
from tests.decisions.models import a_revision, an_item, june

NOON = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
PLAN = NOON - dt.timedelta(hours=6)


def free(quantity: str | Decimal, **changes: Any) -> StockFigure:
    fields: dict[str, Any] = {
        "plant": "1710",
        "item": "CHAIN",
        "unit": "EA",
        "available_to_promise": Decimal(quantity),
        "reported_at": NOON,
        "as_of": NOON,
        "revision": 1,
    }
    return StockFigure(**fields | changes)


def user(name: str, quantity: int | Decimal, day: int = 15, **changes: Any) -> StockUser:
    fields: dict[str, Any] = {
        "requirement_id": RequirementId(name),
        "quantity": Decimal(quantity),
        "unit": "EA",
        "required_date": june(day),
        "criticality": Criticality.B,
        "reported_at": PLAN,
    }
    return StockUser(**fields | changes)


def judged(
    stock: StockFigure, *users: StockUser, reported: dict[str, int] | None = None, item: ItemAtPlant | None = None
) -> StockOutcome:
    before = {RequirementId(name): Decimal(quantity) for name, quantity in (reported or {}).items()}
    return judge_stock(stock, users, before, item, Dampener())


def counts_on(outcome: StockOutcome) -> dict[str, Decimal]:
    return {share.user.requirement_id: share.quantity for share in outcome.shares if share.quantity}


A = user("A", 250, 20, criticality=Criticality.A)
B = user("B", 200, 15)
C = user("C", 100, 10, criticality=Criticality.C)


def test_of_300_free_the_most_critical_gets_250_and_the_next_50_whatever_their_dates() -> None:
    """Free 300; A-class 250 by the 20th, B 200 by the 15th, C 100 by the 10th → A 250, B 50, C nothing."""
    outcome = judged(free("300"), C, B, A)
    assert counts_on(outcome) == {"A": 250, "B": 50}
    assert outcome.why == "300 EA are free: A 250 EA; B 50 EA"
    assert [reason.rule for reason in outcome.reasons("v1")] == ["R11", "R4"]


def test_an_outcome_states_who_gets_what_and_which_changes_are_suppressed() -> None:
    spread, dampener = judged(free("300"), C, B, A, reported={"B": 45}).reasons("v7")
    assert spread == Reason(
        rule="R11",
        why="300 EA are free: A 250 EA; B 45 EA",
        inputs={"available_to_promise": "300", "A": "250", "B": "50"},
        policy_version="v7",
    )
    assert dampener == Reason(
        rule="R4",
        why="A +250; B +5, within 10",
        inputs={"A": True, "B": False},
        thresholds={"dampener.quantity": "10", "dampener.quantity_share_max": "0.2", "dampener.share": "0.05"},
        policy_version="v7",
    )
    assert len(judged(free("45"), B, reported={"B": 45}).reasons("v7")) == 1, "nothing changes"


def test_40_more_are_promised_than_there_are_so_that_40_are_short_and_nobody_counts_on_stock() -> None:
    outcome = judged(free("-40"), A, reported={"A": 5})
    assert outcome.shortfall == 40
    assert not counts_on(outcome)
    assert outcome.why == "40 EA more are promised than available"


def test_what_is_received_or_on_the_way_is_not_relaxed_again() -> None:
    assert counts_on(judged(free("300"), user("A", 250, secured=Decimal(180)))) == {"A": 70}


def test_a_need_that_the_plan_stated_after_the_stock_stays_as_planned() -> None:
    later = user("A", 250, reported_at=NOON)
    assert counts_on(judged(free("300"), later, B)) == {"B": 200}


def test_a_transfer_is_promised_what_suppliers_confirm_and_gets_nothing_from_stock() -> None:
    assert counts_on(judged(free("300"), user("A", 250, answers_order=True))) == {}


@pytest.mark.parametrize(
    ("stock", "reported", "counts", "suppressed"),
    [
        ("10", 0, 0, 1),  # a first 10 of 200 is within max(10, 5 %)
        ("11", 0, 11, 0),
        ("110", 100, 100, 1),
        ("111", 100, 111, 0),
        ("99", 100, 99, 0),  # a fall is told
        ("100", 100, 100, 0),
        ("1", 5, 1, 0),
        ("0", 5, 0, 0),  # nothing is free: nothing is left promised
    ],
)
def test_a_rise_within_the_dampener_is_counted_and_not_reported_and_every_fall_is_reported(
    stock: str, reported: int, counts: int, suppressed: int
) -> None:
    outcome = judged(free(stock), B, reported={"B": reported})
    assert (counts_on(outcome).get("B", 0), outcome.suppressed) == (counts, suppressed)


def test_nobody_counts_on_what_has_gone_however_little_it_is() -> None:
    """Three needs of 50 had 50, 50 and 10; 9 pieces less are free, and the last one in R11's order has them no more."""
    needs = [user(name, 50, day) for day, name in enumerate("ABC", 10)]
    reported = {"A": 50, "B": 50, "C": 10}
    assert counts_on(judged(free("101"), *needs, reported=reported)) == {"A": 50, "B": 50, "C": 1}
    assert counts_on(judged(free("91"), *needs, reported=reported)) == {"A": 50, "B": 41}


def test_an_unchanged_allocation_is_not_reported_again_where_others_fall() -> None:
    needs = [user(name, 8, day) for day, name in enumerate("ABC", 10)]
    outcome = judged(free("9"), *needs, reported=dict.fromkeys("ABC", 8))
    assert [share.act for share in outcome.shares] == [False, True, True]


def test_a_suppressed_rise_leaves_nothing_to_those_who_fall() -> None:
    """A is to get one more, which is not worth a change; B and C had 8 each and get nothing."""
    needs = [user("A", 1000, 10), user("B", 8, 11), user("C", 8, 12)]
    outcome = judged(free("101"), *needs, reported={"A": 100, "B": 8, "C": 8})
    assert counts_on(outcome) == {"A": 100}


def test_falls_in_another_unit_than_the_stocks_are_counted_in_the_needs() -> None:
    """Three needs had nine pieces each, and a carton of twelve is free."""
    twelve = UnitConversion(unit="CT", numerator=Decimal(12), denominator=Decimal(1))
    carton = an_item().model_copy(update={"conversions": (twelve,)})
    needs = [user(name, 40, day) for day, name in enumerate("ABC", 10)]
    outcome = judged(free("1", unit="CT"), *needs, reported=dict.fromkeys("ABC", 9), item=carton)
    assert counts_on(outcome) == {"A": 9}, "A's rise is suppressed, and 15 pieces too many are no longer counted on"


def test_cartons_of_stock_relax_pieces_needed_as_master_data_converts_them() -> None:
    twelve = UnitConversion(unit="CT", numerator=Decimal(12), denominator=Decimal(1))
    carton = an_item().model_copy(update={"conversions": (twelve,)})
    outcome = judged(free("5", unit="CT"), user("A", 40), user("B", 100, 20), item=carton)
    assert counts_on(outcome) == {"A": 40, "B": 20}, "60 pieces are in 5 cartons, and none is lost by a third of one"


def test_what_nothing_converts_gets_nothing() -> None:
    assert counts_on(judged(free("5", unit="CT"), user("A", 40))) == {}


def test_a_shortfall_is_a_need_of_our_own_pegged_to_the_stock() -> None:
    need = shortfall_need(free("-40"), Decimal(40), june(2), a_revision(1))
    assert need.id == "requirement/1710/CHAIN/pegline~stock"
    assert [(peg.demand, peg.quantity, peg.date) for peg in need.pegs] == [
        ("stock of CHAIN at 1710", Decimal(40), june(2))
    ]
    assert shortfall_gone(free("0"), a_revision(1)).id == need.id


quantities = st.integers(1, 400).map(Decimal)
users = st.lists(
    st.builds(
        user,
        name=st.text("ABCDEFGH", min_size=1, max_size=3),
        quantity=quantities,
        day=st.integers(1, 30),
        criticality=st.sampled_from(Criticality),
        secured=st.integers(0, 200).map(Decimal),
        reported_at=st.sampled_from([PLAN, NOON]),
    ),
    unique_by=lambda each: each.requirement_id,
    max_size=8,
)
stocks = st.lists(st.integers(-100, 600), min_size=1, max_size=5)


@given(users, stocks)
def test_no_more_is_counted_on_than_is_available(needs: list[StockUser], figures: list[int]) -> None:
    reported: dict[RequirementId, Decimal] = {}
    for quantity in figures:
        outcome = judge_stock(free(Decimal(quantity)), needs, reported, None, Dampener())
        reported = {share.user.requirement_id: share.quantity for share in outcome.shares}
        assert sum(reported.values()) <= max(0, quantity)
        assert outcome.shortfall == max(0, -quantity)
        for share in outcome.shares:
            assert share.target <= max(Decimal(0), share.user.quantity - share.user.secured)
            assert share.user.reported_at < NOON or share.target == 0


@given(users, st.integers(-100, 600), st.permutations(range(8)))
def test_the_order_in_which_needs_are_looked_at_and_looking_again_change_nothing(
    needs: list[StockUser], quantity: int, order: list[int]
) -> None:
    once = judge_stock(free(Decimal(quantity)), needs, {}, None, Dampener())
    shuffled = [needs[place] for place in order if place < len(needs)]
    assert judge_stock(free(Decimal(quantity)), shuffled, {}, None, Dampener()) == once
    reported = {share.user.requirement_id: share.quantity for share in once.shares if share.quantity}
    again = judge_stock(free(Decimal(quantity)), needs, reported, None, Dampener())
    assert not [share for share in again.shares if share.act]


@pytest.mark.parametrize(
    ("statement", "ledger", "unit", "counts"),
    [
        (Decimal(7), "40", "EA", 7),  # what the revision says goes before
        (Decimal(0), "40", "EA", 0),
        (None, "40", "EA", 40),
        (None, "3", "DZN", 36),
        (None, "3", "CT", 0),  # nothing converts it
        (None, "0", "", 0),  # nobody has stated any
    ],
)
def test_an_engineering_change_takes_stock_from_its_event_or_else_from_what_systems_state(
    statement: Decimal | None, ledger: str, unit: str, counts: int
) -> None:
    line = BomLine(component="CHAIN", quantity=Decimal(1), unit="EA", change=BomLineChange.REMOVED, stock=statement)
    use = ComponentUse(component="CHAIN", stock=Decimal(ledger), stock_unit=unit)
    assert stock_of(line, use, an_item()) == counts


def test_an_engineering_change_counts_no_more_stock_than_there_is() -> None:
    line = BomLine(component="CHAIN", quantity=Decimal(1), unit="DZN", change=BomLineChange.REMOVED)
    one_piece = ComponentUse(component="CHAIN", stock=Decimal(1), stock_unit="EA")
    assert stock_of(line, one_piece, an_item()) == Decimal("0.083333")


def test_twelve_needs_of_a_piece_are_met_by_one_box_of_twelve() -> None:
    """A twelfth of a box is no decimal number, and nothing of the box is lost by that."""
    boxes = UnitConversion(unit="BX", numerator=Decimal(12), denominator=Decimal(1))
    item = an_item().model_copy(update={"conversions": (boxes,)})
    outcome = judged(free("1", unit="BX"), *(user(f"need-{number:02d}", 1) for number in range(13)), item=item)
    assert [int(share.target) for share in outcome.shares] == [1] * 12
