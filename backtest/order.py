"""What orders decided, judged again: changes of lines (R3, R15) and suppliers' answers (R8), from the reasons recorded.

Decided here: which decisions the policy made. A change that a person decided is left out. The value of a change stays
as calculated in the company's currency that day. Not here: the judgement (decisions).
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from backtest.decision import Aspect, DecisionOutcome, NotComparable, Policies, RecordedDecision
from canonical.audit_event import AuditEvent
from canonical.base import Criticality, Model
from canonical.policy import PlantPolicy
from canonical.reason import Reason
from canonical.records import OrderStage
from decisions.approval import route_approval
from decisions.order_change import (
    ChangeSent,
    FloorAndReorder,
    FrozenChange,
    LineChangeOutcome,
    LineState,
    LineUnchanged,
    ProposeChange,
    Reorder,
    UpdateUnsent,
    judge_line_change,
)
from decisions.tolerance import judge_tolerance

CHANGE, ANSWER = "change.judged", "answer.judged"
KINDS = (CHANGE, ANSWER)


class ChangeInputs(Model):
    """R3: the inputs by which a line's change was judged (decisions.order_change.change_reason)."""

    stage: OrderStage
    acknowledged: bool
    shipped: Decimal
    received: Decimal
    edited_by_buyer: bool
    quantity: Decimal
    delivery_date: dt.date
    requested_quantity: Decimal
    requested_date: dt.date


class AnswerInputs(Model):
    """R8: the inputs by which an answer was judged (decisions.tolerance)."""

    ordered_quantity: Decimal
    confirmed_quantity: Decimal
    ordered_price: Decimal
    confirmed_price: Decimal | None
    price_unit: Decimal
    confirmed_price_unit: Decimal | None
    currency: str
    confirmed_currency: str | None
    ordered_date: dt.date
    confirmed_last_date: dt.date | None


class JudgedLine(Model):
    """A line of either audit event."""

    line: int
    reason: Reason
    item: str = ""
    item_class: str = ""
    accepted: bool = False


class ApprovalInputs(Model):
    """R15's inputs, as far as its reason contains them."""

    criticality: Criticality
    in_shortage: bool = False
    approvers: tuple[str, ...] = ()


class ChangeJudged(Model):
    """The data of `change.judged`."""

    item: str
    item_class: str = ""
    waits: bool
    decided_by: str | None = None
    lines: tuple[JudgedLine, ...]
    value: Decimal | None = None
    approval: Reason | None = None
    policy_version: str


class AnswerJudged(Model):
    """The data of `answer.judged`."""

    lines: tuple[JudgedLine, ...]
    policy_version: str


def read(audit_event: AuditEvent) -> list[RecordedDecision]:
    """The decisions of an audit event: one for a change, one a line for an answer. Raises ValidationError like
    `sourcing.read`.
    """
    _, plant, supplier, *_ = audit_event.entity_id.split("/")
    if audit_event.kind == CHANGE:
        data = ChangeJudged.model_validate(audit_event.data)
        if data.decided_by is not None:
            return []
        return [_change(_Order(plant, supplier, audit_event.processing_time), data)]
    answer = AnswerJudged.model_validate(audit_event.data)
    return [_answer(_Order(plant, supplier, audit_event.processing_time), line) for line in answer.lines]


class _Order(NamedTuple):
    plant: str
    supplier: str
    decided_at: dt.datetime

    def policy(self, policies: Policies) -> PlantPolicy | None:
        """The policy of the order as a whole."""
        return policies.effective(self.plant, supplier=self.supplier)

    def line_policy(self, policies: Policies, item: str, item_class: str) -> PlantPolicy | None:
        """The policy for a line of the item."""
        return policies.effective(self.plant, item_class=item_class, item=item, supplier=self.supplier)


# -- R3 and R15


def _change(order: _Order, data: ChangeJudged) -> RecordedDecision:
    return RecordedDecision(
        plant=order.plant,
        item=data.item,
        recorded=lambda policies: _change_recorded(order, data, policies),
        again=lambda policies: _change_again(order, data, policies),
    )


def _change_recorded(order: _Order, data: ChangeJudged, policies: Policies) -> DecisionOutcome:
    policy = order.policy(policies)
    aspects: dict[Aspect, str] = {}
    for line in data.lines:
        frozen_zone_days = line.reason.thresholds.get("frozen_zone_days")
        outcome = None
        if policy is not None and isinstance(frozen_zone_days, int):
            outcome = _judge_line(order, line, frozen_zone_days, policy)
        # The recorded wording where today's rule would decide otherwise: no label could then be trusted.
        known = outcome is not None and _words(outcome) == line.reason.why
        aspects["R3", f"line {line.line}"] = _label(outcome) if outcome is not None and known else line.reason.why
    approvers: tuple[str, ...] = ()
    if data.approval is not None:
        approvers = ApprovalInputs.model_validate(data.approval.inputs).approvers
    reasons = [line.reason for line in data.lines]
    versions = [data.policy_version, *(reason.policy_version for reason in reasons)]
    why = [reason.why for reason in reasons] + ([data.approval.why] if data.approval else [])
    return _change_outcome(aspects, approvers, data.waits, why, versions)


