import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.policy import Tolerance
from decisions.tolerance import ToleranceBreach, ToleranceOutcome, judge_tolerance
from tests.decisions.models import WEEKDAYS, june

THURSDAY = june(11)
LIMITS = Tolerance(quantity_less=Decimal("0.03"), quantity_more=Decimal("0.01"), price_more=Decimal("0.01"))


def judged(
    quantity: int | str | Decimal = 1000,
    price: str | Decimal | None = "2.00",
    last: dt.date | None = THURSDAY,
    tolerance: Tolerance = LIMITS,
) -> ToleranceOutcome:
    answered_price = None if price is None else Decimal(price)
    return judge_tolerance(
        Decimal(1000), Decimal(quantity), Decimal("2.00"), answered_price, june(11), last, tolerance, WEEKDAYS
    )


def test_r8_1000_at_2_00_acknowledged_980_at_2_03_has_the_price_as_its_only_exception() -> None:
    """1,000 @ 2.00 acknowledged 980 @ 2.03; limits −3 %, +1 % → quantity inside, price +1.5 % is the only exception."""
    outcome = judged(980, "2.03")
    assert not outcome.accepted
    assert outcome.exceptions == (
        ToleranceBreach("price", Decimal("2.00"), Decimal("2.03"), Decimal("0.015"), Decimal("0.01")),
    )
    assert outcome.why == "price 2.00 → 2.03: +1.5%, limit +1.0%"


def test_an_answer_at_every_limit_is_accepted_without_a_person() -> None:
    assert judged(970, "2.02").accepted
    assert judged(1010, "2.02").accepted


@pytest.mark.parametrize(
    ("quantity", "deviation", "limit"), [("969.999", "-0.030001", "-0.03"), ("1010.001", "0.010001", "0.01")]
)
def test_a_quantity_just_outside_is_an_exception(quantity: str, deviation: str, limit: str) -> None:
    (breach,) = judged(quantity).exceptions
    assert (breach.aspect, breach.deviation, breach.limit) == ("quantity", Decimal(deviation), Decimal(limit))


def test_a_later_date_is_counted_in_working_days() -> None:
    (breach,) = judged(last=june(15)).exceptions
    assert (breach.aspect, breach.deviation, breach.limit) == ("date", Decimal(2), Decimal(0))
    assert judged(last=june(15), tolerance=Tolerance(later_working_days=2)).accepted


def test_cheaper_earlier_and_missing_values_need_no_person() -> None:
    assert judged(price="1.00", last=june(1)).accepted
    assert judged(price=None, last=None).accepted


@pytest.mark.parametrize("slipped", ["0.20", "0.02", "0.999"])
def test_a_price_that_is_lower_than_any_discount_is_a_slip_to_ask_about(slipped: str) -> None:
    (breach,) = judged(price=slipped).exceptions
    assert (breach.aspect, breach.limit) == ("price", Decimal("-0.50"))
    assert judged(price="0.10", tolerance=Tolerance(price_less=Decimal("0.95"))).accepted


def test_all_three_can_be_outside_at_once() -> None:
    assert [breach.aspect for breach in judged(1, "3", june(30)).exceptions] == ["quantity", "price", "date"]


def test_a_price_for_what_was_free_is_an_exception() -> None:
    outcome = judge_tolerance(Decimal(10), Decimal(10), Decimal(0), Decimal("0.01"), june(11), None, LIMITS, WEEKDAYS)
    assert [breach.aspect for breach in outcome.exceptions] == ["price"]


def answered(price: str, *, per: str | None = None, currency: str | None = None) -> ToleranceOutcome:
    """An order at 2.00 USD for 100 pieces."""
    return judge_tolerance(
        Decimal(1000),
        Decimal(1000),
        Decimal("2.00"),
        Decimal(price),
        june(11),
        None,
        LIMITS,
        WEEKDAYS,
        price_unit=Decimal(100),
        confirmed_price_unit=None if per is None else Decimal(per),
        currency="USD",
        confirmed_currency=currency,
    )


def test_a_price_is_compared_for_the_same_number_of_pieces() -> None:
    assert answered("0.02", per="1").accepted
    assert answered("20.20", per="1000").accepted
    assert answered("2.00").accepted, "what is not said is as ordered"
    (breach,) = answered("0.0203", per="1").exceptions
    assert breach == ToleranceBreach("price", Decimal("2.00"), Decimal("2.03"), Decimal("0.015"), Decimal("0.01"))
    (third,) = answered("7", per="300").exceptions
    assert (third.answered, third.aspect) == (Decimal("2.333333"), "price")


def test_another_currency_is_an_exception_named_as_such_whatever_the_price() -> None:
    assert answered("2.00", currency="usd").accepted
    outcome = answered("1.00", currency="EUR")
    assert [(breach.aspect, breach.ordered, breach.answered) for breach in outcome.exceptions] == [
        ("currency", "USD", "EUR")
    ]
    assert outcome.why == "currency USD → EUR: prices can't be compared"


def test_the_reason_names_what_was_compared_and_the_limits() -> None:
    reason = answered("0.0203", per="1", currency="USD").reason("v1")
    assert (reason.rule, reason.why, reason.policy_version) == ("R8", "price 2.00 → 2.03: +1.5%, limit +1.0%", "v1")
    assert reason.inputs == {
        "ordered_quantity": "1000",
        "confirmed_quantity": "1000",
        "ordered_price": "2.00",
        "confirmed_price": "0.0203",
        "price_unit": "100",
        "confirmed_price_unit": "1",
        "currency": "USD",
        "confirmed_currency": "USD",
        "ordered_date": "2026-06-11",
        "confirmed_last_date": None,
    }
    assert reason.thresholds == {
        "tolerance.quantity_less": "0.03",
        "tolerance.quantity_more": "0.01",
        "tolerance.price_more": "0.01",
        "tolerance.price_less": "0.50",
        "tolerance.later_working_days": 0,
    }


def test_nothing_ordered_can_not_be_compared_with() -> None:
    with pytest.raises(ValueError, match="can't be compared"):
        judge_tolerance(Decimal(0), Decimal(1), Decimal(1), None, june(11), None, LIMITS, WEEKDAYS)


@given(st.decimals("0.001", 2000, places=3), st.decimals(0, 4, places=2), st.dates(june(1), june(30)))
def test_the_three_aspects_are_judged_apart(quantity: Decimal, price: Decimal, last: dt.date) -> None:
    together = judged(quantity, price, last)
    apart = (*judged(quantity).exceptions, *judged(price=price).exceptions, *judged(last=last).exceptions)
    assert together.exceptions == apart
    assert together.accepted is (not apart)
