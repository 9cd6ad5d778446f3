from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.exception import Choice, ExceptionKind
from canonical.policy import LeadTime
from canonical.reason import Reason
from canonical.sourcing import Assessment, Source, UnknownItem
from decisions.master_data import master_data_proposal
from decisions.sourcing import choose, defects_of, plan_with, sound_sources
from tests.decisions.models import a_need, a_policy, a_source, an_item, june, may, numbers

POLICY = a_policy()
FIRST = a_source(supplier="1580", preference=1, lead_time_days=21)
SECOND = a_source(supplier="1678", preference=2, lead_time_days=7, price=Decimal("2.50"))


def known(*sources: Source) -> Assessment:
    return Assessment(item=an_item(*sources), policy=POLICY)


def test_an_item_that_master_data_does_not_know_is_the_planners() -> None:
    found = UnknownItem(plant="1710", item="BB-7421", detail="")
    (defect,) = defects_of(a_need(), Assessment(item=None, unknown=found, policy=POLICY), may(4))
    assert (defect.field, defect.value, defect.owner) == ("item", "BB-7421", "planner")
    assert defect.detail == "plant 1710 keeps no item BB-7421"


def test_an_item_that_nobody_supplies_is_the_buyers() -> None:
    (defect,) = defects_of(a_need(), known(), may(4))
    assert (defect.field, defect.owner) == ("sources", "buyer")


@pytest.mark.parametrize(
    ("terms", "field", "value"),
    [
        ({"unit": "CT"}, "unit", "EA"),
        ({"lead_time_days": 0}, "lead_time_days", "0"),
        ({"minimum_quantity": Decimal(500), "maximum_quantity": Decimal(400)}, "minimum_quantity", "500"),
        ({"multiple": Decimal(500), "maximum_quantity": Decimal(400)}, "multiple", "500"),
        ({"maximum_quantity": Decimal(10)}, "maximum_quantity", "10"),
        ({"currency": "GBP"}, "currency", "GBP"),
    ],
)
def test_what_is_wrong_with_the_only_source_is_named_with_its_owner_and_the_next_step(
    terms: dict[str, Any], field: str, value: str
) -> None:
    (defect,) = defects_of(a_need(), known(a_source(**terms)), may(4))
    assert (defect.field, defect.value) == (field, value)
    assert "supplier 1580, item BB-7421 at 1710" in defect.detail
    assert defect.owner == {"unit": "planner", "currency": "purchasing-manager"}.get(field, "buyer")
    assert defect.next_step


def test_one_sound_source_is_enough() -> None:
    broken = a_source(supplier="1580", lead_time_days=0)
    assessment = known(broken, SECOND)
    assert defects_of(a_need(), assessment, may(4)) == ()
    assert list(sound_sources(a_need(), assessment, may(4))) == [SECOND]
    assert choose(a_need(), assessment, may(4)).source == SECOND  # type: ignore[union-attr]


def test_a_supplier_that_holds_coverage_must_be_sound_even_where_another_is() -> None:
    broken = a_source(supplier="1580", unit="CT")
    assessment = known(broken, SECOND)
    assert [defect.field for defect in defects_of(a_need(), assessment, may(4), holding=["1580"])] == ["unit"]
    assert defects_of(a_need(), assessment, may(4), holding=["1678", "gone"]) == ()


def test_the_first_preference_is_chosen_where_it_makes_the_date() -> None:
    choice = choose(a_need(), known(SECOND, FIRST), may(20))
    assert choice is not None
    assert (choice.source, choice.rule, choice.why) == (FIRST, "preference", "1580 is the first source")
    assert choice.lots.lots == numbers(1000)


def test_another_source_is_chosen_where_the_first_can_not_make_the_date_and_that_one_can() -> None:
    choice = choose(a_need(), known(FIRST, SECOND), may(29))
    assert choice is not None
    assert (choice.source, choice.rule) == (SECOND, "R6")
    assert choice.why == "1678 makes 2026-06-11; 1580 can't be at the dock before 2026-06-22"


