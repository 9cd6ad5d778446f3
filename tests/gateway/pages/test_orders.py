"""A buyer looks up an order, by whatever number is at hand, and sees whom its dates endanger."""

import datetime as dt
from decimal import Decimal
from typing import Any

from canonical.identity import RequirementId
from canonical.need import Need, Peg
from canonical.records import LineShare, OrderSnapshot, OrderStage, OrderTerms, RequirementStage
from canonical.supply import ScheduleLineState, SupplyRequest
from gateway.access.principal import CallerRole
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import MORNING, answered
from tests.gateway.pages.story import JUNE_15, JUNE_22, line, need, of_plant, page_of, part, text

PAGE = "/orders/P1/1580/o4500000001"


async def test_an_order_shows_which_demands_it_endangers_and_their_margin(gateway: Gateway) -> None:
    """One line serves two requirements; the second one's share comes after its day."""
    one = need("PLO-1", quantity=Decimal(300), pegging=(Peg(demand="SO-1", quantity=Decimal(300), date=JUNE_22),))
    two = need("PLO-2", quantity=Decimal(200), pegging=(Peg(demand="SO-2", quantity=Decimal(200), date=JUNE_15),))
    early, late = part(300, dt.date(2026, 6, 11)), part(200, JUNE_22)
    shares = (
        LineShare(requirement_id=RequirementId(one.id), quantity=Decimal(300), schedule_lines=(early,)),
        LineShare(requirement_id=RequirementId(two.id), quantity=Decimal(200), schedule_lines=(late,)),
    )
    for each in (one, two):
        await gateway.requirement(each, RequirementStage.COVERED)
    asked = request_of(two)
    terms = OrderTerms(plant="P1", supplier="1580", currency="EUR", terms="")
    placed = await gateway.ledger.reserve_order(asked, terms, consolidation_minutes=0, lines_max=9, days_max=9)
    lines = (line(10, one.id, early, late, shares=shares),)
    order = OrderSnapshot(
        id=placed.order_id, plant="P1", supplier="1580", stage=OrderStage.ACKNOWLEDGED, order_number="17", lines=lines
    )
    await gateway.record(order)
    page = await text(gateway, "/" + placed.order_id.replace("order/", "orders/", 1))
    endangered = page.partition("Demands it endangers")[2].partition("<h2>Lines</h2>")[0]
    assert page_of(two) in endangered
    assert "7 working days" in endangered
    assert page_of(one) not in endangered
    assert "margin 5" in page


def request_of(of: Need) -> SupplyRequest:
    return SupplyRequest(
        requirement_id=of.id,
        request_revision=1,
        plant=of.plant,
        item=of.item,
        unit=of.unit,
        lots=(of.quantity,),
        needed=of.quantity,
        required_date=of.required_date,
        dock_date=of.required_date,
        send_by=of.required_date,
        pegs=of.pegs,
        goods_receipt_days=2,
        criticality=of.criticality,
        price=Decimal(1),
        currency="EUR",
    )


async def test_an_order_whose_dates_hold_endangers_nobody(gateway: Gateway) -> None:
    one = need()
    await gateway.requirement(one, RequirementStage.COVERED)
    await gateway.order(lines=(line(10, one.id, part(500, dt.date(2026, 6, 11))),))
    page = await text(gateway, PAGE)
    assert "no demand is endangered by this order" in page


async def test_prices_are_seen_only_by_those_who_may(gateway: Gateway) -> None:
    await gateway.order(lines=(line(10, need().id, price="1234.56"),))
    assert "1234.56" in await text(gateway, PAGE)
    of_plant(gateway, "P1", role=CallerRole.PLANNER)
    page = await text(gateway, PAGE)
    assert "1234.56" not in page
    assert "Price" not in page


async def test_the_documents_and_revisions_of_each_line_are_told(gateway: Gateway) -> None:
    order = await gateway.order(lines=(line(10, need().id), line(20, need().id)), revision=2, answered_revision=1)
    happened: list[tuple[str, dict[str, Any]]] = [
        ("order.placed", {"order_number": "4500000001", "requisition_number": "10000123"}),
        ("order.sent", {"revision": 1, "changed": []}),
        ("order.answered", {"answer_number": "AB-1", "revision": 1, "lines": [{"line": 10}]}),
        ("order.sent", {"revision": 2, "changed": [20]}),
        ("document.acknowledged", {"outcome": "rejected", "acknowledgement_number": "CONTRL/7", "document": "change"}),
        ("goods.received", {"receipts": [{"quantity": "5", "receipt_number": "GR-1"}]}),
    ]
    events = [
        gateway.audit_event(order.id, kind, MORNING + dt.timedelta(hours=hour), data)
        for hour, (kind, data) in enumerate(happened)
    ]
    await gateway.record(order, *events)
    await gateway.send(answered("a-1"))
    page = await text(gateway, PAGE)
    lines = page.partition("<h2>Lines</h2>")[2].partition("<h2>Documents</h2>")[0]
    first, second = lines.split('<th scope="row">20', 1)
    assert "sent 1<br>answered 1" in first
    assert "sent 2<br>" in second
    assert "not answered" in second
    for document in ("10000123", "AB-1", "Change order sent", "Rejected by the supplier", "GR-1", "portal"):
        assert document in page, document


