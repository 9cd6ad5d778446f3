"""R13 over the plant: what the requirements go on needing, and the needs of what comes in."""

from decimal import Decimal

import pytest

from canonical.base import Criticality
from canonical.bom import BomLine, BomLineChange, ComponentUse
from canonical.identity import RequirementId
from canonical.need import Peg
from canonical.sourcing import ItemAtPlant
from decisions.engineering_change.component_use import Cut, is_cancelled, plan_component
from decisions.engineering_change.engineering_change import Fate
from decisions.engineering_change.incoming_components import new_needs
from decisions.units import per_unit
from tests.decisions.bills import (
    BRACKET,
    BRACKET_IN_CARTONS,
    FIRST_OF_JULY,
    TODAY,
    added,
    assessed,
    bare,
    becomes,
    changed,
    cuts_of,
    july,
    peg,
    piece,
    planned,
    removed,
    revised,
    use,
    user,
)
from tests.decisions.models import a_need, a_revision, june, numbers


def cut(quantity: int, *pegs: Peg, number: int = 1) -> Cut:
    return Cut(RequirementId(f"requirement/{number}"), a_revision(number), Decimal(quantity), pegs)


def test_a_requirement_of_demand_that_ends_needs_nothing_more_once_its_order_is_cancelled() -> None:
    plan = planned(use([user(peg(100, july(20)))], [piece(100, july(10))]))
    assert cuts_of(plan, cut_excess=False) == (cut(0),)


def test_a_requirement_goes_on_needing_what_another_assembly_keeps() -> None:
    spare = peg(40, july(20), "BK-200")
    plan = planned(use([user(peg(60, july(10)), spare)], [piece(100, july(9))]))
    assert cuts_of(plan, cut_excess=False) == (cut(40, spare),)


def test_supply_is_not_ordered_again_for_demand_that_the_stock_serves() -> None:
    first, second = peg(20, july(13), "BK-200"), peg(40, july(10), "BK-200", demand="SO-2")
    used = user(first, second, peg(40, july(20)))
    plan = planned(use([used], [piece(100, july(9))]), removed(stock=Decimal(45)))
    assert cuts_of(plan, cut_excess=False) == (cut(15, first.model_copy(update={"quantity": Decimal(15)})),)
    plan = planned(use([used], [piece(100, july(9))]), removed(stock=Decimal(60)))
    assert cuts_of(plan, cut_excess=False) == (cut(0),)


def test_where_earlier_demand_is_short_the_requirement_goes_on_needing_it_though_later_supply_is_cancelled() -> None:
    early = peg(50, june(20))
    plan = planned(use([user(early, peg(60, july(20)))], [piece(60, july(10))]))
    assert cuts_of(plan, cut_excess=False) == (cut(50, early),)


def test_what_is_received_stays_needed_by_the_demand_that_it_serves() -> None:
    of = use([user(peg(100, july(20)))], [piece(30, june(1), received=True), piece(70, july(10), 20)])
    assert cuts_of(planned(of), cut_excess=False) == (cut(30, peg(30, july(20))),)


def test_an_excess_is_cut_where_it_is_decided_and_goes_on_being_needed_otherwise() -> None:
    spare = peg(10, july(20), "BK-200")
    plan = planned(use([user(peg(90, july(10)), spare)], [piece(60, june(18))]))
    assert cuts_of(plan, cut_excess=True) == (cut(10, spare),)
    assert cuts_of(plan, cut_excess=False) == (cut(60, spare),)


def test_a_requirement_that_loses_nothing_is_left_alone_and_those_after_it_are_not() -> None:
    untouched = user(peg(100, june(20)), quantity=Decimal(120))
    touched = user(peg(10, july(20)), number=2)
    served = user(peg(10, july(21)), number=3)
    supply = [piece(100, june(18)), piece(10, june(29), 20, number=3)]
    plan = planned(use([untouched, touched, served], supply))
    assert cuts_of(plan, cut_excess=False) == (cut(0, number=2), cut(0, number=3))


def test_supply_that_others_use_goes_on_being_needed_so_that_nobody_cancels_it() -> None:
    other = user(peg(80, july(20), "BK-200"), number=2)
    plan = planned(use([user(peg(100, july(20))), other], [piece(100, july(10))]))
    assert bare(plan) == (becomes(80, Fate.USED_UP, 10), becomes(20, Fate.CANCELLED, 10, "36.80"))
    assert cuts_of(plan, cut_excess=False) == (cut(80),)


