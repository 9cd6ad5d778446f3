import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from canonical.calendar import Calendar
from decisions.calendars import (
    add_business_hours,
    add_working_days,
    next_working_day,
    previous_working_day,
    subtract_working_days,
    working_days_between,
    works_near,
)
from tests.decisions.models import EVERY_DAY, WEEKDAYS, june, may

days = st.dates(dt.date(2025, 1, 1), dt.date(2028, 12, 31))
calendars = st.builds(
    Calendar,
    name=st.just("any"),
    weekdays=st.sets(st.integers(0, 6), min_size=1).map(lambda found: tuple(sorted(found))),
    holidays=st.lists(days, max_size=25).map(tuple),
)
JUNETEENTH = Calendar(name="plant", holidays=(june(19),))


def works_on(cal: Calendar, day: dt.date) -> bool:
    """The slow and obvious way."""
    return day.weekday() in cal.weekdays and day not in cal.holidays


def test_a_weekend_and_a_holiday_are_no_working_days() -> None:
    assert [day for day in range(15, 23) if not works_on(JUNETEENTH, june(day))] == [19, 20, 21]
    assert next_working_day(JUNETEENTH, june(19)) == june(22)
    assert previous_working_day(JUNETEENTH, june(21)) == june(18)
    assert next_working_day(JUNETEENTH, june(18)) == previous_working_day(JUNETEENTH, june(18)) == june(18)


def test_a_day_off_counts_once_however_often_and_in_whatever_order_it_is_named() -> None:
    cal = Calendar(name="plant", weekdays=(4, 3, 2, 1, 0, 4), holidays=(june(19), june(20), june(4), june(19)))
    assert (cal.weekdays, cal.holidays) == ((0, 1, 2, 3, 4), (june(4), june(19)))
    assert working_days_between(cal, june(1), june(30)) == 19
    assert working_days_between(cal, june(18), june(19)) == working_days_between(cal, june(19), june(20)) == 0
    assert [day for day in range(1, 27) if not works_on(cal, june(day))] == [4, 6, 7, 13, 14, 19, 20, 21]


def test_counting_from_a_saturday_starts_on_monday_and_counting_back_starts_on_friday() -> None:
    assert add_working_days(WEEKDAYS, june(13), 0) == june(15)
    assert add_working_days(WEEKDAYS, june(13), 1) == june(16)
    assert add_working_days(WEEKDAYS, june(13), -1) == june(11)
    assert subtract_working_days(WEEKDAYS, june(13), 0) == june(12)


def test_a_long_count_steps_over_the_holidays_in_it() -> None:
    assert add_working_days(JUNETEENTH, june(1), 20) == june(30)
    assert add_working_days(JUNETEENTH, june(30), -20) == june(1)


@given(calendars, days, st.integers(0, 60))
def test_a_count_ends_where_counting_day_by_day_ends(cal: Calendar, day: dt.date, n: int) -> None:
    expected = day
    while not works_on(cal, expected):
        expected += dt.timedelta(days=1)
    for _ in range(n):
        expected += dt.timedelta(days=1)
        while not works_on(cal, expected):
            expected += dt.timedelta(days=1)
    assert add_working_days(cal, day, n) == expected
    assert working_days_between(cal, next_working_day(cal, day), expected) == n


@given(calendars, days, st.integers(0, 60))
def test_what_was_counted_back_can_be_counted_forward_in_time(cal: Calendar, day: dt.date, n: int) -> None:
    start = subtract_working_days(cal, day, n)
    assert add_working_days(cal, start, n) <= day
    after = next_working_day(cal, start + dt.timedelta(days=1))
    assert add_working_days(cal, after, n) > day


@given(calendars, days, days)
def test_the_distance_is_the_number_of_working_days_passed_and_changes_sign_with_direction(
    cal: Calendar, one: dt.date, other: dt.date
) -> None:
    first, last = min(one, other), max(one, other)
    passed = sum(works_on(cal, first + dt.timedelta(days=ahead)) for ahead in range(1, (last - first).days + 1))
    assert working_days_between(cal, first, last) == passed
    assert working_days_between(cal, last, first) == -passed


def test_a_calendar_without_working_days_is_an_error_and_no_endless_search() -> None:
    with pytest.raises(ValueError, match="'never' has no working day"):
        next_working_day(Calendar(name="never", weekdays=()), june(1))


def closed_for(weeks: int) -> Calendar:
    """Works on Mondays, and on none of so many from the first of June 2026."""
    mondays = tuple(june(1) + dt.timedelta(weeks=week) for week in range(weeks))
    return Calendar(name="closed", weekdays=(0,), holidays=mondays)


def test_a_closure_of_a_year_is_stepped_over_and_a_longer_one_is_an_error() -> None:
    assert next_working_day(closed_for(57), june(1)) == june(1) + dt.timedelta(weeks=57)
    with pytest.raises(ValueError, match="'closed' has no working day near 2026-06-01"):
        next_working_day(closed_for(58), june(1))
    # Each stretch is counted by itself: the weekends of two years are no closure.
    assert add_working_days(closed_for(0), june(1), 100) == june(1) + dt.timedelta(weeks=100)
    assert subtract_working_days(WEEKDAYS, june(15), 4) == june(9)


@pytest.mark.parametrize(("weeks", "near"), [(0, True), (56, True), (57, True), (58, False)])
def test_dates_can_be_counted_where_a_day_works_on_either_side_within_the_longest_closure(
    weeks: int, near: bool
) -> None:
    assert works_near(closed_for(weeks), june(1)) is near


