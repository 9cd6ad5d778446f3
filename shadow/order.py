"""What orders decided, judged again: changes of lines (R3, R15) and suppliers' answers (R8), from the reasons recorded.

What is decided here: which of it was the policy's doing. A change that a person decided was not, and is left out. The
value of a change stays as it was reckoned in the company's currency that day. Not here: the judgement (decisions).
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from canonical.base import Criticality, Noun
from canonical.facts import Fact
from canonical.policy import PlantPolicy
from canonical.reason import Reason
from canonical.records import OrderStage
from decisions.approval import route_approval
from decisions.order_change import (
    ChangeSent,
    CreateBalance,
    FloorAndBalance,
    FrozenChange,
    LineState,
    LineUnchanged,
    LineVerdict,
    ProposeChange,
    UpdateUnsent,
    judge_line_change,
)
from decisions.tolerance import judge_tolerance
from shadow.verdict import Aspect, Decided, NotComparable, Policies, Verdict

CHANGE, ANSWER = "change.judged", "answer.judged"
KINDS = (CHANGE, ANSWER)


class ChangeInputs(Noun):
    """R3: what a line's change was judged by (decisions.order_change.change_reason)."""

    stage: OrderStage
    acknowledged: bool
    shipped: Decimal
    received: Decimal
    edited_by_buyer: bool
    quantity: Decimal
    delivery_date: dt.date
    wanted_quantity: Decimal
    wanted_date: dt.date


class AnswerInputs(Noun):
    """R8: what an answer was judged by (decisions.tolerance)."""

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


class JudgedLine(Noun):
    """A line of either fact."""

    line: int
    reason: Reason
    item: str = ""
    item_class: str = ""
    accepted: bool = False


class Approval(Noun):
    """R15's inputs, as far as its reason holds them."""

    criticality: Criticality
    in_shortage: bool = False
    approvers: tuple[str, ...] = ()


class ChangeJudged(Noun):
    """The data of `change.judged`."""

    item: str
    item_class: str = ""
    waits: bool
    decided_by: str | None = None
    lines: tuple[JudgedLine, ...]
    value: Decimal | None = None
    approval: Reason | None = None
    policy_version: str


class AnswerJudged(Noun):
    """The data of `answer.judged`."""

    lines: tuple[JudgedLine, ...]
    policy_version: str


def read(fact: Fact) -> list[Decided]:
    """The decisions of a fact: of a change one, of an answer one a line. Raises ValidationError like `cover.read`."""
    _, plant, supplier, *_ = fact.entity_id.split("/")
    if fact.kind == CHANGE:
        data = ChangeJudged.model_validate(fact.data)
        if data.decided_by is not None:
            return []
        return [_change(_Order(plant, supplier, fact.processing_time.date()), data)]
    answer = AnswerJudged.model_validate(fact.data)
    return [_answer(_Order(plant, supplier, fact.processing_time.date()), line) for line in answer.lines]


class _Order(NamedTuple):
    plant: str
    supplier: str
    today: dt.date

    def policy(self, policies: Policies) -> PlantPolicy | None:
        """What the order as a whole decides by."""
        return policies.effective(self.plant, supplier=self.supplier)

    def line_policy(self, policies: Policies, item: str, item_class: str) -> PlantPolicy | None:
        """What holds for a line of the item."""
        return policies.effective(self.plant, item_class=item_class, item=item, supplier=self.supplier)


# -- R3 and R15


def _change(order: _Order, data: ChangeJudged) -> Decided:
    return Decided(
        plant=order.plant,
        item=data.item,
        recorded=lambda policies: _change_recorded(order, data, policies),
        again=lambda policies: _change_again(order, data, policies),
    )


def _change_recorded(order: _Order, data: ChangeJudged, policies: Policies) -> Verdict:
    policy = order.policy(policies)
    says: dict[Aspect, str] = {}
    for line in data.lines:
        fence = line.reason.thresholds.get("freeze_fence_days")
        verdict = None
        if policy is not None and isinstance(fence, int):
            verdict = _judge_line(order, line, fence, policy)
        # In its own words where the rule of today would not say so: no label could then be trusted.
        known = verdict is not None and _words(verdict) == line.reason.why
        says["R3", f"line {line.line}"] = _label(verdict) if verdict is not None and known else line.reason.why
    approvers: tuple[str, ...] = ()
    if data.approval is not None:
        approvers = Approval.model_validate(data.approval.inputs).approvers
    reasons = [line.reason for line in data.lines]
    versions = [data.policy_version, *(reason.policy_version for reason in reasons)]
    why = [reason.why for reason in reasons] + ([data.approval.why] if data.approval else [])
    return _change_verdict(says, approvers, data.waits, why, versions)


