"""People's edits in the ERP (R3): never overwritten; each waits for another person, who adopts or undoes it.

This module decides which edit is the newest (R10) and whether it changes anything, what to ask about it (R15), how the
decision changes the line, and what the ERP holds with edits. A quantity edit of several deliveries changes the last
ones. If an edit leaves the deliveries open, a single one is assumed: if the ERP holds others, its adapter reports them
exactly before anything is overwritten. That a supply request for an edited line waits as well is decided in
decisions.order_change.

A blocked line is not deleted: it is neither written nor sourced again while the block lasts, unless a person gives it
up. Lifting a block, a deletion or a completed delivery is an edit like setting it. A completed delivery is a fact where
something was received (deliveries); without a receipt, it is a deletion in other words.
"""

import datetime as dt
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import assert_never

from pydantic import JsonValue

from canonical.exception import Alternative, Choice, Decision, ExceptionKind, Proposal
from canonical.order import FLAGS, DeliveryLine, DocumentEdit, EditedField, WrittenLine, edited_value
from canonical.reason import Reason
from decisions.approval import route_approval, value_to_approve
from workflows.memory import RecordEvent
from workflows.purchase_order.deliveries import take_completion
from workflows.purchase_order.line import UNKNOWN_EDITOR, Line, LineEdit
from workflows.purchase_order.state import OrderState

_WORDS: dict[EditedField, str] = {
    "quantity": "quantity",
    "delivery_date": "delivery date",
    "price": "price",
    "deleted": "deletion",
    "blocked": "block",
    "delivery_completed": "completed delivery",
}
_DEEDS: dict[tuple[str, str], str] = {
    ("deleted", "true"): "deleted it",
    ("deleted", "false"): "restored it",
    ("blocked", "true"): "blocked it",
    ("blocked", "false"): "unblocked it",
    ("delivery_completed", "true"): "completed its delivery, of which nothing has come",
    ("delivery_completed", "false"): "reset its completed delivery",
}
_PURPOSE = "edit of line"


# -- taking edits


def take_edit(
    state: OrderState,
    reported: DocumentEdit,
    event_id: str,
    record: RecordEvent,
    *,
    found_at: dt.datetime | None = None,
) -> None:
    """Take an edit; edits may arrive in any order. `found_at`: a write has just found it in the ERP."""
    found = found_at is not None
    line = state.line(reported.line)
    why = "the order has no such line" if line is None or line.never_sent else _unreadable(reported)
    if line is None or why:
        record("edit.unclear", reported.effective_at, why=why, **_data(reported))
        return
    edit = reported.priced_for(line.request.price_unit)
    new, rank = edited_value(edit.field, edit.new), (edit.effective_at, event_id)
    newest = line.edit_ranks.get(edit.field)
    if newest is not None and rank <= newest and not found:
        line.name_editor(edit.field, new, edit.edited_by)
        record("edit.repeated" if rank == newest else "edit.stale", edit.effective_at, rule="R10", **_data(edit))
        return
    line.rank_edit(edit.field, rank)
    state.as_of = max(state.as_of, edit.effective_at)
    if edit.field == "delivery_completed":
        take_completion(state, line, _held(edit, new, found_at), record, _data(edit))
    else:
        _take_newest(state, line, edit, new, record, found)


def _take_newest(state: OrderState, line: Line, edit: DocumentEdit, new: str, record: RecordEvent, found: bool) -> None:
    restored = edit.field == "deleted" and new == "false"
    decided, waiting = line.edits_decided.get(edit.field), line.edits.get(edit.field)
    known = decided is not None and decided.new == new and edit.effective_at <= decided.decided_at
    if known and not found:
        record("edit.repeated", edit.effective_at, rule="R10", **_data(edit))
    elif line.cancelled and line.closed and not (found or restored):
        record("document.edited", edit.effective_at, why="the line is cancelled; nothing follows", **_data(edit))
    elif edit.field == "blocked" and line.closed and new == "true":
        record("document.edited", edit.effective_at, why="the line is received; nothing follows", **_data(edit))
    elif is_known(line, edit) and not found:
        taken_back = line.take_back_edit(edit.field)
        if taken_back and not line.edits and line.answered_in:
            # Confirmations that arrived meanwhile have not been written to the edited line.
            state.touch(line.number)
        record("document.edited" if taken_back else "edit.repeated", edit.effective_at, taken_back=True, **_data(edit))
    elif waiting is not None and waiting.new == new:
        if edit.edited_by != UNKNOWN_EDITOR:
            line.hold_edit(waiting.model_copy(update={"edited_by": edit.edited_by}))
        record("edit.repeated", edit.effective_at, rule="R10", **_data(edit))
    else:
        line.hold_edit(_held(edit, new, None))
        record("document.edited", edit.effective_at, **line.whose, **_data(edit))


