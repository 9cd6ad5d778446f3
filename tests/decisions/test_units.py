from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.sourcing import ItemAtPlant, UnitConversion
from canonical.supply import ScheduleLine, ScheduleLineState, in_need_unit
from canonical.units import KNOWN_UNITS, SAME, UNITS, physical_ratio, rescale
from decisions.units import (
    conversion,
    in_order_unit,
    other_units,
    pegs_in_order_unit,
    per_supplied_unit,
    share_of_order_unit,
    source_conversion,
    to_need_unit,
    to_order_unit,
)
from tests.decisions.models import a_peg, a_source, an_item, june

BY_PINT = {
    "C62": "count",
    "EA": "count",
    "H87": "count",
    "PR": "2 * count",
    "DZN": "12 * count",
    "GRM": "gram",
    "KGM": "kilogram",
    "TNE": "metric_ton",
    "LBR": "pound",
    "ONZ": "ounce",
    "MMT": "millimeter",
    "CMT": "centimeter",
    "MTR": "meter",
    "INH": "inch",
    "FOT": "foot",
    "MTK": "meter ** 2",
    "CMK": "centimeter ** 2",
    "MLT": "milliliter",
    "LTR": "liter",
    "MTQ": "meter ** 3",
    "GLL": "gallon",
}
"""Each physical unit as the pint library writes it."""

physical = st.sampled_from(sorted(BY_PINT))
RECEIVED = ScheduleLineState.RECEIVED


def kept(base_unit: str, **conversions: tuple[str, str]) -> ItemAtPlant:
    known = [
        UnitConversion(unit=unit, numerator=Decimal(n), denominator=Decimal(d)) for unit, (n, d) in conversions.items()
    ]
    return an_item().model_copy(update={"base_unit": base_unit, "conversions": tuple(known)})


IN_GRAMS = kept("GRM", LBR=("453592.292197", "1000"))


def test_r5_50000_g_at_453_592292197_g_per_lb_with_3_decimals_are_110_232_lb() -> None:
    """50,000 g at 453.592292197 g/lb with 3 decimals → 110.232 lb (110.231 lb is 49,999.932 g: short)."""
    per_pound = conversion("GRM", "LBR", IN_GRAMS)
    assert per_pound is not None
    assert per_pound[0] / per_pound[1] == Decimal("453.592292197")
    assert to_order_unit(Decimal(50000), per_pound, "LBR") == Decimal("110.232")
    assert to_need_unit(Decimal("110.231"), per_pound).quantize(Decimal("0.001")) == Decimal("49999.932")


def test_every_physical_unit_is_as_large_as_in_a_maintained_library() -> None:
    assert {code for code, unit in UNITS.items() if unit.dimension} == set(BY_PINT)
    registry: pint.UnitRegistry[Any] = pint.UnitRegistry(non_int_type=Fraction)
    for one, other in product(BY_PINT, repeat=2):
        theirs = registry.parse_expression(BY_PINT[other]), registry.parse_expression(BY_PINT[one])
        ours = physical_ratio(one, other)
        assert (ours is not None) == (theirs[0].dimensionality == theirs[1].dimensionality)
        if ours is not None:
            assert ours == Fraction((theirs[0] / theirs[1]).to("").magnitude), (one, other)


def test_the_conversion_of_the_item_wins_over_physics() -> None:
    assert conversion("KGM", "LBR", kept("KGM", LBR=("1", "2"))) == (Decimal(1), Decimal(2))
    assert conversion("KGM", "LBR", kept("EA")) == (Decimal(45359237), Decimal(100000000))


def test_physics_leads_to_a_unit_that_the_item_converts() -> None:
    """Pieces are the base unit, five of them weigh two kilograms; a need in grams, ordered in cartons of ten."""
    item = kept("EA", KGM=("5", "2"), CT=("10", "1"))
    assert conversion("GRM", "CT", item) == (Decimal(4000), Decimal(1))
    assert conversion("CT", "DZN", item) == (Decimal(6), Decimal(5))


