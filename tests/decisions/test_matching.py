import datetime as dt
import time
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.calendar import Calendar
from canonical.need import Need
from decisions.calendars import working_days_between
from decisions.matching import NeedMatching, match_needs
from tests.decisions.models import EVERY_DAY, WEEKDAYS, a_need, a_peg, june

Line = tuple[str, int, dt.date, str, str, str | None]


def need(reference: str, quantity: int | Decimal, date: dt.date, demand: str = "", **changes: Any) -> Need:
    pegging = (a_peg(quantity, date, demand=demand),) if demand else ()
    return a_need(
        demand_reference=reference, quantity=Decimal(quantity), required_date=date, pegging=pegging, **changes
    )


def matched(old: Iterable[Need], new: Iterable[Need], calendar: Calendar = WEEKDAYS, days: int = 5) -> NeedMatching:
    return match_needs(list(old), list(new), calendar, days)


def pairs(matching: NeedMatching) -> set[tuple[str, str]]:
    return {(update.old.demand_reference, update.new.demand_reference) for update in matching.updates}


def names(needs: Iterable[Need]) -> list[str]:
    return [found.demand_reference for found in needs]


def ties(matching: NeedMatching) -> list[tuple[list[str], list[str]]]:
    return [(names(tie.old), names(tie.new)) for tie in matching.ambiguous]


def created(matching: NeedMatching) -> list[str]:
    return names(create.new for create in matching.creates)


def withdrawn(matching: NeedMatching) -> list[str]:
    return names(withdrawal.old for withdrawal in matching.withdrawals)


def test_r1_100_on_the_10th_and_200_on_the_24th_become_110_on_the_11th_and_200_on_the_25th() -> None:
    """Old {100 on the 10th, 200 on the 24th}, new {110 on the 11th, 200 on the 25th} → two updates, no create."""
    matching = matched(
        [need("P1", 100, june(10)), need("P2", 200, june(24))], [need("P3", 110, june(11)), need("P4", 200, june(25))]
    )
    assert pairs(matching) == {("P1", "P3"), ("P2", "P4")}
    assert (matching.creates, matching.withdrawals, matching.ambiguous, matching.rule) == ((), (), (), "R1")
    assert matching.updates[0].why == "the nearest need of the plan is 1 working days away: 110 on 2026-06-11 for 100"


def test_a_reference_that_stayed_is_the_same_need_however_far_it_moved() -> None:
    matching = matched(
        [need("P1", 100, june(10)), need("P2", 100, june(30))], [need("P1", 500, june(30)), need("P3", 100, june(10))]
    )
    assert pairs(matching) == {("P1", "P1")}
    assert matching.updates[0].why == "the plan kept its reference"
    assert (created(matching), withdrawn(matching)) == (["P3"], ["P2"])


@pytest.mark.parametrize(("day", "is_it"), [(17, True), (18, False), (3, True), (2, False)])
def test_five_working_days_are_the_farthest_that_a_need_is_looked_for(day: int, is_it: bool) -> None:
    matching = matched([need("P1", 100, june(10))], [need("P2", 100, june(day))])
    assert len(matching.updates) == is_it
    if not is_it:
        assert matching.creates[0].why == "the last plan had no such need within 5 working days"
        assert matching.withdrawals[0].why == "the plan has no such need within 5 working days"


def test_days_are_the_plants_working_days() -> None:
    old, new = [need("P1", 100, june(10))], [need("P2", 100, june(17))]
    assert matched(old, new, WEEKDAYS).updates
    assert not matched(old, new, EVERY_DAY).updates


def test_the_nearest_date_comes_before_the_nearest_quantity() -> None:
    matching = matched([need("P1", 100, june(10))], [need("P2", 100, june(12)), need("P3", 900, june(11))])
    assert (pairs(matching), created(matching)) == ({("P1", "P3")}, ["P2"])


