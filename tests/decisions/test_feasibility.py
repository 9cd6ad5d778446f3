import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.need import Peg
from canonical.supply import ScheduleLine, ScheduleLineState
from decisions.calendars import working_days_between
from decisions.feasibility import Feasible, Short, available_on, judge_feasibility
from tests.decisions.models import WEEKDAYS, a_peg, backordered, confirmed, june, received

TODAY = june(1)


def judged(
    pegs: list[Peg], schedule_lines: list[ScheduleLine], receipt_days: int = 2, today: dt.date = TODAY
) -> Feasible | Short:
    return judge_feasibility(pegs, schedule_lines, receipt_days, WEEKDAYS, today)


def test_r7_confirmed_thu_11_plus_2_is_mon_15_in_time() -> None:
    """Confirmed Thu 11 + 2 wd → Mon 15: in time."""
    outcome = judged([a_peg(100, june(15))], [confirmed(100, june(11))])
    assert isinstance(outcome, Feasible)
    assert outcome.available_on == june(15)


def test_r7_fri_12_is_tue_16_one_working_day_late() -> None:
    """Fri 12 → Tue 16: one working day late."""
    outcome = judged([a_peg(100, june(15))], [confirmed(100, june(12))])
    assert isinstance(outcome, Short)
    assert (outcome.short_quantity, outcome.short_at) == (Decimal(100), june(15))
    assert (outcome.available_on, outcome.working_days_late) == (june(16), 1)
    assert outcome.why == "100 of 100 short from 2026-06-15; covered on 2026-06-16, 1 working days late"


def test_r7_100_promised_for_8_june_and_not_received_on_1_july_are_on_stock_on_3_july_at_the_earliest() -> None:
    """Promised for Mon 8 June, nothing received, today Wed 1 July: Fri 3 July at the earliest."""
    outcome = judged([a_peg(100, june(15))], [confirmed(100, june(8))], today=dt.date(2026, 7, 1))
    assert isinstance(outcome, Short)
    assert (outcome.short_quantity, outcome.short_at) == (Decimal(100), june(15))
    assert (outcome.available_on, outcome.working_days_late) == (dt.date(2026, 7, 3), 14)


@pytest.mark.parametrize("state", [ScheduleLineState.ORDERED, ScheduleLineState.CONFIRMED, ScheduleLineState.SHIPPED])
@pytest.mark.parametrize(("today", "in_time"), [(8, True), (11, True), (12, False)])
def test_what_has_not_come_by_its_day_can_come_today(state: ScheduleLineState, today: int, in_time: bool) -> None:
    piece = ScheduleLine(quantity=Decimal(100), date=june(8), state=state)
    assert isinstance(judged([a_peg(100, june(15))], [piece], today=june(today)), Feasible) is in_time


def test_what_was_received_in_the_past_is_on_stock_since_then() -> None:
    assert isinstance(judged([a_peg(100, june(15))], [received(100, june(8))], today=june(30)), Feasible)


def test_a_demand_of_the_past_is_not_met_by_what_is_still_to_come() -> None:
    outcome = judged([a_peg(40, june(5)), a_peg(60, june(30))], [confirmed(100, june(16))], today=june(15))
    assert isinstance(outcome, Short)
    assert (outcome.short_quantity, outcome.short_at) == (Decimal(40), june(5))


def test_the_early_part_is_in_time_and_only_the_rest_is_short() -> None:
    outcome = judged([a_peg(60, june(15)), a_peg(40, june(22))], [confirmed(60, june(11)), confirmed(40, june(19))])
    assert outcome == Short(Decimal(40), june(22), june(23), 1, Decimal(100), outcome.why)


def test_an_early_shortfall_counts_though_later_supply_makes_up_for_it() -> None:
    pegs = [a_peg(100, june(15)), a_peg(100, june(29))]
    outcome = judged(pegs, [confirmed(30, june(8)), confirmed(170, june(17))])
    assert isinstance(outcome, Short)
    assert (outcome.short_quantity, outcome.short_at, outcome.working_days_late) == (Decimal(70), june(15), 4)
    assert outcome.available_on == june(19)


def test_backordered_and_undated_supply_covers_nothing() -> None:
    outcome = judged([a_peg(100, june(15))], [backordered(100), backordered(100, june(1))])
    assert outcome == Short(Decimal(100), june(15), None, 0, Decimal(100), outcome.why)


def test_received_goods_are_on_stock_on_their_day_and_without_receipt_days() -> None:
    assert isinstance(judged([a_peg(100, june(15))], [received(100, june(15))]), Feasible)
    assert isinstance(judged([a_peg(100, june(15))], [received(100, june(16))]), Short)