def _held(edit: DocumentEdit, new: str, found_at: dt.datetime | None) -> LineEdit:
    return LineEdit(
        field=edit.field,
        old=edit.old,
        new=new,
        edited_by=edit.edited_by,
        effective_at=edit.effective_at,
        deliveries=edit.deliveries,
        found_at=found_at,
    )


def _unreadable(edit: DocumentEdit) -> str:
    try:
        edited_value(edit.field, edit.new)
    except ValueError as error:
        return str(error)
    return ""


def _data(edit: DocumentEdit) -> dict[str, JsonValue]:
    return {"line": edit.line, "field": edit.field, "old": edit.old, "new": edit.new, "edited_by": edit.edited_by}


# -- asking


def edit_questions(state: OrderState) -> dict[str, Proposal]:
    """One question per line and editor."""
    found: dict[str, Proposal] = {}
    for line in state.lines:
        for editor in dict.fromkeys(edit.edited_by for edit in line.edits.values() if _is_asked(line, edit)):
            found[f"{_PURPOSE} {line.number} by {editor}"] = _proposal(state, line, editor)
    return found


def _is_asked(line: Line, edit: LineEdit) -> bool:
    """A completed delivery is a fact once something was received, and while receipts may be under way nobody knows."""
    return edit.field != "delivery_completed" or not (line.received or edit.receipts_awaited)


def is_about_edit(purpose: str) -> bool:
    """Whether a question is about an edit."""
    return purpose.startswith(_PURPOSE)


def _proposal(state: OrderState, line: Line, editor: str) -> Proposal:
    edits = _of(line, editor)
    policy, request = state.policy, line.request
    value = _value(state, line, edits)
    route = route_approval(value, line.criticality, False, policy, proposed_by=editor)
    ours = ", ".join(
        f"{_WORDS[edit.field]} {remote_value(line, edit.field)}" for edit in edits if edit.field not in FLAGS
    )
    changes = " and ".join(
        _DEEDS.get((edit.field, edit.new)) or f"{_WORDS[edit.field]} from {edit.old} to {edit.new}" for edit in edits
    )
    we_have = f" (we have {ours})" if ours else ""
    return Proposal(
        kind=ExceptionKind.CHANGE_PROPOSAL,
        summary=f"{editor} changed line {line.number} of order {state.order_number}: {changes}{we_have}",
        plant=state.terms.plant,
        supplier=state.terms.supplier,
        item=request.item,
        order_number=state.order_number,
        quantity=line.quantity,
        unit=request.unit,
        pegs=tuple(peg for allocation in line.allocations for peg in allocation.request.pegs),
        criticality=line.criticality,
        value=value,
        currency=policy.approval.currency,
        alternatives=_ways(edits, ours),
        approvers=route.approvers or (policy.buyer,),
        proposed_by=editor,
        rule="R3",
        reasons=(
            _why(state, line, edits),
            route.reason(policy.version),
        ),
    )


def _ways(edits: Iterable[LineEdit], ours: str) -> tuple[Alternative, Alternative]:
    if any(edit.field == "blocked" for edit in edits):
        return (
            Alternative(
                choice=Choice.APPROVE,
                note="give the line up: it is deleted in the ERP and cancelled at the supplier; its requirements look "
                "elsewhere",
            ),
            Alternative(choice=Choice.DECLINE, note="keep the line: it is unblocked in the ERP now, go on with it"),
        )
    back = f"gets back {ours}" if ours else "is set back"
    return (
        Alternative(choice=Choice.APPROVE, note="adopt it: the supplier gets a change order, the plan is told"),
        Alternative(choice=Choice.DECLINE, note=f"undo it: the ERP {back}"),
    )


