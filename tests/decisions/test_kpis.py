"""The arithmetic of KPIs; the examples of docs/kpis.md have these figures."""

import ast
import datetime as dt
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.calendar import Calendar
from canonical.kpi import DEFINITIONS, Kpi
from decisions.calendars import add_business_hours, working_days_between
from decisions.kpis import (
    business_clock,
    business_seconds,
    is_hotspot,
    nearest_rank,
    over_budget,
    period_before,
    plant_period,
    working_days,
)

OFFICE = Calendar(name="office", zone="Europe/Berlin", holidays=(dt.date(2026, 5, 14), dt.date(2026, 12, 25)))
FIRST, LAST = dt.date(2026, 1, 1), dt.date(2026, 12, 31)
CLOCK = business_clock(OFFICE, FIRST, LAST)
PAGE = (Path(__file__).parents[2] / "docs" / "kpis.md").read_text()


def at(day: int, hour: int, minute: int = 0, month: int = 6) -> int:
    return int(dt.datetime(2026, month, day, hour, minute, tzinfo=OFFICE.tzinfo).timestamp())


def test_nearest_ranks_of_ten_questions() -> None:
    hours = [1, 1, 2, 3, 4, 4, 6, 7, 9, 30]
    assert [nearest_rank(hours, percent) for percent in (50, 90, 95)] == [4, 9, 30]
    assert nearest_rank([], 50) is None
    assert nearest_rank([7], 1) == 7


def test_business_hours_over_a_weekend() -> None:
    assert business_seconds(CLOCK, at(5, 15), at(8, 10)) == 4 * 3600


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (at(6, 10), at(7, 10), 0),  # a weekend
        (at(5, 18), at(5, 20), 0),  # after hours
        (at(13, 8, month=5), at(15, 17, month=5), 18),  # a holiday between
        (at(8, 12), at(8, 9), 0),  # clocks that disagree
    ],
)
def test_closed_hours_do_not_count(start: int, end: int, hours: int) -> None:
    assert business_seconds(CLOCK, start, end) == hours * 3600


@given(
    st.integers(0, 300 * 86400),
    st.decimals(Decimal("0.01"), Decimal(200), places=2),
)
def test_business_time_is_that_of_the_escalations(later: int, hours: Decimal) -> None:
    begins = dt.datetime(2026, 1, 2, tzinfo=dt.UTC) + dt.timedelta(seconds=later)
    ends = add_business_hours(OFFICE, begins, hours)
    assert business_seconds(CLOCK, int(begins.timestamp()), int(ends.timestamp())) == int(hours * 3600)


@given(st.dates(FIRST, LAST), st.dates(FIRST, LAST))
def test_working_days_as_a_list_count_as_the_calendar_does(earlier: dt.date, later: dt.date) -> None:
    days = working_days(OFFICE, FIRST, LAST)
    between = sum(day <= later for day in days) - sum(day <= earlier for day in days)
    assert between == working_days_between(OFFICE, earlier, later)


def test_the_period_before_28_days_of_june() -> None:
    before = period_before(dt.date(2026, 6, 1), dt.date(2026, 6, 28))
    assert before == (dt.date(2026, 5, 4), dt.date(2026, 5, 31))


def test_a_period_has_the_plants_days_and_ages_until_now() -> None:
    now = dt.datetime(2026, 6, 10, 12, tzinfo=dt.UTC)
    period = plant_period("1710", OFFICE, OFFICE, 16, dt.date(2026, 6, 1), dt.date(2026, 6, 30), now)
    assert period.since == at(1, 0)
    assert period.until == at(1, 0, month=7)
    assert period.at == int(now.timestamp())
    assert period.day == dt.date(2026, 6, 10)


def test_a_hotspot_of_16_hours_among_10() -> None:
    assert is_hotspot(Decimal(16), Decimal(10), 5)
    assert not is_hotspot(Decimal(15), Decimal(10), 5)
    assert not is_hotspot(Decimal(16), Decimal(10), 4)
    assert not is_hotspot(None, None, 0)


def test_a_change_budget_of_half_a_revision() -> None:
    assert not over_budget(5, 10, Decimal("0.5"))
    assert over_budget(6, 10, Decimal("0.5"))
    assert not over_budget(0, 0, Decimal(0))


def test_the_page_names_every_kpi_with_its_unit_and_only_tests_that_there_are() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE, re.M))
    assert rows == {kpi.value: DEFINITIONS[kpi].unit.value for kpi in Kpi}
    named = set(re.findall(r"`tests/decisions/test_kpis\.py::(\w+)`", PAGE))
    here = {node.name for node in ast.parse(Path(__file__).read_text()).body if isinstance(node, ast.FunctionDef)}
    assert named
    assert named <= here
