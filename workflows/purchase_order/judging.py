"""What R3 and R15 say to the supply requests of the moment, and what a person is asked about those that wait.

Pure: nothing is changed here. What is granted becomes of the lines is in order_changes.
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.reason import Reason
from canonical.records import OrderStage
from canonical.supply import SupplyRequest
from decisions.approval import ApprovalRoute, route_approval, value_in_company_currency
from decisions.order_change import (
    ChangeSent,
    FrozenChange,
    LineChangeOutcome,
    LineState,
    LineUnchanged,
    ProposeChange,
    change_reason,
    judge_line_change,
)
from workflows.purchase_order.line import Line
from workflows.purchase_order.sharing import ShareChange, judge_share
from workflows.purchase_order.state import OrderState

_ZERO = Decimal(0)


class LineChange(NamedTuple):
    """What is wanted of a line, and what R3 says to it."""

    line: Line
    requested: Decimal
    outcome: LineChangeOutcome
    reason: Reason
    share: ShareChange | None = None
    """Of a line that several share: what becomes of the requirement's part."""

    @property
    def why(self) -> str:
        """What R3 says, in the buyer's words."""
        return self.reason.why

    @property
    def asks(self) -> bool:
        """It may need a person."""
        return isinstance(self.outcome, ProposeChange | FrozenChange)

    @property
    def must_ask(self) -> bool:
        """It needs a person whatever its value."""
        return isinstance(self.outcome, FrozenChange) or (
            isinstance(self.outcome, ProposeChange) and self.outcome.over_edit
        )


def judge(state: OrderState, request: SupplyRequest, today: dt.date, *, over_edits: bool = False) -> list[LineChange]:
    """Each open line of the requirement with what is wanted of it and what R3 says.

    `over_edits`: the person who approved knew what others had edited in the ERP.
    """
    lines = [line for line in state.lines_of(request.requirement_id) if not line.cancelled]
    if any(line.other_allocations for line in lines):
        return [_judge_shared(state, request, line, today, over_edits) for line in lines if line.open]
    left = request.quantity - sum((line.quantity for line in lines if line.complete), _ZERO)
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
    """The line's date is the others' as well: it stays."""
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
        in_transit=max(_ZERO, line.shipped - line.received),
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
    """R15: outside the frozen zone, a change of little value needs nobody."""
    return route_approval(_value(state, request, changes), request.criticality, False, state.policy)


def waits(changes: Iterable[LineChange], route: ApprovalRoute) -> bool:
    """Whether a person decides first: beyond what is free, inside the fence, or over somebody's edit."""
    return any(change.must_ask or (change.asks and not route.free) for change in changes)


def _value(state: OrderState, request: SupplyRequest, changes: Iterable[LineChange]) -> Decimal:
    delta = sum((abs(change.requested - change.line.quantity) for change in changes), _ZERO)
    return value_in_company_currency(delta, request.price, request.price_unit, request.currency, state.policy.approval)


def change_proposal(state: OrderState, today: dt.date) -> Proposal | None:
    """What a person is asked about the supply requests that wait; None where none does."""
    judged = []
    for requirement, request in state.pending.items():
        changes = judge(state, request, today)
        if requirement in state.pending_reasons and waits(changes, route_of(state, request, changes)):
            judged.append((request, changes))
    if not judged:
        return None
    value = sum((_value(state, request, changes) for request, changes in judged), _ZERO)
    criticality = min(request.criticality for request, _ in judged)
    route = route_approval(value, criticality, False, state.policy)
    requests = "; ".join(
        f"{request.item} to {request.quantity} {request.unit} for {request.dock_date}"
        if request.lots
        else f"{request.item} cancelled"
        for request, _ in judged
    )
    concerned = [change for _, changes in judged for change in changes if change.asks]
    because = "; ".join(
        dict.fromkeys(text for change in concerned for text in (change.why, _edits(change.line)) if text)
    )
    currency = state.policy.approval.currency
    return Proposal(
        kind=ExceptionKind.CHANGE_PROPOSAL,
        summary=f"Change order {state.order_number} at {state.terms.supplier}: {requests} ({because})",
        plant=state.terms.plant,
        supplier=state.terms.supplier,
        item=judged[0][0].item if len(judged) == 1 else None,
        order_number=state.order_number,
        pegs=tuple(peg for request, _ in judged for peg in request.pegs),
        criticality=criticality,
        value=value,
        currency=currency,
        alternatives=(
            Alternative(choice=Choice.APPROVE, extra_cost=value, currency=currency, note="send the change order"),
            Alternative(choice=Choice.DECLINE, note="leave the order as it is; the plan is told"),
        ),
        approvers=route.approvers or (state.policy.buyer,),
        rule="R3",
        reasons=(
            *(change.reason for change in concerned),
            route.reason(state.policy.version),
        ),
    )


def _edits(line: Line) -> str:
    """What the ERP holds that the change would overwrite."""
    edits = ", ".join(f"{edit.field} {edit.new} by {edit.edited_by}" for edit in line.edits.values())
    return f"line {line.number} in the ERP: {edits}" if edits else ""
