"""Promises at risk (R17): confirmed lines that are likely to come too late, put to the buyer before they are late.

Decided here: that a promise is asked about once, and until when. Not here: how likely it is (whoever rates it says so),
and what is done once its day has passed (R16).
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.messages import PromisesRated, RatedPromise
from canonical.reason import Reason, figure
from canonical.supply import ScheduleLineState
from decisions.early_warning import warning_reason, warns
from workflows.memory import RecordEvent
from workflows.purchase_order.line import Line
from workflows.purchase_order.state import OrderState, PromiseAtRisk

_PROMISED = (ScheduleLineState.CONFIRMED, ScheduleLineState.SHIPPED)


def take_rating(state: OrderState, rated: PromisesRated, record: RecordEvent, today: dt.date) -> None:
    """Remember which promises are at risk; those asked about before are not asked about again."""
    risky = {each.line: each for each in rated.promises if _is_risky(state, each, today)}
    for number, each in sorted(risky.items()):
        if number not in state.at_risk:
            line = state.line(number)
            assert line is not None
            reason = _reason(state, line, each)
            state.at_risk[number] = PromiseAtRisk(
                promised_on=each.promised_on, demand=each.demand, missing=each.missing, reason=reason
            )
            record(
                "promise.risky",
                rated.rated_at,
                line=number,
                **line.whose,
                promised=each.promised_on.isoformat(),
                demand=each.demand,
                chance=str(each.missing),
                rule=reason.rule,
                reason=reason.model_dump(mode="json"),
            )
    _forget(state, [number for number in state.at_risk if number not in risky], "the risk is down", record)


def forget_kept(state: OrderState, record: RecordEvent, today: dt.date) -> None:
    """Forget promises that came, were changed, or have passed."""
    gone = [number for number, each in state.at_risk.items() if not _stands(state, number, each.promised_on, today)]
    _forget(state, gone, "the promise is another one, has come, or is overdue", record)


def promises_at_risk(state: OrderState, today: dt.date) -> Proposal | None:
    """The question about them; None: there is none, or somebody took the risk."""
    asked = {
        number: each
        for number, each in sorted(state.at_risk.items())
        if not each.taken and _stands(state, number, each.promised_on, today)
    }
    lines = [line for line in state.lines if line.number in asked]
    if not lines:
        return None
    risks = "; ".join(
        f"line {line.number}: {_percent(asked[line.number].missing)} that {asked[line.number].demand} is missed by the "
        f"{figure(_promised(line, asked[line.number].promised_on))} {line.request.unit} promised for "
        f"{asked[line.number].promised_on}"
        for line in lines
    )
    return Proposal(
        kind=ExceptionKind.EARLY_WARNING,
        summary=f"{state.terms.supplier} is likely to deliver order {state.order_number} too late: {risks}",
        plant=state.terms.plant,
        supplier=state.terms.supplier,
        item=lines[0].request.item if len(lines) == 1 else None,
        order_number=state.order_number,
        pegs=tuple(
            peg
            for line in lines
            for allocation in line.allocations
            for peg in allocation.request.pegs
            if peg.demand == asked[line.number].demand
        ),
        criticality=min(line.criticality for line in lines),
        alternatives=(
            Alternative(choice=Choice.WAIT, note="take the risk; you are not asked about this promise again"),
            Alternative(choice=Choice.CANCEL, note="cancel what is at risk; its requirements look elsewhere"),
        ),
        approvers=(state.policy.buyer,),
        rule="R17",
        reasons=tuple(each.reason for each in asked.values()),
    )


def lines_at_risk(state: OrderState) -> list[Line]:
    """The lines that the question is about."""
    return [line for line in state.lines if line.open and (risk := state.at_risk.get(line.number)) and not risk.taken]


def _is_risky(state: OrderState, each: RatedPromise, today: dt.date) -> bool:
    line = state.line(each.line)
    if line is None or not _stands(state, each.line, each.promised_on, today):
        return False
    known = state.at_risk.get(each.line)
    return warns(each.missing, state.policy_of(line).warn_above, asked=known is not None)


def _reason(state: OrderState, line: Line, each: RatedPromise) -> Reason:
    policy = state.policy_of(line)
    return warning_reason(each.missing, each.demand, each.promised_on, each.why, policy.warn_above, policy.version)


def _stands(state: OrderState, number: int, promised_on: dt.date, today: dt.date) -> bool:
    """Whether the line is still promised for that day, and the day has not passed."""
    line = state.line(number)
    return line is not None and line.open and promised_on >= today and _promised(line, promised_on) > 0


def _promised(line: Line, day: dt.date) -> Decimal:
    if line.awaited:
        return Decimal(0)
    return sum((part.quantity for part in line.supply if part.date == day and part.state in _PROMISED), Decimal(0))


def _forget(state: OrderState, numbers: Iterable[int], why: str, record: RecordEvent) -> None:
    for number in sorted(numbers):
        gone = state.at_risk.pop(number)
        line = state.line(number)
        whose = line.whose if line is not None else {}
        record("promise.safe", line=number, **whose, promised=gone.promised_on.isoformat(), why=why)


def _percent(share: Decimal) -> str:
    return f"{share * 100:.0f} %"
