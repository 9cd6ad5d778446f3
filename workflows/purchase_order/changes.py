"""The way of a change (R3): all supply requests of the moment become one revision, one ERP write and one change order.

What a state of the document allows is decided in decisions.order_change and asked in order_judging; here it is applied
to the lines.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from decimal import Decimal

from pydantic import JsonValue

from canonical.exception import Choice, Decision
from canonical.records import OrderStage
from canonical.supply import SupplyRequest
from decisions.approval import ApprovalRoute
from decisions.order_change import FloorAndReorder, LineUnchanged, Reorder
from workflows.material_requirement.messages import RecordEvent
from workflows.purchase_order.edits import overwrite_edits
from workflows.purchase_order.judging import LineChange, judge, route_of, waits
from workflows.purchase_order.line import Line
from workflows.purchase_order.sharing import ShareChange
from workflows.purchase_order.state import OrderState

_ZERO = Decimal(0)


def settle_requests(state: OrderState, today: dt.date, record: RecordEvent) -> list[Line]:
    """Grant what may be granted now; the changed lines. What needs a person stays in `pending`."""
    changed: list[Line] = []
    decision = state.decisions.pop("proposal", None)
    for requirement, request in list(state.pending.items()):
        decided = decision if requirement in state.pending_reasons else None
        if decided is not None:
            if decided.choice is Choice.DECLINE:
                _decline(state, request, f"declined by {decided.decided_by}")
                continue
            request = request.model_copy(update={"approved_by": decided.decided_by})
        changes = judge(state, request, today, over_edits=decided is not None)
        route = route_of(state, request, changes)
        asked = next((change for change in changes if change.asks), None)
        waiting = asked is not None and waits(changes, route)
        _record_judged(state, request, changes, route if asked else None, waiting, decided, record)
        if asked is not None and waiting:
            state.pending[requirement] = request
            state.pending_reasons[requirement] = asked.why
            continue
        changed += _grant(state, request, changes, decided, record)
    return changed


def _record_judged(
    state: OrderState,
    request: SupplyRequest,
    changes: list[LineChange],
    route: ApprovalRoute | None,
    waiting: bool,
    decided: Decision | None,
    record: RecordEvent,
) -> None:
    """The fact that R3 (and R15, where it may need a person) decided; once for as long as it says the same."""
    judged: dict[str, JsonValue] = {
        "requirement_id": request.requirement_id,
        "item": request.item,
        "item_class": request.item_class or "",
        "request_revision": request.request_revision,
        "criticality": str(request.criticality),
        "waits": waiting,
        "decided_by": decided.decided_by if decided else request.approved_by,
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
    if state.judged.get(request.requirement_id) != mark:
        record("change.judged", **judged)
    state.judged[request.requirement_id] = mark


def _grant(
    state: OrderState, request: SupplyRequest, changes: list[LineChange], decided: Decision | None, record: RecordEvent
) -> list[Line]:
    requirement = request.requirement_id
    state.pending.pop(requirement, None)
    state.pending_reasons.pop(requirement, None)
    state.refusals.pop(requirement, None)
    state.judged.pop(requirement, None)
    state.consider(request)
    changed: list[Line] = []
    for line, requested, outcome, reason, share in changes:
        if decided is not None and not isinstance(outcome, LineUnchanged):
            overwrite_edits(line, decided.decided_at)
        match outcome:
            case LineUnchanged():
                pass
            case Reorder() | FloorAndReorder():
                floored = outcome if isinstance(outcome, FloorAndReorder) else None
                quantity = floored.new_quantity if floored else line.quantity
                record(
                    "change.floored",
                    line=line.number,
                    requirement_id=requirement,
                    quantity=str(quantity),
                    surplus=str(floored.surplus) if floored else "0",
                    open_quantity=str(outcome.open_quantity),
                    why=outcome.why,
                    rule=outcome.rule,
                    reason=reason.model_dump(mode="json"),
                )
                if quantity != line.quantity:
                    changed.append(line)
                    line.changed_in = state.revision + 1
                line.quantity = quantity
            case _:
                line.quantity, line.rejected = requested, _ZERO
                line.cancelled = requested <= 0
                line.delivery_date = request.dock_date if requested and share is None else line.delivery_date
                line.changed_in = state.revision + 1
                changed.append(line)
        if share is None:
            line.grant(request)
            continue
        _record_share(line, request, share, record)
        if share.leaves:
            line.let_go(request)
        else:
            line.grant(request)
        if line not in changed and not state.unsent:
            # The supplier has nothing to answer; who has what of the line is told at once.
            state.touch(line.number)
    state.open_quantities[requirement] = max(_ZERO, request.needed - state.allocate(request))
    if state.open_quantities[requirement] > 0:
        state.refusals[requirement] = (
            f"{state.open_quantities[requirement]} {request.unit} can't be had of this order any more"
        )
    if changed and request.expedite and request.approved_by is not None:
        state.expedite = True
    return changed


def _record_share(line: Line, request: SupplyRequest, share: ShareChange, record: RecordEvent) -> None:
    """What the line is now for those that share it, and what of it is nobody's; told to all of them."""
    record(
        "share.changed",
        line=line.number,
        by=request.requirement_id,
        leaves=share.leaves,
        quantity=str(line.quantity),
        surplus=str(max(_ZERO, line.quantity - share.allocated)),
        why=share.reason.why,
        rule=share.reason.rule,
        reason=share.reason.model_dump(mode="json"),
    )


def _decline(state: OrderState, request: SupplyRequest, why: str) -> None:
    """The line stays as it is, and the requirement hears why."""
    requirement = request.requirement_id
    state.pending.pop(requirement, None)
    state.pending_reasons.pop(requirement, None)
    state.open_quantities.pop(requirement, None)
    state.judged.pop(requirement, None)
    state.consider(request)
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
