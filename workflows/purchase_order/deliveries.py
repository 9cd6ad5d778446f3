"""How an order takes despatch advices and receipts, what is taken back of them, and how the delivery of a line ends.

The same goods may be announced twice; a despatch advice may be cancelled or replaced; a receipt may be reversed, or
goods returned to the supplier, before the receipt itself is reported. A line ends short of its quantity where a receipt
or the ERP says that delivery is completed, or by policy; what is missing is then sourced again. It makes no calls.
"""

import datetime as dt
from decimal import Decimal
from typing import get_args

from pydantic import JsonValue

from canonical.messages import ShipmentsAnnounced
from canonical.order import DespatchFunction, GoodsReceipt, ShipmentAnnounced
from workflows.memory import RecordEvent
from workflows.purchase_order.answers import read_again
from workflows.purchase_order.line import Line, LineEdit, LineStatus
from workflows.purchase_order.sharing import receipt_report, received_by
from workflows.purchase_order.state import BookedReceipt, Despatch, OrderState

_ZERO = Decimal(0)
_CANCELLED = get_args(DespatchFunction).index("cancellation")
"""In the rank of a message about a despatch advice."""


# -- despatch advices


def take_shipment(state: OrderState, message: ShipmentsAnnounced, record: RecordEvent) -> None:
    """Take a despatch advice, its cancellation or its replacement, in any order; each once."""
    shipment = message.shipment
    number, former = shipment.despatch_number, shipment.takes_back or shipment.despatch_number
    known, taken_back = state.despatches.get(number), state.despatches.get(former)
    repeated = known is not None and (shipment.function == "original" or known.rank >= shipment.rank)
    if repeated or (taken_back is not None and taken_back.rank > shipment.rank):
        if known is not None and known.rank[1] == _CANCELLED:
            state.unclear_despatches.pop(number, None)
        record("shipment.repeated", shipment.effective_at, despatch_number=number)
        return
    state.advance(shipment.effective_at)
    if taken_back is not None:
        _unship(state, taken_back)
    elif shipment.function == "cancellation":
        state.unclear_despatches[former] = f"{number} cancels it, and it is not known yet"
    state.despatches[former] = Despatch(at=shipment.effective_at, rank=shipment.rank)
    state.despatches[number] = _ship(state, shipment)
    record(
        "shipment.cancelled" if shipment.function == "cancellation" else "shipment.announced",
        shipment.effective_at,
        despatch_number=number,
        arrives_on=shipment.arrives_on.isoformat() if shipment.arrives_on else None,
        lines=[{"line": part.line, "quantity": str(part.quantity)} for part in shipment.lines],
        **({} if shipment.function == "original" else {"takes_back": former}),
    )


def _ship(state: OrderState, shipment: ShipmentAnnounced) -> Despatch:
    despatch = Despatch(at=shipment.effective_at, rank=shipment.rank, arrives_on=shipment.arrives_on)
    if shipment.function == "cancellation":
        return despatch
    others = [each for each in state.despatches.values() if each.arrives_on == shipment.arrives_on]
    for shipped in shipment.lines:
        line = state.line(shipped.line)
        if line is None:
            continue
        again = any(shipped.quantity in other.lines.get(line.number, ()) for other in others)
        # Once the goods of the other advice are there, the same again are others.
        line.ship(shipped.quantity, shipment.effective_at, doubtful=again and line.in_transit >= shipped.quantity)
        despatch.lines.setdefault(line.number, []).append(shipped.quantity)
        read_again(state, line, shipment.effective_at)
    return despatch


def _unship(state: OrderState, despatch: Despatch) -> None:
    for number, quantities in despatch.lines.items():
        line = state.line(number)
        if line is not None:
            line.unship(sum(quantities, _ZERO), despatch.at)
            read_again(state, line, despatch.at)


# -- receipts, and what is taken back of them


