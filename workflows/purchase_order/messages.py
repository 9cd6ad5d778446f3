"""How an order applies messages from supplier, warehouse and requirements to its state. It makes no calls."""

from datetime import date

from canonical.exception import ExceptionDecided
from canonical.messages import (
    DocumentAcknowledgement,
    DocumentEdited,
    GoodsReceived,
    OrderOpened,
    ShipmentsAnnounced,
    SupplierAnswered,
    SupplyRequested,
)
from workflows.memory import RecordEvent, RunInput
from workflows.purchase_order.acknowledgements import take_acknowledgement
from workflows.purchase_order.answers import take_answer
from workflows.purchase_order.deliveries import take_receipt, take_shipment
from workflows.purchase_order.edits import take_edit
from workflows.purchase_order.questions import is_still_asked
from workflows.purchase_order.state import OrderState
from workflows.purchase_order.statements import (
    announced_in_order_terms,
    answered_in_order_terms,
    keep_remarks,
    received_in_order_terms,
)

OrderMessage = (
    SupplyRequested
    | SupplierAnswered
    | ShipmentsAnnounced
    | DocumentAcknowledgement
    | GoodsReceived
    | DocumentEdited
    | ExceptionDecided
)
OrderInput = RunInput[OrderOpened, OrderState, OrderMessage]
DECIDED_BY_POLICY = (SupplyRequested, SupplierAnswered, DocumentEdited)
"""Messages on which the order decides by the current policy."""


def take(state: OrderState, message: OrderMessage, record: RecordEvent, today: date) -> None:
    """Apply one message to the state."""
    match message:
        case SupplyRequested():
            _take_request(state, message, record)
        case SupplierAnswered():
            answered, taken_before = answered_in_order_terms(state, message, record), len(state.answers)
            if answered is not None:
                take_answer(state, answered.answer, record, today)
            if answered is not None and len(state.answers) > taken_before:
                keep_remarks(state, answered.answer)
        case ShipmentsAnnounced():
            announced = announced_in_order_terms(state, message, record)
            if announced is not None:
                take_shipment(state, announced, record)
        case DocumentAcknowledgement():
            take_acknowledgement(state, message, record)
        case GoodsReceived():
            for receipt in received_in_order_terms(state, message).receipts:
                take_receipt(state, receipt, record)
        case DocumentEdited():
            take_edit(state, message.edit, message.event_id, record)
        case ExceptionDecided():
            _take_decision(state, message, record, today)


def _take_request(state: OrderState, requested: SupplyRequested, record: RecordEvent) -> None:
    request = requested.request
    requirement = request.requirement_id
    waiting = state.pending.get(requirement)
    newest = max(state.considered_rank.get(requirement, (0, 0.0)), waiting.rank if waiting else (0, 0.0))
    if request.rank <= newest:
        record(
            "supply_request.stale", requirement_id=requirement, request_revision=request.request_revision, rule="R10"
        )
        return
    state.pending[requirement] = request
    state.pending_reasons.pop(requirement, None)
    record(
        "supply_request.changed",
        requirement_id=requirement,
        quantity=str(request.quantity),
        dock_date=request.dock_date.isoformat(),
        expedite=request.expedite,
        decided_by=request.approved_by,
    )


def _take_decision(state: OrderState, decided: ExceptionDecided, record: RecordEvent, today: date) -> None:
    decision = decided.decision
    purpose = next((name for name, question in state.questions.items() if question.id == decided.exception_id), None)
    if purpose is None:
        record("decision.overtaken", decision.decided_at, exception_id=decided.exception_id, choice=decision.choice)
        return
    question = state.questions.pop(purpose)
    if decided.digest != question.digest or not is_still_asked(state, purpose, decided.digest, today):
        # The decision was made on an outdated proposal: the question is asked again.
        record(
            "decision.void", decision.decided_at, exception_id=decided.exception_id, choice=decision.choice, rule="R15"
        )
        return
    state.decisions[purpose] = decision
    record(
        "exception.decided",
        decision.decided_at,
        exception_id=decided.exception_id,
        choice=decision.choice,
        decided_by=decision.decided_by,
        comment=decision.comment,
    )