async def test_an_order_is_found_by_its_number_in_the_erp(gateway: Gateway) -> None:
    await gateway.order("4500 17", requisition_number="10000123")
    for number in ("4500 17", "4500%2017", "10000123"):
        answer = await gateway.client.get(f"/orders/by-number/{number}")
        assert (answer.status_code, answer.headers["location"]) == (307, "/orders/P1/1580/o4500%2017"), number
    unknown = await text(gateway, "/orders/by-number/4599999999", 404)
    assert "there is no order or requisition &#39;4599999999&#39; at your plants" in unknown
    of_plant(gateway, "P2")
    await text(gateway, "/orders/by-number/10000123", 404)


async def test_a_buyer_lists_what_is_overdue_unanswered_or_unsent(gateway: Gateway) -> None:
    gateway.today[0] = dt.date(2026, 6, 12)
    passed, coming = part(100, dt.date(2026, 6, 11)), part(100, JUNE_15)
    for number, stage, piece in (
        ("1", OrderStage.DELIVERING, passed),
        ("2", OrderStage.ACKNOWLEDGED, coming),
        ("3", OrderStage.SENT, part(100, JUNE_15, ScheduleLineState.ORDERED)),
        ("4", OrderStage.UNSENT, part(100, JUNE_15, ScheduleLineState.ORDERED)),
    ):
        order = await gateway.order(number, lines=(line(10, need().id, piece),))
        await gateway.record(order.model_copy(update={"stage": stage}))
    for show, number in (("overdue", "1"), ("unanswered", "3"), ("unsent", "4")):
        listed = await text(gateway, f"/orders?show={show}")
        assert [each for each in "1234" if f'href="/orders/P1/1580/o{each}"' in listed] == [number], show
        api = (await gateway.client.get(f"/v1/orders?show={show}&limit=1")).json()
        assert [row["order_number"] for row in api["items"]] == [number]
    first = (await gateway.client.get("/v1/orders?sort=due&limit=3")).json()
    assert first["items"][0]["order_number"] == "1"
    assert len((await gateway.client.get(first["next"])).json()["items"]) == 1
    of_plant(gateway, "P2")
    assert (await gateway.client.get("/v1/orders")).json()["items"] == []
    assert "No order matches" in await text(gateway, "/orders?show=all")
    await text(gateway, "/orders/P1/1580/o1", 404)
    assert (await gateway.client.get("/v1/orders/P1/1580/o1/trace")).status_code == 404


async def test_a_buyer_has_the_supplier_reminded_by_a_button_and_is_told_where_there_is_no_need(
    gateway: Gateway,
) -> None:
    order = await gateway.order(lines=(line(10, need().id),))
    page = await text(gateway, PAGE)
    click = page.partition('name="click" value="')[2].partition('"')[0]
    answer = await gateway.client.post(f"{PAGE}/remind", data={"click": click})
    assert answer.status_code == 303
    assert "is being reminded of the answer" in await text(gateway, answer.headers["location"])
    ((identity, asked),) = gateway.entities.reminded
    assert (identity, asked.event_id, asked.asked_by) == (order.id, click, "local")

    gateway.entities.not_awaited[order.id] = "nothing is awaited: the supplier has answered"
    refused = await gateway.client.post(f"/v1{PAGE}/remind", json={"event_id": "ui-1", "asked_by": "bea"})
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_awaited")
    of_plant(gateway, "P2", role=CallerRole.BUYER)
    assert (await gateway.client.post(f"/v1{PAGE}/remind", json={"event_id": "ui-2"})).status_code == 404
    of_plant(gateway, "P1", role=CallerRole.OPERATOR)
    assert (await gateway.client.post(f"/v1{PAGE}/remind", json={"event_id": "ui-3"})).status_code == 403
