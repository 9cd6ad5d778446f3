"""R13: the report of an engineering change: what people have to do, and whether any quantity is unaccounted for.

Decided here: whose an instruction is, and that the dispositions of every order line add up to what it holds.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from canonical.bom import AffectedRequirement, ChangeCheck, ChangeDisposition, ChangeInstruction
from canonical.identity import RequirementId
from canonical.policy import PlantPolicy
from canonical.reason import figure
from decisions.engineering_change.component_use import ComponentPlan, holdings, stock_of
from decisions.engineering_change.engineering_change import Candidate

_NOTHING = Decimal(0)
_OF_THE_BUYER = (Candidate.RETURN, Candidate.CANCEL)


def instructions_of(dispositions: Iterable[ChangeDisposition], policy: PlantPolicy) -> tuple[ChangeInstruction, ...]:
    """The actions that no entity carries out: returns and cancellations are the buyer's, scrap and rework the
    planner's.
    """
    return tuple(
        ChangeInstruction(
            owner=policy.buyer if one.proposed in _OF_THE_BUYER else policy.planner,
            action=one.proposed,
            component=one.component,
            reference=one.reference,
            quantity=one.quantity,
            unit=one.unit,
            value=one.value,
            cost=one.cost,
            currency=policy.approval.currency,
        )
        for one in dispositions
        if one.by_hand
    )


def affected_requirements(
    plans: Iterable[ComponentPlan], keeps: dict[RequirementId, Decimal]
) -> tuple[AffectedRequirement, ...]:
    """Every open requirement of the outgoing components; `keeps`: what notified requirements still need."""
    return tuple(
        AffectedRequirement(
            requirement_id=user.requirement_id,
            component=plan.line.component,
            unit=user.unit,
            quantity=user.quantity,
            keeps=keeps.get(user.requirement_id, user.quantity),
        )
        for plan in plans
        for user in plan.use.requirements
    )


def check(plans: Sequence[ComponentPlan], dispositions: Sequence[ChangeDisposition]) -> ChangeCheck:
    """Whether every quantity of the outgoing components in orders and stock has a fate; both sides counted
    independently.
    """
    lines: set[tuple[str, str]] = set()
    unaccounted: list[str] = []
    for plan in plans:
        component = plan.line.component
        held = holdings(plan)
        lines |= {(component, reference) for reference in held}
        if stock := stock_of(plan.line, plan.use, plan.item):
            held[""] = {plan.line.unit: stock}
        given: dict[str, dict[str, Decimal]] = {}
        for one in dispositions:
            if one.component == component:
                of_line = given.setdefault(one.reference, {})
                of_line[one.unit] = of_line.get(one.unit, _NOTHING) + one.quantity
        for reference in dict.fromkeys((*held, *given)):
            has, gets = held.get(reference, {}), given.get(reference, {})
            if _summed(has) != _summed(gets):
                name = f"{component} {reference or 'stock'}"
                unaccounted.append(f"{name}: {_statement(gets)} of {_statement(has)} have a disposition")
    requirements = sum(len(plan.use.requirements) for plan in plans)
    return ChangeCheck(order_lines=len(lines), requirements=requirements, unaccounted=tuple(unaccounted))


def _summed(by_unit: dict[str, Decimal]) -> dict[str, Decimal]:
    return {unit: quantity for unit, quantity in by_unit.items() if quantity}


def _statement(by_unit: dict[str, Decimal]) -> str:
    return " and ".join(f"{figure(quantity)} {unit}" for unit, quantity in by_unit.items()) or "nothing"
