"""What a write of purchase documents sets in motion in Odoo 19.

From Odoo's source (addons purchase and purchase_stock) and from what was observed of a real one:
- writing `product_qty` computes `date_planned`, `price_unit` and `discount` anew from the vendor's price list, unless
  the same write gives them;
- confirming makes a receipt; above the approval limit the order waits in `to approve`; companies may lock what is
  confirmed, and a locked order can't be cancelled;
- the receipt is to bring what the line asks for: where its open moves bring more than the line's new quantity leaves
  open, the difference becomes a move back to the supplier, beside the receipt;
- cancelling succeeds after a partial receipt; lines of a confirmed order can't be deleted.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulators.odoo.models import Database, OdooError, Record, moment, now_text, user_error

_OPEN = ("draft", "sent", "to approve")


@dataclass
class Purchasing:
    """The rules of purchase orders in one database."""

    db: Database
    approval_limit: float | None = None
    lock_confirmed: bool = False
    last_order: int = 0

    # -- orders

    def create_order(self, values: Mapping[str, Any]) -> Record:
        """A request for quotation, with the lines that its commands make."""
        if not values.get("partner_id"):
            raise OdooError(
                422, "odoo.exceptions.ValidationError", "Missing required value for the field 'Vendor' (partner_id)."
            )
        self.last_order += 1
        order = self.db.insert(
            "purchase.order",
            {
                "date_order": now_text(self.db.now()),
                "user_id": self.db.user,
                **{name: value for name, value in values.items() if name != "order_line"},
            },
        )
        order["name"] = f"P{self.last_order:05d}"
        self._commands(order, values.get("order_line", []))
        return order

    def write_order(self, order: Record, values: Mapping[str, Any]) -> None:
        """A write with the commands of its lines."""
        self.db.assign("purchase.order", order, {name: one for name, one in values.items() if name != "order_line"})
        self._commands(order, values.get("order_line", []))

    def _commands(self, order: Record, commands: Sequence[Sequence[Any]]) -> None:
        for command, identity, *given in commands:
            match command:
                case 0:
                    self.create_line({**given[0], "order_id": order["id"]})
                case 1:
                    self.write_line(self.db.get("purchase.order.line", identity), given[0])
                case 2:
                    self.unlink_line(self.db.get("purchase.order.line", identity))
                case _:
                    raise user_error(f"Unknown command {command}")
        self.db.assign("purchase.order", order, {})

    def lines(self, order: Record) -> list[Record]:
        """An order's lines."""
        return self.db.search("purchase.order.line", [["order_id", "=", order["id"]]], "sequence, id")

    # -- lines

    def create_line(self, values: Mapping[str, Any]) -> Record:
        """A line; what it does not give comes from the vendor's price list."""
        line = self.db.insert("purchase.order.line", values)
        if line["product_id"] and not line["product_uom_id"]:
            line["product_uom_id"] = self.db.get("product.product", line["product_id"])["uom_id"]
        if line["product_id"]:
            line["name"] = line["name"] or self.db.get("product.product", line["product_id"])["name"]
        self._compute(line, values)
        order = self.db.get("purchase.order", line["order_id"])
        line["state"] = order["state"]
        if order["state"] == "purchase":
            self._supply(line)
        return line

    def write_line(self, line: Record, values: Mapping[str, Any]) -> None:
        """A write of a line."""
        before = line["product_qty"]
        self.db.assign("purchase.order.line", line, values)
        order = self.db.get("purchase.order", line["order_id"])
        self.db.assign("purchase.order", order, {})
        if "product_qty" in values:
            self._compute(line, values)
        if "date_planned" in values:
            for move in self.open_moves(line):
                move["date"] = line["date_planned"]
        if "product_qty" in values and order["state"] == "purchase" and line["product_qty"] != before:
            self._supply(line)

    def unlink_line(self, line: Record) -> None:
        """Delete a line of a request."""
        if line["state"] == "purchase":
            raise user_error("Cannot delete a purchase order line which is in state “Purchase Order”.")
        del self.db.table("purchase.order.line").records[line["id"]]

    def _compute(self, line: Record, given: Mapping[str, Any]) -> None:
        """Date, price and discount by the vendor's price list, except those that the write itself gives."""
        order = self.db.get("purchase.order", line["order_id"])
        seller = self._seller(line, order)
        ordered = moment(order["date_order"])
        if "date_planned" not in given and (seller or not line["date_planned"]):
            planned = ordered + dt.timedelta(days=seller["delay"] if seller else 0)
            line["date_planned"] = now_text(planned)
        if seller and "price_unit" not in given:
            line["price_unit"] = seller["price"]
        if seller and "discount" not in given:
            line["discount"] = seller["discount"]

    def _seller(self, line: Record, order: Record) -> Record | None:
        if not line["product_id"]:
            return None
        template = self.db.get("product.product", line["product_id"])["product_tmpl_id"]
        sellers = self.db.search(
            "product.supplierinfo",
            [["product_tmpl_id", "=", template], ["partner_id", "=", order["partner_id"]]],
            "min_qty desc, price, id",
        )
        return next((one for one in sellers if one["min_qty"] <= line["product_qty"]), None)

    # -- receipts

    def moves(self, line: Record) -> list[Record]:
        """All moves of a line."""
        return self.db.search("stock.move", [["purchase_line_id", "=", line["id"]]])

    def open_moves(self, line: Record) -> list[Record]:
        """Those that bring something and are not done."""
        return [
            move
            for move in self.moves(line)
            if move["state"] not in ("done", "cancel") and move["location_dest_usage"] != "supplier"
        ]

    def _supply(self, line: Record) -> None:
        """The receipt is to bring what the line asks for."""
        brought = sum(
            (move["quantity"] if move["state"] == "done" else move["product_uom_qty"])
            * (-1 if move["location_dest_usage"] == "supplier" else 1)
            for move in self.moves(line)
            if move["state"] != "cancel"
        )
        more = round(line["product_qty"] - brought, 6)
        if more == 0:
            return
        open_moves = self.open_moves(line)
        if more > 0 and open_moves:
            open_moves[0]["product_uom_qty"] = round(open_moves[0]["product_uom_qty"] + more, 6)
            return
        picking = self._picking(line, back=more < 0)
        self.db.insert(
            "stock.move",
            {
                "purchase_line_id": line["id"],
                "product_id": line["product_id"],
                "product_uom_qty": abs(more),
                "location_dest_usage": "supplier" if more < 0 else "internal",
                "picking_id": picking["id"],
                "date": line["date_planned"],
            },
        )

    def _picking(self, line: Record, *, back: bool) -> Record:
        order = self.db.get("purchase.order", line["order_id"])
        name = f"WH/{'OUT' if back else 'IN'}/{self.db.table('stock.picking').last + 1:05d}"
        return self.db.insert("stock.picking", {"name": name, "origin": order["name"]})

    def receive(self, line: Record, quantity: float) -> None:
        """Validate a receipt; the rest stays open as a backorder."""
        moves = self.open_moves(line)
        if not moves:
            raise user_error("There is nothing to receive.")
        move, rest = moves[0], round(moves[0]["product_uom_qty"] - quantity, 6)
        move.update(state="done", quantity=quantity, product_uom_qty=quantity)
        if rest > 0:
            self.db.insert("stock.move", {**_copied(move), "product_uom_qty": rest, "quantity": 0, "state": "assigned"})
        done = [one for one in self.moves(line) if one["state"] == "done"]
        line["qty_received"] = sum(
            one["quantity"] * (-1 if one["location_dest_usage"] == "supplier" else 1) for one in done
        )
        line["write_date"] = now_text(self.db.now())

    # -- actions

    def button_confirm(self, order: Record) -> None:
        """A request becomes an order, or waits for its approval."""
        if order["state"] not in ("draft", "sent"):
            return
        total = sum(one["product_qty"] * one["price_unit"] for one in self.lines(order))
        if self.approval_limit is not None and total >= self.approval_limit:
            self._state(order, "to approve")
        else:
            self.button_approve(order)

    def button_approve(self, order: Record) -> None:
        """The order is one, with its receipt."""
        self._state(order, "purchase")
        order["date_approve"] = now_text(self.db.now())
        order["locked"] = self.lock_confirmed
        for line in self.lines(order):
            self._supply(line)

    def button_cancel(self, order: Record) -> None:
        """Cancel it; what was received stays received."""
        if order["locked"]:
            raise user_error(f"Unable to cancel purchase order(s): ['{order['name']}']. You must first unlock them.")
        for line in self.lines(order):
            for move in self.open_moves(line):
                move["state"] = "cancel"
        self._state(order, "cancel")

    def button_draft(self, order: Record) -> None:
        """Back to a request."""
        self._state(order, "draft")

    def button_lock(self, order: Record) -> None:
        """Nobody may change it."""
        order["locked"] = True

    def button_unlock(self, order: Record) -> None:
        """It may be changed again."""
        order["locked"] = False

    def _state(self, order: Record, state: str) -> None:
        self.db.assign("purchase.order", order, {"state": state})
        for line in self.lines(order):
            line["state"] = state


def _copied(move: Record) -> Record:
    return {
        name: move[name] for name in ("purchase_line_id", "product_id", "picking_id", "date", "location_dest_usage")
    }
