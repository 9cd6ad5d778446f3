"""Which of SAP's records make a source, and which source comes first."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from adapters.erp.sap.sources import ContractItem, MasterRecords, SourceReader
from adapters.erp.sap.units import Units
from canonical.calendar import Calendar
from canonical.policy import RouteKind
from canonical.sourcing import Agreement, ItemAtPlant, UnknownItem

TODAY = dt.date(2027, 1, 4)
PAST, FUTURE, ENDLESS = "/Date(1470268800000)/", "/Date(4102444800000)/", "/Date(253402214400000)/"
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
    return {"Supplier": supplier, "SourceListRecord": f"{number:05d}", "ValidityEndDate": ENDLESS, **other}


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


def ranks(records: MasterRecords) -> list[tuple[str, int]]:
    return [(source.supplier, source.preference) for source in read(records).sources]


def test_without_a_source_list_regular_suppliers_come_first_and_the_others_are_equal() -> None:
    """No number of SAP's is a rank, and a bare price is none either: policy's tie-break decides."""
    assert ranks(RECORDS) == [("A", 1), ("B", 1), ("C", 1)]
    regular = [info("A", "3.00"), info("B", "2.00", IsRegularSupplier=True), info("C", "1.00")]
    assert ranks(replace(RECORDS, info_records=regular)) == [("B", 1), ("A", 2), ("C", 2)]


def test_the_source_list_comes_first_and_its_fixed_supplier_foremost() -> None:
    by_number = replace(RECORDS, source_list=[listed("A", 2), listed("B", 1)])
    assert ranks(by_number) == [("B", 1), ("A", 1), ("C", 2)]
    fixed = replace(RECORDS, source_list=[listed("A", 2, SupplierIsFixed=True), listed("B", 1)])
    assert ranks(fixed) == [("A", 1), ("B", 2), ("C", 3)]


def test_what_the_list_has_for_planning_comes_before_what_it_merely_has() -> None:
    records = [listed("A", 1), listed("B", 2, MRPSourcingControl="1"), listed("C", 3, MRPSourcingControl="2")]
    assert ranks(replace(RECORDS, source_list=records)) == [("B", 1), ("C", 1), ("A", 2)]


def days(records: MasterRecords) -> list[tuple[str, int, dt.date | None, dt.date | None]]:
    return [(one.supplier, one.preference, one.available_from, one.available_to) for one in read(records).sources]


def date(text: str) -> str:
    return f"/Date({int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * 1000})/"


def test_a_source_list_record_holds_for_its_days_and_the_info_record_on_the_others() -> None:
    """Which day counts is the need's delivery date, not the day on which master data is read."""
    only_a = replace(RECORDS, info_records=[info("A")])
    spring = listed("A", 1, ValidityStartDate=date("2027-03-01"), ValidityEndDate=date("2027-05-31"))
    march, may, june = dt.date(2027, 3, 1), dt.date(2027, 5, 31), dt.date(2027, 6, 1)
    february = march - dt.timedelta(days=1)
    assert days(replace(only_a, source_list=[spring])) == [
        ("A", 1, march, may),
        ("A", 2, None, february),
        ("A", 2, june, None),
    ]


def test_a_source_list_record_that_has_ended_no_longer_counts() -> None:
    assert days(replace(RECORDS, info_records=[info("A")], source_list=[listed("A", 1, ValidityEndDate=PAST)])) == [
        ("A", 1, None, None)
    ]


def test_where_a_list_is_required_and_has_ended_it_can_be_said_when() -> None:
    plant = {**(RECORDS.product_plant or {}), "to_ProductPlantProcurement": {"IsSourceListRequired": True}}
    ended = [listed("A", 1, ValidityEndDate=date(day)) for day in ("2026-03-31", "2026-12-31")]
    assert days(replace(RECORDS, product_plant=plant, source_list=ended)) == [("A", 1, None, dt.date(2026, 12, 31))]


def test_an_info_record_is_available_on_its_own_days() -> None:
    records = [info("A", AvailabilityStartDate=date("2027-02-01"), AvailabilityEndDate=date("2027-09-30"))]
    assert days(replace(RECORDS, info_records=records)) == [("A", 1, dt.date(2027, 2, 1), dt.date(2027, 9, 30))]


def test_a_source_that_the_list_blocks_says_so() -> None:
    sources = read(replace(RECORDS, source_list=[listed("C", 1, SourceOfSupplyIsBlocked=True)])).sources
    blocked = [(source.supplier, source.blocked) for source in sources if source.available_from is None]
    assert blocked == [("C", True), ("A", False), ("B", False)]


