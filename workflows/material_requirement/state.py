"""What a MaterialRequirement remembers; one serialisable model, carried over continue-as-new."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from pydantic import BaseModel

from canonical.base import Model
from canonical.exception import Decision, ExceptionKind
from canonical.identity import ExceptionId, OrderId, RequirementId
from canonical.messages import RequirementOpened, StockAllocated
from canonical.need import Need
from canonical.policy import PlantPolicy
from canonical.records import RequirementStage
from canonical.sourcing import Assessment, Source
from canonical.supply import OrderCoverage, ScheduleLine, ScheduleLineState
from workflows.event_log import EventLog

if TYPE_CHECKING:
    from decisions.feasibility import Short


class OpenException(Model):
    """The exception that waits for a person."""

    id: ExceptionId
    kind: ExceptionKind
    digest: str
    about: str = ""
    """Of a shortage: what was short when the question was put; what is decided holds for no other."""


class AcceptedShortage(Model):
    """A shortage that a person chose to live with: anything worse is a new one."""

    short_quantity: Decimal
    available_on: date | None

    def coverages(self, short: Short) -> bool:
        """Whether the shortage is no worse than the one accepted."""
        if short.short_quantity > self.short_quantity:
            return False
        if self.available_on is None:
            return True
        return short.available_on is not None and short.available_on <= self.available_on


class RequirementState(BaseModel):
    """The requirement's memory."""

    id: RequirementId
    correlation_id: str
    event_log: EventLog
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
    """What it was last told that it gets from stock."""
    stock_moved: bool = False
    """What it gets from stock has changed since its coverage was last decided."""
    withdrawn: bool = False
    approved_by: str | None = None
    """Who approved that it needs less (R13): its orders ask nobody again. Until they are told, or the plan speaks."""
    exception: OpenException | None = None
    decision: Decision | None = None
    """Taken, not yet acted on."""
    decided_about: str = ""
    """What the decision is about (OpenException.about)."""
    exceptions_raised: int = 0
    accepted: AcceptedShortage | None = None
    suppressed: int = 0
    answers_given: int = 0
    answered: str = ""
    """Of a need that a transfer demands: a digest of what its order was last told."""
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
            exceptions_raised=opened.first_sequence - 1,
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
