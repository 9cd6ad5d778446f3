"""Messages that start entities or reach them; each carries the sender's whole state."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from canonical.base import DocumentNumber, Instant, LineNumber, Model, Quantity, Share
from canonical.bom import BomRevised
from canonical.exception import Proposal
from canonical.identity import ChangeId, ExceptionId, OrderId, RequirementId
from canonical.landscape import Systems
from canonical.need import Need, Peg, Revision, Withdrawal
from canonical.order import DocumentAcknowledged, DocumentEdit, GoodsReceipt, OrderAnswer, ShipmentAnnounced
from canonical.policy import PlantPolicy
from canonical.records import OrderTerms
from canonical.sourcing import Source
from canonical.stock import StockFigure, StockUser
from canonical.substitution import Substitution
from canonical.supply import CoverageChanged, SupplyRequest


class RequirementOpened(Model):
    """Starts a MaterialRequirement, or sends a need to a running one."""

    need: Need
    correlation_id: str
    kept: tuple[CoverageChanged, ...] = ()
    """Coverage of an earlier run of the same requirement (it had ended and the plan needs it again)."""
    first_sequence: int = 1
    """Where the count of its events goes on after a former run; 1: the first run."""


class RequirementWithdrawn(Model):
    """The plan no longer has the need."""

    withdrawal: Withdrawal
    correlation_id: str = ""


class ChangeOpened(Model):
    """Starts an EngineeringChange, or sends the revision to a running one again."""

    revised: BomRevised
    correlation_id: str
    first_sequence: int = 1
    """Where the count of its events goes on after a former run; 1: the first run."""


class ChangeSuperseded(Model):
    """A newer revision replaces one that is not carried out yet."""

    by: ChangeId
    as_of: Instant


class ReminderAsked(Model):
    """A person wants the supplier reminded now, before the order does so by itself (R16)."""

    event_id: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")]
    """Of the click: one reminder, however often it arrives."""
    asked_by: Annotated[str, Field(min_length=1, max_length=255)]
    """The issuer's lasting identifier of whoever logged in."""
    asked_at: Instant


class ReminderDue(Model):
    """What a supplier can be reminded of."""

    about: Literal["answer", "delivery"]
    lines: tuple[int, ...]


class ReminderRefused(Exception):
    """There is nothing to remind the supplier of; the message says why."""


class RatedPromise(Model):
    """How likely a confirmed line misses the demand that it serves."""

    line: LineNumber
    promised_on: date
    """The dock day of the schedule line."""
    demand: str
    missing: Share
    """The chance, 0 to 1."""
    why: str
    """The explanation, in a sentence."""


class PromisesRated(Model):
    """R17: all promises of an order that may be missed; every other one is safe enough."""

    promises: tuple[RatedPromise, ...]
    rated_at: Instant


class BomChanged(Model):
    """R13: the whole quantity that a requirement still needs after an engineering change; 0: nothing."""

    change_id: ChangeId
    effective_from: date
    decided_on: Revision
    """The need's revision that it was decided on; it does not apply to a newer one (R10)."""
    quantity: Quantity
    pegs: tuple[Peg, ...] = ()
    decided_by: str
    approved_by: str | None = None
    """R15: who approved the change, including the orders' reductions: they ask nobody again. None: nobody was asked."""
    as_of: Instant


class StockOpened(Model):
    """Starts a StockBalance, or sends new available stock to a running one."""

    figure: StockFigure
    users: tuple[StockUser, ...] = ()
    """Requirements that have just begun and may have recorded nothing yet."""
    correlation_id: str
    first_sequence: int = 1
    """Where the count of its events goes on after a former run; 1: the first run."""


class StockAllocated(Model):
    """The whole quantity that a requirement gets from stock; 0: nothing any more."""

    quantity: Quantity
    unit: str
    reported_at: Instant
    """The time of the stock figure: a need that the plan states later is taken as it is, since the plan has netted the
    stock.
    """
    revision: int
    as_of: Instant
    """The sender's clock: of two with one revision, the later holds (a workflow task that was executed again)."""
    reason: str = ""

    @property
    def rank(self) -> tuple[int, float]:
        """The key that orders two messages (R10)."""
        return (self.revision, self.as_of.timestamp())


class OrderOpened(Model):
    """Starts a PurchaseOrder; the supply requests are in its consolidation batch, or in `requests` if it does not
    consolidate.
    """

    order_id: OrderId
    terms: OrderTerms
    source: Source
    policy: PlantPolicy
    requests: tuple[SupplyRequest, ...] = ()
    consolidating: bool = False
    systems: Systems = Systems()
    correlation_id: str


class SupplyRequested(Model):
    """A requirement's supply request to an order that is no longer consolidating."""

    request: SupplyRequest


class SubstitutionReported(Model):
    """A requirement's message to one of its orders: report this to planning with the coverage."""

    requirement_id: RequirementId
    substitution: Substitution | None
    """Approved, and not planned yet; None: no longer."""
    reported_at: Instant
    """The requirement's clock: the latest holds (R10)."""


class SupplierAnswered(Model):
    """A supplier's answer, canonical; `event_id` is the inbox's key."""

    event_id: str
    answer: OrderAnswer
    correlation_id: str = ""


class ShipmentsAnnounced(Model):
    """Despatch advices."""

    event_id: str
    shipment: ShipmentAnnounced


class DocumentAcknowledgement(Model):
    """A supplier's systems acknowledge or reject a document that the order sent."""

    event_id: str
    acknowledgement: DocumentAcknowledged


class ApprovalReported(Model):
    """Another system says that its people decided on a document of the order: the order looks there at once."""

    event_id: str
    document: DocumentNumber
    changed: bool = False
    """As in ApprovalDecision."""


class GoodsReceived(Model):
    """Receipts of one order, as many as arrived together."""

    receipts: Annotated[tuple[GoodsReceipt, ...], Field(min_length=1)]


class DocumentEdited(Model):
    """A person changed the document in the ERP."""

    event_id: str
    edit: DocumentEdit


class ExceptionRaised(Model):
    """Starts a ShortageException."""

    exception_id: ExceptionId
    raised_by: str
    proposal: Proposal
    policy: PlantPolicy
    assignee: str
    raised_at: Instant
    """The raiser's clock."""
    item_class: str = ""
    """The class used to look up the policy; empty: none."""
    sla_started_at: Instant | None = None
    """The start of the SLA where it is earlier than the question: when a silent supplier was asked."""
    latest_safe_date: date | None = None
    """R16: no escalation level is later than this, where the proposal gives no date."""
    correlation_id: str


class ProposalChanged(Model):
    """The raiser's situation changed: decide on this instead; None: there is nothing left to decide."""

    proposal: Proposal | None
    reason: str = ""


__all__ = [
    "ApprovalReported",
    "BomChanged",
    "ChangeOpened",
    "CoverageChanged",
    "DocumentAcknowledgement",
    "DocumentEdited",
    "ExceptionRaised",
    "GoodsReceived",
    "OrderId",
    "OrderOpened",
    "ProposalChanged",
    "RequirementId",
    "RequirementOpened",
    "RequirementWithdrawn",
    "ShipmentsAnnounced",
    "StockAllocated",
    "StockOpened",
    "SupplierAnswered",
    "SupplyRequested",
]
