"""The ERP's orders, read as a purchasing clerk would: transfers, subcontracts, and the present state of each line."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from canonical.identity import requirement_id, requirement_reference
from demo.books import Books

Line = tuple[str, int]
"""Order and line."""

SUBCONTRACTED = "3"
"""SAP's item category of a line that a vendor makes of components provided to him."""


def live_orders(books: Books) -> list[dict[str, Any]]:
    """Orders that are not deleted as a whole."""
    return [order for order in books.erp["orders"] if any(map(_is_live, order["items"]))]


def transfers(books: Books) -> list[dict[str, Any]]:
    """Stock transport orders: another plant supplies them."""
    return [order for order in live_orders(books) if order["SupplyingPlant"]]


def subcontracts(books: Books) -> list[dict[str, Any]]:
    """Orders with a line that a vendor makes of our components."""
    return [
        order
        for order in live_orders(books)
        if any(item["PurchaseOrderItemCategory"] == SUBCONTRACTED for item in order["items"])
    ]


def committed_deliveries(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """An order's expected deliveries and their dates, as the warehouse receives them."""
    for item in filter(_is_live, order["items"]):
        for row in item["schedule"]:
            if Decimal(row["ScheduleLineCommittedQuantity"]) > 0:
                yield {
                    "order": order["PurchaseOrder"],
                    "line": int(item["PurchaseOrderItem"]),
                    "quantity": row["ScheduleLineCommittedQuantity"],
                    "unit": item["PurchaseOrderQuantityUnit"],
                    "date": row["ScheduleLineDeliveryDate"][:10],
                }


def items_by_line(books: Books) -> dict[Line, dict[str, Any]]:
    """Every line that the ERP holds, deleted ones too."""
    return {
        (order["PurchaseOrder"], int(item["PurchaseOrderItem"])): item
        for order in books.erp["orders"]
        for item in order["items"]
    }


def quantity_of(books: Books, order: str, line: int) -> Decimal:
    """A line's quantity in the ERP; 0 where it is deleted."""
    item = items_by_line(books)[order, line]
    return Decimal(item["OrderQuantity"]) if _is_live(item) else Decimal(0)


def reference_of_line(books: Books) -> dict[Line, str]:
    """The demand reference of each line, by the requirement tracking that the ERP's requisition items carry.

    A shared line carries only one of its requirements' references; see demo.shares for the others.
    """
    source = books.aps["source"]
    references = {
        requirement_reference(requirement_id(row["plant"], row["item"], source, reference)): reference
        for version in books.aps["versions"].values()
        for reference, row in version["requirements"].items()
    }
    return {line: references[tracking] for line, tracking in tracking_of_line(books).items() if tracking in references}


def tracking_of_line(books: Books) -> dict[Line, str]:
    """The requirement tracking of each line."""
    return {
        (item["PurchasingDocument"], int(item["PurchasingDocumentItem"])): item["RequirementTracking"]
        for requisition in books.erp["requisitions"]
        for item in requisition["items"]
        if item["PurchasingDocument"]
    }


def acknowledged_line(books: Books) -> tuple[str, int, Decimal]:
    """Order, line and quantity of the first line that its vendor has confirmed in full."""
    for order in live_orders(books):
        if order["SupplyingPlant"] or order["PurchaseOrder"] not in books.edi["orders"]:
            continue
        for item in filter(_is_live, order["items"]):
            committed = sum((Decimal(row["ScheduleLineCommittedQuantity"]) for row in item["schedule"]), Decimal(0))
            if len(item["schedule"]) == 1 and committed == Decimal(item["OrderQuantity"]):
                return order["PurchaseOrder"], int(item["PurchaseOrderItem"]), committed
    raise LookupError("no line is confirmed as it was ordered; the story can't go on")


def _is_live(item: dict[str, Any]) -> bool:
    return bool(item["PurchasingDocumentDeletionCode"] != "L")
