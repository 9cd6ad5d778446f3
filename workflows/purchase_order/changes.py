"""Changes of an order (R3): all current supply requests become one revision, one ERP write and one change order.

Which changes a document allows is decided in decisions.order_change, and who approves them in decisions.approval (R15);
this module applies them to the lines. The questions about supply requests that wait for approval are in questions.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import NamedTuple

from pydantic import JsonValue

from canonical.exception import Choice, Decision
from canonical.identity import RequirementId
from canonical.reason import Reason, figure
from canonical.records import OrderStage
from canonical.supply import SupplyRequest
from canonical.units import NEED_DECIMALS, SAME, rescale
from decisions.approval import ApprovalRoute, route_approval, value_to_approve
from decisions.order_change import (
    ChangeSent,
    FloorAndReorder,
    FrozenChange,
    LineChangeOutcome,
    LineState,
    LineUnchanged,
    ProposeChange,
    Reorder,
    change_reason,
    judge_line_change,
)
from workflows.memory import RecordEvent
from workflows.purchase_order.edits import overwrite_edits
from workflows.purchase_order.line import Line
from workflows.purchase_order.sharing import ShareChange, judge_share
from workflows.purchase_order.state import OrderState

_ZERO = Decimal(0)


# -- evaluating: nothing is changed


class LineChange(NamedTuple):
    """The requested quantity of a line, and the outcome of R3."""

    line: Line
    requested: Decimal
    outcome: LineChangeOutcome
    reason: Reason
    share: ShareChange | None = None
    """For a shared line: the change of the requirement's allocation."""

    @property
    def why(self) -> str:
        """The outcome of R3 in the buyer's words."""
        return self.reason.why

    @property
    def asks(self) -> bool:
        """It may need approval."""
        return isinstance(self.outcome, ProposeChange | FrozenChange)

    @property
    def must_ask(self) -> bool:
        """It needs approval whatever its value."""
        return isinstance(self.outcome, FrozenChange) or (
            isinstance(self.outcome, ProposeChange) and self.outcome.over_edit
        )


def judge(state: OrderState, request: SupplyRequest, today: dt.date, *, over_edits: bool = False) -> list[LineChange]:
    """Each open line of the requirement with its requested quantity and the outcome of R3.

    `over_edits`: the approver knew of the edits by others in the ERP.
    """
    lines = [line for line in state.lines_of(request.requirement_id) if not line.cancelled]
    if any(line.other_allocations for line in lines):
        return [_judge_shared(state, request, line, today, over_edits) for line in lines if line.open]
    left = request.quantity - sum((line.quantity for line in lines if line.closed), _ZERO)
    changes: list[LineChange] = []
    open_lines = [line for line in lines if line.open]
    for position, line in enumerate(open_lines):
        last = position == len(open_lines) - 1
        lot = request.lots[position] if position < len(request.lots) else _ZERO
        requested = max(_ZERO, left) if last and len(request.lots) <= len(open_lines) else min(lot, max(_ZERO, left))
        left -= requested
        then = (requested, request.dock_date if requested else line.delivery_date)
        changes.append(_judge_line(state, request, line, then, today, over_edits))
    return changes


def _judge_shared(
    state: OrderState, request: SupplyRequest, line: Line, today: dt.date, over_edits: bool
) -> LineChange:
    """The date of a shared line stays, since it is the others' date as well."""
    share = judge_share(line, request, state.policy_of(line).version)
    change = _judge_line(state, request, line, (share.quantity, line.delivery_date), today, over_edits)
    return change._replace(share=share)


