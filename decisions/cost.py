"""Cost: what lots cost at a source, so that sources of one rank can be compared.

Decided here: that the lots which would be ordered (R5) are compared, with their surplus, at the price of their
quantity, in the company's currency at the rate of the order date. Not here: which sources are compared (sourcing).
"""

import datetime as dt
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

from canonical.policy import Approval, RouteKind
from canonical.sourcing import Source

_WIDE = Context(prec=60)
_CENT = Decimal("0.01")


def amount_of(lots: Iterable[Decimal], source: Source) -> Fraction:
    """What lots in the order unit cost, exact, in the source's currency: each at the price of its own quantity."""
    amounts = (Fraction(lot) * Fraction(source.price_of(lot)) for lot in lots)
    return sum(amounts, Fraction(0)) / Fraction(source.price_unit)


def cost_of(lots: Iterable[Decimal], source: Source, approval: Approval, on: dt.date) -> Fraction | None:
    """The same in the company's currency; None where no rate is known for that day.

    A transfer costs nothing: the goods are our own.
    """
    if source.route is RouteKind.TRANSFER:
        return Fraction(0)
    rate = approval.rate_on(source.currency, on)
    return None if rate is None else amount_of(lots, source) * Fraction(rate)


def rounded(amount: Fraction) -> Decimal:
    """An amount to the cent, as people are shown it."""
    exact = _WIDE.divide(Decimal(amount.numerator), Decimal(amount.denominator))
    return exact.quantize(_CENT, ROUND_HALF_UP, _WIDE)