def _change_again(order: _Order, data: ChangeJudged, policies: Policies) -> Verdict | NotComparable:
    policy, rules = order.policy(policies), order.line_policy(policies, data.item, data.item_class)
    if policy is None or rules is None:
        return NotComparable(f"plant {order.plant} has no policy")
    judged = [(line, _judge_line(order, line, rules.freeze_fence_days, policy)) for line in data.lines]
    says: dict[Aspect, str] = {("R3", f"line {line.line}"): _label(verdict) for line, verdict in judged}
    why = [_words(verdict) for _, verdict in judged]
    asks = any(isinstance(verdict, ProposeChange | FrozenChange) for _, verdict in judged)
    must = any(
        isinstance(verdict, FrozenChange) or (isinstance(verdict, ProposeChange) and verdict.over_edit)
        for _, verdict in judged
    )
    approvers: tuple[str, ...] = ()
    free = True
    if asks:
        if data.approval is None or data.value is None:
            return NotComparable("R15: the value of the change is not on record, since nobody had to be asked")
        inputs = Approval.model_validate(data.approval.inputs)
        route = route_approval(data.value, inputs.criticality, inputs.in_shortage, policy)
        approvers, free = route.approvers, route.free
        why.append(route.why)
    return _change_verdict(says, approvers, asks and (must or not free), why, [policy.version, rules.version])


def _change_verdict(
    says: dict[Aspect, str], approvers: tuple[str, ...], waits: bool, why: Iterable[str], versions: Iterable[str]
) -> Verdict:
    says["R15", "approvers"] = ", ".join(approvers) or "nobody"
    says["R15", "asks"] = "a person" if waits else "nobody"
    counts = {("R15", "approvals asked"): int(waits), ("R15", "changes that need nobody"): int(not waits)}
    return Verdict(says, "; ".join(why), counts, "+".join(dict.fromkeys(versions)))


def _judge_line(order: _Order, line: JudgedLine, freeze_fence_days: int, policy: PlantPolicy) -> LineVerdict:
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
        given.wanted_quantity,
        given.wanted_date,
        today=order.today,
        freeze_fence_days=freeze_fence_days,
        calendar=policy.calendar,
    )


def _label(verdict: LineVerdict) -> str:
    match verdict:
        case LineUnchanged():
            return "unchanged"
        case UpdateUnsent():
            return "updated"
        case ChangeSent():
            return "change order"
        case ProposeChange():
            return "proposal"
        case FrozenChange():
            return "exception: inside the freeze fence"
        case FloorAndBalance():
            return f"changed to {verdict.new_quantity}, {verdict.balance} ordered anew"
        case CreateBalance():
            return f"{verdict.balance} ordered anew"


def _words(verdict: LineVerdict) -> str:
    return verdict.reason if isinstance(verdict, ProposeChange | FrozenChange) else verdict.why


# -- R8


def _answer(order: _Order, line: JudgedLine) -> Decided:
    reason = line.reason
    return Decided(
        plant=order.plant,
        item=line.item,
        recorded=lambda _: _answer_verdict(line, line.accepted, reason.why, reason.policy_version),
        again=lambda policies: _answer_again(order, line, policies),
    )


def _answer_again(order: _Order, line: JudgedLine, policies: Policies) -> Verdict | NotComparable:
    policy, rules = order.policy(policies), order.line_policy(policies, line.item, line.item_class)
    if policy is None or rules is None:
        return NotComparable(f"plant {order.plant} has no policy")
    given = AnswerInputs.model_validate(line.reason.inputs)
    verdict = judge_tolerance(
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
    return _answer_verdict(line, verdict.accepted, verdict.why, rules.version)


def _answer_verdict(line: JudgedLine, accepted: bool, why: str, version: str) -> Verdict:
    says = {("R8", f"answer to line {line.line}"): "accepted" if accepted else "outside the tolerance"}
    counts = {("R8", "answers accepted"): int(accepted), ("R8", "answers outside"): int(not accepted)}
    return Verdict(says, why, counts, version)
