"""Master data is loaded once and read through SAP's own services."""

from tests.simulators.erp_client import MASTER_DATA, caller

ROOT = "/sap/opu/odata/sap"


async def test_the_material_is_read_with_its_plants() -> None:
    call = await caller()
    product = await call.get(
        f"{ROOT}/API_PRODUCT_SRV/A_Product('CN-6137')", expand="to_Description,to_Plant/to_ProductSupplyPlanning"
    )
    assert (product["BaseUnit"], product["ProductGroup"]) == ("EA", "L002")
    assert product["to_Description"]["results"][0]["ProductDescription"] == "Chainring nut"
    [plant] = product["to_Plant"]["results"]
    assert (plant["GoodsReceiptDuration"], plant["PurchasingGroup"]) == ("2", "001")
    assert plant["to_ProductSupplyPlanning"]["LotSizeRoundingQuantity"] == "5"


async def test_several_materials_are_found_by_one_filter_however_it_is_put() -> None:
    call = await caller()
    terms = f"{ROOT}/API_INFORECORD_PROCESS_SRV/A_PurgInfoRecdOrgPlantData"
    for where in (
        "(Supplier eq '17300001' or Supplier eq '17300002') and Material eq 'CN-6137'",
        "Material eq 'CN-6137' and (Supplier eq '17300002' or Supplier eq '17300001' or Supplier eq 'NOBODY')",
        "(Supplier eq '17300001' or Supplier eq 'NOBODY') or Supplier eq '17300002'",
        "not (Supplier eq 'NOBODY' or Supplier eq 'NO ONE') and Material eq 'CN-6137'",
    ):
        found = await call.get(terms, filter=where, orderby="Supplier")
        assert {each["Supplier"] for each in found["results"]} == {"17300001", "17300002"}, where


async def test_info_records_hold_each_suppliers_terms() -> None:
    call = await caller()
    found = await call.get(
        f"{ROOT}/API_INFORECORD_PROCESS_SRV/A_PurgInfoRecdOrgPlantData",
        filter="Material eq 'CN-6137' and Plant eq '1710' and Supplier eq '17300001'",
    )
    [terms] = found["results"]
    assert (terms["MinimumPurchaseOrderQuantity"], terms["MaximumOrderQuantity"]) == ("20", "500")
    assert (terms["YY1_OrderMultiple_PIR"], terms["MaterialPlannedDeliveryDurn"]) == ("10", "17")
    assert (terms["NetPriceAmount"], terms["Currency"], terms["PurgDocOrderQuantityUnit"]) == ("1.50", "USD", "EA")
    record = await call.get(
        f"{ROOT}/API_INFORECORD_PROCESS_SRV/A_PurchasingInfoRecord('5300000002')", expand="to_PurgInfoRecdOrgPlantData"
    )
    assert record["IsRegularSupplier"] is True
    assert len(record["to_PurgInfoRecdOrgPlantData"]["results"]) == 1


async def test_the_source_list_is_in_order_of_preference() -> None:
    call = await caller()
    found = await call.get(
        f"{ROOT}/API_PURCHASING_SOURCE_SRV/A_PurchasingSource",
        filter="Material eq 'CN-6137' and Plant eq '1710'",
        orderby="SourceListRecord",
    )
    assert [(each["SourceListRecord"], each["Supplier"], each["SupplierIsFixed"]) for each in found["results"]] == [
        ("00001", "17300002", True),
        ("00002", "17300001", False),
    ]


async def test_suppliers_have_names_and_blocks() -> None:
    call = await caller()
    found = await call.get(f"{ROOT}/API_BUSINESS_PARTNER/A_Supplier", filter="PurchasingIsBlocked eq true")
    assert [(each["Supplier"], each["SupplierName"]) for each in found["results"]] == [("17300009", "Gone")]


