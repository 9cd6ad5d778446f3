"""What the simulated ERP does beyond SAP's standard, so that a client can be held against it."""

import pytest

from tests.simulators.erp_client import PO, caller, error_of, order

MOVEMENTS = "/sap/opu/odata/sap/API_MATERIAL_DOCUMENT_SRV/A_MaterialDocumentItem"


async def test_goods_that_came_are_items_of_material_documents() -> None:
    call = await caller()
    first, second = await call.order(), await call.order()
    for number, quantity in ((first, "30"), (second, "5"), (first, "20")):
        posted = {"order": number, "item": 10, "quantity": quantity, "receipt": f"{number}/{quantity}"}
        assert (await call.http.post("/control/goods-receipts", json=posted)).status_code == 200
    found = (await call.get(MOVEMENTS, filter=f"PurchaseOrder eq '{first}'"))["results"]
    shown = ("PurchaseOrderItem", "Material", "GoodsMovementType", "DebitCreditCode", "QuantityInBaseUnit")
    assert [tuple(one[name] for name in shown) for one in found] == [
        ("10", "CN-6137", "101", "S", "30"),
        ("10", "CN-6137", "101", "S", "20"),
    ]


@pytest.mark.parametrize("status", [400, 409, 423])
async def test_a_document_refuses_every_write_for_the_reason_that_it_was_told(status: int) -> None:
    call = await caller()
    number = await call.order()
    lock = {"document": number, "status": status, "code": "06/001", "text": "Record blocked by another user"}
    await call.http.post("/control/locks", json=lock)
    item = f"{PO}/A_PurchaseOrderItem(PurchaseOrder='{number}',PurchaseOrderItem='10')"
    refused = await call.write("DELETE", item)
    assert error_of(refused) == (status, "06/001", "Record blocked by another user")
    await call.http.delete(f"/control/locks/{number}")
    assert (await call.write("DELETE", item)).status_code == 204


async def test_an_external_number_is_taken_once() -> None:
    call = await caller()
    body = order() | {"PurchaseOrder": "P234567ABC"}
    first = await call.write("POST", f"{PO}/A_PurchaseOrder", body)
    assert first.json()["d"]["PurchaseOrder"] == "P234567ABC"
    second = await call.write("POST", f"{PO}/A_PurchaseOrder", body)
    assert error_of(second) == (400, "06/016", "External document number P234567ABC already assigned")
