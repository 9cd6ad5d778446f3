"""A supply request, its release and its terms, each compared whole: a field left out is an order placed wrongly."""

from decimal import Decimal

from canonical.base import Criticality
from canonical.identity import RequirementId
from canonical.policy import RouteKind, RouteRule
from canonical.records import OrderTerms
from canonical.sourcing import Component, UnitConversion
from canonical.supply import LotTerms, RequestedComponent, SupplyRequest
from decisions.sourcing import plan_with
from decisions.supply_requests import release, request_for, terms_for
from tests.decisions.models import a_need, a_peg, a_policy, a_source, an_item, june, may, numbers

POLICY = a_policy()
SOURCE = a_source(
    minimum_quantity=Decimal(100),
    multiple=Decimal(25),
    info_record="5300",
    price=Decimal(200),
    price_unit=Decimal(100),
    terms="net 30",
)
ITEM = an_item(SOURCE).model_copy(update={"material_group": "BIKE"})
NEED = a_need(quantity=Decimal(430), pegging=(a_peg(430, june(15), Criticality.A),))
CHOICE = plan_with(SOURCE, ITEM, NEED, POLICY, may(4))
REQUEST = SupplyRequest(
    requirement_id=RequirementId("requirement/1"),
    request_revision=3,
    plant="1710",
    item="BB-7421",
    description="Bottom bracket",
    material_group="BIKE",
    unit="EA",
    lots=numbers(450),
    needed=Decimal(430),
    lot_terms=LotTerms(minimum=Decimal(100), multiple=Decimal(25)),
    required_date=june(15),
    dock_date=june(11),
    send_by=may(21),
    pegs=NEED.pegs,
    goods_receipt_days=2,
    criticality=Criticality.A,
    price=Decimal(200),
    currency="USD",
    price_unit=Decimal(100),
    info_record="5300",
    need_unit="EA",
    policy=POLICY.for_line(),
    expedite=True,
    approved_by="ana.ruiz",
    reason="expedited",
    correlation_id="c-1",
)


def test_a_request_has_all_that_the_order_must_know() -> None:
    stated = request_for(
        NEED,
        ITEM,
        CHOICE,
        POLICY,
        requirement_id=RequirementId("requirement/1"),
        request_revision=3,
        today=may(4),
        correlation_id="c-1",
        expedite=True,
        approved_by="ana.ruiz",
        reason="expedited",
    )
    assert stated == REQUEST


def test_a_request_has_the_defaults_of_the_rules() -> None:
    stated = request_for(
        NEED, ITEM, CHOICE, POLICY, requirement_id=REQUEST.requirement_id, request_revision=3, today=may(4)
    )
    silent = {"expedite": False, "approved_by": None, "reason": "1580 is the first source", "correlation_id": ""}
    assert stated == REQUEST.model_copy(update=silent)


def test_pegs_in_the_order_unit_are_passed_on_as_they_are() -> None:
    stated = request_for(
        NEED, ITEM, CHOICE, POLICY, requirement_id=REQUEST.requirement_id, request_revision=3, today=may(4)
    )
    assert all(one is other for one, other in zip(stated.pegs, NEED.pegs, strict=True))


def test_a_request_has_the_largest_lot_of_its_source() -> None:
    up_to_400 = SOURCE.model_copy(update={"maximum_quantity": Decimal(400)})
    choice = plan_with(up_to_400, ITEM, NEED, POLICY, may(4))
    stated = request_for(
        NEED, ITEM, choice, POLICY, requirement_id=REQUEST.requirement_id, request_revision=3, today=may(4)
    )
    terms = LotTerms(minimum=Decimal(100), multiple=Decimal(25), maximum=Decimal(400))
    assert (stated.lots, stated.lot_terms) == (numbers(400, 100), terms)


def test_only_a_subcontractor_is_given_components() -> None:
    steel = Component(item="STEEL", quantity=Decimal("0.1"), unit="KGM", per=Decimal(3))
    item = ITEM.model_copy(update={"components": (steel,)})
    direct = plan_with(SOURCE, item, NEED, POLICY, may(4))
    assert not request_for(
        NEED, item, direct, POLICY, requirement_id=REQUEST.requirement_id, request_revision=3, today=may(4)
    ).components
    made = SOURCE.model_copy(update={"route": RouteKind.SUBCONTRACT})
    choice = plan_with(made, item, NEED, POLICY, may(4))
    request = request_for(
        NEED, item, choice, POLICY, requirement_id=REQUEST.requirement_id, request_revision=3, today=may(4)
    )
    # A tenth of a kilogram for three pieces, rounded up; two working days before Thu 21 May where policy has no rule.
    assert request.components == (
        RequestedComponent(item="STEEL", unit="KGM", per_unit=Decimal("0.033334"), date=may(19)),
    )


def test_the_terms_name_the_route_as_well() -> None:
    transfer = SOURCE.model_copy(update={"route": RouteKind.TRANSFER, "supplier": "1720"})
    policy = a_policy(routes=(RouteRule(kind=RouteKind.TRANSFER, supplying_plant="1720"),))
    choice = plan_with(transfer, ITEM, NEED, policy, may(4))
    assert terms_for(REQUEST, choice) == OrderTerms(
        plant="1710", supplier="1720", currency="USD", terms="net 30", route=RouteKind.TRANSFER
    )


def test_a_release_requests_nothing_is_no_expediting_and_needs_no_approval() -> None:
    nothing = {
        "lots": (),
        "needed": Decimal(0),
        "request_revision": 4,
        "reason": "withdrawn",
        "approved_by": None,
        "expedite": False,
    }
    assert release(REQUEST, request_revision=4, reason="withdrawn") == REQUEST.model_copy(update=nothing)
    reported = release(REQUEST, request_revision=4, reason="withdrawn", correlation_id="c-2")
    assert reported == REQUEST.model_copy(update=nothing | {"correlation_id": "c-2"})


def test_components_of_an_order_unit_that_is_no_whole_number_of_base_units() -> None:
    """Three cartons are ten pieces; three kilograms a piece are ten kilograms a carton."""
    item = ITEM.model_copy(
        update={
            "conversions": (UnitConversion(unit="CT", numerator=Decimal(10), denominator=Decimal(3)),),
            "components": (Component(item="STEEL", quantity=Decimal(3), unit="KGM"),),
        }
    )
    made = SOURCE.model_copy(update={"route": RouteKind.SUBCONTRACT, "unit": "CT"})
    choice = plan_with(made, item, NEED, POLICY, may(4))
    request = request_for(
        NEED, item, choice, POLICY, requirement_id=REQUEST.requirement_id, request_revision=3, today=may(4)
    )
    assert [component.per_unit for component in request.components] == [Decimal(10)]
