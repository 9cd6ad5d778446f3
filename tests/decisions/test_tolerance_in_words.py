"""What R8 shows of a breach: the figures as they were compared."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from canonical.policy import Tolerance
from decisions.tolerance import ToleranceBreach, ToleranceOutcome, judge_tolerance
from tests.decisions.models import WEEKDAYS, june


def judged(
    quantity: str = "1000",
    price: str | None = "2.00",
    last: dt.date | None = None,
    *,
    ordered_price: str = "2.00",
    price_unit: str = "1",
    confirmed_price_unit: str | None = None,
    currency: str | None = None,
) -> ToleranceOutcome:
    return judge_tolerance(
        Decimal(1000),
        Decimal(quantity),
        Decimal(ordered_price),
        None if price is None else Decimal(price),
        june(11),
        last,
        Tolerance(),
        WEEKDAYS,
        price_unit=Decimal(price_unit),
        confirmed_price_unit=None if confirmed_price_unit is None else Decimal(confirmed_price_unit),
        currency="USD",
        confirmed_currency=currency,
    )


@pytest.mark.parametrize(
    ("statement", "breach", "why"),
    [
        (
            {"quantity": "900"},
            ToleranceBreach("quantity", Decimal(1000), Decimal(900), Decimal("-0.1"), Decimal("-0.03")),
            "quantity 1000 → 900: -10.0%, limit -3.0%",
        ),
        (
            {"quantity": "1100"},
            ToleranceBreach("quantity", Decimal(1000), Decimal(1100), Decimal("0.1"), Decimal("0.01")),
            "quantity 1000 → 1100: +10.0%, limit +1.0%",
        ),
        (
            {"price": "3.00", "ordered_price": "0"},
            ToleranceBreach("price", Decimal(0), Decimal("3.00"), Decimal(1), Decimal("0.01")),
            "price 0 → 3.00: +100.0%, limit +1.0%",
        ),
        (
            {"price": "300", "confirmed_price_unit": "100"},
            ToleranceBreach("price", Decimal("2.00"), Decimal(3), Decimal("0.5"), Decimal("0.01")),
            "price 2.00 → 3: +50.0%, limit +1.0%",
        ),
        (
            {"price": "100", "confirmed_price_unit": "3"},
            ToleranceBreach("price", Decimal("2.00"), Decimal("33.333333"), Decimal(94) / Decimal(6), Decimal("0.01")),
            "price 2.00 → 33.333333: +1566.7%, limit +1.0%",
        ),
        (
            {"currency": "EUR"},
            ToleranceBreach("currency", "USD", "EUR", Decimal(0), Decimal(0)),
            "currency USD → EUR: prices can't be compared",
        ),
        (
            {"last": june(15)},
            ToleranceBreach("date", june(11), june(15), Decimal(2), Decimal(0)),
            "date 2026-06-11 → 2026-06-15: 2 working days later, limit 0",
        ),
    ],
)
def test_a_breach_shows_what_was_ordered_what_was_answered_and_the_limit(
    statement: dict[str, Any], breach: ToleranceBreach, why: str
) -> None:
    outcome = judged(**statement)
    assert outcome.exceptions == (breach,)
    assert (outcome.accepted, outcome.why) == (False, why)


def test_a_price_for_the_same_unit_is_shown_as_it_was_written() -> None:
    (breach,) = judged(price="3.10").exceptions
    assert str(breach.answered) == "3.10"
    (per_hundred,) = judged(price="3.10", price_unit="100", confirmed_price_unit="100").exceptions
    assert str(per_hundred.answered) == "3.10"


def test_several_breaches_are_listed_one_after_the_other() -> None:
    assert judged("900", "3.00", june(15)).why == (
        "quantity 1000 → 900: -10.0%, limit -3.0%; price 2.00 → 3.00: +50.0%, limit +1.0%; "
        "date 2026-06-11 → 2026-06-15: 2 working days later, limit 0"
    )
    assert judged().why == "quantity, price and date are within the tolerance"
