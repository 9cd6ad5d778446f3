from decimal import Decimal

import pytest

from canonical.base import Criticality
from canonical.identity import OrderId
from canonical.policy import RouteKind, RouteRule
from canonical.records import OrderTerms
from canonical.sourcing import Assessment, Component
from canonical.supply import CoverageChanged, OrderCoverage, RequestedComponent
from decisions.feasibility import Short, judge_feasibility
from decisions.shortage import shortage_proposal
from decisions.sourcing import defects_of, plan_with
from decisions.supply_requests import release, request_for, terms_for
from tests.decisions.models import a_need, a_peg, a_policy, a_source, an_item, confirmed, june, may, numbers, received

POLICY = a_policy()
SOURCE = a_source(
    minimum_quantity=Decimal(100), multiple=Decimal(25), maximum_quantity=Decimal(400), info_record="5300"
)
ITEM = an_item(SOURCE)
NEED = a_need(quantity=Decimal(437), pegging=(a_peg(400, june(15), Criticality.A), a_peg(37, june(20))))


def test_a_request_states_lots_dates_and_pegs_of_the_need() -> None:
    choice = plan_with(SOURCE, ITEM, NEED, POLICY, may(4))
    request = request_for(NEED, ITEM, choice, POLICY, requirement_id=NEED.id, request_revision=3, today=may(4))
    assert (request.lots, request.quantity, request.needed) == (numbers(400, 100), Decimal(500), Decimal(437))
    assert (request.dock_date, request.send_by, request.expedite) == (june(11), may(21), False)
    assert (request.pegs, request.criticality) == (NEED.pegs, Criticality.A)
    assert (request.price, request.currency, request.info_record) == (Decimal("2.00"), "USD", "5300")
    assert (request.request_revision, request.reason) == (3, "1580 is the first source")


def test_no_dock_date_in_the_past_is_asked_for_and_the_day_it_should_have_been_sent_is_kept() -> None:
    saturday = june(13)
    choice = plan_with(SOURCE, ITEM, NEED, POLICY, saturday)
    request = request_for(NEED, ITEM, choice, POLICY, requirement_id=NEED.id, request_revision=1, today=saturday)
    assert (request.dock_date, request.send_by, request.expedite) == (june(15), may(21), True)


def test_r6_due_on_mon_4_may_stated_on_sat_6_june_is_asked_for_mon_8_and_27_days_late() -> None:
    saturday, late = june(6), a_need(required_date=may(4), pegging=(a_peg(437, may(4)),))
    assert not defects_of(late, Assessment(item=ITEM, policy=POLICY), may(4))
    choice = plan_with(SOURCE, ITEM, late, POLICY, saturday)
    request = request_for(late, ITEM, choice, POLICY, requirement_id=late.id, request_revision=1, today=saturday)
    assert (request.required_date, request.dock_date, request.expedite) == (may(4), june(8), True)
    coming = [confirmed(437, june(8))]
    outcome = judge_feasibility(late.pegs, coming, ITEM.goods_receipt_days, POLICY.calendar, saturday)
    assert isinstance(outcome, Short)
    assert (outcome.short_at, outcome.available_on, outcome.working_days_late) == (may(4), june(10), 27)
    proposal = shortage_proposal(late, outcome, (), SOURCE.supplier, ITEM, POLICY, saturday)
    assert proposal.working_days_late == 27
    assert proposal.latest_safe_date is None


def test_a_number_is_never_ordered_in_another_unit() -> None:
    cartons = a_source(unit="CT")
    with pytest.raises(ValueError, match="sells BB-7421 in CT, the need is in EA"):
        plan_with(cartons, an_item(cartons), NEED, POLICY, may(4))


def test_the_terms_of_an_order_are_those_of_the_source() -> None:
    choice = plan_with(SOURCE, ITEM, NEED, POLICY, may(4))
    request = request_for(NEED, ITEM, choice, POLICY, requirement_id=NEED.id, request_revision=1, today=may(4))
    assert (request.route, request.components, request.internal, request.policy) == (
        RouteKind.DIRECT,
        (),
        False,
        POLICY.for_line(),
    )
    assert terms_for(request, choice) == OrderTerms(plant="1710", supplier="1580", currency="USD", terms="standard")


def test_a_need_of_one_of_our_own_orders_is_internal() -> None:
    own = a_need(source="pegline", pegging=NEED.pegging)
    choice = plan_with(SOURCE, ITEM, own, POLICY, may(4))
    assert request_for(own, ITEM, choice, POLICY, requirement_id=own.id, request_revision=1, today=may(4)).internal


