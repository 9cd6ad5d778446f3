"""R15: approvals that another system's own people give."""

import datetime as dt
from decimal import Decimal

import pytest

from canonical.calendar import Calendar
from canonical.policy import OutsideApproval, PlantPolicy
from decisions.outside_approval import ask_buyer_at, look_after

MONDAY = dt.datetime(2026, 6, 1, 8, 0, tzinfo=dt.UTC)
OFFICE = Calendar(name="office", opens=dt.time(8), closes=dt.time(17))
POLICY = PlantPolicy(
    plant="1710", version="v", company_code="1710", purchasing_organization="1710", calendar=OFFICE, office=OFFICE
)


def looked_at(rules: OutsideApproval, times: int) -> list[dt.datetime]:
    found = [look_after(0, MONDAY, rules)]
    for looks in range(1, times):
        found.append(look_after(looks, found[-1], rules))
    return found


def test_r15_taken_on_mon_08_00_is_looked_at_after_5_10_20_40_80_and_120_minutes() -> None:
    moments = looked_at(OutsideApproval(), 7)
    assert [f"{moment:%H:%M}" for moment in moments] == ["08:05", "08:15", "08:35", "09:15", "10:35", "12:35", "14:35"]


def test_r15_taken_on_mon_08_00_the_buyer_is_asked_on_tue_15_00() -> None:
    assert f"{ask_buyer_at(MONDAY, POLICY):%A %H:%M}" == "Tuesday 15:00"


@pytest.mark.parametrize(("first", "longest", "minutes"), [(30, 10, 30), (5, 5, 5), (1440, 1440, 1440)])
def test_no_pause_is_shorter_than_the_first_however_long_it_waits(first: int, longest: int, minutes: int) -> None:
    rules = OutsideApproval(first_look_minutes=first, longest_pause_minutes=longest)
    pauses = {look_after(looks, MONDAY, rules) - MONDAY for looks in (0, 1, 5, 10**9)}
    assert pauses == {dt.timedelta(minutes=minutes)}


def test_so_many_looks_at_most_in_a_day() -> None:
    rules = OutsideApproval()
    moments = looked_at(rules, 40)
    day = [moment for moment in moments if moment < MONDAY + dt.timedelta(days=1)]
    assert len(day) <= 5 + Decimal(24 * 60) / rules.longest_pause_minutes
