"""What a MaterialRequirement remembers, what of it goes over into its next run, and where it stands.

Trimmed is where a run continues as new and nowhere else, so that a history is decided as it was. What is left out is in
the ledger's audit events.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from canonical.base import Model
from canonical.exception import Decision, ExceptionKind
from canonical.identity import OrderId, RequirementId
from canonical.messages import RequirementOpened, StockAllocated
from canonical.need import Need
from canonical.policy import PlantPolicy
from canonical.records import RequirementStage
from canonical.sourcing import Assessment, Source
from canonical.supply import OrderCoverage, ScheduleLine, ScheduleLineState
from workflows.event_log import EventLog
from workflows.memory import EntityState, OpenQuestion

if TYPE_CHECKING:
    from decisions.feasibility import Short


COVERAGES_KEPT = 10
"""Orders that a requirement remembers one by one, beside those that may still bring something."""


class AcceptedShortage(Model):
    """A shortage that a person chose to live with: anything worse is a new one."""

    short_quantity: Decimal
    available_on: date | None

    def covers(self, short: Short) -> bool:
        """Whether the shortage is no worse than the one accepted."""
        if short.short_quantity > self.short_quantity:
            return False
        if self.available_on is None:
            return True
        return short.available_on is not None and short.available_on <= self.available_on


class RequirementState(EntityState):
    """The requirement's memory."""

    id: RequirementId
    correlation_id: str
    need: Need
    """As last stated by the plan."""
    acted_on: Need
    """As last acted on: what dampener is measured from (R4) and feasibility is tested against (R7)."""
    proposed: RequirementOpened | None = None
    """As the plan stated it since: whether it is acted on is not judged yet."""
    request_revision: int = 0
    """Rises with every supply request."""
    covered_revision: tuple[int, int, float, str] | None = None
    """The plan revision that the supply requests reflect; None: nothing is wanted yet, or any more."""
    assessment: Assessment | None = None
    """Master data and policy as they were when it last decided."""
    decided_under: str = ""
    """The version of the policy that last decided."""
    unjudged: bool = False
    """An order stated something since the last assessment."""
    coverages: list[OrderCoverage] = []
    kept: tuple[ScheduleLine, ...] = ()
    """Received in a former run."""
    stock: StockAllocated | None = None
    """The newest allocation of stock to it."""
    stock_moved: bool = False
    """What it gets from stock has changed since its coverage was last decided."""
    withdrawn: bool = False
    approved_by: str | None = None
    """Who approved that it needs less (R13): its orders ask nobody again until they know, or a newer plan comes."""
    exception: OpenQuestion | None = None
    decision: Decision | None = None
    """Taken, not yet acted on."""
    decided_about: str = ""
    """What the decision is about (OpenQuestion.about)."""
    questions_raised: int = 0
    accepted: AcceptedShortage | None = None
    suppressed: int = 0
    answers_given: int = 0
    answered: str = ""
    """Of a need that a transfer demands: a digest of the last answer to its order."""
    stage: RequirementStage = RequirementStage.ASSESSING
    reason: str = ""

    @classmethod
    def of(cls, opened: RequirementOpened) -> RequirementState:
        """The memory of a requirement that starts, or starts again where a former run ended."""
        event_log = EventLog(sequence=opened.first_sequence - 1)
        return cls(
            id=opened.need.id,
            correlation_id=opened.correlation_id,
            event_log=event_log,
            need=opened.need,
            acted_on=opened.need,
            kept=tuple(part for reported in opened.kept for part in reported.schedule_lines),
            # Numbers go on where a former run ended: ids made of them must not meet the former ones.
            questions_raised=opened.first_sequence - 1,
            request_revision=opened.first_sequence - 1,
            answers_given=opened.first_sequence - 1,
        )

    @property
    def policy(self) -> PlantPolicy:
        """What holds for the item with the supplier that serves it, as last assessed."""
        assert self.assessment is not None
        return self.assessment.policy_for(self.holder)

    @property
    def item_class(self) -> str:
        """By which the plant may have set policy; empty: by none."""
        item = self.assessment.item if self.assessment else None
        return item.item_class if item else ""

    @property
    def holder(self) -> str:
        """The supplier of the newest order that may still bring something; empty: there is none."""
        return next((coverage.supplier for coverage in reversed(self.live)), "")

    @property
    def late_supplier(self) -> str | None:
        """Of a shortage: who stated last that the coverage is not as wanted, else who was asked last."""
        reported = (coverage.supplier for coverage in reversed(self.coverages) if coverage.reported is not None)
        return next(reported, self.coverages[-1].supplier if self.coverages else None)

    @property
    def supply(self) -> tuple[ScheduleLine, ...]:
        """All that is known to come, and what is there."""
        return self.kept + tuple(part for coverage in self.coverages for part in coverage.supply)

    @property
    def from_stock(self) -> Decimal:
        """What of the need is met from stock: nothing where the plan has stated it later, having netted the stock."""
        stock, need = self.stock, self.acted_on
        if stock is None or self.need.revision.effective_at >= stock.reported_at or need.unit != stock.unit:
            return Decimal(0)
        return min(stock.quantity, need.quantity)

    @property
    def covered_by(self) -> tuple[ScheduleLine, ...]:
        """All that the need can count on: what orders bring, and what needs none."""
        return self.on_hand + tuple(part for coverage in self.coverages for part in coverage.supply)

    @property
    def on_hand(self) -> tuple[ScheduleLine, ...]:
        """What needs no order: received in a former run, or met from stock."""
        if self.stock is None or not self.from_stock:
            return self.kept
        day = min(self.stock.reported_at.date(), *(peg.date for peg in self.acted_on.pegs))
        return (*self.kept, ScheduleLine(quantity=self.from_stock, date=day, state=ScheduleLineState.RECEIVED))

    @property
    def received(self) -> Decimal:
        """What is on stock for this requirement."""
        return self.kept_quantity + sum((coverage.received for coverage in self.coverages), Decimal(0))

    @property
    def kept_quantity(self) -> Decimal:
        """What was received in a former run."""
        return sum((part.quantity for part in self.kept), Decimal(0))

    @property
    def live(self) -> list[OrderCoverage]:
        """Covers that may still bring something."""
        return [coverage for coverage in self.coverages if not coverage.closed]

    @property
    def quantity_expected(self) -> Decimal:
        """What is to be received: the need, less what a person wrote off."""
        if self.accepted is not None and self.accepted.available_on is None:
            return self.acted_on.quantity - self.accepted.short_quantity
        return self.acted_on.quantity

    @property
    def all_there(self) -> bool:
        """Nothing more will come, and what is expected is on stock, in this run or a former one."""
        return self.covered_revision is not None and not self.live and self.received >= self.quantity_expected

    @property
    def ended(self) -> bool:
        """Nothing is left to wait for."""
        return self.stage in (RequirementStage.FULFILLED, RequirementStage.WITHDRAWN)

    def carried(self) -> RequirementState:
        """What goes over into the next run; of orders long closed, what they have brought."""
        past = [coverage for coverage in self.coverages[:-COVERAGES_KEPT] if _is_past(self, coverage)]
        forgotten = {coverage.order_id for coverage in past}
        brought = (part for coverage in past for part in coverage.supply if part.state is ScheduleLineState.RECEIVED)
        return self.model_copy(
            update={
                "coverages": [coverage for coverage in self.coverages if coverage.order_id not in forgotten],
                "kept": _by_day([*self.kept, *brought]) if past else self.kept,
            }
        )

    def source_of(self, coverage: OrderCoverage) -> Source | None:
        """The terms on which a cover's supplier sells, as master data has them now."""
        item = self.assessment.item if self.assessment else None
        sources = item.sources if item else ()
        return next((source for source in sources if source.supplier == coverage.supplier), None)

    def next_revision(self) -> int:
        """The number of the next supply request."""
        self.request_revision += 1
        return self.request_revision

    def settle_open_quantity(self, coverage: OrderCoverage) -> None:
        """The coverage's balance is being ordered anew: it is no longer expected of this order."""
        request = coverage.request.model_copy(
            update={"needed": coverage.request.needed - coverage.open_quantity_in_order_unit}
        )
        self.replace_coverage(coverage.order_id, request=request, settled=request.request_revision)

    def coverage_of(self, order_id: OrderId) -> OrderCoverage | None:
        """What the order holds for the requirement."""
        return next((coverage for coverage in self.coverages if coverage.order_id == order_id), None)

    def replace_coverage(self, order_id: OrderId, **changes: object) -> None:
        """Update one cover."""
        self.coverages = [
            coverage.model_copy(update=changes) if coverage.order_id == order_id else coverage
            for coverage in self.coverages
        ]


