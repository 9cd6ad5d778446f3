"""R8, tolerance: whether a supplier's answer is near enough to what was ordered to need no person.

Decided here: quantity, price and date, each for itself; prices for the quantity that they buy, and in the currency of
the order only: the supplier's answer does not set exchange rates. Not here: whether the answer still meets the need (R7
runs on every answer, accepted or not).
"""

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from canonical.calendar import Calendar
from canonical.policy import Tolerance
from canonical.reason import JsonValue, Reason, figure
from decisions.calendars import working_days_between

_NONE = Decimal(0)


class ToleranceBreach(NamedTuple):
    """One aspect in which the answer is outside its limit."""

    aspect: Literal["quantity", "price", "currency", "date"]
    ordered: Decimal | dt.date | str
    answered: Decimal | dt.date | str
    """A price is for the order's price unit."""
    deviation: Decimal
    """A share of the ordered value (0.015 is +1.5 %); for a date: working days later; for a currency: none."""
    limit: Decimal
    """In the same measure and with the same sign as the deviation."""


class ToleranceOutcome(NamedTuple):
    """Accepted where nothing is outside its limit."""

    accepted: bool
    exceptions: tuple[ToleranceBreach, ...]
    why: str
    inputs: dict[str, JsonValue]
    tolerance: Tolerance
    rule: str = "R8"

    def reason(self, policy_version: str) -> Reason:
        """The reason as trace and inbox show it."""
        limits = self.tolerance.model_dump(mode="json")
        thresholds: dict[str, JsonValue] = {f"tolerance.{key}": limit for key, limit in limits.items()}
        return Reason(
            rule=self.rule, why=self.why, inputs=self.inputs, thresholds=thresholds, policy_version=policy_version
        )


def judge_tolerance(
    ordered_quantity: Decimal,
    confirmed_quantity: Decimal,
    ordered_price: Decimal,
    confirmed_price: Decimal | None,
    ordered_dock_date: dt.date,
    confirmed_last_date: dt.date | None,
    tolerance: Tolerance,
    calendar: Calendar,
    *,
    price_unit: Decimal = Decimal(1),
    confirmed_price_unit: Decimal | None = None,
    currency: str = "",
    confirmed_currency: str | None = None,
) -> ToleranceOutcome:
    """R8: whether all aspects are within their limits, or which are not.

    An earlier date is always accepted, and a lower price unless it is lower by more than `price_less`; a field that the
    answer leaves out (None) is not judged. A price is converted to `price_unit` pieces, whatever number the supplier
    quotes it for; in another currency than the order's it is not compared: the currency itself is the breach. Days are
    the plant's working days. The ordered quantity must be above 0.
    """
    if ordered_quantity <= 0:
        raise ValueError(
            f"an ordered quantity of {ordered_quantity} can't be compared with; cancelled lines need no answer"
        )
    per = Fraction(1) if confirmed_price_unit is None else Fraction(price_unit) / Fraction(confirmed_price_unit)
    foreign = confirmed_currency is not None and confirmed_currency.upper() != currency.upper()
    breaches = (
        _quantity_breach(ordered_quantity, confirmed_quantity, tolerance),
        ToleranceBreach("currency", currency, confirmed_currency or "", _NONE, _NONE)
        if foreign
        else _price_breach(ordered_price, confirmed_price, per, tolerance),
        _date_breach(ordered_dock_date, confirmed_last_date, tolerance, calendar),
    )
    exceptions = tuple(breach for breach in breaches if breach is not None)
    why = "; ".join(map(_in_words, exceptions)) or "quantity, price and date are within the tolerance"
    inputs: dict[str, JsonValue] = {
        "ordered_quantity": figure(ordered_quantity),
        "confirmed_quantity": figure(confirmed_quantity),
        "ordered_price": str(ordered_price),
        "confirmed_price": None if confirmed_price is None else str(confirmed_price),
        "price_unit": figure(price_unit),
        "confirmed_price_unit": None if confirmed_price_unit is None else figure(confirmed_price_unit),
        "currency": currency,
        "confirmed_currency": confirmed_currency,
        "ordered_date": ordered_dock_date.isoformat(),
        "confirmed_last_date": None if confirmed_last_date is None else confirmed_last_date.isoformat(),
    }
    return ToleranceOutcome(not exceptions, exceptions, why, inputs, tolerance)


def _quantity_breach(ordered: Decimal, confirmed: Decimal, tolerance: Tolerance) -> ToleranceBreach | None:
    delta = confirmed - ordered
    if -delta > ordered * tolerance.quantity_less:
        return ToleranceBreach("quantity", ordered, confirmed, delta / ordered, -tolerance.quantity_less)
    if delta > ordered * tolerance.quantity_more:
        return ToleranceBreach("quantity", ordered, confirmed, delta / ordered, tolerance.quantity_more)
    return None


def _price_breach(
    ordered: Decimal, confirmed: Decimal | None, per: Fraction, tolerance: Tolerance
) -> ToleranceBreach | None:
    if confirmed is None:
        return None
    answered = Fraction(confirmed) * per
    more = answered - Fraction(ordered)
    within = -Fraction(tolerance.price_less) <= (more / Fraction(ordered) if ordered else more)
    if within and more <= Fraction(ordered) * Fraction(tolerance.price_more):
        return None
    # For a free-of-charge order a share has no base: any price counts as 100 %.
    deviation = _decimal(more / Fraction(ordered)) if ordered else Decimal(1)
    shown = confirmed if per == 1 else Decimal(figure(round(_decimal(answered), 6)))
    limit = tolerance.price_more if more > 0 else -tolerance.price_less
    return ToleranceBreach("price", ordered, shown, deviation, limit)


def _decimal(fraction: Fraction) -> Decimal:
    return Decimal(fraction.numerator) / Decimal(fraction.denominator)


def _date_breach(
    ordered: dt.date, confirmed: dt.date | None, tolerance: Tolerance, calendar: Calendar
) -> ToleranceBreach | None:
    if confirmed is None:
        return None
    later = working_days_between(calendar, ordered, confirmed)
    if later <= tolerance.later_working_days:
        return None
    return ToleranceBreach("date", ordered, confirmed, Decimal(later), Decimal(tolerance.later_working_days))


def _in_words(breach: ToleranceBreach) -> str:
    if breach.aspect == "currency":
        return f"currency {breach.ordered} → {breach.answered}: prices can't be compared"
    if breach.aspect == "date":
        return f"date {breach.ordered} → {breach.answered}: {breach.deviation} working days later, limit {breach.limit}"
    return f"{breach.aspect} {breach.ordered} → {breach.answered}: {breach.deviation:+.1%}, limit {breach.limit:+.1%}"
