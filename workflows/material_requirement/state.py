"""The state of a MaterialRequirement, the part of it that its next run keeps, and its stage.

The state is trimmed only when a run continues as new, so that a replay decides as before. Everything trimmed is in the
ledger's audit events.
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
from canonical.records import EndedEntity, RequirementStage
from canonical.sourcing import Assessment, Source
from canonical.substitution import Substitution
from canonical.supply import OrderCoverage, ScheduleLine, ScheduleLineState
from canonical.units import NEED_DECIMALS, rescale
from decisions.overdue import has_passed
from workflows.event_log import EventLog
from workflows.memory import EntityState, OpenQuestion

if TYPE_CHECKING:
    from decisions.feasibility import Short


COVERAGES_KEPT = 10
"""Orders that a requirement remembers individually, besides those that may still deliver."""


class AcceptedShortage(Model):
    """A shortage that a person accepted; anything worse is a new one."""

    short_quantity: Decimal
    available_on: date | None

    def covers(self, short: Short) -> bool:
        """Whether the shortage is no worse than the one accepted."""
        if short.short_quantity > self.short_quantity:
            return False
        if self.available_on is None:
            return True
        return short.available_on is not None and short.available_on <= self.available_on


class Rescheduling(Model):
    """A person proposed to the planner to move the demand of a shortage."""

    about: str
    """The shortage (Short.why)."""
    proposed_by: str
    declined: bool = False


class SubstituteUse(Model):
    """A person proposed to the planner to use a substitute item for a shortage."""

    proposed_by: str
    substitution: Substitution
    """It holds as long as the shortage has this quantity and day."""
    follows_by: date | None = None
    """Approved: the last day on which the plan is waited for. None: the planner has not decided."""
    told: OrderId | None = None
    """The order that reports it to planning."""


class RequirementState(EntityState):
    """The state of a requirement."""

    id: RequirementId
    correlation_id: str
    need: Need
    """As last stated by the plan."""
    acted_on: Need
    """As last acted on: what the orders are asked for, and the baseline of the dampener (R4)."""
    tested: Need
    """As last judged by R4, acted on or not: what the coverage is tested against (R7)."""
    tested_on: date | None = None
    """The plant's day of the last test."""
    proposed: RequirementOpened | None = None
    """A newer need from the plan; not yet decided whether it is acted on."""
    request_revision: int = 0
    """Incremented with every supply request."""
    covered_revision: tuple[int, int, float, str] | None = None
    """The plan revision that the supply requests reflect; None: nothing is requested yet, or any more."""
    assessment: Assessment | None = None
    """Master data and policy as of the last decision."""
    decided_under: str = ""
    """The policy version of the last decision."""
    unjudged: bool = False
    """Whether an order reported anything since the last assessment."""
    coverages: list[OrderCoverage] = []
    kept: tuple[ScheduleLine, ...] = ()
    """Received in an earlier run."""
    stock: StockAllocated | None = None
    """The newest allocation of stock to it."""
    stock_acted_on: Decimal = Decimal(0)
    """The quantity from stock with which its coverage was last decided."""
    stock_moved: bool = False
    """Whether its allocation from stock changed since its coverage was last decided."""
    supply_moved: bool = False
    """Whether an order brings, since then, what had been ordered again without it."""
    withdrawn: bool = False
    approved_by: str | None = None
    """Who approved a smaller need (R13). The orders need no other approval until they have it or a newer plan comes."""
    exception: OpenQuestion | None = None
    decision: Decision | None = None
    """Received, not yet carried out."""
    decided_about: str = ""
    """The subject of the decision (OpenQuestion.about)."""
    questions_raised: int = 0
    accepted: AcceptedShortage | None = None
    rescheduling: Rescheduling | None = None
    """Of the shortage that it is about; another one is asked about from the beginning."""
    substitution: SubstituteUse | None = None
    substitutes_declined: tuple[Substitution, ...] = ()
    """What the planner declined: another quantity or day is another proposal."""
    suppressed: int = 0
    answers_given: int = 0
    answered: str = ""
    """For a need that a transfer demands: a digest of the last answer to its order."""
    stage: RequirementStage = RequirementStage.ASSESSING
    reason: str = ""

    @classmethod
    def of(cls, opened: RequirementOpened) -> RequirementState:
        """The state of a requirement that starts, or restarts after an earlier run ended."""
        event_log = EventLog(sequence=opened.first_sequence - 1)
        return cls(
            id=opened.need.id,
            correlation_id=opened.correlation_id,
            event_log=event_log,
            need=opened.need,
            acted_on=opened.need,
            tested=opened.need,
            kept=tuple(part for reported in opened.kept for part in reported.schedule_lines),
            # Numbering continues from the earlier run, so that ids made from the numbers stay unique.
            questions_raised=opened.first_sequence - 1,
            request_revision=opened.first_sequence - 1,
            answers_given=opened.first_sequence - 1,
        )

    @classmethod
    def resumed(cls, ended: EndedEntity) -> RequirementState:
        """The state of a requirement that had ended: what it had received is taken back."""
        state = cls.model_validate_json(ended.state)
        return state.model_copy(
            update={
                "event_log": EventLog(sequence=ended.sequence),
                "stage": RequirementStage.COVERED,
                "exception": None,
                "decision": None,
            }
        )

    @property
    def policy(self) -> PlantPolicy:
        """The policy for the item with its current supplier, as last assessed."""
        assert self.assessment is not None
        return self.assessment.policy_for(self.holder)

    @property
    def item_class(self) -> str:
        """The item class, by which the plant may set policy; empty if there is none."""
        item = self.assessment.item if self.assessment else None
        return item.item_class if item else ""

    @property
    def holder(self) -> str:
        """The supplier of the newest order that may still deliver; empty if there is none."""
        return next((coverage.supplier for coverage in reversed(self.live)), "")

    def rescheduled(self, short: Short) -> Rescheduling | None:
        """The proposal about this shortage that waits for the planner; None: there is none."""
        known = self.rescheduling
        return None if known is None or known.declined or known.about != short.why else known

    @property
    def late_supplier(self) -> str | None:
        """For a shortage: the supplier of the newest order that reported coverage, else of the newest order."""
        reported = (coverage.supplier for coverage in reversed(self.coverages) if coverage.reported is not None)
        return next(reported, self.coverages[-1].supplier if self.coverages else None)

    @property
    def supply(self) -> tuple[ScheduleLine, ...]:
        """All schedule lines known: received in an earlier run, and from orders."""
        return self.kept + tuple(part for coverage in self.coverages for part in coverage.supply)

    @property
    def from_stock(self) -> Decimal:
        """The quantity of the need met from stock; zero if a later plan has already netted the stock."""
        stock, need = self.stock, self.tested
        if stock is None or self.need.revision.effective_at >= stock.reported_at or need.unit != stock.unit:
            return Decimal(0)
        return min(stock.quantity, need.quantity)

    @property
    def covered_by(self) -> tuple[ScheduleLine, ...]:
        """Everything that covers the need: quantities on hand and from orders."""
        return self.on_hand + tuple(part for coverage in self.coverages for part in coverage.supply)

    @property
    def promised_from_stock(self) -> Decimal:
        """For a transfer: the quantity that a person had this plant give from its stock (R7)."""
        return min(self.tested.from_stock, self.tested.quantity)

    @property
    def on_hand(self) -> tuple[ScheduleLine, ...]:
        """Quantities that need no order: received in an earlier run, or met from stock."""
        quantity = self.from_stock + self.promised_from_stock
        if not quantity:
            return self.kept
        days = [peg.date for peg in self.tested.pegs]
        if self.assessment is not None:
            known_at = self.tested.revision.effective_at if self.stock is None else self.stock.reported_at
            days.append(self.policy.calendar.day_of(known_at))
        return (*self.kept, ScheduleLine(quantity=quantity, date=min(days), state=ScheduleLineState.RECEIVED))

    @property
    def held_back(self) -> bool:
        """The plan's newest need differs from what the orders are asked for, or stock fell: too little to change them
        (R4).
        """
        changed = _requested(self.tested) != _requested(self.acted_on)
        return changed or self.from_stock < self.stock_acted_on

    def overdue(self, today: date) -> bool:
        """Whether the date of supply that is still to come has passed."""
        if self.assessment is None:
            return False
        calendar = self.policy.calendar
        return any(
            part.date is not None
            and part.state not in (ScheduleLineState.RECEIVED, ScheduleLineState.BACKORDERED)
            and has_passed(part.date, today, calendar)
            for part in self.supply
        )

    @property
    def received(self) -> Decimal:
        """The quantity received for this requirement."""
        return self.kept_quantity + sum((coverage.received for coverage in self.coverages), Decimal(0))

    @property
    def kept_quantity(self) -> Decimal:
        """The quantity received in an earlier run."""
        return sum((part.quantity for part in self.kept), Decimal(0))

    @property
    def live(self) -> list[OrderCoverage]:
        """Coverage from orders that may still deliver."""
        return [coverage for coverage in self.coverages if not coverage.closed]

    @property
    def quantity_expected(self) -> Decimal:
        """The quantity to be received: the need minus what a person wrote off."""
        if self.accepted is not None and self.accepted.available_on is None:
            return self.tested.quantity - self.accepted.short_quantity
        return self.tested.quantity

    @property
    def all_there(self) -> bool:
        """Nothing more will be delivered, and the expected quantity is received, in this run or an earlier one, or
        promised from stock.
        """
        there = self.received + self.promised_from_stock
        return self.covered_revision is not None and not self.live and there >= self.quantity_expected

    @property
    def to_be_sourced(self) -> bool:
        """What it needs, or gets without asking, changed since its coverage was last decided."""
        return self.covered_revision != self.acted_on.revision.rank or self.stock_moved or self.supply_moved

    @property
    def ended(self) -> bool:
        """Nothing is left to wait for."""
        return self.stage in (RequirementStage.FULFILLED, RequirementStage.WITHDRAWN)

    def carried(self) -> RequirementState:
        """The state for the next run; of orders closed long ago, only the received quantities."""
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
        """The source of the coverage's supplier in current master data."""
        item = self.assessment.item if self.assessment else None
        sources = item.sources if item else ()
        return next((source for source in sources if source.supplier == coverage.supplier), None)

    def next_revision(self) -> int:
        """The number of the next supply request."""
        self.request_revision += 1
        return self.request_revision

    def settle_open_quantity(self, coverage: OrderCoverage) -> None:
        """Stop expecting the open quantity from this order: it is being sourced again."""
        self._settle(coverage, coverage.open_quantity_in_order_unit, coverage.open_quantity)

    def take_recovered(self, coverage: OrderCoverage) -> None:
        """Expect from this order again what it brings after all; the orders for it are changed."""
        if coverage.recovered:
            in_need_unit = rescale(coverage.recovered, coverage.request.per_order_unit, NEED_DECIMALS, "down")
            self._settle(coverage, -coverage.recovered, -in_need_unit)
            self.supply_moved = True

    def _settle(self, coverage: OrderCoverage, quantity: Decimal, in_need_unit: Decimal) -> None:
        """Stop expecting a quantity, given in both units; below zero: expect it again."""
        request, settled = coverage.request, coverage.settled_quantity
        before = settled if coverage.settled == request.request_revision else Decimal(0)
        left: dict[str, object] = {"needed": max(Decimal(0), request.needed - quantity)}
        if request.need_quantity is not None:
            left["need_quantity"] = max(Decimal(0), request.need_quantity - in_need_unit)
        self.replace_coverage(
            coverage.order_id,
            request=request.model_copy(update=left),
            settled=request.request_revision,
            settled_quantity=before + quantity,
        )

    def coverage_of(self, order_id: OrderId) -> OrderCoverage | None:
        """The coverage from the order."""
        return next((coverage for coverage in self.coverages if coverage.order_id == order_id), None)

    def replace_coverage(self, order_id: OrderId, **changes: object) -> None:
        """Update the coverage from one order."""
        self.coverages = [
            coverage.model_copy(update=changes) if coverage.order_id == order_id else coverage
            for coverage in self.coverages
        ]


