"""Purchase orders: header and items; creating, changing, deleting, converting requisitions.

Decided here: what is defaulted and refused. Schedule lines and what must add up: schedules.
"""

from decimal import Decimal
from typing import Any

from simulators.erp import checks, components, requisitions
from simulators.erp.books import Document, Item, Work
from simulators.erp.errors import Problem, not_found, refuse
from simulators.erp.schedules import new_lines
from simulators.erp.tables import ORDERS
from simulators.erp.wire import Row, blank, document_number, item_target, key_text, read_entity

HEADER = ORDERS.sets["A_PurchaseOrder"]
ITEM = ORDERS.sets["A_PurchaseOrderItem"]

PURCHASE, TRANSFER = "NB", "UB"
STANDARD, SUBCONTRACTED, TRANSFERRED = "0", "3", "7"
_CATEGORIES = {PURCHASE: (STANDARD, SUBCONTRACTED), TRANSFER: (TRANSFERRED,)}

_REQUESTED = ("CompanyCode", "PurchaseOrderType", "PurchasingOrganization", "PurchasingGroup")
_REQUESTED_OF_PURCHASE = ("Supplier", "DocumentCurrency")
_FIXED_HEADER = (
    "CompanyCode",
    "PurchaseOrderType",
    "Supplier",
    "SupplyingPlant",
    "PurchasingOrganization",
    "DocumentCurrency",
)
_FIXED_ITEM = (
    "Material",
    "Plant",
    "PurchaseOrderQuantityUnit",
    "PurchaseOrderItemCategory",
    "PurchaseRequisition",
    "PurchaseRequisitionItem",
)


def create_order(work: Work, path: str, body: Any) -> Row:
    """Create an order with items and schedule lines; returns the header."""
    sent, nested = read_entity(HEADER, body, "create")
    bodies = nested.get("to_PurchaseOrderItem", [])
    if not bodies:
        raise refuse("06/029", "A purchase order needs at least one item", property="to_PurchaseOrderItem")
    supplier = work.books.master.suppliers.get(sent.get("Supplier", ""))
    header = blank(HEADER) | {
        "PurchasingProcessingStatus": "02",
        "CreatedByUser": work.user,
        "CreationDate": work.today,
        "LastChangeDateTime": work.books.clock.now(),
        "Language": "EN",
        "PurchasingDocumentOrigin": "9",
        "PurchaseOrderDate": work.today,
        "ExchangeRate": "1.00000",
        "AddressName": supplier.SupplierName[:40] if supplier else "",
    }
    header |= {name: value for name, value in sent.items() if value not in ("", None)}
    checks.insist(_check_header(work, header))
    external = document_number(sent.get("PurchaseOrder", ""))
    if external in work.books.documents["order"]:
        raise refuse("06/016", f"External document number {external} already assigned", property="PurchaseOrder")
    document = work.new("order", external)
    document.header = header | {"PurchaseOrder": document.number}
    problems: list[Problem] = []
    for item_body in bodies:
        _, found = _add_item(work, document, item_body)
        problems += found
    checks.insist(problems)
    source = f"supplier {header['Supplier']}" if header["Supplier"] else f"plant {header['SupplyingPlant']}"
    work.wrote("POST", path, document, None, f"created for {source}")
    for item in document.items.values():
        work.wrote("POST", path, document, item, _ordered(item))
    return document.header


def create_item(work: Work, path: str, body: Any, parent: Row) -> Row:
    """Add an item to an order; returns it."""
    sent, _ = read_entity(ITEM, body, "create")
    document = _document(work, parent.get("PurchaseOrder") or sent.get("PurchaseOrder", ""))
    if document.header["PurchasingDocumentDeletionCode"]:
        raise refuse("06/019", f"Purchase order {document.number} is deleted")
    item, problems = _add_item(work, document, body)
    checks.insist(problems)
    _stamp(work, document)
    work.wrote("POST", path, document, item, _ordered(item))
    return item.row


