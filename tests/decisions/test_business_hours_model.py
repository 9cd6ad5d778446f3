"""Business hours against a slow, obvious model that counts the minutes one by one."""

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from canonical.calendar import Calendar
from decisions.calendars import add_business_hours
from tests.decisions.business_hours_model import minute_by_minute


def is_skipped_or_repeated(clock: dt.time) -> bool:
    """Whether a change of the clocks may skip or repeat it, so that "open from then on" has no one meaning."""
    return dt.time(1) < clock < dt.time(3) and clock != dt.time(2)


offices = st.builds(
    Calendar,
    name=st.just("office"),
    zone=st.sampled_from(
        ["UTC", "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/Monterrey"]
    ),
    weekdays=st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    holidays=st.sets(st.dates(dt.date(2026, 1, 1), dt.date(2026, 12, 31)), max_size=12).map(tuple),
    opens=st.integers(0, 22 * 60).map(lambda minute: dt.time(minute // 60, minute % 60)),
    closes=st.integers(1, 23 * 60 + 59).map(lambda minute: dt.time(minute // 60, minute % 60)),
)
moments = st.integers(0, 360 * 24 * 60).map(
    lambda minutes: dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=minutes)
)
around_the_change = st.builds(
    lambda change, minutes: change + dt.timedelta(minutes=minutes),
    st.sampled_from(
        [
            dt.datetime(2026, 3, 8, 10, tzinfo=dt.UTC),  # Los Angeles, to summer
            dt.datetime(2026, 11, 1, 9, tzinfo=dt.UTC),  # and back
            dt.datetime(2026, 3, 29, 1, tzinfo=dt.UTC),  # Berlin, to summer
            dt.datetime(2026, 10, 25, 1, tzinfo=dt.UTC),  # and back
            dt.datetime(2026, 4, 4, 15, tzinfo=dt.UTC),  # Lord Howe, half an hour back
        ]
    ),
    st.integers(-3 * 24 * 60, 24 * 60),
)


def office(zone: str, *holidays: dt.date, **changes: Any) -> Calendar:
    return Calendar(name="office", zone=zone, holidays=holidays, **changes)


@given(offices, moments | around_the_change, st.integers(0, 800).map(lambda threes: 3 * threes))
@example(
    office("Europe/Berlin", weekdays=(6,), opens=dt.time(1), closes=dt.time(4)),
    dt.datetime(2026, 3, 28, tzinfo=dt.UTC),
    120,
)
@example(
    office("Europe/Berlin", weekdays=(6,), opens=dt.time(1), closes=dt.time(4)),
    dt.datetime(2026, 10, 24, tzinfo=dt.UTC),
    240,
)
def test_hours_end_where_counting_the_minutes_one_by_one_ends(
    office: Calendar, start: dt.datetime, minutes: int
) -> None:
    """Three minutes are an exact decimal share of an hour."""
    assume(office.opens < office.closes)
    assume(not is_skipped_or_repeated(office.opens))
    assume(not is_skipped_or_repeated(office.closes))
    open_minutes = (office.closes.hour - office.opens.hour) * 60 + office.closes.minute - office.opens.minute
    minutes %= open_minutes * len(office.weekdays) // 3 * 3 + 3  # a week and a little: the model is slow
    assert add_business_hours(office, start, Decimal(minutes) / 60) == minute_by_minute(office, start, minutes)


@pytest.mark.parametrize(
    ("zone", "friday", "sunday_changes_by"),
    [
        ("America/Los_Angeles", dt.date(2026, 3, 6), -1),
        ("America/Los_Angeles", dt.date(2026, 10, 30), 1),
        ("Europe/Berlin", dt.date(2026, 3, 27), -1),
        ("Europe/Berlin", dt.date(2026, 10, 23), 1),
    ],
)
def test_a_change_of_the_clock_over_a_weekend_moves_monday_in_utc_and_not_on_the_wall(
    zone: str, friday: dt.date, sunday_changes_by: int
) -> None:
    here = ZoneInfo(zone)
    start = dt.datetime.combine(friday, dt.time(15), here)
    due = add_business_hours(office(zone), start, Decimal(8))
    assert f"{due.astimezone(here):%a %H:%M}" == "Mon 14:00"
    assert due - start.astimezone(dt.UTC) == dt.timedelta(days=2, hours=23 + sunday_changes_by)
    assert due == minute_by_minute(office(zone), start, 8 * 60)


def test_a_public_holiday_is_passed_over_like_a_weekend() -> None:
    easter_monday = dt.date(2026, 4, 6)
    berlin = office("Europe/Berlin", dt.date(2026, 4, 3), easter_monday)
    maundy_thursday = dt.datetime(2026, 4, 2, 15, tzinfo=ZoneInfo("Europe/Berlin"))
    due = add_business_hours(berlin, maundy_thursday, Decimal(8))
    assert f"{due.astimezone(ZoneInfo('Europe/Berlin')):%a %d %H:%M}" == "Tue 07 14:00"
    assert due == minute_by_minute(berlin, maundy_thursday, 8 * 60)


def test_an_opening_that_the_clocks_skip_or_repeat_is_reckoned_by_the_time_before_the_change() -> None:
    """02:30 of 8 March does not exist in Los Angeles, 01:30 of 1 November does twice."""
    night = office("America/Los_Angeles", weekdays=(6,), opens=dt.time(2, 30), closes=dt.time(5))
    skipped = add_business_hours(night, dt.datetime(2026, 3, 7, tzinfo=dt.UTC), Decimal(0))
    assert skipped == dt.datetime(2026, 3, 8, 10, 30, tzinfo=dt.UTC)
    early = office("America/Los_Angeles", weekdays=(6,), opens=dt.time(1, 30), closes=dt.time(5))
    repeated = add_business_hours(early, dt.datetime(2026, 10, 31, tzinfo=dt.UTC), Decimal(0))
    assert repeated == dt.datetime(2026, 11, 1, 8, 30, tzinfo=dt.UTC)