def test_the_days_without_work_before_a_closure_are_a_part_of_it() -> None:
    """Monday the 25th of May is the last that works: six days later the 57 weeks begin."""
    assert works_near(closed_for(57), may(25))
    assert not works_near(closed_for(57), may(26))


def test_399_days_off_after_a_working_day_are_stepped_over_and_400_are_an_error() -> None:
    off = tuple(june(2) + dt.timedelta(days=ahead) for ahead in range(400))
    closed = EVERY_DAY.model_copy(update={"holidays": off})
    assert add_working_days(EVERY_DAY.model_copy(update={"holidays": off[:-1]}), june(1), 1) == off[-1]
    with pytest.raises(ValueError, match="near 2026-06-02"):
        next_working_day(closed, june(2))


def test_business_hours_run_in_the_local_day_of_the_role() -> None:
    office = Calendar(name="office", zone="America/Los_Angeles")
    friday_three = dt.datetime(2026, 6, 12, 22, tzinfo=dt.UTC)
    assert add_business_hours(office, friday_three, Decimal(3)) == dt.datetime(2026, 6, 15, 16, tzinfo=dt.UTC)


def test_eight_in_the_morning_is_an_hour_earlier_in_utc_once_summer_time_began() -> None:
    office = Calendar(name="office", zone="America/Los_Angeles")
    friday_before = dt.datetime(2026, 3, 7, 0, 30, tzinfo=dt.UTC)  # Friday 16:30 in winter time
    due = add_business_hours(office, friday_before, Decimal(1))
    assert due == dt.datetime(2026, 3, 9, 15, 30, tzinfo=dt.UTC)  # Monday 08:30 in summer time


def test_an_hour_that_summer_time_takes_away_is_not_worked() -> None:
    night = Calendar(name="night", zone="America/Los_Angeles", weekdays=(6,), opens=dt.time(0), closes=dt.time(6))
    starts = dt.datetime(2026, 3, 8, 8, tzinfo=dt.UTC)  # Sunday midnight; 02:00 to 03:00 does not exist
    assert add_business_hours(night, starts, Decimal(5)) == dt.datetime(2026, 3, 8, 13, tzinfo=dt.UTC)  # closing time
    a_minute_more = add_business_hours(night, starts, Decimal(5) + Decimal(1) / 60)
    assert a_minute_more == dt.datetime(2026, 3, 15, 7, 1, tzinfo=dt.UTC)


def test_no_hours_from_the_evening_are_the_next_opening() -> None:
    assert add_business_hours(WEEKDAYS, dt.datetime(2026, 6, 12, 20, tzinfo=dt.UTC), Decimal(0)) == dt.datetime(
        2026, 6, 15, 8, tzinfo=dt.UTC
    )


def test_hours_that_end_at_closing_time_end_that_day() -> None:
    assert add_business_hours(WEEKDAYS, dt.datetime(2026, 6, 12, 15, tzinfo=dt.UTC), Decimal(2)) == dt.datetime(
        2026, 6, 12, 17, tzinfo=dt.UTC
    )


def test_the_clock_of_business_hours_does_not_run_backward_or_in_a_closed_office() -> None:
    start = dt.datetime(2026, 6, 12, 15, tzinfo=dt.UTC)
    with pytest.raises(ValueError, match="forward only"):
        add_business_hours(WEEKDAYS, start, Decimal(-1))
    with pytest.raises(ValueError, match="closes at 08:00:00"):
        add_business_hours(Calendar(name="shut", opens=dt.time(8), closes=dt.time(8)), start, Decimal(1))


moments = st.integers(0, 330 * 24 * 60).map(
    lambda minutes: dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=minutes)
)
hours = st.decimals(0, 60, places=2)
zones = st.sampled_from(["UTC", "America/Los_Angeles", "America/Monterrey", "Asia/Kolkata"])


@given(moments, hours, hours, zones)
@example(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), Decimal(9), Decimal(0), "UTC")
def test_hours_added_in_two_parts_are_hours_added_at_once(
    start: dt.datetime, one: Decimal, other: Decimal, zone: str
) -> None:
    office = Calendar(name="office", zone=zone, holidays=(dt.date(2026, 7, 3),))
    at_once = add_business_hours(office, start, one + other)
    in_two = add_business_hours(office, add_business_hours(office, start, one), other)
    # Closing time and the next opening are the same moment of work.
    assert _the_moment_of_work(office, in_two) == _the_moment_of_work(office, at_once)
    assert start <= at_once
    local = at_once.astimezone(ZoneInfo(zone))
    assert works_on(office, local.date())
    assert dt.time(8) <= local.time() <= dt.time(17)


def _the_moment_of_work(office: Calendar, moment: dt.datetime) -> dt.datetime:
    return add_business_hours(office, moment, Decimal(0))


def test_closing_time_is_no_business_moment_and_due_moments_are_in_utc() -> None:
    office = Calendar(name="office", zone="America/Los_Angeles")
    closing = dt.datetime(2026, 6, 12, 17, tzinfo=office.tzinfo)
    next_opening = add_business_hours(office, closing, Decimal(0))
    assert next_opening == dt.datetime(2026, 6, 15, 15, tzinfo=dt.UTC)
    assert next_opening.tzinfo is dt.UTC
    in_the_morning = add_business_hours(office, dt.datetime(2026, 6, 12, 10, tzinfo=office.tzinfo), Decimal(1))
    assert in_the_morning.tzinfo is dt.UTC
    assert in_the_morning.hour == 18
