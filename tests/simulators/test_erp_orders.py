"""Orders: conversion, change, deletion, receipts, locks, and the books that checks count in."""

from typing import Any

import pytest

from tests.simulators.erp_client import PO, PR, Caller, caller, error_of, in_days, order, requisition

ITEM = f"{PO}/A_PurchaseOrderItem(PurchaseOrder='4500000000',PurchaseOrderItem='10')"


async def requisition_item(call: Caller, number: str = "10000000") -> Any:
    return await call.get(
        f"{PR}/A_PurchaseRequisitionItem(PurchaseRequisition='{number}',PurchaseRequisitionItem='00010')"
    )


async def receive(call: Caller, quantity: str, receipt: str, item: int = 10) -> int:
    body = {"order": "4500000000", "item": item, "quantity": quantity, "receipt": receipt}
    return (await call.http.post("/control/goods-receipts", json=body)).status_code


async def test_conversion_is_written_into_the_requisition() -> None:
    call = await caller()
    await call.order(await call.requisition("100"), "60")
    item = await requisition_item(call)
    assert (item["PurchasingDocument"], item["PurchasingDocumentItem"]) == ("4500000000", "00010")
    assert (item["OrderedQuantity"], item["ProcessingStatus"]) == ("60", "B")


async def test_more_than_what_is_open_is_not_converted() -> None:
    call = await caller()
    number = await call.requisition("100")
    await call.order(number, "60")
    answer = await call.write("POST", f"{PO}/A_PurchaseOrder", order(number, "41"))
    assert error_of(answer)[:2] == (400, "06/076")
    assert (await requisition_item(call))["OrderedQuantity"] == "60"
    assert len((await call.books())["orders"]) == 1
    await call.order(number, "40")
    assert (await requisition_item(call))["OrderedQuantity"] == "100"


async def test_an_order_item_takes_missing_fields_from_its_requisition_item() -> None:
    call = await caller()
    number = await call.requisition("100")
    body = order()
    body["to_PurchaseOrderItem"] = [{"PurchaseRequisition": number, "PurchaseRequisitionItem": "10"}]
    answer = await call.write("POST", f"{PO}/A_PurchaseOrder", body)
    assert answer.status_code == 201, answer.text
    item = await call.get(ITEM, expand="to_ScheduleLine")
    assert (item["Material"], item["Plant"], item["OrderQuantity"]) == ("CN-6137", "1710", "100")
    assert [line["ScheduleLineDeliveryDate"] for line in item["to_ScheduleLine"]["results"]] == [in_days(30)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Supplier": "1"}, "F2/163"),
        ({"Supplier": "17300009"}, "06/322"),
        ({"PurchasingOrganization": "0001"}, "06/025"),
        ({"CompanyCode": "1720"}, "06/026"),
        ({"DocumentCurrency": ""}, "ME/083"),
        ({"Plant": "9999"}, "06/024"),
        ({"Material": "XX"}, "M3/305"),
        ({"PurchaseOrderQuantityUnit": "QQ"}, "BM/302"),
        ({"OrderQuantity": "0"}, "06/028"),
        ({"PurchasingInfoRecord": "53"}, "06/027"),
        ({"PurchaseRequisition": "10000009", "PurchaseRequisitionItem": "10"}, "06/077"),
        ({"to_ScheduleLine": []}, "ME/083"),
        ({"to_ScheduleLine": [{"ScheduleLineDeliveryDate": in_days(-2)}]}, "06/038"),
        ({"to_ScheduleLine": [{"ScheduleLineDeliveryDate": in_days(9), "ScheduleLineOrderQuantity": "99"}]}, "06/054"),
    ],
)
async def test_what_a_real_system_checks_is_refused_with_its_reason(change: dict[str, Any], code: str) -> None:
    call = await caller()
    answer = await call.write("POST", f"{PO}/A_PurchaseOrder", order(**change))
    assert error_of(answer)[:2] == (400, code)
    assert (await call.books())["orders"] == []
    assert (await call.http.get("/control/writes")).json()["writes"] == []


async def test_a_failed_order_gives_the_requisition_back() -> None:
    call = await caller()
    body = order(await call.requisition())
    body["to_PurchaseOrderItem"]["results"].append(
        {**order()["to_PurchaseOrderItem"]["results"][0], "PurchaseOrderItem": "20", "Plant": "9"}
    )
    assert error_of(await call.write("POST", f"{PO}/A_PurchaseOrder", body))[1] == "06/024"
    assert (await requisition_item(call))["OrderedQuantity"] == "0"


async def test_the_same_reference_twice_makes_two_orders() -> None:
    call = await caller()
    await call.order()
    await call.order()
    found = await call.get(f"{PO}/A_PurchaseOrder", filter="CorrespncExternalReference eq 'PEG-ORDER-1'")
    assert [each["PurchaseOrder"] for each in found["results"]] == ["4500000000", "4500000001"]


async def test_a_changed_quantity_moves_the_single_schedule_line_and_the_requisition() -> None:
    call = await caller()
    await call.order(await call.requisition("100"), "100")
    assert (await call.write("MERGE", ITEM, {"OrderQuantity": "120"})).status_code == 204
    item = await call.get(ITEM, expand="to_ScheduleLine")
    assert item["to_ScheduleLine"]["results"][0]["ScheduleLineOrderQuantity"] == "120"
    assert (await requisition_item(call))["OrderedQuantity"] == "120"