def merge_order(work: Work, path: str, key: Row, body: Any) -> None:
    """Change the header."""
    sent, _ = read_entity(HEADER, body, "merge")
    document = _document(work, key["PurchaseOrder"])
    if document.header["PurchasingDocumentDeletionCode"]:
        raise refuse("06/019", f"Purchase order {document.number} is deleted")
    sent.pop("PurchaseOrder", None)
    checks.insist(checks.unchanged(document.header, sent, _FIXED_HEADER, HEADER.name))
    document.header.update(sent)
    _stamp(work, document)
    work.wrote("MERGE", path, document, None, ", ".join(f"{name}={sent[name]}" for name in sent))


def merge_item(work: Work, path: str, key: Row, body: Any) -> None:
    """Change an item; its schedule must fit by the end of the changeset."""
    sent, _ = read_entity(ITEM, body, "merge")
    document, item = find_item(work, key["PurchaseOrder"], key["PurchaseOrderItem"])
    row, target = item.row, _target(item.row)
    if row["PurchasingDocumentDeletionCode"]:
        raise _deleted(row)
    for name in ("PurchaseOrder", "PurchaseOrderItem"):
        sent.pop(name, None)
    problems = checks.unchanged(row, sent, _FIXED_ITEM, target)
    quantity: Decimal = sent["OrderQuantity"] if "OrderQuantity" in sent else row["OrderQuantity"]
    problems += checks.above_zero({"OrderQuantity": quantity}, "OrderQuantity", target)
    if row["PurchaseOrderItemCategory"] == TRANSFERRED:
        problems += checks.left_empty({**row, **sent}, ["NetPriceAmount"], "a transfer has no price", target)
    if quantity < item.delivered:
        text = f"Item {row['PurchaseOrderItem']}: {item.delivered.normalize():f} were delivered already"
        problems.append(Problem("06/115", text, "OrderQuantity", target))
    checks.insist(problems)
    if quantity != row["OrderQuantity"]:
        requisitions.follow(work, row, quantity - row["OrderQuantity"])
    row.update(sent)
    _stamp(work, document)
    work.wrote("MERGE", path, document, item, ", ".join(f"{name}={sent[name]}" for name in sent))


def delete_item(work: Work, path: str, key: Row) -> None:
    """Mark an item deleted; what it converted is open again."""
    document, item = find_item(work, key["PurchaseOrder"], key["PurchaseOrderItem"])
    if item.row["PurchasingDocumentDeletionCode"] == "L":
        raise _deleted(item.row)
    _delete(work, path, document, item)


def block_item(work: Work, path: str, key: Row, *, blocked: bool) -> None:
    """Block an item for deliveries, or lift its block; a person's screen can, the service can't."""
    document, item = find_item(work, key["PurchaseOrder"], key["PurchaseOrderItem"])
    if item.row["PurchasingDocumentDeletionCode"] == "L":
        raise _deleted(item.row)
    item.row["PurchasingDocumentDeletionCode"] = "S" if blocked else ""
    _stamp(work, document)
    work.wrote("MERGE", path, document, item, "blocked" if blocked else "unblocked")


def delete_order(work: Work, path: str, key: Row) -> None:
    """Mark the order and all its items deleted."""
    document = _document(work, key["PurchaseOrder"])
    if document.header["PurchasingDocumentDeletionCode"]:
        raise refuse("06/019", f"Purchase order {document.number} is deleted")
    for item in document.items.values():
        if item.row["PurchasingDocumentDeletionCode"] != "L":
            _delete(work, path, document, item)
    document.header["PurchasingDocumentDeletionCode"] = "L"
    work.wrote("DELETE", path, document, None, "deleted")


def find_item(work: Work, number: str, item_number: int) -> tuple[Document, Item]:
    """Return an order's item, to be changed. Raises SapError where it is not there."""
    document = _document(work, number)
    if item_number not in document.items:
        raise not_found(ITEM.name, f"{number}/{item_number}")
    return document, document.items[item_number]


