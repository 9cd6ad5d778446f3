"""R13 over the plant: whose demand ends, what becomes of the supply, and what that is worth."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from canonical.base import Criticality
from canonical.bom import BomLine
from canonical.sourcing import ItemAtPlant
from decisions.engineering_change.component_use import ComponentPlan
from decisions.engineering_change.engineering_change import Candidate, Disposition, DispositionPlan, Fate
from decisions.engineering_change.remaining_demand import RemainingDemand, is_of_assembly, share_gone
from tests.decisions.bills import (
    BRACKET,
    BRACKET_IN_CARTONS,
    FIRST_OF_JULY,
    KEEPABLE,
    NOTHING,
    SOLD_SINGLY,
    TODAY,
    assessed,
    bare,
    becomes,
    changed,
    july,
    peg,
    piece,
    planned,
    removed,
    revised,
    use,
    user,
)
from tests.decisions.models import a_policy, a_source, an_item, june, numbers


@pytest.mark.parametrize(
    ("line", "before", "share"),
    [
        (removed(4), None, "1"),
        (changed(1, before=4), None, "0.75"),
        (changed(1, before=4), 2, "0.75"),
        (changed(1, before=None), 2, "0.5"),
        (changed(3, before=2), None, "-0.5"),
        (changed(3, before=None), None, None),
    ],
)
def test_the_share_of_the_demand_that_ends_is_what_each_assembly_needs_less(
    line: BomLine, before: int | None, share: str | None
) -> None:
    assert share_gone(line, use([], [], before=before)) == (None if share is None else Decimal(share))


def test_a_component_that_goes_out_is_planned_whole() -> None:
    line = removed(stock=Decimal(40))
    used = user(peg(120, june(25)), peg(150, july(20)))
    of = use([used], [piece(100, june(18)), piece(200, july(10), line=20)])
    plan = planned(of, line)
    assert plan._replace(dispositions=bare(plan)) == ComponentPlan(
        line=line,
        use=of,
        item=BRACKET,
        plan=DispositionPlan(
            dispositions=(
                Disposition("", Decimal(40), Fate.CONSUMED),
                Disposition("PO-1/10", Decimal(80), Fate.CONSUMED),
                Disposition(
                    "PO-1/10",
                    Decimal(20),
                    Fate.EXCESS,
                    (Candidate.CANCEL, Candidate.USE_UP, Candidate.RETURN, Candidate.SCRAP),
                ),
                Disposition("PO-1/20", Decimal(200), Fate.CANCELLED),
            ),
            effective_on=FIRST_OF_JULY,
            demand_before=Decimal(120),
            demand_after=NOTHING,
        ),
        dispositions=(
            becomes(40, Fate.CONSUMED),
            becomes(80, Fate.CONSUMED, 10),
            becomes(20, Fate.EXCESS, 10, "36.80", candidates=("cancel", *KEEPABLE)),
            becomes(200, Fate.CANCELLED, 20, "368.00"),
        ),
        remaining_demands=(
            RemainingDemand(used, kept=(peg(120, june(25)),), gone=Decimal(150), received=NOTHING, supply=Decimal(300)),
        ),
        priced=True,
        criticality=Criticality.B,
        lots=dict.fromkeys(("PO-1/10", "PO-1/20"), SOLD_SINGLY),
    )


def test_without_use_nothing_is_planned() -> None:
    plan = planned(use([], []))
    assert (plan.dispositions, plan.remaining_demands, plan.priced, plan.criticality) == ((), (), True, Criticality.B)


def test_only_the_share_that_ends_is_gone_and_what_is_kept_is_rounded_up_at_the_sixth_decimal() -> None:
    used = user(peg(100, july(20)), peg(1, july(21), demand="SO-2"))
    plan = planned(use([used], []), changed(1, before=3))
    kept = (peg(Decimal("33.333334"), july(20)), peg(Decimal("0.333334"), july(21), demand="SO-2"))
    assert plan.remaining_demands == (RemainingDemand(used, kept, Decimal("67.333332"), NOTHING, NOTHING),)
    assert plan.plan.demand_after == Decimal("33.666668")


@pytest.mark.parametrize("line", [changed(3, before=2), changed(3, before=None)])
def test_where_more_is_used_or_nobody_can_tell_all_demand_is_kept(line: BomLine) -> None:
    used = user(peg(100, july(20)))
    assert planned(use([used], []), line).remaining_demands == (
        RemainingDemand(used, used.pegs, NOTHING, NOTHING, NOTHING),
    )


def test_demand_of_the_day_itself_ends_and_that_of_the_day_before_does_not() -> None:
    used = user(peg(5, june(30)), peg(7, FIRST_OF_JULY))
    (remaining,) = planned(use([used], [])).remaining_demands
    assert (remaining.kept, remaining.gone) == ((peg(5, june(30)),), Decimal(7))


@pytest.mark.parametrize(
    ("assembly", "others", "is_ours"),
    [
        ("BK-100", (), True),
        ("BK-100", ("BK-200",), True),
        ("BK-200", (), False),
        (None, (), True),
        (None, ("BK-200",), False),
    ],
)
def test_a_peg_is_the_assemblys_that_it_names_and_else_ours_where_no_other_assembly_uses_the_component(
    assembly: str | None, others: tuple[str, ...], is_ours: bool
) -> None:
    asked = peg(10, july(20), assembly)
    of = use([user(asked)], [], *others)
    assert is_of_assembly(revised(), of, asked) is is_ours
    (remaining,) = planned(of).remaining_demands
    assert (remaining.kept, remaining.gone) == (((), Decimal(10)) if is_ours else ((asked,), NOTHING))


def test_what_was_received_for_demand_that_ends_serves_other_demand_before_what_is_still_to_come() -> None:
    used = user(peg(20, july(10)), peg(50, july(20), demand="SO-2"), peg(30, july(30), "BK-200"))
    of = use([used], [piece(15, june(1), received=True), piece(20, june(2), 20, received=True), piece(60, july(9), 30)])
    plan = planned(of)
    kept = (peg(20, july(10)), peg(15, july(20), demand="SO-2"), peg(30, july(30), "BK-200"))
    assert plan.remaining_demands == (
        RemainingDemand(used, kept, Decimal(35), Decimal(35), Decimal(60), idle=Decimal(35)),
    )
    assert plan.plan.demand_after == 30
    assert bare(plan) == (
        becomes(15, Fate.USED_UP, 10, on_stock=True),
        becomes(15, Fate.USED_UP, 20, on_stock=True),
        becomes(5, Fate.EXCESS, 20, "9.20", on_stock=True, candidates=KEEPABLE),
        becomes(60, Fate.CANCELLED, 30, "110.40"),
    )


def test_what_came_in_for_demand_that_stays_is_kept_and_what_came_for_demand_that_ends_is_excess() -> None:
    used = user(peg(20, june(20)), peg(50, july(20), demand="SO-2"))
    plan = planned(use([used], [piece(15, june(1), received=True), piece(30, june(1), 20, received=True)]))
    assert bare(plan) == (
        becomes(25, Fate.EXCESS, 20, "46.00", on_stock=True, candidates=KEEPABLE),
        becomes(15, Fate.RECEIVED, 10, on_stock=True),
        becomes(5, Fate.RECEIVED, 20, on_stock=True),
    )


def test_of_what_comes_on_one_day_each_need_that_keeps_the_component_is_served_by_its_own_first() -> None:
    users = [user(peg(55, july(20))), user(peg(40, july(20), "BK-200"), number=2)]
    surplus = piece(5, july(10)).model_copy(update={"requirement_id": None})
    plan = planned(use(users, [piece(55, july(10)), piece(40, july(10), number=2), surplus]))
    assert bare(plan) == (
        becomes(40, Fate.USED_UP, 10, number=2),
        becomes(55, Fate.CANCELLED, 10, "101.20"),
        becomes(5, Fate.CANCELLED, 10, "9.20", requirement_id=None),
    )


def test_a_need_in_cartons_that_keeps_the_component_is_served_by_its_own_first_as_well() -> None:
    users = [user(peg(55, july(20))), user(peg(4, july(20), "BK-200"), number=2, unit="CT")]
    supply = [piece(55, july(10)), piece(4, july(10), 20, number=2, unit="CT")]
    assert bare(planned(use(users, supply), assessment=assessed(BRACKET_IN_CARTONS))) == (
        becomes(40, Fate.USED_UP, 20, number=2),
        becomes(55, Fate.CANCELLED, 10, "101.20"),
    )


def test_of_its_own_supply_a_need_is_served_first_with_no_more_than_it_still_waits_for() -> None:
    """Of 40 that it keeps 30 have come in: of the 40 to come it waits for 10, and the other need for its 30."""
    users = [user(peg(40, july(20), "BK-200")), user(peg(30, july(20), "BK-200"), number=2)]
    supply = [piece(30, june(1), received=True), piece(40, july(10), 20), piece(30, july(10), 30, number=2)]
    assert bare(planned(use(users, supply))) == (
        becomes(10, Fate.USED_UP, 20),
        becomes(30, Fate.USED_UP, 30, number=2),
        becomes(30, Fate.CANCELLED, 20, "55.20"),
        becomes(30, Fate.RECEIVED, 10, on_stock=True),
    )


def test_nobodys_surplus_serves_after_what_a_need_has_too_much_wherever_it_stands_on_its_line() -> None:
    users = [user(peg(55, july(20))), user(peg(40, july(20), "BK-200"), number=2)]
    surplus = piece(5, july(10), requirement_id=None)
    assert bare(planned(use(users, [surplus, piece(55, july(10))]))) == (
        becomes(40, Fate.USED_UP, 10),
        becomes(15, Fate.CANCELLED, 10, "27.60"),
        becomes(5, Fate.CANCELLED, 10, "9.20", requirement_id=None),
    )


def test_what_came_in_is_kept_as_far_as_a_need_in_cartons_has_use_for_it() -> None:
    used = user(peg(2, june(20)), peg(3, july(20)), unit="CT")
    of = use([used], [piece(45, june(1), received=True)])
    assert bare(planned(of, assessment=assessed(BRACKET_IN_CARTONS))) == (
        becomes(25, Fate.EXCESS, 10, "46.00", on_stock=True, candidates=KEEPABLE),
        becomes(20, Fate.RECEIVED, 10, on_stock=True),
    )


def test_what_came_in_is_left_to_its_need_where_nothing_converts_one_of_the_units() -> None:
    boxes = planned(use([user(peg(3, july(20)))], [piece(4, june(1), unit="BX", received=True)]))
    assert bare(boxes) == (becomes(4, Fate.RECEIVED, 10, unit="BX", on_stock=True),)
    needed_in_boxes = planned(use([user(peg(3, july(20)), unit="BX")], [piece(10, june(1), received=True)]))
    assert bare(needed_in_boxes) == (becomes(10, Fate.RECEIVED, 10, on_stock=True),)


def test_one_delivery_used_by_several_needs_is_reported_as_one() -> None:
    users = [user(peg(30, july(20), "BK-200"), peg(25, july(20))), user(peg(10, july(20), "BK-200"), number=2)]
    plan = planned(use(users, [piece(55, july(10))]))
    assert bare(plan) == (becomes(40, Fate.USED_UP, 10), becomes(15, Fate.CANCELLED, 10, "27.60"))


def test_each_requirement_is_allocated_its_own_supply_only() -> None:
    users = [user(peg(10, july(20))), user(peg(20, july(21)), number=2)]
    plan = planned(use(users, [piece(10, july(10)), piece(0, july(10), 15), piece(20, july(10), 20, number=2)]))
    assert [(remaining.user, remaining.supply) for remaining in plan.remaining_demands] == list(
        zip(users, numbers(10, 20), strict=True)
    )
    assert bare(plan) == (
        becomes(10, Fate.CANCELLED, 10, "18.40"),
        becomes(20, Fate.CANCELLED, 20, "36.80", number=2),
    )


@pytest.mark.parametrize(
    ("item", "dock", "fate"),
    [
        (BRACKET, june(26), Fate.EXCESS),
        (BRACKET, june(29), Fate.CANCELLED),
        (an_item(a_source(), goods_receipt_days=1), june(29), Fate.EXCESS),
        (None, june(26), Fate.EXCESS),
        (None, june(29), Fate.CANCELLED),
        (BRACKET, None, Fate.CANCELLED),
    ],
)
def test_goods_are_here_once_they_are_received_and_undated_ones_never_are(
    item: ItemAtPlant | None, dock: dt.date | None, fate: Fate
) -> None:
    plan = planned(use([user()], [piece(10, dock)]), assessment=assessed(item))
    assert [one.fate for one in plan.plan.dispositions] == [fate]


@pytest.mark.parametrize(
    ("today", "more", "fate"),
    [
        (july(2), {}, Fate.CANCELLED),
        (july(3), {}, Fate.EXCEPTION),
        (july(3), {"unsent": True}, Fate.CANCELLED),
        (july(3), {"date": None}, Fate.CANCELLED),
        (TODAY, {"shipped": True}, Fate.EXCEPTION),
        (TODAY, {"shipped": True, "date": None}, Fate.EXCEPTION),
        (july(7), {"supplier": "1600"}, Fate.CANCELLED),
        (july(8), {"supplier": "1600"}, Fate.EXCEPTION),
    ],
)
def test_an_order_can_be_cancelled_up_to_its_suppliers_frozen_zone_unless_it_is_shipped(
    today: dt.date, more: dict[str, Any], fate: Fate
) -> None:
    supplied = piece(10, july(10)).model_copy(update=more)
    assessment = assessed(by_supplier={"1600": a_policy(frozen_zone_days=2)})
    plan = planned(use([user()], [supplied]), assessment=assessment, today=today)
    assert bare(plan) == (becomes(10, fate, 10, "18.40"),)


def test_on_the_day_of_its_cut_off_a_cancellation_is_the_suppliers_to_grant_and_costs() -> None:
    (one,) = planned(use([user()], [piece(10, july(10))]), today=july(3)).dispositions
    (cancel,) = [option for option in one.options if option.choice == Candidate.CANCEL]
    assert (cancel.late, cancel.cost) == (True, Decimal("5.52"))


def test_quantities_are_compared_in_the_unit_of_the_line() -> None:
    used = user(peg(3, june(20)), peg(2, july(20), "BK-200"), peg(1, july(21)), unit="CT")
    of = use([used], [piece(9, june(18), unit="DZN"), piece(1, june(18), 20, unit="CT")])
    plan = planned(of, assessment=assessed(BRACKET_IN_CARTONS))
    assert plan.remaining_demands == (
        RemainingDemand(used, used.pegs[:2], gone=Decimal(1), received=NOTHING, supply=Decimal("11.8")),
    )
    assert (plan.plan.demand_before, plan.plan.demand_after) == numbers(30, 20)
    assert bare(plan) == (
        becomes(30, Fate.CONSUMED, 10),
        becomes(20, Fate.USED_UP, 10),
        becomes(58, Fate.EXCESS, 10, "106.72", candidates=("cancel", *KEEPABLE)),
        becomes(10, Fate.EXCESS, 20, "18.40", candidates=("cancel", *KEEPABLE)),
    )


def test_supply_that_nothing_converts_is_an_exception_in_its_own_unit_and_has_no_price() -> None:
    used = user(peg(10, july(20), "BK-200"))
    of = use([used], [piece(4, july(8), 5, unit="BX"), piece(10, july(9)), piece(5, july(9), 20, unit="BX")])
    plan = planned(of)
    assert bare(plan) == (
        becomes(10, Fate.USED_UP, 10),
        becomes(4, Fate.EXCEPTION, 5, unit="BX"),
        becomes(5, Fate.EXCEPTION, 20, unit="BX"),
    )
    assert plan.remaining_demands == (RemainingDemand(used, used.pegs, NOTHING, NOTHING, Decimal(10)),)
    assert plan.priced is False


def test_demand_that_nothing_converts_is_not_compared_and_all_the_other_is() -> None:
    units = ("EA", "BX", "EA")
    users = [user(peg(7, july(20), "BK-200"), number=number, unit=unit) for number, unit in enumerate(units)]
    assert planned(use(users, [])).plan.demand_after == 14


@pytest.mark.parametrize(
    ("supplier", "value"), [("1580", "18.40"), ("1600", "3.00"), ("1700", "18.40")], ids=["first", "second", "unknown"]
)
def test_what_has_no_use_is_valued_at_its_suppliers_price_or_the_first_ones(supplier: str, value: str) -> None:
    second = a_source(supplier="1600", price=Decimal(36), price_unit=Decimal(12), currency="EUR", unit="CT")
    item = BRACKET_IN_CARTONS.model_copy(update={"sources": (a_source(), second)})
    plan = planned(use([user()], [piece(10, july(10), supplier=supplier)]), assessment=assessed(item))
    assert bare(plan) == (becomes(10, Fate.CANCELLED, 10, value),)
    assert plan.priced is True


def test_stock_without_use_is_valued_at_the_first_price() -> None:
    item = an_item(a_source(price=Decimal(3), currency="EUR"), a_source(supplier="1600"))
    plan = planned(use([], []), removed(stock=Decimal(5)), assessed(item))
    assert bare(plan) == (becomes(5, Fate.EXCESS, value="15.00", candidates=KEEPABLE),)


@pytest.mark.parametrize(
    "item",
    [None, an_item(), an_item(a_source(currency="CHF")), an_item(a_source(unit="BX"))],
    ids=["no item", "no source", "no rate", "no conversion"],
)
def test_what_has_no_use_and_no_price_that_policy_can_value_is_not_priced(item: ItemAtPlant | None) -> None:
    plan = planned(use([user()], [piece(10, july(10)), piece(1, july(11), 20)]), assessment=assessed(item))
    assert bare(plan) == (becomes(10, Fate.CANCELLED, 10), becomes(1, Fate.CANCELLED, 20))
    assert plan.priced is False


def test_what_is_used_needs_no_price() -> None:
    used = user(peg(10, june(20)))
    plan = planned(use([used], [piece(10, june(18))]), assessment=assessed(an_item()))
    assert (plan.dispositions, plan.priced) == ((becomes(10, Fate.CONSUMED, 10),), True)


def test_a_missing_price_is_reported_though_a_later_line_has_one() -> None:
    second = a_source(supplier="1600", currency="CHF")
    item = an_item(a_source(), second)
    plan = planned(
        use([user()], [piece(10, july(10), supplier="1600"), piece(10, july(13), 20)]), assessment=assessed(item)
    )
    assert [one.value for one in plan.dispositions] == [NOTHING, Decimal("18.40")]
    assert plan.priced is False


def test_the_class_of_a_change_is_the_highest_of_the_demand_that_loses_something() -> None:
    touched = user(peg(1, july(20), criticality=Criticality.C), peg(1, july(21), criticality=Criticality.B))
    untouched = user(peg(1, june(20), criticality=Criticality.A), number=2)
    assert planned(use([touched, untouched], [])).criticality is Criticality.B
    urgent = user(peg(1, july(20), criticality=Criticality.A), number=3)
    assert planned(use([touched, urgent], [])).criticality is Criticality.A
    spare = user(peg(1, july(20), criticality=Criticality.C), number=4)
    assert planned(use([spare, untouched], [])).criticality is Criticality.C
    assert planned(use([untouched], [])).criticality is Criticality.B
