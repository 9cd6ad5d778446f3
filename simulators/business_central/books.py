"""What Business Central holds: one company's vendors, items, units, locations, purchase orders and posted receipts.

Decided here: the rules of a purchase order, as the pages of API v2.0 and Microsoft's own AL source of them show
(APIV2PurchaseOrders, APIV2PurchaseOrderLines). Where they are silent the harder reading holds: a line's quantity is
rounded to five decimals without a word, a released order refuses every change of its lines, whatever the field, and an
order that was received and invoiced completely is gone. Not decided here: addresses, etags' spelling and errors' form.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from simulators.books import Clock
from simulators.keeping import Shelf

Row = dict[str, Any]

EMPTY = "00000000-0000-0000-0000-000000000000"
DRAFT, IN_REVIEW, OPEN = "Draft", "In Review", "Open"
_FINEST = Decimal("0.00001")
_LENGTHS = {"description": 100, "description2": 50}
_WRITABLE_ORDER = frozenset(
    {
        "orderDate",
        "postingDate",
        "vendorId",
        "vendorNumber",
        "payToVendorId",
        "payToVendorNumber",
        "shipToName",
        "shipToContact",
        "currencyId",
        "currencyCode",
        "pricesIncludeTax",
        "paymentTermsId",
        "shipmentMethodId",
        "purchaser",
        "requestedReceiptDate",
        "discountAmount",
    }
)
_WRITABLE_LINE = frozenset(
    {
        "documentId",
        "sequence",
        "itemId",
        "lineType",
        "lineObjectNumber",
        "description",
        "description2",
        "unitOfMeasureId",
        "unitOfMeasureCode",
        "quantity",
        "directUnitCost",
        "discountPercent",
        "expectedReceiptDate",
        "receiveQuantity",
        "locationId",
    }
)
_READ_ONLY = frozenset({"id", "number", "status", "lastModifiedDateTime", "receivedQuantity", "fullyReceived"})


class Refusal(Exception):
    """A call that Business Central answers with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def dialog(message: str) -> Refusal:
    """What AL's Error() becomes."""
    return Refusal(400, "Application_DialogException", message)


@dataclass
class Order:
    """A purchase order with its lines by id; `version` is what its etag is made of."""

    row: Row
    lines: dict[str, Row] = field(default_factory=dict)
    version: int = 1
    your_reference: str = ""
    extension: Row = field(default_factory=dict)
    """The fields of a custom API page."""


@dataclass
class State:
    """Everything that is kept."""

    company: Row = field(default_factory=dict)
    vendors: dict[str, Row] = field(default_factory=dict)
    items: dict[str, Row] = field(default_factory=dict)
    units: dict[str, Row] = field(default_factory=dict)
    locations: dict[str, Row] = field(default_factory=dict)
    item_vendors: list[Row] = field(default_factory=list)
    """Rows of a custom page: the item vendor catalog with prices, which no standard page shows."""
    orders: dict[str, Order] = field(default_factory=dict)
    receipts: list[Row] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    """By line id."""
    deleted: list[Order] = field(default_factory=list)
    """As they were when they were deleted; nobody sees them at an address."""
    last_number: int = 106000
    ledger: list[Row] = field(default_factory=list)


