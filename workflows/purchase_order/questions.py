"""The questions of an order to people, and its reminders to the supplier.

It asks about a silent or unclear supplier, an answer outside the tolerance and announcements beyond the order (R8), a
document that the ERP refused, edits by others in the ERP, requests that need approval (R3, R15), deliveries that are
overdue (R16) or likely to be late (R17). It reminds a silent supplier (R16); decisions.escalation decides when. Which
questions should be open depends only on its state.
"""

import datetime as dt
from decimal import Decimal
from typing import Any

from pydantic import JsonValue
from temporalio import workflow

from canonical.base import Criticality
from canonical.exception import Alternative, Choice, Decision, ExceptionKind, Proposal
from canonical.policy import RouteKind
from canonical.reason import Reason, figure
from canonical.sourcing import MasterDataDefect
from canonical.supply import ScheduleLineState
from decisions.approval import route_approval
from decisions.escalation import BUYER_NOTIFIED, EscalationLevel, next_escalation, supplier_schedule
from decisions.overdue import OverdueStep
from decisions.tolerance import ToleranceOutcome, judge_tolerance
from workflows.entity import MOMENT, Entity
from workflows.memory import RecordEvent
from workflows.purchase_order.answers import in_the_suppliers_words, rejected, send_again
from workflows.purchase_order.approvals import long_wait, wait_on
from workflows.purchase_order.approvals import refused as not_approved
from workflows.purchase_order.changes import (
    give_up,
    judge,
    keep_as_it_was,
    restate,
    route_of,
    value_of,
    waits,
)
from workflows.purchase_order.documents import OrderDocuments
from workflows.purchase_order.edits import edit_questions, settle_edits
from workflows.purchase_order.line import NOT_FIRM, Line
from workflows.purchase_order.promises import lines_at_risk, promises_at_risk
from workflows.purchase_order.reports import as_requested, coverage_of
from workflows.purchase_order.state import OrderState
from workflows.questions import Questions

_ZERO = Decimal(0)
_GONE = ScheduleLineState.SHIPPED
"""Of an answer: what was despatched by then, and is not promised any more."""


class OrderQuestions:
    """The open questions of one order, by purpose."""

    def __init__(self, state: OrderState, entity: Entity[OrderState, Any]) -> None:
        self._state = state
        self._questions = Questions(state, entity)

    async def ask(self, *, answer_overdue: bool) -> None:
        """Ask, change and withdraw questions, so that the open ones match the state."""
        state = self._state
        today = state.policy.calendar.day_of(workflow.now())
        # A decision would no longer reach an order that has ended.
        proposals = {} if state.finished else questions(state, today, answer_overdue=answer_overdue)
        for purpose in [known for known in state.questions if known not in proposals]:
            await self._questions.withdraw(state.questions.pop(purpose), "it has been settled meanwhile")
        for purpose, proposal in proposals.items():
            silent = purpose == "no_answer" and answer_overdue
            state.questions[purpose] = await self._questions.ask(
                state.questions.get(purpose),
                proposal,
                state.policy,
                sla_started_at=state.asked_at if silent else None,
                latest_safe_date=state.first_due if silent else None,
            )