def _gives_up(edits: Iterable[LineEdit]) -> bool:
    """Whether adopting the edits cancels the line at the supplier, though the ERP still has it."""
    return any(edit.field in ("blocked", "delivery_completed") and edit.new == "true" for edit in edits)


def _why(state: OrderState, line: Line, edits: Iterable[LineEdit]) -> Reason:
    return Reason(
        rule="R3",
        why="a person edited the line in the ERP; that is neither overwritten nor taken over unasked",
        inputs={"line": line.number, "edits": [_reported(edit) for edit in edits]},
        policy_version=state.policy.version,
    )


def _reported(edit: LineEdit) -> dict[str, JsonValue]:
    return {"field": edit.field, "old": edit.old, "new": edit.new, "edited_by": edit.edited_by}


def _of(line: Line, editor: str) -> list[LineEdit]:
    return [edit for edit in line.edits.values() if edit.edited_by == editor]


def _value(state: OrderState, line: Line, edits: Collection[LineEdit]) -> Decimal:
    """R15: the change of the line's value."""
    erp = in_erp(line, edits)
    gone = erp.deleted or _gives_up(edits)
    now, then = line.quantity * line.price, Decimal(0) if gone else erp.quantity * erp.price
    price_unit, currency = line.request.price_unit, line.request.currency
    return value_to_approve(abs(then - now), Decimal(1), price_unit, currency, state.policy.approval, state.order_date)


# -- deciding


def settle_edits(state: OrderState, record: RecordEvent) -> list[Line]:
    """Adopt or undo edits as decided; returns the lines whose edits were adopted."""
    adopted: list[Line] = []
    for purpose in [known for known in state.decisions if is_about_edit(known)]:
        decision = state.decisions.pop(purpose)
        for line in state.lines:
            for editor in dict.fromkeys(edit.edited_by for edit in line.edits.values()):
                if purpose == f"{_PURPOSE} {line.number} by {editor}":
                    _settle(state, line, _of(line, editor), decision, record)
                    adopted += [line] if decision.choice is Choice.APPROVE else []
    return adopted


def _settle(state: OrderState, line: Line, edits: list[LineEdit], decision: Decision, record: RecordEvent) -> None:
    adopts = decision.choice is Choice.APPROVE
    if adopts:
        _adopt(state, line, edits, decision)
    else:
        _undo(state, line, edits, decision)
    record(
        "edit.adopted" if adopts else "edit.undone",
        decision.decided_at,
        line=line.number,
        **line.whose,
        edits=[_reported(edit) for edit in edits],
        decided_by=decision.decided_by,
        reason=_why(state, line, edits).model_dump(mode="json"),
    )


def overwrite_edits(line: Line, decided_at: dt.datetime) -> None:
    """Allow overwriting the edits: a person who knew of them decided in favour of the plan."""
    if line.edits:
        edits = list(line.edits.values())
        line.undo(in_erp(line, edits), edits, decided_at)


def _adopt(state: OrderState, line: Line, edits: Collection[LineEdit], decision: Decision) -> None:
    """Change the line to what the ERP holds; this is sent to the supplier, not to the ERP."""
    given_up = _gives_up(edits)
    erp, sent = in_erp(line, edits), not state.unsent
    line.adopt(state.next_revision, erp, edits, decision.decided_at, sent=sent, given_up=given_up)
    state.cut = [number for number in state.cut if number != line.number]
    who = " and ".join(dict.fromkeys(edit.edited_by for edit in edits))
    for requirement in state.reallocate(line):
        state.refusals[requirement] = f"{who} changed line {line.number} in the ERP; {decision.decided_by} adopted it"


def _undo(state: OrderState, line: Line, edits: Collection[LineEdit], decision: Decision) -> None:
    """Write the order's values back to the ERP; the supplier never received the edit.

    A block can't be lifted by writing: the next write finds it, and asks again, if nobody has lifted it.
    """
    line.undo(in_erp(line, [edit for edit in edits if edit.field != "blocked"]), edits, decision.decided_at)
    held_back = line.changed_in > state.revision and not state.unsent
    if not held_back and line.number not in state.cut:
        state.cut.append(line.number)
    state.touch(line.number)


