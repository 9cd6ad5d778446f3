from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from decisions.lots import has_legal_lot, lots_requested, size_lots, size_needs, smallest_lot
from tests.decisions.models import numbers


def test_r5_437_moq_100_multiple_25_max_400_orders_400_and_100_with_surplus_63() -> None:
    """437, MOQ 100, multiple 25, max 400 → 450 → 400 + 50 → tail raised to 100: 400 + 100, surplus 63."""
    sizing = size_lots(Decimal(437), Decimal(100), Decimal(25), Decimal(400))
    assert sizing.lots == numbers(400, 100)
    assert sizing.surplus == 63
    assert sizing.why == "437 needed, 2 lots ordered, 63 surplus (minimum 100, multiple 25, maximum 400)"


def test_a_maximum_that_is_no_multiple_is_not_used_up() -> None:
    assert size_lots(Decimal(190), Decimal(0), Decimal(50), Decimal(120)).lots == numbers(100, 100)


def test_nothing_needed_orders_nothing() -> None:
    assert size_lots(Decimal(0), Decimal(100), Decimal(25), None).lots == ()


def test_a_minimum_that_no_lot_can_keep_makes_the_maximum_give_way() -> None:
    sizing = size_lots(Decimal(10), Decimal(90), Decimal(50), Decimal(95))
    assert not has_legal_lot(Decimal(90), Decimal(50), Decimal(95))
    assert sizing.lots == numbers(100)
    assert sizing.why.endswith("the maximum is below the smallest lot and is not kept")


@given(
    needed=st.decimals("0.001", 5_000, places=3),
    minimum=st.decimals(0, 1_000, places=3),
    multiple=st.decimals("0.5", 100, places=1),
    maximum=st.none() | st.decimals(100, 5_000, places=0),
)
def test_lots_never_give_less_than_the_need_nor_a_lot_more_and_keep_the_suppliers_terms(
    needed: Decimal, minimum: Decimal, multiple: Decimal, maximum: Decimal | None
) -> None:
    assume(has_legal_lot(minimum, multiple, maximum))
    sizing = size_lots(needed, minimum, multiple, maximum)
    assert needed <= sizing.total < needed + smallest_lot(minimum, multiple)
    assert sizing.surplus == sizing.total - needed
    assert all(minimum <= lot and lot % multiple == 0 for lot in sizing.lots)
    assert maximum is None or all(lot <= maximum for lot in sizing.lots)
    assert len(sizing.lots) == lots_requested(max(needed, minimum), multiple, maximum)


def test_nothing_needed_leaves_nothing_over_and_says_so() -> None:
    sizing = size_lots(Decimal(0), Decimal(100), Decimal(25), Decimal(400))
    assert (sizing.lots, sizing.surplus, sizing.total) == ((), Decimal(0), Decimal(0))
    assert sizing.why == "nothing is needed"
    assert sizing == (*sizing[:2], Decimal(0), Decimal(100), Decimal(25), Decimal(400), None, "R5")


def test_a_total_at_the_maximum_is_one_lot_and_a_maximum_at_the_smallest_lot_is_legal() -> None:
    assert size_lots(Decimal(390), Decimal(100), Decimal(25), Decimal(400)).lots == numbers(400)
    assert has_legal_lot(Decimal(90), Decimal(50), Decimal(100))
    assert not has_legal_lot(Decimal(90), Decimal(50), Decimal("99.9"))
    assert size_lots(Decimal(150), Decimal(90), Decimal(50), Decimal(100)).lots == numbers(100, 100)


def test_one_lot_is_described_by_its_quantity() -> None:
    sizing = size_lots(Decimal(437), Decimal(100), Decimal(25), None)
    assert sizing.why == "437 needed, 450 ordered, 13 surplus (minimum 100, multiple 25)"


@pytest.mark.parametrize(
    ("needed", "multiple", "maximum", "lots"),
    [("0", "1", None, 0), ("0.5", "1", None, 1), ("0", "1", "10", 0), ("1", "0.1", "0.5", 2), ("10", "50", "40", 0)],
)
def test_how_many_lots_a_need_takes(needed: str, multiple: str, maximum: str | None, lots: int) -> None:
    assert lots_requested(Decimal(needed), Decimal(multiple), None if maximum is None else Decimal(maximum)) == lots


def test_r5s_reason_shows_the_need_and_the_suppliers_terms() -> None:
    reason = size_lots(Decimal(437), Decimal(100), Decimal(25), Decimal(400)).reason("v7")
    assert (reason.rule, reason.policy_version) == ("R5", "v7")
    assert reason.why == "437 needed, 2 lots ordered, 63 surplus (minimum 100, multiple 25, maximum 400)"
    assert reason.inputs == {
        "needed": "437",
        "minimum_quantity": "100",
        "multiple": "25",
        "maximum_quantity": "400",
    }
    assert size_lots(Decimal(437), Decimal(100), Decimal(25), None).reason("v7").inputs["maximum_quantity"] is None


def test_r5_4_and_96_pieces_share_one_pack_of_100_and_4_alone_leave_96_pieces_over() -> None:
    """4 and 96 pieces, by the pack of 100: one pack. 4 alone: one pack, 96 pieces surplus."""
    per_pack = (Decimal(100), Decimal(1))
    terms = ("PK", "EA", Decimal(1), Decimal(1), None)
    together = size_needs([(Decimal(4), per_pack), (Decimal(96), per_pack)], *terms)
    assert together.why == "100 EA needed, 1 PK ordered, 0 EA surplus (minimum 1, multiple 1)"
    alone = size_needs([(Decimal(4), per_pack)], *terms)
    assert (together.lots, alone.lots) == (numbers(1), numbers(1))
    assert together.in_need_unit is not None
    assert alone.in_need_unit is not None
    assert (together.in_need_unit.surplus, alone.in_need_unit.surplus) == numbers(0, 96)


def test_needs_in_several_units_are_summed_in_the_order_unit() -> None:
    """6 pieces, 1 pair and 4 pieces are a dozen."""
    dozen, pairs = (Decimal(12), Decimal(1)), (Decimal(6), Decimal(1))
    needs = [(Decimal(6), dozen), (Decimal(1), pairs), (Decimal(4), dozen)]
    sizing = size_needs(needs, "DZN", "", Decimal(1), Decimal(1), None)
    assert (sizing.lots, sizing.in_need_unit) == (numbers(1), None)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=12), st.integers(1, 10**4))
def test_the_sum_of_needs_is_rounded_once(pieces: list[int], content: int) -> None:
    per_pack = (Decimal(content), Decimal(1))
    sizing = size_needs([(Decimal(each), per_pack) for each in pieces], "PK", "EA", Decimal(0), Decimal(1), None)
    assert sizing.total == -(-sum(pieces) // content)
    assert sizing.needed <= sizing.total
