"""How an order applies messages from supplier, warehouse and requirements to its state. It makes no calls."""

from datetime import date, datetime

from pydantic import JsonValue

from canonical.calendar import Calendar
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
from canonical.order import GoodsReceipt, LineAnswer, OrderAnswer
from canonical.policy import RouteKind
from decisions.answers import NotAnswered, ReadAnswer, UnclearAnswer, past_promise, read_answer
from decisions.ordering import AnswerRank, answer_status, rank_of_answer
from workflows.memory import RecordEvent, RunInput
from workflows.purchase_order.acknowledgements import take_acknowledgement
from workflows.purchase_order.edits import take_edit
from workflows.purchase_order.line import Line
from workflows.purchase_order.questions import is_still_asked
from workflows.purchase_order.sharing import receipt_report, received_by, share_report
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
                _take_answer(state, answered.answer, record, today)
            if answered is not None and len(state.answers) > taken_before:
                keep_remarks(state, answered.answer)
        case ShipmentsAnnounced():
            announced = announced_in_order_terms(state, message, record)
            if announced is not None:
                _take_shipment(state, announced, record)
        case DocumentAcknowledgement():
            take_acknowledgement(state, message, record)
        case GoodsReceived():
            for receipt in received_in_order_terms(state, message).receipts:
                _take_receipt(state, receipt, record)
        case DocumentEdited():
            take_edit(state, message.edit, message.event_id, record)
        case ExceptionDecided():
            _take_decision(state, message, record, today)


def _advance(state: OrderState, effective_at: datetime) -> None:
    state.as_of = max(state.as_of, effective_at)


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


def _take_answer(state: OrderState, answer: OrderAnswer, record: RecordEvent, today: date) -> None:
    """R10, line by line: suppliers answer an order in several messages, which may arrive out of order."""
    answer = _in_days_of_the_plant(answer, state.policy.calendar)
    rank = rank_of_answer(answer.order_revision, answer.effective_at, answer.answer_number)
    by_line = {line.line: line for line in answer.lines}
    unknown = sorted(by_line.keys() - {line.number for line in state.lines})
    named = [line for line in state.lines if answer.header != "per_line" or line.number in by_line]
    status = _answer_standing(state, answer, rank, named if named and not unknown else [])
    if status != "current":
        record(
            f"answer.{status}",
            answer.effective_at,
            answer_number=answer.answer_number,
            revision=answer.order_revision,
            current_revision=state.revision,
            rule="R10",
        )
        return
    _advance(state, answer.effective_at)
    state.answers.append(rank)
    for number in unknown:
        state.unclear[number] = "the answer names a line that the order does not have"
    newest = [line for line in named if not line.answered_after(rank)]
    read = [line for line in newest if _read_line(state, line, by_line.get(line.number), answer, today)]
    for line in newest:
        line.rank_answer(rank)
    _note_answer(state, answer, read, record)


def _in_days_of_the_plant(answer: OrderAnswer, calendar: Calendar) -> OrderAnswer:
    """A promised moment is promised for the day that it is at the plant."""
    lines = tuple(
        line.model_copy(
            update={
                "schedule_lines": tuple(
                    part if part.at is None else part.model_copy(update={"date": calendar.day_of(part.at)})
                    for part in line.schedule_lines
                )
            }
        )
        if any(part.at is not None for part in line.schedule_lines)
        else line
        for line in answer.lines
    )
    return answer.model_copy(update={"lines": lines})


def _answer_standing(state: OrderState, answer: OrderAnswer, rank: AnswerRank, named: list[Line]) -> str:
    """`named`: the lines that the answer names, if the order has all of them."""
    status: str = answer_status(_answered_revision(state, answer), rank, state.revision, None)
    if status == "current" and rank in state.answers:
        return "repeat"
    if status == "current" and named and all(line.answered_after(rank) for line in named):
        return "stale"
    return status


def _note_answer(state: OrderState, answer: OrderAnswer, read: list[Line], record: RecordEvent) -> None:
    record(
        "order.answered",
        answer.effective_at,
        answer_number=answer.answer_number,
        revision=answer.order_revision,
        lines=[
            {
                "line": line.number,
                "schedule_lines": [part.model_dump(mode="json") for part in line.promised],
                **line.whose,
                **share_report(line, state.policy.version),
            }
            for line in read
        ],
        unclear={str(number): why for number, why in state.unclear.items()},
    )


