"""Plan runs: a plan version of one plant, its lines and their outcomes."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Protocol

from pydantic import Field

from canonical.base import (
    Code,
    Count,
    Criticality,
    Day,
    DayOrNone,
    Instant,
    Label,
    Model,
    Quantity,
    SentQuantity,
    SignedQuantity,
    UnitCode,
)
from canonical.event_data import PEGS_MAX, PegData
from canonical.exception import ExceptionKind
from canonical.identity import ExceptionId, PlanRunId, RequirementId
from canonical.need import Need
from canonical.policy import PlantPolicy
from canonical.records import ExceptionState


class PlanStage(StrEnum):
    """The stage of a plan run; the last three are final."""

    RECEIVED = "received"
    MATCHED = "matched"
    WAITING = "waiting"
    """A person decides whether so many needs may be withdrawn."""
    DELIVERING = "delivering"
    DONE = "done"
    STOPPED = "stopped"
    """It exceeded its error limit and changed nothing."""
    SUPERSEDED = "superseded"
    """A newer whole plan arrived before it was done."""


ENDED = frozenset({PlanStage.DONE, PlanStage.STOPPED, PlanStage.SUPERSEDED})


class PlanLineOutcome(StrEnum):
    """The outcome of a line."""

    REFUSED = "refused"
    UNCHANGED = "unchanged"
    NEW = "new"
    CHANGED = "changed"
    STALE = "stale"
    """A newer plan version had already stated the need (R10)."""
    AMBIGUOUS = "ambiguous"
    """R1: it could be more than one of the known needs; a person decides which."""
    WITHDRAWN = "withdrawn"
    """Not a line: a known need that the whole plan no longer has."""
    KEPT = "kept"
    """Not a line: a known need that the plan no longer has and a person decided to keep."""


class PlanLine(Model):
    """One line of a plan: a need without the plan's own fields (source, plant, version)."""

    item: Code
    quantity: SentQuantity
    unit: UnitCode
    required_date: Day
    demand_reference: Label | None = None
    """None: the planning system has no stable reference; R1 matches the line."""
    source_revision: Count = 0
    sourcing_rule: Label | None = None
    pegging: Annotated[tuple[PegData, ...], Field(max_length=PEGS_MAX)] = ()
    planner: Label | None = None

    @property
    def criticality(self) -> Criticality:
        """The highest class among the pegs."""
        return min((peg.criticality for peg in self.pegging), default=Criticality.B)


class LineFault(Model):
    """A reason why a line is refused."""

    field: str
    reason: str


class NumberedLine(Model):
    """A line as read; `number` counts the file's lines from 1."""

    number: int
    line: PlanLine | None
    """None: it is refused."""
    faults: tuple[LineFault, ...] = ()
    """All of them, of each field the first."""
    past_due: bool = False
    """Its date lies before the day on which the plan came."""
    original: str = ""
    """A refused line as it was sent, shortened."""
    item: str | None = None
    demand_reference: str | None = None
    """For a refused line, where readable: its need must not be withdrawn because the line was refused."""


class PlanRunStatus(Model):
    """The current state of a plan run."""

    id: PlanRunId
    number: int
    """The ledger's number; a stopped version that is sent again, corrected, is another run."""
    source: Code
    plant: Code
    version: int
    partial: bool
    stage: PlanStage
    detail: str = ""
    lines: int
    refused: int
    unreadable: int = 0
    """Refused lines whose need could not even be identified."""
    past_due: int = 0
    """Lines taken whose date had passed when the plan came; no error: they are expedited."""
    received_at: Instant
    ended_at: Instant | None = None


class RefusedLine(Model):
    """A refused line, as a person is shown it."""

    line: int
    item: str | None
    demand_reference: str | None
    field: str
    """Several are separated by commas."""
    reason: str


