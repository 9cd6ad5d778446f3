"""R13 and R15: the proposal for an engineering change, who decides it, and the report after the decision.

Decided here: the one proposal for all components of a change, with its ways out and their cost, and who may
decide it. Not here: the quantities (component_use).
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from canonical.base import Criticality
from canonical.bom import BomRevised, ChangeDisposition
from canonical.exception import Alternative, Choice, Decision, ExceptionKind, Proposal
from canonical.policy import PlantPolicy
from canonical.reason import Reason, figure
from decisions.approval import ApprovalRoute, route_approval
from decisions.engineering_change.cancelled_lots import keep_whole_lots
from decisions.engineering_change.choices import as_decided, cost_of, offered
from decisions.engineering_change.component_supply import WITHOUT_USE
from decisions.engineering_change.component_use import ComponentPlan, is_cancelled
from decisions.engineering_change.engineering_change import Candidate, Fate

_NOTHING = Decimal(0)
_FOR_ALL = {
    Candidate.CANCEL: "cut from its orders what can still be cut; the rest as proposed",
    Candidate.USE_UP: "keep it, to be used up elsewhere",
    Candidate.RETURN: "send back what the suppliers take; the rest as proposed",
    Candidate.REWORK: "rework what can be; the rest as proposed",
    Candidate.SCRAP: "scrap it",
}
_LEFT = {"fate": "left", "number": 0, "candidates": (), "options": (), "proposed": "", "cost": _NOTHING}


class BomChangeOutcome(NamedTuple):
    """The outcome of the change; `proposal` None: nobody has to be asked."""

    proposal: Proposal | None
    dispositions: tuple[ChangeDisposition, ...]
    reasons: tuple[Reason, ...]
    why: str


def judge_change_of_bom(
    revised: BomRevised, plans: Sequence[ComponentPlan], policy: PlantPolicy, today: dt.date
) -> BomChangeOutcome:
    """R13, R15: one proposal for the whole change.

    No approval is needed where every quantity without use can still be cancelled and is worth no more than the class
    allows. An excess, supply past its cut-off and quantities without a price always need a person.
    """
    dispositions = _numbered(one for plan in plans for one in plan.dispositions)
    useless = [one for one in dispositions if one.fate in WITHOUT_USE]
    value = sum((one.value for one in useless), _NOTHING)
    criticality = min((plan.criticality for plan in plans), default=Criticality.B)
    route = route_approval(value, criticality, False, policy)
    reasons = (*(plan.plan.reason(policy.version) for plan in plans), route.reason(policy.version))
    why = f"{revised.assembly} revision {revised.revision}, {_outcome(plans, revised.effective_from)}"
    to_choose = any(one.fate != Fate.CANCELLED for one in useless) or not all(plan.priced for plan in plans)
    if not useless or (route.free and not to_choose):
        return BomChangeOutcome(None, dispositions, reasons, why)
    proposal = Proposal(
        kind=ExceptionKind.ENGINEERING_CHANGE,
        summary=why[:500],
        plant=revised.plant,
        item=plans[0].line.component if len(plans) == 1 else None,
        available_on=revised.effective_from,
        criticality=criticality,
        value=value,
        currency=policy.approval.currency,
        alternatives=_ways(useless, policy.approval.currency),
        dispositions=dispositions,
        approvers=_approvers(route, policy),
        latest_safe_date=max(today, revised.effective_from),
        rule="R13",
        reasons=reasons,
    )
    return BomChangeOutcome(proposal, dispositions, reasons, why)


def carried_out(
    dispositions: Sequence[ChangeDisposition], plans: Sequence[ComponentPlan], decision: Decision | None
) -> tuple[ChangeDisposition, ...]:
    """The decided dispositions: every quantity without use has a fate.

    A quantity that was to be cancelled but stays on its line because of the supplier's lots counts as used up.
    """
    done: list[ChangeDisposition] = []
    choice, lines = (decision.choice, decision.lines) if decision is not None else (None, ())
    decided = as_decided(dispositions, choice, lines)
    for plan in plans:
        own = [one for one in decided if one.component == plan.line.component]
        done += keep_whole_lots(own, plan.lots, lambda one: one.reference, _off_its_line, _kept_after_all)
    return tuple(done)


def as_it_was_put(proposal: Proposal, known: Proposal | None) -> Proposal:
    """The known proposal, where the new one differs only in the day of the evaluation.

    A change already in effect is due today, whatever day that is: a later day alone makes no new proposal and voids no
    decision.
    """
    if known is None:
        return proposal
    same = proposal.model_copy(update={"latest_safe_date": known.latest_safe_date})
    return known if same.digest == known.digest else proposal


def _off_its_line(one: ChangeDisposition) -> bool:
    return is_cancelled(one) and not one.by_hand and one.proposed in ("", Candidate.CANCEL)


def _kept_after_all(one: ChangeDisposition) -> ChangeDisposition:
    kept = {"fate": Fate.USED_UP.value, "proposed": Candidate.USE_UP.value, "cost": _NOTHING}
    return one.model_copy(update=kept)


def _numbered(dispositions: Iterable[ChangeDisposition]) -> tuple[ChangeDisposition, ...]:
    """Numbers the dispositions that offer a choice, from 1 on."""
    found: list[ChangeDisposition] = []
    number = 0
    for one in dispositions:
        number += bool(one.options)
        found.append(one.model_copy(update={"number": number}) if one.options else one)
    return tuple(found)


def left_as_it_is(dispositions: Sequence[ChangeDisposition]) -> tuple[ChangeDisposition, ...]:
    """The report of a change that was declined."""
    return tuple(one.model_copy(update=_LEFT) for one in dispositions)


def _approvers(route: ApprovalRoute, policy: PlantPolicy) -> tuple[str, ...]:
    """R15; where the value needs no approval, the buyer still has to choose."""
    return route.approvers or (policy.buyer,)


def _ways(useless: Sequence[ChangeDisposition], currency: str) -> tuple[Alternative, ...]:
    """All as proposed, one candidate for everything where possible, and no change; each with its total cost.

    Quantities of several components are not added up: their units may differ.
    """
    to_choose = [one for one in useless if one.options]
    decline = Alternative(choice=Choice.DECLINE, currency=currency, note="leave needs and orders as they are")
    if not to_choose:
        note = "cancel what has no use; start the needs of the new components"
        return (Alternative(choice=Choice.APPROVE, currency=currency, note=note), decline)
    one_component = len({(one.component, one.unit) for one in to_choose}) == 1
    quantity = sum((one.quantity for one in to_choose), _NOTHING) if one_component else None

    def way(choice: Choice, note: str) -> Alternative:
        cost = cost_of(as_decided(to_choose, choice))
        return Alternative(choice=choice, quantity=quantity, extra_cost=cost, currency=currency, note=note)

    proposed = ", ".join(f"{figure(one.quantity)} {one.component} {one.proposed}" for one in to_choose[:10])
    note = f"as proposed: {proposed}{' and so on' if len(to_choose) > 10 else ''}; or choose otherwise line by line"
    for_all = [way(Choice(candidate.value), _FOR_ALL[candidate]) for candidate in offered(to_choose)]
    return (way(Choice.APPROVE, note), *for_all, decline)


def _outcome(plans: Sequence[ComponentPlan], effective_from: dt.date) -> str:
    parts = []
    for plan in plans:
        totals = [f"{figure(total)} {fate}" for fate in Fate if (total := plan.plan.total(fate))]
        totals += [f"{figure(plan.plan.short)} short"] if plan.plan.short else []
        if totals:
            parts.append(f"{plan.line.component}: {', '.join(totals)}")
    return f"effective {effective_from}: {'; '.join(parts) or 'nothing to dispose of'}"