class SupplierEscalation:
    """R16: a silent supplier is reminded, then the buyer is asked."""

    def __init__(self, state: OrderState, entity: Entity[OrderState, Any], documents: OrderDocuments) -> None:
        self._state = state
        self._entity = entity
        self._documents = documents

    @property
    def overdue(self) -> bool:
        """The SLA has expired: the buyer is asked."""
        state = self._state
        return bool(state.awaited) and state.refusal is None and state.levels_reached >= BUYER_NOTIFIED

    @property
    def time_to_next(self) -> dt.timedelta | None:
        """Time until the next level; None: there is none to wait for."""
        level = self._next
        return None if level is None else max(level.at - workflow.now(), MOMENT)

    @property
    def _next(self) -> EscalationLevel | None:
        state = self._state
        if state.asked_at is None or not state.awaited or state.refusal is not None:
            return None
        # A plant of ours that serves a transfer gets the exceptions of its own requirement, not reminders.
        remind = state.terms.route is not RouteKind.TRANSFER
        levels = supplier_schedule(state.asked_at, state.policy, state.first_due, remind=remind)
        return next_escalation(levels, state.levels_reached)

    async def go_on(self) -> None:
        """Remind the supplier at the first level; ask the buyer at the next. Uses the policy current at that time."""
        state, now = self._state, workflow.now()
        if (level := self._next) is None or level.at > now:
            return
        state.policy = await self._entity.policy_now(state.policy, supplier=state.terms.supplier)
        while (level := self._next) is not None and level.at <= now:
            state.levels_reached = level.height
            reason = level.reason(state.policy.version).model_dump(mode="json")
            self._entity.record("answer.awaited", action=level.action, to=level.role, rule=level.rule, reason=reason)
            if level.action == "remind_supplier":
                state.reminders += 1
                await self._documents.send_reminder()


# -- which proposals should be open


def questions(state: OrderState, today: dt.date, *, answer_overdue: bool) -> dict[str, Proposal]:
    """The questions that should be open now."""
    found = {
        "refused": _refused(state),
        "approval": long_wait(state),
        "rejected": rejected(state),
        "proposal": _requests_that_wait(state, today),
        "no_answer": _no_answer(state, answer_overdue=answer_overdue),
        "tolerance": _outside_tolerance(state),
        "announced": _over_announced(state),
        "overdue": _overdue(state),
        "at_risk": promises_at_risk(state, today),
        **edit_questions(state),
    }
    return {purpose: proposal for purpose, proposal in found.items() if proposal is not None}


def is_still_asked(state: OrderState, purpose: str, digest: str, today: dt.date) -> bool:
    """R15: whether a question is still the same; a material change voids a decision on it."""
    proposal = questions(state, today, answer_overdue=True).get(purpose)
    return proposal is not None and proposal.digest == digest


def _criticality(state: OrderState) -> Criticality:
    return min((line.criticality for line in state.lines), default=Criticality.C)


def _refused(state: OrderState) -> Proposal | None:
    if state.refusal is None:
        return None
    if state.disapproval is not None:
        return not_approved(state, state.disapproval)
    document = f"order {state.order_number}" if state.order_number else "the new order"
    return Proposal(
        kind=ExceptionKind.MASTER_DATA,
        summary=f"The ERP refused {document} to {state.terms.supplier}: {state.refusal}",
        plant=state.terms.plant,
        supplier=state.terms.supplier,
        order_number=state.order_number,
        criticality=_criticality(state),
        defects=(
            MasterDataDefect(
                field="document",
                value=state.order_number or "",
                detail=state.refusal,
                owner=state.policy.buyer,
                next_step="fix what the ERP names, then decide retry; or give the order up with cancel",
            ),
        ),
        alternatives=(
            Alternative(choice=Choice.RETRY, note="it has been fixed: write it again"),
            Alternative(choice=Choice.CANCEL, note="give the order up; its requirements look elsewhere"),
        ),
        approvers=(state.policy.buyer,),
        rule="R3",
    )


def _no_answer(state: OrderState, *, answer_overdue: bool) -> Proposal | None:
    unclear = state.not_closed(state.unclear)
    overdrawn = [line for line in state.lines if line.overdrawn]
    if not (answer_overdue or unclear or state.unclear_receipts or state.unclear_despatches or overdrawn):
        return None
    awaited = [line for line in state.awaited if line.number not in unclear]
    reasons = [f"line {number}: {why}" for number, why in sorted(unclear.items())]
    reasons += [f"receipt {number}: {why}" for number, why in sorted(state.unclear_receipts.items())]
    reasons += [f"despatch {number}: {why}" for number, why in sorted(state.unclear_despatches.items())]
    reasons += [f"line {line.number}: {line.overdrawn} more went back than was received" for line in overdrawn]
    if awaited:
        numbers = ", ".join(str(line.number) for line in awaited)
        reasons.append(f"no answer to revision {state.revision}, lines {numbers}, after {state.reminders} reminder(s)")
    return Proposal(
        kind=ExceptionKind.NO_ANSWER,
        summary=f"{state.terms.supplier} on order {state.order_number}: {'; '.join(reasons)}"
        + in_the_suppliers_words(state, sorted(unclear)),
        plant=state.terms.plant,
        supplier=state.terms.supplier,
        order_number=state.order_number,
        criticality=_criticality(state),
        alternatives=(
            Alternative(choice=Choice.WAIT, note="give the supplier another SLA; the talk is yours"),
            Alternative(choice=Choice.CANCEL, note="cancel the lines concerned; their requirements look elsewhere"),
        ),
        approvers=(state.policy.buyer,),
        rule="R16",
    )