async def test_a_quantity_below_what_was_delivered_is_refused() -> None:
    call = await caller()
    await call.order()
    assert await receive(call, "60", "R1") == 200
    assert error_of(await call.write("MERGE", ITEM, {"OrderQuantity": "59"}))[:2] == (400, "06/115")
    assert (await call.write("MERGE", ITEM, {"OrderQuantity": "60"})).status_code == 204


@pytest.mark.parametrize(
    "change", [{"Material": "CB-2903"}, {"PurchasingDocumentDeletionCode": "L"}, {"Plant": "1720"}]
)
async def test_what_can_not_change_does_not(change: dict[str, str]) -> None:
    call = await caller()
    await call.order()
    assert error_of(await call.write("MERGE", ITEM, change))[:2] == (400, "06/017")


async def test_a_deleted_item_stays_readable_and_frees_its_requisition() -> None:
    call = await caller()
    number = await call.requisition("100")
    await call.order(number, "100")
    assert (await call.write("DELETE", ITEM)).status_code == 204
    assert (await call.get(ITEM))["PurchasingDocumentDeletionCode"] == "L"
    freed = await requisition_item(call)
    assert (freed["OrderedQuantity"], freed["PurchasingDocument"], freed["ProcessingStatus"]) == ("0", "", "N")
    assert error_of(await call.write("DELETE", ITEM))[:2] == (400, "06/019")
    assert error_of(await call.write("MERGE", ITEM, {"OrderQuantity": "5"}))[:2] == (400, "06/019")
    assert await receive(call, "1", "R1") == 409


async def test_an_order_is_deleted_whole_unless_something_was_delivered() -> None:
    call = await caller()
    await call.order()
    await call.order()
    assert (await call.write("DELETE", f"{PO}/A_PurchaseOrder('4500000001')")).status_code == 204
    await receive(call, "1", "R1")
    assert error_of(await call.write("DELETE", f"{PO}/A_PurchaseOrder('4500000000')"))[:2] == (400, "06/116")
    first, second = (await call.books())["orders"]
    assert (first["PurchasingDocumentDeletionCode"], first["items"][0]["PurchasingDocumentDeletionCode"]) == ("", "")
    assert (second["PurchasingDocumentDeletionCode"], second["items"][0]["PurchasingDocumentDeletionCode"]) == (
        "L",
        "L",
    )


async def test_goods_receipts_count_once_and_complete_the_item() -> None:
    call = await caller()
    await call.order()
    assert [await receive(call, "60", "R1"), await receive(call, "60", "R1")] == [200, 200]
    [held] = (await call.books())["orders"]
    assert (held["items"][0]["delivered"], held["items"][0]["IsCompletelyDelivered"]) == ("60", False)
    await receive(call, "40", "R2")
    [held] = (await call.books())["orders"]
    assert (held["items"][0]["delivered"], held["items"][0]["IsCompletelyDelivered"]) == ("100", True)
    assert await receive(call, "1", "R3", item=20) == 404
    assert await receive(call, "-1", "R4") == 200, "taken back"
    [held] = (await call.books())["orders"]
    assert (held["items"][0]["delivered"], held["items"][0]["IsCompletelyDelivered"]) == ("99", False)


async def test_a_locked_document_is_refused_until_it_is_free() -> None:
    call = await caller()
    await call.order()
    await call.http.post("/control/locks", json={"document": "4500000000", "user": "MILLER", "times": 1})
    status, code, text = error_of(await call.write("MERGE", ITEM, {"OrderQuantity": "90"}))
    assert (status, code) == (423, "ME/006")
    assert text == "Purchase order 4500000000 is currently being processed by user MILLER"
    assert (await call.write("MERGE", ITEM, {"OrderQuantity": "90"})).status_code == 204
    await call.http.post("/control/locks", json={"document": "4500000000", "status": 400})
    assert (await call.write("DELETE", ITEM)).status_code == 400
    await call.http.delete("/control/locks/4500000000")
    assert (await call.write("DELETE", ITEM)).status_code == 204


async def test_the_write_log_has_a_line_for_each_document_line_with_its_key() -> None:
    call = await caller()
    await call.write("POST", f"{PO}/A_PurchaseOrder", order(), RequestID="k-1", X_Correlation_ID="trace-7")
    await call.write("MERGE", ITEM, {"OrderQuantity": "90"}, RequestID="k-2")
    writes = (await call.http.get("/control/writes")).json()["writes"]
    assert [(each["method"], each["line"], each["key"]) for each in writes] == [
        ("POST", None, "k-1"),
        ("POST", "10", "k-1"),
        ("MERGE", "10", "k-2"),
    ]
    assert {each["correlation"] for each in writes[:2]} == {"trace-7"}
    [held] = (await call.books())["orders"]
    assert held["items"][0]["writes"] == 2


async def test_the_past_is_measured_by_the_erps_own_clock() -> None:
    call = await caller()
    await call.http.put("/control/clock", json={"now": "2044-01-01T00:00:00+00:00"})
    answer = await call.write("POST", f"{PR}/A_PurchaseRequisitionHeader", requisition())
    assert error_of(answer)[1] == "06/038"


async def test_an_item_is_added_to_an_order() -> None:
    call = await caller()
    number = await call.order()
    [item] = order("", "7")["to_PurchaseOrderItem"]["results"]
    del item["PurchaseOrderItem"]
    answer = await call.write("POST", f"{PO}/A_PurchaseOrder('{number}')/to_PurchaseOrderItem", item)
    assert (answer.status_code, answer.json()["d"]["PurchaseOrderItem"]) == (201, "20")