@pytest.mark.parametrize("state", [ScheduleLineState.ORDERED, ScheduleLineState.CONFIRMED, ScheduleLineState.SHIPPED])
def test_what_is_on_its_way_counts_by_its_date(state: ScheduleLineState) -> None:
    piece = ScheduleLine(quantity=Decimal(100), date=june(11), state=state)
    assert isinstance(judged([a_peg(100, june(15))], [piece]), Feasible)


def test_a_need_without_any_supply_is_short_whole() -> None:
    outcome = judged([a_peg(100, june(15))], [])
    assert isinstance(outcome, Short)
    assert outcome.short_quantity == 100


def test_no_pegs_are_an_error_since_a_need_without_pegging_is_its_own() -> None:
    with pytest.raises(ValueError, match=r"^no pegged demand"):
        judged([], [confirmed(1, june(1))])


days = st.dates(june(1), june(30))
quantities = st.integers(1, 100)
some_pegs = st.lists(st.builds(a_peg, quantities, days), min_size=1, max_size=5)
some_schedule_line = st.lists(
    st.one_of(
        st.builds(confirmed, quantities, days),
        st.builds(received, quantities, days),
        st.builds(backordered, quantities, st.none() | days),
    ),
    max_size=6,
)


@given(some_pegs, some_schedule_line)
def test_the_verdict_is_what_counting_day_by_day_gives(pegs: list[Peg], schedule_lines: list[ScheduleLine]) -> None:
    def on_stock(by: dt.date) -> Decimal:
        total = Decimal(0)
        for piece in schedule_lines:
            if piece.date is None or piece.state is ScheduleLineState.BACKORDERED:
                continue
            arrives = piece.date if piece.state is ScheduleLineState.RECEIVED else available_on(piece.date, 2, WEEKDAYS)
            total += piece.quantity if arrives <= by else 0
        return total

    def needed(by: dt.date) -> Decimal:
        return sum((peg.quantity for peg in pegs if peg.date <= by), Decimal(0))

    calendar = [june(1) + dt.timedelta(days=ahead) for ahead in range(60)]
    shortfalls = {day: needed(day) - on_stock(day) for day in calendar if day in {peg.date for peg in pegs}}
    worst = max(shortfalls.values())
    outcome = judged(pegs, schedule_lines)
    whole = next((day for day in calendar if on_stock(day) >= needed(calendar[-1])), None)
    if worst <= 0:
        assert isinstance(outcome, Feasible)
    else:
        assert isinstance(outcome, Short)
        assert outcome.short_quantity == worst
        assert outcome.short_at == min(day for day, missing in shortfalls.items() if missing > 0)
        assert outcome.available_on == whole
        waits = [
            working_days_between(WEEKDAYS, day, covered)
            for day, missing in shortfalls.items()
            if missing > 0 and (covered := next((by for by in calendar if on_stock(by) >= needed(day)), None))
        ]
        assert outcome.working_days_late == max(waits, default=0)


@given(some_pegs, some_schedule_line)
def test_the_order_in_which_demand_and_supply_are_listed_does_not_matter(
    pegs: list[Peg], schedule_lines: list[ScheduleLine]
) -> None:
    assert judged(pegs, schedule_lines) == judged(pegs[::-1], schedule_lines[::-1])


def test_r7s_reason_of_a_need_that_is_met() -> None:
    outcome = judged([a_peg(100, june(15))], [confirmed(100, june(11))])
    reason = outcome.reason("v7")
    assert (reason.rule, reason.why, reason.policy_version) == ("R7", "100 on stock by 2026-06-15", "v7")
    assert reason.inputs == {"needed": "100", "available_on": "2026-06-15"}
    assert outcome.needed == 100


def test_r7s_reason_of_a_need_that_is_short() -> None:
    late = judged([a_peg(100, june(15))], [confirmed(100, june(12))]).reason("v7")
    assert (late.rule, late.policy_version) == ("R7", "v7")
    assert late.why == "100 of 100 short from 2026-06-15; covered on 2026-06-16, 1 working days late"
    assert late.inputs == {
        "needed": "100",
        "short_quantity": "100",
        "short_at": "2026-06-15",
        "available_on": "2026-06-16",
        "working_days_late": 1,
    }
    never = judged([a_peg(100, june(15))], []).reason("v7")
    assert never.why == "100 of 100 short from 2026-06-15; no dated supply covers the whole need"
    assert never.inputs["available_on"] is None


def test_supply_beyond_the_need_does_not_put_off_the_day_on_which_it_is_covered() -> None:
    outcome = judged([a_peg(100, june(15))], [confirmed(100, june(11)), confirmed(50, june(18))])
    assert isinstance(outcome, Feasible)
    assert outcome.available_on == june(15)