def _overdue(state: OrderState) -> Proposal | None:
    lines = [line for line in state.lines if line.open and line.overdue_step >= OverdueStep.ASK_BUYER]
    if not lines:
        return None
    missing = "; ".join(f"line {line.number}: {_still_to_come(line)}" for line in lines)
    days = state.policy.overdue.question_days
    return Proposal(
        kind=ExceptionKind.OVERDUE,
        summary=f"{state.terms.supplier} has not delivered order {state.order_number} as promised: {missing}",
        plant=state.terms.plant,
        supplier=state.terms.supplier,
        item=lines[0].request.item if len(lines) == 1 else None,
        order_number=state.order_number,
        pegs=tuple(peg for line in lines for allocation in line.allocations for peg in allocation.request.pegs),
        criticality=min(line.criticality for line in lines),
        alternatives=(
            Alternative(choice=Choice.WAIT, note=f"give the supplier {days} more working days; the talk is yours"),
            Alternative(choice=Choice.CANCEL, note="cancel what has not come; its requirements look elsewhere"),
        ),
        approvers=(state.policy.buyer,),
        rule="R16",
    )


def _still_to_come(line: Line) -> str:
    """The overdue quantity, and how much of it is announced."""
    late = [part for part in line.supply if part.date == line.overdue_since and part.state not in NOT_FIRM]
    quantity = sum((part.quantity for part in late), _ZERO)
    words = f"{figure(quantity)} {line.request.unit} for {line.overdue_since}"
    shipped = sum((part.quantity for part in late if part.state is ScheduleLineState.SHIPPED), _ZERO)
    return f"{words}, {figure(shipped)} of them announced as shipped" if shipped else words


def _outside_tolerance(state: OrderState) -> Proposal | None:
    breaches = state.not_closed(state.breaches)
    if not breaches:
        return None
    reasons = "; ".join(f"line {number}: {why}" for number, why in sorted(breaches.items()))
    return _statement_of_supplier(
        state,
        f"{state.terms.supplier} answered order {state.order_number} outside the tolerance: {reasons}"
        + in_the_suppliers_words(state, sorted(breaches)),
        approve="take the answer as it is",
        decline="send the order once more as it was",
        reasons=tuple(
            _tolerated(state, line).reason(state.policy_of(line).version)
            for line in state.lines
            if line.number in breaches and line.quantity > 0
        ),
    )


def _over_announced(state: OrderState) -> Proposal | None:
    lines = [line for line in state.lines if line.over_announced]
    if not lines:
        return None
    reasons = "; ".join(
        f"line {line.number}: {line.shipped} {line.request.unit} announced, {line.quantity} ordered, "
        f"{line.counted_shipped} counted"
        + (f" ({line.doubtful} as in a despatch advice of another number)" if line.doubtful else "")
        for line in lines
    )
    return _statement_of_supplier(
        state,
        f"{state.terms.supplier} seems to have announced goods of order {state.order_number} twice: {reasons}",
        approve="all of it is coming",
        decline="the same goods were announced twice: count them once",
    )


