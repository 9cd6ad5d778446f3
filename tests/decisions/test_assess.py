import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.calendar import Calendar
from canonical.policy import DefectOwners, LeadTime, PlantPolicy, Quota, RouteKind, RouteRule
from canonical.sourcing import Assessment, Component, MasterDataDefect, UnitConversion, UnknownItem
from decisions.assess import NotOrderable, SourcingDecision, decide_sourcing
from tests.decisions.models import a_need, a_policy, a_source, an_item, june, may, numbers

TODAY = may(4)
DIRECT = RouteRule(kind=RouteKind.DIRECT)
TRANSFER = RouteRule(kind=RouteKind.TRANSFER, supplying_plant="1720")
SUBCONTRACT = RouteRule(kind=RouteKind.SUBCONTRACT)
EVERY_ROUTE = (TRANSFER, DIRECT, SUBCONTRACT)

BOUGHT = a_source(supplier="1580")
MOVED = a_source(
    supplier="1720", route=RouteKind.TRANSFER, lead_time_days=2, lead_time_in="working_days", currency="EUR", price=0
)
MADE = a_source(supplier="1690", route=RouteKind.SUBCONTRACT, lead_time_days=14)
COMPONENTS = (Component(item="STEEL", quantity=Decimal(3), unit="KGM", per=Decimal(10)),)


def known(
    *sources: Any, policy: PlantPolicy | None = None, allocated: dict[str, Decimal] | None = None, **item: Any
) -> Assessment:
    """What is known of the item; `item`: fields of ItemAtPlant."""
    kept = an_item(*sources).model_copy(update=item)
    return Assessment(item=kept, policy=policy or a_policy(), allocated=allocated or {})


def decided(assessment: Assessment, today: dt.date = TODAY, **asked: Any) -> SourcingDecision:
    outcome = decide_sourcing(a_need(), assessment, today, **asked)
    assert isinstance(outcome, SourcingDecision), outcome
    return outcome


def refused(assessment: Assessment, need: Any = None, **asked: Any) -> tuple[MasterDataDefect, ...]:
    outcome = decide_sourcing(need or a_need(), assessment, may(4), **asked)
    assert isinstance(outcome, NotOrderable), outcome
    return outcome.defects


def test_a_decision_says_from_whom_by_when_in_which_lots_and_why() -> None:
    source = a_source(minimum_quantity=Decimal(100), multiple=Decimal(30), maximum_quantity=Decimal(600))
    decision = decided(known(source))
    assert (decision.source, decision.route, decision.lots.lots) == (source, RouteKind.DIRECT, numbers(600, 420))
    assert (decision.schedule.dock_date, decision.schedule.send_by) == (june(11), may(21))
    choice, schedule, lots = decision.reasons()
    assert (choice.rule, choice.why) == ("R3", "1580 is the first source")
    assert choice.inputs["sources"] == ["1580"]
    assert (schedule.rule, schedule.thresholds) == ("R6", {"processing_days": 1})
    assert schedule.why == "at the dock by 2026-06-11, sent by 2026-05-21, requisition by 2026-05-20"
    assert (lots.rule, lots.inputs["multiple"], lots.policy_version) == ("R5", "30", "test")
    assert lots.why == "1000 needed, 2 lots ordered, 20 surplus (minimum 100, multiple 30, maximum 600)"


def test_only_what_is_left_is_decided_on_and_nobody_who_is_excluded_is_asked() -> None:
    decision = decided(known(BOUGHT, a_source(supplier="1678", preference=2)), quantity=Decimal(150), exclude=["1580"])
    assert (decision.source.supplier, decision.lots.total, decision.choice.needed) == (
        "1678",
        Decimal(150),
        Decimal(150),
    )
    assert decision.choice.why == "1678 comes after 1580"
    (defect,) = refused(known(BOUGHT), exclude=["1580"])
    assert (defect.field, defect.value, defect.owner) == ("sources", "1580", "buyer")


