"""Price by order date, availability by delivery date, components by issue date."""

import datetime as dt
from decimal import Decimal
from typing import Any

from canonical.policy import RouteKind, RouteRule
from canonical.sourcing import Agreement, Assessment, Component, ItemAtPlant, Source
from decisions.assess import NotOrderable, SourcingDecision, decide_sourcing
from decisions.availability import fastest_order
from decisions.effectivity import terms_in_force
from decisions.sourcing import choose, sound_sources
from decisions.supply_requests import on_agreed_terms, request_for
from tests.decisions.models import a_need, a_policy, a_source, an_item, june, may

JULY = dt.date(2026, 7, 1)
POLICY = a_policy()
TODAY = may(4)


def decided(*sources: Source, today: dt.date = TODAY, **asked: Any) -> SourcingDecision | NotOrderable:
    return decide_sourcing(a_need(), Assessment(item=an_item(*sources), policy=POLICY), today, **asked)


def supplier_of(outcome: SourcingDecision | NotOrderable) -> str:
    assert isinstance(outcome, SourcingDecision), outcome
    return outcome.source.supplier


def refusal(outcome: SourcingDecision | NotOrderable) -> tuple[str, str, str]:
    assert isinstance(outcome, NotOrderable)
    (defect,) = outcome.defects
    return (defect.field, defect.owner, defect.detail)


def test_r3_a_price_until_31_may_holds_for_an_order_of_31_may_and_not_of_1_june() -> None:
    """The need is for 15 June; the price ends on 31 May and the next one is dearer."""
    until_may = a_source(info_record="5301", price=Decimal(2), price_to=may(31))
    from_june = a_source(info_record="5301", price=Decimal(3), price_from=june(1))
    for today, price in ((may(31), 2), (june(1), 3)):
        outcome = decided(until_may, from_june, today=today)
        assert isinstance(outcome, SourcingDecision)
        assert outcome.source.price == price


def test_a_price_that_has_ended_is_not_used_and_that_is_said() -> None:
    ended = a_source(supplier="A", info_record="5301", price_to=may(31))
    assert refusal(decided(ended, today=june(1))) == (
        "price",
        "buyer",
        "the price of info record 5301 holds until 2026-05-31, and the order date is later "
        "(supplier A, item BB-7421 at 1710)",
    )
    other = a_source(supplier="B", preference=2, lead_time_days=5)
    outcome = decided(ended, other, today=june(1))
    assert isinstance(outcome, SourcingDecision)
    assert outcome.choice.why.startswith("B comes after A; not used: the price of info record 5301 holds until")


def test_a_price_that_begins_later_is_not_used_yet() -> None:
    later = a_source(price_from=june(1))
    assert refusal(decided(later, today=may(29)))[0] == "price"
    assert supplier_of(decided(later, today=june(1))) == "1580"


def test_a_source_is_available_by_the_delivery_date() -> None:
    """At the dock on Thursday the 11th."""
    assert supplier_of(decided(a_source(available_to=june(11)))) == "1580"
    assert refusal(decided(a_source(available_to=june(10)))) == (
        "availability",
        "buyer",
        "the source holds until 2026-06-10, and the delivery date is later (supplier 1580, item BB-7421 at 1710)",
    )
    assert supplier_of(decided(a_source(available_from=june(11)))) == "1580"
    assert refusal(decided(a_source(available_from=june(12))))[0] == "availability"


def test_a_source_that_is_available_today_and_not_at_delivery_gives_way() -> None:
    ends = a_source(supplier="A", available_to=may(31))
    begins = a_source(supplier="B", preference=2, available_from=june(1))
    assert supplier_of(decided(ends, begins)) == "B"


def test_a_delivery_that_is_late_already_counts_by_the_next_working_day() -> None:
    """Needed by 15 June, asked on Saturday 20 June: the goods are asked for on Monday the 22nd."""
    assert supplier_of(decided(a_source(available_from=june(22)), today=june(20))) == "1580"
    assert refusal(decided(a_source(available_to=june(21)), today=june(20)))[0] == "availability"


def test_a_change_of_an_order_keeps_the_price_of_its_own_date() -> None:
    ended = a_source(price=Decimal(2), price_to=may(31))
    outcome = decided(ended, today=june(1), quantity=Decimal(900), holding=["1580"], agreed=True)
    assert supplier_of(outcome) == "1580"
    assert refusal(decided(ended, today=june(1), quantity=Decimal(900), holding=["1580"]))[0] == "price"