@pytest.mark.parametrize(("need", "order"), [("EA", "CT"), ("KGM", "LTR"), ("HUR", "DAY"), ("SET", "EA")])
def test_where_neither_the_item_nor_physics_has_a_factor_nothing_converts(need: str, order: str) -> None:
    assert conversion(need, order, kept("EA")) is None


def test_every_unit_that_is_known_has_decimals_that_a_quantity_can_hold() -> None:
    assert set(UNITS) == set(KNOWN_UNITS)
    assert all(0 <= unit.decimals <= 6 for unit in UNITS.values())


def test_pegs_keep_their_parts_of_an_order_unit() -> None:
    per_dozen = conversion("EA", "DZN", kept("EA"))
    assert per_dozen is not None
    pegs = [a_peg(4, june(10)), a_peg(4, june(12)), a_peg(10, june(15)), a_peg(6, june(20))]
    assert [(peg.quantity, peg.date) for peg in pegs_in_order_unit(pegs, per_dozen)] == [
        (Decimal("0.333333"), june(10)),
        (Decimal("0.333333"), june(12)),
        (Decimal("0.833334"), june(15)),
        (Decimal("0.5"), june(20)),
    ]


def test_a_peg_that_is_too_small_for_six_decimals_is_left_out() -> None:
    per_pallet = (Decimal(10_000_000), Decimal(1))
    pegs = [a_peg(25, june(10)), a_peg(1, june(12)), a_peg(4, june(15))]
    assert [(peg.quantity, peg.date) for peg in pegs_in_order_unit(pegs, per_pallet)] == [
        (Decimal("0.000002"), june(10)),
        (Decimal("0.000001"), june(15)),
    ]


quantities = st.decimals("0.000001", 1_000_000, places=6)
factors = st.tuples(st.decimals("0.001", 10_000, places=6), st.decimals("0.001", 10_000, places=6))
order_units = st.sampled_from(["LBR", "DZN", "CT"])


@given(quantities, factors, order_units)
def test_quantity_is_never_lost_by_conversion_and_never_gains_a_unit_of_the_last_place(
    quantity: Decimal, factor: tuple[Decimal, Decimal], unit: str
) -> None:
    ordered, ratio = to_order_unit(quantity, factor, unit), Fraction(factor[0]) / Fraction(factor[1])
    last_place = Fraction(1, 10 ** UNITS[unit].decimals)
    assert (Fraction(ordered) - last_place) * ratio < Fraction(quantity) <= Fraction(ordered) * ratio
    assert to_need_unit(ordered, factor) >= quantity


@given(quantities, factors)
def test_the_way_back_never_promises_what_is_not_there(quantity: Decimal, factor: tuple[Decimal, Decimal]) -> None:
    given_back, exact = to_need_unit(quantity, factor), Fraction(quantity) * Fraction(factor[0]) / Fraction(factor[1])
    assert exact - Fraction(1, 1_000_000) < Fraction(given_back) <= exact


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=6), factors)
def test_pegs_sum_to_the_share_that_is_needed_on_each_day(pegged: list[int], factor: tuple[Decimal, Decimal]) -> None:
    pegs = [a_peg(quantity, june(1 + day)) for day, quantity in enumerate(pegged)]
    converted = pegs_in_order_unit(pegs, factor)
    for day in (peg.date for peg in pegs):
        until = sum((peg.quantity for peg in converted if peg.date <= day), Decimal(0))
        needed = sum((peg.quantity for peg in pegs if peg.date <= day), Decimal(0))
        assert share_of_order_unit(needed, factor) - Decimal("0.000001") < until <= share_of_order_unit(needed, factor)


@given(quantities, factors)
def test_a_share_of_an_order_unit_is_rounded_down_and_never_to_nothing(
    quantity: Decimal, factor: tuple[Decimal, Decimal]
) -> None:
    share = share_of_order_unit(quantity, factor)
    exact = Fraction(quantity) * Fraction(factor[1]) / Fraction(factor[0])
    assert share > 0
    assert Fraction(share) <= exact or share == Decimal("1E-12")
    assert exact - Fraction(share) < Fraction(1, 10**12)


