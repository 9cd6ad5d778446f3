"""The dependent needs of an order, without a server: published once, revised with changes, withdrawn at the end."""

import datetime as dt
from decimal import Decimal
from typing import Any

from canonical.identity import OrderId, RequirementId
from canonical.messages import OrderOpened
from canonical.policy import RouteKind, RouteRule
from canonical.records import OrderStage, OrderTerms
from canonical.supply import RequestedComponent
from decisions.answers import ReadAnswer
from decisions.ordering import is_newer
from tests.decisions.models import a_peg, a_source, june, may
from tests.workflows.arrivals import NOW, POLICY, a_request
from workflows.purchase_order.reports import needs_now
from workflows.purchase_order.state import OrderState

CHAIN = RequirementId("requirement/1710/CHAIN/1")
LATER = NOW + dt.timedelta(minutes=1)
BY_LORRY = RouteRule(kind=RouteKind.TRANSFER, supplying_plant="1720", transit_days=3)


def an_order(route: RouteKind, supplier: str = "1720", **request: Any) -> OrderState:
    """100 chains for Saturday the 20th, with whoever serves them."""
    opened = OrderOpened(
        order_id=OrderId(f"order/1710/{supplier}/abc"),
        terms=OrderTerms(plant="1710", supplier=supplier, currency="EUR", terms="standard", route=route),
        source=a_source(lead_time_days=4, lead_time_in="working_days"),
        policy=POLICY.model_copy(update={"routes": (BY_LORRY,)}),
        correlation_id="c",
    )
    state = OrderState.of(opened, NOW)
    state.add_lines(a_request(CHAIN, 1, 100).model_copy(update=request))
    state.stage, state.order_number = OrderStage.SENT, "4500000001"
    return state


def test_an_order_to_a_supplier_needs_nothing_of_others() -> None:
    assert needs_now(an_order(RouteKind.DIRECT, "1580"), NOW) == ((), ())


def test_a_transfer_is_published_once_and_again_only_where_it_has_changed() -> None:
    state = an_order(RouteKind.TRANSFER)
    ([first], withdrawn) = needs_now(state, NOW)
    assert first.required_date == june(16), "three working days before Friday the 19th"
    assert withdrawn == ()
    assert needs_now(state, LATER) == ((), ())

    state.lines[0].delivery_date, state.revision = june(26), 2
    ([second], _) = needs_now(state, LATER)

    assert second.id == first.id
    assert second.revision.plan_version == 2
    assert second.required_date == june(23)
    assert is_newer(second.revision, first.revision)


def test_a_workflow_task_that_runs_again_publishes_its_need_as_a_newer_revision() -> None:
    ([lost], _), ([kept], _) = (needs_now(an_order(RouteKind.TRANSFER), moment) for moment in (NOW, LATER))
    assert lost.revision.event_id != kept.revision.event_id
    assert is_newer(kept.revision, lost.revision)


def test_a_transfer_that_is_not_sent_or_waits_for_a_change_is_not_published_yet() -> None:
    state = an_order(RouteKind.TRANSFER)
    state.stage = OrderStage.UNSENT
    assert needs_now(state, NOW) == ((), ())
    state.stage = OrderStage.SENT
    needs_now(state, NOW)
    state.lines[0].revise(2, Decimal(150), state.lines[0].delivery_date)
    assert needs_now(state, LATER) == ((), ()), "the change is not made yet"


def test_a_quantity_that_a_plant_refused_is_not_published_to_it_again() -> None:
    state = an_order(RouteKind.TRANSFER)
    needs_now(state, NOW)
    state.lines[0].answer(1, ReadAnswer(schedule_lines=(), rejected=Decimal(40), why=""), NOW, june(1))
    assert needs_now(state, LATER) == ((), ())


def test_a_transfer_without_a_rule_of_its_own_any_more_takes_as_long_as_when_it_was_opened() -> None:
    state = an_order(RouteKind.TRANSFER)
    state.policy = POLICY
    ([need], _) = needs_now(state, NOW)
    assert need.transit_days == 4
    assert need.required_date == june(15)


def test_each_lot_of_a_transfer_serves_its_share_of_the_demand() -> None:
    pegs = (a_peg(50, june(25), demand="A"), a_peg(70, june(30), demand="B"))
    state = an_order(RouteKind.TRANSFER, lots=(Decimal(80), Decimal(50)), needed=Decimal(120), pegs=pegs)
    first, second = needs_now(state, NOW)[0]
    assert [(peg.demand, int(peg.quantity), peg.date) for peg in first.pegging] == [
        ("A", 50, june(18)),
        ("B", 30, june(23)),
    ], "two days of receipt and three on the way before"
    assert [(peg.demand, int(peg.quantity)) for peg in second.pegging] == [("B", 40)]
    assert first.quantity == 80
    assert second.quantity == 50, "the surplus of the lot is requested, too"


def test_components_are_rounded_up_to_what_their_unit_is_traded_in() -> None:
    glue = RequestedComponent(item="GLUE", unit="KGM", per_unit=Decimal("0.001234"), date=may(29))
    spoke = RequestedComponent(item="SPOKE", unit="EA", per_unit=Decimal("0.333333"), date=may(28))
    state = an_order(RouteKind.SUBCONTRACT, "1580", components=(glue, spoke, spoke))
    stated, _ = needs_now(state, NOW)
    assert [(need.item, str(need.quantity), need.required_date) for need in stated] == [
        ("GLUE", "0.124", may(29)),
        ("SPOKE", "67", may(28)),
    ]
    assert [need.demanding_line for need in stated] == [None, None]


def test_components_of_a_cancelled_line_are_withdrawn_once_and_published_again_where_it_is_restored() -> None:
    spoke = RequestedComponent(item="SPOKE", unit="EA", per_unit=Decimal(36), date=may(28))
    state = an_order(RouteKind.SUBCONTRACT, "1580", components=(spoke,))
    ([stated], _) = needs_now(state, NOW)
    line = state.lines[0]
    line.cancelled, line.refused_by_supplier = True, True

    none, [gone] = needs_now(state, LATER)

    assert none == ()
    assert gone.id == stated.id
    assert is_newer(gone.revision, stated.revision)
    assert needs_now(state, LATER) == ((), ())
    line.cancelled, line.refused_by_supplier = False, False
    ([again], _) = needs_now(state, LATER)
    assert is_newer(again.revision, gone.revision)