def take_receipt(state: OrderState, receipt: GoodsReceipt, record: RecordEvent) -> None:
    """Take a receipt, or what is taken back of one (a quantity below zero), in any order; each once."""
    key = f"-{receipt.receipt_number}" if receipt.quantity < 0 else receipt.receipt_number
    if key in state.receipts or key in state.reversals:
        record("receipt.repeated", receipt.effective_at, receipt_number=receipt.receipt_number)
        return
    state.advance(receipt.effective_at)
    line = state.line(receipt.line)
    if line is None or receipt.unit != line.request.unit:
        why = f"the order has no line {receipt.line}"
        if line is not None:
            why = f"line {line.number} is in {line.request.unit}, the receipt in {receipt.unit}"
        state.receipts[key] = BookedReceipt(line=receipt.line)
        _record_unclear(state, receipt, why, record)
        _take_waiting(state, key, record)
    elif receipt.quantity > 0:
        state.receipts[key] = BookedReceipt(line=line.number, left=receipt.quantity)
        _receive(state, line, receipt, record)
        _take_waiting(state, key, record)
    else:
        _take_back(state, line, receipt, key, record)


def _take_waiting(state: OrderState, receipt_number: str, record: RecordEvent) -> None:
    """Take what was to be taken back of this receipt before it was known."""
    for waiting in [each for each in state.reversals.values() if each.reverses == receipt_number]:
        del state.reversals[f"-{waiting.receipt_number}"]
        state.unclear_receipts.pop(waiting.receipt_number, None)
        take_receipt(state, waiting, record)


def _receive(state: OrderState, line: Line, receipt: GoodsReceipt, record: RecordEvent) -> None:
    before = received_by(line) if line.other_allocations else {}
    ordered = line.quantity
    line.receive(receipt.quantity, receipt.date, receipt.effective_at)
    record("goods.received", receipt.effective_at, **line.whose, **receipt_report(line, before), **_data(receipt))
    _settle(state, line, ordered, receipt.effective_at)
    if receipt.final and line.open:
        _complete(state, line, receipt.effective_at, f"receipt {receipt.receipt_number} was the last", record)


def _named(state: OrderState, receipt: GoodsReceipt) -> str | None:
    """The receipt that is taken back: named, or known by the same number."""
    own = receipt.receipt_number
    return receipt.reverses or (own if own in state.receipts else None)


def _take_back(state: OrderState, line: Line, receipt: GoodsReceipt, key: str, record: RecordEvent) -> None:
    named, quantity = _named(state, receipt), -receipt.quantity
    booked = state.receipts.get(named) if named is not None else None
    if named is not None and booked is None:
        state.reversals[key] = receipt
        _record_unclear(state, receipt, f"it takes back receipt {named}, which is not known yet", record)
        return
    state.receipts[key] = BookedReceipt(line=line.number)
    if named is not None and state.unclear_receipts.pop(named, None) is not None:
        record("goods.taken_back", receipt.effective_at, **_data(receipt), takes_back=named)
        return
    if named is not None and booked is not None:
        if booked.line != line.number or quantity > booked.left:
            left = booked.left if booked.line == line.number else _ZERO
            why = f"it takes back {quantity} of receipt {named}, of which line {line.number} has {left}"
            _record_unclear(state, receipt, why, record)
            return
        state.receipts[named] = booked.model_copy(update={"left": booked.left - quantity})
    before = received_by(line) if line.other_allocations else {}
    ordered = line.quantity
    line.take_back(quantity, receipt.effective_at, returned=named is None)
    record(
        "goods.taken_back",
        receipt.effective_at,
        **line.whose,
        **receipt_report(line, before),
        **_data(receipt),
        takes_back=named,
        received=str(line.received),
    )
    _settle(state, line, ordered, receipt.effective_at)


def _settle(state: OrderState, line: Line, ordered: Decimal, moved_at: dt.datetime) -> None:
    """What follows from goods that moved: the last answer in a new light, and the allocations of what still comes."""
    read_again(state, line, moved_at)
    if line.quantity != ordered:
        state.reallocate(line)
    state.touch(line.number)


