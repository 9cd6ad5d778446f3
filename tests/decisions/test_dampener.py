import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.base import Criticality
from canonical.need import Need
from canonical.policy import Dampener
from decisions.calendars import working_days_between
from decisions.dampener import DampenerOutcome, judge_change, quantity_limit
from tests.decisions.models import WEEKDAYS, a_need, a_peg, a_revision, june, may


def judged(acted_on: Need, proposed: Need) -> DampenerOutcome:
    return judge_change(acted_on, proposed, Dampener(), WEEKDAYS)


def test_r4_1000_to_1030_to_1060_the_first_is_no_change_and_the_second_is_acted_on() -> None:
    """1,000 → 1,030 → 1,060: the first is no change; the second is +60 > 50 → act."""
    acted_on = a_need(quantity=Decimal(1000))
    first = judged(acted_on, a_need(quantity=Decimal(1030)))
    assert (first.act, first.quantity_delta, first.quantity_limit) == (False, Decimal(30), Decimal(50))
    second = judged(acted_on, a_need(quantity=Decimal(1060)))
    assert (second.act, second.quantity_delta, second.rule) == (True, Decimal(60), "R4")
    assert second.why == "+60 is more than 50"


def test_r4_of_2_pieces_9_more_are_not_few_of_100_they_are() -> None:
    """2 → 11: act, though 9 are fewer than 10 pieces; 100 → 109: no change."""
    assert judged(a_need(quantity=Decimal(2)), a_need(quantity=Decimal(11))).act
    assert not judged(a_need(quantity=Decimal(100)), a_need(quantity=Decimal(109))).act


def test_r4_due_on_4_may_and_moved_to_each_new_day_of_june_by_the_plan_is_no_change() -> None:
    """Past due is past due: 4 May → 1 June, stated on 1 June, is neither later nor earlier."""
    past_due = a_need(required_date=may(4), pegging=(a_peg(1000, may(4)),))
    for day in (may(11), june(1)):
        outcome = judged(past_due, a_need(required_date=day, pegging=(a_peg(1000, day),)))
        assert (outcome.act, outcome.days_delta) == (False, 0)
    later = judged(past_due, a_need(required_date=june(15), pegging=(a_peg(1000, june(15)),)))
    assert (later.act, later.days_delta) == (True, 10)
    sooner = judged(a_need(required_date=june(15)), past_due)
    assert (sooner.act, sooner.days_delta) == (True, -10)


@pytest.mark.parametrize(
    ("before", "unit", "limit"),
    [
        (100, "EA", "10"),
        (100, "H87", "10"),
        (100, "C62", "10"),
        (50, "EA", "10"),
        (20, "EA", "4"),
        (2, "EA", "0.4"),
        (1000, "EA", "50"),
        (100, "PR", "5"),
        (12, "DZN", "0.833333"),
        (100, "TNE", "5"),
        (5, "TNE", "0.25"),
        (100, "BX", "5"),
        (100, "SET", "5"),
        (100, "HUR", "5"),
    ],
)
def test_pieces_are_few_only_where_pieces_are_counted_and_there_are_many(before: int, unit: str, limit: str) -> None:
    assert quantity_limit(Decimal(before), unit, Dampener()) == Decimal(limit)


def test_5_tonnes_that_become_14_are_no_10_pieces() -> None:
    outcome = judged(a_need(quantity=Decimal(5), unit="TNE"), a_need(quantity=Decimal(14), unit="TNE"))
    assert (outcome.act, outcome.why) == (True, "+9 is more than 0.25")


def test_a_small_need_is_suppressed_by_pieces_up_to_a_fifth_of_it() -> None:
    assert not judged(a_need(quantity=Decimal(50)), a_need(quantity=Decimal(40))).act
    assert not judged(a_need(quantity=Decimal(20)), a_need(quantity=Decimal(16))).act
    assert judged(a_need(quantity=Decimal(20)), a_need(quantity=Decimal(15))).act


@pytest.mark.parametrize(("day", "acts"), [(12, False), (11, True), (22, False), (23, True)])
def test_one_working_day_earlier_and_five_later_are_borne(day: int, acts: bool) -> None:
    outcome = judged(a_need(required_date=june(15)), a_need(required_date=june(day)))
    assert outcome.act is acts


