"""What suppliers and warehouses state, in the terms of the order: its lines and their units, before it is taken.

Decided here: that a statement of another party, or of something that can't be placed, is put to the buyer instead, and
that what a supplier says in words stays with its lines. Which line and how much is meant: decisions.placing.
"""

from canonical.messages import GoodsReceived, ShipmentsAnnounced, SupplierAnswered
from canonical.order import GoodsReceipt, OrderAnswer
from decisions.placing import OrderedLine, foreign_party, place_answer, place_shipment
from decisions.units import in_order_unit
from workflows.memory import RecordEvent
from workflows.purchase_order.state import OrderState


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