def _add_item(work: Work, document: Document, body: Any) -> tuple[Item, list[Problem]]:
    sent, nested = read_entity(ITEM, body, "create")
    sent["PurchaseOrderItem"] = sent.get("PurchaseOrderItem") or 10 + max(document.items, default=0)
    row = _new_row(work, document, sent)
    target = _target(row)
    if row["PurchaseOrderItem"] in document.items:
        problem = Problem("06/056", f"Item {row['PurchaseOrderItem']} is there already", "PurchaseOrderItem", target)
        return Item(row), [problem]
    item = document.items[row["PurchaseOrderItem"]] = Item(row)
    problems = _check_item(work, document, row, "NetPriceAmount" in sent or bool(row["PurchaseRequisition"]))
    if row["PurchaseRequisition"] and not problems:
        problems += requisitions.convert(work, row)
    problems += new_lines(work, item, nested.get("to_ScheduleLine", []), target)
    problems += components.provide(work, item, row["PurchaseOrderItemCategory"] == SUBCONTRACTED, target)
    return item, problems


def _new_row(work: Work, document: Document, sent: Row) -> Row:
    """The item with what SAP fills in: from the requisition item it converts, else from the material."""
    product = work.books.master.products.get(sent.get("Material", ""))
    unit = product.BaseUnit if product else ""
    given: Row = {
        "PurchaseOrderItemText": product.Description[:40] if product else "",
        "MaterialGroup": product.ProductGroup if product else "",
        "PurchaseOrderQuantityUnit": unit,
        "NetPriceQuantity": Decimal(1),
        "OrderPriceUnitToOrderUnitNmrtr": Decimal(1),
        "OrdPriceUnitToOrderUnitDnmntr": Decimal(1),
        "GoodsReceiptIsExpected": True,
        "InvoiceIsExpected": True,
        "PurchaseOrderItemCategory": TRANSFERRED if document.header["PurchaseOrderType"] == TRANSFER else STANDARD,
        "ProductType": "1",
    }
    given |= _of_requisition(work, sent)
    row = blank(ITEM) | given | {name: value for name, value in sent.items() if value not in ("", None)}
    row["PurchaseRequisition"] = document_number(row["PurchaseRequisition"])
    row["PurchaseOrder"] = document.number
    row["DocumentCurrency"] = document.header["DocumentCurrency"]
    row["OrderPriceUnit"] = row["OrderPriceUnit"] or row["PurchaseOrderQuantityUnit"]
    row["ManufacturerMaterial"] = row["Material"]
    return row


def _of_requisition(work: Work, sent: Row) -> Row:
    document = work.books.documents["requisition"].get(document_number(sent.get("PurchaseRequisition", "")))
    item = document.items.get(sent.get("PurchaseRequisitionItem", 0)) if document else None
    if item is None:
        return {}
    row = item.row
    return {
        "Material": row["Material"],
        "Plant": row["Plant"],
        "StorageLocation": row["StorageLocation"],
        "MaterialGroup": row["MaterialGroup"],
        "PurchaseOrderItemText": row["PurchaseRequisitionItemText"],
        "PurchasingInfoRecord": row["PurchasingInfoRecord"],
        "PurchaseContract": row["PurchaseContract"],
        "PurchaseContractItem": row["PurchaseContractItem"],
        "OrderQuantity": row["RequestedQuantity"] - row["OrderedQuantity"],
        "PurchaseOrderQuantityUnit": row["BaseUnit"],
        "NetPriceAmount": row["PurchaseRequisitionPrice"],
        "NetPriceQuantity": row["PurReqnPriceQuantity"],
        "RequisitionerName": row["RequisitionerName"],
        "PurchaseOrderItemCategory": row["PurchasingDocumentItemCategory"],
    }


