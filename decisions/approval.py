"""R15, approval: who must decide a change, by its value and the criticality of the demand.

Decided here: the roles, that nobody decides what they proposed, in which roles a question may be decided, to which it
may be handed, and which decisions need a reason.
Not here: that a decision is made on the present proposal (its digest) and which person holds a role (the directory of
users).
"""

import datetime as dt
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from canonical.base import Criticality
from canonical.exception import Choice, ExceptionKind
from canonical.policy import Approval, PlantPolicy
from canonical.reason import JsonValue, Reason
from decisions.delegation import who_is_asked

_CENT = Decimal("0.01")


class ApprovalRoute(NamedTuple):
    """The roles that may decide; none where the change is free."""

    approvers: tuple[str, ...]
    free: bool
    value: Decimal
    limit: Decimal
    why: str
    criticality: Criticality
    in_shortage: bool
    currency: str
    manager_from: Decimal
    rule: str = "R15"

    def reason(self, policy_version: str) -> Reason:
        """The reason as trace and inbox show it."""
        inputs: dict[str, JsonValue] = {
            "value": str(self.value),
            "currency": self.currency,
            "criticality": str(self.criticality),
            "in_shortage": self.in_shortage,
            "approvers": list(self.approvers),
        }
        return Reason(
            rule=self.rule,
            why=self.why,
            inputs=inputs,
            thresholds={
                f"approval.free_up_to.{self.criticality}": str(self.limit),
                "approval.manager_from": str(self.manager_from),
            },
            policy_version=policy_version,
        )


def value_in_company_currency(
    quantity_delta: Decimal, price: Decimal, price_unit: Decimal, currency: str, approval: Approval, on: dt.date
) -> Decimal:
    """|Δ quantity| × price × the rate of that day, to the cent.

    Raises ValueError where policy has no rate for the currency; the master-data check refuses such a source earlier.
    """
    rate = approval.rate_on(currency, on)
    if rate is None:
        raise ValueError(f"no rate for {currency} on {on} in the policy; add it to approval.rates")
    return (abs(quantity_delta) * price / price_unit * rate).quantize(_CENT, ROUND_HALF_UP)


def value_to_approve(
    quantity_delta: Decimal, price: Decimal, price_unit: Decimal, currency: str, approval: Approval, on: dt.date
) -> Decimal:
    """The value of a change of an order; without a rate, that from which the manager decides: it can't be called small.

    The order may be older than the policy's rates, or its currency may have been taken out of the policy.
    """
    try:
        return value_in_company_currency(quantity_delta, price, price_unit, currency, approval, on)
    except ValueError:
        return approval.manager_from if quantity_delta else Decimal(0).quantize(_CENT)


def route_approval(
    value: Decimal, criticality: Criticality, in_shortage: bool, policy: PlantPolicy, *, proposed_by: str = ""
) -> ApprovalRoute:
    """R15: free up to the class's limit; beyond it the buyer, from `manager_from` the manager as well.

    Class A in shortage is never free: the buyer and the planner. A role that proposed the change is not among those
    who decide it; where nobody else is left, the manager does, and where the manager proposed it, the buyer or the
    planner. The value is in the company currency.
    """
    approval = policy.approval
    limit = approval.free_up_to.get(criticality, Decimal(0))
    pressing = in_shortage and criticality is Criticality.A
    approvers: list[str] = []
    if value <= limit and not pressing:
        why = f"{value} {approval.currency} is within the {limit} that class {criticality} may change freely"
    else:
        reasons = [f"{value} {approval.currency} for class {criticality}"]
        approvers.append(policy.buyer)
        if value > limit:
            reasons.append(f"free up to {limit}")
        if pressing:
            approvers.append(policy.planner)
            reasons.append("in shortage")
        if value >= approval.manager_from:
            approvers.append(policy.manager)
            reasons.append(f"at least {approval.manager_from}")
        why = ", ".join(reasons)
        approvers = _without(proposed_by, approvers, policy)
    return ApprovalRoute(
        approvers=tuple(dict.fromkeys(approvers)),
        free=not approvers,
        value=value,
        limit=limit,
        why=why,
        criticality=criticality,
        in_shortage=in_shortage,
        currency=approval.currency,
        manager_from=approval.manager_from,
    )


def _without(proposed_by: str, approvers: list[str], policy: PlantPolicy) -> list[str]:
    """Those who did not propose it. A plant with a single role keeps it: another person in it must then decide."""
    for candidates in (approvers, [policy.manager], [policy.buyer], [policy.planner]):
        if others := [role for role in candidates if may_decide(proposed_by, role)]:
            return others
    return approvers


def may_decide(proposed_by: str, decided_by: str) -> bool:
    """R15: the approver is not the proposer (names compared without case and outer blanks)."""
    return _name(proposed_by) != _name(decided_by)


def may_decide_as(role: str, entitled: Iterable[str]) -> bool:
    """R15: the role is one of those entitled (compared like names)."""
    return _name(role) in map(_name, entitled)


def entitled_roles(roles: Iterable[str], policy: PlantPolicy, now: dt.datetime) -> tuple[str, ...]:
    """The roles that may decide, and whoever stands in for them now; a role that is away may still decide."""
    found: dict[str, None] = {}
    for role in roles:
        found |= {role: None, who_is_asked(role, policy, now).assignee: None}
    return tuple(found)


def assignable(
    approvers: Iterable[str], asked: Iterable[str], policy: PlantPolicy, now: dt.datetime, *, proposed_by: str = ""
) -> tuple[str, ...]:
    """The roles to which a person may hand a question: its approvers, who was asked so far, those that the escalation
    leads to (R16), and whoever stands in for one of them now. Nobody gets what they proposed.
    """
    entitled = entitled_roles((*approvers, *asked, policy.buyer, policy.manager), policy, now)
    return tuple(role for role in entitled if may_decide(proposed_by, role))


def needs_reason(kind: ExceptionKind, choice: Choice) -> bool:
    """Whether the decision turns down what is proposed, or gives an order up: others must learn why.

    An engineering change's cancel is one of the ways to carry it out.
    """
    return choice is Choice.DECLINE or (choice is Choice.CANCEL and kind is not ExceptionKind.ENGINEERING_CHANGE)


def _name(statement: str) -> str:
    return statement.strip().casefold()
