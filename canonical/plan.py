"""Plan runs: a whole plan version of one plant, its lines, and what becomes of each."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Protocol

from pydantic import Field

from canonical.base import Code, Count, Criticality, Day, Instant, Label, Model, SentQuantity, UnitCode
from canonical.event_data import PEGS_MAX, PegData
from canonical.identity import PlanRunId
from canonical.need import Need
from canonical.policy import PlantPolicy


class PlanStage(StrEnum):
    """Where a plan run stands; the last three are its ends."""

    RECEIVED = "received"
    MATCHED = "matched"
    WAITING = "waiting"
    """A person decides whether so many needs may be withdrawn."""
    DELIVERING = "delivering"
    DONE = "done"
    STOPPED = "stopped"
    """It was over its error limit and changed nothing."""
    SUPERSEDED = "superseded"
    """A newer whole plan came before it was done."""


ENDED = frozenset({PlanStage.DONE, PlanStage.STOPPED, PlanStage.SUPERSEDED})


class PlanLineOutcome(StrEnum):
    """What a line came to."""

    REFUSED = "refused"
    UNCHANGED = "unchanged"
    NEW = "new"
    CHANGED = "changed"
    STALE = "stale"
    """A newer plan version had said something of the need already (R10)."""
    AMBIGUOUS = "ambiguous"
    """R1: it could be more than one of the known needs; a person says which."""
    WITHDRAWN = "withdrawn"
    """No line: a known need that the whole plan no longer has."""
    KEPT = "kept"
    """No line: a known need that the plan no longer has, and a person decided to keep."""


class PlanLine(Model):
    """One line of a plan: a need without the plan's own words (source, plant, version)."""

    item: Code
    quantity: SentQuantity
    unit: UnitCode
    required_date: Day
    demand_reference: Label | None = None
    """None: the planning system gives no stable one; R1 matches the line."""
    source_revision: Count = 0
    sourcing_rule: Label | None = None
    pegging: Annotated[tuple[PegData, ...], Field(max_length=PEGS_MAX)] = ()
    planner: Label | None = None

    @property
    def criticality(self) -> Criticality:
        """The highest class among the pegs."""
        return min((peg.criticality for peg in self.pegging), default=Criticality.B)


class LineFault(Model):
    """Why a line is refused."""

    field: str
    reason: str


class NumberedLine(Model):
    """A line as it was read; `number` counts the file's lines from 1."""

    number: int
    line: PlanLine | None
    fault: LineFault | None = None
    item: str | None = None
    demand_reference: str | None = None
    """Of a refused line, where they could be read: what it speaks of is not withdrawn for its being refused."""


class PlanRunStatus(Model):
    """A plan run as it stands."""

    id: PlanRunId
    number: int
    """The ledger's; a version that was stopped and sent again corrected is another run."""
    source: Code
    plant: Code
    version: int
    partial: bool
    stage: PlanStage
    detail: str = ""
    lines: int
    refused: int
    unreadable: int = 0
    """Refused lines of which not even the need they speak of could be read."""
    received_at: Instant
    ended_at: Instant | None = None


class PlanProgress(Model):
    """A plan run and its counts."""

    run: PlanRunStatus
    outcomes: dict[PlanLineOutcome, int] = {}
    """Of the lines, and of needs that are withdrawn; empty until it is matched."""
    changes: int = 0
    """What there is to deliver: the net change."""
    handed_over: int = 0
    delivered: int = 0


class LineMatch(Model):
    """R1: a line continues a need that is known, or is a need of its own (`reference` made for it)."""

    number: int
    reference: str
    why: str


class LineTie(Model):
    """R1: lines and known needs that could be one another in more than one way."""

    numbers: tuple[int, ...]
    known: tuple[str, ...]
    """Their requirement ids: kept as they are."""
    why: str


class LineMatching(Model):
    """What became of an item's lines without references."""

    matches: tuple[LineMatch, ...] = ()
    ties: tuple[LineTie, ...] = ()


class UnnamedLine(Model):
    """A line without a reference, as the need it would be."""

    number: int
    need: Need


class PlanMatched(Model):
    """What matching came to."""

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
    """What a round of delivery came to."""

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
        """What each line of one item at one plant is to the needs that are known there."""
        ...
