"""The comparison: every recorded decision made again under the candidate, and under the present policies as a control.

Decided here: what is counted, and how far the control confirms it. Each decision is judged by itself, from what was
known when it was made: later consequences of a different decision are not simulated. Not here: how a kind of decision
is made again (sourcing, requirement, order) and how the result is shown (report).
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from itertools import chain
from typing import NamedTuple

from pydantic import ValidationError

from backtest import order, requirement, sourcing
from backtest.decision import DecisionOutcome, Difference, NotComparable, Policies, RecordedDecision, changes_between
from canonical.audit_event import AuditEvent
from canonical.base import Model

_READERS: dict[str, Callable[[AuditEvent], list[RecordedDecision]]] = {
    kind: room.read for room in (sourcing, requirement, order) for kind in room.KINDS
}
KINDS = tuple(_READERS)
"""The audit events that hold decisions which can be made again."""

EXAMPLES = 20
"""How many differences are kept that the control can't explain."""


class Measure(Model):
    """A figure of the totals: as it was, and as it would have been."""

    name: str
    decided: int
    candidate: int


class Total(Model):
    """The decisions of one rule at one plant."""

    plant: str
    rule: str
    decisions: int
    different: int
    measures: tuple[Measure, ...]


class Control(Model):
    """The same decisions made again under the present policies."""

    same: int
    policy_changed: dict[str, int]
    """Differences of decisions made under policies other than the present: by plant and versions."""
    unexplained: int
    """Differences under the very version that decided: the code has changed, or an audit event lacks data."""
    examples: tuple[Difference, ...] = ()


class BacktestResult(Model):
    """The result of a policy backtest."""

    audit_events: int
    decisions: int
    different: int
    totals: tuple[Total, ...]
    not_comparable: dict[str, int]
    """Decisions that could not be made again, by reason."""
    caveats: dict[str, int]
    """The circumstances that could not be taken into account, with the number of decisions."""
    control: Control


class _Count(NamedTuple):
    decided: Counter[tuple[str, str]]
    """Decisions in which the rule applied, by plant and rule."""
    different: Counter[tuple[str, str]]
    was: Counter[tuple[str, str, str]]
    would_be: Counter[tuple[str, str, str]]


class Backtest:
    """Processes audit events one by one and keeps figures only."""

    def __init__(self, present: Policies, candidate: Policies, found: Callable[[Difference], None]) -> None:
        self._present, self._candidate, self._found = present, candidate, found
        self._count = _Count(Counter(), Counter(), Counter(), Counter())
        self._audit_events = self._decisions = self._different = 0
        self._not_comparable: Counter[str] = Counter()
        self._caveats: Counter[str] = Counter()
        self._same = self._unexplained = 0
        self._policy_changed: defaultdict[str, int] = defaultdict(int)
        self._examples: list[Difference] = []

    def take(self, audit_event: AuditEvent) -> None:
        """Make the decisions of one audit event again."""
        self._audit_events += 1
        try:
            read = _READERS[audit_event.kind](audit_event)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            why = f"{audit_event.kind} was recorded without what it was decided from ({field}: {first['msg']})"
            self._not_comparable[why] += 1
            return
        for decided in read:
            self._compare(audit_event, decided)

    def _compare(self, audit_event: AuditEvent, decided: RecordedDecision) -> None:
        was = decided.recorded(self._present)
        would_be = decided.again(self._candidate)
        control = decided.again(self._present)
        if isinstance(would_be, NotComparable):
            self._not_comparable[f"candidate: {would_be.why}"] += 1
            return
        self._decisions += 1
        if would_be.caveat:
            self._caveats[would_be.caveat] += 1
        self._control(audit_event, decided, was, control)
        rules = dict.fromkeys(rule for rule, _ in chain(was.aspects, would_be.aspects))
        self._count.decided.update((decided.plant, rule) for rule in rules)
        for tally, outcome in ((self._count.was, was), (self._count.would_be, would_be)):
            for (rule, name), figure in outcome.counts.items():
                tally[decided.plant, rule, name] += figure
        difference = _difference(audit_event, decided, was, would_be)
        if difference is None:
            return
        self._different += 1
        self._count.different.update((decided.plant, rule) for rule in {change.rule for change in difference.changes})
        self._found(difference)

    def _control(
        self,
        audit_event: AuditEvent,
        decided: RecordedDecision,
        was: DecisionOutcome,
        control: DecisionOutcome | NotComparable,
    ) -> None:
        if isinstance(control, NotComparable):
            self._policy_changed[f"{decided.plant}: {was.version} → none"] += 1
            return
        difference = _difference(audit_event, decided, was, control)
        if difference is None:
            self._same += 1
        elif was.version != control.version:
            self._policy_changed[f"{decided.plant}: {was.version} → {control.version}"] += 1
        else:
            self._unexplained += 1
            if len(self._examples) < EXAMPLES:
                self._examples.append(difference)

    def result(self) -> BacktestResult:
        """The totals so far."""
        return BacktestResult(
            audit_events=self._audit_events,
            decisions=self._decisions,
            different=self._different,
            totals=tuple(self._total(plant, rule) for plant, rule in sorted(self._count.decided, key=_by_plant)),
            not_comparable=dict(self._not_comparable.most_common()),
            caveats=dict(self._caveats.most_common()),
            control=Control(
                same=self._same,
                policy_changed=dict(self._policy_changed),
                unexplained=self._unexplained,
                examples=tuple(self._examples),
            ),
        )

    def _total(self, plant: str, rule: str) -> Total:
        count = self._count
        names = dict.fromkeys(name for at, of, name in chain(count.was, count.would_be) if (at, of) == (plant, rule))
        return Total(
            plant=plant,
            rule=rule,
            decisions=count.decided[plant, rule],
            different=count.different[plant, rule],
            measures=tuple(
                Measure(name=name, decided=count.was[plant, rule, name], candidate=count.would_be[plant, rule, name])
                for name in names
            ),
        )


async def compare(
    audit_events: AsyncIterator[AuditEvent],
    present: Policies,
    candidate: Policies,
    found: Callable[[Difference], None],
    passed: Callable[[int], None] = lambda _: None,
) -> BacktestResult:
    """Make all decisions of the audit events again; `found` receives each difference, `passed` the number of audit
    events.
    """
    backtest_run = Backtest(present, candidate, found)
    async for audit_event in audit_events:
        backtest_run.take(audit_event)
        passed(1)
    return backtest_run.result()


def _difference(
    audit_event: AuditEvent, decided: RecordedDecision, was: DecisionOutcome, other: DecisionOutcome
) -> Difference | None:
    changes = changes_between(was, other)
    if not changes:
        return None
    return Difference(
        entity_id=audit_event.entity_id,
        sequence=audit_event.sequence,
        kind=audit_event.kind,
        decided_at=audit_event.processing_time,
        plant=decided.plant,
        item=decided.item,
        changes=changes,
        decided_why=was.why,
        candidate_why=other.why,
        decided_version=was.version,
        candidate_version=other.version,
    )


def _by_plant(place: tuple[str, str]) -> tuple[str, int]:
    plant, rule = place
    return plant, int(rule.removeprefix("R"))
