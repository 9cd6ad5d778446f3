"""What the workflows hand to activities: the intent, and the facts that ride along."""

from typing import Generic, TypeVar

from canonical.base import Code, Noun
from canonical.bom import ComponentUse
from canonical.cover import CoverageChanged, Want
from canonical.coverage import CoverageReport
from canonical.exception import ExceptionDecided
from canonical.identity import ChangeId, OrderId, RequirementId
from canonical.messages import BomChanged, StockAllotted, SupplierAnswered
from canonical.need import Need, Withdrawal
from canonical.order import ChangeOutcome, OrderDocument, OrderSchedule, PlaceOutcome, WriteOutcome
from canonical.plan import PlanRun
from canonical.policy import PlantPolicy
from canonical.records import Entry, OrderTerms, Reservation
from canonical.sourcing import Assessment, Source
from canonical.stock import StockFigure, StockUser

Outcome = TypeVar("Outcome")


class Reply(Noun, Generic[Outcome]):
    """What an activity answers: its outcome, and where the chain of facts stands now that it has recorded them.

    The chain goes on from what was recorded, not from what the workflow works out: in a replay its clock may differ
    (a query that splits a task with a local activity), and so would the hashes.
    """

    outcome: Outcome
    head: str = ""
    """The hash of the last fact recorded; empty: none rode along."""


class Call(Noun):
    """What every call carries."""

    key: str
    """The idempotency key: workflow id and step, the same on every attempt."""
    correlation_id: str
    entry: Entry | None = None
    """Facts not yet in the ledger; recorded by the activity before it calls out."""
    unsure: bool = False
    """A former activity of the same step failed without our knowing whether it wrote."""


class PlaceOrderCall(Call):
    """erp.place_order."""

    document: OrderDocument


class PlaceAndSendCall(Call):
    """erp.place_and_send: the order to the ERP, then with its number to the supplier."""

    document: OrderDocument
    send_key: str
    """The idempotency key of the sending."""


class PlacedAndSent(Noun):
    """What both said."""

    placed: PlaceOutcome
    sent: WriteOutcome | None
    """None: there is no order to be sent, or it is to be sent by a call of its own."""


class ChangeOrderCall(Call):
    """erp.change_order."""

    document: OrderDocument


class CancelRequisitionCall(Call):
    """erp.cancel_requisition."""

    document: OrderDocument


class WriteScheduleCall(Call):
    """erp.write_schedule."""

    schedule: OrderSchedule


class SendDocumentCall(Call):
    """supplier.send_order, send_change and send_reminder."""

    document: OrderDocument


class WriteCoverageCall(Call):
    """aps.write_coverage."""

    report: CoverageReport


class WriteBackCall(Call):
    """erp.write_back: the schedule to the ERP and the cover to APS, beside each other."""

    schedule: OrderSchedule
    report: CoverageReport


class WrittenBack(Noun):
    """What both said."""

    erp: ChangeOutcome
    aps: WriteOutcome | None
    """None: APS is to be told by a call of its own."""


class AssessCall(Noun):
    """desk.assess."""

    plant: Code
    item: Code


class PolicyCall(Noun):
    """desk.policy: what holds now; answered None where `known` still does."""

    plant: Code
    item_class: str = ""
    item: str = ""
    supplier: str = ""
    known: str = ""
    """The version that the entity has."""


class StateNeedsCall(Noun):
    """desk.state_needs: what one of our orders needs of others now, whole; a need that is gone is withdrawn."""

    entry: Entry
    needs: tuple[Need, ...] = ()
    withdrawals: tuple[Withdrawal, ...] = ()
    correlation_id: str


class AnswerOrderCall(Noun):
    """desk.answer_order: a supplying plant's requirement answers the transfer that it serves."""

    entry: Entry
    order_id: OrderId
    answered: SupplierAnswered


class CoverOpening(Noun):
    """A want that no order serves yet, with what a new order would start from."""

    want: Want
    terms: OrderTerms
    source: Source
    policy: PlantPolicy


class CoverChange(Noun):
    """A want to an order that is known."""

    order_id: OrderId
    want: Want


class AskCoverCall(Noun):
    """desk.ask_cover: all that a requirement wants of orders now."""

    entry: Entry
    openings: tuple[CoverOpening, ...] = ()
    changes: tuple[CoverChange, ...] = ()
    correlation_id: str


class CoverAsked(Noun):
    """What became of the wants, in their order."""

    reservations: tuple[Reservation, ...]
    delivered: tuple[bool, ...]
    """Of the changes: False where the order has ended."""


class CloseSheetCall(Noun):
    """desk.close_sheet."""

    order_id: OrderId
    entry: Entry


class RequirementStatement(Noun):
    """A statement to one requirement."""

    requirement_id: RequirementId
    coverage: CoverageChanged


class TellRequirementsCall(Noun):
    """desk.tell_requirements."""

    entry: Entry
    statements: tuple[RequirementStatement, ...]


class CloseExceptionCall(Noun):
    """desk.close_exception: record, and tell who raised it what was decided."""

    entry: Entry
    raised_by: str
    decided: ExceptionDecided | None = None


class WhereUsedCall(Noun):
    """desk.where_used."""

    plant: Code
    assembly: Code
    revision: Code
    components: tuple[Code, ...]


class WhereUsed(Noun):
    """Where the components are used, in the order asked, with what master data and policy say of each."""

    uses: tuple[ComponentUse, ...]
    assessments: tuple[Assessment, ...]
    policy: PlantPolicy
    """The plant's own."""
    superseded_by: ChangeId | None = None
    """Another revision takes the place of the one that asks."""


class BomChange(Noun):
    """What one requirement is told."""

    requirement_id: RequirementId
    changed: BomChanged


class ChangeBomCall(Noun):
    """desk.change_bom."""

    entry: Entry
    changes: tuple[BomChange, ...]


class StockUseCall(Noun):
    """desk.stock_use."""

    plant: Code
    item: Code


class StockUse(Noun):
    """What is free now, who could use it, and what master data and policy say of the item."""

    figure: StockFigure
    users: tuple[StockUser, ...]
    assessment: Assessment


class StockShare(Noun):
    """What one requirement is told."""

    requirement_id: RequirementId
    allotted: StockAllotted


class AllotStockCall(Noun):
    """desk.allot_stock."""

    entry: Entry
    shares: tuple[StockShare, ...]


class RecordCall(Noun):
    """desk.record: nothing but the ledger."""

    entry: Entry


class PlanRunCall(Noun):
    """plan.match, plan.deliver, plan.wait, plan.keep_needs and plan.stop."""

    run: PlanRun
    detail: str = ""
    """Why it waits, keeps or stops."""
    batch: int = 0
    """Of a delivery: how many changes are handed over at a time."""
    per_second: int = 0
    """Of a delivery: how many changes are handed over a second at most; 0: as many as are taken."""