def test_the_suppliers_own_policy_plans_its_dates_and_is_the_one_that_decided() -> None:
    slower = a_policy(processing_days=5, version="of 1580")
    assessment = known(BOUGHT).model_copy(update={"by_supplier": {"1580": slower}})
    decision = decided(assessment)
    assert (decision.policy.version, decision.schedule.requisition_by) == ("of 1580", may(14))
    assert {reason.policy_version for reason in decision.reasons()} == {"of 1580"}


# -- routes and sourcing rules


def test_the_plants_routes_are_tried_in_their_order_before_any_preference() -> None:
    first = decided(known(BOUGHT, MOVED, policy=a_policy(routes=EVERY_ROUTE)))
    assert (first.source.supplier, first.route) == ("1720", RouteKind.TRANSFER)
    turned = decided(known(BOUGHT, MOVED, policy=a_policy(routes=(DIRECT, TRANSFER))))
    assert turned.route is RouteKind.DIRECT


def test_a_later_route_is_taken_where_the_first_can_not_make_the_date() -> None:
    policy = a_policy(routes=(DIRECT, TRANSFER))
    decision = decided(known(BOUGHT, MOVED, policy=policy), today=june(3))
    assert (decision.route, decision.choice.rule) == (RouteKind.TRANSFER, "R6")
    assert decision.choice.why == "1720 makes 2026-06-11; 1580 can't be at the dock before 2026-06-25"


def test_a_route_that_the_plant_does_not_take_is_closed_and_the_defect_says_so() -> None:
    (defect,) = refused(known(MADE, components=COMPONENTS))
    assert (defect.field, defect.systems) == ("sources", ("erp", "policy"))
    statement = "none of the routes of plant 1710 (direct) leads to a source of BB-7421 (1690 by subcontract)"
    assert defect.detail == statement


def test_a_transfer_from_a_plant_that_does_not_keep_the_item_is_named() -> None:
    plant, nobody = refused(known(policy=a_policy(routes=(TRANSFER,))))
    assert (plant.field, plant.value, plant.systems) == ("supplying_plant", "1720", ("erp", "policy"))
    assert nobody.detail == "nobody supplies item BB-7421 to plant 1710"


@pytest.mark.parametrize(
    ("rule", "supplier"),
    [
        ("supplier:1690", "1690"),
        ("1690", "1690"),
        ("route:transfer", "1720"),
        ("supplier:1720", "1720"),
        (None, "1580"),
    ],
)
def test_the_plan_may_name_the_source_or_the_route(rule: str | None, supplier: str) -> None:
    policy = a_policy(routes=(DIRECT, TRANSFER, SUBCONTRACT))
    assessment = known(BOUGHT, MOVED, MADE, policy=policy, components=COMPONENTS)
    outcome = decide_sourcing(a_need(sourcing_rule=rule), assessment, may(4))
    assert isinstance(outcome, SourcingDecision)
    assert outcome.source.supplier == supplier
    assert outcome.choice.why == (f"the plan asks for {rule}: {supplier}" if rule else "1580 is the first source")


@pytest.mark.parametrize("rule", ["supplier:4711", "4711", "route:transfer", "route:drone", "quota 7"])
def test_a_sourcing_rule_that_leads_nowhere_is_the_buyers_to_fix(rule: str) -> None:
    (defect,) = refused(known(BOUGHT), a_need(sourcing_rule=rule))
    assert (defect.field, defect.value, defect.owner, defect.systems) == (
        "sourcing_rule",
        rule,
        "buyer",
        ("aps", "erp"),
    )


def test_between_sources_of_one_preference_policy_breaks_the_tie() -> None:
    dear = a_source(supplier="A", price=Decimal(3), lead_time_days=5)
    cheap = a_source(supplier="B", price=Decimal(24), unit="DZN", lead_time_days=10)
    assert decided(known(dear, cheap, policy=a_policy(tie_break="preference"))).source.supplier == "A"
    assert decided(known(dear, cheap)).source.supplier == "B"
    assert decided(known(cheap, dear, policy=a_policy(tie_break="lead_time"))).source.supplier == "A"
    assert (
        decided(
            known(dear, cheap.model_copy(update={"preference": 2}), policy=a_policy(tie_break="price"))
        ).source.supplier
        == "A"
    ), "a tie is between sources of one preference only"


# -- units


