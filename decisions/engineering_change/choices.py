"""R13 and R15: a person's choices for an engineering change, line by line, and their outcome and cost.

Decided here: whether the choices fit the proposal, and the fate and cost of every quantity once it is decided.
Not here: what can be chosen (disposal).
"""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal

from canonical.bom import ChangeDisposition, FateOption
from canonical.exception import Choice, Decision, LineChoice, Proposal
from canonical.reason import figure
from canonical.units import fraction_of_a_count, is_whole
from decisions.engineering_change.cancelled_lots import split
from decisions.engineering_change.engineering_change import Candidate, Fate

_NOTHING = Decimal(0)
_CENT = Decimal("0.01")
_DONE: dict[str, str] = {
    Candidate.USE_UP: Fate.USED_UP.value,
    Candidate.RETURN: "returned",
    Candidate.REWORK: "reworked",
    Candidate.SCRAP: "scrapped",
}


def fault_of(proposal: Proposal, decision: Decision) -> str | None:
    """Why the line-by-line choices can't be accepted; None: they can."""
    if not decision.lines:
        return None
    if decision.choice is not Choice.APPROVE:
        return f"lines are chosen with approve, and {decision.choice} was decided; leave the lines out, or approve"
    known = {one.number: one for one in proposal.dispositions if one.number}
    left = {number: one.quantity for number, one in known.items()}
    for chosen in decision.lines:
        one = known.get(chosen.line)
        if one is None:
            return f"the proposal has no line {chosen.line} to choose; lines are {', '.join(map(str, known)) or 'none'}"
        if chosen.choice not in one.candidates:
            return f"{chosen.choice} is not possible for line {chosen.line}; choose one of {', '.join(one.candidates)}"
        asked = left[chosen.line] if chosen.quantity is None else chosen.quantity
        if chosen.quantity is not None and not is_whole(chosen.quantity, one.unit):
            return f"line {chosen.line}: {fraction_of_a_count(chosen.quantity, one.unit)}"
        if not asked or asked > left[chosen.line]:
            rest = f"{figure(left[chosen.line])} {one.unit}"
            return f"{figure(asked)} of line {chosen.line} are chosen for {chosen.choice}, of which {rest} are left"
        left[chosen.line] -= asked
    return None


def as_decided(
    dispositions: Iterable[ChangeDisposition], choice: Choice | None, lines: Sequence[LineChoice] = ()
) -> tuple[ChangeDisposition, ...]:
    """Every disposition with its decided fate; where quantities of one line were decided separately, one disposition
    for each.

    `choice` None: nobody had to be asked. A choice for everything applies where it is a candidate; elsewhere the
    proposal applies.
    """
    found: list[ChangeDisposition] = []
    for one in dispositions:
        if not one.options:
            found.append(one.model_copy(update={"candidates": ()}))
            continue
        left = one
        for chosen in (each for each in lines if each.line == one.number):
            part, left = split(left, min(left.quantity, chosen.quantity or left.quantity))
            found.append(_done(part, _option(one, chosen.choice), one.quantity))
        if left.quantity:
            found.append(_done(left, _option(one, choice), one.quantity))
    return tuple(found)


def cost_of(dispositions: Iterable[ChangeDisposition]) -> Decimal:
    """The cost of all decided dispositions whose prices are known."""
    return sum((one.cost for one in dispositions), _NOTHING)


def offered(dispositions: Iterable[ChangeDisposition]) -> tuple[Candidate, ...]:
    """The candidates that at least one line offers."""
    found = {choice for one in dispositions if one.options for choice in one.candidates}
    return tuple(candidate for candidate in Candidate if candidate in found)


def _option(one: ChangeDisposition, choice: str | None) -> FateOption:
    return next((each for each in one.options if each.choice == choice), None) or next(
        each for each in one.options if each.choice == one.proposed
    )


def _done(part: ChangeDisposition, option: FateOption, whole: Decimal) -> ChangeDisposition:
    fate = _DONE.get(option.choice)
    if fate is None:
        # Past the cut-off the supplier may refuse: the cancellation is requested, so it is not reported as cancelled.
        fate = (Fate.EXCEPTION if option.late and not option.by_hand else Fate.CANCELLED).value
    cost = ((option.cost or _NOTHING) * part.quantity / whole).quantize(_CENT, ROUND_HALF_UP)
    done = {"fate": fate, "candidates": (), "options": (), "proposed": option.choice, "by_hand": option.by_hand}
    return part.model_copy(update={**done, "cost": cost})