def _change_again(order: _Order, data: ChangeJudged, policies: Policies) -> DecisionOutcome | NotComparable:
    policy, rules = order.policy(policies), order.line_policy(policies, data.item, data.item_class)
    if policy is None or rules is None:
        return NotComparable(f"plant {order.plant} has no policy")
    judged = [(line, _judge_line(order, line, rules.frozen_zone_days, policy)) for line in data.lines]
    aspects: dict[Aspect, str] = {("R3", f"line {line.line}"): _label(outcome) for line, outcome in judged}
    why = [_words(outcome) for _, outcome in judged]
    asks = any(isinstance(outcome, ProposeChange | FrozenChange) for _, outcome in judged)
    must = any(
        isinstance(outcome, FrozenChange) or (isinstance(outcome, ProposeChange) and outcome.over_edit)
        for _, outcome in judged
    )
    approvers: tuple[str, ...] = ()
    free = True
    if asks:
        if data.approval is None or data.value is None:
            return NotComparable("R15: the value of the change is not on record, since nobody had to be asked")
        inputs = ApprovalInputs.model_validate(data.approval.inputs)
        route = route_approval(data.value, inputs.criticality, inputs.in_shortage, policy)
        approvers, free = route.approvers, route.free
        why.append(route.why)
    return _change_outcome(aspects, approvers, asks and (must or not free), why, [policy.version, rules.version])


def _change_outcome(
    aspects: dict[Aspect, str], approvers: tuple[str, ...], waits: bool, why: Iterable[str], versions: Iterable[str]
) -> DecisionOutcome:
    aspects["R15", "approvers"] = ", ".join(approvers) or "nobody"
    aspects["R15", "asks"] = "a person" if waits else "nobody"
    counts = {("R15", "approvals asked"): int(waits), ("R15", "changes that need nobody"): int(not waits)}
    return DecisionOutcome(aspects, "; ".join(why), counts, "+".join(dict.fromkeys(versions)))


def _judge_line(order: _Order, line: JudgedLine, frozen_zone_days: int, policy: PlantPolicy) -> LineChangeOutcome:
    given = ChangeInputs.model_validate(line.reason.inputs)
    return judge_line_change(
        LineState(
            stage=given.stage,
            answered=given.acknowledged,
            in_transit=given.shipped,
            received=given.received,
            edited_by_buyer=given.edited_by_buyer,
        ),
        given.quantity,
        given.delivery_date,
        given.requested_quantity,
        given.requested_date,
        today=policy.calendar.day_of(order.decided_at),
        frozen_zone_days=frozen_zone_days,
        calendar=policy.calendar,
    )


def _label(outcome: LineChangeOutcome) -> str:
    match outcome:
        case LineUnchanged():
            return "unchanged"
        case UpdateUnsent():
            return "updated"
        case ChangeSent():
            return "change order"
        case ProposeChange():
            return "proposal"
        case FrozenChange():
            return "exception: inside the frozen zone"
        case FloorAndReorder():
            return f"changed to {outcome.new_quantity}, {outcome.open_quantity} ordered again"
        case Reorder():
            return f"{outcome.open_quantity} ordered again"


def _words(outcome: LineChangeOutcome) -> str:
    return outcome.reason if isinstance(outcome, ProposeChange | FrozenChange) else outcome.why


# -- R8


def _answer(order: _Order, line: JudgedLine) -> RecordedDecision:
    reason = line.reason
    return RecordedDecision(
        plant=order.plant,
        item=line.item,
        recorded=lambda _: _answer_outcome(line, line.accepted, reason.why, reason.policy_version),
        again=lambda policies: _answer_again(order, line, policies),
    )


def _answer_again(order: _Order, line: JudgedLine, policies: Policies) -> DecisionOutcome | NotComparable:
    policy, rules = order.policy(policies), order.line_policy(policies, line.item, line.item_class)
    if policy is None or rules is None:
        return NotComparable(f"plant {order.plant} has no policy")
    given = AnswerInputs.model_validate(line.reason.inputs)
    outcome = judge_tolerance(
        given.ordered_quantity,
        given.confirmed_quantity,
        given.ordered_price,
        given.confirmed_price,
        given.ordered_date,
        given.confirmed_last_date,
        rules.tolerance,
        policy.calendar,
        price_unit=given.price_unit,
        confirmed_price_unit=given.confirmed_price_unit,
        currency=given.currency,
        confirmed_currency=given.confirmed_currency,
    )
    return _answer_outcome(line, outcome.accepted, outcome.why, rules.version)


def _answer_outcome(line: JudgedLine, accepted: bool, why: str, version: str) -> DecisionOutcome:
    aspects = {("R8", f"answer to line {line.line}"): "accepted" if accepted else "outside the tolerance"}
    counts = {("R8", "answers accepted"): int(accepted), ("R8", "answers outside"): int(not accepted)}
    return DecisionOutcome(aspects, why, counts, version)
