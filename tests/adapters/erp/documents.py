"""Order documents for the tests of the SAP adapter."""

import datetime as dt
from decimal import Decimal
from typing import Any

from canonical.calendar import Calendar
from canonical.identity import OrderId, external_reference, requirement_reference
from canonical.order import ComponentLine, DocumentLine, OrderDocument, WrittenLine
from canonical.policy import ErpDocuments, PlantPolicy, RouteKind
from policies.book import FixedPolicies

ORDER_ID = OrderId("order/1710/17300001/k3jd9")
DOCK = dt.date(2027, 3, 1)


def line(number: int = 10, quantity: str = "100", **other: Any) -> DocumentLine:
    known: dict[str, Any] = {
        "line": number,
        "item": "MZ-RM-R14-01",
        "description": "Frame-R14",
        "material_group": "L002",
        "quantity": Decimal(quantity),
        "unit": "H87",
        "delivery_date": DOCK,
        "price": Decimal("0.10"),
        "requirement_reference": requirement_reference(f"requirement/1710/MZ-RM-R14-01/aps~{number}"),
        "info_record": "5300000354",
    }
    return DocumentLine(**{**known, **other})


def document(*lines: DocumentLine, **other: Any) -> OrderDocument:
    known: dict[str, Any] = {
        "order_id": ORDER_ID,
        "reference": external_reference(ORDER_ID),
        "plant": "1710",
        "company_code": "1710",
        "purchasing_organization": "1710",
        "purchasing_group": "001",
        "supplier": "17300001",
        "currency": "USD",
        "order_date": dt.date(2027, 1, 4),
        "lines": lines or (line(),),
    }
    return OrderDocument(**{**known, **other})


def written(quantity: str = "100", day: dt.date = DOCK, price: str = "0.10", **other: Any) -> WrittenLine:
    """What was last written of a line."""
    return WrittenLine(quantity=Decimal(quantity), delivery_date=day, price=Decimal(price), **other)


def policies(*plants: str, **erp: Any) -> FixedPolicies:
    """Policies that write documents so, at plant 1710 or these."""
    calendar = Calendar(name="Monday to Friday")
    return FixedPolicies(
        {
            plant: PlantPolicy(
                plant=plant,
                version="v1",
                company_code="1710",
                purchasing_organization="1710",
                calendar=calendar,
                office=calendar,
                erp=ErpDocuments(**erp),
            )
            for plant in plants or ("1710",)
        }
    )


def component(item: str = "MZ-STEEL", quantity: str = "250", unit: str = "KGM", **other: Any) -> ComponentLine:
    known: dict[str, Any] = {"item": item, "quantity": Decimal(quantity), "unit": unit, "date": dt.date(2027, 2, 1)}
    return ComponentLine(**{**known, **other})


def transfer(*lines: DocumentLine, **other: Any) -> OrderDocument:
    """A stock transport order: plant 1720 supplies 1710."""
    moved = lines or (line(price=Decimal(0), info_record=None),)
    return document(*moved, **{"route": RouteKind.TRANSFER, "supplier": "1720", "currency": "USD", **other})


def subcontract(*lines: DocumentLine, **other: Any) -> OrderDocument:
    """An order for frames to be made of steel that the plant provides."""
    made = lines or (line(components=(component(),)),)
    return document(*made, **{"route": RouteKind.SUBCONTRACT, **other})
