import datetime as dt
import time
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.calendar import Calendar
from canonical.policy import Escalation, Role
from decisions.escalation import (
    BUYER_NOTIFIED,
    MANAGER_NOTIFIED,
    REMINDED,
    latest_safe_moment,
    next_escalation,
    question_schedule,
    supplier_schedule,
)
from tests.decisions.business_hours_model import minute_by_minute
from tests.decisions.models import WEEKDAYS, a_policy, june

FRIDAY_THREE = dt.datetime(2026, 6, 12, 15, tzinfo=dt.UTC)
POLICY = a_policy()
BERLIN = Calendar(name="berlin", zone="Europe/Berlin")
LOS_ANGELES = Calendar(name="los-angeles", zone="America/Los_Angeles")


def test_r16_16_h_sla_08_to_17_sent_fri_15_00_is_due_mon_14_00_tue_13_00_wed_12_00() -> None:
    """16 h SLA, 08–17, sent Fri 15:00 → Mon 14:00, Tue 13:00, Wed 12:00."""
    supplier = supplier_schedule(FRIDAY_THREE, POLICY, None)
    assert [(level.action, f"{level.at:%a %H:%M}") for level in supplier] == [
        ("remind_supplier", "Mon 14:00"),
        ("notify_buyer", "Tue 13:00"),
    ]
    # The question that the buyer gets on Tuesday goes on with the supplier's clock.
    manager = next_escalation(question_schedule(FRIDAY_THREE, POLICY, "buyer", None), BUYER_NOTIFIED)
    assert manager is not None
    assert (manager.action, manager.role, f"{manager.at:%a %H:%M}") == (
        "notify_manager",
        "purchasing-manager",
        "Wed 12:00",
    )


def test_a_question_climbs_from_who_is_asked_to_the_buyer_and_the_manager() -> None:
    asked = {
        role: [(level.action, level.role) for level in question_schedule(FRIDAY_THREE, POLICY, role, None)]
        for role in ("planner", "buyer", "purchasing-manager")
    }
    assert asked == {
        "planner": [
            ("remind_assignee", "planner"),
            ("notify_buyer", "buyer"),
            ("notify_manager", "purchasing-manager"),
        ],
        "buyer": [("remind_assignee", "buyer"), ("notify_manager", "purchasing-manager")],
        "purchasing-manager": [("remind_assignee", "purchasing-manager")],
    }


def test_a_plant_whose_buyer_is_the_manager_notifies_one_person_once() -> None:
    alone = a_policy(manager="buyer")
    assert [level.action for level in question_schedule(FRIDAY_THREE, alone, "planner", None)] == [
        "remind_assignee",
        "notify_buyer",
    ]


def test_a_plant_of_ours_is_not_reminded_and_the_buyer_is_notified_all_the_same() -> None:
    [level] = supplier_schedule(FRIDAY_THREE, POLICY, None, remind=False)
    assert (level.action, f"{level.at:%a %H:%M}") == ("notify_buyer", "Tue 13:00")


def test_each_level_counts_in_the_hours_of_its_role() -> None:
    policy = a_policy(roles={"buyer": Role(calendar=BERLIN), "purchasing-manager": Role(calendar=LOS_ANGELES)})
    remind, notify = question_schedule(FRIDAY_THREE, policy, "buyer", None)
    assert (remind.calendar, notify.calendar) == ("berlin", "los-angeles")
    # 17:00 in Berlin: all of the eight hours are Monday's. 08:00 in Los Angeles: a day, a day and six hours.
    assert f"{remind.at.astimezone(ZoneInfo('Europe/Berlin')):%a %H:%M}" == "Mon 16:00"
    assert f"{notify.at.astimezone(ZoneInfo('America/Los_Angeles')):%a %H:%M}" == "Tue 14:00"
    assert {remind.at.tzinfo, notify.at.tzinfo} == {dt.UTC}