def _requested(need: Need) -> tuple[object, ...]:
    return (need.quantity, need.required_date, [(peg.quantity, peg.date, peg.criticality) for peg in need.pegs])


# -- trimming for the next run


def _is_past(state: RequirementState, coverage: OrderCoverage) -> bool:
    """Whether nothing is open with the order: it has reported that it is closed, and has no open quantity."""
    if coverage.reported is None or not coverage.reported.closed or coverage.pending or coverage.open_quantity > 0:
        return False
    # Kept quantities are in the need's unit; coverage received in another unit stays, with its conversion factor.
    return not coverage.received or (coverage.request.need_unit or coverage.request.unit) == state.acted_on.unit


def _by_day(schedule_lines: Iterable[ScheduleLine]) -> tuple[ScheduleLine, ...]:
    by_day: dict[object, ScheduleLine] = {}
    for part in schedule_lines:
        known = by_day.get(part.date)
        by_day[part.date] = part.model_copy(update={"quantity": part.quantity + known.quantity}) if known else part
    return tuple(by_day.values())


# -- stage and reason, in a planner's words


def stage_and_reason(state: RequirementState) -> tuple[RequirementStage, str]:
    """The stage, and the reason in a planner's words."""
    live = state.live
    if state.withdrawn:
        if live:
            return RequirementStage.COVERED, "withdrawn by the plan; waits until its orders have let go of it"
        return RequirementStage.WITHDRAWN, "withdrawn by the plan; its coverage is released"
    if state.exception is not None:
        if state.exception.kind is ExceptionKind.MASTER_DATA:
            return RequirementStage.BLOCKED, "master data is incomplete; a person has to fix it"
        if state.exception.kind is ExceptionKind.CHANGE_PROPOSAL and state.substitution is not None:
            item = state.substitution.substitution.item
            return RequirementStage.SHORT, f"the coverage can't meet the pegged date; the planner is asked for {item}"
        if state.exception.kind is ExceptionKind.CHANGE_PROPOSAL:
            return RequirementStage.SHORT, "the coverage can't meet the pegged date; the planner is asked to move it"
        return RequirementStage.SHORT, "the coverage can't meet the pegged date; a buyer has to decide"
    if state.all_there:
        return RequirementStage.FULFILLED, _received(state)
    if state.substitution is not None and state.substitution.follows_by is not None:
        use = state.substitution
        return RequirementStage.SHORT, (
            f"the planner approved {use.substitution.item} instead; waits for the plan until {use.follows_by}"
        )
    if state.from_stock and not state.live:
        return RequirementStage.COVERED, "met from available stock; waits until the plan nets it"
    if state.accepted is not None:
        return RequirementStage.COVERED, "covered with a shortage that a buyer accepted; waits for the receipt"
    if any(coverage.pending for coverage in state.coverages):
        return RequirementStage.COVERED, "waits for the supplier's answer to a change"
    return RequirementStage.COVERED, "covered; waits for the receipt"


def _received(state: RequirementState) -> str:
    missing = state.tested.quantity - state.received - state.promised_from_stock
    if state.promised_from_stock and not state.received:
        return "given from the plant's stock to another plant; nothing is to be ordered"
    if missing > 0:
        return f"received, but for {missing} {state.tested.unit} that a buyer wrote off"
    return "all received"


def describe_coverage(coverage: OrderCoverage) -> str:
    """The coverage from one order, in one line."""
    if not coverage.supply:
        return f"{coverage.order_id}: nothing any more"
    parts = ", ".join(f"{part.quantity} {part.state} for {part.date or 'no date'}" for part in coverage.supply)
    return f"{coverage.order_id}: {parts}"
