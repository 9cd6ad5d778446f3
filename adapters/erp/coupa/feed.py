"""What was received for our orders in Coupa, for whoever follows it.

A buyer's revision of an order is no part of it: that is found before anything is written (client.py).

Decided here: what a receiving transaction means. It is read as it stands and never marked: `exported` of receipts is
for whoever books them elsewhere, mostly the plant's own ERP. A voided receipt was a mistake, and is taken back under a
number of its own; what is voided in part, disposed of or received by amount is put to people in words. Which types
there are: Coupa's inventory transactions import (R39); what a status says, beyond `created` and `voided`, is nowhere.
"""

import datetime as dt
from decimal import Decimal

import httpx

from adapters.erp.coupa.api import CoupaApi, Row
from adapters.erp.coupa.documents import CoupaSettings, numbered, read_day, read_moment
from adapters.exact_json import number
from adapters.ports import ChangedOrder, PostedReceipts
from canonical.order import GoodsReceipt, Refused, WriteOutcome
from canonical.units import known_unit

_RECEIVED = ("InventoryReceipt", "ReceivingConsumption", "ReceivingQuantityConsumption")
_RETURNED = ("ReceivingReturnToSupplier", "ReceivingQuantityReturnToSupplier")
_HEADERS_MAX = 10_000


class CoupaFeed:
    """Implements adapters.ports.ErpChangesPort."""

    def __init__(self, http: httpx.AsyncClient, settings: CoupaSettings, *, system: str) -> None:
        self._api, self._system = CoupaApi(http, system), system
        self._units = {theirs: ours for ours, theirs in settings.units.items()}
        self._headers: dict[str, str] = {}
        """By order number the id of the order, of those that changed: nothing filters by number."""

    async def subscribe(self, client_state: str, *, key: str) -> WriteOutcome:
        """As the port has it."""
        return Refused(system=self._system, code="not_offered", reason="Coupa notifies of nothing by its API")

    async def changed_since(self, moment: dt.datetime) -> list[ChangedOrder]:
        """The orders for which something was received, or taken back, since."""
        since = moment.astimezone(dt.UTC).isoformat(timespec="seconds")
        query = {"updated-at[gt_or_eq]": since, "order_by": "id", "dir": "asc"}
        found, orders = set[ChangedOrder | None](), dict[str, Row | None]()
        async for transaction in self._api.rows("receiving_transactions", **query):
            header = str((transaction.get("order-line") or {}).get("order-header-id") or "")
            if header not in orders:  # an order has many
                orders[header] = await self._api.row(f"purchase_orders/{int(header)}") if header.isdecimal() else None
            if (order_of_it := orders[header]) is not None:
                found.add(self._changed(order_of_it, transaction))
        # Not every instance need know the filter.
        return sorted((each for each in found if each is not None and each.at >= moment), key=lambda each: each.at)

    async def gone(self, order_numbers: object) -> tuple[str, ...]:
        """Nobody deletes an order in Coupa: a cancelled one stays."""
        return ()

    async def received(self, order_number: str) -> PostedReceipts:
        """As the port has it."""
        order = await self._order(order_number)
        if order is None:
            return PostedReceipts((), ())
        lines = {str(row["id"]): (line, row) for line, row in numbered(order["order-lines"]).items()}
        query = {
            "order-line[order-header-id]": str(order["id"]),
            "created-at[gt_or_eq]": str(order["created-at"]),
            "order_by": "id",
            "dir": "asc",
        }
        receipts: list[GoodsReceipt] = []
        unclear: list[str] = []
        async for row in self._api.rows("receiving_transactions", **query):
            of = row.get("order-line") or {}
            if str(of.get("order-header-id")) != str(order["id"]) or _field(row, "original-transaction-id"):
                continue
            line, held = lines.get(str(of.get("id")), (0, {}))
            meant = self._read(order_number, line, held, row)
            if isinstance(meant, str):
                unclear.append(f"receiving transaction {row['id']} {meant}")
            else:
                receipts += meant
        return PostedReceipts(receipts, unclear)

    def _changed(self, order: Row, row: Row) -> ChangedOrder | None:
        name, at = str(order.get("po-number") or ""), read_moment(row.get("updated-at"))
        if not name or at is None:
            return None
        if len(self._headers) >= _HEADERS_MAX:
            self._headers.clear()
        self._headers[name] = str(order["id"])
        return ChangedOrder(name, at)

    async def _order(self, order_number: str) -> Row | None:
        """By its id; orders have their ids as numbers where an instance does not number them otherwise."""
        header = self._headers.get(order_number, order_number)
        order = await self._api.row(f"purchase_orders/{int(header)}") if header.isdecimal() else None
        return order if order is not None and str(order.get("po-number")) == order_number else None

    def _read(self, order_number: str, line: int, held: Row, row: Row) -> list[GoodsReceipt] | str:
        """The receipt, and that it was taken back; or why it is neither, in words."""
        kind, status = str(row.get("type") or ""), str(row.get("status") or "")
        if not line:
            return "belongs to no line of ours"
        if kind not in (*_RECEIVED, *_RETURNED) or status not in ("created", "voided"):
            return f"of type {kind} is {status}, which says of no quantity that it came"
        quantity, voided = (abs(number(_field(row, name) or 0)) for name in ("quantity", "voided-value"))
        day, at = read_day(row.get("transaction-date")), read_moment(row.get("created-at"))
        code = str(((row.get("uom") or held.get("uom")) or {}).get("code") or "")
        unit = self._units.get(code, code)
        if not quantity or day is None or at is None or known_unit(unit) is None:
            return f"has no quantity, no day or no unit that is known ({quantity:f} {code})"
        if status == "voided":
            voided = quantity
        if voided and voided != quantity:
            return f"of {quantity:f} {unit} is voided in part, of {voided:f}"
        sign = Decimal(-1) if kind in _RETURNED else Decimal(1)
        receipt = GoodsReceipt(
            order_number=order_number,
            line=line,
            quantity=sign * quantity,
            unit=unit,
            date=day,
            receipt_number=str(row["id"]),
            effective_at=at,
        )
        if not voided:
            return [receipt]
        undone = {"quantity": -receipt.quantity, "receipt_number": f"{row['id']}-void", "reverses": str(row["id"])}
        return [receipt, receipt.model_copy(update=undone)]


def _field(row: Row, name: str) -> object:
    """Some names are documented with underscores and answered with dashes."""
    return row.get(name, row.get(name.replace("-", "_")))


__all__ = ["CoupaFeed"]
