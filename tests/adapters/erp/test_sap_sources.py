"""Which of SAP's records make a source, and which source comes first."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from adapters.erp.sap.sources import MasterRecords, SourceReader
from adapters.erp.sap.units import Units
from canonical.calendar import Calendar
from canonical.policy import RouteKind
from canonical.sourcing import ItemAtPlant, UnknownItem

TODAY = dt.date(2027, 1, 4)
PAST, FUTURE = "/Date(1470268800000)/", "/Date(4102444800000)/"
READER = SourceReader(Units(), Calendar(name="Monday to Friday"))


def info(supplier: str, price: str = "1.00", terms: Mapping[str, Any] | None = None, **head: Any) -> dict[str, Any]:
    row = {
        "Plant": "1710",
        "PurchasingInfoRecordCategory": "0",
        "PurchasingOrganization": "1710",
        "PurgDocOrderQuantityUnit": "PC",
        "PurchaseOrderPriceUnit": "PC",
        "NetPriceAmount": price,
        "MaterialPriceUnitQty": "1",
        "Currency": "USD",
        "MaterialPlannedDeliveryDurn": "7",
        **(terms or {}),
    }
    return {
        "PurchasingInfoRecord": f"5300{supplier}",
        "Supplier": supplier,
        "BaseUnit": "PC",
        **head,
        "to_PurgInfoRecdOrgPlantData": {"results": [row]},
    }


def listed(supplier: str, number: int, **other: Any) -> dict[str, Any]:
    return {"Supplier": supplier, "SourceListRecord": f"{number:05d}", "ValidityEndDate": FUTURE, **other}


RECORDS = MasterRecords(
    product={"Product": "FRAME", "BaseUnit": "PC"},
    product_plant={"Product": "FRAME", "Plant": "1710", "GoodsReceiptDuration": "1"},
    info_records=[info("A", "3.00"), info("B", "2.00"), info("C", "1.00")],
)


def read(records: MasterRecords) -> ItemAtPlant:
    found = READER.item_at_plant("1710", "FRAME", records, TODAY)
    assert isinstance(found, ItemAtPlant), found
    return found


def suppliers(records: MasterRecords) -> list[str]:
    return [source.supplier for source in read(records).sources]


def test_without_a_source_list_regular_suppliers_come_first_and_then_the_cheapest() -> None:
    assert suppliers(RECORDS) == ["C", "B", "A"]
    regular = [info("A", "3.00", IsRegularSupplier=True), info("B", "2.00"), info("C", "1.00")]
    assert suppliers(replace(RECORDS, info_records=regular)) == ["A", "C", "B"]


def test_the_source_list_comes_first_and_its_fixed_supplier_foremost() -> None:
    by_number = replace(RECORDS, source_list=[listed("A", 2), listed("B", 1)])
    assert suppliers(by_number) == ["B", "A", "C"]
    fixed = replace(RECORDS, source_list=[listed("A", 2, SupplierIsFixed=True), listed("B", 1)])
    assert suppliers(fixed) == ["A", "B", "C"]


def test_a_source_list_record_out_of_force_does_not_count() -> None:
    ended = [listed("A", 1, ValidityEndDate=PAST), listed("B", 2, ValidityStartDate=FUTURE)]
    assert suppliers(replace(RECORDS, source_list=ended)) == ["C", "B", "A"]


def test_a_source_that_the_list_blocks_says_so() -> None:
    sources = read(replace(RECORDS, source_list=[listed("C", 1, SourceOfSupplyIsBlocked=True)])).sources
    assert [(source.supplier, source.blocked) for source in sources] == [("C", True), ("B", False), ("A", False)]


def test_a_supplier_that_purchasing_blocked_says_so_and_one_marked_for_deletion_is_gone() -> None:
    kept = {"A": {"PurchasingIsBlocked": True}, "B": {"DeletionIndicator": True}}
    sources = read(replace(RECORDS, suppliers=kept)).sources
    assert [(source.supplier, source.blocked) for source in sources] == [("C", False), ("A", True)]


def test_where_a_source_list_is_required_only_its_suppliers_count() -> None:
    plant = {**(RECORDS.product_plant or {}), "to_ProductPlantProcurement": {"IsSourceListRequired": True}}
    assert suppliers(replace(RECORDS, product_plant=plant, source_list=[listed("A", 1)])) == ["A"]


@pytest.mark.parametrize(
    "out_of_use",
    [
        info("C", IsDeleted=True),
        info("C", terms={"IsMarkedForDeletion": True}),
        info("C", terms={"PurchasingInfoRecordCategory": "P"}),
        info("C", terms={"Plant": "1720"}),
    ],
    ids=["deleted", "terms deleted", "pipeline", "another plant"],
)
def test_records_out_of_use_make_no_source(out_of_use: dict[str, Any]) -> None:
    assert suppliers(replace(RECORDS, info_records=[info("A"), out_of_use])) == ["A"]


def test_the_plants_own_terms_go_before_those_of_the_organization() -> None:
    both = info("A", "3.00")
    both["to_PurgInfoRecdOrgPlantData"]["results"].insert(
        0, {**both["to_PurgInfoRecdOrgPlantData"]["results"][0], "Plant": "", "NetPriceAmount": "2.50"}
    )
    assert read(replace(RECORDS, info_records=[both])).sources[0].price == Decimal("3.00")
    both["to_PurgInfoRecdOrgPlantData"]["results"].pop()
    assert read(replace(RECORDS, info_records=[both])).sources[0].price == Decimal("2.50")


def test_a_source_that_can_not_be_read_does_not_hide_the_others() -> None:
    by_weight = info("C", terms={"PurchaseOrderPriceUnit": "KG"})
    assert suppliers(replace(RECORDS, info_records=[info("A"), by_weight])) == ["A"]


def test_where_no_source_can_be_read_the_reason_is_given() -> None:
    by_weight = info("C", terms={"PurchaseOrderPriceUnit": "KG"})
    found = READER.item_at_plant("1710", "FRAME", replace(RECORDS, info_records=[by_weight]), TODAY)
    assert isinstance(found, UnknownItem)
    assert found.detail == "info record 5300C: priced per KG but ordered in PC; state both in one unit"


def test_a_lead_time_that_nobody_keeps_at_the_supplier_is_the_plants() -> None:
    plant = {**(RECORDS.product_plant or {}), "to_ProductSupplyPlanning": {"PlannedDeliveryDurationInDays": "21"}}
    records = replace(
        RECORDS, product_plant=plant, info_records=[info("A", terms={"MaterialPlannedDeliveryDurn": "0"})]
    )
    assert read(records).sources[0].lead_time_days == 21


def test_a_rounding_value_in_the_base_unit_does_not_apply_to_another_order_unit() -> None:
    plant = {**(RECORDS.product_plant or {}), "to_ProductSupplyPlanning": {"LotSizeRoundingQuantity": "24"}}
    cartons = info("A", terms={"PurgDocOrderQuantityUnit": "CAR", "PurchaseOrderPriceUnit": "CAR"})
    (in_cartons,) = read(replace(RECORDS, product_plant=plant, info_records=[cartons])).sources
    (in_pieces,) = read(replace(RECORDS, product_plant=plant, info_records=[info("A")])).sources
    assert (in_cartons.unit, in_cartons.multiple) == ("CT", Decimal(1))
    assert (in_pieces.unit, in_pieces.multiple) == ("H87", Decimal(24))


def bill(*components: Mapping[str, Any], **head: Any) -> dict[str, Any]:
    return {"BOMHeaderQuantityInBaseUnit": "10", **head, "to_BillOfMaterialItem": {"results": list(components)}}


def part(item: str, quantity: str, unit: str = "KG", **other: Any) -> dict[str, Any]:
    known = {"BillOfMaterialComponent": item, "BillOfMaterialItemQuantity": quantity, "BillOfMaterialItemUnit": unit}
    return {**known, "BillOfMaterialItemCategory": "L", **other}


def test_an_info_record_for_subcontracting_is_a_source_of_its_own_route() -> None:
    both = info("A", "3.00")
    made = {**both["to_PurgInfoRecdOrgPlantData"]["results"][0], "PurchasingInfoRecordCategory": "3"}
    both["to_PurgInfoRecdOrgPlantData"]["results"].append({**made, "NetPriceAmount": "1.10"})
    found = read(replace(RECORDS, info_records=[both], boms=[bill(part("TUBE", "15"))]))
    assert [(source.route, source.price) for source in found.sources] == [
        (RouteKind.SUBCONTRACT, Decimal("1.10")),
        (RouteKind.DIRECT, Decimal("3.00")),
    ]
    assert [(one.item, one.quantity, one.unit, one.per) for one in found.components] == [
        ("TUBE", Decimal(15), "KGM", Decimal(10))
    ]


def test_components_are_the_stock_items_in_force_with_their_scrap() -> None:
    made = info("A", terms={"PurchasingInfoRecordCategory": "3"})
    parts = [
        part("TUBE", "15", ComponentScrapInPercent="2.5"),
        part("OLD", "1", ValidityEndDate=PAST),
        part("NEXT", "1", ValidityStartDate=FUTURE),
        part("A DRAWING", "1", BillOfMaterialItemCategory="D"),
    ]
    second = bill(part("STEEL", "9"), BillOfMaterialVariant="2")
    records = replace(RECORDS, info_records=[made], boms=[second, bill(*parts, BillOfMaterialVariant="1")])
    assert [(one.item, one.quantity) for one in read(records).components] == [("TUBE", Decimal("15.375"))]


def test_nobody_is_given_components_of_what_is_bought() -> None:
    assert read(replace(RECORDS, boms=[bill(part("TUBE", "15"))])).components == ()


def test_a_component_in_an_unknown_unit_is_reported() -> None:
    made = info("A", terms={"PurchasingInfoRecordCategory": "3"})
    records = replace(RECORDS, info_records=[made], boms=[bill(part("TUBE", "15", "XYZ"))])
    found = READER.item_at_plant("1710", "FRAME", records, TODAY)
    assert isinstance(found, UnknownItem)
    assert "'XYZ' has no UN/ECE code" in found.detail
    bought = read(replace(records, info_records=[made, info("B")]))
    assert [(source.supplier, source.route) for source in bought.sources] == [("B", RouteKind.DIRECT)]


def at_plant(**values: Any) -> MasterRecords:
    return replace(RECORDS, product_plant={**(RECORDS.product_plant or {}), **values})


def test_the_class_of_an_item_is_the_plants() -> None:
    assert (read(at_plant(ABCIndicator="A")).item_class, read(RECORDS).item_class) == ("A", "")


def test_a_status_that_blocks_purchasing_blocks_from_its_first_day_on() -> None:
    assert read(at_plant(ProfileCode="01")).blocked == "status 01 at the plant: blocked for procurement and warehouse"
    assert read(at_plant(ProfileCode="01", ProfileValidityStartDate=PAST)).blocked
    assert read(at_plant(ProfileCode="01", ProfileValidityStartDate=FUTURE)).blocked == ""
    assert read(at_plant(ProfileCode="Z9")).blocked == ""
    own = replace(READER, blocking_status={"Z9": "being phased out"})
    found = own.item_at_plant("1710", "FRAME", at_plant(ProfileCode="Z9"), TODAY)
    assert isinstance(found, ItemAtPlant)
    assert found.blocked == "status Z9 at the plant: being phased out"


def test_conversions_are_exact_and_of_the_units_we_know() -> None:
    units = [
        {"AlternativeUnit": "PC", "QuantityNumerator": "1", "QuantityDenominator": "1"},
        {"AlternativeUnit": "LB", "QuantityNumerator": "45359", "QuantityDenominator": "100"},
        {"AlternativeUnit": "ZZZ", "QuantityNumerator": "3", "QuantityDenominator": "1"},
        {"AlternativeUnit": "BOX", "QuantityNumerator": "0", "QuantityDenominator": "1"},
    ]
    product = {**(RECORDS.product or {}), "to_ProductUnitsOfMeasure": {"results": units}}
    assert [
        (one.unit, one.numerator, one.denominator) for one in read(replace(RECORDS, product=product)).conversions
    ] == [("LBR", Decimal(45359), Decimal(100))]


def test_a_product_that_is_on_its_way_out_is_unknown() -> None:
    going = replace(RECORDS, product={"Product": "FRAME", "BaseUnit": "PC", "IsMarkedForDeletion": True})
    assert isinstance(READER.item_at_plant("1710", "FRAME", going, TODAY), UnknownItem)


def test_a_goods_receipt_time_beyond_reason_is_named() -> None:
    slow = replace(RECORDS, product_plant={**(RECORDS.product_plant or {}), "GoodsReceiptDuration": "365"})
    found = READER.item_at_plant("1710", "FRAME", slow, TODAY)
    assert isinstance(found, UnknownItem)
    assert "goods_receipt_days 365" in found.detail


NEVER = "/Date(999999999999999999)/"


@pytest.mark.parametrize(
    "records",
    [
        replace(RECORDS, product_plant={"Product": "FRAME", "Plant": "1710", "GoodsReceiptDuration": "1E+999999"}),
        replace(RECORDS, source_list=[listed("A", 1, ValidityStartDate=NEVER)]),
        replace(
            RECORDS,
            product_plant={
                "Product": "FRAME",
                "Plant": "1710",
                "ProfileCode": "01",
                "ProfileValidityStartDate": NEVER,
            },
        ),
    ],
)
def test_a_number_or_day_that_nothing_holds_makes_the_item_a_question_and_no_failure(records: MasterRecords) -> None:
    found = READER.item_at_plant("1710", "FRAME", records, TODAY)
    assert isinstance(found, UnknownItem)
    assert "product FRAME" in found.detail


def test_a_source_with_an_absurd_term_is_left_out_and_the_others_stay() -> None:
    absurd = info("A", "3.00", {"MaterialPlannedDeliveryDurn": "1E+400", "MinimumPurchaseOrderQuantity": "1e-900"})
    assert suppliers(replace(RECORDS, info_records=[absurd, info("B", "2.00")])) == ["B"]


def test_a_description_without_end_is_shortened() -> None:
    texts = {"results": [{"Language": "EN", "ProductDescription": "x" * 2_000_000}]}
    found = read(replace(RECORDS, product={**(RECORDS.product or {}), "to_Description": texts}))
    assert len(found.description) == 500