def _check_header(work: Work, header: Row) -> list[Problem]:
    master, kind = work.books.master, header["PurchaseOrderType"]
    if kind and kind not in _CATEGORIES:
        return [Problem("06/015", f"Document type {kind} is not defined", "PurchaseOrderType", HEADER.name)]
    if kind == TRANSFER:
        problems = checks.left_empty(header, ["Supplier"], "a plant supplies", HEADER.name)
        problems += checks.mandatory(header, ["SupplyingPlant"], HEADER.name)
    else:
        problems = checks.left_empty(header, ["SupplyingPlant"], "a supplier delivers", HEADER.name)
        problems += checks.mandatory(header, _REQUESTED_OF_PURCHASE, HEADER.name)
    return [
        *checks.mandatory(header, _REQUESTED, HEADER.name),
        *problems,
        *checks.supplier(master, header["Supplier"], "Supplier", HEADER.name),
        *checks.purchasing_organization(master, header["PurchasingOrganization"], HEADER.name),
    ]


def _check_item(work: Work, document: Document, row: Row, priced: bool) -> list[Problem]:
    master, target = work.books.master, _target(row)
    problems = [
        *checks.mandatory(row, ["Material", "Plant"], target),
        *checks.material_at_plant(master, row, target),
        *checks.not_blocked(master, row, work.today, target),
        *checks.unit(master, row["PurchaseOrderQuantityUnit"], "PurchaseOrderQuantityUnit", target),
        *checks.unit(master, row["OrderPriceUnit"], "OrderPriceUnit", target),
        *checks.above_zero(row, "OrderQuantity", target),
        *checks.company_code(master, row, document.header["CompanyCode"], target),
        *checks.info_record(master, row["PurchasingInfoRecord"], target),
        *checks.contract(master, row, document.header["PurchaseOrderDate"], target),
    ]
    kind, category = document.header["PurchaseOrderType"], row["PurchaseOrderItemCategory"]
    if category not in _CATEGORIES[kind]:
        text = f"Item category {category} is not allowed with document type {kind}"
        problems.append(Problem("06/228", text, "PurchaseOrderItemCategory", target))
    if kind == TRANSFER:
        problems += checks.supplying_plant(master, row, document.header["SupplyingPlant"], target)
        problems += checks.left_empty(row, ["NetPriceAmount", "PurchasingInfoRecord"], "it is a transfer", target)
    elif not priced:
        problems.append(Problem("ME/083", "Enter NetPriceAmount", "NetPriceAmount", target))
    return problems


def _delete(work: Work, path: str, document: Document, item: Item) -> None:
    row = item.row
    if item.delivered > 0:
        text = f"Item {row['PurchaseOrderItem']} can't be deleted: {item.delivered.normalize():f} were delivered"
        raise refuse("06/116", text, target=_target(row))
    requisitions.follow(work, row, -row["OrderQuantity"])
    row["PurchasingDocumentDeletionCode"] = "L"
    _stamp(work, document)
    work.wrote("DELETE", path, document, item, "deleted")


def _document(work: Work, number: str) -> Document:
    document = work.find("order", document_number(number))
    if document is None:
        raise not_found(HEADER.name, f"'{number}'")
    return document


def _deleted(row: Row) -> Exception:
    what = "blocked" if row["PurchasingDocumentDeletionCode"] == "S" else "deleted"
    text = f"Item {row['PurchaseOrderItem']} of purchase order {row['PurchaseOrder']} is {what}"
    return refuse("06/019", text, target=_target(row))


def _target(row: Row) -> str:
    return item_target(ITEM.name, key_text(ITEM, row))


def _ordered(item: Item) -> str:
    row = item.row
    dates = ", ".join(line["ScheduleLineDeliveryDate"].isoformat() for line in item.schedule.values())
    quantity = f"{row['OrderQuantity'].normalize():f} {row['PurchaseOrderQuantityUnit']}"
    return f"created: {quantity} of {row['Material']} for {dates}"


def _stamp(work: Work, document: Document) -> None:
    document.header["LastChangeDateTime"] = work.books.clock.now()
