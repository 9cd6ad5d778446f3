"""Purchase requisitions: creating them, changing them, and what orders do to them.

Decided here: what is defaulted, what is refused, when an item counts as ordered. Not decided here: how it is told.
"""

from decimal import Decimal
from typing import Any

from simulators.erp import checks
from simulators.erp.books import Document, Item, Work
from simulators.erp.errors import Problem, not_found, refuse
from simulators.erp.tables import REQUISITIONS
from simulators.erp.wire import Row, blank, document_number, item_target, key_text, read_entity

HEADER = REQUISITIONS.sets["A_PurchaseRequisitionHeader"]
ITEM = REQUISITIONS.sets["A_PurchaseRequisitionItem"]

_BY_ORDERS = ("OrderedQuantity", "PurchasingDocument", "PurchasingDocumentItem", "ProcessingStatus")
_FIXED = (
    "Material",
    "Plant",
    "SupplyingPlant",
    "BaseUnit",
    "PurchaseRequisitionType",
    "PurchasingDocumentItemCategory",
    *_BY_ORDERS,
)
_STANDARD = "0"
_OF_PURCHASES = ("FixedSupplier", "Supplier", "PurchasingInfoRecord", "PurchaseRequisitionPrice")


def create_requisition(work: Work, path: str, body: Any) -> Row:
    """Create a requisition with its items; returns the header."""
    sent, nested = read_entity(HEADER, body, "create")
    header = {**blank(HEADER), "PurchaseRequisitionType": "NB", **sent}
    bodies = nested.get("to_PurchaseReqnItem", [])
    if not bodies:
        raise refuse("06/029", "A purchase requisition needs at least one item", property="to_PurchaseReqnItem")
    items: dict[int, Item] = {}
    problems: list[Problem] = []
    for item_body in bodies:
        row = _new_row(work, header, item_body, 10 * (len(items) + 1))
        number = row["PurchaseRequisitionItem"]
        if number in items:
            problems.append(Problem("06/056", f"Item {number} is there already", "PurchaseRequisitionItem"))
        problems += _check(work, row)
        items[number] = Item(row)
    checks.insist(problems)
    if header["PurReqnDoOnlyValidation"]:
        return header
    document = work.new("requisition")
    for row in (header, *(item.row for item in items.values())):
        row["PurchaseRequisition"] = document.number
    document.header, document.items = header, items
    work.wrote("POST", path, document, None, "created")
    for item in items.values():
        work.wrote("POST", path, document, item, _ordered(item.row))
    return header


def create_item(work: Work, path: str, body: Any, parent: Row) -> Row:
    """Add an item to a requisition; returns it."""
    sent, _ = read_entity(ITEM, body, "create")
    number = parent.get("PurchaseRequisition") or sent.get("PurchaseRequisition", "")
    document = _document(work, number)
    row = _new_row(work, document.header, body, 10 + max(document.items, default=0))
    row["PurchaseRequisition"] = document.number
    if row["PurchaseRequisitionItem"] in document.items:
        raise refuse("06/056", f"Item {row['PurchaseRequisitionItem']} is there already")
    checks.insist(_check(work, row))
    item = document.items[row["PurchaseRequisitionItem"]] = Item(row)
    work.wrote("POST", path, document, item, _ordered(row))
    return row


def merge_requisition(work: Work, path: str, key: Row, body: Any) -> None:
    """Change the header."""
    sent, _ = read_entity(HEADER, body, "merge")
    document = _document(work, key["PurchaseRequisition"])
    sent.pop("PurchaseRequisition", None)
    checks.insist(checks.unchanged(document.header, sent, ["PurchaseRequisitionType"], "A_PurchaseRequisitionHeader"))
    document.header.update(sent)
    work.wrote("MERGE", path, document, None, ", ".join(sent))


