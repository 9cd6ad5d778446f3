"""Stock transport orders and subcontracting, as SAP's rules have them."""

from decimal import Decimal
from typing import Any

import pytest

from tests.simulators.erp_client import PO, PR, Caller, caller, error_of, in_days, order, requisition

ORDER = "4500000000"
LINE = f"{PO}/A_PurchaseOrderScheduleLine(PurchasingDocument='{ORDER}',PurchasingDocumentItem='10',ScheduleLine='1')"
ITEM = f"{PO}/A_PurchaseOrderItem(PurchaseOrder='{ORDER}',PurchaseOrderItem='10')"
TRANSFER = {"PurchaseOrderType": "UB", "Supplier": "", "SupplyingPlant": "1720", "DocumentCurrency": ""}
COMPONENT = {"Material": "CB-2903", "QuantityInEntryUnit": "200", "EntryUnit": "EA", "RequirementDate": in_days(20)}


async def two_plants() -> Caller:
    """Both plants keep the nut; the bolt, of which the nut is made, is kept at 1710."""
    call = await caller()
    at = [{"Plant": "1710", "PurchasingGroup": "001"}, {"Plant": "1720"}]
    nut = {"Product": "CN-6137", "BaseUnit": "EA", "plants": at}
    bolt = {
        "Product": "CB-2903",
        "BaseUnit": "EA",
        "plants": [{"Plant": "1710"}],
        "units": [{"AlternativeUnit": "BOX", "QuantityNumerator": 144}],
    }
    await call.http.post("/control/master-data", json={"products": [nut, bolt]})
    return call


def transfer(number: str = "", **changes: Any) -> dict[str, Any]:
    body = order(number)
    [item] = body["to_PurchaseOrderItem"]["results"]
    del item["NetPriceAmount"]
    item["PurchaseOrderItemCategory"] = "7"
    body |= TRANSFER
    for name, value in changes.items():
        (body if name in body else item)[name] = value
    return body


def subcontract(*components: dict[str, Any], **changes: Any) -> dict[str, Any]:
    lines = [
        {
            "ScheduleLineDeliveryDate": in_days(30),
            "ScheduleLineOrderQuantity": "100",
            "to_SubcontractingComponent": list(components),
        }
    ]
    return order(**{"PurchaseOrderItemCategory": "3", "to_ScheduleLine": lines, **changes})


async def components(call: Caller) -> list[tuple[int, str, Decimal]]:
    [held] = (await call.books())["orders"]
    return [
        (int(each["ScheduleLine"]), each["Material"], Decimal(each["QuantityInEntryUnit"]))
        for each in held["items"][0]["components"]
    ]


async def test_a_transfer_is_required_and_ordered_of_a_plant() -> None:
    call = await two_plants()
    of_plant = {"PurchasingDocumentItemCategory": "7", "SupplyingPlant": "1720"}
    number = await call.requisition(**of_plant)
    answer = await call.write("POST", f"{PO}/A_PurchaseOrder", transfer(number))
    assert answer.status_code == 201, answer.text
    held = await call.get(f"{PO}/A_PurchaseOrder('{ORDER}')", expand="to_PurchaseOrderItem")
    assert (held["PurchaseOrderType"], held["SupplyingPlant"], held["Supplier"]) == ("UB", "1720", "")
    [item] = held["to_PurchaseOrderItem"]["results"]
    assert (item["PurchaseOrderItemCategory"], item["NetPriceAmount"]) == ("7", "0.00")
    required = f"{PR}/A_PurchaseRequisitionItem(PurchaseRequisition='{number}',PurchaseRequisitionItem='10')"
    assert (await call.get(required))["PurchasingDocument"] == ORDER


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Supplier": "17300001"}, "06/227"),
        ({"SupplyingPlant": ""}, "ME/083"),
        ({"SupplyingPlant": "9999"}, "06/024"),
        ({"SupplyingPlant": "1710"}, "06/229"),
        ({"PurchaseOrderItemCategory": "0"}, "06/228"),
        ({"NetPriceAmount": "1.00"}, "06/227"),
        ({"PurchasingInfoRecord": "5300000001"}, "06/227"),
        ({"Material": "CB-2903"}, "M3/351"),
        ({"PurchaseOrderType": "XX"}, "06/015"),
        ({"PurchaseOrderType": "NB", "Supplier": "17300001", "DocumentCurrency": "USD"}, "06/227"),
    ],
)
async def test_a_transfer_that_makes_no_sense_is_refused(change: dict[str, Any], code: str) -> None:
    call = await two_plants()
    answer = await call.write("POST", f"{PO}/A_PurchaseOrder", transfer(**change))
    assert error_of(answer)[:2] == (400, code)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"SupplyingPlant": "1720"}, "06/227"),
        ({"PurchasingDocumentItemCategory": "7"}, "ME/083"),
        ({"PurchasingDocumentItemCategory": "7", "SupplyingPlant": "1720", "FixedSupplier": "17300001"}, "06/227"),
        ({"PurchasingDocumentItemCategory": "9"}, "06/228"),
    ],
)
async def test_a_requisition_is_of_a_plant_or_of_a_supplier(change: dict[str, Any], code: str) -> None:
    call = await two_plants()
    answer = await call.write("POST", f"{PR}/A_PurchaseRequisitionHeader", requisition(**change))
    assert error_of(answer)[:2] == (400, code)