def test_a_changed_request_is_at_the_terms_of_the_order() -> None:
    need, item = a_need(), an_item(a_source(price=Decimal(2)))
    assessment = Assessment(item=item, policy=POLICY)
    choice = choose(need, assessment, may(4))
    assert choice is not None
    asked: dict[str, Any] = {"requirement_id": need.id, "today": may(4)}
    first = request_for(need, item, choice, POLICY, request_revision=1, **asked)
    dearer = an_item(a_source(price=Decimal(3), info_record="5302"))
    later = choose(need, assessment.model_copy(update={"item": dearer}), may(5))
    assert later is not None
    second = request_for(need, dearer, later, POLICY, request_revision=2, **asked)
    changed = on_agreed_terms(second, first)
    assert (changed.price, changed.info_record, changed.request_revision) == (Decimal(2), None, 2)


def test_a_supplier_that_holds_an_order_need_be_sound_on_one_of_its_terms() -> None:
    until_may = a_source(price=Decimal(2), available_to=may(31))
    from_june = a_source(price=Decimal(3), available_from=june(1))
    assert supplier_of(decided(until_may, from_june, holding=["1580"])) == "1580"


def an_agreement(**changes: Any) -> Agreement:
    return Agreement.model_validate({"number": "4600000010", "item": 10} | changes)


def test_an_outline_agreement_holds_by_the_order_date() -> None:
    called_off = a_source(supplier="A", price=Decimal(1), agreement=an_agreement(valid_to=may(31)))
    otherwise = a_source(supplier="A", price=Decimal(2))
    for today, price in ((may(31), 1), (june(1), 2)):
        outcome = decided(called_off, otherwise, today=today)
        assert isinstance(outcome, SourcingDecision)
        assert outcome.source.price == price


def test_an_outline_agreement_that_has_ended_asks_the_owner_of_prices() -> None:
    ended = a_source(supplier="A", info_record="5301", agreement=an_agreement(valid_to=may(31)))
    assert refusal(decided(ended, today=june(1))) == (
        "agreement",
        "buyer",
        "the outline agreement 4600000010/10 of info record 5301 holds until 2026-05-31, and the order date is later "
        "(supplier A, item BB-7421 at 1710)",
    )


def test_what_to_do_about_an_agreement_that_is_used_up_is_said() -> None:
    outcome = decided(a_source(supplier="A", agreement=an_agreement(quantity_left=Decimal(999))))
    assert isinstance(outcome, NotOrderable)
    (defect,) = outcome.defects
    assert (defect.value, defect.systems) == ("4600000010/10", ("erp",))
    assert defect.next_step == "extend the agreement, or have the rest ordered on other terms"


def test_an_order_calls_off_what_its_agreement_has_left_and_no_more() -> None:
    left = a_source(supplier="A", agreement=an_agreement(quantity_left=Decimal(999)))
    assert refusal(decided(left)) == (
        "agreement",
        "buyer",
        "outline agreement 4600000010/10 has 999 EA left, and 1000 EA would be ordered "
        "(supplier A, item BB-7421 at 1710)",
    )
    assert supplier_of(decided(left, quantity=Decimal(999))) == "A"
    otherwise = a_source(supplier="A", price=Decimal(3), preference=2)
    outcome = decided(left, otherwise)
    assert isinstance(outcome, SourcingDecision)
    assert (outcome.source, outcome.choice.passed_over[0].field) == (otherwise, "agreement")


def test_whole_lots_are_called_off() -> None:
    """990 in lots of 100 are 1000."""
    left = a_source(multiple=Decimal(100), agreement=an_agreement(quantity_left=Decimal(995)))
    assert refusal(decided(left, quantity=Decimal(990)))[0] == "agreement"


def test_a_value_that_is_left_is_not_exceeded() -> None:
    """1000 at 2.00 are 2,000.00."""
    exact = a_source(agreement=an_agreement(value_left=Decimal(2000)))
    short = a_source(agreement=an_agreement(value_left=Decimal("1999.99")))
    assert supplier_of(decided(exact)) == "1580"
    assert "has 1999.99 USD left, and 2000.00 USD would be ordered" in refusal(decided(short))[2]


def test_the_request_names_the_agreement_that_it_calls_off() -> None:
    need, item = a_need(), an_item(a_source(agreement=an_agreement(quantity_left=Decimal(5000))))
    choice = choose(need, Assessment(item=item, policy=POLICY), may(4))
    assert choice is not None
    request = request_for(need, item, choice, POLICY, requirement_id=need.id, request_revision=1, today=may(4))
    assert request.agreement is not None
    assert (request.agreement.number, request.agreement.item) == ("4600000010", 10)
    assert "quantity_left" not in request.agreement.model_dump()