def _data(receipt: GoodsReceipt) -> dict[str, JsonValue]:
    return {
        "receipt_number": receipt.receipt_number,
        "line": receipt.line,
        "quantity": str(receipt.quantity),
        "date": receipt.date.isoformat(),
    }


def _record_unclear(state: OrderState, receipt: GoodsReceipt, why: str, record: RecordEvent) -> None:
    state.unclear_receipts[receipt.receipt_number] = why
    record("receipt.unclear", receipt.effective_at, why=why, **_data(receipt))


# -- delivery completed


def take_completion(
    state: OrderState, line: Line, edit: LineEdit, record: RecordEvent, data: dict[str, JsonValue]
) -> None:
    """The ERP's indicator that delivery is completed was set or reset.

    Receipts may still be on their way here: an ERP sets it by itself with the last of them. Where none has come after
    `receipts_within_minutes`, it amounts to a deletion, which a person decides on.
    """
    if edit.new == "false":
        ordered = line.quantity
        changed = line.take_back_edit("delivery_completed")
        if line.completed_at is not None and not line.cancelled:
            line.reopen()
            _settle(state, line, ordered, edit.effective_at)
            changed = True
        record("delivery.reopened" if changed else "edit.repeated", edit.effective_at, **line.whose, **data)
    elif not line.open:
        record("edit.repeated", edit.effective_at, why="nothing more is expected anyway", **data)
    elif line.received and edit.found_at is None:
        _complete(state, line, edit.effective_at, f"{edit.edited_by} completed it in the ERP", record)
    else:
        line.hold_edit(edit.model_copy(update={"receipts_awaited": True}))
        record("document.edited", edit.effective_at, **line.whose, **data)


def end_deliveries(state: OrderState, now: dt.datetime, record: RecordEvent) -> None:
    """Complete the lines that are received short of their quantity: by the ERP's indicator, or by policy."""
    for line in state.lines:
        edit = line.edits.get("delivery_completed")
        if line.status is LineStatus.RECEIVED:
            # Nothing is left that could be blocked or completed.
            if line.take_back_edit("delivery_completed") | line.take_back_edit("blocked"):
                state.touch(line.number)
        elif line.open and edit is not None:
            if (_completes_at(state, line) or now) <= now:
                _end_by_indicator(state, line, edit, record)
        elif line.open and line.received and not line.in_transit and _may_lack_the_rest(state, line):
            at = line.arrivals.recent[-1][0]
            _complete(state, line, at, "what is missing is within the policy's limit", record)


def _end_by_indicator(state: OrderState, line: Line, edit: LineEdit, record: RecordEvent) -> None:
    if line.received:
        at = edit.found_at or edit.effective_at
        _complete(state, line, at, f"{edit.edited_by} completed it in the ERP", record)
    else:
        line.hold_edit(edit.model_copy(update={"receipts_awaited": False}))


def _may_lack_the_rest(state: OrderState, line: Line) -> bool:
    return line.received >= line.quantity * (1 - state.policy_of(line).delivery.may_lack)


def time_to_completion(state: OrderState, now: dt.datetime) -> dt.timedelta | None:
    """Until receipts no longer count as on their way for a line that the ERP has completed; None: there is none."""
    due = [at for line in state.lines if line.open and (at := _completes_at(state, line)) is not None]
    return min(due) - now if due else None


def _completes_at(state: OrderState, line: Line) -> dt.datetime | None:
    edit = line.edits.get("delivery_completed")
    if edit is None or not edit.receipts_awaited or (line.received and edit.found_at is None):
        return None
    within = dt.timedelta(minutes=state.policy_of(line).delivery.receipts_within_minutes)
    return (edit.found_at or edit.effective_at) + within


def _complete(state: OrderState, line: Line, at: dt.datetime, why: str, record: RecordEvent) -> None:
    ordered = line.quantity
    line.take_back_edit("delivery_completed")
    line.close(at, state.revision)
    _settle(state, line, ordered, at)
    record(
        "delivery.completed",
        at,
        line=line.number,
        **line.whose,
        received=str(line.received),
        missing=str(line.undelivered),
        why=why,
    )