def test_no_level_is_due_before_the_one_below_it_however_long_the_manager_works() -> None:
    tireless = Calendar(name="tireless", weekdays=tuple(range(7)), opens=dt.time(0), closes=dt.time(23, 59))
    policy = a_policy(roles={"purchasing-manager": Role(calendar=tireless)})
    remind, notify = question_schedule(FRIDAY_THREE, policy, "buyer", None)
    assert f"{remind.at:%a %H:%M}" == f"{notify.at:%a %H:%M}" == "Mon 14:00", "24 h of the manager's end on Saturday"


def test_no_level_is_due_after_the_morning_of_the_latest_safe_date() -> None:
    levels = supplier_schedule(FRIDAY_THREE, POLICY, june(16))
    assert [f"{level.at:%a %H:%M}" for level in levels] == ["Mon 14:00", "Tue 08:00"]
    assert [level.latest_safe for level in levels] == [None, june(16)]


@pytest.mark.parametrize(
    ("day", "started", "due"),
    [
        (june(15), FRIDAY_THREE, "Mon 15 08:00"),
        (june(14), FRIDAY_THREE, "Fri 12 17:00"),  # nobody works on Sunday, nor on Saturday
        (june(12), FRIDAY_THREE, "Fri 12 17:00"),  # of that very day: by the evening
        (june(12), dt.datetime(2026, 6, 12, 8, tzinfo=dt.UTC), "Fri 12 17:00"),
        (june(14), dt.datetime(2026, 6, 13, 9, 30, tzinfo=dt.UTC), "Sat 13 09:30"),  # no time at all
        (june(11), FRIDAY_THREE, None),
    ],
)
def test_the_latest_safe_moment_leaves_people_a_day_to_act_in(
    day: dt.date, started: dt.datetime, due: str | None
) -> None:
    moment = latest_safe_moment(day, WEEKDAYS, started)
    assert (None if moment is None else f"{moment:%a %d %H:%M}") == due


def test_the_latest_safe_day_is_one_of_the_roles_own_zone() -> None:
    tuesday_two_in_utc = dt.datetime(2026, 6, 16, 2, tzinfo=dt.UTC)  # Monday 19:00 in Los Angeles
    assert latest_safe_moment(june(15), LOS_ANGELES, tuesday_two_in_utc) == tuesday_two_in_utc
    assert latest_safe_moment(june(15), WEEKDAYS, tuesday_two_in_utc) is None
    opens, closes = dt.datetime(2026, 6, 15, 15, tzinfo=dt.UTC), dt.datetime(2026, 6, 16, 0, tzinfo=dt.UTC)
    for started, expected in ((FRIDAY_THREE, opens), (opens, closes)):
        moment = latest_safe_moment(june(15), LOS_ANGELES, started)
        assert moment == expected
        assert moment.tzinfo is dt.UTC


def test_a_share_of_the_sla_that_ends_with_the_latest_safe_date_is_not_brought_forward() -> None:
    policy = a_policy(escalation=Escalation(sla_hours=4))
    reminder, reported = supplier_schedule(FRIDAY_THREE, policy, june(12))
    assert f"{reminder.at:%a %H:%M}" == f"{reported.at:%a %H:%M}" == "Fri 17:00"
    assert (reminder.latest_safe, reported.latest_safe) == (None, june(12))


def test_the_next_escalation_level_is_the_one_above_those_climbed_until_the_top() -> None:
    levels = question_schedule(FRIDAY_THREE, POLICY, "planner", None)
    assert [next_escalation(levels, reached) for reached in (0, REMINDED, BUYER_NOTIFIED, MANAGER_NOTIFIED)] == [
        *levels,
        None,
    ]
    of_the_buyer = question_schedule(FRIDAY_THREE, POLICY, "buyer", None)
    assert next_escalation(of_the_buyer, REMINDED) == of_the_buyer[-1]


