"""What entities record in the ledger: a snapshot for queries, and audit events for the audit."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from canonical.audit_event import PendingEvent
from canonical.base import Instant, Model, Money, OrderQuantity, Quantity
from canonical.bom import AffectedRequirement, BomRevised, ChangeCheck, ChangeDisposition, ChangeInstruction
from canonical.exception import Assignment, Decision, NextEscalation, Proposal
from canonical.identity import ChangeId, ExceptionId, OrderId, RequirementId, StockId
from canonical.landscape import SystemName
from canonical.need import Need
from canonical.policy import RouteKind
from canonical.reason import Reason
from canonical.stock import StockAllocation, StockFigure
from canonical.supply import ScheduleLine, SupplyRequest


class RequirementStage(StrEnum):
    """The stage of a requirement."""

    ASSESSING = "assessing"
    COVERED = "covered"
    SHORT = "short"
    BLOCKED = "blocked"
    """Master data or an ambiguous match: nothing can be ordered before a person fixes it."""
    FULFILLED = "fulfilled"
    WITHDRAWN = "withdrawn"


class OrderStage(StrEnum):
    """The stage of an order."""

    CONSOLIDATING = "consolidating"
    PLACING = "placing"
    UNSENT = "unsent"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    DELIVERING = "delivering"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class RequirementSnapshot(Model):
    """A requirement's present state, for lists and inboxes."""

    entity: Literal["requirement"] = "requirement"
    id: RequirementId
    need: Need
    stage: RequirementStage
    request_revision: int
    order_ids: tuple[OrderId, ...] = ()
    coverage: tuple[ScheduleLine, ...] = ()
    """The coverage last reported by the orders; empty while they give exactly what was requested."""
    needed: Quantity
    """The quantity acted on, in the need's unit; 0: withdrawn."""
    from_stock: Quantity = Decimal(0)
    """The part of it that is met from available stock."""
    reason: str = ""
    """Why it is open, in a planner's words."""
    policy_version: str = ""
    """The version of the policy that last decided; empty: nothing is decided yet."""
    exception_id: ExceptionId | None = None
    correlation_id: str = ""
    closed: bool = False


class LineShare(Model):
    """A requirement's share of an order line that several share, in the order unit."""

    requirement_id: RequirementId
    quantity: OrderQuantity
    """Its allocated quantity; 0: it was released."""
    received: OrderQuantity = Decimal(0)
    schedule_lines: tuple[ScheduleLine, ...] = ()
    """What it gets of the line's schedule lines (R11)."""


class OrderLineSnapshot(Model):
    """A line's present state, with the requirement it serves (the first of several)."""

    line: int
    item: str
    item_class: str = ""
    """The class of the item in master data; empty where it has none."""
    requirement_id: RequirementId
    quantity: OrderQuantity
    unit: str
    delivery_date: date
    price: str
    schedule_lines: tuple[ScheduleLine, ...] = ()
    shipped: OrderQuantity
    received: OrderQuantity
    allocated: OrderQuantity
    """The quantity that requirements need, in the order unit; the rest is surplus."""
    cancelled: bool = False
    shares: tuple[LineShare, ...] = ()
    """The shares of a line that several requirements share or shared; empty: it serves one."""

    def serves(self, requirement: str) -> bool:
        """Whether the line serves or served the requirement."""
        return requirement == self.requirement_id or any(requirement == each.requirement_id for each in self.shares)

    def received_for(self, requirement: str) -> Decimal:
        """The received quantity of the requirement; on a line of its own including the lot's surplus."""
        if self.shares:
            return sum((each.received for each in self.shares if each.requirement_id == requirement), Decimal(0))
        return self.received if requirement == self.requirement_id else Decimal(0)


class ApprovalAwaited(Model):
    """What waits for the approval of another system's own people."""

    system: str
    document: str
    """Its number there."""
    since: Instant
    approver: str = ""


class OrderSnapshot(Model):
    """An order's present state."""

    entity: Literal["order"] = "order"
    id: OrderId
    plant: str
    supplier: str
    supplier_name: str = ""
    currency: str = ""
    stage: OrderStage
    requisition_number: str | None = None
    order_number: str | None = None
    erp: SystemName = "erp"
    """The system that holds it: an order number says nothing without it."""
    revision: int = 0
    answered_revision: int = 0
    reminders: int = 0
    sent_references: tuple[str, ...] = ()
    """Its newest documents to the supplier (identity.document_reference)."""
    lines: tuple[OrderLineSnapshot, ...] = ()
    reason: str = ""
    approval: ApprovalAwaited | None = None
    """None: nothing of it waits for another system's approval."""
    route: RouteKind = RouteKind.DIRECT
    policy_version: str = ""
    """The version of the policy that last decided."""
    exception_id: ExceptionId | None = None
    at_risk: tuple[int, ...] = ()
    """R17: lines whose promise is likely to be missed, asked about or not."""
    correlation_id: str = ""
    closed: bool = False


class ExceptionState(StrEnum):
    """Open until decided or overtaken."""

    OPEN = "open"
    DECIDED = "decided"
    OVERTAKEN = "overtaken"
    """The problem went away by itself."""


