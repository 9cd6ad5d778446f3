"""The way of a change (R3): all wants of the moment become one revision, one ERP write and one change order.

What a state of the document allows is decided in decisions.order_change and asked in order_judging; here it is applied
to the lines.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from decimal import Decimal

from pydantic import JsonValue

from canonical.cover import Want
from canonical.exception import Choice, Decision
from canonical.records import OrderStage
from decisions.approval import ApprovalRoute
from decisions.order_change import CreateBalance, FloorAndBalance, LineUnchanged
from workflows.memory import Note
from workflows.purchase_order.edits import overwrite_edits
from workflows.purchase_order.judging import LineChange, judge, route_of, waits
from workflows.purchase_order.line import Line
from workflows.purchase_order.sharing import ShareChange
from workflows.purchase_order.state import OrderState

_ZERO = Decimal(0)


def settle_wants(state: OrderState, today: dt.date, note: Note) -> list[Line]:
    """Grant what may be granted now; the changed lines. What needs a person stays in `pending`."""
    changed: list[Line] = []
    decision = state.decisions.pop("proposal", None)
    for requirement, want in list(state.pending.items()):
        decided = decision if requirement in state.pending_reasons else None
        if decided is not None:
            if decided.choice is Choice.DECLINE:
                _decline(state, want, f"declined by {decided.decided_by}")
                continue
            want = want.model_copy(update={"approved_by": decided.decided_by})
        changes = judge(state, want, today, over_edits=decided is not None)
        route = route_of(state, want, changes)
        asked = next((change for change in changes if change.asks), None)
        waiting = asked is not None and waits(changes, route)
        _note_judged(state, want, changes, route if asked else None, waiting, decided, note)
        if asked is not None and waiting:
            state.pending[requirement] = want
            state.pending_reasons[requirement] = asked.why
            continue
        changed += _grant(state, want, changes, decided, note)
    return changed


def _note_judged(
    state: OrderState,
    want: Want,
    changes: list[LineChange],
    route: ApprovalRoute | None,
    waiting: bool,
    decided: Decision | None,
    note: Note,
) -> None:
    """The fact that R3 (and R15, where it may need a person) decided; once for as long as it says the same."""
    judged: dict[str, JsonValue] = {
        "requirement_id": want.requirement_id,
        "item": want.item,
        "item_class": want.item_class or "",
        "need_revision": want.need_revision,
        "criticality": str(want.criticality),
        "waits": waiting,
        "decided_by": decided.decided_by if decided else want.approved_by,
        "lines": [{"line": change.line.number, "reason": change.reason.model_dump(mode="json")} for change in changes],
        "policy_version": state.policy.version,
    }
    deciding = next((change for change in changes if change.asks), changes[0] if changes else None)
    if deciding is not None:
        judged["reason"] = deciding.reason.model_dump(mode="json")
    if route is not None:
        judged |= {
            "value": str(route.value),
            "currency": route.currency,
            "free": route.free,
            "approval": route.reason(state.policy.version).model_dump(mode="json"),
        }
    mark = hashlib.sha256(json.dumps(judged, sort_keys=True).encode()).hexdigest()[:16]
    if state.judged.get(want.requirement_id) != mark:
        note("change.judged", **judged)
    state.judged[want.requirement_id] = mark


def _grant(
    state: OrderState, want: Want, changes: list[LineChange], decided: Decision | None, note: Note
) -> list[Line]:
    requirement = want.requirement_id
    state.pending.pop(requirement, None)
    state.pending_reasons.pop(requirement, None)
    state.refusals.pop(requirement, None)
    state.judged.pop(requirement, None)
    state.consider(want)
    changed: list[Line] = []
    for line, wanted, verdict, reason, share in changes:
        if decided is not None and not isinstance(verdict, LineUnchanged):
            overwrite_edits(line, decided.decided_at)
        match verdict:
            case LineUnchanged():
                pass
            case CreateBalance() | FloorAndBalance():
                floored = verdict if isinstance(verdict, FloorAndBalance) else None
                quantity = floored.new_quantity if floored else line.quantity
                note(
                    "change.floored",
                    line=line.number,
                    requirement_id=requirement,
                    quantity=str(quantity),
                    surplus=str(floored.surplus) if floored else "0",
                    balance=str(verdict.balance),
                    why=verdict.why,
                    rule=verdict.rule,
                    reason=reason.model_dump(mode="json"),
                )
                if quantity != line.quantity:
                    changed.append(line)
                    line.changed_in = state.revision + 1
                line.quantity = quantity
            case _:
                line.quantity, line.rejected = wanted, _ZERO
                line.cancelled = wanted <= 0
                line.delivery_date = want.dock_date if wanted and share is None else line.delivery_date
                line.changed_in = state.revision + 1
                changed.append(line)
        if share is None:
            line.grant(want)
            continue
        _note_share(line, want, share, note)
        if share.leaves:
            line.let_go(want)
        else:
            line.grant(want)
        if line not in changed and not state.unsent:
            # The supplier has nothing to answer; who has what of the line is told at once.
            state.touch(line.number)
    state.balances[requirement] = max(_ZERO, want.needed - state.claim(want))
    if state.balances[requirement] > 0:
        state.refusals[requirement] = f"{state.balances[requirement]} {want.unit} can't be had of this order any more"
    if changed and want.expedite and want.approved_by is not None:
        state.expedite = True
    return changed


def _note_share(line: Line, want: Want, share: ShareChange, note: Note) -> None:
    """What the line is now for those that share it, and what of it is nobody's; told to all of them."""
    note(
        "share.changed",
        line=line.number,
        by=want.requirement_id,
        leaves=share.leaves,
        quantity=str(line.quantity),
        surplus=str(max(_ZERO, line.quantity - share.allocated)),
        why=share.reason.why,
        rule=share.reason.rule,
        reason=share.reason.model_dump(mode="json"),
    )


def _decline(state: OrderState, want: Want, why: str) -> None:
    """The line stays as it is, and the requirement hears why."""
    requirement = want.requirement_id
    state.pending.pop(requirement, None)
    state.pending_reasons.pop(requirement, None)
    state.balances.pop(requirement, None)
    state.judged.pop(requirement, None)
    state.consider(want)
    state.refusals[requirement] = why


def give_up(state: OrderState, lines: Iterable[Line], why: str) -> list[int]:
    """Cancel lines because a person says so; their requirements are told and look elsewhere. The lines' numbers."""
    concerned = list(lines)
    for line in concerned:
        if line.cancelled:
            # The supplier does not let go of it; a person has settled that with him.
            line.answered_in = line.changed_in
            state.touch(line.number)
            continue
        line.cancelled, line.refused_by_supplier = True, True
        state.refusals |= dict.fromkeys(line.requirements, why)
        if state.order_number is None:
            line.never_sent = True
            continue
        state.touch(line.number)
        if state.stage is OrderStage.UNSENT:
            # The supplier has never heard of it: only the ERP's document follows.
            state.cut.append(line.number)
        else:
            line.changed_in = state.revision + 1
    state.unclear.clear()
    return [line.number for line in concerned]