def test_of_two_on_one_day_the_nearest_quantity_is_it_whichever_way_it_differs() -> None:
    on_the_day = [need("P2", 70, june(10)), need("P3", 120, june(10)), need("P4", 300, june(10))]
    assert pairs(matched([need("P1", 100, june(10))], on_the_day)) == {("P1", "P3")}
    assert pairs(matched([need("P1", 80, june(10))], on_the_day)) == {("P1", "P2")}
    assert matched([need("P1", 80, june(10))], on_the_day).updates[0].why == (
        "the nearest need of the plan is on its day: 70 on 2026-06-10 for 80"
    )


def test_of_equal_quantities_the_one_for_the_same_demand_is_it() -> None:
    matching = matched(
        [need("P1", 100, june(10), "SO-1"), need("P2", 100, june(10), "SO-2")],
        [need("P3", 100, june(10), "SO-2"), need("P4", 100, june(10), "SO-1")],
    )
    assert pairs(matching) == {("P1", "P4"), ("P2", "P3")}


def test_of_needs_for_the_same_demand_the_one_that_is_alike_in_all_is_it() -> None:
    def split(reference: str, first: int) -> Need:
        pegs = (a_peg(first, june(10), demand="SO-1"), a_peg(100 - first, june(10), demand="SO-2"))
        return need(reference, 100, june(10)).model_copy(update={"pegging": pegs})

    old = [split("P1", 60), split("P2", 40)]
    assert pairs(matched(old, [split("N1", 40), split("N2", 60)])) == {("P1", "N2"), ("P2", "N1")}
    other_demand = need("N2", 100, june(10), "SO-3")
    assert pairs(matched(old[:1], [other_demand, split("N1", 50)])) == {("P1", "N1")}
    by_planner = [need(name, 100, june(10), planner=name[1:]) for name in ("P1", "P2", "N2", "N1")]
    assert pairs(matched(by_planner[:2], by_planner[2:])) == {("P1", "N1"), ("P2", "N2")}


def test_a_need_between_two_alike_is_a_tie_and_not_a_guess() -> None:
    matching = matched([need("P1", 100, june(10))], [need("P2", 100, june(9)), need("P3", 100, june(11))])
    assert ties(matching) == [(["P1"], ["P2", "P3"])]
    assert (matching.updates, matching.creates, matching.withdrawals) == ((), (), ())
    assert matching.ambiguous[0].why == (
        "1 of the last plan and 2 of the new one match in more than one way: date, quantity and demand are too alike"
    )


def test_which_of_two_alike_is_withdrawn_is_a_tie() -> None:
    matching = matched([need("P1", 100, june(10)), need("P2", 100, june(10))], [need("P3", 100, june(11))])
    assert ties(matching) == [(["P1", "P2"], ["P3"])]


def test_which_of_two_alike_in_the_new_plan_makes_no_difference_and_is_no_tie() -> None:
    matching = matched([need("P1", 100, june(10))], [need("P3", 100, june(11)), need("P2", 100, june(11))])
    assert (pairs(matching), created(matching), matching.ambiguous) == ({("P1", "P2")}, ["P3"], ())


def test_what_is_left_of_several_alike_goes_on_to_the_next_nearest() -> None:
    matching = matched(
        [need("P1", 100, june(10)), need("P2", 100, june(15))], [need("P3", 100, june(11)), need("P4", 100, june(11))]
    )
    assert pairs(matching) == {("P1", "P3"), ("P2", "P4")}


def test_a_need_whose_nearest_is_tied_is_undecided_with_it() -> None:
    matching = matched(
        [need("P1", 100, june(10)), need("P2", 90, june(15))], [need("P3", 100, june(9)), need("P4", 100, june(11))]
    )
    assert ties(matching) == [(["P1", "P2"], ["P3", "P4"])]


def test_a_need_that_could_be_in_either_of_two_ties_makes_them_one() -> None:
    old = [need("P1", 100, june(10)), need("P2", 100, june(18)), need("P3", 100, june(14))]
    new = [need("N1", 100, june(9)), need("N2", 100, june(11)), need("N3", 100, june(17)), need("N4", 100, june(19))]
    assert ties(matched(old, new, EVERY_DAY)) == [(["P1", "P3", "P2"], ["N1", "N2", "N3", "N4"])]