def test_a_cut_is_in_the_unit_of_its_requirement_and_sums_up_what_is_cancelled_of_it() -> None:
    spare = peg(2, july(20), "BK-200")
    used = user(peg(10, july(10)), spare, unit="CT")
    of = use([used], [piece(60, july(9)), piece(40, july(10), 20), piece(2, july(13), 30, unit="CT")])
    plan = planned(of, removed(stock=Decimal(10)), assessed(BRACKET_IN_CARTONS))
    assert cuts_of(plan, cut_excess=False) == (cut(1, peg(1, july(20), "BK-200")),)


def test_supply_that_nothing_converts_takes_nothing_off_what_its_requirement_needs() -> None:
    used = user(peg(100, july(20), "BK-200"))
    plan = planned(use([used], [piece(100, july(10)), piece(5, july(10), 20, unit="BX")]))
    assert cuts_of(plan, cut_excess=False) == ()


def test_demand_that_nothing_compares_with_the_stock_goes_on_being_needed() -> None:
    spare = peg(3, july(20), "BK-200")
    kept, halved = user(spare, unit="BX"), user(spare, peg(2, july(21)), unit="BX", number=2)
    supply = [piece(3, july(10), unit="BX"), piece(5, july(10), 20, number=2, unit="BX")]
    assert cuts_of(planned(use([kept, halved], supply)), cut_excess=False) == (cut(3, spare, number=2),)


@pytest.mark.parametrize(
    ("fate", "cancelled"),
    [
        ("cancelled", True),
        ("exception", True),
        ("consumed", False),
        ("used_up", False),
        ("scrapped", False),
        ("received", False),
    ],
)
def test_what_is_cancelled_or_asked_back_is_taken_off_its_order(fate: str, cancelled: bool) -> None:
    assert is_cancelled(becomes(1, Fate.CONSUMED, 10).model_copy(update={"fate": fate})) is cancelled


def stated(
    of: ComponentUse, *lines: BomLine, item: ItemAtPlant | None = BRACKET
) -> tuple[list[tuple[str, str, Decimal]], tuple[str, ...]]:
    """Each need's item, making and quantity; and what is left to the plan."""
    change = revised(*lines)
    plans = [
        plan_component(change, line, of, assessed(item), TODAY)
        for line in lines
        if line.change is not BomLineChange.ADDED
    ]
    needs, left = new_needs(change, plans, {"BB-7421": of})
    return [(need.item, need.demand_reference.removeprefix("BK-100/B/"), need.quantity) for need in needs], left


def test_what_replaces_a_component_is_needed_for_each_making_that_used_it() -> None:
    of = use([user(peg(100, july(20), criticality=Criticality.A))], [])
    needs, left = new_needs(
        revised(added("BB-9000", 3, replaces="BB-7421"), removed(2)), [planned(of, removed(2))], {"BB-7421": of}
    )
    assert left == ()
    assert needs == (
        a_need(
            item="BB-9000",
            quantity=Decimal(150),
            required_date=july(20),
            source="pegline",
            demand_reference="BK-100/B/SO-1",
            revision=a_revision(7),
            pegging=(peg(150, july(20), criticality=Criticality.A),),
        ),
    )


def test_what_is_used_more_is_needed_by_so_much_and_what_is_used_less_or_alike_is_not() -> None:
    of = use([user(peg(100, july(20)))], [], before=2)
    more = ([("BB-7421", "SO-1", Decimal(50))], ())
    assert stated(of, changed(3, before=2)) == more
    assert stated(of, changed(3, before=None)) == more
    assert stated(of, changed(2, before=2)) == stated(of, changed(1, before=2)) == ([], ())


def test_what_replaces_a_component_that_is_used_less_follows_what_was_used_before() -> None:
    of = use([user(peg(100, july(20)))], [])
    lines = (changed(1, before=2), added("BB-9000", 1, replaces="BB-7421"))
    assert stated(of, *lines) == ([("BB-9000", "SO-1", Decimal(50))], ())