def in_dozens() -> OrderCoverage:
    """100 pieces needed by the 10th and 15 more by the 15th, ordered in dozens: ten of them, 120 pieces."""
    need = a_need(quantity=Decimal(115), pegging=(a_peg(100, june(10)), a_peg(15, june(15), Criticality.A)))
    source = a_source(unit="DZN")
    choice = plan_with(source, an_item(source), need, POLICY, may(4))
    request = request_for(
        need, an_item(source), choice, POLICY, requirement_id=need.id, request_revision=1, today=may(4)
    )
    return OrderCoverage(order_id=OrderId("order/1"), supplier="1580", request=request)


def test_lots_needed_and_pegs_are_stated_in_the_order_unit() -> None:
    request = in_dozens().request
    assert (request.unit, request.need_unit, request.per_order_unit) == ("DZN", "EA", (Decimal(12), Decimal(1)))
    assert (request.lots, request.needed, request.need_quantity) == (
        numbers(10),
        Decimal("9.583333333333"),
        Decimal(115),
    )
    assert [(peg.quantity, peg.date) for peg in request.pegs] == [
        (Decimal("8.333333"), june(10)),
        (Decimal("1.25"), june(15)),
    ]
    assert request.criticality is Criticality.A


def test_what_an_order_gives_comes_back_in_the_needs_unit() -> None:
    coverage = in_dozens()
    assert (coverage.needed, *(part.quantity for part in coverage.supply)) == numbers(115, 115)
    reported = CoverageChanged(
        order_id=coverage.order_id,
        sequence=1,
        as_of=NEED.revision.effective_at,
        supplier="1580",
        request_revision=1,
        schedule_lines=(received(4, june(8)), confirmed(5, june(11))),
        open_quantity=Decimal(1),
    )
    answered = coverage.model_copy(update={"reported": reported})
    assert tuple(part.quantity for part in answered.supply) == numbers(48, 60)
    assert (answered.received, answered.open_quantity, answered.open_quantity_in_order_unit) == (
        Decimal(48),
        Decimal(12),
        Decimal(1),
    )
    assert answered.supply == (received(48, june(8)), confirmed(60, june(11)))
    ended = answered.model_copy(update={"released": True, "reported": reported.model_copy(update={"closed": True})})
    assert (ended.open_quantity_in_order_unit, ended.open_quantity) == (Decimal("5.583333333333"), Decimal(67))


def test_a_subcontractor_is_given_components_for_each_order_unit_before_the_order_is_sent() -> None:
    """3 kg for 10 pieces are 3.6 kg for a dozen; sent by 21 May, given 3 working days before: Mon 18 May."""
    routes = (RouteRule(kind=RouteKind.SUBCONTRACT, components_lead_days=3),)
    source = a_source(route=RouteKind.SUBCONTRACT, unit="DZN")
    steel = Component(item="STEEL", quantity=Decimal(3), unit="KGM", per=Decimal(10))
    item = an_item(source).model_copy(update={"components": (steel,)})
    policy = a_policy(routes=routes)
    choice = plan_with(source, item, NEED, policy, may(4))
    request = request_for(NEED, item, choice, policy, requirement_id=NEED.id, request_revision=1, today=may(4))
    given = RequestedComponent(item="STEEL", unit="KGM", per_unit=Decimal("3.6"), date=may(18))
    assert (request.route, request.components) == (RouteKind.SUBCONTRACT, (given,))
    late = request_for(NEED, item, choice, policy, requirement_id=NEED.id, request_revision=1, today=may(23))
    assert late.components[0].date == may(25), "no day that has passed is asked for"
    unknown = source.model_copy(update={"unit": "CT"})
    with pytest.raises(ValueError, match="makes BB-7421 in CT, its base unit is EA"):
        request_for(
            NEED,
            item,
            choice._replace(source=unknown),
            policy,
            requirement_id=NEED.id,
            request_revision=1,
            today=may(4),
        )


def test_a_release_requests_nothing_more_and_is_newer() -> None:
    choice = plan_with(SOURCE, ITEM, NEED, POLICY, may(4))
    request = request_for(
        NEED, ITEM, choice, POLICY, requirement_id=NEED.id, request_revision=1, today=may(4), approved_by="ana"
    )
    released = release(request, request_revision=2, reason="withdrawn")
    assert (released.lots, released.quantity, released.needed) == ((), Decimal(0), Decimal(0))
    assert (released.request_revision, released.reason, released.approved_by) == (2, "withdrawn", None)
    assert type(released).model_validate(released.model_dump()) == released