def test_where_nobody_makes_the_date_the_first_preference_is_expedited() -> None:
    choice = choose(a_need(), known(FIRST, SECOND), june(12))
    assert choice is not None
    assert (choice.source, choice.schedule.expedite) == (FIRST, True)


def test_a_choice_says_what_was_compared() -> None:
    rule = "supplier:1678"
    choice = choose(a_need(sourcing_rule=rule), known(FIRST, SECOND), may(4), quantity=Decimal("250.0"))
    assert choice is not None
    assert choice.reason("v7") == Reason(
        rule="R3",
        why="the plan asks for supplier:1678: 1678",
        inputs={
            "supplier": "1678",
            "route": "direct",
            "sources": ["1580", "1678"],
            "sourcing_rule": rule,
            "quantity": "250 EA",
            "needed": "250 EA",
            "per_order_unit": ["1", "1"],
        },
        policy_version="v7",
    )


def test_a_supplier_may_have_a_colon_in_its_code() -> None:
    colon = a_source(supplier="a:b")
    for rule in ("a:b", "supplier:a:b"):
        assert list(sound_sources(a_need(sourcing_rule=rule), known(FIRST, colon), may(4))) == [colon]


def test_by_preference_neither_price_nor_lead_time_breaks_a_tie() -> None:
    slow_and_dear = a_source(supplier="A", price=Decimal(9), lead_time_days=9)
    item = an_item(slow_and_dear, a_source(supplier="B", lead_time_days=2))
    choice = choose(a_need(), Assessment(item=item, policy=a_policy(tie_break="preference")), may(4))
    assert choice is not None
    assert choice.source.supplier == "A"


def test_prices_are_compared_in_company_currency_for_what_they_buy() -> None:
    """A: 2.00 EUR; B: 2.10 USD at 0.92; C: 190 USD a hundred; D: 20.40 EUR a dozen."""
    sources = (
        a_source(supplier="A", currency="EUR"),
        a_source(supplier="B", price=Decimal("2.10")),
        a_source(supplier="C", price=Decimal(190), price_unit=Decimal(100)),
        a_source(supplier="D", price=Decimal("20.40"), currency="EUR", unit="DZN"),
    )
    chosen: list[str] = []
    policy = a_policy(tie_break="price")
    for left in range(4):
        assessment = Assessment(item=an_item(*sources), policy=policy)
        choice = choose(a_need(), assessment, may(4), exclude=chosen)
        assert choice is not None, left
        chosen.append(choice.source.supplier)
    assert chosen == ["D", "C", "B", "A"]


def test_the_time_that_a_suppliers_own_policy_takes_breaks_a_tie_of_lead_times() -> None:
    sources = (a_source(supplier="A", lead_time_days=5), a_source(supplier="B", lead_time_days=7))
    policy, slow = a_policy(tie_break="lead_time"), a_policy(tie_break="lead_time", processing_days=8, version="of A")
    assessment = Assessment(item=an_item(*sources), policy=policy, by_supplier={"A": slow})
    choice = choose(a_need(), assessment, may(4))
    assert choice is not None
    assert choice.source.supplier == "B"


def test_a_supplier_is_judged_by_its_own_policy() -> None:
    patient = a_policy(lead_time=LeadTime(maximum_days=400), version="of 1580")
    slow = a_source(lead_time_days=380)
    assert [defect.field for defect in defects_of(a_need(), known(slow), may(4))] == ["lead_time_days"]
    own = known(slow).model_copy(update={"by_supplier": {"1580": patient}})
    assert defects_of(a_need(), own, may(4)) == defects_of(a_need(), own, may(4), holding=["1580"]) == ()


def test_a_source_that_its_suppliers_own_policy_lets_in_or_out_decides_whether_the_need_is_held_up() -> None:
    patient = a_policy(lead_time=LeadTime(maximum_days=400), version="of 1580")
    strict = a_policy(lead_time=LeadTime(maximum_days=20), version="of 1580")
    slow, broken = a_source(lead_time_days=380), a_source(supplier="1678", lead_time_days=0, preference=2)
    let_in = known(slow, broken).model_copy(update={"by_supplier": {"1580": patient}})
    assert defects_of(a_need(), let_in, may(4)) == ()
    let_out = known(FIRST).model_copy(update={"by_supplier": {"1580": strict}})
    assert [defect.field for defect in defects_of(a_need(), let_out, may(4))] == ["lead_time_days"]


