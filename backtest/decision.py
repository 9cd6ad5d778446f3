"""A decision as figures that can be compared one by one, as recorded or as it would be under a policy.

Decided here: what counts as a different decision. Not here: how it is made again (sourcing, requirement, order).
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple

from canonical.base import Instant, Model
from canonical.routing import Effective

Aspect = tuple[str, str]
"""The rule that decides it, and its name in a buyer's words: ("R5", "lots")."""


class DecisionOutcome(NamedTuple):
    """The outcome as it was, or would be."""

    aspects: Mapping[Aspect, str]
    why: str
    counts: Mapping[Aspect, int]
    """What it adds to the totals, such as ("R6", "working days late")."""
    version: str
    """The version of the policy that decided."""
    caveat: str = ""
    """What could not be taken into account."""


class NotComparable(NamedTuple):
    """The recorded data do not suffice to decide it again."""

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
    """As it was decided; figures that need a calendar are counted by the given policies."""
    again: Callable[[Policies], DecisionOutcome | NotComparable]


class Change(Model):
    """One aspect that would have been different."""

    rule: str
    aspect: str
    decided: str
    candidate: str


class Difference(Model):
    """A decision that would have been different."""

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

    Aspects that only one of them has are left out: the aspect that explains them is among the others.
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