def test_a_level_has_the_reason_why_it_is_due() -> None:
    reminder, reported = supplier_schedule(FRIDAY_THREE, POLICY, june(16))
    assert reminder.reason("v7").model_dump() == {
        "rule": "R16",
        "why": "50% of the SLA of 16 business hours (weekdays) is over",
        "inputs": {
            "started": "2026-06-12T15:00:00+00:00",
            "hours": "8",
            "calendar": "weekdays",
            "due": "2026-06-15T14:00:00+00:00",
            "role": "buyer",
        },
        "thresholds": {"escalation.sla_hours": 16, "escalation.reminder_at": "0.5"},
        "policy_version": "v7",
    }
    forward = reported.reason("v7")
    assert forward.why == "2026-06-16 is the latest safe date, and 100% of the SLA would end after that"
    assert forward.inputs["latest_safe_date"] == "2026-06-16"
    assert forward.thresholds == {"escalation.sla_hours": 16, "escalation.buyer_at": "1.0"}


def test_moments_are_in_utc_whatever_the_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    after_hours = dt.datetime(2026, 6, 12, 20, tzinfo=dt.UTC)
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    time.tzset()
    try:
        level = supplier_schedule(after_hours, POLICY, june(12))[0]
        reason = level.reason("v7")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert level.latest_safe == june(12)
    assert reason.inputs["started"] == reason.inputs["due"] == "2026-06-12T20:00:00+00:00"


moments = st.integers(0, 400_000).map(
    lambda minutes: dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=minutes)
)
calendars = st.sampled_from([WEEKDAYS, BERLIN, LOS_ANGELES])
roles = st.fixed_dictionaries(
    {}, optional={role: st.builds(Role, calendar=calendars) for role in ("buyer", "planner", "purchasing-manager")}
)


def test_whether_the_latest_safe_day_is_over_is_asked_at_the_plant_and_not_where_a_role_sits() -> None:
    late_at_the_plant = dt.datetime(2026, 1, 21, 23, 0, tzinfo=dt.UTC)  # and already the 22nd in Berlin
    roles = {"planner": Role(calendar=BERLIN)}
    policy = a_policy(escalation=Escalation(sla_hours=11, buyer_at=Decimal("1.1")), roles=roles)
    levels = question_schedule(late_at_the_plant, policy, "planner", dt.date(2026, 1, 21))
    assert [level.at for level in levels] == [late_at_the_plant] * 3


@given(
    moments,
    st.integers(1, 80),
    roles,
    st.sampled_from(["buyer", "planner", "purchasing-manager"]),
    st.none() | st.integers(-5, 40),
)
def test_an_escalation_schedule_rises_and_ends_by_the_latest_safe_date(
    started: dt.datetime, sla_hours: int, roles: dict[str, Role], asked: str, days: int | None
) -> None:
    policy = a_policy(escalation=Escalation(sla_hours=sla_hours, buyer_at=Decimal("1.1")), roles=roles)
    safe = None if days is None else started.date() + dt.timedelta(days=days)
    for levels in (question_schedule(started, policy, asked, safe), supplier_schedule(started, policy, safe)):
        due = [level.at for level in levels]
        assert due == sorted(due)
        assert due[0] >= started
        assert [level.height for level in levels] == sorted({level.height for level in levels})
        for level in levels:
            if safe is not None and started.astimezone(policy.office.tzinfo).date() <= safe:
                # A day ends at different times; an escalation level held back by the one below it ends with that.
                assert level.at <= dt.datetime.combine(safe + dt.timedelta(days=1), dt.time(12), dt.UTC)
                assert level.latest_safe in (None, safe)


@given(moments, st.integers(1, 20), st.sampled_from([0, 1, 2]))
def test_a_level_is_due_where_counting_the_minutes_of_its_role_ends(
    started: dt.datetime, sla_hours: int, place: int
) -> None:
    policy = a_policy(escalation=Escalation(sla_hours=sla_hours), office=LOS_ANGELES)
    level = question_schedule(started, policy, "planner", None)[place]
    minutes = int(sla_hours * 60 * [Decimal("0.5"), Decimal(1), Decimal("1.5")][place])
    assert level.at == minute_by_minute(LOS_ANGELES, started, minutes)
