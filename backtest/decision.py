"""A decision in figures that can be compared one by one, as it was recorded or as it would be under a policy.

Decided here: what counts as another decision. Not here: how it is made again (cover, need, order).
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple

from canonical.base import Instant, Model
from canonical.routing import Effective

Aspect = tuple[str, str]
"""The rule that decides it, and what it is called in a buyer's words: ("R5", "lots")."""


class DecisionOutcome(NamedTuple):
    """What was, or would be, decided."""

    aspects: Mapping[Aspect, str]
    why: str
    counts: Mapping[Aspect, int]
    """What it adds to the totals, such as ("R6", "working days late")."""
    version: str
    """Of the policy that decided."""
    caveat: str = ""
    """What could not be taken into account."""


class NotComparable(NamedTuple):
    """It can't be decided again from what was recorded."""

    why: str


class Policies:
    """A set of policies, and what each supplier would have been given under it so far (R14)."""

    def __init__(self, effective: Effective) -> None:
        self.effective = effective
        self._given: defaultdict[tuple[str, str], defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))

    def given(self, plant: str, item: str) -> Mapping[str, Decimal]:
        """By supplier, in the needs' unit, since the first decision that was compared."""
        return self._given[plant, item]

    def give(self, plant: str, item: str, supplier: str, quantity: Decimal) -> None:
        """Count what a supplier would have been asked for."""
        self._given[plant, item][supplier] += quantity


class RecordedDecision(NamedTuple):
    """A recorded decision, and how it is made again."""

    plant: str
    item: str
    recorded: Callable[[Policies], DecisionOutcome]
    """As it was decided; what needs a calendar to be counted is counted by the policies given."""
    again: Callable[[Policies], DecisionOutcome | NotComparable]


class Change(Model):
    """One aspect that would have been different."""

    rule: str
    aspect: str
    decided: str
    candidate: str


class Difference(Model):
    """A decision that would have been another."""

    entity_id: str
    sequence: int
    kind: str
    decided_at: Instant
    plant: str
    item: str
    changes: tuple[Change, ...]
    decided_why: str
    candidate_why: str
    decided_version: str
    candidate_version: str


def changes_between(decided: DecisionOutcome, other: DecisionOutcome) -> tuple[Change, ...]:
    """The aspects in which two outcomes differ, each with the rule that decided it otherwise.

    What only one of them has an answer to is left out: the aspect that says why is among the others.
    """
    before = {name: value for (_, name), value in decided.aspects.items()}
    return tuple(
        Change(rule=rule, aspect=name, decided=before[name], candidate=value)
        for (rule, name), value in other.aspects.items()
        if before.get(name, value) != value
    )


def plain(value: object) -> str:
    """A value as a buyer reads it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case dt.date():
            return value.isoformat()
        case _:
            return str(value)