def _judge_line(
    state: OrderState,
    request: SupplyRequest,
    line: Line,
    then: tuple[Decimal, dt.date],
    today: dt.date,
    over_edits: bool,
) -> LineChange:
    rules, calendar = state.policy_of(line), state.policy.calendar
    edited = bool(line.edits) and not over_edits
    where = LineState(
        stage=OrderStage.SENT if state.stage in (OrderStage.DELIVERING, OrderStage.ACKNOWLEDGED) else state.stage,
        answered=line.answered_in > 0,
        in_transit=line.in_transit,
        received=line.received,
        edited_by_buyer=edited,
    )
    now = (line.quantity, line.delivery_date)
    outcome = judge_line_change(
        where,
        *now,
        *then,
        today=today,
        frozen_zone_days=rules.frozen_zone_days,
        calendar=calendar,
        approved=request.approved_by is not None and not edited,
    )
    if isinstance(outcome, LineUnchanged) and request.expedite and request.approved_by is not None and not edited:
        outcome = ChangeSent("a person asked the supplier to deliver earlier")
    reason = change_reason(
        outcome,
        where,
        now,
        then,
        today=today,
        frozen_zone_days=rules.frozen_zone_days,
        calendar=calendar,
        policy_version=rules.version,
    )
    return LineChange(line, then[0], outcome, reason)


def route_of(state: OrderState, request: SupplyRequest, changes: Iterable[LineChange]) -> ApprovalRoute:
    """R15: outside the frozen zone, a change of low value needs no approval."""
    return route_approval(value_of(state, request, changes), request.criticality, False, state.policy)


def waits(changes: Iterable[LineChange], route: ApprovalRoute) -> bool:
    """Whether a person decides first: above the value limit, inside the frozen zone, or over somebody's edit."""
    return any(change.must_ask or (change.asks and not route.free) for change in changes)


def value_of(state: OrderState, request: SupplyRequest, changes: Iterable[LineChange]) -> Decimal:
    """The absolute change of the order's value, in the company's currency."""
    amount = sum((_amount(request, change) for change in changes), _ZERO)
    return value_to_approve(
        amount, Decimal(1), request.price_unit, request.currency, state.policy.approval, state.order_date
    )


def _amount(request: SupplyRequest, change: LineChange) -> Decimal:
    """By how much the line's amount changes, at the price of each quantity, for `price_unit` of it."""
    before, then = change.line.quantity, change.requested
    return abs(then * request.price_of(then) - before * request.price_of(before))


# -- granting and declining


def settle_requests(state: OrderState, today: dt.date, record: RecordEvent) -> list[Line]:
    """Grant all requests that need no approval, and return the changed lines; the others stay in `pending`."""
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
    """Record the outcome of R3 (and of R15, if approval may be needed); once as long as it stays the same."""
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
    _forget(state, requirement)
    state.refusals.pop(requirement, None)
    state.consider(request)
    changed: list[Line] = []
    for change in changes:
        if decided is not None and not isinstance(change.outcome, LineUnchanged):
            overwrite_edits(change.line, decided.decided_at)
        if applied := _apply(state, request, change, record):
            changed.append(change.line)
        _hand_out(state, request, change, record, changed=applied)
    state.open_quantities[requirement] = max(_ZERO, request.needed - state.allocate(request))
    if state.open_quantities[requirement] > 0:
        state.refusals[requirement] = (
            f"{state.open_quantities[requirement]} {request.unit} can't be had of this order any more"
        )
    if changed and request.expedite and request.approved_by is not None:
        state.expedite = True
    return changed


def _apply(state: OrderState, request: SupplyRequest, change: LineChange, record: RecordEvent) -> bool:
    """Apply the outcome to the line; returns whether that changes it."""
    line, outcome = change.line, change.outcome
    match outcome:
        case LineUnchanged():
            return False
        case Reorder() | FloorAndReorder():
            floored = outcome if isinstance(outcome, FloorAndReorder) else None
            quantity = floored.new_quantity if floored else line.quantity
            over = max(_ZERO, max(quantity, line.shipped, line.received) - request.needed) if floored else _ZERO
            record(
                "change.floored",
                line=line.number,
                requirement_id=request.requirement_id,
                quantity=str(quantity),
                surplus=str(floored.surplus) if floored else "0",
                surplus_in_need_unit=_in_need_unit(request, over),
                open_quantity=str(outcome.open_quantity),
                why=outcome.why,
                rule=outcome.rule,
                reason=change.reason.model_dump(mode="json"),
            )
            if quantity == line.quantity:
                return False
            line.revise(state.next_revision, quantity, line.delivery_date)
        case _ if change.requested > 0:
            date = request.dock_date if change.share is None else line.delivery_date
            line.revise(state.next_revision, change.requested, date)
        case _:
            _cancel(state, line)
    return True