# -- what the ERP holds


def remote_value(line: Line, field: EditedField) -> str:
    """The order's value of the field, formatted like edits; for several deliveries, all their dates."""
    if field == "delivery_date":
        return " and ".join(_days(line))
    return _spelled(line.as_asked, field)


def is_known(line: Line, edit: DocumentEdit) -> bool:
    """Whether the edit's value is what the order wrote or requests, so that there is nothing to decide."""
    new = edited_value(edit.field, edit.new)
    if edit.field != "delivery_date":
        return new == _spelled(line.as_asked, edit.field) or (
            line.written is not None and new == _spelled(line.written, edit.field)
        )
    return any(days == [new] or (new in days and edit.old not in days) for days in (_days(line), _written_days(line)))


def in_erp(line: Line, edits: Iterable[LineEdit]) -> WrittenLine:
    """The line as the ERP holds it with these edits."""
    held_now = line.written or line.as_asked
    for edit in sorted(edits, key=lambda one: one.effective_at):
        held_now = _with_edit(held_now, edit)
    return held_now


def _with_edit(held_now: WrittenLine, edit: LineEdit) -> WrittenLine:
    schedule, changes = held_now.schedule, dict[str, object]()
    match edit.field:
        case "quantity":
            changes["quantity"] = Decimal(edit.new)
            schedule = _of_quantity(schedule, Decimal(edit.new))
        case "delivery_date":
            changes["delivery_date"] = dt.date.fromisoformat(edit.new)
            schedule = _moved(schedule, edit)
        case "price":
            changes["price"] = Decimal(edit.new)
        case "deleted":
            changes["deleted"] = edit.new == "true"
        case "blocked":
            changes["blocked"] = edit.new == "true"
        case "delivery_completed":
            changes["completed"] = edit.new == "true"
        case _:
            assert_never(edit.field)
    return held_now.model_copy(update={**changes, "schedule": edit.deliveries or schedule})


def _of_quantity(schedule: tuple[DeliveryLine, ...], quantity: Decimal) -> tuple[DeliveryLine, ...]:
    """The deliveries with another total quantity: the last ones take the difference."""
    rest, rows = quantity, list[DeliveryLine]()
    for row in sorted(schedule, key=lambda one: one.date):
        part = min(row.quantity, rest)
        rest -= part
        if part:
            rows.append(row.model_copy(update={"quantity": part, "committed": min(part, row.committed)}))
    if rest and rows:
        rows[-1] = rows[-1].model_copy(update={"quantity": rows[-1].quantity + rest})
    return tuple(rows)


def _moved(schedule: tuple[DeliveryLine, ...], edit: LineEdit) -> tuple[DeliveryLine, ...]:
    """The deliveries with one of them moved to another date; none if it is not among them."""
    old, new = edit.old, dt.date.fromisoformat(edit.new)
    if all(row.date.isoformat() != old for row in schedule):
        return ()
    return tuple(row.model_copy(update={"date": new}) if row.date.isoformat() == old else row for row in schedule)


def _days(line: Line) -> list[str]:
    """The delivery dates that the ERP should hold: as confirmed, or as requested if that has changed since."""
    return [line.delivery_date.isoformat()] if line.differs_from_erp else _written_days(line)


def _written_days(line: Line) -> list[str]:
    if line.written is None:
        return []
    days = {row.date for row in line.written.schedule} or {line.written.delivery_date}
    return [day.isoformat() for day in sorted(days)]


def _spelled(line: WrittenLine, field: EditedField) -> str:
    match field:
        case "quantity" | "price":
            return edited_value(field, str(getattr(line, field)))
        case "delivery_date":
            return line.delivery_date.isoformat()
        case "deleted":
            return "true" if line.deleted else "false"
        case "blocked":
            return "true" if line.blocked else "false"
        case "delivery_completed":
            return "true" if line.completed else "false"
    assert_never(field)
