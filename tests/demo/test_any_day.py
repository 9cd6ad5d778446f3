"""The story's checks on any day and around any days off: they hold where the engine is right."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canonical.calendar import Calendar
from canonical.need import Need
from decisions.dampener import judge_change
from demo.chapters.rerun import line_to_cut
from demo.reckoning import aps_mismatches
from demo.shares import decrease_of, read_lines, shared_lines
from demo.site import PLANTS, REPLACEMENT
from demo.stage import days_off
from policies.book import PolicyBook
from settings import policy_directory
from simulators.aps.versions import requirement_data
from tests.decisions.models import a_policy, a_revision
from tests.demo.paper import PLANT, Paper, changed_needs, planned

FIRST = dt.date(2026, 11, 27)
DAYS = [FIRST + dt.timedelta(days=day) for day in range(730)]
SOME_DAYS_OFF = st.lists(st.integers(0, 60), max_size=25)
"""Days after the first one; with weekends, up to five weeks of them in one."""
ANSWERS = st.lists(st.integers(0, 3), min_size=1, max_size=8)


def closed(today: dt.date, days: list[int]) -> Calendar:
    return Calendar(name="drawn", holidays=tuple(today + dt.timedelta(days=day) for day in days))


def real(plant: str, today: dt.date) -> Calendar:
    policy = PolicyBook(policy_directory(), today=lambda: today).effective(plant)
    assert policy is not None
    return policy.calendar


def check_the_reading(paper: Paper) -> None:
    """Sure lines are read as they are, the others held for no less, and receipts agree."""
    reading = read_lines(paper.books())
    assert not reading.unread
    for line, other_allocations in paper.truth.items():
        read = set(reading.serves[line])
        assert read >= other_allocations if line in reading.maybe_written else read == other_allocations, (
            line,
            paper.today,
        )
    paper.receive()
    books = paper.books()
    assert aps_mismatches(books, read_lines(books).serves) == []


def check_the_cut(paper: Paper) -> None:
    """There is a line to cut, and R12 decides what is left of it."""
    books = paper.books()
    line = line_to_cut(shared_lines(books, read_lines(books)))
    assert set(line.needs) == paper.truth[line.order, line.line]
    gone = max(line.needs)
    paper.withdraw(gone)
    after = decrease_of(paper.books(), line, {gone})
    assert after.faults == []
    assert after.after < line.quantity


@pytest.mark.parametrize("part", range(6))
def test_on_days_of_two_years_shared_lines_are_read_as_they_are_and_can_be_cut(part: int) -> None:
    """Every third day: each day of the week is among them, before and after all days off."""
    calendars = {year: real(PLANT, dt.date(year, 7, 1)) for year in (2026, 2027, 2028)}
    for today in DAYS[::3][part::6]:
        check_the_reading(Paper(today, calendars[today.year], answers=[0]))
        check_the_cut(Paper(today, calendars[today.year]))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DAYS), SOME_DAYS_OFF, ANSWERS)
def test_around_any_days_off_and_however_the_supplier_answers_shared_lines_are_read_as_they_are(
    today: dt.date, days: list[int], answers: list[int]
) -> None:
    check_the_reading(Paper(today, closed(today, days), answers))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(DAYS), SOME_DAYS_OFF)
def test_around_any_days_off_what_is_left_of_a_line_that_is_cut_is_what_the_rule_says(
    today: dt.date, days: list[int]
) -> None:
    check_the_cut(Paper(today, closed(today, days)))


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(DAYS), SOME_DAYS_OFF, st.text("abc", max_size=3))
def test_a_large_change_is_acted_on_and_a_slight_one_never_whatever_days_are_off(
    today: dt.date, days: list[int], seed: str
) -> None:
    calendar = closed(today, days)
    before = planned(today, *(plant.code for plant in PLANTS))
    after = changed_needs(today, calendar.holidays, seed)

    def act(reference: str) -> bool:
        old, new = (
            Need(source="aps", revision=a_revision(1), **requirement_data(version.requirements[reference]))
            for version in (before, after)
        )
        return judge_change(old, new, a_policy().dampener, calendar).act

    assert [reference for reference in after.changed if not act(reference)] == []
    assert [reference for reference in after.slightly if act(reference)] == []
    assert len(after.changed) > 100 < 10 * len(after.slightly)


@pytest.mark.parametrize("today", DAYS[:7], ids=lambda day: f"{day:%A}")
def test_the_component_that_gives_way_is_needed_on_several_days(today: dt.date) -> None:
    """A plan depends on the day of the week alone."""
    rows = planned(today, REPLACEMENT.plant).requirements.values()
    days = {row.required_date for row in rows if row.item == REPLACEMENT.outgoing}
    assert len(days) > 1


def test_each_plant_s_days_off_are_those_of_its_calendar() -> None:
    off = days_off(policy_directory(), dt.date(2026, 12, 5))
    assert dt.date(2026, 12, 24) in off["1720"]
    assert set(off) == {plant.code for plant in PLANTS}


def test_around_christmas_requirements_of_several_days_share_one_line() -> None:
    today = dt.date(2026, 12, 5)
    paper = Paper(today, real(PLANT, today))
    shared = [row for row in shared_lines(paper.books(), read_lines(paper.books())) if len(row.needs) > 2]
    assert {len({paper.versions[0].requirements[each].required_date for each in row.needs}) for row in shared} == {2}