def _cancel(state: OrderState, line: Line) -> None:
    """Cancel the line; if the order was never sent, no answer to that is awaited."""
    line.cancel(state.next_revision)
    if state.unsent:
        line.complete()
        if state.unplaced:
            line.complete_unsent()


def _hand_out(
    state: OrderState, request: SupplyRequest, change: LineChange, record: RecordEvent, *, changed: bool
) -> None:
    """Grant the requirement its supply request on the line, or let it leave a shared line."""
    line, share = change.line, change.share
    if share is None:
        line.grant(request)
        return
    _record_share(line, request, share, record)
    if share.leaves:
        line.let_go(request)
    else:
        line.grant(request)
    if not changed and not state.unsent:
        # No answer of the supplier is needed; the new allocations are reported at once.
        state.touch(line.number)


def _in_need_unit(request: SupplyRequest, quantity: Decimal) -> str:
    unit = request.need_unit or request.unit
    ratio = request.per_order_unit
    return f"{figure(quantity if ratio == SAME else rescale(quantity, ratio, NEED_DECIMALS, 'down'))} {unit}"


def _record_share(line: Line, request: SupplyRequest, share: ShareChange, record: RecordEvent) -> None:
    """Record the new quantity and surplus of a shared line, for all requirements that share it."""
    surplus = max(_ZERO, line.quantity - share.allocated)
    record(
        "share.changed",
        line=line.number,
        by=request.requirement_id,
        leaves=share.leaves,
        quantity=str(line.quantity),
        surplus=str(surplus),
        surplus_in_need_unit=_in_need_unit(request, surplus),
        why=share.reason.why,
        rule=share.reason.rule,
        reason=share.reason.model_dump(mode="json"),
    )


def _decline(state: OrderState, request: SupplyRequest, why: str) -> None:
    """Leave the line unchanged and report the reason to the requirement."""
    requirement = request.requirement_id
    _forget(state, requirement)
    state.open_quantities.pop(requirement, None)
    state.consider(request)
    state.refusals[requirement] = why


def _forget(state: OrderState, requirement: RequirementId) -> None:
    """Drop the requirement's waiting request."""
    state.pending.pop(requirement, None)
    state.pending_reasons.pop(requirement, None)
    state.judged.pop(requirement, None)


def give_up(state: OrderState, lines: Iterable[Line], why: str) -> list[int]:
    """Cancel lines on a person's decision, which frees their requirements to look elsewhere. Returns line numbers."""
    concerned = list(lines)
    for line in concerned:
        if line.cancelled:
            # The supplier does not accept the cancellation; a person has settled that with them.
            line.complete()
            state.touch(line.number)
            continue
        line.give_up(None if state.unsent else state.next_revision)
        state.refusals |= dict.fromkeys(line.requirements, why)
        if state.unplaced:
            line.complete_unsent()
            continue
        if state.order_number is None:
            continue  # it is submitted: that is taken back first
        state.touch(line.number)
        if state.unsent:
            # It was never sent to the supplier: only the ERP's document is changed.
            state.cut.append(line.number)
    state.unclear.clear()
    return [line.number for line in concerned]


def keep_as_it_was(state: OrderState, numbers: Collection[int], why: str) -> list[int]:
    """Give up changes that another system's people refused, and report why. Returns the numbers of the lines."""
    kept = [line for line in state.lines if line.number in numbers and line.changed_since_sent]
    for line in kept:
        line.keep()
        for requirement in dict.fromkeys((*line.requirements, *state.reallocate(line))):
            state.refusals[requirement] = why
        state.touch(line.number)
    state.cut = [number for number in state.cut if number not in numbers]
    return [line.number for line in kept]


def restate(state: OrderState, numbers: Collection[int]) -> None:
    """Send lines again as they were ordered."""
    for line in state.lines:
        if line.number in numbers and line.open:
            line.revise(state.next_revision, line.quantity, line.delivery_date)
