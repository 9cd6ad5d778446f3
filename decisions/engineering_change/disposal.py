"""R13: the options for a quantity without use, their cost, and the one that is proposed.

Decided here: the candidates for one quantity by policy, and the cheapest of those that are certainly possible. Not
here: the quantities (component_use), and what a person chooses instead (choices).
"""

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from canonical.bom import FateOption, SuppliedBy
from canonical.policy import Disposal
from decisions.engineering_change.engineering_change import Candidate

_CENT = Decimal("0.01")
_NOTHING = Decimal(0)


class Circumstances(NamedTuple):
    """The facts that determine a quantity's candidates."""

    piece: SuppliedBy | None
    """None: the stock."""
    value: Decimal | None
    """In the company's currency; None: the price is unknown."""
    in_lot: bool
    """Its supplier's lot can't be ordered without it."""
    before_cut_off: bool
    owned: bool
    """An open requirement can cancel it from its order."""
    used_by: tuple[str, ...]
    """Other assemblies that use the component."""
    effective_from: dt.date
    on: dt.date
    """The day of the evaluation."""


def candidates_of(of: Circumstances, rules: Disposal) -> tuple[FateOption, ...]:
    """The options, the cheapest first; where prices are unknown, in the order of Candidate."""
    found = (_cancel(of, rules), _use_up(of, rules), _return(of, rules), _rework(of, rules), _scrap(of, rules))
    return tuple(sorted((one for one in found if one is not None), key=_cost_first))


def proposed_of(options: tuple[FateOption, ...]) -> FateOption:
    """The cheapest option that is certainly possible; scrapping always is."""
    return next(one for one in options if one.known)


def _cost_first(one: FateOption) -> tuple[Decimal, int]:
    return (one.cost or _NOTHING, list(Candidate).index(Candidate(one.choice)))


def _cancel(of: Circumstances, rules: Disposal) -> FateOption | None:
    piece = of.piece
    if piece is None or piece.received or piece.shipped or of.in_lot:
        return None
    how = "" if of.owned else "no open requirement holds it: cancel it in the ERP"
    if of.before_cut_off:
        return FateOption(choice=Candidate.CANCEL, cost=_NOTHING, by_hand=not of.owned, note=how)
    late = "past the cut-off: the supplier has to agree"
    return FateOption(
        choice=Candidate.CANCEL,
        cost=_share(of.value, rules.late_cancellation_share),
        late=True,
        by_hand=not of.owned,
        note=f"{late}; {how}" if how else late,
    )


def _use_up(of: Circumstances, rules: Disposal) -> FateOption | None:
    if not rules.use_up_days:
        return None
    by = of.effective_from + dt.timedelta(days=rules.use_up_days)
    use = f"{', '.join(of.used_by)} use it" if of.used_by else "no other use is known"
    return FateOption(choice=Candidate.USE_UP, cost=_NOTHING, known=bool(of.used_by), note=f"until {by}; {use}")


def _return(of: Circumstances, rules: Disposal) -> FateOption | None:
    piece, days = of.piece, rules.return_within_days
    if not days:
        return None
    known, note = True, f"within {days} days of receipt"
    if piece is None:
        known, note = False, f"{note}; nobody knows when the stock was received"
    elif piece.received and (piece.date is None or (of.on - piece.date).days > days):
        return None
    cost = _share(of.value, rules.return_share)
    return FateOption(choice=Candidate.RETURN, cost=cost, known=known, by_hand=True, note=note)


def _rework(of: Circumstances, rules: Disposal) -> FateOption | None:
    if not rules.rework:
        return None
    return FateOption(choice=Candidate.REWORK, cost=_share(of.value, rules.rework_share), by_hand=True)


def _scrap(of: Circumstances, rules: Disposal) -> FateOption:
    return FateOption(choice=Candidate.SCRAP, cost=_share(of.value, 1 - rules.salvage_share), by_hand=True)


def _share(value: Decimal | None, share: Decimal) -> Decimal | None:
    return None if value is None else (value * share).quantize(_CENT, ROUND_HALF_UP)
