"""R16, out of office: who is asked in place of a role that is away.

Decided here: whether a role is away, in its own time zone, and who stands in for it, whoever is away in turn.
Not here: when somebody is asked (escalation), and that a question stays where it is when a role comes back.
"""

import datetime as dt
from typing import NamedTuple

from canonical.calendar import Calendar
from canonical.policy import Absence, PlantPolicy
from canonical.reason import Reason


class Assignee(NamedTuple):
    """Who is asked for a role."""

    role: str
    assignee: str
    away: tuple[tuple[str, Absence], ...]
    """Who is out of office, from the role itself on to the last one passed over."""
    why: str
    rule: str = "R16"

    @property
    def on_behalf_of(self) -> str | None:
        """The role that is away; None where it is asked itself."""
        return None if self.assignee == self.role else self.role

    def reason(self, policy_version: str) -> Reason:
        """The reason as trace and inbox show it."""
        return Reason(
            rule=self.rule,
            why=self.why,
            inputs={"role": self.role, "assignee": self.assignee},
            thresholds={
                f"roles.{name}.absences": f"{absence.first_day} to {absence.last_day}, delegate {absence.delegate}"
                for name, absence in self.away
            },
            policy_version=policy_version,
        )


def calendar_of(role: str, policy: PlantPolicy) -> Calendar:
    """The role's own hours, else those of the plant's office."""
    entry = policy.roles.get(role)
    return policy.office if entry is None or entry.calendar is None else entry.calendar


def absence_of(role: str, policy: PlantPolicy, moment: dt.datetime) -> Absence | None:
    """The absence that covers the moment's day in the role's own time zone; of several the one that lasts longest."""
    entry = policy.roles.get(role)
    if entry is None or not entry.absences:
        return None
    today = moment.astimezone(calendar_of(role, policy).tzinfo).date()
    now = [absence for absence in entry.absences if absence.first_day <= today <= absence.last_day]
    return max(now, key=lambda absence: absence.last_day, default=None)


def who_is_asked(role: str, policy: PlantPolicy, moment: dt.datetime) -> Assignee:
    """The role itself, or its delegate while it is away, or the delegate's.

    If the delegates form a circle of absent roles, the manager is asked, or the manager's delegates where the manager
    is away too; if those form a circle as well, the manager is asked regardless.
    """
    away: dict[str, Absence] = {}
    asked = role
    while (absence := absence_of(asked, policy, moment)) is not None:
        away[asked] = absence
        asked = absence.delegate
        if asked in away:
            asked = policy.manager
            if asked in away:
                break
    return Assignee(role, asked, tuple(away.items()), _why(asked, away))


def _why(asked: str, away: dict[str, Absence]) -> str:
    if not away:
        return f"{asked} is in office"
    passed = ", ".join(f"{name} is out of office until {absence.last_day}" for name, absence in away.items())
    if asked in away:
        return f"{passed}; nobody is left, so {asked} is asked all the same"
    return f"{passed}; {asked} stands in"