# -- what goes over into the next run


def _is_past(state: RequirementState, coverage: OrderCoverage) -> bool:
    """Nothing is open between the two any more: it has stated that it is closed, and no balance is to be ordered."""
    if coverage.reported is None or not coverage.reported.closed or coverage.pending or coverage.open_quantity > 0:
        return False
    # What is kept is counted in the need's unit as it is; what was brought in another one stays with its factor.
    return not coverage.received or (coverage.request.need_unit or coverage.request.unit) == state.acted_on.unit


def _by_day(schedule_lines: Iterable[ScheduleLine]) -> tuple[ScheduleLine, ...]:
    by_day: dict[object, ScheduleLine] = {}
    for part in schedule_lines:
        known = by_day.get(part.date)
        by_day[part.date] = part.model_copy(update={"quantity": part.quantity + known.quantity}) if known else part
    return tuple(by_day.values())


# -- where it stands, in a planner's words


def stage_and_reason(state: RequirementState) -> tuple[RequirementStage, str]:
    """The stage and the reason."""
    live = state.live
    if state.withdrawn:
        if live:
            return RequirementStage.COVERED, "withdrawn by the plan; waits until its orders have let go of it"
        return RequirementStage.WITHDRAWN, "withdrawn by the plan; its coverage is released"
    if state.exception is not None:
        if state.exception.kind is ExceptionKind.MASTER_DATA:
            return RequirementStage.BLOCKED, "master data is incomplete; a person has to fix it"
        return RequirementStage.SHORT, "the coverage can't meet the pegged date; a buyer has to decide"
    if state.all_there:
        return RequirementStage.FULFILLED, _received(state)
    if state.from_stock and not state.live:
        return RequirementStage.COVERED, "met from available stock; waits until the plan nets it"
    if state.accepted is not None:
        return RequirementStage.COVERED, "covered with a shortage that a buyer accepted; waits for the receipt"
    if any(coverage.pending for coverage in state.coverages):
        return RequirementStage.COVERED, "waits for the supplier's answer to a change"
    return RequirementStage.COVERED, "covered; waits for the receipt"


def _received(state: RequirementState) -> str:
    missing = state.acted_on.quantity - state.received
    if missing > 0:
        return f"received, but for {missing} {state.acted_on.unit} that a buyer wrote off"
    return "all received"


def describe_coverage(coverage: OrderCoverage) -> str:
    """One cover in a line."""
    if not coverage.supply:
        return f"{coverage.order_id}: nothing any more"
    parts = ", ".join(f"{part.quantity} {part.state} for {part.date or 'no date'}" for part in coverage.supply)
    return f"{coverage.order_id}: {parts}"
