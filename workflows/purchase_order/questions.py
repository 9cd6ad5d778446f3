"""What an order asks people: a silent or unclear supplier, an answer outside the tolerance (R8), a document that the
ERP refused, what others edited there. Pure: the proposals that should be open now, by purpose."""

import datetime as dt
from decimal import Decimal

from pydantic import JsonValue

from canonical.base import Criticality
from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.sourcing import MasterDataDefect
from decisions.tolerance import ToleranceOutcome, judge_tolerance
from workflows.material_requirement.messages import RecordEvent
from workflows.purchase_order.edits import edit_questions
from workflows.purchase_order.judging import change_proposal
from workflows.purchase_order.line import Line
from workflows.purchase_order.reports import as_requested, coverage_of
from workflows.purchase_order.state import OrderState


def questions(state: OrderState, today: dt.date, *, answer_overdue: bool) -> dict[str, Proposal]:
    """The questions that are open now."""
    found = {
        "refused": _refused(state),
        "proposal": change_proposal(state, today),
        "no_answer": _no_answer(state) if answer_overdue or state.unclear or state.unclear_receipts else None,
        "tolerance": _outside_tolerance(state),
        **edit_questions(state),
    }
    return {purpose: proposal for purpose, proposal in found.items() if proposal is not None}


def is_still_asked(state: OrderState, purpose: str, digest: str, today: dt.date) -> bool:
    """R15: whether a question is as it was put; a material change voids what was decided on it."""
    proposal = questions(state, today, answer_overdue=True).get(purpose)
    return proposal is not None and proposal.digest == digest


def _criticality(state: OrderState) -> Criticality:
    return min((line.criticality for line in state.lines), default=Criticality.C)


def _refused(state: OrderState) -> Proposal | None:
    if state.refusal is None:
        return None
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


def _no_answer(state: OrderState) -> Proposal:
    awaited = [line for line in state.awaited if line.number not in state.unclear]
    reasons = [f"line {number}: {why}" for number, why in sorted(state.unclear.items())]
    reasons += [f"receipt {number}: {why}" for number, why in sorted(state.unclear_receipts.items())]
    if awaited:
        numbers = ", ".join(str(line.number) for line in awaited)
        reasons.append(f"no answer to revision {state.revision}, lines {numbers}, after {state.reminders} reminder(s)")
    return Proposal(
        kind=ExceptionKind.NO_ANSWER,
        summary=f"{state.terms.supplier} on order {state.order_number}: {'; '.join(reasons)}",
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


def _outside_tolerance(state: OrderState) -> Proposal | None:
    if not state.breaches:
        return None
    reasons = "; ".join(f"line {number}: {why}" for number, why in sorted(state.breaches.items()))
    return Proposal(
        kind=ExceptionKind.CHANGE_PROPOSAL,
        summary=f"{state.terms.supplier} answered order {state.order_number} outside the tolerance: {reasons}",
        plant=state.terms.plant,
        supplier=state.terms.supplier,
        order_number=state.order_number,
        criticality=_criticality(state),
        proposed_by=state.terms.supplier,
        alternatives=(
            Alternative(choice=Choice.APPROVE, note="take the answer as it is"),
            Alternative(choice=Choice.DECLINE, note="send the order once more as it was"),
        ),
        approvers=(state.policy.buyer,),
        rule="R8",
        reasons=tuple(
            _tolerated(state, line).reason(state.policy_of(line).version)
            for line in state.lines
            if line.number in state.breaches and line.quantity > 0
        ),
    )


def find_breaches(state: OrderState, numbers: list[int], record: RecordEvent) -> None:
    """R8 for lines just answered: breaches that no shortage exception brings to a person anyway."""
    judged: list[JsonValue] = []
    for number in numbers:
        line = state.line(number)
        state.breaches.pop(number, None)
        if line is None or line.cancelled or line.quantity <= 0:
            continue
        outcome = _tolerated(state, line)
        why = _breach(state, line, outcome)
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
        sum((part.quantity for part in line.promised), Decimal(0)),
        line.price,
        line.answered_price,
        line.delivery_date,
        max((part.date for part in line.promised if part.date is not None), default=None),
        state.policy_of(line).tolerance,
        state.policy.calendar,
        price_unit=line.request.price_unit,
        confirmed_price_unit=line.answered_price_unit,
        currency=state.terms.currency,
        confirmed_currency=line.answered_currency,
    )


def _breach(state: OrderState, line: Line, outcome: ToleranceOutcome) -> str:
    """What a person is asked; what makes the need short is asked by the requirement."""
    if outcome.accepted:
        return ""
    in_time = all(
        as_requested(
            state,
            allocation.request,
            state.lines_of(allocation.request.requirement_id),
            coverage_of(state, allocation.request.requirement_id),
        )
        for allocation in line.allocations
    )
    reported = [
        breach
        for breach in outcome.exceptions
        if breach.aspect in ("price", "currency") or in_time or (breach.aspect == "quantity" and breach.deviation > 0)
    ]
    return ", ".join(f"{breach.aspect} {breach.answered} instead of {breach.ordered}" for breach in reported)
