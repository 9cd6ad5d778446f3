"""R16, out of office: the delegate is asked, and whoever stands in for the delegate."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.calendar import Calendar
from canonical.policy import Absence, PlantPolicy, Role
from decisions.delegation import absence_of, who_is_asked
from tests.decisions.models import a_policy, june

MONDAY_NOON = dt.datetime(2026, 6, 15, 12, tzinfo=dt.UTC)


def away(delegate: str, first: int = 10, last: int = 20) -> Role:
    return Role(absences=(Absence(first_day=june(first), last_day=june(last), delegate=delegate),))


def a_policy_where(**roles: Role) -> PlantPolicy:
    return a_policy(roles={name.replace("_", "-"): role for name, role in roles.items()})


def test_a_role_in_office_is_asked_itself() -> None:
    asked = who_is_asked("buyer", a_policy(), MONDAY_NOON)
    assert (asked.assignee, asked.on_behalf_of, asked.away) == ("buyer", None, ())
    assert asked.why == "buyer is in office"


def test_a_role_that_is_away_is_stood_in_for_and_the_reason_says_until_when() -> None:
    asked = who_is_asked("buyer", a_policy_where(buyer=away("dana")), MONDAY_NOON)
    assert (asked.assignee, asked.on_behalf_of) == ("dana", "buyer")
    reason = asked.reason("v7")
    assert (reason.rule, reason.policy_version) == ("R16", "v7")
    assert reason.why == "buyer is out of office until 2026-06-20; dana stands in"
    assert reason.inputs == {"role": "buyer", "assignee": "dana"}
    assert reason.thresholds == {"roles.buyer.absences": "2026-06-10 to 2026-06-20, delegate dana"}


def test_a_delegate_who_is_away_too_is_stood_in_for_in_turn() -> None:
    policy = a_policy_where(buyer=away("dana"), dana=away("eli"))
    asked = who_is_asked("buyer", policy, MONDAY_NOON)
    assert (asked.assignee, [name for name, _ in asked.away]) == ("eli", ["buyer", "dana"])
    assert asked.why == (
        "buyer is out of office until 2026-06-20, dana is out of office until 2026-06-20; eli stands in"
    )


def test_delegates_that_lead_back_end_with_the_manager() -> None:
    policy = a_policy_where(buyer=away("planner"), planner=away("buyer"))
    assert who_is_asked("buyer", policy, MONDAY_NOON).assignee == "purchasing-manager"


def test_a_manager_who_is_away_is_stood_in_for_even_at_the_end_of_a_cycle() -> None:
    policy = a_policy_where(buyer=away("planner"), planner=away("buyer"), purchasing_manager=away("director"))
    assert who_is_asked("buyer", policy, MONDAY_NOON).assignee == "director"


def test_where_everybody_is_away_the_manager_is_asked_all_the_same() -> None:
    policy = a_policy_where(buyer=away("purchasing-manager"), purchasing_manager=away("buyer"))
    for role in ("buyer", "purchasing-manager"):
        asked = who_is_asked(role, policy, MONDAY_NOON)
        assert asked.assignee == "purchasing-manager"
        assert asked.why.endswith("nobody is left, so purchasing-manager is asked all the same")


@pytest.mark.parametrize(("day", "is_away"), [(9, False), (10, True), (20, True), (21, False)])
def test_the_first_and_the_last_day_of_an_absence_are_of_it(day: int, is_away: bool) -> None:
    noon = dt.datetime(2026, 6, day, 12, tzinfo=dt.UTC)
    assert (absence_of("buyer", a_policy_where(buyer=away("dana")), noon) is not None) is is_away


def test_a_day_begins_and_ends_in_the_roles_own_time_zone() -> None:
    los_angeles = Calendar(name="la", zone="America/Los_Angeles")
    policy = a_policy(roles={"buyer": away("dana").model_copy(update={"calendar": los_angeles})})
    last_evening = dt.datetime(2026, 6, 21, 6, 59, tzinfo=dt.UTC)  # 23:59 on the 20th
    assert who_is_asked("buyer", policy, last_evening).assignee == "dana"
    assert who_is_asked("buyer", policy, last_evening + dt.timedelta(minutes=1)).assignee == "buyer"
    in_the_office = a_policy(roles={"buyer": away("dana")}, office=los_angeles)
    assert who_is_asked("buyer", in_the_office, last_evening).assignee == "dana"


def test_of_two_absences_the_one_that_lasts_longer_names_the_delegate() -> None:
    both = Role(absences=away("dana", 10, 16).absences + away("eli", 15, 30).absences)
    assert who_is_asked("buyer", a_policy_where(buyer=both), MONDAY_NOON).assignee == "eli"


names = st.sampled_from(["buyer", "planner", "purchasing-manager", "dana", "eli"])


@given(names, st.dictionaries(names, names.map(away)))
def test_somebody_is_always_asked_and_nobody_who_is_away_but_the_manager(role: str, roles: dict[str, Role]) -> None:
    policy = a_policy(roles=roles)
    asked = who_is_asked(role, policy, MONDAY_NOON)
    assert asked.assignee not in roles or asked.assignee == policy.manager
    assert (asked.assignee == role) == (role not in roles or asked.on_behalf_of is None)
    passed_over = [name for name, _ in asked.away]
    assert len(set(passed_over)) == len(passed_over)
    assert set(passed_over) <= set(roles)
