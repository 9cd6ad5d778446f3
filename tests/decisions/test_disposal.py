"""R13: what can be done with what has no use, what it costs, and which of it is proposed."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from canonical.bom import FateOption
from canonical.policy import Disposal
from canonical.sourcing import ItemAtPlant
from decisions.engineering_change.disposal import Circumstances, candidates_of, proposed_of
from decisions.engineering_change.engineering_change import Fate
from tests.decisions.bills import (
    BRACKET,
    CARTON_OF_TEN,
    FIRST_OF_JULY,
    TODAY,
    assessed,
    becomes,
    july,
    peg,
    piece,
    planned,
    removed,
    use,
    user,
)
from tests.decisions.models import a_policy, a_source, an_item, june

RULES = Disposal(
    use_up_days=100,
    return_within_days=30,
    return_share=Decimal("0.20"),
    salvage_share=Decimal("0.25"),
    rework=True,
    rework_share=Decimal("0.50"),
    late_cancellation_share=Decimal("0.10"),
)


def of(**changes: Any) -> Circumstances:
    fields: dict[str, Any] = {
        "piece": piece(10, june(20)),
        "value": Decimal("40.00"),
        "in_lot": False,
        "before_cut_off": True,
        "owned": True,
        "used_by": (),
        "effective_from": FIRST_OF_JULY,
        "on": TODAY,
    }
    return Circumstances(**fields | changes)


def costs(of: Circumstances, rules: Disposal = RULES) -> dict[str, str]:
    return {one.choice: str(one.cost) for one in candidates_of(of, rules)}


def proposed(of: Circumstances, rules: Disposal = RULES) -> str:
    return proposed_of(candidates_of(of, rules)).choice


def test_each_candidate_costs_its_share_of_the_value_and_the_cheapest_comes_first() -> None:
    found = costs(of())
    assert found == {"cancel": "0", "use_up": "0", "return": "8.00", "rework": "20.00", "scrap": "30.00"}
    assert list(found) == ["cancel", "use_up", "return", "rework", "scrap"]
    assert proposed(of()) == "cancel"


@pytest.mark.parametrize(
    ("owned", "before", "expected"),
    [
        (True, True, FateOption(choice="cancel", cost=Decimal(0))),
        (
            False,
            True,
            FateOption(
                choice="cancel",
                cost=Decimal(0),
                by_hand=True,
                note="no open requirement holds it: cancel it in the ERP",
            ),
        ),
        (
            True,
            False,
            FateOption(
                choice="cancel",
                cost=Decimal("4.00"),
                late=True,
                note="past the cut-off: the supplier has to agree",
            ),
        ),
        (
            False,
            False,
            FateOption(
                choice="cancel",
                cost=Decimal("4.00"),
                late=True,
                by_hand=True,
                note="past the cut-off: the supplier has to agree; no open requirement holds it: cancel it in the ERP",
            ),
        ),
    ],
)
def test_a_cancellation_says_whose_it_is_and_whether_the_supplier_has_to_agree(
    owned: bool, before: bool, expected: FateOption
) -> None:
    found = candidates_of(of(owned=owned, before_cut_off=before), RULES)
    assert next(one for one in found if one.choice == "cancel") == expected


def test_what_no_entity_carries_out_is_by_hand() -> None:
    found = {one.choice: (one.by_hand, one.note) for one in candidates_of(of(), RULES)}
    assert found == {
        "cancel": (False, ""),
        "use_up": (False, "until 2026-10-09; no other use is known"),
        "return": (True, "within 30 days of receipt"),
        "rework": (True, ""),
        "scrap": (True, ""),
    }


def test_scrap_is_cheaper_than_rework_where_it_keeps_its_value() -> None:
    dear = RULES.model_copy(update={"salvage_share": Decimal("0.90"), "return_within_days": 0})
    assert list(costs(of(piece=None), dear)) == ["use_up", "scrap", "rework"]
    assert proposed(of(piece=None), dear) == "scrap"


GONE: dict[str, dict[str, Any]] = {
    "stock": {"piece": None},
    "shipped": {"piece": piece(10, june(20), shipped=True)},
    "received": {"piece": piece(10, TODAY, received=True)},
    "kept by its lot": {"in_lot": True},
}


@pytest.mark.parametrize("gone", GONE.values(), ids=GONE)
def test_what_can_not_be_taken_off_an_order_any_more_is_never_cancelled(gone: dict[str, Any]) -> None:
    assert "cancel" not in costs(of(**gone))


def test_a_cancellation_past_the_cut_off_costs_what_the_supplier_asks_and_is_proposed_where_that_is_least() -> None:
    late = of(before_cut_off=False)
    assert costs(late)["cancel"] == "4.00"
    assert (proposed(late), candidates_of(late, RULES)[1].late) == ("cancel", True)
    dear = RULES.model_copy(update={"late_cancellation_share": Decimal("0.21")})
    assert proposed(late, dear) == "return"


def test_half_a_cent_of_a_share_is_a_cent() -> None:
    assert costs(of(value=Decimal("0.45"), before_cut_off=False))["cancel"] == "0.05"


def test_what_no_open_need_holds_is_cancelled_by_hand() -> None:
    (cancel,) = [one for one in candidates_of(of(owned=False), RULES) if one.choice == "cancel"]
    assert (cancel.by_hand, cancel.note) == (True, "no open requirement holds it: cancel it in the ERP")
    assert not candidates_of(of(), RULES)[0].by_hand


def test_using_up_is_free_and_offered_and_only_proposed_where_something_else_uses_it() -> None:
    nobody, somebody = of(piece=None), of(piece=None, used_by=("BK-200", "BK-300"))
    assert (costs(nobody)["use_up"], proposed(nobody)) == ("0", "rework"), "nobody knows when the stock came"
    assert proposed(somebody) == "use_up"
    notes = [
        next(one.note for one in candidates_of(each, RULES) if one.choice == "use_up") for each in (nobody, somebody)
    ]
    assert notes == ["until 2026-10-09; no other use is known", "until 2026-10-09; BK-200, BK-300 use it"]
    assert "use_up" not in costs(somebody, RULES.model_copy(update={"use_up_days": 0}))


@pytest.mark.parametrize(
    ("day", "taken_back"), [(june(1), True), (dt.date(2026, 5, 2), True), (dt.date(2026, 5, 1), False)]
)
def test_received_goods_go_back_within_the_suppliers_days(day: dt.date, taken_back: bool) -> None:
    assert ("return" in costs(of(piece=piece(10, day, received=True)))) is taken_back


def test_the_stock_may_go_back_and_nobody_proposes_it_since_nobody_knows_when_it_came() -> None:
    found = candidates_of(of(piece=None), RULES)
    assert [one.known for one in found if one.choice == "return"] == [False]


def test_a_supplier_that_takes_nothing_back_and_an_item_that_can_not_be_reworked_leave_the_scrap() -> None:
    poor = Disposal(use_up_days=0, return_within_days=0)
    assert costs(of(piece=None), poor) == {"scrap": "36.00"}


def test_what_has_no_price_has_its_candidates_in_their_order_and_no_costs() -> None:
    assert costs(of(value=None, piece=piece(10, TODAY, received=True))) == {
        "use_up": "0",
        "return": "None",
        "rework": "None",
        "scrap": "None",
    }
    assert proposed(of(value=None, piece=piece(10, TODAY, received=True))) == "return"


def test_policy_of_the_item_says_how_and_that_of_the_supplier_what_it_takes_back() -> None:
    """The brackets can be reworked; 1600 takes nothing back."""
    item = an_item(a_source(), a_source(supplier="1600"))
    here, there = a_policy(disposal=RULES), a_policy(disposal=RULES.model_copy(update={"return_within_days": 0}))
    supply = [piece(10, june(18), shipped=True), piece(10, june(18), 20, supplier="1600", shipped=True)]
    plan = planned(
        use([user()], supply),
        assessment=assessed(item).model_copy(update={"policy": here, "by_supplier": {"1600": there}}),
    )
    assert [one.candidates for one in plan.dispositions] == [
        ("use_up", "return", "rework", "scrap"),
        ("use_up", "rework", "scrap"),
    ]
    assert [(one.proposed, one.cost) for one in plan.dispositions] == [
        ("return", Decimal("3.68")),
        ("rework", Decimal("9.20")),
    ]


def test_the_order_of_a_need_that_ended_is_asked_about_whatever_its_date() -> None:
    plan = planned(use([], [piece(10, july(10))]))
    (one,) = plan.dispositions
    assert (one.fate, one.proposed, int(one.cost)) == ("exception", "cancel", 0)


def test_the_surplus_of_a_line_whose_need_has_ended_is_nobodys_to_take_off_its_order_either() -> None:
    plan = planned(use([], [piece(60, july(10)), piece(40, july(10), requirement_id=None)]))
    cancelled = [next(option for option in one.options if option.choice == "cancel") for one in plan.dispositions]
    assert [(int(one.quantity), one.fate) for one in plan.dispositions] == [(60, "exception"), (40, "exception")]
    assert [option.by_hand for option in cancelled] == [True, True]


def test_other_assemblies_that_use_the_component_make_using_up_the_proposal() -> None:
    plan = planned(use([], [], "BK-200"), removed(stock=Decimal(5)))
    assert [(one.fate, one.proposed) for one in plan.dispositions] == [("excess", "use_up")]


def sold_by(multiple: int, minimum: int = 1) -> ItemAtPlant:
    return an_item(a_source(multiple=Decimal(multiple), minimum_quantity=Decimal(minimum)))


def fates(item: ItemAtPlant, *gone: int) -> list[tuple[int, str, bool]]:
    """Of a line of 100 for 60 that stay, and what ends."""
    needs = [
        user(peg(60, july(20), "BK-200")),
        *(user(peg(each, july(20)), number=2 + n) for n, each in enumerate(gone)),
    ]
    supply = [piece(60, july(10)), *(piece(each, july(10), number=2 + n) for n, each in enumerate(gone))]
    if (surplus := 100 - 60 - sum(gone)) > 0:
        supply.append(piece(surplus, july(10), requirement_id=None))
    plan = planned(use(needs, supply), assessment=assessed(item))
    return [(int(one.quantity), one.fate, "cancel" in one.candidates) for one in plan.dispositions]


def test_a_shared_line_is_cut_to_the_lots_that_those_who_stay_need_and_the_surplus_stays_first() -> None:
    """R12: 60 stay of 100. Sold singly 40 go; by fifties nothing does, by twenty-fives 25."""
    assert fates(sold_by(1), 30) == [(60, "used_up", False), (30, "cancelled", False), (10, "cancelled", False)]
    assert fates(sold_by(50), 30) == [(60, "used_up", False), (30, "excess", False), (10, "excess", False)]
    assert fates(sold_by(25), 30) == [
        (60, "used_up", False),
        (25, "cancelled", False),
        (5, "excess", False),
        (10, "excess", False),
    ]
    assert fates(sold_by(25), 15, 25) == [
        (60, "used_up", False),
        (15, "cancelled", False),
        (10, "cancelled", False),
        (15, "excess", False),
    ]
    assert fates(sold_by(1, minimum=100), 30) == fates(sold_by(50), 30)


def test_a_line_that_nobody_needs_goes_whole_with_its_surplus() -> None:
    plan = planned(
        use([user(peg(60, july(20)))], [piece(60, july(10)), piece(40, july(10), requirement_id=None)]),
        assessment=assessed(sold_by(50)),
    )
    assert [(one.requirement_id is None, int(one.quantity), one.fate) for one in plan.dispositions] == [
        (False, 60, "cancelled"),
        (True, 40, "cancelled"),
    ]


def test_what_a_lot_keeps_is_counted_in_the_cartons_that_its_supplier_sells() -> None:
    """Of ten cartons of ten, sold by five, 60 pieces stay: six cartons take ten."""
    by_five = an_item(a_source(unit="CT", multiple=Decimal(5))).model_copy(update={"conversions": (CARTON_OF_TEN,)})
    needs = [user(peg(60, july(20), "BK-200")), user(peg(40, july(20)), number=2)]
    supply = [piece(6, july(10), unit="CT"), piece(4, july(10), unit="CT", number=2)]
    plan = planned(use(needs, supply), assessment=assessed(by_five))
    assert [(int(one.quantity), one.fate, "cancel" in one.candidates) for one in plan.dispositions] == [
        (60, "used_up", False),
        (40, "excess", False),
    ]


def test_what_is_shipped_of_a_line_is_not_cut_and_its_lot_keeps_the_open_part() -> None:
    """Sold by fifty: 60 of 100 are on their way, which takes the hundred."""
    supply = [piece(60, july(10), shipped=True), piece(40, july(10))]
    plan = planned(use([user(peg(100, july(20)))], supply), assessment=assessed(sold_by(50)))
    assert [(int(one.quantity), one.fate, "cancel" in one.candidates) for one in plan.dispositions] == [
        (60, "exception", False),
        (40, "excess", False),
    ]


def test_shipped_and_open_parts_of_one_line_are_told_apart() -> None:
    supply = [piece(60, july(10), shipped=True), piece(40, july(10))]
    plan = planned(use([user(peg(100, july(20)))], supply), assessment=assessed(BRACKET))
    assert [(int(one.quantity), one.fate) for one in plan.dispositions] == [(60, "exception"), (40, "cancelled")]
    assert plan.dispositions[0].candidates == ("use_up", "return", "scrap")
    assert plan.dispositions[1] == becomes(40, Fate.CANCELLED, 10, "73.60")
