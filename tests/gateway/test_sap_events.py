"""SAP's business events of orders: keys alone, an empty source, a time as SAP likes it."""

import json
from typing import Any

import pytest

from canonical.event_data import ORDER_CHANGED
from canonical.messages import ApprovalReported
from gateway.intake.cloudevents import read_structured
from gateway.intake.sap_events import SapEvent, read_sap_event
from gateway.problems import Refusal
from tests.gateway.conftest import Gateway

CHANGED = "sap.s4.beh.purchaseorder.v1.PurchaseOrder.Changed.v1"


def sap(**other: Any) -> bytes:
    known = {
        "type": CHANGED,
        "specversion": "1.0",
        "source": "",
        "id": "194780e0-b5db-1ede",
        "time": "2027-02-26T02:53:06Z",
        "data": {"PurchaseOrder": "4500000017"},
    }
    return json.dumps({**known, **other}).encode()


def test_an_event_becomes_ours_in_the_name_of_the_system() -> None:
    event = read_sap_event(sap(), {})
    assert event == SapEvent("194780e0-b5db-1ede", "4500000017", "2027-02-26T02:53:06+00:00")
    ours = read_structured(event.as_ours("erp-east"))
    assert (ours.type, ours.source, ours.data) == (ORDER_CHANGED, "erp-east", {"order": "4500000017"})


@pytest.mark.parametrize("time", ["20270226025306.1234567", "2027-02-26T02:53:06", "", None, 7])
def test_a_time_that_is_none_is_left_out_so_that_a_repeat_is_the_same(time: Any) -> None:
    event = read_sap_event(sap(time=time), {})
    assert event is not None
    assert event.time is None
    assert read_structured(event.as_ours("erp-east")).time is None


def test_an_event_without_an_id_is_known_by_its_content() -> None:
    first, again = (read_sap_event(sap(id=""), {}) for _ in range(2))
    assert first == again
    assert first is not None
    assert len(first.id) == 64


def test_binary_mode_is_read_too() -> None:
    headers = {"ce-type": CHANGED.replace("Changed", "ItemDeleted"), "ce-id": "7", "ce-specversion": "1.0"}
    body = b'{"PurchaseOrder": "4500000017", "PurchaseOrderItem": "10"}'
    assert read_sap_event(body, headers) == SapEvent("7", "4500000017", None)


def test_events_of_other_things_are_none_of_ours() -> None:
    other = "sap.s4.beh.businesspartner.v1.BusinessPartner.Changed.v1"
    assert read_sap_event(sap(type=other, data={"BusinessPartner": "1"}), {}) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{", sap(type=""), sap(data={}), sap(data={"PurchaseOrder": "../x"})])
def test_what_names_no_order_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal):
        read_sap_event(body, {})


async def test_the_order_is_told_to_look_and_a_repeat_tells_it_once(gateway: Gateway) -> None:
    order = await gateway.order()
    body = sap(data={"PurchaseOrder": order.order_number})
    for _ in range(2):
        answer = await gateway.client.post("/v1/sap/erp/events", content=body)
        assert (answer.status_code, answer.json()) == (202, {"outcome": "stored"})
    await gateway.relay.drain()
    [told] = gateway.entities.messages_to(order.id)
    assert isinstance(told, ApprovalReported)
    assert (told.document, told.changed) == (order.order_number, True)


async def test_other_peoples_orders_and_foreign_systems_leave_nothing_behind(gateway: Gateway) -> None:
    answer = await gateway.client.post("/v1/sap/erp/events", content=sap(data={"PurchaseOrder": "4599999999"}))
    assert answer.json() == {"outcome": "ignored"}
    await gateway.order()
    gateway.own(order_document=("erp",))
    foreign = await gateway.client.post("/v1/sap/aps/events", content=sap(data={"PurchaseOrder": "4500000001"}))
    assert foreign.status_code == 403
    assert foreign.json()["code"] == "not_owner"