def _answered_revision(state: OrderState, answer: OrderAnswer) -> int | None:
    """The revision that an answer refers to.

    A plant of ours answers each line by the need last published for it; it does not know of later revisions that
    changed only other lines.
    """
    stated = answer.order_revision
    if state.terms.route is not RouteKind.TRANSFER or stated is None or stated > state.revision:
        return stated
    named = {line.line for line in answer.lines}
    current = all(line.changed_in <= stated for line in state.lines if line.number in named)
    return state.revision if current else stated


def _read_line(state: OrderState, line: Line, answered: LineAnswer | None, answer: OrderAnswer, today: date) -> bool:
    """Read one line's answer (R9); returns whether the line was answered."""
    if line.closed or line.changed_in > state.revision:
        # The supplier does not know yet how the next revision changes the line.
        return False
    if line.cancelled:
        return _read_cancellation(state, line, answered, answer)
    reading = read_answer(line.asked_quantity, line.request.unit, line.delivery_date, answered, answer.header)
    if isinstance(reading, ReadAnswer):
        reading = past_promise(reading, today, max(line.received, line.counted_shipped)) or reading
    match reading:
        case NotAnswered():
            return False
        case UnclearAnswer(reason=reason):
            state.unclear[line.number] = reason
            return False
        case ReadAnswer():
            state.unclear.pop(line.number, None)
            price, price_unit = (answered.price, answered.price_unit) if answered else (None, None)
            at, on = answer.effective_at, state.policy.calendar.day_of(answer.effective_at)
            if line.answer(state.revision, reading, at, on, price, price_unit, answer.currency):
                state.cut.append(line.number)
            state.touch(line.number)
            return True


def _read_cancellation(state: OrderState, line: Line, answered: LineAnswer | None, answer: OrderAnswer) -> bool:
    statement = {part.outcome.value for part in answered.schedule_lines} if answered else {answer.header}
    if statement <= {"accepted", "deleted", "changed"}:
        state.unclear.pop(line.number, None)
        line.complete(nothing_comes=True)
        state.touch(line.number)
        return True
    if statement != {"per_line"}:
        state.unclear[line.number] = "the supplier does not accept the cancellation"
    return False


def _take_shipment(state: OrderState, message: ShipmentsAnnounced, record: RecordEvent) -> None:
    shipment = message.shipment
    if shipment.despatch_number in state.despatches:
        record("shipment.repeated", shipment.effective_at, despatch_number=shipment.despatch_number)
        return
    state.despatches.append(shipment.despatch_number)
    _advance(state, shipment.effective_at)
    for shipped in shipment.lines:
        line = state.line(shipped.line)
        if line is not None:
            line.ship(shipped.quantity)
    record(
        "shipment.announced",
        shipment.effective_at,
        despatch_number=shipment.despatch_number,
        arrives_on=shipment.arrives_on.isoformat() if shipment.arrives_on else None,
        lines=[{"line": part.line, "quantity": str(part.quantity)} for part in shipment.lines],
    )


def _take_receipt(state: OrderState, receipt: GoodsReceipt, record: RecordEvent) -> None:
    line = state.line(receipt.line)
    if receipt.receipt_number in state.receipts:
        record("receipt.repeated", receipt.effective_at, receipt_number=receipt.receipt_number)
        return
    state.receipts.append(receipt.receipt_number)
    _advance(state, receipt.effective_at)
    data: dict[str, JsonValue] = {
        "receipt_number": receipt.receipt_number,
        "line": receipt.line,
        "quantity": str(receipt.quantity),
        "date": receipt.date.isoformat(),
    }
    if line is None or receipt.unit != line.request.unit:
        why = f"the order has no line {receipt.line}"
        if line is not None:
            why = f"line {line.number} is in {line.request.unit}, the receipt in {receipt.unit}"
        state.unclear_receipts[receipt.receipt_number] = why
        record("receipt.unclear", receipt.effective_at, why=why, **data)
        return
    before = received_by(line) if line.other_allocations else {}
    line.receive(receipt.quantity, receipt.date, receipt.effective_at)
    state.touch(line.number)
    record("goods.received", receipt.effective_at, **line.whose, **receipt_report(line, before), **data)


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
