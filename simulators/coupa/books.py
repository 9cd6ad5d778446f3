"""Coupa's books: requisitions with their approval, the orders made of them, changes, and what suppliers and warehouses
say.

Decided here: what each action does to the documents. Not decided here: how they are asked for (app).
"""

import copy
import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from simulators.books import Clock
from simulators.keeping import Shelf

Row = dict[str, Any]
OFFSET = dt.timezone(dt.timedelta(hours=-8))
"""The instance's own zone."""
HELD = "buyer_hold"
_NAMED = ("id", "line-num", "order-header-number", "item")
"""What other documents show of an order line."""
IN_APPROVAL = ("pending_buyer_action", "pending_approval")


class Invalid(Exception):
    """An action is refused, with the resource and what Coupa says of it."""

    def __init__(self, resource: str, *texts: str) -> None:
        super().__init__("; ".join(texts))
        self.resource, self.texts = resource, list(texts)


class Missing(Exception):
    """There is no such document."""


class CoupaBooks:
    """Everything the instance holds; rows by collection and id."""

    def __init__(self, clock: Clock, shelf: Shelf | None = None) -> None:
        self.clock = clock
        self.requisitions: dict[int, Row] = {}
        self.orders: dict[int, Row] = {}
        self.changes: dict[int, Row] = {}
        self.confirmations: dict[int, Row] = {}
        self.receipts: dict[int, Row] = {}
        self.shipments: dict[int, Row] = {}
        self.setup: Row = {"suppliers": [], "items": [], "issues": True, "approves": False, "order_delay": False}
        self._number = 96
        self.shelf = shelf or Shelf()
        for part in ("requisitions", "orders", "changes", "confirmations", "receipts", "shipments", "setup"):
            self._keep(part)
        self.shelf.whole("number", lambda: self._number, lambda kept: setattr(self, "_number", kept))

    def _keep(self, part: str) -> None:
        held: dict[Any, Any] = getattr(self, part)
        self.shelf.whole(part, lambda: held, held.update)

    def now(self) -> str:
        """The instance's present moment as Coupa writes it."""
        return self.clock.now().astimezone(OFFSET).isoformat(timespec="seconds")

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _touch(self, row: Row) -> None:
        row["updated-at"] = self.now()
        row["exported"] = False

    # -- requisitions

    def create_requisition(self, body: Mapping[str, Any]) -> Row:
        """A draft of what was posted."""
        lines = _listed(body.get("requisition-lines"), "requisition_header", "Requisition lines can't be blank")
        if not body.get("ship-to-address"):
            raise Invalid("requisition_header", "Ship to address can't be blank")
        row: Row = {
            "id": self._next(),
            "created-at": self.now(),
            "status": "draft",
            "submitted-at": None,
            "reject-reason-comment": None,
            "justification": body.get("justification"),
            "req-title": body.get("req-title"),
            "ship-to-address": body["ship-to-address"],
            "department": body.get("department"),
            "requested-by": {"login": "integration"},
            "current-approval": None,
            "approvals": [],
        }
        row["requisition-lines"] = [self._line({}, line, number) for number, line in enumerate(lines, 1)]
        self._touch(row)
        self.requisitions[row["id"]] = row
        return row

    def _line(self, known: Row, body: Mapping[str, Any], number: int) -> Row:
        wanted = {"description", "quantity", "unit-price", "currency", "supplier", "uom"}
        if not known and (missing := sorted(name for name in wanted if not body.get(name))):
            raise Invalid("requisition_line", *(f"{name.capitalize()} can't be blank" for name in missing))
        item = (body.get("item") or {}).get("item-number")
        if item and self.setup["items"] and item not in self.setup["items"]:
            raise Invalid("requisition_line", f"Item {item} can't be found")
        row: Row = {"id": self._next(), "order-line-id": None, "status": None} | known | {"line-num": number}
        for name in ("description", "currency", "supplier", "uom", "item", "source-part-num", "need-by-date"):
            row[name] = body.get(name, known.get(name))
        for name in ("quantity", "unit-price"):
            row[name] = _decimal(body[name], name) if name in body else known.get(name)
        return row

    def requisition(self, identity: int) -> Row:
        """The requisition. Raises Missing."""
        return _found(self.requisitions, identity)

    def update_requisition(self, identity: int, body: Mapping[str, Any]) -> Row:
        """Change a draft."""
        row = self.requisition(identity)
        if row["status"] != "draft":
            raise Invalid("requisition_header", f"Requisition in status {row['status']} can't be updated")
        lines = {line["id"]: line for line in row["requisition-lines"]}
        for given in body.get("requisition-lines", ()):
            if given.get("id") not in lines:
                raise Invalid("requisition_line", f"Line {given.get('id')} is not part of the requisition")
            known = lines[given["id"]]
            known.update(self._line(known, given, known["line-num"]))
        for name in ("justification", "req-title"):
            row[name] = body.get(name, row[name])
        self._touch(row)
        return row

    def submit_requisition(self, row: Row) -> None:
        """Submit it; where a line's supplier is not known, to a buyer in Coupa."""
        known = set(map(str, self.setup["suppliers"]))
        numbers = {str((line["supplier"] or {}).get("number")) for line in row["requisition-lines"]}
        row["submitted-at"] = self.now()
        row["status"] = "pending_approval" if not known or numbers <= known else "pending_buyer_action"
        approver = {"login": "anna", "fullname": "Anna Approver"}
        row["current-approval"] = {"status": "pending_approval", "approver": approver}
        self._touch(row)
        if self.setup["approves"]:
            self.approve_requisition(row["id"], "approval chain")

    def delete_requisition(self, identity: int) -> None:
        """Delete what nobody has approved."""
        row = self.requisition(identity)
        if row["status"] in ("approved", "ordered", "partially_received", "received"):
            raise Invalid("requisition_header", f"Requisition in status {row['status']} can't be deleted")
        del self.requisitions[identity]
        self.shelf.touch("requisitions")

    def approve_requisition(self, identity: int, by: str) -> Row:
        """Somebody approves it; its orders are made at once, unless they come later."""
        row = self.requisition(identity)
        if row["status"] not in IN_APPROVAL:
            raise Invalid("requisition_header", f"Requisition in status {row['status']} waits for nobody")
        row["status"], row["current-approval"] = "approved", None
        row["approvals"].append({"status": "approved", "approver": {"login": by}, "approval-date": self.now()})
        self._touch(row)
        if not self.setup["order_delay"]:
            self.make_orders()
        return row

    def reject_requisition(self, identity: int, by: str, reason: str) -> Row:
        """Somebody refuses it: it is a draft again."""
        row = self.requisition(identity)
        if row["status"] not in IN_APPROVAL:
            raise Invalid("requisition_header", f"Requisition in status {row['status']} waits for nobody")
        row |= {"status": "draft", "reject-reason-comment": reason, "current-approval": None}
        row["approvals"].append({"status": "rejected", "approver": {"login": by}, "note": reason})
        self._touch(row)
        return row

    def withdraw_requisition(self, identity: int) -> Row:
        """Its requester takes it back."""
        row = self.requisition(identity)
        if row["status"] not in IN_APPROVAL:
            raise Invalid("requisition_header", f"Requisition in status {row['status']} can't be withdrawn")
        row |= {"status": "withdrawn", "current-approval": None}
        self._touch(row)
        return row

    # -- orders

    def make_orders(self) -> list[Row]:
        """Make the orders of approved requisitions, one per supplier."""
        made: list[Row] = []
        for row in self.requisitions.values():
            if row["status"] != "approved":
                continue
            by_supplier: dict[str, list[Row]] = {}
            for line in row["requisition-lines"]:
                by_supplier.setdefault(str(line["supplier"]), []).append(line)
            made += [self._order_of(row, lines) for lines in by_supplier.values()]
            row["status"] = "ordered"
            self._touch(row)
        return made

    def _order_of(self, requisition: Row, lines: list[Row]) -> Row:
        identity = self._next()
        order: Row = {
            "id": identity,
            "po-number": f"PO{identity}",
            "created-at": self.now(),
            "status": "issued" if self.setup["issues"] else HELD,
            "transmission-status": "sent_via_email" if self.setup["issues"] else "created",
            "version": 1,
            "internal-revision": 1,
            "change-type": None,
            "supplier": lines[0]["supplier"],
            "currency": lines[0]["currency"],
            "requisition-header": {"id": requisition["id"]},
            "order-lines": [],
        }
        for number, line in enumerate(lines, 1):
            line["order-line-id"], line["status"] = self._next(), "ordered"
            order["order-lines"].append(
                {
                    "id": line["order-line-id"],
                    "line-num": str(number),
                    "order-header-id": identity,
                    "order-header-number": order["po-number"],
                    "requisition-line-id": line["id"],
                    "type": "OrderQuantityLine",
                    "status": "created",
                    "quantity": line["quantity"],
                    "price": line["unit-price"],
                    "received": "0.000000",
                    "external-reference-number": None,
                    **{name: line[name] for name in ("description", "currency", "supplier", "uom", "item")},
                    **{name: line[name] for name in ("source-part-num", "need-by-date")},
                }
            )
        self._touch(order)
        self.orders[identity] = order
        return order

    def order(self, identity: int) -> Row:
        """The order. Raises Missing."""
        return _found(self.orders, identity)

    def order_by_number(self, number: str) -> Row:
        """The order with that number. Raises Missing."""
        found = next((row for row in self.orders.values() if row["po-number"] == number), None)
        if found is None:
            raise Missing
        return found

    def order_line(self, identity: int) -> Row:
        """A line of any order. Raises Missing."""
        return _found({line["id"]: line for row in self.orders.values() for line in row["order-lines"]}, identity)

    def act_on_order(self, identity: int, action: str) -> Row:
        """Issue, cancel or close an order."""
        row = self.order(identity)
        then = {
            "issue": "issued",
            "issue_without_send": "issued",
            "cancel": "cancelled",
            "close": "closed",
            "release_from_buyer_hold": "issued",
        }.get(action)
        if then is None:
            raise Missing
        if then == "issued" and row["status"] != HELD:
            raise Invalid("order_header", f"Order in status {row['status']} can't be issued")
        if row["status"] in ("cancelled", "closed"):
            raise Invalid("order_header", f"Order is {row['status']}")
        if action == "cancel" and any(Decimal(line["received"]) for line in row["order-lines"]):
            raise Invalid("order_header", "Order was received in part and can't be cancelled")
        row["status"] = then
        if action in ("issue", "release_from_buyer_hold"):
            row["transmission-status"] = "sent_via_email"
        row["internal-revision"] += 1
        self._touch(row)
        return row

    def edit(self, number: str, line_num: str, values: Mapping[str, Any], *, deleted: bool = False) -> Row:
        """A buyer revises or deletes a line in Coupa; an order without lines is cancelled."""
        row = self.order_by_number(number)
        line = _line_of(row, line_num)
        line |= {name: value for name, value in values.items() if value is not None}
        if deleted:
            row["order-lines"].remove(line)
            row["status"] = row["status"] if row["order-lines"] else "cancelled"
        self._sent_again(row, "revision")
        return row

    def _sent_again(self, row: Row, why: str) -> None:
        row["version"] += 1
        row["internal-revision"] += 1
        row["change-type"] = why
        self._touch(row)

    # -- changes

    def create_change(self, body: Mapping[str, Any]) -> Row:
        """A draft of a change."""
        order = self.orders.get(body.get("order-header-id") or 0)
        if order is None:
            raise Invalid("order_header_change", "Order header can't be blank")
        if order["status"] != "issued":
            raise Invalid("order_header_change", f"Order in status {order['status']} can't be changed")
        waits = [row for row in self.changes.values() if row["order-header-id"] == order["id"]]
        if any(row["status"] in ("draft", "pending_approval") for row in waits):
            raise Invalid("order_header_change", "Order has a pending change request")
        lines = []
        for given in _listed(body.get("order-line-changes"), "order_header_change", "Line changes can't be blank"):
            known = next((line for line in order["order-lines"] if line["id"] == given.get("order-line-id")), None)
            if known is None:
                raise Invalid("order_line_change", f"Order line {given.get('order-line-id')} is not part of the order")
            if given.get("pending-delete") and Decimal(known["received"]):
                raise Invalid("order_line_change", f"Order line {known['id']} was received and can't be deleted")
            lines.append(
                {
                    "id": self._next(),
                    "order-line-id": known["id"],
                    "quantity": _decimal(given.get("quantity", known["quantity"]), "quantity"),
                    "price": _decimal(given.get("price", known["price"]), "price"),
                    "need-by-date": given.get("need-by-date", known["need-by-date"]),
                    "pending-delete": bool(given.get("pending-delete", False)),
                }
            )
        row: Row = {
            "id": self._next(),
            "order-header-id": order["id"],
            "po-number": order["po-number"],
            "status": "draft",
            "justification": body.get("justification"),
            "created-at": self.now(),
            "reject-reason": None,
            "current-approval": None,
            "order-line-changes": lines,
        }
        self._touch(row)
        self.changes[row["id"]] = row
        return row

    def change(self, identity: int) -> Row:
        """The change. Raises Missing."""
        return _found(self.changes, identity)

    def submit_change(self, identity: int) -> Row:
        """Submit it."""
        row = self.change(identity)
        if row["status"] != "draft":
            raise Invalid("order_header_change", f"Change in status {row['status']} can't be submitted")
        row["status"] = "pending_approval"
        approver = {"login": "anna", "fullname": "Anna Approver"}
        row["current-approval"] = {"status": "pending_approval", "approver": approver}
        self._touch(row)
        if self.setup["approves"]:
            self.decide_change(identity, None)
        return row

    def decide_change(self, identity: int, reason: str | None) -> Row:
        """Somebody approves it, or refuses it for a reason."""
        row = self.change(identity)
        if row["status"] != "pending_approval":
            raise Invalid("order_header_change", f"Change in status {row['status']} waits for nobody")
        row["current-approval"] = None
        if reason is not None:
            row |= {"status": "rejected", "reject-reason": {"comments": reason}}
            self._touch(row)
            return row
        row["status"] = "approved"
        order = self.order(row["order-header-id"])
        changed = {one["order-line-id"]: one for one in row["order-line-changes"]}
        order["order-lines"] = [
            line | {name: changed[line["id"]][name] for name in ("quantity", "price", "need-by-date")}
            if line["id"] in changed
            else line
            for line in order["order-lines"]
            if not (line["id"] in changed and changed[line["id"]]["pending-delete"])
        ]
        self._touch(row)
        self._sent_again(order, "change")
        return row

    # -- suppliers and warehouses

    def confirm(self, number: str, lines: Iterable[Mapping[str, Any]]) -> Row:
        """The supplier confirms lines in its portal."""
        order = self.order_by_number(number)
        row: Row = {
            "id": self._next(),
            "created-at": self.now(),
            "status": "confirmed",
            "external-reference-number": None,
            "order-header": {"id": order["id"], "po-number": order["po-number"], "version": order["version"]},
            "order-line-confirmations": [self._confirmed(order, given) for given in lines],
        }
        if any(line["action"] != "accept" for line in row["order-line-confirmations"]):
            row["status"] = "pending_buyer_action"
        self._touch(row)
        self.confirmations[row["id"]] = row
        return row

    def _confirmed(self, order: Row, given: Mapping[str, Any]) -> Row:
        line = _line_of(order, str(given["line"]))
        action = given.get("action", "accept")
        return {
            "id": self._next(),
            "action": action,
            "status": {"accept": "confirmed", "reject": "rejected"}.get(action, "pending_buyer_action"),
            "line-num": line["line-num"],
            "description": line["description"],
            "order-line": {name: line[name] for name in (*_NAMED, "order-header-id")},
            "quantity": _decimal(given.get("quantity", line["quantity"]), "quantity"),
            "price": _decimal(given.get("price", line["price"]), "price"),
            "currency": line["currency"],
            "uom": line["uom"],
            "promised-date": given.get("promised") or line["need-by-date"],
            "reason-insight-events": [],
            "schedule-lines": [
                {
                    "id": self._next(),
                    "quantity": _decimal(part["quantity"], "quantity"),
                    "delivery-date": _moment(part["date"]),
                }
                for part in given.get("schedule", ())
            ],
        }

    def ship(self, number: str, asn: str, lines: Iterable[Mapping[str, Any]], delivery: str) -> Row:
        """The supplier announces goods."""
        order = self.order_by_number(number)
        row: Row = {
            "id": self._next(),
            "asn-number": asn,
            "status": "pending_receipt",
            "created-at": self.now(),
            "ship-date": self.now(),
            "delivery-date": _moment(delivery),
            "supplier": order["supplier"],
            "lines": [],
        }
        for place, given in enumerate(lines, 1):
            line = _line_of(order, str(given["line"]))
            row["lines"].append(
                {
                    "id": self._next(),
                    "line-num": str(place),
                    "status": "pending_receipt",
                    "quantity": _decimal(given["quantity"], "quantity"),
                    "uom": line["uom"],
                    "description": line["description"],
                    "order-line": {name: line[name] for name in _NAMED},
                }
            )
        row |= {"updated-at": self.now(), "export-flag": False}
        self.shipments[row["id"]] = row
        return row

    def receive(self, line: Row, quantity: Any, date: str | None) -> Row:
        """Goods are received for an order line."""
        row: Row = {
            "id": self._next(),
            "type": "InventoryReceipt",
            "status": "created",
            "created-at": self.now(),
            "transaction-date": _moment(date) if date else self.now(),
            "quantity": _decimal(quantity, "quantity"),
            "uom": line["uom"],
            "original-transaction-id": None,
            "voided-value": None,
            "order-line": {
                name: line[name] for name in ("id", "line-num", "order-header-id", "order-header-number", "quantity")
            },
        }
        line["received"] = _decimal(Decimal(line["received"]) + Decimal(row["quantity"]), "received")
        self._touch(row)
        self.receipts[row["id"]] = row
        return row

    def void(self, identity: int) -> Row:
        """A receipt was a mistake."""
        row = _found(self.receipts, identity)
        if row["status"] == "voided":
            raise Invalid("inventory_transaction", "Transaction is voided already")
        row |= {"status": "voided", "voided-value": row["quantity"]}
        line = self.order_line(row["order-line"]["id"])
        line["received"] = _decimal(Decimal(line["received"]) - Decimal(row["quantity"]), "received")
        self._touch(row)
        return row

    def books(self) -> Row:
        """Everything, for people."""
        parts = ("requisitions", "orders", "changes", "confirmations", "receipts", "shipments")
        return copy.deepcopy({part: [*getattr(self, part).values()] for part in parts} | {"setup": self.setup})


def _found(rows: Mapping[int, Row], identity: int) -> Row:
    row = rows.get(identity)
    if row is None:
        raise Missing
    return row


def _line_of(order: Row, number: str) -> Row:
    found = next((line for line in order["order-lines"] if line["line-num"] == number), None)
    if found is None:
        raise Missing
    line: Row = found
    return line


def _listed(value: Any, resource: str, otherwise: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not value:
        raise Invalid(resource, otherwise)
    return value


def _decimal(value: Any, name: str) -> str:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise Invalid("line", f"{name.capitalize()} is not a number") from None
    if number < 0:
        raise Invalid("line", f"{name.capitalize()} must be greater than or equal to 0")
    return f"{number:.6f}"


def _moment(day: str) -> str:
    return day if "T" in day else f"{day}T00:00:00-08:00"
