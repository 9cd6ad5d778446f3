"""Risk: how likely a pegged demand is missed as things stand, and the sentence that explains it.

Decided here: that the riskiest part of what serves a demand is the demand's risk, and that what nothing serves, or
nobody gives a day for, is missed. Not here: the chance of a promise itself (decisions.promises), and what serves which
demand (R7).
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from decisions.promises import Chance

_CERTAIN = Decimal(1)


class ServingPart(NamedTuple):
    """A quantity that is still to come for a demand."""

    margin: int | None
    """Working days from its day on stock to the demand's; below 0: late; None: no day can be counted on."""
    chance: Chance | None
    """How likely its supplier misses the demand's day; None: nobody has promised it, or too little is learned."""


class Risk(NamedTuple):
    """The chance of missing a pegged date, 0 to 1, and its explanation in a sentence."""

    missing: Decimal
    why: str


def risk_of_demand(demand: str, unserved: Decimal, parts: Iterable[ServingPart]) -> Risk | None:
    """The risk of one demand; None: it can't be told, since what serves it is neither late nor promised.

    `unserved`: the quantity that no supply is known for. `parts`: what is still to come.
    """
    if unserved > 0:
        return Risk(_CERTAIN, f"Nothing is known to serve {unserved.normalize():f} of {demand}.")
    return riskiest(risk for part in parts if (risk := _of_part(demand, part)) is not None)


def riskiest(risks: Iterable[Risk]) -> Risk | None:
    """The greatest of them, the first of equals: parts that are late together are mostly so for one cause."""
    return max(risks, key=lambda risk: risk.missing, default=None)


def _of_part(demand: str, part: ServingPart) -> Risk | None:
    if part.margin is None:
        return Risk(_CERTAIN, f"Nobody has given a day for all of {demand}.")
    if part.chance is not None:
        return Risk(part.chance.missing, f"For {demand}: {part.chance.why}")
    if part.margin < 0:
        days = "a working day" if part.margin == -1 else f"{-part.margin} working days"
        return Risk(_CERTAIN, f"For {demand}: what is to come is {days} late.")
    return None


__all__ = ["Risk", "ServingPart", "risk_of_demand", "riskiest"]
