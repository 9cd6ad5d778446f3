"""Requisitions: what is created, defaulted, refused and changed."""

from typing import Any

import pytest

from tests.simulators.erp_client import PR, caller, error_of, in_days, requisition

ITEM = f"{PR}/A_PurchaseRequisitionItem(PurchaseRequisition='10000000',PurchaseRequisitionItem='00010')"


async def test_a_requisition_takes_unit_group_and_text_from_the_material() -> None:
    call = await caller()
    await call.requisition()
    item = await call.get(ITEM)
    assert (item["BaseUnit"], item["MaterialGroup"], item["PurchaseRequisitionItemText"]) == (
        "EA",
        "L002",
        "Chainring nut",
    )
    assert (item["PurchasingGroup"], item["CompanyCode"], item["ProcessingStatus"]) == ("001", "1700", "N")
    assert (item["MaterialGoodsReceiptDuration"], item["OrderedQuantity"]) == ("2", "0")


async def test_the_same_reference_twice_makes_two_requisitions() -> None:
    call = await caller()
    assert [await call.requisition(), await call.requisition()] == ["10000000", "10000001"]
    found = await call.get(f"{PR}/A_PurchaseRequisitionItem", filter="PurReqnExternalReference eq 'PEG-1'")
    assert len(found["results"]) == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Plant": "9999"}, "06/024"),
        ({"Material": "XX-1"}, "M3/305"),
        ({"Plant": "1720", "PurchasingGroup": "001"}, "M3/351"),
        ({"Material": "CB-2903"}, "ME/083"),
        ({"BaseUnit": "QQ"}, "BM/302"),
        ({"RequestedQuantity": "0"}, "06/028"),
        ({"RequestedQuantity": "-5"}, "06/028"),
        ({"DeliveryDate": None}, "ME/083"),
        ({"DeliveryDate": in_days(-2)}, "06/038"),
        ({"FixedSupplier": "1"}, "F2/163"),
        ({"FixedSupplier": "17300009"}, "06/322"),
        ({"PurchasingOrganization": "0001"}, "06/025"),
        ({"CompanyCode": "1720"}, "06/026"),
        ({"PurchasingInfoRecord": "53"}, "06/027"),
    ],
)
async def test_what_a_real_system_checks_is_refused_with_its_reason(change: dict[str, Any], code: str) -> None:
    call = await caller()
    answer = await call.write("POST", f"{PR}/A_PurchaseRequisitionHeader", requisition(**change))
    assert error_of(answer)[:2] == (400, code)
    [detail, *_] = answer.json()["error"]["innererror"]["errordetails"]
    assert detail["target"] == "to_PurchaseReqnItem(PurchaseRequisition='',PurchaseRequisitionItem='00010')"
    assert (await call.books())["requisitions"] == []


async def test_all_problems_are_reported_at_once() -> None:
    call = await caller()
    body = requisition(Plant="9999", BaseUnit="QQ")
    body["to_PurchaseReqnItem"].append({**body["to_PurchaseReqnItem"][0], "Plant": "1710"})
    answer = await call.write("POST", f"{PR}/A_PurchaseRequisitionHeader", body)
    details = answer.json()["error"]["innererror"]["errordetails"]
    assert [each["code"] for each in details] == ["06/024", "ME/083", "BM/302", "BM/302"]
    assert "'00020'" in details[-1]["target"]


async def test_validation_alone_writes_nothing() -> None:
    call = await caller()
    answer = await call.write(
        "POST", f"{PR}/A_PurchaseRequisitionHeader", {**requisition(), "PurReqnDoOnlyValidation": True}
    )
    assert (answer.status_code, answer.json()["d"]["PurchaseRequisition"]) == (201, "")
    assert (await call.books())["requisitions"] == []


async def test_an_item_is_changed_until_it_is_deleted() -> None:
    call = await caller()
    await call.requisition()
    answer = await call.write("MERGE", ITEM, {"RequestedQuantity": "120", "DeliveryDate": in_days(40)})
    assert answer.status_code == 204
    assert (await call.get(ITEM))["RequestedQuantity"] == "120"
    assert (await call.write("MERGE", ITEM, {"IsDeleted": "X"})).status_code == 204
    assert error_of(await call.write("MERGE", ITEM, {"RequestedQuantity": "130"}))[:2] == (400, "06/019")
    assert (await call.write("DELETE", ITEM)).status_code == 405
    [held] = (await call.books())["requisitions"]
    assert (held["items"][0]["IsDeleted"], held["items"][0]["writes"], held["writes"]) == ("X", 3, 1)


async def test_an_item_that_was_ordered_is_neither_deleted_nor_asked_for_less() -> None:
    call = await caller()
    await call.order(await call.requisition())
    assert error_of(await call.write("MERGE", ITEM, {"IsDeleted": "X"}))[:2] == (400, "06/116")
    assert error_of(await call.write("MERGE", ITEM, {"RequestedQuantity": "99"}))[:2] == (400, "06/116")
    assert error_of(await call.write("MERGE", ITEM, {"OrderedQuantity": "1"}))[:2] == (400, "06/017")


async def test_an_item_is_added_to_a_requisition() -> None:
    call = await caller()
    number = await call.requisition()
    [item] = requisition("5")["to_PurchaseReqnItem"]
    answer = await call.write("POST", f"{PR}/A_PurchaseRequisitionHeader('{number}')/to_PurchaseReqnItem", item)
    assert answer.status_code == 201
    assert answer.json()["d"]["PurchaseRequisitionItem"] == "00020"
    missing = await call.write("POST", f"{PR}/A_PurchaseRequisitionItem", {**item, "PurchaseRequisition": "19999999"})
    assert missing.status_code == 404
