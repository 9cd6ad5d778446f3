from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.identity import RequirementId
from decisions.shared_decrease import SharedDecrease, decrease_shared_line
from tests.decisions.models import numbers

A, B, C = (RequirementId(name) for name in ("requirement/a", "requirement/b", "requirement/c"))


def shared(ordered: int, had: dict[RequirementId, int], requests: dict[RequirementId, int]) -> SharedDecrease:
    return decrease_shared_line(
        Decimal(ordered),
        {name: Decimal(quantity) for name, quantity in had.items()},
        {name: Decimal(quantity) for name, quantity in requests.items()},
        Decimal(0),
        Decimal(50),
    )


def test_r12_500_is_300_and_200_and_when_the_200_withdraws_300_is_ordered() -> None:
    """500 = 300 + 200, multiple 50; the 200 withdraws → 300."""
    decrease = shared(500, {A: 300, B: 200}, {B: 0})
    assert (decrease.quantity, decrease.surplus, decrease.cut) == numbers(300, 0, 200)
    assert decrease.rule == "R12"
    assert decrease.allocations == {A: 300}
    assert decrease.why == "300 remains allocated: 300 ordered, 0 surplus"


def test_r12_had_the_first_been_320_of_520_in_a_550_order_350_is_ordered_with_surplus_30() -> None:
    """Had the first been 320 of 520 in a 550 order → 350, surplus 30."""
    decrease = shared(550, {A: 320, B: 200}, {B: 0})
    assert (decrease.quantity, decrease.surplus, decrease.cut) == numbers(350, 30, 200)
    assert decrease.allocations == {A: 320}


def test_a_requirement_that_needs_less_keeps_the_rest() -> None:
    decrease = shared(550, {A: 320, B: 200}, {B: 90})
    assert (decrease.quantity, decrease.surplus) == numbers(450, 40)
    assert decrease.allocations == {A: 320, B: 90}
    assert decrease.why == "320 + 90 remains allocated: 450 ordered, 40 surplus"


def test_when_nobody_is_left_the_line_is_cancelled() -> None:
    decrease = shared(500, {A: 300, B: 200}, {A: 0, B: 0})
    assert (decrease.quantity, decrease.surplus) == numbers(0, 0)
    assert not decrease.allocations
    assert decrease.why == "nothing remains allocated: 0 ordered, 0 surplus"


def test_a_decrease_within_the_last_lot_leaves_the_line_as_it_is() -> None:
    decrease = shared(550, {A: 320, B: 200}, {B: 181})
    assert (decrease.quantity, decrease.surplus, decrease.cut) == numbers(550, 49, 0)
    assert decrease.why == "320 + 181 remains allocated; lots leave the 550 ordered as they are"


def test_a_minimum_that_rose_meanwhile_does_not_make_a_decrease_an_increase() -> None:
    decrease = decrease_shared_line(
        Decimal(500), {A: Decimal(300), B: Decimal(200)}, {B: Decimal(0)}, Decimal(600), Decimal(50)
    )
    assert (decrease.quantity, decrease.surplus) == numbers(500, 200)


def test_the_suppliers_minimum_holds_for_what_remains() -> None:
    decrease = decrease_shared_line(
        Decimal(500), {A: Decimal(300), B: Decimal(200)}, {B: Decimal(0)}, Decimal(400), Decimal(50)
    )
    assert (decrease.quantity, decrease.surplus) == numbers(400, 100)


@pytest.mark.parametrize(
    ("requests", "says"),
    [
        ({B: 201}, "requirement/b has 200 of the line and wants 201: that is no decrease"),
        ({C: 1}, "requirement/c has 0 of the line and wants 1: that is no decrease"),
    ],
)
def test_more_than_is_held_is_no_decrease(requests: dict[RequirementId, int], says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}$"):
        shared(500, {A: 300, B: 200}, requests)


def test_the_reason_names_who_keeps_what_and_the_lots() -> None:
    reason = shared(550, {A: 320, B: 200}, {B: 0}).reason("v7")
    assert (reason.rule, reason.policy_version) == ("R12", "v7")
    assert reason.why == "320 remains allocated: 350 ordered, 30 surplus"
    assert reason.inputs == {
        "ordered": "550",
        "allocations": {A: "320"},
        "minimum_quantity": "0",
        "multiple": "50",
    }


quantities = st.integers(1, 400)


@given(
    held=st.dictionaries(st.sampled_from([A, B, C]), quantities, min_size=1),
    less=st.dictionaries(st.sampled_from([A, B, C]), st.integers(0, 400)),
    surplus=st.integers(0, 60),
)
def test_the_others_keep_theirs_and_the_line_never_gives_less_than_is_allocated_nor_grows(
    held: dict[RequirementId, int], less: dict[RequirementId, int], surplus: int
) -> None:
    requests = {name: min(quantity, held[name]) for name, quantity in less.items() if name in held}
    ordered = sum(held.values()) + surplus
    decrease = shared(ordered, held, requests)
    for name, quantity in held.items():
        assert decrease.allocations.get(name, 0) == requests.get(name, quantity)
    allocated = sum(decrease.allocations.values())
    assert allocated <= decrease.quantity <= ordered
    assert decrease.surplus == decrease.quantity - allocated < 50 + (surplus if decrease.quantity == ordered else 0)
