"""The purchasing data of the demo's ERP: terms of every item with every vendor, and subcontracted items.

Decided here: how AdventureWorks' figures (demo/data/README.md) become purchasing terms, and the assumptions where it
has no figure, each a named constant. Pure. Not decided here: the source of supply (the engine).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from demo.site import PLANTS, SUBCONTRACTS, Plant, Subcontract, rows

CURRENCY = "USD"

WITHOUT_SOURCE = ("PD-T852", "RF-9198")
"""Bought items that the buyers of this story forgot to give a supplier: master-data exceptions."""

UNIT_QUANTITY = {"EA": 1, "DZ": 12, "PAK": 20, "GAL": 128}
"""Base units per purchasing unit. Dozen and gallon are standard; twenty to a pack is our assumption."""

CASE_MAXIMUM, CASE_QUANTITY = 5, 500
"""An item of which a vendor sells at most five at a time comes by the case or container, whose content is our
assumption.
"""

BLANKS_PER_SHEET = {"MS": 20, "MB": 20}
"""Sheets and bars, by the first letters of the item: the bill of materials counts the blanks cut from them, vendors
sell whole ones. The number of blanks from each is our assumption.
"""

ERP_UNIT = {"EA": "EA", "ONZ": "OZ", "INH": "IN"}
"""The ERP's codes of the planning system's units."""

PRODUCT_GROUP = {"EA": "PARTS", "ONZ": "PAINT", "INH": "TAPE"}


@dataclass(frozen=True)
class Terms:
    """The terms of an item from a supplier; quantities in the item's own unit."""

    item: str
    supplier: str
    lead_time_days: int
    """Calendar days."""
    price: Decimal
    """For `price_unit` of the item."""
    price_unit: Decimal
    minimum: Decimal
    multiple: Decimal
    maximum: Decimal
    preference: int
    """1 is the first source."""


@cache
def purchasing_terms() -> tuple[Terms, ...]:
    """Return the terms of every bought item with every active vendor.

    The first source is the vendor that can supply most items, so that deliveries are bundled; then the cheaper one.
    """
    active = {row["supplier"] for row in rows("vendors") if row["active"] == "1"}
    offers = [row for row in rows("sources") if row["supplier"] in active and row["item"] not in WITHOUT_SOURCE]
    breadth: dict[str, int] = defaultdict(int)
    by_item: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for offer in offers:
        breadth[offer["supplier"]] += 1
        by_item[offer["item"]].append(offer)
    return tuple(
        _terms(offer, preference)
        for _, competing in sorted(by_item.items())
        for preference, offer in enumerate(
            sorted(competing, key=lambda o: (-breadth[o["supplier"]], Decimal(o["price"]), o["supplier"])), start=1
        )
    )


def erp_master_data(plants: Iterable[Plant] = PLANTS) -> dict[str, Any]:
    """Return the body of the ERP simulator's POST /erp/control/master-data."""
    plants = tuple(plants)
    terms = purchasing_terms()
    used = {term.supplier for term in terms}
    parts = [part for part in SUBCONTRACTS if any(part.plant == plant.code for plant in plants)]
    made_for_us = {part.item for part in parts}
    return {
        "plants": [
            {
                "Plant": plant.code,
                "CompanyCode": plant.company_code,
                "PurchasingOrganization": plant.purchasing_organization,
            }
            for plant in plants
        ],
        "products": [
            {
                "Product": row["item"],
                "Description": row["name"],
                "BaseUnit": ERP_UNIT[row["unit"]],
                "ProductGroup": PRODUCT_GROUP[row["unit"]],
                "plants": [
                    {
                        "Plant": plant.code,
                        "PurchasingGroup": plant.purchasing_group,
                        "GoodsReceiptDuration": plant.goods_receipt_days,
                    }
                    for plant in plants
                ],
            }
            for row in rows("items")
            if row["make"] == "0" or row["item"] in made_for_us
        ],
        "boms": [_bom(part) for part in parts],
        "suppliers": [
            {"Supplier": row["supplier"], "SupplierName": row["name"]}
            for row in rows("vendors")
            if row["supplier"] in used
        ],
        "info_records": [
            _info_record(number, term, plant)
            for number, (term, plant) in enumerate(((t, p) for t in terms for p in plants), start=1)
        ]
        + [
            _subcontract_record(number, part, plant)
            for number, part in enumerate(parts, start=1)
            for plant in plants
            if plant.code == part.plant
        ],
    }


def _terms(offer: Mapping[str, str], preference: int) -> Terms:
    pack = Decimal(_base_units(offer))
    return Terms(
        item=offer["item"],
        supplier=offer["supplier"],
        lead_time_days=int(offer["lead_time_days"]),
        price=Decimal(offer["price"]),
        price_unit=pack,
        minimum=Decimal(offer["minimum"]) * pack,
        multiple=pack,
        maximum=Decimal(offer["maximum"]) * pack,
        preference=preference,
    )


def _base_units(offer: Mapping[str, str]) -> int:
    """Return the item's own units per purchasing unit of the vendor."""
    if int(offer["maximum"]) <= CASE_MAXIMUM:
        return CASE_QUANTITY
    return UNIT_QUANTITY[offer["unit"]] * BLANKS_PER_SHEET.get(offer["item"].split("-")[0], 1)


def _info_record(number: int, term: Terms, plant: Plant) -> dict[str, Any]:
    unit = next(row["unit"] for row in rows("items") if row["item"] == term.item)
    return {
        "PurchasingInfoRecord": f"53{number:08d}",
        "Supplier": term.supplier,
        "Material": term.item,
        "PurchasingOrganization": plant.purchasing_organization,
        "PurchasingGroup": plant.purchasing_group,
        "Plant": plant.code,
        "MinimumPurchaseOrderQuantity": str(term.minimum),
        "OrderQuantityRounding": str(term.multiple),
        "MaximumOrderQuantity": str(term.maximum),
        "MaterialPlannedDeliveryDurn": term.lead_time_days,
        "NetPriceAmount": str(term.price),
        "Currency": CURRENCY,
        "MaterialPriceUnitQty": str(term.price_unit),
        "OrderUnit": ERP_UNIT[unit],
        "preference": term.preference,
    }


def _subcontract_record(number: int, part: Subcontract, plant: Plant) -> dict[str, Any]:
    return {
        "PurchasingInfoRecord": f"54{number:08d}",
        "PurchasingInfoRecordCategory": "3",
        "Supplier": part.supplier,
        "Material": part.item,
        "PurchasingOrganization": plant.purchasing_organization,
        "PurchasingGroup": plant.purchasing_group,
        "Plant": plant.code,
        "MinimumPurchaseOrderQuantity": "1",
        "OrderQuantityRounding": "1",
        "MaterialPlannedDeliveryDurn": part.lead_time_days,
        "NetPriceAmount": str(part.price),
        "Currency": CURRENCY,
        "MaterialPriceUnitQty": "1",
        "OrderUnit": "EA",
        "preference": 1,
    }


def _bom(part: Subcontract) -> dict[str, Any]:
    units = {row["item"]: ERP_UNIT[row["unit"]] for row in rows("items")}
    return {
        "Material": part.item,
        "Plant": part.plant,
        "items": [
            {
                "BillOfMaterialComponent": row["component"],
                "BillOfMaterialItemQuantity": row["quantity"],
                "BillOfMaterialItemUnit": units[row["component"]],
            }
            for row in rows("bom")
            if row["assembly"] == part.item
        ],
    }
