"""A day belongs to a place: today is the plant's, by the zone of its calendar."""

import datetime as dt

import pytest

from canonical.calendar import Calendar
from policies.book import FixedPolicies
from policies.days import today_at
from tests.decisions.models import a_policy

PLANTS = {
    name: a_policy(plant=name, calendar=Calendar(name=name, zone=zone))
    for name, zone in (
        ("1710", "America/Los_Angeles"),
        ("2010", "Pacific/Kiritimati"),
        ("1010", "Europe/Berlin"),
    )
}


@pytest.mark.parametrize(
    ("moment", "days"),
    [
        ("2026-06-09T01:55:00+00:00", {"1710": 8, "1010": 9, "2010": 9, "elsewhere": 9}),
        ("2026-06-09T06:59:59+00:00", {"1710": 8, "1010": 9}),
        ("2026-06-09T07:00:00+00:00", {"1710": 9, "1010": 9}),
        ("2026-06-08T10:00:00+00:00", {"1710": 8, "1010": 8, "2010": 9, "elsewhere": 8}),
        ("2026-06-08T22:30:00+00:00", {"1710": 8, "1010": 9}),
        ("2026-06-08T18:55:00-07:00", {"1710": 8, "1010": 9, "2010": 9}),
    ],
)
def test_one_moment_is_another_day_elsewhere(moment: str, days: dict[str, int]) -> None:
    now = dt.datetime.fromisoformat(moment)
    today = today_at(FixedPolicies(PLANTS).effective, lambda: now)
    assert {plant: today(plant).day for plant in days} == days


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-03-08T07:59:00+00:00", "2026-03-07"),  # the clocks go forward at two o'clock on the 8th
        ("2026-03-08T08:00:00+00:00", "2026-03-08"),
        ("2026-03-09T06:59:00+00:00", "2026-03-08"),
        ("2026-11-01T06:59:00+00:00", "2026-10-31"),  # and back at two o'clock on the 1st
        ("2026-11-01T07:00:00+00:00", "2026-11-01"),
        ("2026-11-02T07:59:00+00:00", "2026-11-01"),
    ],
)
def test_a_day_begins_at_midnight_on_both_changes_of_the_clocks(moment: str, day: str) -> None:
    calendar = PLANTS["1710"].calendar
    assert calendar.day_of(dt.datetime.fromisoformat(moment)) == dt.date.fromisoformat(day)