def test_the_plan_states_what_replaces_nothing_and_what_nobody_knows_the_former_quantity_of() -> None:
    of = use([user(peg(100, july(20)))], [])
    lines = (changed(3, before=None), added("BB-9000", 1, replaces="BB-7421"), added("BB-9001", 1))
    assert stated(of, *lines) == ([], ("BB-7421", "BB-9000", "BB-9001"))
    replaced = (added("BB-9001", 1), removed(), added("BB-9000", 1, replaces="BB-7421"))
    assert stated(of, *replaced) == ([("BB-9000", "SO-1", Decimal(100))], ("BB-9001",))


def test_each_line_states_needs_of_its_own() -> None:
    of = use([user(peg(100, july(20)))], [])
    replacement, needed = added("BB-9000", 1, replaces="BB-7421"), ("BB-9000", "SO-1", Decimal(50))
    assert stated(of, changed(2, before=2), replacement) == ([needed], ())
    assert stated(of, changed(3, before=2), replacement) == ([("BB-7421", "SO-1", Decimal(50)), needed], ())


def test_a_making_is_the_assemblys_demand_from_the_day_on_over_all_requirements() -> None:
    users = [
        user(peg(10, june(30), demand="SO-0"), peg(20, FIRST_OF_JULY), peg(5, july(2), "BK-200", demand="SO-2")),
        user(peg(4, FIRST_OF_JULY, criticality=Criticality.A), peg(8, july(9), None, demand="SO-3"), number=2),
        user(peg(2, FIRST_OF_JULY, criticality=Criticality.C), number=3),
    ]
    of = use(users, [])
    lines = (removed(2), added("BB-9000", 1, replaces="BB-7421"))
    needs, _ = new_needs(revised(*lines), [planned(of, lines[0])], {"BB-7421": of})
    assert [need.pegging for need in needs] == [
        (peg(13, FIRST_OF_JULY, criticality=Criticality.A),),
        (peg(4, july(9), demand="SO-3"),),
    ]


def test_a_demand_that_is_made_on_several_days_is_told_apart_by_them() -> None:
    of = use([user(peg(10, july(20)), peg(20, july(21)), peg(5, july(20), demand="SO-2"))], [])
    assert stated(of, removed(), added("BB-9000", 1, replaces="BB-7421")) == (
        [
            ("BB-9000", "SO-1@2026-07-20", Decimal(10)),
            ("BB-9000", "SO-2", Decimal(5)),
            ("BB-9000", "SO-1@2026-07-21", Decimal(20)),
        ],
        (),
    )


def test_a_demand_with_a_long_name_is_identified_by_its_beginning_and_a_digest() -> None:
    longest, longer = "D" * 60, "D" * 61
    of = use([user(peg(10, july(20), demand=longest), peg(20, july(21), demand=longer))], [])
    needs, _ = stated(of, removed(), added("BB-9000", 1, replaces="BB-7421"))
    assert [reference for _, reference, _ in needs] == [longest, "D" * 49 + "~4yuzn4pijm"]


def test_makings_are_counted_in_the_unit_of_the_line_that_goes_out() -> None:
    users = [
        user(peg(9, july(20)), unit="BX"),
        user(peg(2, july(20), demand="SO-2"), unit="CT", number=2),
        user(peg(1, july(21), demand="SO-3"), unit="DZN", number=3),
    ]
    lines = (removed(4), added("BB-9000", 1, replaces="BB-7421"))
    assert stated(use(users, []), *lines, item=BRACKET_IN_CARTONS) == (
        [("BB-9000", "SO-2", Decimal(5)), ("BB-9000", "SO-3", Decimal(3))],
        (),
    )


@pytest.mark.parametrize(
    ("unit", "of", "item", "ratio"),
    [
        ("EA", "EA", None, (1, 1)),
        ("EA", "DZN", None, (12, 1)),
        ("DZN", "EA", None, (1, 12)),
        ("EA", "CT", None, None),
        ("EA", "CT", BRACKET_IN_CARTONS, (10, 1)),
        ("CT", "EA", BRACKET_IN_CARTONS, (1, 10)),
        ("EA", "BX", BRACKET_IN_CARTONS, None),
    ],
)
def test_units_are_compared_by_the_item_and_without_one_by_physics(
    unit: str, of: str, item: ItemAtPlant | None, ratio: tuple[int, int] | None
) -> None:
    assert per_unit(unit, of, item) == (None if ratio is None else numbers(*ratio))