def test_another_unit_is_acted_on_and_its_quantities_are_not_compared() -> None:
    outcome = judged(a_need(quantity=Decimal(10), unit="KGM"), a_need(quantity=Decimal(10), unit="LBR"))
    assert outcome.act
    assert outcome.quantity_delta is None
    assert outcome.why == "the unit changed from KGM to LBR"


def test_another_sourcing_rule_is_acted_on() -> None:
    assert judged(a_need(), a_need(sourcing_rule="dual")).act


def test_a_demand_that_became_critical_is_acted_on_and_one_that_became_less_so_is_not() -> None:
    urgent = a_need(pegging=(a_peg(1000, june(15), Criticality.A),))
    assert judged(a_need(), urgent).act
    assert not judged(urgent, a_need()).act


def test_pegs_that_change_within_the_dampener_are_no_change() -> None:
    old = a_need(pegging=(a_peg(1000, june(15), demand="SO-1"),))
    new = a_need(pegging=(a_peg(600, june(12), demand="SO-2"), a_peg(400, june(26), demand="SO-3")))
    assert not judged(old, new).act


def test_a_first_pegged_demand_that_is_much_earlier_is_acted_on_though_the_need_kept_its_date() -> None:
    old = a_need(pegging=(a_peg(1000, june(15)),))
    new = a_need(pegging=(a_peg(100, june(4), demand="SO-9"), a_peg(900, june(15))))
    assert judged(old, new).why == "the first pegged demand is earlier by 7 working days, more than 1"


quantities = st.decimals(1, 5000, places=0)
dates = st.dates(june(1), dt.date(2026, 8, 31))


@given(quantities, dates)
def test_a_rerun_of_an_identical_plan_changes_nothing(quantity: Decimal, date: dt.date) -> None:
    acted_on = a_need(quantity=quantity, required_date=date, revision=a_revision(1))
    assert not judged(acted_on, a_need(quantity=quantity, required_date=date, revision=a_revision(2))).act


@given(quantities, quantities, dates, dates)
def test_a_change_is_acted_on_exactly_where_it_leaves_a_limit(
    old: Decimal, new: Decimal, before: dt.date, after: dt.date
) -> None:
    outcome = judged(a_need(quantity=old, required_date=before), a_need(quantity=new, required_date=after))
    within_quantity = abs(new - old) <= max(min(Decimal(10), old / 5), old / 20)
    within_dates = -1 <= working_days_between(WEEKDAYS, before, after) <= 5
    assert outcome.act is not (within_quantity and within_dates)


def test_a_verdict_names_every_reason_and_what_it_was_measured_with() -> None:
    outcome = judged(a_need(quantity=Decimal(1000)), a_need(quantity=Decimal(900), required_date=june(11)))
    assert outcome.why == "-100 is more than 50; earlier by 2 working days, more than 1"
    assert (outcome.days_delta, outcome.earlier_limit, outcome.later_limit) == (-2, 1, 5)


@pytest.mark.parametrize(
    ("quantity", "day", "why"),
    [
        (1030, 15, "+30 and +0 working days are within the dampener"),
        (1000, 16, "+0 and +1 working days are within the dampener"),
        (990, 12, "-10 and -1 working days are within the dampener"),
        (1000, 15, "quantity and date are as acted on"),
    ],
)
def test_what_is_suppressed_says_by_how_much_it_moved(quantity: int, day: int, why: str) -> None:
    assert judged(a_need(), a_need(quantity=Decimal(quantity), required_date=june(day))).why == why


def test_r4s_reason_shows_the_deltas_beside_the_limits() -> None:
    reason = judged(a_need(), a_need(quantity=Decimal(1060), required_date=june(16))).reason("v7")
    assert (reason.rule, reason.why, reason.policy_version) == ("R4", "+60 is more than 50", "v7")
    assert reason.inputs == {
        "act": True,
        "quantity_delta": "60",
        "working_days_delta": 1,
        "quantity_limit": "50.00",
    }
    assert reason.thresholds == {
        "dampener.quantity": "10",
        "dampener.quantity_share_max": "0.2",
        "dampener.share": "0.05",
        "dampener.earlier_working_days": 1,
        "dampener.later_working_days": 5,
    }
    other_unit = judged(a_need(unit="KGM"), a_need(unit="LBR")).reason("v7")
    assert other_unit.inputs["quantity_delta"] is None
