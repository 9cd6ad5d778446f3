import datetime as dt
from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.base import Criticality
from canonical.calendar import Calendar
from canonical.reason import figure
from decisions.engineering_change.engineering_change import (
    AssemblyOrder,
    Candidate,
    Disposition,
    DispositionPlan,
    Fate,
    NewComponent,
    OutgoingDemand,
    OutgoingSupply,
    cancellation_cut_off,
    dispose,
    needs_of_new_components,
)
from tests.decisions.models import WEEKDAYS, a_peg, a_revision, june, numbers

FIRST_OF_JULY = dt.date(2026, 7, 1)
TODAY = june(1)
CANDIDATES = (Candidate.USE_UP, Candidate.RETURN, Candidate.SCRAP)


def july(day: int) -> dt.date:
    return dt.date(2026, 7, day)


def order(reference: str, quantity: int, on: dt.date, cut_off: dt.date = TODAY) -> OutgoingSupply:
    return OutgoingSupply(reference, Decimal(quantity), on, cut_off)


def demand(quantity: int, on: dt.date) -> OutgoingDemand:
    return OutgoingDemand(on, Decimal(quantity))


def disposed(
    stock: int, supply: list[OutgoingSupply], requested: list[OutgoingDemand], today: dt.date = TODAY
) -> DispositionPlan:
    return dispose(Decimal(stock), supply, requested, FIRST_OF_JULY, today)


def fates(plan: DispositionPlan) -> list[tuple[str, int, Fate]]:
    return [(one.reference, int(one.quantity), one.fate) for one in plan.dispositions]


def test_r13_effective_1_july_stock_40_and_po_100_against_120_leave_excess_20_and_po_200_on_10_july_is_cancelled() -> (
    None
):
    """Effective 1 July; stock 40 + PO 100 on 20 June against demand 120 → excess 20; PO 200 on 10 July → cancel 200."""
    plan = disposed(
        40, [order("PO-1", 100, june(20)), order("PO-2", 200, july(10), cut_off=july(3))], [demand(120, june(25))]
    )
    assert plan.total(Fate.EXCESS) == 20
    assert plan.total(Fate.CANCELLED) == 200
    assert plan.dispositions == (
        Disposition("", Decimal(40), Fate.CONSUMED),
        Disposition("PO-1", Decimal(80), Fate.CONSUMED),
        Disposition("PO-1", Decimal(20), Fate.EXCESS, CANDIDATES),
        Disposition("PO-2", Decimal(200), Fate.CANCELLED),
    )
    assert plan.short == 0
    assert plan.rule == "R13"
    assert plan.why == "effective 2026-07-01: 120 consumed, 20 excess, 200 cancelled"


@pytest.mark.parametrize(("today", "fate"), [(july(2), Fate.CANCELLED), (july(3), Fate.EXCEPTION)])
def test_on_the_day_of_the_cut_off_it_is_too_late_to_cancel(today: dt.date, fate: Fate) -> None:
    plan = disposed(0, [order("PO-2", 200, july(10), cut_off=july(3))], [], today)
    assert plan.dispositions == (Disposition("PO-2", Decimal(200), fate),)


def test_what_comes_on_the_day_itself_is_later_supply_and_what_is_demanded_then_is_later_demand() -> None:
    plan = disposed(10, [order("PO-1", 5, FIRST_OF_JULY)], [demand(3, FIRST_OF_JULY)])
    assert fates(plan) == [("", 3, Fate.USED_UP), ("", 7, Fate.EXCESS), ("PO-1", 5, Fate.EXCEPTION)]
    assert (plan.demand_before, plan.demand_after) == numbers(0, 3)


def test_what_spares_still_need_is_used_up_from_the_excess_before_later_orders() -> None:
    plan = disposed(50, [order("PO-2", 200, july(10), cut_off=july(3))], [demand(20, june(10)), demand(100, july(20))])
    assert fates(plan) == [
        ("", 20, Fate.CONSUMED),
        ("", 30, Fate.USED_UP),
        ("PO-2", 70, Fate.USED_UP),
        ("PO-2", 130, Fate.CANCELLED),
    ]
    assert plan.why == "effective 2026-07-01: 20 consumed, 100 used_up, 130 cancelled"


def test_an_excess_that_is_still_on_order_may_be_cancelled_as_well() -> None:
    plan = disposed(120, [order("PO-1", 100, june(20), cut_off=june(10))], [demand(120, june(25))])
    assert plan.dispositions[-1].candidates == (Candidate.CANCEL, *CANDIDATES)


def test_supply_is_consumed_by_date_and_then_by_reference() -> None:
    supply = [order("PO-3", 10, june(12)), order("PO-2", 10, june(10)), order("PO-1", 10, june(12))]
    assert fates(disposed(0, supply, [demand(15, june(25))])) == [
        ("PO-2", 10, Fate.CONSUMED),
        ("PO-1", 5, Fate.CONSUMED),
        ("PO-1", 5, Fate.EXCESS),
        ("PO-3", 10, Fate.EXCESS),
    ]


def test_later_supply_does_not_meet_earlier_demand() -> None:
    plan = disposed(40, [order("PO-2", 200, july(10))], [demand(70, june(25))])
    assert fates(plan) == [("", 40, Fate.CONSUMED), ("PO-2", 200, Fate.EXCEPTION)]
    assert plan.short == 30
    assert plan.why == "effective 2026-07-01: 40 consumed, 200 exception, 30 short"


def test_nothing_there_is_nothing_to_dispose_of() -> None:
    plan = disposed(0, [], [])
    assert [figure(total) for total in (plan.demand_before, plan.demand_after, plan.total(Fate.EXCESS))] == ["0"] * 3
    assert (plan.dispositions, plan.why) == ((), "effective 2026-07-01: nothing to dispose of")


