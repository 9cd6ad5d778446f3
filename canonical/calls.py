"""Inputs and results of activities: the intent, and the audit events sent along with it."""

from typing import Annotated, Literal

from pydantic import Field

from canonical.base import Code, Instant, Model
from canonical.bom import ComponentUse
from canonical.coverage import CoverageReport
from canonical.exception import ExceptionDecided
from canonical.identity import ChangeId, ExceptionId, OrderId, RequirementId
from canonical.landscape import Systems
from canonical.messages import BomChanged, StockAllocated, SubstitutionReported, SupplierAnswered
from canonical.need import Need, Withdrawal
from canonical.order import (
    AwaitingApproval,
    ChangeOutcome,
    OrderDocument,
    OrderSchedule,
    Placed,
    Refused,
    WriteOutcome,
)
from canonical.plan import PlanRunStatus
from canonical.policy import PlantPolicy
from canonical.records import AuditBatch, OrderTerms, Reservation
from canonical.sourcing import Assessment, Source
from canonical.stock import StockFigure, StockUser
from canonical.supply import CoverageChanged, SupplyRequest


class Call(Model):
    """The fields that every call carries."""

    key: str
    """The idempotency key: workflow id and step, the same on every attempt."""
    correlation_id: str
    audit_batch: AuditBatch | None = None
    """Audit events not yet in the ledger; recorded by the activity before it calls out."""
    maybe_written: bool = False
    """An earlier activity of the same step failed, and it is unknown whether it wrote."""


class Moved(Model):
    """Nothing was written: the order's plant has gone to another ERP, and nobody knows the order yet."""

    result: Literal["moved"] = "moved"
    systems: Systems
    """Where it is to be placed."""


PlacingOutcome = Annotated[Placed | AwaitingApproval | Refused | Moved, Field(discriminator="result")]


class PlaceOrderCall(Call):
    """erp.place_order."""

    document: OrderDocument


class PlaceAndSendCall(Call):
    """erp.place_and_send: the order to the ERP, then with its number to the supplier."""

    document: OrderDocument
    send_key: str
    """The idempotency key of the sending."""


class PlacedAndSent(Model):
    """The outcomes of both calls."""

    placed: PlacingOutcome
    sent: WriteOutcome | None
    """None: there is no order to send, or it is sent by a call of its own."""


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
    """erp.write_back: the schedule to the ERP and the coverage to APS, beside each other."""

    schedule: OrderSchedule
    report: CoverageReport


class WrittenBack(Model):
    """The outcomes of both calls."""

    erp: ChangeOutcome
    aps: WriteOutcome | None
    """None: the coverage is reported to APS by a call of its own."""


class AssessCall(Model):
    """internal.assess."""

    plant: Code
    item: Code


class PolicyCall(Model):
    """internal.policy: the policy in force; the answer is None where `known` still is."""

    plant: Code
    item_class: str = ""
    item: str = ""
    supplier: str = ""
    known: str = ""
    """The version that the entity has."""


class PublishNeedsCall(Model):
    """internal.publish_needs: all current needs of one of our orders; a need that is gone is withdrawn."""

    audit_batch: AuditBatch
    needs: tuple[Need, ...] = ()
    withdrawals: tuple[Withdrawal, ...] = ()
    correlation_id: str


class AnswerOrderCall(Model):
    """internal.answer_order: a supplying plant's requirement answers the transfer that it serves."""

    audit_batch: AuditBatch
    order_id: OrderId
    answered: SupplierAnswered


class ReportSubstitutionCall(Model):
    """internal.report_substitution: an order is to report a requirement's substitute item to planning."""

    audit_batch: AuditBatch
    order_id: OrderId
    reported: SubstitutionReported


class SupplyRequestOpening(Model):
    """A supply request that no order serves yet, with what a new order would start from."""

    request: SupplyRequest
    terms: OrderTerms
    source: Source
    policy: PlantPolicy


