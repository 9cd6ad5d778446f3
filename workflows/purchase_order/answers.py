"""How an order takes what suppliers and their systems state: answers, words, acknowledgements of its documents.

A statement is brought into the order's terms first: its lines and their units (decisions.placing); one of another
party, or of something that can't be placed, is put to the buyer instead. An answer is taken line by line where it is
newer (R10) and read by R9. A line keeps its last answer as it was given: goods that the supplier knew of may be
reported later than the answer, and then the answer is read again.

An acknowledgement (CONTRL, APERAK) is no answer. A rejected order or change is put to the buyer, until it is sent
again, its receipt is confirmed by the same means, or the supplier answers it anyway. It makes no calls.
"""

import datetime as dt
from typing import Literal, assert_never

from canonical.base import Criticality
from canonical.calendar import Calendar
from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.messages import DocumentAcknowledgement, GoodsReceived, ShipmentsAnnounced, SupplierAnswered
from canonical.order import AcknowledgementOutcome, GoodsReceipt, LineAnswer, OrderAnswer
from canonical.policy import RouteKind
from decisions.answers import Delivered, NotAnswered, ReadAnswer, UnclearAnswer, past_promise, read_answer
from decisions.ordering import AnswerRank, answer_status, rank_of_answer
from decisions.placing import OrderedLine, foreign_party, place_answer, place_shipment
from decisions.units import in_order_unit
from workflows.memory import RecordEvent
from workflows.purchase_order.line import Line, Statement
from workflows.purchase_order.sharing import share_report
from workflows.purchase_order.state import OrderState, Rejection, SentDocument


def take_answer(state: OrderState, answer: OrderAnswer, record: RecordEvent, today: dt.date) -> None:
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
    state.advance(answer.effective_at)
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


def _read_line(state: OrderState, line: Line, answered: LineAnswer | None, answer: OrderAnswer, today: dt.date) -> bool:
    """Read one line's answer (R9); returns whether the line was answered."""
    if line.closed or line.changed_in > state.revision:
        # The supplier does not know yet how the next revision changes the line.
        return False
    if line.cancelled:
        return _read_cancellation(state, line, answered, answer)
    line.hear(Statement.of(answer, answered, state.revision, today))
    return _read_statement(state, line)


def read_again(state: OrderState, line: Line, moved_at: dt.datetime) -> None:
    """Read the line's last answer again if the supplier knew of this movement of goods, which is reported only now."""
    statement = line.statement
    if statement is not None and line.open and moved_at <= statement.effective_at:
        _read_statement(state, line)


def _read_statement(state: OrderState, line: Line) -> bool:
    heard = line.statement
    assert heard is not None
    despatched, received = line.delivered_by(heard.effective_at)
    # What is still on the way when the supplier answers arrives no earlier than that day.
    answered_on = state.policy.calendar.day_of(heard.effective_at)
    delivered = Delivered(despatched, received, max(line.delivery_date, answered_on))
    reading = read_answer(
        line.asked_quantity, line.request.unit, line.delivery_date, heard.answer, heard.header, delivered
    )
    if isinstance(reading, ReadAnswer):
        reading = past_promise(reading, heard.heard_on, max(line.received, line.counted_shipped)) or reading
    match reading:
        case NotAnswered():
            return False
        case UnclearAnswer(reason=reason):
            state.unclear[line.number] = reason
            return False
        case ReadAnswer():
            state.unclear.pop(line.number, None)
            price, price_unit = (heard.answer.price, heard.answer.price_unit) if heard.answer else (None, None)
            at = heard.effective_at
            if line.answer(heard.revision, reading, at, answered_on, price, price_unit, heard.currency):
                state.cut.append(line.number)
            state.touch(line.number)
            return True
        case _:
            assert_never(reading)


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


def answered_in_order_terms(
    state: OrderState, message: SupplierAnswered, record: RecordEvent
) -> SupplierAnswered | None:
    """The answer, each line at the order's; None where it is from another party: then the buyer is asked."""
    answer = message.answer
    foreign = foreign_party(answer.supplier, answer.sender, state.terms.supplier, state.policy.edifact.addresses)
    if foreign is None:
        return message.model_copy(update={"answer": place_answer(answer, ordered_lines(state))})
    named = {line.line for line in answer.lines}
    for line in state.awaited:
        if answer.header != "per_line" or line.number in named:
            state.unclear[line.number] = f"answer {answer.answer_number} is not taken: {foreign}"
    record("answer.refused", answer.effective_at, answer_number=answer.answer_number, why=foreign)
    return None


def announced_in_order_terms(
    state: OrderState, message: ShipmentsAnnounced, record: RecordEvent
) -> ShipmentsAnnounced | None:
    """The despatch, each quantity in the unit of its line; the buyer is asked about what can't be placed."""
    shipment = message.shipment
    if shipment.function == "original" and shipment.despatch_number in state.despatches:
        return message
    foreign = foreign_party(shipment.supplier, shipment.sender, state.terms.supplier, state.policy.edifact.addresses)
    if foreign is not None:
        state.unclear_despatches[shipment.despatch_number] = foreign
        record("shipment.refused", shipment.effective_at, despatch_number=shipment.despatch_number, why=foreign)
        return None
    placed = place_shipment(shipment, ordered_lines(state))
    if placed.unclear:
        why = "; ".join(placed.unclear.values())
        state.unclear_despatches[shipment.despatch_number] = why
        record("shipment.unclear", shipment.effective_at, despatch_number=shipment.despatch_number, why=why)
    return message.model_copy(update={"shipment": placed.shipment})


def received_in_order_terms(state: OrderState, message: GoodsReceived) -> GoodsReceived:
    """The receipts in the units of their lines; one that nothing converts stays as it is."""
    return message.model_copy(update={"receipts": tuple(_converted(state, receipt) for receipt in message.receipts)})


