"""The risk of a pegged demand: the riskiest of what serves it."""

from decimal import Decimal

from decisions.promises import Chance
from decisions.risk import Risk, ServingPart, risk_of_demand, riskiest

NONE_LACKS = Decimal(0)


def chance(share: str) -> Chance:
    return Chance(Decimal(share), 2, 9, 34, "of 1580", 0)


def test_a_demand_is_as_risky_as_the_riskiest_part_of_what_serves_it() -> None:
    risk = risk_of_demand("SO-1", NONE_LACKS, [ServingPart(2, chance("0.1")), ServingPart(2, chance("0.26"))])
    assert risk == Risk(
        Decimal("0.26"),
        "For SO-1: 9 of 34 receipts of 1580 came more than 2 working days late or not whole; this line has 2.",
    )


def test_what_nothing_serves_and_what_nobody_gives_a_day_for_is_missed() -> None:
    unserved = risk_of_demand("SO-1", Decimal("20.0"), [ServingPart(2, chance("0.1"))])
    assert unserved == Risk(Decimal(1), "Nothing is known to serve 20 of SO-1.")
    assert risk_of_demand("SO-1", NONE_LACKS, [ServingPart(None, None)]) == Risk(
        Decimal(1), "Nobody has given a day for all of SO-1."
    )


def test_without_receipts_to_learn_from_the_dates_alone_count() -> None:
    late = risk_of_demand("SO-1", NONE_LACKS, [ServingPart(-7, None)])
    assert late == Risk(Decimal(1), "For SO-1: what is to come is 7 working days late.")
    assert risk_of_demand("SO-1", NONE_LACKS, [ServingPart(3, None)]) is None
    assert riskiest([]) is None