class PlanProgress(Model):
    """A plan run and its counts."""

    run: PlanRunStatus
    first_refused: tuple[RefusedLine, ...] = ()
    ignored: tuple[str, ...] = ()
    """Names in the lines that the sender had ignored."""
    outcomes: dict[PlanLineOutcome, int] = {}
    """Counts of lines, and of withdrawn needs; empty until it is matched."""
    changes: int = 0
    """The number of changes to deliver: the net change."""
    handed_over: int = 0
    delivered: int = 0


class PlanOverview(Model):
    """A plan run in a list."""

    run: PlanRunStatus
    changes: int
    """The net change; 0 until it is matched."""
    waiting: int
    """Changes not yet handed over."""


class PlanChange(Model):
    """One change of a run's net change, in the order of delivery."""

    place: int
    requirement_id: RequirementId
    item: Code
    demand_reference: str
    line: int | None
    """None: the plan no longer has the need."""
    outcome: PlanLineOutcome
    delivery: str
    """What became of its message; empty: it is not handed over."""


class PlanQuestion(Model):
    """A question that came of a run: its own, or of one of the requirements it changed."""

    id: ExceptionId
    raised_by: str
    kind: ExceptionKind
    state: ExceptionState
    assignee: str
    summary: str
    opened_at: Instant


class DryRunChange(Model):
    """One of a dry run's largest changes; quantities in `unit`."""

    requirement_id: RequirementId
    item: Code
    demand_reference: str
    line: int | None
    outcome: PlanLineOutcome
    unit: str
    before: Quantity | None
    """None: there is no such need yet."""
    after: Quantity | None
    """None: it is withdrawn."""
    date_before: DayOrNone
    date_after: DayOrNone
    value: SignedQuantity | None
    """Of the difference, at the first source's price as last known; None: the price, or its unit, is not known."""
    currency: str


class PlanDryRun(Model):
    """What a plan would change if it were started now."""

    run: PlanRunStatus
    """The plan as it was sent; nothing of it counts until it is started."""
    shown: str = ""
    """Digest of all changes: a start carries out these or none."""
    outcomes: dict[PlanLineOutcome, int] = {}
    changes: int = 0
    withdrawals: int = 0
    known: int = 0
    """Needs of the source at the plant that are open now."""
    ambiguous: int = 0
    ambiguous_items: tuple[str, ...] = ()
    holding: PlanRunStatus | None = None
    """The run that stands in its way: a newer plan, or the same version; nothing is compared then."""
    waits_for: str = ""
    """What is not delivered yet, and may still shift the figures; empty: they are exact."""
    largest: tuple[DryRunChange, ...] = ()


class LineMatch(Model):
    """R1: a line continues a known need, or is a new one (`reference` is generated for it)."""

    number: int
    reference: str
    why: str


class LineTie(Model):
    """R1: lines and known needs that match in more than one way."""

    numbers: tuple[int, ...]
    known: tuple[str, ...]
    """Their requirement ids: kept as they are."""
    why: str


class LineMatching(Model):
    """The outcomes of an item's lines without references."""

    matches: tuple[LineMatch, ...] = ()
    ties: tuple[LineTie, ...] = ()


class UnnamedLine(Model):
    """A line without a reference, as the need it would be."""

    number: int
    need: Need


class PlanMatched(Model):
    """The result of matching."""

    run: PlanRunStatus
    policy: PlantPolicy
    changes: int = 0
    withdrawals: int = 0
    known: int = 0
    """Needs of the source at the plant that were open before."""
    ambiguous: int = 0
    ambiguous_items: tuple[str, ...] = ()
    """The first few."""


class PlanDelivered(Model):
    """The result of a round of delivery."""

    stage: PlanStage
    waiting: int
    """Changes not yet handed over."""
    in_flight: int
    """Handed over and not yet delivered."""
    handed_over: int = 0
    """In this round."""


class PlanMatcher(Protocol):
    """R1 for lines without a stable reference. Pure: no I/O; runs beside the event loop."""

    def match(self, known: Sequence[Need], lines: Sequence[UnnamedLine], policy: PlantPolicy) -> LineMatching:
        """Match the lines of one item at one plant with the known needs."""
        ...