def _converted(state: OrderState, receipt: GoodsReceipt) -> GoodsReceipt:
    line = state.line(receipt.line)
    if line is None or receipt.unit == line.request.unit:
        return receipt
    quantity = in_order_unit(abs(receipt.quantity), receipt.unit, line.request.unit, line.request.other_units)
    if quantity is None:
        return receipt
    signed = quantity if receipt.quantity >= 0 else -quantity
    return receipt.model_copy(update={"quantity": signed, "unit": line.request.unit})


def keep_remarks(state: OrderState, answer: OrderAnswer) -> None:
    """Remember what the supplier said in words with this answer, by line."""
    said = {line.line: line.remarks for line in answer.lines}
    for line in state.lines:
        if line.number in said or answer.header != "per_line":
            remarks = (*said.get(line.number, ()), *answer.remarks)
            state.remarks.pop(line.number, None)
            if remarks:
                state.remarks[line.number] = tuple(dict.fromkeys(remarks))


def in_the_suppliers_words(state: OrderState, numbers: list[int]) -> str:
    """What the supplier said of these lines, to be put behind a question or reason; empty: nothing."""
    said = dict.fromkeys(text for number in numbers for text in state.remarks.get(number, ()))
    return f" (the supplier writes: {'; '.join(said)})"[:500] if said else ""


def ordered_lines(state: OrderState) -> list[OrderedLine]:
    """The order's lines, as suppliers' lines are compared with them."""
    return [
        OrderedLine(line.number, line.request.item, line.request.unit, line.request.other_units) for line in state.lines
    ]


DOCUMENTS_KEPT = 50
"""The newest documents of an order by which it knows acknowledgements."""
_NAMES = {"order": "the order", "change": "the change", "reminder": "the reminder"}


def note_sent(state: OrderState, reference: str, kind: Literal["order", "change", "reminder"], revision: int) -> None:
    """Remember a document by the reference that acknowledgements name it by."""
    document = SentDocument(reference=reference, kind=kind, revision=revision)
    if document not in state.sent:
        state.sent = [*state.sent, document][-DOCUMENTS_KEPT:]


def take_acknowledgement(state: OrderState, message: DocumentAcknowledgement, record: RecordEvent) -> None:
    """Apply an acknowledgement: a rejection of the newest document is kept for the buyer, its opposite settles it."""
    stated = message.acknowledgement
    foreign = foreign_party(None, stated.sender, state.terms.supplier, state.policy.edifact.addresses)
    if foreign is not None:
        number = stated.acknowledgement_number
        record("acknowledgement.refused", stated.effective_at, acknowledgement_number=number, why=foreign)
        return
    document = _document(state, stated.reference, by_order=stated.order_number is not None)
    replaced = document is None or document.kind == "reminder" or document.revision < state.revision
    means = stated.acknowledgement_number.partition("/")[0]
    record(
        "document.acknowledged",
        stated.effective_at,
        outcome=stated.outcome,
        acknowledgement_number=stated.acknowledgement_number,
        document=document.kind if document else None,
        revision=document.revision if document else None,
        remarks=list(stated.remarks),
    )
    if document is None or replaced or _answered(state, document):
        return
    if stated.outcome is AcknowledgementOutcome.REJECTED:
        why = "; ".join(stated.remarks) or "it gives no reason"
        state.rejection = Rejection(document=document, means=means, why=why[:500], at=stated.effective_at)
    elif stated.outcome is AcknowledgementOutcome.TAKEN and _settles(
        state.rejection, document, means, stated.effective_at
    ):
        state.rejection = None


def _document(state: OrderState, reference: str, *, by_order: bool) -> SentDocument | None:
    known = next((document for document in state.sent if document.reference == reference), None)
    if known is not None or not by_order:
        return known
    return next((document for document in reversed(state.sent) if document.kind != "reminder"), None)


def _settles(rejection: Rejection | None, document: SentDocument, means: str, at: dt.datetime) -> bool:
    """A later word by the same means: that the syntax is right does not settle what the application rejected."""
    return rejection is not None and (rejection.document, rejection.means) == (document, means) and rejection.at < at


def _answered(state: OrderState, document: SentDocument) -> bool:
    """Whether the supplier has answered the document: then it evidently has it."""
    return any(rank.order_revision >= document.revision for rank in state.answers)


def rejected(state: OrderState) -> Proposal | None:
    """The question about a document that the supplier's systems rejected."""
    rejection = state.rejection
    if rejection is None or _answered(state, rejection.document):
        return None
    return Proposal(
        kind=ExceptionKind.NO_ANSWER,
        summary=f"{state.terms.supplier} rejected {_NAMES[rejection.document.kind]} {state.order_number} (revision "
        f"{rejection.document.revision}, {rejection.means} {rejection.document.reference}): {rejection.why}",
        plant=state.terms.plant,
        supplier=state.terms.supplier,
        order_number=state.order_number,
        criticality=min((line.criticality for line in state.lines), default=Criticality.C),
        alternatives=(
            Alternative(choice=Choice.RETRY, note="the cause is settled with the supplier: send it again"),
            Alternative(choice=Choice.CANCEL, note="give the order up; its requirements look elsewhere"),
        ),
        approvers=(state.policy.buyer,),
        rule="R16",
    )


def send_again(state: OrderState) -> None:
    """Have the rejected document sent again, as another document: the supplier's systems know the first as rejected."""
    rejection, state.rejection = state.rejection, None
    if rejection is None:
        return
    state.sent = [document for document in state.sent if document != rejection.document]
    if rejection.document.kind == "order":
        state.resend()
        return
    for line in state.lines:
        if line.changed_in == rejection.document.revision:
            line.ask_again(state.revision + 1)