class Books:
    """One company."""

    def __init__(self, clock: Clock, shelf: Shelf | None = None) -> None:
        self.clock = clock
        self.state = State(company={"id": str(uuid.uuid5(uuid.NAMESPACE_OID, "company")), "name": "CRONUS"})
        if shelf is not None:
            shelf.whole("state", lambda: self.state, self._restore)

    def _restore(self, state: State) -> None:
        self.state = state

    def stamp(self) -> str:
        """The present moment, as BC writes it."""
        return self.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def load(self, load: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
        """Take master data over; rows are upserted by `number` or `code`."""
        state = self.state
        for kind, key in (("vendors", "number"), ("items", "number"), ("units", "code"), ("locations", "code")):
            held: dict[str, Row] = getattr(state, kind)
            for row in load.get(kind, ()):
                own = {"id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{kind}/{row[key]}"))}
                held[row[key]] = {**own, **held.get(row[key], {}), **row, "lastModifiedDateTime": self.stamp()}
        if "item_vendors" in load:
            state.item_vendors = [dict(row) for row in load["item_vendors"]]

    # -- orders

    def create_order(self, body: Mapping[str, Any], extension: Mapping[str, Any] | None = None) -> Order:
        """A deep insert: header and lines, all or nothing."""
        lines = body.get("purchaseOrderLines", [])
        _only(body, _WRITABLE_ORDER | {"purchaseOrderLines"})
        vendor = self._vendor(body)
        order = Order(
            {
                "id": str(uuid.uuid4()),
                "number": str(self.state.last_number + 1),
                "orderDate": self.clock.today().isoformat(),
                "postingDate": self.clock.today().isoformat(),
                "currencyCode": vendor.get("currencyCode") or "USD",
                **{name: value for name, value in body.items() if name != "purchaseOrderLines"},
                "vendorId": vendor["id"],
                "vendorNumber": vendor["number"],
                "vendorName": vendor.get("displayName", ""),
                "fullyReceived": False,
                "status": DRAFT,
                "lastModifiedDateTime": self.stamp(),
            },
            extension=dict(extension or {}),
        )
        for line in lines:
            self._insert_line(order, line)
        self.state.last_number += 1
        self.state.orders[order.row["id"]] = order
        return order

    def _vendor(self, body: Mapping[str, Any]) -> Row:
        number, of_id = body.get("vendorNumber"), body.get("vendorId")
        if not number and not of_id:
            raise dialog('A "vendorNumber" or a "vendorId" must be provided.')
        found = next(
            (one for one in self.state.vendors.values() if one["number"] == number or one["id"] == of_id), None
        )
        if found is None:
            raise dialog("The buy-from vendor cannot be found.")
        if (found.get("blocked") or " ") != " ":
            raise dialog(f"You cannot create this type of document when Vendor {number} is blocked.")
        return found

    def add_line(self, order: Order, body: Mapping[str, Any]) -> Row:
        """A line of its own."""
        self._changeable(order)
        line = self._insert_line(order, body)
        self.touch(order)
        return line

    def _insert_line(self, order: Order, body: Mapping[str, Any]) -> Row:
        _only(body, _WRITABLE_LINE)
        item = self._item(body)
        held = [one["sequence"] for one in order.lines.values()]
        sequence = body.get("sequence") or max(held, default=0) + 10000
        if sequence in held:
            raise Refusal(
                400,
                "Internal_EntityWithSameKeyExists",
                f"The Purchase Line already exists. Identification fields and values: Document Type='Order',"
                f"Document No.='{order.row['number']}',Line No.='{sequence}'",
            )
        line: Row = {
            "id": str(uuid.uuid4()),
            "documentId": order.row["id"],
            "sequence": sequence,
            "itemId": item["id"],
            "lineType": "Item",
            "lineObjectNumber": item["number"],
            "description": item.get("displayName", ""),
            "description2": "",
            "unitOfMeasureCode": item.get("baseUnitOfMeasureCode", ""),
            "quantity": Decimal(0),
            "directUnitCost": Decimal(str(item.get("unitCost", 0))),
            "discountPercent": Decimal(0),
            "expectedReceiptDate": order.row.get("requestedReceiptDate") or order.row["orderDate"],
            "receivedQuantity": Decimal(0),
            "invoicedQuantity": Decimal(0),
            "locationId": EMPTY,
        }
        self._apply(line, body, order)
        order.lines[line["id"]] = line
        self.state.versions[line["id"]] = 1
        return line

    def _item(self, body: Mapping[str, Any]) -> Row:
        number, of_id = body.get("lineObjectNumber"), body.get("itemId")
        found = next((one for one in self.state.items.values() if number == one["number"] or of_id == one["id"]), None)
        if found is None:
            raise dialog("Item does not exist.")
        if found.get("blocked"):
            raise Refusal(
                400, "Application_FieldValidationException", f"Blocked must be equal to 'No' in Item: {number}"
            )
        return found

    def _apply(self, line: Row, body: Mapping[str, Any], order: Order) -> None:
        for name, value in body.items():
            match name:
                case "quantity" | "directUnitCost" | "receiveQuantity" | "discountPercent":
                    line[name] = Decimal(str(value)).quantize(_FINEST, ROUND_HALF_UP).normalize() + 0
                case "expectedReceiptDate":
                    line[name] = _day(value)
                case "unitOfMeasureCode":
                    if value not in self.state.units:
                        raise Refusal(
                            400,
                            "Internal_InvalidTableRelation",
                            f"The field Unit of Measure Code of table Purchase Line contains a value ({value}) that "
                            "cannot be found in the related table (Item Unit of Measure).",
                        )
                    line[name] = value
                case "locationId":
                    if value != EMPTY and all(one["id"] != value for one in self.state.locations.values()):
                        raise Refusal(400, "Internal_RecordNotFound", "The Location does not exist.")
                    line[name] = value
                case "lineObjectNumber" | "itemId" | "documentId" | "sequence" | "lineType":
                    continue
                case _:
                    if len(str(value)) > _LENGTHS.get(name, 250):
                        raise Refusal(
                            400,
                            "Application_StringExceededLength",
                            f"The length of the string is {len(str(value))}, but it must be less than or equal to "
                            f"{_LENGTHS[name]} characters. Value: {value}",
                        )
                    line[name] = value
        if line["quantity"] < line["receivedQuantity"]:
            raise dialog(f"Quantity must not be less than {line['receivedQuantity']} in Purchase Line.")

    def change_line(self, order: Order, line: Row, body: Mapping[str, Any]) -> None:
        """PATCH of a line."""
        _only(body, _WRITABLE_LINE)
        self._changeable(order)
        for name in ("sequence", "lineObjectNumber", "documentId"):
            if name in body and body[name] != line[name]:
                raise dialog(f'The value for "{name}" cannot be modified.')
        changed = dict(line)
        self._apply(changed, body, order)
        line.update(changed)
        self.state.versions[line["id"]] += 1
        self.touch(order)

    def delete_line(self, order: Order, line: Row) -> None:
        """DELETE of a line."""
        self._changeable(order)
        if line["receivedQuantity"]:
            raise dialog("You cannot delete this line because it is associated with a purchase receipt line.")
        del order.lines[line["id"]]
        self.touch(order)

    def delete_order(self, order: Order) -> None:
        """DELETE of an order."""
        if any(line["receivedQuantity"] > line["invoicedQuantity"] for line in order.lines.values()):
            raise dialog("You cannot delete the order: goods were received that are not invoiced.")
        self.state.deleted.append(self.state.orders.pop(order.row["id"]))

    def change_order(self, order: Order, body: Mapping[str, Any]) -> None:
        """PATCH of a header."""
        _only(body, _WRITABLE_ORDER)
        self._changeable(order)
        order.row.update(body)
        self.touch(order)

    def _changeable(self, order: Order) -> None:
        if order.row["status"] != DRAFT:
            held = "Released" if order.row["status"] == OPEN else "Pending Approval"
            raise Refusal(
                400,
                "Application_FieldValidationException",
                f"Status must be equal to 'Open'  in Purchase Header: Document Type=Order, No.={order.row['number']}. "
                f"Current value is '{held}'.",
            )

    def set_status(self, order: Order, status: str) -> None:
        """Release, reopen, or wait for an approval."""
        if status == OPEN and not order.lines:
            raise dialog(f"There is nothing to release for Order {order.row['number']}.")
        if status == DRAFT and order.row["status"] == IN_REVIEW:
            raise dialog("The approval process must be cancelled or completed to reopen this document.")
        order.row["status"] = status
        self.touch(order)

    def touch(self, order: Order) -> None:
        """Every change makes a new etag."""
        order.version += 1
        order.row["lastModifiedDateTime"] = self.stamp()

    # -- what people and warehouses do

    def receive(self, number: str, sequence: int, quantity: Decimal) -> Row:
        """Post a receipt of a line; the receipt's line names item and quantity, and no order line."""
        order = self.by_number(number)
        line = next(one for one in order.lines.values() if one["sequence"] == sequence)
        line["receivedQuantity"] += quantity
        self.state.versions[line["id"]] += 1
        order.row["status"] = OPEN
        order.row["fullyReceived"] = all(one["receivedQuantity"] >= one["quantity"] for one in order.lines.values())
        self.touch(order)
        receipt: Row = {
            "id": str(uuid.uuid4()),
            "number": str(107000 + len(self.state.receipts) + 1),
            "postingDate": self.clock.today().isoformat(),
            "vendorNumber": order.row["vendorNumber"],
            "orderNumber": number,
            "lastModifiedDateTime": self.stamp(),
            "purchaseReceiptLines": [
                {
                    "id": str(uuid.uuid4()),
                    "sequence": len(self.state.receipts) * 10000 + 10000,
                    "lineType": "Item",
                    "lineObjectNumber": line["lineObjectNumber"],
                    "description": line["description"],
                    "description2": line["description2"],
                    "unitOfMeasureCode": line["unitOfMeasureCode"],
                    "quantity": quantity,
                    "expectedReceiptDate": line["expectedReceiptDate"],
                }
            ],
        }
        self.state.receipts.append(receipt)
        return receipt

    def invoice(self, number: str) -> None:
        """Invoice what was received; an order that is complete then is gone."""
        order = self.by_number(number)
        for line in order.lines.values():
            line["invoicedQuantity"] = line["receivedQuantity"]
        if order.row["fullyReceived"]:
            del self.state.orders[order.row["id"]]

    def by_number(self, number: str) -> Order:
        """The order of a number. Raises KeyError."""
        return next(one for one in self.state.orders.values() if one.row["number"] == number)

    def view(self) -> dict[str, Any]:
        """The books as GET /control/books shows them."""
        return {
            "orders": [_shown(order) for order in self.state.orders.values()],
            "deleted": [_shown(order) for order in self.state.deleted],
            "receipts": [
                {**one, "purchaseReceiptLines": [_plain(line) for line in one["purchaseReceiptLines"]]}
                for one in self.state.receipts
            ],
        }


def _shown(order: Order) -> Row:
    lines = sorted((_plain(line) for line in order.lines.values()), key=lambda one: int(one["sequence"]))
    return {**order.row, "Your_Reference": order.your_reference, **order.extension, "lines": lines}


def _plain(line: Row) -> Row:
    return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in line.items()}


def _only(body: Mapping[str, Any], writable: frozenset[str]) -> None:
    for name in body:
        if name in _READ_ONLY:
            raise Refusal(400, "BadRequest_InvalidOperation", f"Control '{name}' is read-only")
        if name not in writable:
            raise Refusal(400, "BadRequest", f"The property '{name}' does not exist on type 'Microsoft.NAV'.")


def _day(value: Any) -> str:
    try:
        return dt.date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise Refusal(400, "BadRequest", "Unable to convert value to Date") from None
