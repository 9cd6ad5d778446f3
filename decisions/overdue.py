"""R16, overdue deliveries: when a confirmed date has passed without a receipt, and what is done about it when.

Decided here: the day from which a date has passed, and the escalation levels with their times: the need is tested
again (R7), the supplier is reminded, the buyer is asked. Not here: what a level does, and the escalation of the
buyer's question (escalation).
"""

import datetime as dt
from enum import IntEnum
from typing import NamedTuple

from canonical.calendar import Calendar
from canonical.policy import PlantPolicy
from canonical.reason import JsonValue, Reason
from decisions.calendars import add_working_days, next_working_day


class OverdueStep(IntEnum):
    """The steps about an overdue delivery, in their order."""

    NOT_DUE = 0
    TEST_AGAIN = 1
    REMIND_SUPPLIER = 2
    ASK_BUYER = 3


class OverdueLevel(NamedTuple):
    """One step about an overdue delivery, due at a moment in UTC."""

    step: OverdueStep
    at: dt.datetime
    promised: dt.date
    working_days: int
    """After the promised day, or after the day from which the buyer gave more time."""
    waited_since: dt.date | None
    rule: str = "R16"

    def reason(self, policy_version: str) -> Reason:
        """The reason as the trace shows it."""
        inputs: dict[str, JsonValue] = {"promised": self.promised.isoformat(), "due": self.at.isoformat()}
        if self.waited_since is not None:
            inputs["waited_since"] = self.waited_since.isoformat()
        key = {OverdueStep.REMIND_SUPPLIER: "reminder_days", OverdueStep.ASK_BUYER: "question_days"}.get(self.step)
        since = self.waited_since or self.promised
        return Reason(
            rule=self.rule,
            why=f"{self.promised} has passed without a receipt, {self.working_days} working days after {since}",
            inputs=inputs,
            thresholds={f"overdue.{key}": self.working_days} if key else {},
            policy_version=policy_version,
        )


def passes_on(day: dt.date, calendar: Calendar) -> dt.date:
    """The first day on which a dock date has passed: a day off is kept by the next working day."""
    return add_working_days(calendar, day, 1)


def has_passed(day: dt.date, today: dt.date, calendar: Calendar) -> bool:
    """Whether goods for this day can no longer come in time at the dock."""
    return today >= passes_on(day, calendar)


def overdue_schedule(
    promised: dt.date,
    policy: PlantPolicy,
    *,
    answered: bool = True,
    remind: bool = True,
    waited_since: dt.date | None = None,
) -> tuple[OverdueLevel, ...]:
    """R16 for an open quantity with a date, in the plant's working days after it.

    The need is tested again as soon as the date has passed at the plant; people and suppliers hear when the office
    opens. `answered` False: the date is only our own request, and an answer is waited for anyway. `remind` False: the
    supplier is a plant of ours. `waited_since`: the day on which the buyer gave more time.
    """
    passed = passes_on(promised, policy.calendar)
    levels = [OverdueLevel(OverdueStep.TEST_AGAIN, _start(passed, policy.calendar), promised, 1, None)]
    steps = [(OverdueStep.REMIND_SUPPLIER, policy.overdue.reminder_days)] if remind else []
    for step, days in [*steps, (OverdueStep.ASK_BUYER, policy.overdue.question_days)] if answered else []:
        due = add_working_days(policy.calendar, max(promised, waited_since or promised), days)
        levels.append(OverdueLevel(step, _opening(due, policy.office), promised, days, waited_since))
    return tuple(levels)


def start_of_next_working_day(today: dt.date, calendar: Calendar) -> dt.datetime:
    """When the next working day after this one begins at the calendar's place, in UTC."""
    return _start(next_working_day(calendar, today + dt.timedelta(days=1)), calendar)


def _start(day: dt.date, calendar: Calendar) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), calendar.tzinfo).astimezone(dt.UTC)


def _opening(day: dt.date, office: Calendar) -> dt.datetime:
    return dt.datetime.combine(next_working_day(office, day), office.opens, office.tzinfo).astimezone(dt.UTC)