def _statement_of_supplier(
    state: OrderState, summary: str, *, approve: str, decline: str, reasons: tuple[Reason, ...] = ()
) -> Proposal:
    """The question whether what the supplier stated holds (R8)."""
    return Proposal(
        kind=ExceptionKind.CHANGE_PROPOSAL,
        summary=summary,
        plant=state.terms.plant,
        supplier=state.terms.supplier,
        order_number=state.order_number,
        criticality=_criticality(state),
        proposed_by=state.terms.supplier,
        alternatives=(
            Alternative(choice=Choice.APPROVE, note=approve),
            Alternative(choice=Choice.DECLINE, note=decline),
        ),
        approvers=(state.policy.buyer,),
        rule="R8",
        reasons=reasons,
    )


def _requests_that_wait(state: OrderState, today: dt.date) -> Proposal | None:
    """The question about supply requests that wait for approval; None if none does."""
    judged = []
    for requirement, request in state.pending.items():
        changes = judge(state, request, today)
        if requirement in state.pending_reasons and waits(changes, route_of(state, request, changes)):
            judged.append((request, changes))
    if not judged:
        return None
    value = sum((value_of(state, request, changes) for request, changes in judged), _ZERO)
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
    """The edits in the ERP that the change would overwrite."""
    edits = ", ".join(f"{edit.field} {edit.new} by {edit.edited_by}" for edit in line.edits.values())
    return f"line {line.number} in the ERP: {edits}" if edits else ""


# -- an answer outside the tolerance (R8)


def find_breaches(state: OrderState, numbers: list[int], record: RecordEvent, today: dt.date) -> None:
    """Apply R8 to lines just answered: find breaches that no shortage exception puts to a person anyway."""
    judged: list[JsonValue] = []
    for number in numbers:
        line = state.line(number)
        state.breaches.pop(number, None)
        if line is None or line.cancelled or line.quantity <= 0:
            continue
        outcome = _tolerated(state, line)
        why = _breach(state, line, outcome, today)
        if why:
            state.breaches[number] = why
        judged.append(
            {
                "line": number,
                **line.whose,
                "item": line.request.item,
                "item_class": line.request.item_class or "",
                "accepted": outcome.accepted,
                "asked": bool(why),
                "reason": outcome.reason(state.policy_of(line).version).model_dump(mode="json"),
            }
        )
    if judged:
        record("answer.judged", rule="R8", lines=judged, policy_version=state.policy.version)


def _tolerated(state: OrderState, line: Line) -> ToleranceOutcome:
    return judge_tolerance(
        line.quantity,
        sum((part.quantity for part in line.promised), _ZERO),
        line.price,
        line.answered_price,
        line.delivery_date,
        max((part.date for part in line.promised if part.date and part.state is not _GONE), default=None),
        state.policy_of(line).tolerance,
        state.policy.calendar,
        price_unit=line.request.price_unit,
        confirmed_price_unit=line.answered_price_unit,
        currency=state.terms.currency,
        confirmed_currency=line.answered_currency,
    )


def _breach(state: OrderState, line: Line, outcome: ToleranceOutcome, today: dt.date) -> str:
    """The reason to ask a person; about shortages of the need, the requirement asks."""
    if outcome.accepted:
        return ""
    in_time = all(
        as_requested(
            state,
            allocation.request,
            state.lines_of(allocation.request.requirement_id),
            coverage_of(state, allocation.request.requirement_id),
            today,
        )
        for allocation in line.allocations
    )
    reported = [
        breach
        for breach in outcome.exceptions
        if breach.aspect in ("price", "currency") or in_time or (breach.aspect == "quantity" and breach.deviation > 0)
    ]
    return ", ".join(f"{breach.aspect} {breach.answered} instead of {breach.ordered}" for breach in reported)


# -- decisions


