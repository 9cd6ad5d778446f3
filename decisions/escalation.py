"""R16, escalation: when whoever is waited for is reminded, and who is told after that.

What is decided here: the rungs of the two ladders, their moments and their reasons. Not here: what a rung does, and
who is asked while a role is away (delegation).

A silent supplier is reminded at 50 % of the SLA, the buyer is told at 100 %, the manager at 150 %. A question to
people climbs the same ladder: its clock starts when it opens (that about a silent supplier goes on with the supplier's
clock), whoever is asked takes the supplier's place, and a rung that leads to who is asked already falls away. Each rung
counts in the business hours of the role that it calls on; reminders in those of the role that waits or is asked.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from canonical.calendar import Calendar
from canonical.exception import RungAction
from canonical.policy import PlantPolicy
from canonical.reason import JsonValue, Reason
from decisions.calendars import add_business_hours, previous_working_day
from decisions.delegation import calendar_of

REMINDED, BUYER_TOLD, MANAGER_TOLD = 1, 2, 3
_HEIGHTS: dict[RungAction, int] = {
    "remind_supplier": REMINDED,
    "remind_assignee": REMINDED,
    "tell_buyer": BUYER_TOLD,
    "tell_manager": MANAGER_TOLD,
}
_KEYS = {REMINDED: "reminder_at", BUYER_TOLD: "buyer_at", MANAGER_TOLD: "manager_at"}


class Rung(NamedTuple):
    """One step of a ladder, due at a moment in UTC."""

    action: RungAction
    role: str
    """Whom it calls on; of the supplier's reminder, the role that sends it."""
    at: dt.datetime
    started: dt.datetime
    share: Decimal
    sla_hours: int
    calendar: str
    latest_safe: dt.date | None = None
    """The day that brought it forward; None: the share of the SLA is due before."""
    rule: str = "R16"

    @property
    def height(self) -> int:
        """Which rung of the ladder it is: a climber who stands on one goes on with a higher one."""
        return _HEIGHTS[self.action]

    @property
    def hours(self) -> Decimal:
        """The business hours that it allows."""
        return self.sla_hours * self.share

    def reason(self, policy_version: str) -> Reason:
        """What trace and inbox show of it."""
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


def supplier_ladder(
    asked_at: dt.datetime, policy: PlantPolicy, first_due: dt.date | None, *, remind: bool = True
) -> tuple[Rung, ...]:
    """R16 for a silent supplier: the reminder, then the buyer; the question that the buyer gets climbs on from there.

    `first_due`: the order's first delivery date. `remind` False: whom we wait for is not reminded (a plant of ours).
    """
    steps: list[tuple[RungAction, str]] = [("remind_supplier", policy.buyer)] if remind else []
    return _ladder([*steps, ("tell_buyer", policy.buyer)], asked_at, policy, first_due)


def question_ladder(
    started: dt.datetime, policy: PlantPolicy, asked: str, latest_safe: dt.date | None
) -> tuple[Rung, ...]:
    """R16 for a question to people, first put to the role `asked`: its reminder, then the buyer, then the manager."""
    steps: list[tuple[RungAction, str]] = [("remind_assignee", asked)]
    if asked not in (policy.buyer, policy.manager):
        steps.append(("tell_buyer", policy.buyer))
    if policy.manager not in (asked, policy.buyer):
        steps.append(("tell_manager", policy.manager))
    return _ladder(steps, started, policy, latest_safe)


def next_rung(rungs: Iterable[Rung], climbed: int) -> Rung | None:
    """The first rung above the height climbed so far (0: none yet); None at the top."""
    return next((rung for rung in rungs if rung.height > climbed), None)


def latest_safe_moment(
    day: dt.date, office: Calendar, started: dt.datetime, plant: Calendar | None = None
) -> dt.datetime | None:
    """By when people must know so that they can still act: when the last office day by then begins, in UTC.

    What starts on that very day has until the office closes, and after that no time at all. None: the day had passed
    when it started; there is nothing left to be in time for. Whether it has is asked at the `plant` (None: in the
    office), whose day it is: else one role would be hurried and wait for another one, for whom it is over.
    """
    zone = office.tzinfo
    if started.astimezone((plant or office).tzinfo).date() > day:
        return None
    last = previous_working_day(office, day)
    opens = dt.datetime.combine(last, office.opens, zone).astimezone(dt.UTC)
    closes = dt.datetime.combine(last, office.closes, zone).astimezone(dt.UTC)
    now = started.astimezone(dt.UTC)
    return opens if now < opens else max(now, closes)


def _ladder(
    steps: Sequence[tuple[RungAction, str]], started: dt.datetime, policy: PlantPolicy, latest_safe: dt.date | None
) -> tuple[Rung, ...]:
    """The rungs in their order; none before the one below it, however the roles' hours differ."""
    rungs: list[Rung] = []
    for action, role in steps:
        rung = _rung(action, role, started, policy, latest_safe)
        if rungs:
            rung = rung._replace(at=max(rung.at, rungs[-1].at))
        rungs.append(rung)
    return tuple(rungs)


def _rung(
    action: RungAction, role: str, started: dt.datetime, policy: PlantPolicy, latest_safe: dt.date | None
) -> Rung:
    escalation, office = policy.escalation, calendar_of(role, policy)
    share = {
        REMINDED: escalation.reminder_at,
        BUYER_TOLD: escalation.buyer_at,
        MANAGER_TOLD: escalation.manager_at,
    }[_HEIGHTS[action]]
    due = add_business_hours(office, started, escalation.sla_hours * share)
    safe = None if latest_safe is None else latest_safe_moment(latest_safe, office, started, policy.office)
    forward = safe is not None and safe < due
    return Rung(
        action=action,
        role=role,
        at=safe if safe is not None and forward else due,
        started=started,
        share=share,
        sla_hours=escalation.sla_hours,
        calendar=office.name,
        latest_safe=latest_safe if forward else None,
    )