async def test_a_later_load_replaces_what_has_the_same_key() -> None:
    call = await caller()
    renamed = {"suppliers": [{"Supplier": "17300001", "SupplierName": "Litware AG"}], "units": [{"code": "XU"}]}
    counts = (await call.http.post("/control/master-data", json=renamed)).json()
    assert (counts["suppliers"], counts["units"]) == (len(MASTER_DATA["suppliers"]), 32)
    supplier = await call.get(f"{ROOT}/API_BUSINESS_PARTNER/A_Supplier('17300001')")
    assert supplier["SupplierName"] == "Litware AG"


async def test_an_unknown_field_of_a_load_is_named() -> None:
    call = await caller()
    answer = await call.http.post("/control/master-data", json={"plants": [{"Plant": "1", "Colour": "red"}]})
    assert answer.status_code == 400
    assert "Colour" in answer.text


async def test_master_data_can_not_be_written_through_the_services() -> None:
    call = await caller()
    answer = await call.write("MERGE", f"{ROOT}/API_BUSINESS_PARTNER/A_Supplier('17300001')", {"SupplierName": "X"})
    assert answer.status_code == 405


async def test_class_status_units_and_bills_of_materials_are_served_in_saps_words() -> None:
    call = await caller()
    nut = {
        "Product": "CN-6137",
        "BaseUnit": "EA",
        "units": [{"AlternativeUnit": "LB", "QuantityNumerator": 45359, "QuantityDenominator": 100}],
        "plants": [
            {"Plant": "1710", "ABCIndicator": "A", "ProfileCode": "01", "ProfileValidityStartDate": "2026-06-01"}
        ],
    }
    bom = {
        "Material": "CN-6137",
        "Plant": "1710",
        "BOMHeaderQuantityInBaseUnit": 10,
        "items": [{"BillOfMaterialComponent": "CB-2903", "BillOfMaterialItemQuantity": "25"}],
    }
    await call.http.post("/control/master-data", json={"products": [nut], "boms": [bom]})
    product = await call.get(f"{ROOT}/API_PRODUCT_SRV/A_Product('CN-6137')", expand="to_ProductUnitsOfMeasure,to_Plant")
    units = product["to_ProductUnitsOfMeasure"]["results"]
    assert [(each["AlternativeUnit"], each["QuantityNumerator"], each["QuantityDenominator"]) for each in units] == [
        ("EA", "1", "1"),
        ("LB", "45359", "100"),
    ]
    [plant] = product["to_Plant"]["results"]
    assert (plant["ABCIndicator"], plant["ProfileCode"]) == ("A", "01")
    assert plant["ProfileValidityStartDate"] == "/Date(1780272000000)/"
    found = await call.get(
        f"{ROOT}/API_BILL_OF_MATERIAL_SRV;v=0002/MaterialBOM",
        filter="Material eq 'CN-6137' and Plant eq '1710'",
        expand="to_BillOfMaterialItem",
    )
    [held] = found["results"]
    assert (held["BOMHeaderQuantityInBaseUnit"], held["BOMHeaderBaseUnit"]) == ("10", "EA")
    [item] = held["to_BillOfMaterialItem"]["results"]
    assert (item["BillOfMaterialComponent"], item["BillOfMaterialItemQuantity"]) == ("CB-2903", "25")
    assert item["BillOfMaterialItemUnit"] == "EA"


async def test_one_info_record_may_have_terms_to_buy_and_to_have_made() -> None:
    call = await caller()
    made = {**MASTER_DATA["info_records"][0], "PurchasingInfoRecordCategory": "3", "NetPriceAmount": "0.4"}
    await call.http.post("/control/master-data", json={"info_records": [made]})
    record = await call.get(
        f"{ROOT}/API_INFORECORD_PROCESS_SRV/A_PurchasingInfoRecord('5300000001')", expand="to_PurgInfoRecdOrgPlantData"
    )
    terms = record["to_PurgInfoRecdOrgPlantData"]["results"]
    assert [(each["PurchasingInfoRecordCategory"], each["NetPriceAmount"]) for each in terms] == [
        ("0", "1.50"),
        ("3", "0.40"),
    ]
