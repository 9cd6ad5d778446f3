"""R16: a date that passed without a receipt; when the need is tested again, the supplier reminded, the buyer asked."""

import datetime as dt

import pytest

from canonical.calendar import Calendar
from canonical.policy import Overdue
from decisions.overdue import OverdueStep, has_passed, overdue_schedule, start_of_next_working_day
from tests.decisions.models import WEEKDAYS, a_policy, june

LOS_ANGELES = Calendar(name="west", zone="America/Los_Angeles")
AT_LOS_ANGELES = a_policy(calendar=LOS_ANGELES, office=LOS_ANGELES)


def test_r16_promised_for_mon_8_is_tested_again_and_reminded_of_on_tue_9_and_asked_about_on_thu_11() -> None:
    """Promised for Mon 8; office from 8 to 17: Tue 9 at 00:00, Tue 9 at 08:00, Thu 11 at 08:00."""
    levels = overdue_schedule(june(8), a_policy())
    assert [(level.step, f"{level.at:%a %d %H:%M}") for level in levels] == [
        (OverdueStep.TEST_AGAIN, "Tue 09 00:00"),
        (OverdueStep.REMIND_SUPPLIER, "Tue 09 08:00"),
        (OverdueStep.ASK_BUYER, "Thu 11 08:00"),
    ]


@pytest.mark.parametrize(
    ("promised", "today", "passed"), [(8, 8, False), (8, 9, True), (12, 14, False), (13, 15, False), (13, 16, True)]
)
def test_a_date_has_passed_once_the_working_day_that_keeps_it_is_over(promised: int, today: int, passed: bool) -> None:
    """Fri 12 passes with the day; Sat 13 is kept by Mon 15."""
    assert has_passed(june(promised), june(today), WEEKDAYS) is passed


def test_the_days_are_those_of_the_plant_and_the_hours_those_of_its_office() -> None:
    policy = AT_LOS_ANGELES.model_copy(update={"overdue": Overdue(reminder_days=2, question_days=5)})
    levels = overdue_schedule(june(8), policy)
    assert [level.at for level in levels] == [
        dt.datetime(2026, 6, 9, 7, tzinfo=dt.UTC),
        dt.datetime(2026, 6, 10, 15, tzinfo=dt.UTC),
        dt.datetime(2026, 6, 15, 15, tzinfo=dt.UTC),
    ]


def test_a_request_without_an_answer_is_only_tested_again_and_a_plant_of_ours_is_not_reminded() -> None:
    assert [level.step for level in overdue_schedule(june(8), a_policy(), answered=False)] == [OverdueStep.TEST_AGAIN]
    assert [level.step for level in overdue_schedule(june(8), a_policy(), remind=False)] == [
        OverdueStep.TEST_AGAIN,
        OverdueStep.ASK_BUYER,
    ]


def test_the_days_that_a_buyer_gave_count_from_the_decision() -> None:
    reminder, question = overdue_schedule(june(8), a_policy(), waited_since=june(11))[1:]
    assert (f"{reminder.at:%a %d}", f"{question.at:%a %d}") == ("Fri 12", "Tue 16")


def test_the_reason_names_the_date_and_the_days_allowed() -> None:
    question = overdue_schedule(june(8), a_policy())[2].reason("v7")
    assert (question.rule, question.policy_version) == ("R16", "v7")
    assert question.why == "2026-06-08 has passed without a receipt, 3 working days after 2026-06-08"
    assert question.inputs == {"promised": "2026-06-08", "due": "2026-06-11T08:00:00+00:00"}
    assert question.thresholds == {"overdue.question_days": 3}
    again = overdue_schedule(june(8), a_policy(), waited_since=june(11))
    assert again[1].reason("v7").inputs["waited_since"] == "2026-06-11"
    assert again[0].reason("v7").thresholds == {}


def test_the_next_working_day_begins_at_the_plants_midnight_on_both_changes_of_the_clocks() -> None:
    """The clocks of Los Angeles go forward on Sunday 8 March 2026 and back on Sunday 1 November."""
    friday = dt.date(2026, 3, 6)
    assert start_of_next_working_day(friday, LOS_ANGELES) == dt.datetime(2026, 3, 9, 7, tzinfo=dt.UTC)
    assert start_of_next_working_day(dt.date(2026, 10, 30), LOS_ANGELES) == dt.datetime(2026, 11, 2, 8, tzinfo=dt.UTC)
