import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.base import Criticality
from canonical.policy import Absence, Approval, PlantPolicy, Role
from decisions.approval import (
    entitled_roles,
    may_decide,
    may_decide_as,
    route_approval,
    value_in_company_currency,
    value_to_approve,
)
from tests.decisions.models import a_policy, june

POLICY = a_policy()


def test_r15_300_at_2_00_usd_is_552_eur_free_for_class_c_and_for_buyer_and_planner_in_class_a_in_shortage() -> None:
    """+300 × 2.00 USD × 0.92 = 552 EUR: class C needs nobody (≤ 1,000 EUR); class A in shortage needs buyer and
    planner."""
    value = value_in_company_currency(Decimal(300), Decimal("2.00"), Decimal(1), "USD", POLICY.approval, june(1))
    assert value == 552
    assert route_approval(value, Criticality.C, False, POLICY).free
    route = route_approval(value, Criticality.A, True, POLICY)
    assert (route.approvers, route.free) == (("buyer", "planner"), False)


def test_a_price_per_hundred_is_divided_and_a_decrease_counts_like_an_increase() -> None:
    value = value_in_company_currency(Decimal(-300), Decimal(200), Decimal(100), "USD", POLICY.approval, june(1))
    assert value == 552


def test_a_limit_reached_is_free_and_a_cent_more_is_the_buyers() -> None:
    assert route_approval(Decimal(500), Criticality.B, True, POLICY).approvers == ()
    assert route_approval(Decimal("500.01"), Criticality.B, True, POLICY).approvers == ("buyer",)


def test_a_great_value_is_the_managers_as_well() -> None:
    assert route_approval(Decimal(25000), Criticality.C, False, POLICY).approvers == ("buyer", "purchasing-manager")


def test_class_a_in_shortage_is_not_free_at_any_value() -> None:
    assert route_approval(Decimal(0), Criticality.A, False, POLICY).free
    in_shortage = route_approval(Decimal(0), Criticality.A, True, POLICY)
    assert not in_shortage.free
    assert in_shortage.why == "0 EUR for class A, in shortage"


def test_a_class_without_a_limit_changes_nothing_freely() -> None:
    policy = a_policy(approval=Approval(free_up_to={}))
    assert route_approval(Decimal(0), Criticality.C, False, policy).free
    assert route_approval(Decimal("0.01"), Criticality.C, False, policy).approvers == ("buyer",)


def test_half_a_cent_is_a_cent() -> None:
    value = value_in_company_currency(Decimal(1), Decimal("0.125"), Decimal(1), "EUR", POLICY.approval, june(1))
    assert value == Decimal("0.13")


def test_a_currency_without_a_rate_is_an_error_that_says_where_to_add_it() -> None:
    with pytest.raises(ValueError, match=r"no rate for GBP on 2026-06-01 in the policy; add it to approval\.rates"):
        value_in_company_currency(Decimal(1), Decimal(1), Decimal(1), "GBP", POLICY.approval, june(1))


def test_a_change_whose_value_nobody_knows_is_worth_the_managers_decision_and_no_change_is_worth_nothing() -> None:
    def value(delta: int, currency: str) -> Decimal:
        return value_to_approve(Decimal(delta), Decimal(200), Decimal(100), currency, POLICY.approval, june(1))

    assert value(-300, "USD") == 552
    assert value(-1, "GBP") == POLICY.approval.manager_from
    assert str(value(0, "GBP")) == "0.00"


def test_nobody_decides_what_they_proposed() -> None:
    assert not may_decide("Ana.Ruiz", "ana.ruiz ")
    assert may_decide("pegline", "ana.ruiz")


def test_who_proposed_it_is_not_among_those_who_decide() -> None:
    proposed_by_the_buyer = route_approval(Decimal(600), Criticality.B, False, POLICY, proposed_by="Buyer ")
    assert proposed_by_the_buyer.approvers == ("purchasing-manager",)
    both = route_approval(Decimal(0), Criticality.A, True, POLICY, proposed_by="buyer")
    assert both.approvers == ("planner",)


def test_what_the_manager_proposes_is_the_buyers_and_what_all_are_one_role_for_is_that_roles() -> None:
    manager = a_policy(buyer="purchasing-manager")
    assert route_approval(Decimal(600), Criticality.B, False, manager, proposed_by="purchasing-manager").approvers == (
        "planner",
    )
    one = a_policy(buyer="owner", planner="owner", manager="owner")
    assert route_approval(Decimal(600), Criticality.B, False, one, proposed_by="owner").approvers == ("owner",)


def test_a_route_says_what_was_compared_with_which_limits() -> None:
    reason = route_approval(Decimal(552), Criticality.A, True, POLICY).reason("v7")
    assert reason.model_dump() == {
        "rule": "R15",
        "why": "552 EUR for class A, free up to 0, in shortage",
        "inputs": {
            "value": "552",
            "currency": "EUR",
            "criticality": "A",
            "in_shortage": True,
            "approvers": ["buyer", "planner"],
        },
        "thresholds": {"approval.free_up_to.A": "0", "approval.manager_from": "25000"},
        "policy_version": "v7",
    }
    free = route_approval(Decimal(400), Criticality.B, True, POLICY)
    assert free.reason("v7").why == "400 EUR is within the 500 that class B may change freely"


def test_a_role_may_decide_when_it_or_whom_it_stands_in_for_is_entitled() -> None:
    june_15 = dt.datetime(2026, 6, 15, 12, tzinfo=dt.UTC)
    away = Role(absences=(Absence(first_day=june(10), last_day=june(20), delegate="Dana"),))
    policy = a_policy(roles={"buyer": away})
    entitled = entitled_roles(["buyer", "planner"], policy, june_15)
    assert entitled == ("buyer", "Dana", "planner")
    assert may_decide_as(" dana", entitled)
    assert not may_decide_as("purchasing-manager", entitled)
    assert entitled_roles(["buyer"], policy, june_15 + dt.timedelta(days=6)) == ("buyer",)


values = st.decimals(0, 100_000, places=2)
classes = st.sampled_from(list(Criticality))


@given(values, values, classes, st.booleans())
def test_more_value_never_needs_fewer_people(
    one: Decimal, other: Decimal, criticality: Criticality, short: bool
) -> None:
    less, more = sorted((one, other))
    fewer = route_approval(less, criticality, short, POLICY).approvers
    assert set(fewer) <= set(route_approval(more, criticality, short, POLICY).approvers)


people = st.sampled_from(["buyer", "planner", "purchasing-manager", "owner"])
policies = st.builds(
    lambda approval, buyer, planner, manager: a_policy(
        approval=approval, buyer=buyer, planner=planner, manager=manager
    ),
    st.builds(Approval, free_up_to=st.dictionaries(classes, st.decimals(0, 50_000, places=2)), manager_from=values),
    people,
    people,
    people,
)


@given(values, classes, st.booleans(), policies, people | st.just("pegline"))
def test_every_change_is_free_or_somebody_decides_it_who_did_not_propose_it(
    value: Decimal, criticality: Criticality, short: bool, policy: PlantPolicy, proposed_by: str
) -> None:
    route = route_approval(value, criticality, short, policy, proposed_by=proposed_by)
    assert route.free == (not route.approvers)
    assert len(set(route.approvers)) == len(route.approvers)
    if {policy.buyer, policy.planner, policy.manager} != {proposed_by}:
        assert proposed_by not in route.approvers
    if criticality is Criticality.A and short:
        assert not route.free
    assert route.reason(policy.version).rule == "R15"