@given(quantities, st.tuples(st.integers(1, 500_000), st.integers(1, 500_000)))
def test_a_share_of_an_order_unit_is_exactly_the_need_again(quantity: Decimal, factor: tuple[int, int]) -> None:
    per_order_unit = (Decimal(factor[0]), Decimal(factor[1]))
    share = ScheduleLine(quantity=share_of_order_unit(quantity, per_order_unit), date=None, state=RECEIVED)
    assert [part.quantity for part in in_need_unit((share,), per_order_unit)] == [quantity]


@given(quantities, factors, order_units, st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_a_need_that_arrives_in_parts_is_covered_when_all_parts_are_there(
    quantity: Decimal, factor: tuple[Decimal, Decimal], unit: str, parts: list[int]
) -> None:
    ordered = to_order_unit(quantity, factor, unit)
    last_place = Decimal(1).scaleb(-UNITS[unit].decimals)
    left, schedule_lines = ordered, []
    for part in parts:
        taken = min(left, last_place * part)
        left -= taken
        schedule_lines.append(ScheduleLine(quantity=taken, date=june(10), state=ScheduleLineState.RECEIVED))
    schedule_lines.append(ScheduleLine(quantity=left, date=june(12), state=ScheduleLineState.RECEIVED))
    assert sum(part.quantity for part in in_need_unit(tuple(schedule_lines), factor)) >= quantity


def test_a_suppliers_own_box_goes_over_the_items_even_where_the_need_is_in_boxes() -> None:
    """A box is 12 pieces at the material and 10 at the supplier: a box needed is 1.2 of the supplier's."""
    item = kept("EA", BX=("12", "1"))
    tens = a_source(unit="BX", base_units=(Decimal(10), Decimal(1)))
    assert source_conversion("EA", tens, item) == (Decimal(10), Decimal(1))
    assert source_conversion("BX", tens, item) == (Decimal(5), Decimal(6))
    assert source_conversion("DZN", tens, item) == (Decimal(5), Decimal(6))
    assert source_conversion("EA", a_source(unit="BX"), item) == (Decimal(12), Decimal(1))
    assert source_conversion("KGM", tens, item) is None
    known = item.model_copy(update={"sources": (tens, a_source(supplier="1678", unit="BX"))})
    assert per_supplied_unit("EA", "1580", "BX", known) == (Decimal(10), Decimal(1))
    assert per_supplied_unit("EA", "1678", "BX", known) == (Decimal(12), Decimal(1))
    assert per_supplied_unit("EA", "1580", "BX", None) is None


@given(quantities)
def test_the_same_unit_changes_nothing(quantity: Decimal) -> None:
    part = (ScheduleLine(quantity=quantity, date=None, state=ScheduleLineState.ORDERED),)
    assert in_need_unit(part, SAME) is part
    assert rescale(quantity, SAME, 6, "up") == rescale(quantity, SAME, 6, "down") == quantity


def test_what_a_supplier_counts_in_pieces_is_in_the_boxes_that_this_supplier_sells() -> None:
    item = kept("EA", BX=("12", "1"))
    of_12 = a_source().model_copy(update={"unit": "BX"})
    of_10 = of_12.model_copy(update={"base_units": (Decimal(10), Decimal(1))})
    assert in_order_unit(Decimal(60), "EA", "BX", other_units(of_12, item)) == 5
    assert in_order_unit(Decimal(60), "EA", "BX", other_units(of_10, item)) == 6
    assert in_order_unit(Decimal(5), "DZN", "BX", other_units(of_10, item)) == 6
    assert in_order_unit(Decimal(65), "EA", "BX", other_units(of_10, item)) is None
    in_pieces = of_12.model_copy(update={"unit": "EA"})
    assert in_order_unit(Decimal(5), "BX", "EA", other_units(in_pieces, item)) == 60