def test_a_blocked_item_is_reported_whoever_supplies_it() -> None:
    blocked = Assessment(item=an_item().model_copy(update={"blocked": "phased out"}), policy=POLICY)
    assert [defect.field for defect in defects_of(a_need(), blocked, may(4))] == ["blocked"]


def test_a_part_of_a_piece_that_is_needed_is_not_rounded_by_a_unit_that_is_the_same() -> None:
    source = a_source(minimum_quantity=Decimal(0), multiple=Decimal("0.5"))
    choice = plan_with(source, an_item(source), a_need(), POLICY, may(4), Decimal("1.5"))
    assert (choice.needed, choice.lots.lots) == (Decimal("1.5"), (Decimal("1.5"),))


def test_the_lots_of_a_part_of_a_piece_are_counted_as_it_is_needed() -> None:
    half = a_source(minimum_quantity=Decimal(0), multiple=Decimal("0.5"), maximum_quantity=Decimal("0.5"))
    three_lines = Assessment(item=an_item(half), policy=a_policy(order_lines_max=3))
    assert defects_of(a_need(quantity=Decimal("1.5")), three_lines, may(4)) == ()
    assert [defect.field for defect in defects_of(a_need(quantity=Decimal(2)), three_lines, may(4))] == [
        "maximum_quantity"
    ]


def test_excluded_suppliers_are_not_asked() -> None:
    assessment = known(FIRST, SECOND)
    assert choose(a_need(), assessment, may(4), exclude={"1580", "1678"}) is None
    assert list(sound_sources(a_need(), assessment, may(4), exclude=("1580",))) == [SECOND]


def test_only_what_is_not_covered_is_planned() -> None:
    source = a_source(minimum_quantity=Decimal(100), multiple=Decimal(25))
    choice = plan_with(source, an_item(source), a_need(), POLICY, may(4), Decimal(110))
    assert (choice.needed, choice.lots.lots, choice.lots.surplus) == (Decimal(110), numbers(125), Decimal(15))


def test_defects_are_put_to_their_owners_who_can_have_it_tried_again() -> None:
    need = a_need()
    defects = defects_of(need, known(a_source(lead_time_days=0, currency="GBP")), may(4))
    proposal = master_data_proposal(need, defects, POLICY)
    assert proposal.kind is ExceptionKind.MASTER_DATA
    assert proposal.summary.startswith("BB-7421 can't be ordered for plant 1710: no lead time is kept")
    assert proposal.summary.endswith("(and 1 more).")
    assert proposal.approvers == ("buyer", "purchasing-manager")
    assert [way.choice for way in proposal.alternatives] == [Choice.RETRY]


sources = st.lists(
    st.builds(
        a_source,
        supplier=st.sampled_from(["1580", "1678", "1690"]),
        preference=st.integers(1, 3),
        lead_time_days=st.integers(0, 40),
        unit=st.sampled_from(["EA", "CT"]),
        maximum_quantity=st.sampled_from([None, Decimal(10), Decimal(400)]),
    ),
    max_size=3,
)


@given(sources, st.integers(1, 30))
def test_a_choice_is_made_exactly_where_master_data_is_sound_and_only_a_sound_source_is_chosen(
    kept: list[Any], day: int
) -> None:
    assessment = known(*kept)
    choice = choose(a_need(), assessment, may(day))
    assert (choice is None) == bool(defects_of(a_need(), assessment, may(day)))
    if choice is not None:
        sound = list(sound_sources(a_need(), assessment, may(day)))
        assert choice.source in sound
        assert choice.lots.total >= 1000
        others = [plan_with(source, an_item(*kept), a_need(), POLICY, may(day)) for source in sound]
        assert not choice.schedule.expedite or all(other.schedule.expedite for other in others)