def test_a_need_in_grams_is_ordered_in_pounds() -> None:
    """R5: 50,000 g at 453.592292197 g/lb with 3 decimals → 110.232 lb."""
    pounds = a_source(unit="LBR", minimum_quantity=Decimal(0), multiple=Decimal("0.001"))
    conversions = (UnitConversion(unit="LBR", numerator=Decimal("453592.292197"), denominator=Decimal(1000)),)
    need = a_need(quantity=Decimal(50000), unit="GRM")
    outcome = decide_sourcing(need, known(pounds, base_unit="GRM", conversions=conversions), may(4))
    assert isinstance(outcome, SourcingDecision)
    assert outcome.lots.lots == (Decimal("110.232"),)
    assert outcome.lots.why.startswith("50000 GRM needed, 110.232 LBR ordered, 0.385553 GRM surplus")
    assert outcome.choice.quantity == 50000
    assert outcome.reasons()[0].inputs["needed"] == "110.231149999975 LBR"


# -- master data


IDLE = Calendar(name="idle", weekdays=())


@pytest.mark.parametrize(
    ("item", "source", "field", "value", "owner", "systems"),
    [
        ({"blocked": "phased out"}, {}, "blocked", "phased out", "item", ("erp",)),
        ({}, {"blocked": True}, "supplier", "1580", "supplier", ("erp",)),
        ({}, {"unit": "CT"}, "unit", "EA", "unit", ("aps", "erp")),
        ({}, {"maximum_quantity": Decimal(10)}, "maximum_quantity", "10", "lots", ("aps", "erp")),
        (
            {},
            {"minimum_quantity": Decimal(9), "maximum_quantity": Decimal(8)},
            "minimum_quantity",
            "9",
            "lots",
            ("erp",),
        ),
        ({}, {"lead_time_days": 0}, "lead_time_days", "0", "lead_time", ("erp", "policy")),
        ({}, {"lead_time_days": 1}, "lead_time_days", "1", "lead_time", ("erp", "policy")),
        ({}, {"lead_time_days": 91}, "lead_time_days", "91", "lead_time", ("erp", "policy")),
        ({}, {"currency": "GBP"}, "currency", "GBP", "policy", ("erp", "policy")),
        ({}, {"lead_time_in": "working_days", "calendar": IDLE}, "calendar", "idle", "calendar", ("erp",)),
        ({}, {"route": RouteKind.SUBCONTRACT}, "components", "none", "item", ("erp",)),
    ],
)
def test_a_defect_names_the_field_the_value_the_systems_and_the_owner(
    item: dict[str, Any], source: dict[str, Any], field: str, value: str, owner: str, systems: tuple[str, ...]
) -> None:
    owners = DefectOwners(**{domain: f"owner of {domain}" for domain in DefectOwners.model_fields})
    policy = a_policy(owners=owners, lead_time=LeadTime(minimum_days=2, maximum_days=90), routes=EVERY_ROUTE)
    assessment = known(a_source(**source), policy=policy, **item)
    defect = refused(assessment)[0]
    assert (defect.field, defect.value, defect.systems) == (field, value, systems)
    assert defect.owner == f"owner of {owner}"
    assert defect.next_step


@pytest.mark.parametrize("lead_time_days", [2, 90])
def test_a_lead_time_at_either_limit_is_sound(lead_time_days: int) -> None:
    policy = a_policy(lead_time=LeadTime(minimum_days=2, maximum_days=90))
    assert decided(known(a_source(lead_time_days=lead_time_days), policy=policy)).source.supplier == "1580"


def test_a_transfer_may_take_no_days_and_needs_no_rate() -> None:
    moved = MOVED.model_copy(update={"lead_time_days": 0, "currency": "GBP"})
    assert decided(known(moved, policy=a_policy(routes=EVERY_ROUTE))).route is RouteKind.TRANSFER


def test_a_plant_that_never_works_can_order_nothing() -> None:
    (defect,) = refused(known(BOUGHT, policy=a_policy(calendar=IDLE)))
    assert (defect.field, defect.value, defect.systems) == ("calendar", "idle", ("policy",))