def merge_item(work: Work, path: str, key: Row, body: Any) -> None:
    """Change an item."""
    sent, _ = read_entity(ITEM, body, "merge")
    document, item = find_item(work, key["PurchaseRequisition"], key["PurchaseRequisitionItem"])
    row, target = item.row, _target(item.row)
    if row["IsDeleted"]:
        raise _deleted(row)
    for name in ("PurchaseRequisition", "PurchaseRequisitionItem"):
        sent.pop(name, None)
    problems = checks.unchanged(row, sent, _FIXED, target)
    if "RequestedQuantity" in sent:
        problems += checks.above_zero(sent, "RequestedQuantity", target)
        if sent["RequestedQuantity"] < row["OrderedQuantity"]:
            text = f"Item {key['PurchaseRequisitionItem']}: {row['OrderedQuantity'].normalize():f} were ordered already"
            problems.append(Problem("06/116", text, "RequestedQuantity", target))
    if sent.get("DeliveryDate", row["DeliveryDate"]) != row["DeliveryDate"]:
        problems += checks.mandatory(sent, ["DeliveryDate"], target)
        problems += checks.not_past(sent["DeliveryDate"], work.earliest_day, "DeliveryDate", target)
    if sent.get("IsDeleted") and row["OrderedQuantity"] > 0:
        text = f"Item {key['PurchaseRequisitionItem']} was ordered with {row['PurchasingDocument']}; delete that first"
        problems.append(Problem("06/116", text, "IsDeleted", target))
    checks.insist(problems)
    row.update(sent)
    _stamp(work, row)
    work.wrote("MERGE", path, document, item, ", ".join(f"{name}={sent[name]}" for name in sent))


def find_item(work: Work, number: str, item_number: int) -> tuple[Document, Item]:
    """Return a requisition's item, to be changed. Raises SapError where it is not there."""
    document = _document(work, number)
    if item_number not in document.items:
        raise not_found(ITEM.name, f"{number}/{item_number}")
    return document, document.items[item_number]


def convert(work: Work, order_row: Row) -> list[Problem]:
    """Book an order item that is made of a requisition item; refuses more than what is still open."""
    number, item_number = order_row["PurchaseRequisition"], order_row["PurchaseRequisitionItem"]
    target = f"to_PurchaseOrderItem(PurchaseOrder='',PurchaseOrderItem='{order_row['PurchaseOrderItem']}')"
    document = work.find("requisition", number)
    item = document.items.get(item_number) if document else None
    if item is None:
        text = f"Purchase requisition {number} item {item_number} does not exist"
        return [Problem("06/077", text, "PurchaseRequisition", target)]
    row = item.row
    if row["IsDeleted"] or row["IsClosed"]:
        return [Problem("06/019", f"Requisition item {number}/{item_number} is deleted", "PurchaseRequisition", target)]
    if (row["Material"], row["Plant"]) != (order_row["Material"], order_row["Plant"]):
        text = f"Requisition item {number}/{item_number} is for {row['Material']} in plant {row['Plant']}"
        return [Problem("06/078", text, "Material", target)]
    if row["PurchasingDocumentItemCategory"] != order_row["PurchaseOrderItemCategory"]:
        text = f"Requisition item {number}/{item_number} has item category {row['PurchasingDocumentItemCategory']}"
        return [Problem("06/078", text, "PurchaseOrderItemCategory", target)]
    ordered_of = work.books.documents["order"][order_row["PurchaseOrder"]].header["SupplyingPlant"]
    if row["SupplyingPlant"] != ordered_of:
        text = f"Requisition item {number}/{item_number} is for supplying plant {row['SupplyingPlant']}"
        return [Problem("06/078", text, "SupplyingPlant", target)]
    if row["BaseUnit"] != order_row["PurchaseOrderQuantityUnit"]:
        text = f"Requisition item {number}/{item_number} is in {row['BaseUnit']}"
        return [Problem("06/079", text, "PurchaseOrderQuantityUnit", target)]
    still_open = row["RequestedQuantity"] - row["OrderedQuantity"]
    if order_row["OrderQuantity"] > still_open:
        text = (
            f"Requisition item {number}/{item_number}: {order_row['OrderQuantity'].normalize():f} ordered, "
            f"only {still_open.normalize():f} still open"
        )
        return [Problem("06/076", text, "OrderQuantity", target)]
    row["PurchasingDocument"] = order_row["PurchaseOrder"]
    row["PurchasingDocumentItem"] = order_row["PurchaseOrderItem"]
    follow(work, order_row, order_row["OrderQuantity"])
    return []


def follow(work: Work, order_row: Row, difference: Decimal) -> None:
    """Move the ordered quantity of the requisition item along with the order item's."""
    if not order_row["PurchaseRequisition"]:
        return
    _, item = find_item(work, order_row["PurchaseRequisition"], order_row["PurchaseRequisitionItem"])
    row = item.row
    row["OrderedQuantity"] += difference
    row["ProcessingStatus"] = "B" if row["OrderedQuantity"] > 0 else "N"
    if not row["OrderedQuantity"]:
        row["PurchasingDocument"], row["PurchasingDocumentItem"] = "", 0
    _stamp(work, row)