def settle_decisions(state: OrderState, record: RecordEvent, now: dt.datetime) -> None:
    """Carry out decisions; an approved supply request is granted together with the others (in changes)."""
    settle_edits(state, record)
    if decision := state.decisions.pop("no_answer", None):
        _settle_silence(state, decision, record, now)
    if decision := state.decisions.pop("approval", None):
        _settle_long_wait(state, decision, record, now)
    if decision := state.decisions.pop("overdue", None):
        _settle_overdue(state, decision, record, state.policy.calendar.day_of(now))
    if decision := state.decisions.pop("at_risk", None):
        _settle_risk(state, decision, record)
    if decision := state.decisions.pop("tolerance", None):
        if decision.choice is Choice.DECLINE:
            restate(state, list(state.breaches))
        state.breaches.clear()
    if decision := state.decisions.pop("announced", None):
        _settle_announcement(state, decision, record)
    if decision := state.decisions.pop("rejected", None):
        _settle_rejection(state, decision, record)
    if decision := state.decisions.pop("refused", None):
        _settle_refusal(state, decision, record)


def _settle_announcement(state: OrderState, decision: Decision, record: RecordEvent) -> None:
    lines = [line for line in state.lines if line.over_announced]
    announced = {line.number: str(line.shipped) for line in lines}
    for line in lines:
        line.settle_announcement(coming=decision.choice is Choice.APPROVE)
    record(
        "announcement.settled",
        decision.decided_at,
        lines=[
            {"line": line.number, "announced": announced[line.number], "counted": str(line.counted_shipped)}
            for line in lines
        ],
        decided_by=decision.decided_by,
    )


def _settle_silence(state: OrderState, decision: Decision, record: RecordEvent, now: dt.datetime) -> None:
    state.unclear_receipts.clear()
    state.unclear_despatches.clear()
    if decision.choice is Choice.CANCEL:
        concerned = [line for line in state.lines if line.awaited or (line.open and line.number in state.unclear)]
        _give_up(state, concerned, "no usable answer", decision, record)
    else:
        state.unclear.clear()
        state.restart_escalation(now)


def _settle_long_wait(state: OrderState, decision: Decision, record: RecordEvent, now: dt.datetime) -> None:
    if decision.choice is Choice.CANCEL:
        lines = [line for line in state.lines if line.open]
        _give_up(state, lines, "its approval took too long", decision, record)
    else:
        wait_on(state, decision, record, now)


def _settle_overdue(state: OrderState, decision: Decision, record: RecordEvent, today: dt.date) -> None:
    lines = [line for line in state.lines if line.open and line.overdue_step >= OverdueStep.ASK_BUYER]
    if decision.choice is Choice.CANCEL:
        _give_up(state, lines, "overdue", decision, record)
        return
    for line in lines:
        line.wait_for_delivery(today)


def _settle_risk(state: OrderState, decision: Decision, record: RecordEvent) -> None:
    lines = lines_at_risk(state)
    if decision.choice is Choice.CANCEL:
        _give_up(state, lines, "likely to be late", decision, record)
        return
    for line in lines:
        state.at_risk[line.number].taken = True


def _settle_rejection(state: OrderState, decision: Decision, record: RecordEvent) -> None:
    if decision.choice is Choice.CANCEL:
        state.rejection = None
        _give_up(state, [line for line in state.lines if line.open], "its document was rejected", decision, record)
    else:
        send_again(state)


def _settle_refusal(state: OrderState, decision: Decision, record: RecordEvent) -> None:
    refusal, disapproval = state.refusal, state.disapproval
    state.refusal = state.disapproval = None
    if decision.choice is Choice.DECLINE and disapproval is not None:
        why = f"{disapproval.system} did not approve it: {refusal}; {decision.decided_by} left the order as it is"
        record("change.kept", lines=[*keep_as_it_was(state, disapproval.lines, why)], why=why)
    if decision.choice is Choice.CANCEL:
        concerned = [line for line in state.lines if line.open]
        if not concerned:
            # The order is given up already: the ERP refused to delete its requisition.
            state.requisitioned = False
        _give_up(state, concerned, "it was refused", decision, record)


def _give_up(state: OrderState, lines: list[Line], cause: str, decision: Decision, record: RecordEvent) -> None:
    why = f"cancelled by {decision.decided_by}: {cause}"
    record("lines.given_up", lines=[*give_up(state, lines, why)], why=why, decided_by=decision.decided_by)