# -- prices


def condition(value: str, first: str, last: str, *scale: tuple[str, str], **own: Any) -> dict[str, Any]:
    lines = [{"ConditionScaleQuantity": quantity, "ConditionRateValue": price} for quantity, price in scale]
    record = {
        "ConditionRecord": "0000000001",
        "ConditionCalculationType": "C",
        "ConditionRateValue": value,
        "ConditionRateValueUnit": "USD",
        "ConditionQuantity": "1",
        "ConditionQuantityUnit": "PC",
        "to_PurgInfoPricingCndnRecdScale": {"results": lines},
        **own,
    }
    return {
        "ConditionType": "PPR0",
        "ConditionValidityStartDate": date(first),
        "ConditionValidityEndDate": date(last),
        "to_PurInfoRecdPrcgCndn": record,
    }


def priced(*conditions: Mapping[str, Any], **terms: Any) -> MasterRecords:
    own = {"to_PurInfoRecdPrcgCndnValidity": {"results": list(conditions)}, **terms}
    return replace(RECORDS, info_records=[info("A", "2.00", terms=own)])


def prices(records: MasterRecords) -> list[tuple[str, dt.date | None, dt.date | None]]:
    return [(str(one.price), one.price_from, one.price_to) for one in read(records).sources]


def test_a_net_price_holds_until_the_end_of_its_validity() -> None:
    assert prices(priced(PriceValidityEndDate=date("2027-06-30"))) == [("2.00", None, dt.date(2027, 6, 30))]
    assert prices(priced(PriceValidityEndDate="/Date(253402214400000)/")) == [("2.00", None, None)]


def test_each_condition_is_a_price_for_its_order_dates() -> None:
    """The net price is the one of the first half year, less its discounts; the next one is known too."""
    found = prices(
        priced(
            condition("2.20", "2027-01-01", "2027-06-30"),
            condition("2.50", "2027-07-01", "9999-12-31"),
            PriceValidityEndDate=date("2027-06-30"),
        )
    )
    assert found == [("2.00", dt.date(2027, 1, 1), dt.date(2027, 6, 30)), ("2.50", dt.date(2027, 7, 1), None)]


def test_prices_that_have_ended_are_left_out_unless_there_is_no_other() -> None:
    old = condition("1.80", "2026-01-01", "2026-06-30")
    older = condition("1.70", "2025-01-01", "2025-12-31")
    assert [price for price, *_ in prices(priced(older, old, condition("2.50", "2026-07-01", "9999-12-31")))] == [
        "2.50"
    ]
    assert prices(priced(older, old)) == [("1.80", dt.date(2026, 1, 1), dt.date(2026, 6, 30))]


def test_a_scale_by_quantity_makes_price_breaks() -> None:
    scale = (("0", "2.00"), ("100", "1.80"), ("500", "1.50"))
    (source,) = read(priced(condition("2.00", "2027-01-01", "9999-12-31", *scale))).sources
    assert source.price == Decimal("2.00")
    assert [(int(each.from_quantity), str(each.price)) for each in source.price_breaks] == [
        (100, "1.80"),
        (500, "1.50"),
    ]


def test_a_scale_up_to_a_quantity_begins_the_next_price_beyond_it() -> None:
    scale = (("99", "2.00"), ("499", "1.80"), ("9999", "1.50"))
    (source,) = read(priced(condition("2.00", "2027-01-01", "9999-12-31", *scale, PricingScaleType="B"))).sources
    assert [(int(each.from_quantity), str(each.price)) for each in source.price_breaks] == [
        (100, "1.80"),
        (500, "1.50"),
    ]


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ({"PricingScaleBasis": "B"}, "the scale of condition 0000000001 (basis 'B', type '') is not by quantity"),
        ({"PricingScaleType": "D"}, "the scale of condition 0000000001 (basis '', type 'D') is not by quantity"),
        ({"ConditionCalculationType": "A"}, "condition 0000000001 is not a price by quantity; state it as one"),
    ],
)
def test_a_scale_that_is_not_by_quantity_is_not_guessed_at(own: dict[str, str], reason: str) -> None:
    scale = (("0", "2.00"), ("100", "1.80"))
    records = priced(condition("2.00", "2027-01-01", "9999-12-31", *scale, **own))
    found = READER.item_at_plant("1710", "FRAME", records, TODAY)
    assert isinstance(found, UnknownItem)
    assert found.detail == f"info record 5300A: {reason}"