def test_a_tie_that_takes_all_it_has_leaves_its_neighbours_alone() -> None:
    old = [need("P1", 100, june(10)), need("P2", 100, june(10)), need("P3", 100, june(15))]
    new = [need("N1", 100, june(9)), need("N2", 100, june(11)), need("N3", 100, june(22))]
    matching = matched(old, new)
    assert ties(matching) == [(["P1", "P2"], ["N1", "N2"])]
    assert pairs(matching) == {("P3", "N3")}


def test_a_chain_of_equal_distances_is_one_tie() -> None:
    old = [need("P1", 100, june(10)), need("P2", 100, june(12))]
    new = [need("N1", 100, june(9)), need("N2", 100, june(11))]
    after = need("P3", 100, june(15))
    assert ties(matched(old, new)) == [(["P1", "P2"], ["N1", "N2"])]
    assert ties(matched([*old, after], new)) == [(["P1", "P2", "P3"], ["N1", "N2"])]


def test_a_saturdays_need_is_not_the_fridays_though_no_working_day_lies_between() -> None:
    plan = [("P", june(12)), ("Q", june(13))]
    matching = matched(
        [need(f"{name}1", 100, day) for name, day in plan], [need(f"{name}2", 100, day) for name, day in plan]
    )
    assert pairs(matching) == {("P1", "P2"), ("Q1", "Q2")}
    moved = matched([need("P1", 100, june(12))], [need("P2", 100, june(13))])
    assert "0 working days away" in moved.updates[0].why


def test_quantities_in_other_units_are_farther_than_any_in_its_own() -> None:
    old = [need("P1", 100, june(10), unit="KGM")]
    pounds, kilograms = need("P2", 100, june(10), unit="LBR"), need("P3", 900, june(10), unit="KGM")
    assert pairs(matched(old, [pounds, kilograms])) == {("P1", "P3")}
    assert pairs(matched(old, [pounds])) == {("P1", "P2")}
    assert ties(matched(old, [pounds, need("P4", 100000, june(10), unit="GRM")])) == [(["P1"], ["P2", "P4"])]


@pytest.mark.parametrize(
    "change",
    [
        {"plant": "1720"},
        {"item": "CH-0234"},
        {"source": "other-aps"},
        {"sourcing_rule": "dual"},
        {"item_revision": "B"},
    ],
)
def test_needs_of_another_plant_item_plan_segment_or_revision_are_never_one(change: dict[str, str]) -> None:
    matching = matched([need("P1", 100, june(10))], [need("P2", 100, june(10), **change)])
    assert (withdrawn(matching), created(matching)) == (["P1"], ["P2"])


def test_two_segments_are_apart_and_a_need_without_one_is_of_none() -> None:
    dual = need("P1", 100, june(10), sourcing_rule="dual")
    assert matched([dual], [need("P2", 100, june(10), sourcing_rule="single")]).updates == ()
    assert pairs(matched([dual], [need("P2", 100, june(10), sourcing_rule="dual")])) == {("P1", "P2")}
    unnamed = need("P1", 100, june(10), sourcing_rule=None)
    assert pairs(matched([unnamed], [need("P2", 100, june(10), sourcing_rule="")])) == {("P1", "P2")}


def test_a_plan_with_a_reference_twice_is_an_error() -> None:
    with pytest.raises(
        ValueError, match=r"^a plan has requirement/1710/BB-7421/aps~P1 twice; take the newer one \(R10\)"
    ):
        matched([], [need("P1", 100, june(10)), need("P1", 200, june(10))])


def test_the_reason_names_both_needs_and_the_window() -> None:
    matching = matched(
        [need("P1", 100, june(10)), need("P5", 7, june(25))], [need("P2", 110, june(11)), need("P6", 8, june(1))]
    )
    reason = matching.reason(matching.updates[0], "v7")
    old = {"reference": "P1", "quantity": "100", "unit": "EA", "required_date": "2026-06-10"}
    new = {"reference": "P2", "quantity": "110", "unit": "EA", "required_date": "2026-06-11"}
    assert (reason.rule, reason.why, reason.policy_version) == ("R1", matching.updates[0].why, "v7")
    assert (reason.inputs, reason.thresholds) == ({"old": [old], "new": [new]}, {"matching_days": 5})

    def sides(outcome: Any) -> tuple[Any, Any]:
        inputs: dict[str, Any] = matching.reason(outcome, "v7").inputs
        return [reported["reference"] for reported in inputs["old"]], [
            reported["reference"] for reported in inputs["new"]
        ]

    assert sides(matching.creates[0]) == ([], ["P6"])
    assert sides(matching.withdrawals[0]) == (["P5"], [])