class SupplyRequestChange(Model):
    """A supply request to an order that is known."""

    order_id: OrderId
    request: SupplyRequest


class RequestSupplyCall(Model):
    """internal.request_supply: all current supply requests of a requirement."""

    audit_batch: AuditBatch
    openings: tuple[SupplyRequestOpening, ...] = ()
    changes: tuple[SupplyRequestChange, ...] = ()
    correlation_id: str


class SupplyRequestsPlaced(Model):
    """The results of the supply requests, in their order."""

    reservations: tuple[Reservation, ...]
    delivered: tuple[bool, ...]
    """For each change: False where the order has ended."""


class CloseBatchCall(Model):
    """internal.close_batch."""

    order_id: OrderId
    audit_batch: AuditBatch


class CoverageNotice(Model):
    """The coverage reported to one requirement."""

    requirement_id: RequirementId
    coverage: CoverageChanged
    takes_back: bool = False
    """Less is received than was reported before: a requirement that has ended by it goes on."""


class NotifyRequirementsCall(Model):
    """internal.notify_requirements."""

    audit_batch: AuditBatch
    notices: tuple[CoverageNotice, ...]


class CloseExceptionCall(Model):
    """internal.close_exception: record the decision and send it to the entity that raised the exception, and to the
    requirements that share the question.
    """

    audit_batch: AuditBatch
    exception_id: ExceptionId
    raised_by: str
    decided: ExceptionDecided | None = None
    """None: its cause is gone."""
    closed_at: Instant
    digest: str
    """Of the proposal at the end."""


class JoinQuestionCall(Model):
    """internal.join_question: wait for the open question about this, or be the one that asks it."""

    audit_batch: AuditBatch
    plant: Code
    item: Code
    digest: str
    """Of the proposal: whoever has the same has the same question."""
    exception_id: ExceptionId
    """Under which it would be asked."""
    requirement_id: str


class LeaveQuestionCall(Model):
    """internal.leave_question: wait no more for a question that others may share."""

    audit_batch: AuditBatch
    exception_id: ExceptionId
    requirement_id: str


class WhereUsedCall(Model):
    """internal.where_used."""

    plant: Code
    assembly: Code
    revision: Code
    components: tuple[Code, ...]


class WhereUsed(Model):
    """Where the components are used, in the order asked, with master data and policy of each."""

    uses: tuple[ComponentUse, ...]
    assessments: tuple[Assessment, ...]
    policy: PlantPolicy
    """The plant's own."""
    superseded_by: ChangeId | None = None
    """The revision that has replaced the asking one."""


class BomChange(Model):
    """The message to one requirement."""

    requirement_id: RequirementId
    changed: BomChanged


class ChangeBomCall(Model):
    """internal.change_bom."""

    audit_batch: AuditBatch
    changes: tuple[BomChange, ...]


class StockUseCall(Model):
    """internal.stock_use."""

    plant: Code
    item: Code


class StockUse(Model):
    """The available stock, the requirements that could use it, and master data and policy of the item."""

    figure: StockFigure
    users: tuple[StockUser, ...]
    assessment: Assessment


class StockAllocationNotice(Model):
    """The message to one requirement."""

    requirement_id: RequirementId
    allocated: StockAllocated


class AllocateStockCall(Model):
    """internal.allocate_stock."""

    audit_batch: AuditBatch
    shares: tuple[StockAllocationNotice, ...]


class RecordCall(Model):
    """internal.record: nothing but the ledger."""

    audit_batch: AuditBatch


class PlanRunCall(Model):
    """plan.match, plan.deliver, plan.wait, plan.keep_needs and plan.stop."""

    run: PlanRunStatus
    detail: str = ""
    """Why it waits, keeps or stops."""
    batch: int = 0
    """For plan.deliver: how many changes are handed over at a time."""
    per_second: int = 0
    """For plan.deliver: the most changes handed over a second; 0: no limit."""