async def test_a_requisition_of_a_supplier_does_not_become_a_transfer() -> None:
    call = await two_plants()
    number = await call.requisition()
    assert error_of(await call.write("POST", f"{PO}/A_PurchaseOrder", transfer(number)))[1] == "06/078"


async def test_a_subcontracted_item_holds_the_components_inserted_with_it() -> None:
    call = await two_plants()
    answer = await call.write("POST", f"{PO}/A_PurchaseOrder", subcontract({**COMPONENT, "EntryUnit": "BOX"}))
    assert answer.status_code == 201, answer.text
    line = await call.get(LINE, expand="to_SubcontractingComponent")
    [component] = line["to_SubcontractingComponent"]["results"]
    assert (component["Material"], component["QuantityInEntryUnit"], component["EntryUnit"]) == (
        "CB-2903",
        "200",
        "BOX",
    )
    assert (component["RequiredQuantity"], component["BaseUnit"]) == ("28800", "EA")
    assert (component["Plant"], component["RequirementDate"]) == ("1710", in_days(20))


async def test_without_components_those_of_the_bill_of_materials_are_taken() -> None:
    call = await two_plants()
    parts = [{"BillOfMaterialComponent": "CB-2903", "BillOfMaterialItemQuantity": "1", "ComponentScrapInPercent": 10}]
    bom = {"Material": "CN-6137", "Plant": "1710", "BOMHeaderQuantityInBaseUnit": 3, "items": parts}
    await call.http.post("/control/master-data", json={"boms": [bom]})
    assert (await call.write("POST", f"{PO}/A_PurchaseOrder", subcontract())).status_code == 201
    assert await components(call) == [(1, "CB-2903", Decimal("36.667"))]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (subcontract(), "ME/101"),
        (subcontract({**COMPONENT, "Material": "XX"}), "M3/305"),
        (subcontract({**COMPONENT, "Material": "CN-6137"}), "06/231"),
        (subcontract({**COMPONENT, "QuantityInEntryUnit": "0"}), "06/028"),
        (subcontract({**COMPONENT, "EntryUnit": "KG"}), "BM/304"),
        (subcontract(COMPONENT, PurchaseOrderItemCategory="0"), "06/230"),
        (subcontract({**COMPONENT, "RequiredQuantity": "5"}), "06/017"),
    ],
)
async def test_components_that_make_no_sense_are_refused(body: dict[str, Any], code: str) -> None:
    call = await two_plants()
    assert error_of(await call.write("POST", f"{PO}/A_PurchaseOrder", body))[:2] == (400, code)
    assert (await call.books())["orders"] == []


async def test_components_move_along_with_the_quantity_and_the_split_of_their_item() -> None:
    call = await two_plants()
    await call.write("POST", f"{PO}/A_PurchaseOrder", subcontract(COMPONENT))
    await call.write("MERGE", ITEM, {"OrderQuantity": "150"})
    assert await components(call) == [(1, "CB-2903", Decimal(300))]
    second = {"ScheduleLineDeliveryDate": in_days(40), "ScheduleLineOrderQuantity": "50"}
    where = {"PurchasingDocument": ORDER, "PurchasingDocumentItem": "10", "ScheduleLine": "2"}
    split = await call.changeset(
        [
            ("MERGE", LINE.removeprefix(f"{PO}/"), {"ScheduleLineOrderQuantity": "100"}),
            ("POST", "A_PurchaseOrderScheduleLine", where | second),
        ]
    )
    assert [status for status, _ in split] == [204, 201]
    assert await components(call) == [(1, "CB-2903", Decimal(200)), (2, "CB-2903", Decimal(100))]


async def test_a_component_is_changed_added_and_taken_away() -> None:
    call = await two_plants()
    await call.write("POST", f"{PO}/A_PurchaseOrder", subcontract(COMPONENT))
    key = f"PurchaseOrder='{ORDER}',PurchaseOrderItem='10',ScheduleLine='1',ReservationItem='1',RecordType=''"
    component = f"{PO}/A_POSubcontractingComponent({key})"
    assert (await call.write("MERGE", component, {"QuantityInEntryUnit": "250"})).status_code == 204
    assert error_of(await call.write("DELETE", component))[1] == "ME/101"
    added = await call.write("POST", f"{LINE}/to_SubcontractingComponent", {**COMPONENT, "QuantityInEntryUnit": "5"})
    assert (added.status_code, added.json()["d"]["ReservationItem"]) == (201, "2")
    assert (await call.write("DELETE", component)).status_code == 204
    assert await components(call) == [(1, "CB-2903", Decimal(5))]
    await call.write("MERGE", ITEM, {"OrderQuantity": "200"})
    assert await components(call) == [(1, "CB-2903", Decimal(10))]


async def test_a_material_whose_status_blocks_purchasing_is_not_ordered() -> None:
    call = await two_plants()
    blocked = {"Plant": "1710", "PurchasingGroup": "001", "ProfileCode": "01"}
    await call.http.post(
        "/control/master-data", json={"products": [{"Product": "CN-6137", "BaseUnit": "EA", "plants": [blocked]}]}
    )
    assert error_of(await call.write("POST", f"{PO}/A_PurchaseOrder", order()))[1] == "ME/052"
    assert error_of(await call.write("POST", f"{PR}/A_PurchaseRequisitionHeader", requisition()))[1] == "ME/052"