class ExceptionSnapshot(Model):
    """An exception's present state."""

    entity: Literal["exception"] = "exception"
    id: ExceptionId
    raised_by: str
    proposal: Proposal
    digest: str
    state: ExceptionState
    assignee: str
    """Who is asked now: a role or its delegate."""
    on_behalf_of: str | None = None
    """The role that is out of office; None: the assignee is asked for itself."""
    opened_at: Instant
    reminders: int = 0
    escalations: int = 0
    next_escalation: NextEscalation | None = None
    """R16; None: the escalation is complete, or nothing is left to decide."""
    reasons: tuple[Reason, ...] = ()
    """Its delegations and escalation levels, in the order they happened."""
    assignment: Assignment | None = None
    """The last time that a person handed it on."""
    decision: Decision | None = None
    undo_until: Instant | None = None
    """Decided, and not carried out yet: its decider may take the decision back until then."""
    taken_back: int = 0
    """How many decisions were taken back."""
    closing_reason: str = ""
    """Why it was overtaken."""
    correlation_id: str = ""
    closed: bool = False


class ChangeStage(StrEnum):
    """The stage of an engineering change."""

    JUDGING = "judging"
    PROPOSED = "proposed"
    CARRIED_OUT = "carried_out"
    DECLINED = "declined"
    SUPERSEDED = "superseded"
    """Another revision replaced it before it was carried out."""


class ChangeSnapshot(Model):
    """An engineering change's present state; at its end the report of every affected line."""

    entity: Literal["change"] = "change"
    id: ChangeId
    revised: BomRevised
    stage: ChangeStage
    dispositions: tuple[ChangeDisposition, ...] = ()
    changed_requirements: tuple[RequirementId, ...] = ()
    """The requirements that were reduced or withdrawn."""
    new_requirements: tuple[RequirementId, ...] = ()
    """The requirements of the new components."""
    left_to_the_plan: tuple[str, ...] = ()
    """Components whose demand can't be derived from the revision."""
    proposal: Proposal | None = None
    """The last proposal to a person; None: nobody had to be asked."""
    affected: tuple[AffectedRequirement, ...] = ()
    """Every open requirement of the outgoing components; before the decision, as it is."""
    instructions: tuple[ChangeInstruction, ...] = ()
    """Actions for people: none of them was booked."""
    cost: Money = Decimal(0)
    """The cost of the decided dispositions."""
    currency: str = ""
    check: ChangeCheck | None = None
    """At its end: whether every affected order line has dispositions that add up to what it holds."""
    reason: str = ""
    decision: Decision | None = None
    superseded_by: ChangeId | None = None
    exception_id: ExceptionId | None = None
    policy_version: str = ""
    correlation_id: str = ""
    closed: bool = False


class StockStage(StrEnum):
    """The stage of an item's available stock."""

    JUDGING = "judging"
    ACTIVE = "active"
    """It has an effect: a shortfall is to be covered, or needs are met from stock."""
    SETTLED = "settled"
    """It has no effect any more."""


class StockSnapshot(Model):
    """The present effect of an item's available stock on its needs."""

    entity: Literal["stock"] = "stock"
    id: StockId
    figure: StockFigure
    stage: StockStage
    shortfall: Quantity = Decimal(0)
    """The quantity stated as a need of its own, in the figure's unit."""
    shortfall_requirement: RequirementId | None = None
    allocations: tuple[StockAllocation, ...] = ()
    suppressed: int = 0
    """How many changes were too small to report (R4)."""
    reason: str = ""
    policy_version: str = ""
    correlation_id: str = ""
    closed: bool = False


Snapshot = Annotated[
    RequirementSnapshot | OrderSnapshot | ExceptionSnapshot | ChangeSnapshot | StockSnapshot,
    Field(discriminator="entity"),
]


class AuditBatch(Model):
    """What an entity records with an activity: the events not yet recorded and the state they led to.

    Recorded by the entity's own count: the same batch twice does no harm, an older one never overwrites.
    """

    audit_events: tuple[PendingEvent, ...]
    snapshot: Snapshot
    after: int = 0
    """If all events are recorded: the count of the last one."""
    writer: str = ""
    """The workflow run that publishes it; of a run that continues as new, the first."""
    final_state: str | None = None
    """Of an entity that has ended: its whole state, to go on with where what it ended by is taken back; empty: nothing
    can be taken back. None: it has not ended.
    """

    @property
    def sequence(self) -> int:
        """The newest event's count."""
        return self.audit_events[-1].sequence if self.audit_events else self.after


class EndedEntity(Model):
    """An entity that has ended, as it goes on where what it ended by is taken back."""

    state: str
    """Its whole state, as JSON."""
    sequence: int
    """How many audit events it has recorded."""


class OrderTerms(Model):
    """The terms that lines must have in common to share an order."""

    plant: str
    supplier: str
    currency: str
    terms: str
    route: RouteKind = RouteKind.DIRECT


class Reservation(Model):
    """The ledger's answer to a supply request: which order takes it."""

    order_id: OrderId
    opened: bool
    """This supply request opened the order (a repeated call returns the same)."""
    consolidating: bool
    """The order is still consolidating: the supply request is in its batch and needs no message."""
    existing: SupplyRequest | None = None
    """The supply request as the order has it, which for a repeated call may differ from the given one. None: as given.
    """


class ConsolidationBatch(Model):
    """The supply requests that an order consolidated, in the order of arrival."""

    requests: tuple[SupplyRequest, ...]


class Incident(Model):
    """A workflow that can't go on without somebody technical: a call that keeps failing, or a task that does."""

    id: str
    run_id: str
    type: str
    """Of the workflow."""
    plant: str | None
    call: str
    """The failing call, e.g. `erp.place_order`; else what Temporal reports."""
    started_at: Instant


class DeadLetter(Model):
    """A message that could not be understood or addressed, kept whole."""

    channel: str
    source: str
    code: str
    detail: str
    next_step: str
    body: bytes
    content_type: str
    context: dict[str, JsonValue] = {}