def test_the_cut_off_of_a_supplier_that_states_none_is_the_frozen_zone() -> None:
    closed_on_the_8th = Calendar(name="plant", holidays=(july(8),))
    assert cancellation_cut_off(july(10), 5, WEEKDAYS) == july(3)
    assert cancellation_cut_off(july(10), 5, closed_on_the_8th) == july(2)


def test_the_reason_names_every_disposition() -> None:
    reason = disposed(40, [order("PO-2", 200, july(10))], [demand(30, june(25)), demand(5, july(2))]).reason("v7")
    assert (reason.rule, reason.policy_version) == ("R13", "v7")
    assert reason.why == "effective 2026-07-01: 30 consumed, 5 used_up, 5 excess, 200 exception"
    assert reason.inputs == {
        "effective_on": "2026-07-01",
        "demand_before": "30",
        "demand_after": "5",
        "dispositions": [
            {"reference": "", "quantity": "30", "fate": "consumed"},
            {"reference": "", "quantity": "5", "fate": "used_up"},
            {"reference": "", "quantity": "5", "fate": "excess"},
            {"reference": "PO-2", "quantity": "200", "fate": "exception"},
        ],
    }


days = st.dates(june(1), july(30))
quantities = st.integers(0, 200)
supplies = st.lists(st.tuples(quantities, days, days), max_size=6).map(
    lambda lines: [order(f"PO-{number}", *line) for number, line in enumerate(lines)]
)
demands = st.lists(st.builds(demand, quantities, days), max_size=6)


@given(quantities, supplies, demands)
def test_every_unit_has_one_disposition_and_none_is_made_up(
    stock: int, supply: list[OutgoingSupply], requested: list[OutgoingDemand]
) -> None:
    plan = disposed(stock, supply, requested)
    disposed_of: dict[str, Decimal] = defaultdict(Decimal)
    for one in plan.dispositions:
        assert one.quantity > 0
        disposed_of[one.reference] += one.quantity
    there = {piece.reference: piece.quantity for piece in supply} | {"": Decimal(stock)}
    assert disposed_of == {reference: quantity for reference, quantity in there.items() if quantity}


@given(quantities, supplies, demands)
def test_nothing_is_left_over_while_a_demand_that_it_could_meet_is_open(
    stock: int, supply: list[OutgoingSupply], requested: list[OutgoingDemand]
) -> None:
    plan = disposed(stock, supply, requested)
    early = stock + sum(piece.quantity for piece in supply if piece.available_on < FIRST_OF_JULY)
    late = sum(piece.quantity for piece in supply if piece.available_on >= FIRST_OF_JULY)
    before = sum(one.quantity for one in requested if one.date < FIRST_OF_JULY)
    after = sum(one.quantity for one in requested if one.date >= FIRST_OF_JULY)
    assert plan.total(Fate.CONSUMED) == min(early, before)
    assert plan.total(Fate.USED_UP) == min(early - min(early, before) + late, after)
    assert plan.total(Fate.EXCESS) == max(0, early - before - after)
    assert plan.short == before - min(early, before)


def test_new_components_become_needs_of_the_makings_from_the_day_on_one_each_though_named_twice() -> None:
    assemblies = [
        AssemblyOrder("MO-2", Decimal(10), july(20), Criticality.A),
        AssemblyOrder("MO-3", Decimal(3), FIRST_OF_JULY),
        AssemblyOrder("MO-1", Decimal(10), june(30)),
    ]
    needs = needs_of_new_components(
        "ECO-77",
        "1710",
        "pegline",
        [
            NewComponent("SL-1", Decimal("0.2"), "MTR"),
            NewComponent("BR-2", Decimal(4), "EA"),
            NewComponent("SL-1", Decimal("0.3"), "MTR"),
        ],
        iter(assemblies),
        FIRST_OF_JULY,
        a_revision(77),
    )
    assert [(need.item, need.quantity, need.unit, need.required_date) for need in needs] == [
        ("SL-1", Decimal("1.5"), "MTR", FIRST_OF_JULY),
        ("SL-1", Decimal(5), "MTR", july(20)),
        ("BR-2", Decimal(12), "EA", FIRST_OF_JULY),
        ("BR-2", Decimal(40), "EA", july(20)),
    ]
    assert [need.demand_reference for need in needs[:2]] == ["ECO-77/MO-3", "ECO-77/MO-2"]
    assert {(need.plant, need.source, need.revision) for need in needs} == {("1710", "pegline", a_revision(77))}
    assert needs[1].pegging == (a_peg(5, july(20), Criticality.A, demand="MO-2"),)
    assert needs[0].pegging == (a_peg(Decimal("1.5"), FIRST_OF_JULY, demand="MO-3"),)


def test_a_seventh_decimal_of_a_component_is_rounded_up_and_never_lost() -> None:
    (need,) = needs_of_new_components(
        "ECO-77",
        "1710",
        "pegline",
        [NewComponent("GL-9", Decimal("0.0000004"), "KGM")],
        [AssemblyOrder("MO-1", Decimal(6), july(1))],
        FIRST_OF_JULY,
        a_revision(77),
    )
    assert need.quantity == Decimal("0.000003")


def test_a_repeated_change_states_the_same_requirements() -> None:
    def stated(plan_version: int) -> list[str]:
        makings = [AssemblyOrder("MO-1", Decimal(6), july(plan_version))]
        component = NewComponent("GL-9", Decimal(1), "KGM")
        return [
            need.id
            for need in needs_of_new_components(
                "ECO-77", "1710", "pegline", [component], makings, FIRST_OF_JULY, a_revision(plan_version)
            )
        ]

    assert stated(1) == stated(2)
