"""By when a quantity can be there: stock, then what comes unclaimed, then a new order by R6 forward."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from canonical.sourcing import Assessment
from decisions.availability import (
    Availability,
    NewOrder,
    Origin,
    Portion,
    Spare,
    fastest_order,
    find_availability,
    spare_of,
)
from tests.decisions.models import WEEKDAYS, a_policy, a_source, an_item, june

TODAY = june(1)
LITWARE = NewOrder(a_source(), june(26))


def found(
    quantity: int, stock: int = 0, spare: Sequence[tuple[int, int]] = (), new_order: NewOrder | None = LITWARE
) -> Availability:
    pieces = [Spare(Decimal(much), june(day), f"PO-{day}") for much, day in spare]
    return find_availability(Decimal(quantity), Decimal(stock), pieces, new_order, TODAY)


def parts(answer: Availability) -> list[tuple[str, int, int]]:
    return [(part.origin.value, int(part.quantity), part.available_on.day) for part in answer.portions]


def test_60_are_40_from_stock_15_of_a_surplus_and_5_of_a_new_order() -> None:
    answer = found(60, 40, [(15, 15)])
    assert parts(answer) == [("stock", 40, 1), ("confirmed_surplus", 15, 15), ("new_order", 5, 26)]
    assert answer.earliest == june(26)
    assert answer.why == (
        "40 from available stock on 2026-06-01; 15 from confirmed supply that no need claims (PO-15) on 2026-06-15; "
        "5 from a new order (1580) on 2026-06-26"
    )


def test_what_is_on_stock_is_there_today() -> None:
    assert parts(found(40, 40)) == [("stock", 40, 1)]
    assert found(40, 40).earliest == TODAY


def test_a_surplus_that_comes_after_a_new_order_would_is_not_waited_for() -> None:
    assert parts(found(20, 0, [(10, 12), (10, 29)])) == [("confirmed_surplus", 10, 12), ("new_order", 10, 26)]
    assert parts(found(20, 0, [(10, 29), (10, 12)], None)) == [
        ("confirmed_surplus", 10, 12),
        ("confirmed_surplus", 10, 29),
    ]


def test_surpluses_of_one_day_are_taken_by_order_and_what_comes_with_a_new_order_is_still_waited_for() -> None:
    pieces = [Spare(Decimal(5), june(26), "PO-2"), Spare(Decimal(10), june(26), "PO-1")]
    assert find_availability(Decimal(12), Decimal(1), pieces, LITWARE, TODAY) == Availability(
        Decimal(12),
        june(26),
        (
            Portion(Origin.STOCK, Decimal(1), TODAY),
            Portion(Origin.SURPLUS, Decimal(10), june(26), "PO-1"),
            Portion(Origin.SURPLUS, Decimal(1), june(26), "PO-2"),
        ),
        Decimal(0),
    )


def test_where_stock_does_all_of_it_nothing_else_is_named() -> None:
    assert parts(found(40, 40, [(15, 15)])) == [("stock", 40, 1)]
    assert parts(found(41, 40)) == [("stock", 40, 1), ("new_order", 1, 26)]
    assert found(1, -3, [], None) == Availability(Decimal(1), None, (), Decimal(1))


def test_of_equally_fast_sources_the_one_that_comes_first_for_a_need_is_named() -> None:
    sources = [a_source(supplier=name, preference=place) for place, name in enumerate(("1590", "1600"), 1)]
    order = fastest_order(Assessment(item=an_item(*reversed(sources)), policy=a_policy()), "EA", TODAY)
    assert order == NewOrder(sources[0], june(25))


def test_without_a_source_the_rest_comes_from_nowhere() -> None:
    answer = found(60, 40, [(15, 15)], None)
    assert answer.earliest is None
    assert answer.missing == 5
    assert answer.why.endswith("5 not available from any known source")


def test_a_surplus_is_on_stock_after_the_receipt_days_which_begin_today_at_the_earliest() -> None:
    assert spare_of(Decimal(1), june(11), "PO", 2, WEEKDAYS, TODAY) == Spare(Decimal(1), june(15), "PO")
    assert spare_of(Decimal(1), june(1) - dt.timedelta(days=9), "PO", 2, WEEKDAYS, TODAY).available_on == june(3), (
        "today at the dock"
    )


def test_a_new_order_is_there_after_processing_lead_time_and_receipt_of_the_fastest_sound_source() -> None:
    """Mon 1: requisition; sent Tue 2; 21 calendar days → Tue 23; receipt 2 wd → Thu 25."""
    slow, fast = a_source(lead_time_days=35, preference=1), a_source(supplier="1590", preference=2)
    gone = a_source(supplier="1600", lead_time_days=1, preference=3, blocked=True)
    assessment = Assessment(item=an_item(slow, fast, gone), policy=a_policy())
    order = fastest_order(assessment, "EA", TODAY)
    assert order is not None
    assert (order.source.supplier, order.available_on) == ("1590", june(25))


def test_the_fastest_source_is_found_by_what_each_suppliers_own_rules_take() -> None:
    """1580 takes six days to be asked: at the dock on Tue 30. 1590: sent Tue 2, on Thu 25; receipt 2 wd → Mon 29."""
    sources = a_source(), a_source(supplier="1590", lead_time_days=23, preference=2)
    own = {"1580": a_policy(processing_days=6, version="of 1580")}
    order = fastest_order(Assessment(item=an_item(*sources), policy=a_policy(), by_supplier=own), "EA", TODAY)
    assert order is not None
    assert (order.source.supplier, order.available_on) == ("1590", june(29))


def test_a_source_that_brings_no_more_than_one_an_order_is_still_asked() -> None:
    one_by_one = an_item(a_source(maximum_quantity=Decimal(1)))
    assert fastest_order(Assessment(item=one_by_one, policy=a_policy(order_lines_max=1)), "EA", TODAY) is not None


def test_nobody_sells_what_is_blocked_unknown_or_without_a_source() -> None:
    item = an_item(a_source())
    for assessment in (
        Assessment(item=item.model_copy(update={"blocked": "discontinued"}), policy=a_policy()),
        Assessment(item=None, policy=a_policy()),
        Assessment(item=an_item(), policy=a_policy()),
    ):
        assert fastest_order(assessment, "EA", TODAY) is None


@given(
    st.integers(1, 300),
    st.integers(-20, 100),
    st.lists(st.tuples(st.integers(1, 80), st.integers(1, 30)), max_size=6),
    st.booleans(),
)
def test_nothing_is_promised_twice_or_before_it_is_there_and_more_is_never_sooner(
    quantity: int, stock: int, spare: list[tuple[int, int]], sold: bool
) -> None:
    answer = found(quantity, stock, spare, LITWARE if sold else None)
    assert sum(part.quantity for part in answer.portions) + answer.missing == quantity
    taken = [part.quantity for part in answer.portions if part.origin is Origin.SURPLUS]
    assert sum(taken) <= sum(much for much, _ in spare)
    assert (answer.earliest is None) == (answer.missing > 0)
    if answer.earliest is not None:
        less = found(max(1, quantity - 1), stock, spare, LITWARE if sold else None)
        assert less.earliest is not None
        assert less.earliest <= answer.earliest