# -- who buys, and the supplier's own units


def test_each_organization_has_its_own_terms_and_the_plants_own_go_first() -> None:
    record = info("A", "3.00")
    terms = record["to_PurgInfoRecdOrgPlantData"]["results"]
    terms += [
        {**terms[0], "PurchasingOrganization": "1000", "Plant": "", "NetPriceAmount": "1.00"},
        {**terms[0], "PurchasingOrganization": "1710", "Plant": "", "NetPriceAmount": "2.00"},
    ]
    sources = read(replace(RECORDS, info_records=[record])).sources
    assert [(one.purchasing_organization, str(one.price)) for one in sources] == [("1000", "1.00"), ("1710", "3.00")]


def test_a_source_list_record_is_of_its_organization() -> None:
    record = info("A", "3.00")
    terms = record["to_PurgInfoRecdOrgPlantData"]["results"]
    terms.append({**terms[0], "PurchasingOrganization": "1000", "NetPriceAmount": "1.00"})
    fixed = listed("A", 1, SupplierIsFixed=True, PurchasingOrganization="1710")
    sources = read(replace(RECORDS, info_records=[record], source_list=[fixed])).sources
    ranked = {(one.purchasing_organization, one.preference) for one in sources}
    assert ranked == {("1710", 1), ("1000", 2)}


BOXES = {"PurgDocOrderQuantityUnit": "BOX", "PurchaseOrderPriceUnit": "BOX"}


def test_a_suppliers_own_box_goes_over_the_materials() -> None:
    """A box is 12 pieces at the material, and 10 at this supplier."""
    units = [{"AlternativeUnit": "BOX", "QuantityNumerator": "12", "QuantityDenominator": "1"}]
    product = {**(RECORDS.product or {}), "to_ProductUnitsOfMeasure": {"results": units}}
    records = [
        info(supplier, terms=BOXES, PurgDocOrderQuantityUnit="BOX", OrderItemQtyToBaseQtyNmrtr=content,
             OrderItemQtyToBaseQtyDnmntr="1")
        for supplier, content in (("A", "10"), ("B", "12"), ("C", "0"))
    ]  # fmt: skip
    found = read(replace(RECORDS, product=product, info_records=records))
    assert [(one.supplier, one.base_units) for one in found.sources] == [
        ("A", (Decimal(10), Decimal(1))),
        ("B", None),
        ("C", None),
    ]


# -- outline agreements


def contract(called_off: str = "0", spent: str = "0", head: Any = None, **item: Any) -> dict[Any, ContractItem]:
    terms = {"OrderQuantityUnit": "PC", "ContractNetPriceAmount": "1.50", "NetPriceQuantity": "1", **item}
    start, end = date("2027-01-01"), date("2027-12-31")
    about = {"DocumentCurrency": "USD", "ValidityStartDate": start, "ValidityEndDate": end, **(head or {})}
    return {("4600000010", "10"): ContractItem(about, terms, Decimal(called_off), Decimal(spent))}


CALLS_OFF = {"PurchaseOutlineAgreement": "4600000010", "PurchaseOutlineAgreementItem": "00010"}


def on_agreement(agreements: Mapping[Any, ContractItem]) -> ItemAtPlant:
    records = [listed("A", 1, MRPSourcingControl="1", **CALLS_OFF)]
    return read(replace(RECORDS, info_records=[info("A")], source_list=records, agreements=agreements))


def test_a_source_on_an_outline_agreement_has_its_price_and_what_is_left() -> None:
    found = on_agreement(contract("300", "450.00", {"PurchaseContractTargetAmount": "1500"}, TargetQuantity="1000"))
    source = found.sources[0]
    assert (source.price, source.preference) == (Decimal("1.50"), 1)
    assert source.agreement == Agreement(
        number="4600000010",
        item=10,
        valid_from=dt.date(2027, 1, 1),
        valid_to=dt.date(2027, 12, 31),
        quantity_left=Decimal(700),
        value_left=Decimal(1050),
    )


def test_an_agreement_without_a_target_has_no_limit_and_one_that_is_used_up_has_nothing_left() -> None:
    without = on_agreement(contract("300")).sources[0].agreement
    used_up = on_agreement(contract("1200", TargetQuantity="1000")).sources[0].agreement
    assert without is not None
    assert used_up is not None
    assert (without.quantity_left, without.value_left, used_up.quantity_left) == (None, None, Decimal(0))