def test_a_supplier_by_whose_rules_the_plant_never_works_is_passed_by() -> None:
    assessment = known(BOUGHT, a_source(supplier="1678", preference=2))
    own = {"1580": a_policy(calendar=IDLE, version="of 1580")}
    assert decided(assessment.model_copy(update={"by_supplier": own})).source.supplier == "1678"


def test_an_unknown_item_is_the_owners_of_items() -> None:
    found = UnknownItem(plant="1710", item="BB-7421", detail="not extended to plant 1710")
    assessment = Assessment(item=None, unknown=found, policy=a_policy())
    outcome = decide_sourcing(a_need(), assessment, may(4))
    assert isinstance(outcome, NotOrderable)
    assert (outcome.why, outcome.defects[0].systems) == ("not extended to plant 1710", ("aps", "erp"))
    (reason,) = outcome.reasons()
    assert (reason.rule, reason.why, reason.inputs) == ("R3", outcome.why, {"item#1": "BB-7421"})


def test_a_supplier_that_holds_coverage_must_be_sound_even_where_another_is() -> None:
    broken = a_source(supplier="1580", unit="CT")
    assessment = known(broken, a_source(supplier="1678", preference=2))
    assert [defect.field for defect in refused(assessment, holding=["1580"])] == ["unit"]
    assert decided(assessment, holding=["1678"]).source.supplier == "1678"


# -- properties


kinds = st.sampled_from(list(RouteKind))
sources = st.lists(
    st.builds(
        a_source,
        supplier=st.sampled_from(["1580", "1678", "1720"]),
        route=kinds,
        preference=st.integers(1, 2),
        lead_time_days=st.integers(0, 40),
        unit=st.sampled_from(["EA", "DZN", "CT"]),
        maximum_quantity=st.sampled_from([None, Decimal(10), Decimal(400)]),
        blocked=st.booleans(),
        lead_time_in=st.sampled_from(["calendar_days", "working_days"]),
        calendar=st.sampled_from([IDLE, Calendar(name="weekdays")]),
    ),
    max_size=4,
)
policies = st.builds(
    a_policy,
    routes=st.lists(st.sampled_from(EVERY_ROUTE), min_size=1, max_size=3, unique_by=lambda rule: rule.kind).map(tuple),
    tie_break=st.sampled_from(["preference", "price", "lead_time"]),
    quotas=st.dictionaries(st.sampled_from(["1580", "1720"]), st.just(Quota(share=Decimal(1)))),
)
rules = st.sampled_from([None, "supplier:1580", "route:direct", "1720"])


@given(sources, policies, rules, st.dates(may(1), june(30)))
def test_every_need_is_either_ordered_of_a_sound_and_permitted_source_or_refused_with_a_defect(
    kept: list[Any], policy: PlantPolicy, rule: str | None, today: dt.date
) -> None:
    need = a_need(sourcing_rule=rule)
    assessment = known(*kept, policy=policy, components=COMPONENTS)
    outcome = decide_sourcing(need, assessment, today)
    if isinstance(outcome, NotOrderable):
        assert outcome.defects
        assert all(defect.owner and defect.next_step and defect.systems for defect in outcome.defects)
        return
    source = outcome.source
    assert source.route in {route.kind for route in policy.routes}
    assert not source.blocked
    assert rule is None or rule in (f"supplier:{source.supplier}", f"route:{source.route}", source.supplier)
    assert outcome.lots.total >= outcome.choice.needed
    assert outcome.reasons()
    others = [other.supplier for other in kept if other.supplier != source.supplier]
    alone = decide_sourcing(need, assessment, today, exclude=others)
    assert isinstance(alone, SourcingDecision), "who is chosen among many can be chosen alone"


@given(sources, policies, st.dates(may(1), june(30)))
def test_a_decision_is_the_same_from_what_was_written_down(
    kept: list[Any], policy: PlantPolicy, today: dt.date
) -> None:
    """What the backtest replays: need and assessment as JSON."""
    need, assessment = a_need(), known(*kept, policy=policy, components=COMPONENTS)
    read = Assessment.model_validate_json(assessment.model_dump_json())
    assert decide_sourcing(type(need).model_validate_json(need.model_dump_json()), read, today) == decide_sourcing(
        need, assessment, today
    )
