"""R16, escalation: when a silent supplier or decider is reminded, and who is notified after that.

Decided here: the escalation levels of the two escalation schedules, their times and their reasons. Not here: what an
escalation level does, and who is asked while a role is away (delegation).

A silent supplier is reminded at 50 % of the SLA, the buyer is notified at 100 %, the manager at 150 %. A question to
people follows the same schedule: its clock starts when it opens (a question about a silent supplier continues on the
supplier's clock), the role that is asked takes the supplier's place, and a level that leads to the role already asked
is left out. Each level counts the business hours of the role that it notifies; reminders count those of the role that
waits or is asked.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from canonical.calendar import Calendar
from canonical.exception import EscalationAction
from canonical.policy import PlantPolicy
from canonical.reason import JsonValue, Reason
from decisions.calendars import add_business_hours, previous_working_day
from decisions.delegation import calendar_of

REMINDED, BUYER_NOTIFIED, MANAGER_NOTIFIED = 1, 2, 3
_HEIGHTS: dict[EscalationAction, int] = {
    "remind_supplier": REMINDED,
    "remind_assignee": REMINDED,
    "notify_buyer": BUYER_NOTIFIED,
    "notify_manager": MANAGER_NOTIFIED,
}
_KEYS = {REMINDED: "reminder_at", BUYER_NOTIFIED: "buyer_at", MANAGER_NOTIFIED: "manager_at"}


class EscalationLevel(NamedTuple):
    """One step of an escalation schedule, due at a moment in UTC."""

    action: EscalationAction
    role: str
    """The role that it notifies; for the supplier's reminder, the role that sends it."""
    at: dt.datetime
    started: dt.datetime
    share: Decimal
    sla_hours: int
    calendar: str
    latest_safe: dt.date | None = None
    """The day that brought it forward; None: the share of the SLA is due earlier."""
    rule: str = "R16"

    @property
    def height(self) -> int:
        """Its place in the escalation schedule: escalation goes on with a higher level only."""
        return _HEIGHTS[self.action]

    @property
    def hours(self) -> Decimal:
        """The business hours that it allows."""
        return self.sla_hours * self.share

    def reason(self, policy_version: str) -> Reason:
        """The reason as trace and inbox show it."""
        inputs: dict[str, JsonValue] = {
            "started": self.started.astimezone(dt.UTC).isoformat(),
            "hours": f"{self.hours.normalize():f}",
            "calendar": self.calendar,
            "due": self.at.isoformat(),
            "role": self.role,
        }
        why = f"{self.share:.0%} of the SLA of {self.sla_hours} business hours ({self.calendar}) is over"
        if self.latest_safe is not None:
            inputs["latest_safe_date"] = self.latest_safe.isoformat()
            why = f"{self.latest_safe} is the latest safe date, and {self.share:.0%} of the SLA would end after that"
        return Reason(
            rule=self.rule,
            why=why,
            inputs=inputs,
            thresholds={
                "escalation.sla_hours": self.sla_hours,
                f"escalation.{_KEYS[self.height]}": str(self.share),
            },
            policy_version=policy_version,
        )


def supplier_schedule(
    asked_at: dt.datetime, policy: PlantPolicy, first_due: dt.date | None, *, remind: bool = True
) -> tuple[EscalationLevel, ...]:
    """R16 for a silent supplier: the reminder, then the buyer, whose question escalates from there.

    `first_due`: the order's first delivery date. `remind` False: no reminder is sent (the supplier is a plant of ours).
    """
    steps: list[tuple[EscalationAction, str]] = [("remind_supplier", policy.buyer)] if remind else []
    return _schedule([*steps, ("notify_buyer", policy.buyer)], asked_at, policy, first_due)


def question_schedule(
    started: dt.datetime, policy: PlantPolicy, asked: str, latest_safe: dt.date | None
) -> tuple[EscalationLevel, ...]:
    """R16 for a question to people, first put to the role `asked`: its reminder, then the buyer, then the manager."""
    steps: list[tuple[EscalationAction, str]] = [("remind_assignee", asked)]
    if asked not in (policy.buyer, policy.manager):
        steps.append(("notify_buyer", policy.buyer))
    if policy.manager not in (asked, policy.buyer):
        steps.append(("notify_manager", policy.manager))
    return _schedule(steps, started, policy, latest_safe)


def next_escalation(levels: Iterable[EscalationLevel], reached: int) -> EscalationLevel | None:
    """The first escalation level above the one reached so far (0: none yet); None at the top."""
    return next((level for level in levels if level.height > reached), None)


def latest_safe_moment(
    day: dt.date, office: Calendar, started: dt.datetime, plant: Calendar | None = None
) -> dt.datetime | None:
    """When people must know so that they can still act: the start of the last office day by then, in UTC.

    A wait that starts on that very day has until the office closes, and none after that. None: the day had already
    passed when the wait started. Whether it had passed is judged in the `plant`'s time zone (None: the office's) for
    every role: otherwise one role would be hurried while another considers the day over.
    """
    zone = office.tzinfo
    if started.astimezone((plant or office).tzinfo).date() > day:
        return None
    last = previous_working_day(office, day)
    opens = dt.datetime.combine(last, office.opens, zone).astimezone(dt.UTC)
    closes = dt.datetime.combine(last, office.closes, zone).astimezone(dt.UTC)
    now = started.astimezone(dt.UTC)
    return opens if now < opens else max(now, closes)


def _schedule(
    steps: Sequence[tuple[EscalationAction, str]],
    started: dt.datetime,
    policy: PlantPolicy,
    latest_safe: dt.date | None,
) -> tuple[EscalationLevel, ...]:
    """The escalation levels in order; none is due before the one below it, however the roles' hours differ."""
    levels: list[EscalationLevel] = []
    for action, role in steps:
        level = _level(action, role, started, policy, latest_safe)
        if levels:
            level = level._replace(at=max(level.at, levels[-1].at))
        levels.append(level)
    return tuple(levels)


def _level(
    action: EscalationAction, role: str, started: dt.datetime, policy: PlantPolicy, latest_safe: dt.date | None
) -> EscalationLevel:
    escalation, office = policy.escalation, calendar_of(role, policy)
    share = {
        REMINDED: escalation.reminder_at,
        BUYER_NOTIFIED: escalation.buyer_at,
        MANAGER_NOTIFIED: escalation.manager_at,
    }[_HEIGHTS[action]]
    due = add_business_hours(office, started, escalation.sla_hours * share)
    safe = None if latest_safe is None else latest_safe_moment(latest_safe, office, started, policy.office)
    forward = safe is not None and safe < due
    return EscalationLevel(
        action=action,
        role=role,
        at=safe if safe is not None and forward else due,
        started=started,
        share=share,
        sla_hours=escalation.sla_hours,
        calendar=office.name,
        latest_safe=latest_safe if forward else None,
    )