def _new_row(work: Work, header: Row, body: Any, proposed: int) -> Row:
    """The item with what SAP fills in: the number, the material's unit, text and group, the plant's buyer group."""
    sent, _ = read_entity(ITEM, body, "create")
    master, today = work.books.master, work.today
    product = master.products.get(sent.get("Material", ""))
    at_plant = master.at_plant.get((sent.get("Material", ""), sent.get("Plant", "")))
    plant = master.plants.get(sent.get("Plant", ""))
    defaults: Row = {
        "PurchaseRequisitionItem": proposed,
        "PurchaseRequisitionType": header["PurchaseRequisitionType"],
        "PurchasingDocumentCategory": "B",
        "PurchasingDocumentItemCategory": _STANDARD,
        "PurchaseRequisitionItemText": product.Description[:40] if product else "",
        "MaterialGroup": product.ProductGroup if product else "",
        "BaseUnit": product.BaseUnit if product else "",
        "PurReqnPriceQuantity": Decimal(1),
        "MaterialGoodsReceiptDuration": at_plant.GoodsReceiptDuration if at_plant else Decimal(0),
        "PurchasingGroup": at_plant.PurchasingGroup if at_plant else "",
        "CompanyCode": plant.CompanyCode if plant else "",
        "PurchaseRequisitionReleaseDate": today,
        "CreationDate": today,
        "PurReqCreationDate": today,
        "CreatedByUser": work.user,
        "ProcessingStatus": "N",
        "DelivDateCategory": "1",
        "GoodsReceiptIsExpected": True,
        "InvoiceIsExpected": True,
    }
    row = {**blank(ITEM), **defaults, **{name: value for name, value in sent.items() if value not in ("", None)}}
    row |= {
        "PurchasingDocument": "",
        "PurchasingDocumentItem": 0,
        "OrderedQuantity": Decimal(0),
        "ProcessingStatus": "N",
    }
    row["PurchaseRequisitionItem"] = row["PurchaseRequisitionItem"] or proposed
    row["SourceOfSupplyIsAssigned"] = bool(row["FixedSupplier"] or row["SupplyingPlant"])
    row["ItemNetAmount"] = (
        row["PurchaseRequisitionPrice"] * row["RequestedQuantity"] / (row["PurReqnPriceQuantity"] or 1)
    )
    _stamp(work, row)
    return row


def _check(work: Work, row: Row) -> list[Problem]:
    master, target = work.books.master, _target(row)
    match row["PurchasingDocumentItemCategory"]:
        case "7":
            problems = checks.supplying_plant(master, row, row["SupplyingPlant"], target)
            problems += checks.left_empty(row, _OF_PURCHASES, "a plant supplies", target)
        case "0" | "3":
            problems = checks.left_empty(row, ["SupplyingPlant"], "a supplier delivers", target)
        case category:
            text = f"Item category {category} is not defined"
            problems = [Problem("06/228", text, "PurchasingDocumentItemCategory", target)]
    return [
        *problems,
        *checks.material_at_plant(master, row, target),
        *checks.not_blocked(master, row, work.today, target),
        *checks.mandatory(row, ["Material", "Plant", "DeliveryDate", "PurchasingGroup"], target),
        *checks.unit(master, row["BaseUnit"], "BaseUnit", target),
        *checks.above_zero(row, "RequestedQuantity", target),
        *checks.not_past(row["DeliveryDate"], work.earliest_day, "DeliveryDate", target),
        *checks.supplier(master, row["FixedSupplier"], "FixedSupplier", target),
        *checks.supplier(master, row["Supplier"], "Supplier", target),
        *checks.purchasing_organization(master, row["PurchasingOrganization"], target),
        *checks.company_code(master, row, row["CompanyCode"], target),
        *checks.info_record(master, row["PurchasingInfoRecord"], target),
    ]


def _document(work: Work, number: str) -> Document:
    document = work.find("requisition", document_number(number))
    if document is None:
        raise not_found(HEADER.name, f"'{number}'")
    return document


def _deleted(row: Row) -> Exception:
    text = f"Item {row['PurchaseRequisitionItem']} of requisition {row['PurchaseRequisition']} is deleted"
    return refuse("06/019", text, target=_target(row))


def _target(row: Row) -> str:
    return item_target(ITEM.name, key_text(ITEM, row))


def _ordered(row: Row) -> str:
    quantity = f"{row['RequestedQuantity'].normalize():f} {row['BaseUnit']}"
    return f"created: {quantity} of {row['Material']} for {row['DeliveryDate'].isoformat()}"


def _stamp(work: Work, row: Row) -> None:
    row["LastChangeDateTime"] = work.books.clock.now()
