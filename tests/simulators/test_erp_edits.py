"""A person edits an order in the ERP: the order changes, and the gateway is notified."""

from typing import Any

import httpx
import pytest

from canonical.event_data import OrderEditedData
from simulators.erp import create
from tests.simulators.erp_client import MASTER_DATA, PO, TODAY, Caller, in_days
from tests.simulators.fake_gateway import FakeGateway

ORDER = "4500000000"
ITEM = f"{PO}/A_PurchaseOrderItem(PurchaseOrder='{ORDER}',PurchaseOrderItem='10')"


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
async def call(gateway: FakeGateway) -> Caller:
    """A caller of an ERP that holds one order of ours, of 100."""
    call = Caller(create("http://gateway", transport=gateway.transport, first_pause_seconds=0.001))
    await call.http.post("/control/master-data", json=MASTER_DATA)
    await call.log_on()
    await call.order(await call.requisition())
    return call


async def edit(call: Caller, **changes: Any) -> httpx.Response:
    return await call.http.post("/control/edits", json={"order": ORDER, "item": 10, "user": "MILLER", **changes})


async def test_an_edit_changes_the_order_and_is_published_field_by_field(call: Caller, gateway: FakeGateway) -> None:
    answer = await edit(call, quantity="120", price="1.75")
    assert answer.status_code == 201, answer.text
    item = await call.get(ITEM, expand="to_ScheduleLine")
    assert (item["OrderQuantity"], item["NetPriceAmount"]) == ("120", "1.75")
    assert item["to_ScheduleLine"]["results"][0]["ScheduleLineOrderQuantity"] == "120"
    statement = [OrderEditedData.model_validate(event["data"]) for event in gateway.events]
    assert [(each.field, each.old, each.new) for each in statement] == [
        ("quantity", "100", "120"),
        ("price", "1.5", "1.75"),
    ]
    assert {each.edited_by for each in statement} == {"MILLER"}
    assert {event["type"] for event in gateway.events} == {"pegline.order.edited.v1"}
    assert {event["source"] for event in gateway.events} == {"erp-main"}
    assert len({event["id"] for event in gateway.events}) == 2


async def test_the_books_know_who_it_was_and_it_is_no_write_of_the_services(call: Caller) -> None:
    writes = (await call.http.get("/control/writes")).json()["writes"]
    await edit(call, quantity="120")
    books = await call.books()
    [order] = books["orders"]
    assert (order["changed_by"], order["items"][0]["changed_by"], order["items"][0]["writes"]) == (
        "MILLER",
        "MILLER",
        1,
    )
    assert [(each["field"], each["new"], each["edited_by"], each["reported"]) for each in books["edits"]] == [
        ("quantity", "120", "MILLER", 1)
    ]
    assert (await call.http.get("/control/writes")).json()["writes"] == writes
    await call.write("MERGE", ITEM, {"OrderQuantity": "130"})
    assert (await call.books())["orders"][0]["changed_by"] == "PEGLINE"


async def test_a_deletion_and_a_date_are_edits_too(call: Caller, gateway: FakeGateway) -> None:
    day = TODAY.replace(year=TODAY.year + 1, day=1).isoformat()
    await edit(call, delivery_date=day)
    await edit(call, deleted=True)
    moved, deleted = (event["data"] for event in gateway.events)
    assert (moved["field"], moved["new"]) == ("delivery_date", day)
    assert (deleted["field"], deleted["old"], deleted["new"]) == ("deleted", "false", "true")


async def test_of_several_deliveries_the_last_takes_the_quantity_and_a_date_is_named(
    call: Caller, gateway: FakeGateway
) -> None:
    line = f"PurchasingDocument='{ORDER}',PurchasingDocumentItem='10',ScheduleLine='1'"
    where = {"PurchasingDocument": ORDER, "PurchasingDocumentItem": "10", "ScheduleLine": "2"}
    later = {"ScheduleLineDeliveryDate": in_days(40), "ScheduleLineOrderQuantity": "40"}
    await call.changeset(
        [
            ("MERGE", f"A_PurchaseOrderScheduleLine({line})", {"ScheduleLineOrderQuantity": "60"}),
            ("POST", "A_PurchaseOrderScheduleLine", where | later),
        ]
    )
    await edit(call, quantity="110")
    item = await call.get(ITEM, expand="to_ScheduleLine")
    assert [each["ScheduleLineOrderQuantity"] for each in item["to_ScheduleLine"]["results"]] == ["60", "50"]
    day = TODAY.replace(year=TODAY.year + 1, day=1).isoformat()
    assert (await edit(call, delivery_date=day)).status_code == 400
    first = (await call.books())["orders"][0]["items"][0]["schedule"][0]["ScheduleLineDeliveryDate"]
    assert (await edit(call, delivery_date=day, from_date=first)).status_code == 201
    assert (gateway.events[-1]["data"]["old"], gateway.events[-1]["data"]["new"]) == (first, day)


async def test_the_event_may_be_lost_repeated_or_late(call: Caller, gateway: FakeGateway) -> None:
    await edit(call, quantity="120", tell=False)
    assert gateway.events == []
    await edit(call, quantity="130", repeat=True)
    assert gateway.events[0] == gateway.events[1]
    gateway.answers = [400]
    await edit(call, quantity="140")
    assert len(gateway.events) == 2
    await call.http.post("/control/resend")
    assert gateway.events[-1]["data"]["new"] == "140"


@pytest.mark.parametrize(
    ("changes", "status", "statement"),
    [
        ({"quantity": "10"}, 409, "06/115"),
        ({"delivery_date": "2001-01-01"}, 409, "06/038"),
        ({"deleted": True}, 409, "06/116"),
        ({"item": 20, "quantity": "5"}, 404, "item 20 does not exist"),
        ({}, 400, "edit quantity"),
        ({"quantity": "0"}, 400, "greater than 0"),
    ],
)
async def test_a_person_is_bound_by_the_same_rules(
    call: Caller, gateway: FakeGateway, changes: dict[str, Any], status: int, statement: str
) -> None:
    await call.http.post(
        "/control/goods-receipts", json={"order": ORDER, "item": 10, "quantity": "60", "receipt": "GR1"}
    )
    before = await call.books()
    answer = await edit(call, **changes)
    assert (answer.status_code, statement in answer.json()["error"]) == (status, True), answer.text
    assert await call.books() == before
    assert gateway.events == []


async def test_an_edit_that_changes_nothing_is_not_published(call: Caller, gateway: FakeGateway) -> None:
    assert (await edit(call, quantity="100.0")).json() == {"edits": []}
    assert gateway.events == []