def test_a_shortage_is_valued_at_the_price_in_force_and_its_order_may_be_changed_though_the_price_has_ended() -> None:
    from_june = a_source(price=Decimal(3), price_from=june(1))
    until_may = a_source(price=Decimal(2), price_to=may(31))
    assert terms_in_force([from_june, until_may], may(31)) == until_may
    assert terms_in_force([from_june, until_may], june(1)) == from_june
    assert terms_in_force([until_may], june(1)) == until_may
    assert terms_in_force([], june(1)) is None
    assert list(sound_sources(a_need(), known(until_may), june(1))) == []
    assert list(sound_sources(a_need(), known(until_may), june(1), agreed=True)) == [until_may]


def test_availability_of_a_new_order_is_by_its_own_delivery_date() -> None:
    """Ordered on 4 May with 21 days: at the dock on 26 May."""
    assert fastest_order(known(a_source(available_from=may(26))), "EA", may(4)) is not None
    assert fastest_order(known(a_source(available_to=may(25))), "EA", may(4)) is None


def known(source: Source, *components: Component, **policy: Any) -> Assessment:
    item = an_item(source).model_copy(update={"components": components})
    return Assessment(item=item, policy=a_policy(**policy))


# -- components


ROUTES = (RouteRule(kind=RouteKind.SUBCONTRACT, components_lead_days=3),)
MADE = a_source(route=RouteKind.SUBCONTRACT)
"""Needed by 15 June, at the dock on the 11th, sent on 21 May, components given on Monday 18 May."""


def part(item: str, quantity: str = "3", **changes: Any) -> Component:
    return Component.model_validate({"item": item, "quantity": quantity, "unit": "KGM", "per": "10"} | changes)


def given(*components: Component, quantity: Decimal | None = None) -> list[tuple[str, Decimal, bool]]:
    need = a_need()
    assessment = known(MADE, *components, routes=ROUTES)
    choice = choose(need, assessment, may(4), quantity=quantity)
    assert choice is not None
    item = assessment.item
    assert isinstance(item, ItemAtPlant)
    request = request_for(
        need, item, choice, assessment.policy, requirement_id=need.id, request_revision=1, today=may(4)
    )
    assert {one.date for one in request.components} == {may(18)}
    return [(one.item, one.per_unit, one.fixed) for one in request.components]


def test_components_are_those_of_the_day_on_which_they_are_issued() -> None:
    """On 4 May the old tube is in force, on 18 May the new one."""
    old, new = part("OLD", valid_to=may(17)), part("NEW", valid_from=may(18))
    assert given(old, new) == [("NEW", Decimal("0.3"), False)]


def test_components_that_begin_after_the_day_of_issue_are_not_given_yet() -> None:
    """By delivery in June the next one is in force, but the parts leave on 18 May."""
    assert given(part("NOW", valid_to=may(31)), part("NEXT", valid_from=june(1))) == [("NOW", Decimal("0.3"), False)]


def test_where_no_component_is_in_force_on_that_day_the_planner_is_asked() -> None:
    outcome = decide_sourcing(a_need(), known(MADE, part("NEXT", valid_from=june(1)), routes=ROUTES), may(4))
    assert refusal(outcome) == (
        "components",
        "planner",
        "the bill of material holds from 2026-06-01, and not on the day on which components are issued "
        "(supplier 1580, item BB-7421 at 1710)",
    )


def test_the_bill_of_material_s_gap_is_shown_by_the_days_around_it() -> None:
    """The parts leave on 18 May: OLD ended on the 17th, NEXT begins on the 19th."""
    gap = (part("OLDER", valid_to=may(1)), part("OLD", valid_to=may(17)), part("NEXT", valid_from=may(19)))
    outcome = decide_sourcing(a_need(), known(MADE, *gap, part("LATE", valid_from=june(1)), routes=ROUTES), may(4))
    assert isinstance(outcome, NotOrderable)
    (defect,) = outcome.defects
    assert defect.value == "until 2026-05-17 and again from 2026-05-19"
    assert defect.next_step == "extend the bill of material's validity, or change the info record's category"
    assert defect.systems == ("erp",)
    ended = decide_sourcing(a_need(), known(MADE, part("OLD", valid_to=may(17)), routes=ROUTES), may(4))
    assert refusal(ended)[2].startswith("the bill of material holds until 2026-05-17, and not on the day")


def test_a_fixed_quantity_does_not_scale() -> None:
    found = given(part("TUBE"), part("TOOL", "1", unit="EA", fixed=True))
    assert found == [("TUBE", Decimal("0.3"), False), ("TOOL", Decimal(1), True)]
