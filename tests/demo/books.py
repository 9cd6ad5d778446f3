"""Books of the counterparts as small as a test needs them."""

from collections.abc import Mapping, Sequence
from typing import Any

from canonical.identity import requirement_id, requirement_reference
from demo.books import Books

SOURCE = "aps-atlas"
ORDER = "4500000001"
DOCK = "2026-06-19"
"""The day before that of `requirement`, a Friday."""
BATCH, SUPPLIER = "MS-2341", "CUSTOM0001"
"""At least 2000, in twenties."""


def requirement(quantity: int, day: str = "2026-06-22", item: str = BATCH, criticality: str = "A") -> dict[str, Any]:
    peg = {"demand": "B1", "quantity": str(quantity), "date": day, "criticality": criticality}
    return {"plant": "1720", "item": item, "quantity": str(quantity), "required_date": day, "pegging": [peg]}


def line(
    number: int,
    quantity: int,
    item: str = BATCH,
    *,
    deleted: bool = False,
    committed: int | None = None,
    day: str = DOCK,
) -> Any:
    return {
        "PurchaseOrderItem": str(number),
        "Material": item,
        "Plant": "1720",
        "OrderQuantity": str(quantity),
        "PurchasingDocumentDeletionCode": "L" if deleted else "",
        "schedule": [
            {
                "ScheduleLineDeliveryDate": day,
                "ScheduleLineCommittedQuantity": str(quantity if committed is None else committed),
            }
        ],
    }


def books(
    *versions: Mapping[str, dict[str, Any]],
    lines: Sequence[dict[str, Any]],
    known_by: Mapping[int, str],
    coverage: Mapping[str, int],
    cover_on: Mapping[str, str] | None = None,
    received: Mapping[int, int] | None = None,
) -> Books:
    """One order: its lines, the reference that the ERP knows each by, and the coverage that was reported to APS.

    `cover_on`: for which day, where it is another than DOCK.
    """
    days = cover_on or {}
    everything = {reference: row for version in versions for reference, row in version.items()}
    state = "received" if received else "confirmed"
    return Books(
        erp={
            "orders": [{"PurchaseOrder": ORDER, "Supplier": SUPPLIER, "SupplyingPlant": "", "items": list(lines)}],
            "requisitions": [
                {
                    "items": [
                        {
                            "PurchasingDocument": ORDER,
                            "PurchasingDocumentItem": str(number),
                            "RequirementTracking": requirement_reference(
                                requirement_id("1720", everything[reference]["item"], SOURCE, reference)
                            ),
                        }
                        for number, reference in known_by.items()
                    ]
                }
            ],
        },
        edi={"orders": {}},
        aps={
            "source": SOURCE,
            "versions": {
                str(number): {"requirements": version, "slightly": []}
                for number, version in enumerate(versions, start=1)
            },
            "coverage_of_unknown": [],
            "coverage_by_reference": {
                reference: [
                    {
                        "order": ORDER,
                        "scheduleLines": [
                            {"quantity": str(quantity), "date": days.get(reference, DOCK), "state": state}
                        ],
                    }
                ]
                for reference, quantity in coverage.items()
            },
        },
        wms={
            "receipts": {
                f"GR{number}": {"order": ORDER, "line": number, "quantity": str(quantity), "date": DOCK}
                for number, quantity in (received or {}).items()
            }
        },
    )