def test_an_agreement_that_is_deleted_is_blocked() -> None:
    assert on_agreement(contract(PurchasingContractDeletionCode="L")).sources[0].blocked


def test_an_agreement_that_can_not_be_read_leaves_the_record_s_other_days() -> None:
    until = listed("A", 1, **CALLS_OFF) | {"ValidityEndDate": date("2027-06-30")}
    found = read(replace(RECORDS, info_records=[info("A")], source_list=[until]))
    assert [(one.agreement, one.available_from) for one in found.sources] == [(None, dt.date(2027, 7, 1))]


def test_a_supplier_that_purchasing_blocked_says_so_and_one_marked_for_deletion_is_gone() -> None:
    kept = {"A": {"PurchasingIsBlocked": True}, "B": {"DeletionIndicator": True}}
    sources = read(replace(RECORDS, suppliers=kept)).sources
    assert [(source.supplier, source.blocked) for source in sources] == [("A", True), ("C", False)]


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
        (RouteKind.DIRECT, Decimal("3.00")),
        (RouteKind.SUBCONTRACT, Decimal("1.10")),
    ]
    assert [(one.item, one.quantity, one.unit, one.per) for one in found.components] == [
        ("TUBE", Decimal(15), "KGM", Decimal(10))
    ]


MADE = info("A", terms={"PurchasingInfoRecordCategory": "3"})


def components(*boms: Mapping[str, Any]) -> list[tuple[str, str, dt.date | None, dt.date | None]]:
    found = read(replace(RECORDS, info_records=[MADE], boms=list(boms))).components
    return [(one.item, f"{one.quantity:f}", one.valid_from, one.valid_to) for one in found]


def test_components_are_the_stock_items_with_their_days_and_scrap() -> None:
    """Which of them are given is decided by the day on which they are issued."""
    parts = [
        part("TUBE", "15", ComponentScrapInPercent="2.5"),
        part("OLD", "1", ValidityEndDate=PAST),
        part("THIS", "1", ValidityEndDate=date("2027-08-31")),
        part("NEXT", "1", ValidityStartDate=date("2027-09-01")),
        part("A DRAWING", "1", BillOfMaterialItemCategory="D"),
    ]
    second = bill(part("STEEL", "9"), BillOfMaterialVariant="2")
    assert components(second, bill(*parts, BillOfMaterialVariant="1")) == [
        ("TUBE", "15.375000", None, None),
        ("THIS", "1.000000", None, dt.date(2027, 8, 31)),
        ("NEXT", "1.000000", dt.date(2027, 9, 1), None),
    ]


def test_deleted_items_and_by_products_are_not_given_and_hide_nothing() -> None:
    parts = [
        part("TUBE", "15"),
        part("GONE", "1", IsDeleted=True),
        part("SWARF", "-0.5"),
        part("GONE TOO", "1", unit="XYZ", IsDeleted=True),
    ]
    assert [item for item, *_ in components(bill(*parts))] == ["TUBE"]


@pytest.mark.parametrize("flag", ["FixedQuantity", "BOMItemHasFixedQuantity"])
def test_a_fixed_quantity_is_marked(flag: str) -> None:
    found = read(
        replace(RECORDS, info_records=[MADE], boms=[bill(part("TUBE", "15"), part("TOOL", "1") | {flag: True})])
    )
    assert [(one.item, one.fixed) for one in found.components] == [("TUBE", False), ("TOOL", True)]


def test_a_bill_of_materials_holds_on_its_own_days_and_the_next_variant_on_the_others() -> None:
    summer = bill(
        part("TUBE", "15"),
        BillOfMaterialVariant="1",
        HeaderValidityStartDate=date("2027-06-01"),
        HeaderValidityEndDate=date("2027-08-31"),
    )
    always = bill(part("STEEL", "9"), BillOfMaterialVariant="2")
    assert components(summer, always) == [
        ("TUBE", "15.000000", dt.date(2027, 6, 1), dt.date(2027, 8, 31)),
        ("STEEL", "9.000000", None, dt.date(2027, 5, 31)),
        ("STEEL", "9.000000", dt.date(2027, 9, 1), None),
    ]


def test_a_deleted_bill_of_materials_does_not_count() -> None:
    gone = bill(part("TUBE", "15"), BillOfMaterialVariant="1", IsMarkedForDeletion=True)
    assert [item for item, *_ in components(gone, bill(part("STEEL", "9"), BillOfMaterialVariant="2"))] == ["STEEL"]


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
