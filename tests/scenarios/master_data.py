"""A small bicycle maker: what its ERP and its planning system know. Each bicycle is built of one bought part."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

PLANT = "1710"
PARTS = ("FRAME", "CHAIN", "SADDLE")
SUPPLIER, SECOND = "17300001", "17300002"


def today() -> date:
    return datetime.now(UTC).date()


def in_days(days: int) -> date:
    """The first working day so many days from today or later."""
    day = today() + timedelta(days=days)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return day


def _record(number: int, part: str, supplier: str, preference: int) -> dict[str, Any]:
    return {
        "PurchasingInfoRecord": f"53{number:08d}",
        "Supplier": supplier,
        "Material": part,
        "PurchasingOrganization": PLANT,
        "Plant": PLANT,
        "MinimumPurchaseOrderQuantity": "10",
        "OrderQuantityRounding": "10",
        "MaximumOrderQuantity": "1000",
        "MaterialPlannedDeliveryDurn": 14,
        "NetPriceAmount": "2.50",
        "Currency": "USD",
        "preference": preference,
    }


MASTER_DATA: dict[str, Any] = {
    "plants": [{"Plant": PLANT, "CompanyCode": PLANT, "PurchasingOrganization": PLANT}],
    "suppliers": [
        {"Supplier": SUPPLIER, "SupplierName": "Frames & Forks"},
        {"Supplier": SECOND, "SupplierName": "Second Wheel"},
    ],
    "products": [
        {
            "Product": part,
            "Description": part.title(),
            "BaseUnit": "EA",
            "ProductGroup": "L001",
            "plants": [{"Plant": PLANT, "GoodsReceiptDuration": 1, "PurchasingGroup": "001"}],
        }
        for part in PARTS
    ],
    "info_records": [
        _record(10 * place + preference, part, supplier, preference)
        for place, part in enumerate(PARTS, 1)
        for preference, supplier in enumerate((SUPPLIER, SECOND), 1)
    ],
}


def aps_model() -> dict[str, Any]:
    """Bicycles, each of one part, without stock."""
    return {
        "plants": [PLANT],
        "items": [
            *({"item": part, "unit": "EA", "make": False, "days": 0} for part in PARTS),
            *({"item": f"BIKE-{part}", "unit": "EA", "make": True, "days": 1} for part in PARTS),
        ],
        "bom": [{"assembly": f"BIKE-{part}", "component": part, "quantity": "1"} for part in PARTS],
    }
