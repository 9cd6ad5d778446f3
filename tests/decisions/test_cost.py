"""Sources of one rank are compared by what their lots cost, in the company's currency."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from canonical.policy import Approval, RouteKind, RouteRule
from canonical.sourcing import Assessment, PriceBreak, Source, UnitConversion
from decisions.assess import NotOrderable, decide_sourcing
from decisions.cost import cost_of, rounded
from decisions.sourcing import SourceChoice, choose
from tests.decisions.models import a_need, a_policy, a_source, an_item, june, may

PACKS = UnitConversion(unit="PK", numerator=Decimal(100), denominator=Decimal(1))


def chosen(*sources: Source, policy: Any = None, **need: Any) -> SourceChoice:
    item = an_item(*sources).model_copy(update={"conversions": (PACKS,)})
    choice = choose(a_need(**need), Assessment(item=item, policy=policy or a_policy()), may(4))
    assert choice is not None
    return choice


def in_euros_and_dollars() -> tuple[Source, Source]:
    """80 EUR, and 86 USD: 79.12 EUR at 0.92."""
    return (
        a_source(supplier="A", price=Decimal(80), currency="EUR"),
        a_source(supplier="B", price=Decimal(86), currency="USD"),
    )


def test_r3_86_usd_at_0_92_are_79_12_eur_and_come_before_80_eur() -> None:
    choice = chosen(*in_euros_and_dollars(), quantity=Decimal(1))
    assert choice.source.supplier == "B"
    assert choice.why == "B is chosen by cost: B 79.12 EUR, A 80.00 EUR"


def test_r3_4_pieces_at_1_00_come_before_a_pack_of_100_at_90() -> None:
    """0.90 a piece is less than 1.00, but the pack costs 90.00 and four pieces 4.00."""
    packs = a_source(supplier="A", unit="PK", price=Decimal(90), currency="EUR")
    pieces = a_source(supplier="B", price=Decimal(1), currency="EUR")
    assert chosen(packs, pieces, quantity=Decimal(4)).source == pieces
    assert chosen(packs, pieces, quantity=Decimal(100)).source == packs


def test_the_surplus_of_a_minimum_is_paid_for() -> None:
    cheap = a_source(supplier="A", price=Decimal("0.50"), minimum_quantity=Decimal(500))
    dear = a_source(supplier="B", price=Decimal("1.00"))
    assert chosen(cheap, dear, quantity=Decimal(200)).source == dear
    assert chosen(cheap, dear, quantity=Decimal(300)).source == cheap


def test_prices_are_for_their_price_unit() -> None:
    per_hundred = a_source(supplier="A", price=Decimal(150), price_unit=Decimal(100))
    per_piece = a_source(supplier="B", price=Decimal(2))
    assert chosen(per_piece, per_hundred).source == per_hundred


def test_each_lot_is_priced_by_its_own_quantity() -> None:
    """437 in lots of 400 and 100 (R5): 400 at 0.80 and 100 at 1.00."""
    breaks = (PriceBreak(from_quantity=Decimal(200), price=Decimal("0.80")),)
    source = a_source(price=Decimal(1), price_breaks=breaks, currency="EUR")
    cost = cost_of((Decimal(400), Decimal(100)), source, a_policy().approval, june(1))
    assert cost == Fraction(420)
    assert source.price_of(Decimal(199)) == Decimal(1)
    assert source.price_of(Decimal(200)) == Decimal("0.80")


def test_a_price_break_decides_from_its_quantity_on() -> None:
    breaks = (PriceBreak(from_quantity=Decimal(500), price=Decimal("0.70")),)
    scaled = a_source(supplier="A", price=Decimal("1.10"), price_breaks=breaks)
    flat = a_source(supplier="B", price=Decimal("1.00"))
    assert chosen(scaled, flat, quantity=Decimal(499)).source == flat
    assert chosen(scaled, flat, quantity=Decimal(500)).source == scaled


def test_cost_decides_only_at_equal_rank() -> None:
    first = a_source(supplier="A", price=Decimal(9), preference=1)
    second = a_source(supplier="B", price=Decimal(1), preference=2)
    assert chosen(second, first).source == first


def test_equal_cost_keeps_the_order_of_master_data() -> None:
    assert chosen(a_source(supplier="Z"), a_source(supplier="A")).source.supplier == "Z"


def test_a_cheaper_source_that_can_not_make_the_date_gives_way() -> None:
    slow = a_source(supplier="A", price=Decimal(1), lead_time_days=90)
    fast = a_source(supplier="B", price=Decimal(2), lead_time_days=5)
    choice = chosen(slow, fast)
    assert (choice.source, choice.rule) == (fast, "R6")


def test_a_currency_without_a_rate_is_not_ranked_by_its_number_and_is_named() -> None:
    """1 GBP would come before 80 EUR as a bare number."""
    pounds = a_source(supplier="A", price=Decimal(1), currency="GBP")
    euros = a_source(supplier="B", price=Decimal(80), currency="EUR")
    choice = chosen(pounds, euros)
    assert choice.source == euros
    assert choice.why.endswith("not used: policy test has no rate for GBP (supplier A, item BB-7421 at 1710)")


DATED = Approval.model_validate(
    {"rates": {"EUR": 1, "USD": [{"since": "2026-01-01", "rate": "0.92"}, {"since": "2026-06-01", "rate": "0.95"}]}}
)


@pytest.mark.parametrize(
    ("day", "rate"), [(may(31), "0.92"), (june(1), "0.95"), (june(30), "0.95"), (may(1).replace(year=2025), None)]
)
def test_a_rate_holds_from_its_day_on(day: Any, rate: str | None) -> None:
    assert DATED.rate_on("USD", day) == (None if rate is None else Decimal(rate))
    assert DATED.rate_on("EUR", day) == 1


def test_costs_are_compared_at_the_rate_of_the_order_date() -> None:
    """86 USD are 79.12 EUR in May, and 81.70 EUR from 1 June on."""
    policy = a_policy(approval=DATED)
    item = an_item(*in_euros_and_dollars())
    found = []
    for day in (may(29), june(1)):
        choice = choose(a_need(quantity=Decimal(1)), Assessment(item=item, policy=policy), day)
        assert choice is not None
        found.append(choice.source.supplier)
    assert found == ["B", "A"]


def test_before_its_first_rate_a_currency_has_none() -> None:
    only = a_source(currency="USD")
    day = may(4).replace(year=2025)
    refused = decide_sourcing(a_need(), Assessment(item=an_item(only), policy=a_policy(approval=DATED)), day)
    assert isinstance(refused, NotOrderable)
    assert refused.why == "policy test has no rate for USD on 2025-05-04 (supplier 1580, item BB-7421 at 1710)"


def test_a_transfer_costs_nothing() -> None:
    moved = a_source(route=RouteKind.TRANSFER, price=Decimal(5), currency="XXX")
    assert cost_of((Decimal(10),), moved, a_policy().approval, june(1)) == 0


def test_transfers_of_one_route_keep_their_order() -> None:
    from_1730 = a_source(supplier="1730", route=RouteKind.TRANSFER, price=Decimal(1), currency="GBP")
    from_1720 = from_1730.model_copy(update={"supplier": "1720", "price": Decimal(0)})
    policy = a_policy(routes=(RouteRule(kind=RouteKind.TRANSFER),))
    assert chosen(from_1730, from_1720, policy=policy).source == from_1730


def test_amounts_are_shown_to_the_cent() -> None:
    assert str(rounded(Fraction(1, 3))) == "0.33"
    assert str(rounded(Fraction(1, 200))) == "0.01"