def test_the_reason_of_a_tie_names_all_that_are_in_it() -> None:
    matching = matched([need("P1", 100, june(10))], [need("P2", 100, june(9)), need("P3", 100, june(11))])
    inputs: dict[str, Any] = matching.reason(matching.ambiguous[0], "v7").inputs
    assert [reported["reference"] for reported in inputs["old"] + inputs["new"]] == ["P1", "P2", "P3"]


lines = st.tuples(
    st.sampled_from(["", "SO-1", "SO-2"]),
    st.sampled_from([90, 100, 110, 200]),
    st.dates(june(1), june(20)),
    st.sampled_from(["EA", "KGM"]),
    st.sampled_from(["A", "B"]),
    st.sampled_from([None, "ana"]),
)
plans = st.lists(lines, max_size=9)


def plan(prefix: str, chosen: list[Line]) -> list[Need]:
    return [
        need(f"{prefix}{number}", quantity, date, demand, unit=unit, item_revision=revision, planner=planner)
        for number, (demand, quantity, date, unit, revision, planner) in enumerate(chosen)
    ]


@given(plans, plans)
def test_every_need_has_one_fate_and_none_goes_beyond_the_window(before: Any, after: Any) -> None:
    old, new = plan("P", before), plan("N", after)
    matching = matched(old, new)
    fates = Counter(
        [update.old.id for update in matching.updates]
        + [withdrawal.old.id for withdrawal in matching.withdrawals]
        + [need.id for tie in matching.ambiguous for need in tie.old]
    )
    assert fates == Counter(need.id for need in old)
    fates = Counter(
        [update.new.id for update in matching.updates]
        + [create.new.id for create in matching.creates]
        + [need.id for tie in matching.ambiguous for need in tie.new]
    )
    assert fates == Counter(need.id for need in new)
    for update in matching.updates:
        assert abs(working_days_between(WEEKDAYS, update.old.required_date, update.new.required_date)) <= 5
        assert update.old.item_revision == update.new.item_revision
    assert all(tie.old and tie.new for tie in matching.ambiguous)


@given(plans, plans, st.randoms(use_true_random=False))
def test_the_order_in_which_a_plan_lists_its_needs_does_not_matter(before: Any, after: Any, chance: Any) -> None:
    old, new = plan("P", before), plan("N", after)
    expected = matched(old, new)
    chance.shuffle(old)
    chance.shuffle(new)
    assert matched(old, new) == expected


@given(plans)
def test_an_identical_plan_under_new_references_changes_nothing(before: Any) -> None:
    matching = matched(plan("P", before), plan("N", before[::-1]))
    assert (matching.creates, matching.withdrawals, matching.ambiguous) == ((), (), ())
    assert all(
        update.old == update.new.model_copy(update={"demand_reference": update.old.demand_reference})
        for update in matching.updates
    )


@given(plans, plans)
def test_what_is_withdrawn_and_what_is_created_could_not_have_been_one(before: Any, after: Any) -> None:
    matching = matched(plan("P", before), plan("N", after))
    for withdrawal in matching.withdrawals:
        for create in matching.creates:
            days = working_days_between(WEEKDAYS, withdrawal.old.required_date, create.new.required_date)
            assert abs(days) > 5 or withdrawal.old.item_revision != create.new.item_revision


def test_a_great_plan_of_one_item_takes_seconds_and_not_hours() -> None:
    """2,000 needs of one item, all different, on a few days: pair by pair that would be four million."""
    old = [need(f"P{number}", number * 3 + 1, june(8 + number % 5)) for number in range(2000)]
    new = [need(f"N{number}", number * 3 + 2, june(8 + number % 5)) for number in range(2000)]
    began = time.monotonic()
    assert len(matched(old, new).updates) == 2000
    assert time.monotonic() - began < 5
