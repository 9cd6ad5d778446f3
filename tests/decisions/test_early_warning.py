"""R17: a promise that is likely to be missed is put to a person once, before it is late."""

from decimal import Decimal

from decisions.early_warning import warns
from decisions.promises import SettledPromise, chance_of_missing, records_of

LIMIT = Decimal("0.30")


def test_r17_26_percent_is_not_asked_about_41_percent_is_and_stays_until_24() -> None:
    records = records_of(SettledPromise("1580", "A", days, count) for days, count in ((0, 20), (2, 5), (4, 9)))
    with_two = chance_of_missing(records, "1580", "A", 2)
    with_none = chance_of_missing(records, "1580", "A", 0)
    assert with_two is not None
    assert with_none is not None
    assert (with_two.percent, with_none.percent) == ("26 %", "41 %")
    assert [warns(each.missing, LIMIT, asked=False) for each in (with_two, with_none)] == [False, True]
    assert [warns(Decimal(chance), LIMIT, asked=True) for chance in ("0.25", "0.24")] == [True, False]


def test_nobody_is_warned_as_shipped() -> None:
    assert not warns(Decimal(1), Decimal(1), asked=False)
    assert not warns(Decimal(1), Decimal(1), asked=True)
