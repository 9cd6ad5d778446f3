"""What people edit in the ERP (R3): never overwritten, it waits for another person, who adopts or undoes it.

Decided here: which edit is the newest (R10), what is asked about it (R15) and what the line becomes by the decision.
Not here: what the ERP holds with edits (order_written), and that a supply request which touches an edited line waits
as well
(decisions.order_change).
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from pydantic import JsonValue

from canonical.exception import Alternative, Choice, Decision, ExceptionKind, Proposal
from canonical.order import DocumentEdit, EditedField, edited_value
from canonical.reason import Reason
from canonical.records import OrderStage
from decisions.approval import route_approval, value_in_company_currency
from workflows.material_requirement.messages import RecordEvent
from workflows.purchase_order.line import UNKNOWN_EDITOR, DecidedEdit, Line, LineEdit
from workflows.purchase_order.state import OrderState
from workflows.purchase_order.written import in_erp, is_known, remote_value

_WORDS: dict[EditedField, str] = {
    "quantity": "quantity",
    "delivery_date": "delivery date",
    "price": "price",
    "deleted": "deletion",
}
_PURPOSE = "edit of line"


# -- taking note


def take_edit(
    state: OrderState, reported: DocumentEdit, event_id: str, record: RecordEvent, *, found: bool = False
) -> None:
    """Take note of an edit, in whatever order edits come; `found`: the ERP was seen to hold it just now."""
    line = state.line(reported.line)
    why = "the order has no such line" if line is None or line.never_sent else _unreadable(reported)
    if line is None or why:
        record("edit.unclear", reported.effective_at, why=why, **_data(reported))
        return
    edit = reported.priced_for(line.request.price_unit)
    new, rank = edited_value(edit.field, edit.new), (edit.effective_at, event_id)
    newest, waiting = line.edit_ranks.get(edit.field), line.edits.get(edit.field)
    if newest is not None and rank <= newest and not found:
        _name_editor(waiting, new, edit.edited_by)
        record("edit.repeated" if rank == newest else "edit.stale", edit.effective_at, rule="R10", **_data(edit))
        return
    decided = line.edits_decided.get(edit.field)
    line.edit_ranks[edit.field] = max(rank, newest or rank)
    state.as_of = max(state.as_of, edit.effective_at)
    known = decided is not None and decided.new == new and edit.effective_at <= decided.decided_at
    if known and not found:
        record("edit.repeated", edit.effective_at, rule="R10", **_data(edit))
    elif line.cancelled and line.complete and not found:
        record("document.edited", edit.effective_at, why="the line is cancelled; nothing follows", **_data(edit))
    elif is_known(line, edit) and not found:
        taken_back = line.edits.pop(edit.field, None) is not None
        if taken_back and not line.edits and line.answered_in:
            # What was confirmed meanwhile has not been written to the edited line.
            state.touch(line.number)
        record("document.edited" if taken_back else "edit.repeated", edit.effective_at, taken_back=True, **_data(edit))
    elif waiting is not None and waiting.new == new:
        if edit.edited_by != UNKNOWN_EDITOR:
            waiting.edited_by = edit.edited_by
        record("edit.repeated", edit.effective_at, rule="R10", **_data(edit))
    else:
        line.edits[edit.field] = LineEdit(
            field=edit.field,
            old=edit.old,
            new=new,
            edited_by=edit.edited_by,
            effective_at=edit.effective_at,
            deliveries=edit.deliveries,
        )
        record("document.edited", edit.effective_at, **line.whose, **_data(edit))


def _unreadable(edit: DocumentEdit) -> str:
    try:
        edited_value(edit.field, edit.new)
    except ValueError as error:
        return str(error)
    return ""


def _name_editor(waiting: LineEdit | None, new: str, edited_by: str) -> None:
    """The same edit told by somebody who knows whose it is; nobody may decide their own (R15)."""
    if waiting is not None and waiting.new == new and waiting.edited_by == UNKNOWN_EDITOR:
        waiting.edited_by = edited_by


def _data(edit: DocumentEdit) -> dict[str, JsonValue]:
    return {"line": edit.line, "field": edit.field, "old": edit.old, "new": edit.new, "edited_by": edit.edited_by}


# -- asking


def edit_questions(state: OrderState) -> dict[str, Proposal]:
    """A question for each line and each of its editors."""
    found: dict[str, Proposal] = {}
    for line in state.lines:
        for editor in dict.fromkeys(edit.edited_by for edit in line.edits.values()):
            found[f"{_PURPOSE} {line.number} by {editor}"] = _proposal(state, line, editor)
    return found


def is_about_edit(purpose: str) -> bool:
    """Whether a question is one of these."""
    return purpose.startswith(_PURPOSE)


def _proposal(state: OrderState, line: Line, editor: str) -> Proposal:
    edits = _of(line, editor)
    policy, request = state.policy, line.request
    value = _value(state, line, edits)
    route = route_approval(value, line.criticality, False, policy, proposed_by=editor)
    ours = ", ".join(f"{_WORDS[edit.field]} {remote_value(line, edit.field)}" for edit in edits)
    changes = " and ".join(
        "deleted it" if edit.new == "true" else f"{_WORDS[edit.field]} from {edit.old} to {edit.new}" for edit in edits
    )
    return Proposal(
        kind=ExceptionKind.CHANGE_PROPOSAL,
        summary=f"{editor} changed line {line.number} of order {state.order_number}: {changes} (we have {ours})",
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
        alternatives=(
            Alternative(choice=Choice.APPROVE, note="adopt it: the supplier gets a change order, the plan is told"),
            Alternative(choice=Choice.DECLINE, note=f"undo it: the ERP gets back {ours}"),
        ),
        approvers=route.approvers or (policy.buyer,),
        proposed_by=editor,
        rule="R3",
        reasons=(
            _why(state, line, edits),
            route.reason(policy.version),
        ),
    )


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


def _value(state: OrderState, line: Line, edits: Iterable[LineEdit]) -> Decimal:
    """R15: what the line would cost more or less."""
    erp = in_erp(line, edits)
    now, then = line.quantity * line.price, Decimal(0) if erp.deleted else erp.quantity * erp.price
    return value_in_company_currency(
        abs(then - now), Decimal(1), line.request.price_unit, line.request.currency, state.policy.approval
    )


# -- deciding


def settle_edits(state: OrderState, record: RecordEvent) -> list[Line]:
    """Adopt or undo what a person decided; the lines that were adopted."""
    adopted: list[Line] = []
    for purpose in [known for known in state.decisions if is_about_edit(known)]:
        decision = state.decisions.pop(purpose)
        for line in state.lines:
            for editor in dict.fromkeys(edit.edited_by for edit in line.edits.values()):
                if purpose != f"{_PURPOSE} {line.number} by {editor}":
                    continue
                edits = _of(line, editor)
                if decision.choice is Choice.APPROVE:
                    _adopt(state, line, edits, decision)
                    adopted.append(line)
                else:
                    _undo(state, line, edits)
                _close(line, edits, decision.decided_at)
                record(
                    "edit.adopted" if decision.choice is Choice.APPROVE else "edit.undone",
                    decision.decided_at,
                    line=line.number,
                    **line.whose,
                    edits=[_reported(edit) for edit in edits],
                    decided_by=decision.decided_by,
                    reason=_why(state, line, edits).model_dump(mode="json"),
                )
    return adopted


def overwrite_edits(line: Line, decided_at: dt.datetime) -> None:
    """A person who knew of the edits decided for what the plan wants: the ERP may be written over them."""
    if line.edits:
        edits = list(line.edits.values())
        line.written = in_erp(line, edits)
        _close(line, edits, decided_at)


def _adopt(state: OrderState, line: Line, edits: list[LineEdit], decision: Decision) -> None:
    """The line is what the ERP says; the supplier hears of it, the ERP does not."""
    erp = in_erp(line, edits)
    revived = line.cancelled and not erp.deleted
    for edit in edits:
        match edit.field:
            case "quantity":
                line.quantity, line.rejected = erp.quantity, Decimal(0)
            case "delivery_date":
                line.delivery_date = erp.delivery_date
            case "price":
                line.price = erp.price
            case "deleted":
                pass
    if revived:
        line.quantity, line.refused_by_supplier = erp.quantity, False
    line.cancelled = erp.deleted or line.quantity <= 0
    line.written, line.adopted = erp, True
    state.cut = [number for number in state.cut if number != line.number]
    if state.stage is OrderStage.UNSENT:
        line.changed_in = state.revision
        line.answered_in = line.changed_in if line.cancelled else 0
    else:
        line.changed_in = state.revision + 1
    who = " and ".join(dict.fromkeys(edit.edited_by for edit in edits))
    for requirement in state.reallocate(line):
        state.refusals[requirement] = f"{who} changed line {line.number} in the ERP; {decision.decided_by} adopted it"


def _undo(state: OrderState, line: Line, edits: list[LineEdit]) -> None:
    """The ERP gets back what we have; the supplier has never heard of anything else."""
    line.written = in_erp(line, edits)
    held_back = line.changed_in > state.revision and not state.unsent
    if not held_back and line.number not in state.cut:
        state.cut.append(line.number)
    state.touch(line.number)


def _close(line: Line, edits: Iterable[LineEdit], decided_at: dt.datetime) -> None:
    for edit in edits:
        line.edits.pop(edit.field, None)
        line.edits_decided[edit.field] = DecidedEdit(new=edit.new, decided_at=decided_at)
