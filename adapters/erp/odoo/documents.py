"""Our orders in Odoo: how they are looked for, created, confirmed and cancelled.

Decided here: `origin` carries our reference, beside whatever else Odoo and its users put there; an order is created as
a request for quotation in one call with all its lines and confirmed by another, since one call is one transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from adapters.erp.odoo.api import Domain, OdooApi, Row
from adapters.erp.odoo.remote import (
    CONFIRMED,
    DRAFT,
    ORDER_FIELDS,
    SENT,
    TO_APPROVE,
    OdooLineFields,
    OdooOrder,
    is_ours,
    remote_orders,
    write_moment,
)
from adapters.erp.odoo.settings import OdooSettings
from adapters.erp.odoo.units import OdooUnitTable
from adapters.erp.remote import NotWritable, RemoteDocument
from adapters.errors import TransientError
from adapters.exact_json import decimals
from canonical.order import DocumentLine, OrderDocument, Refused

ORDER, LINE = "purchase.order", "purchase.order.line"
_DIGITS = 15
"""The digits that a float keeps."""
_FINEST = 6
_FIRST = {CONFIRMED: 0, TO_APPROVE: 1}


class OdooDoesNotFit(NotWritable):
    """A value that Odoo can't hold as it is; the message names value and field."""

    code = "does_not_fit"


@dataclass(frozen=True)
class OdooOrderBook:
    """Reads orders and the records that they point to."""

    odoo: OdooApi
    settings: OdooSettings

    async def line_fields(self) -> OdooLineFields:
        """What the fields of a line are called here."""
        known = await self.odoo.fields(LINE)
        return OdooLineFields(
            unit=await self.odoo.field(LINE, "product_uom_id", "uom_id", "product_uom"),
            quantity_decimals=await self.odoo.digits(LINE, "product_qty"),
            price_decimals=await self.odoo.digits(LINE, "price_unit"),
            moves="move_ids" in known,
        )

    async def of(self, reference: str, zone: ZoneInfo) -> list[OdooOrder]:
        """The orders of a reference, cancelled ones included: confirmed ones first, then the oldest."""
        found = await self._orders([["origin", "ilike", reference]], zone)
        ours = [one for one in found if is_ours(one.origin, reference)]
        return sorted(ours, key=lambda one: (_FIRST.get(one.state, 2), one.id))

    async def numbered(self, number: str, zone: ZoneInfo) -> list[OdooOrder]:
        """The orders of a number, which is unique in a company only."""
        return await self._orders([["name", "=", number]], zone)

    async def _orders(self, domain: Domain, zone: ZoneInfo) -> list[OdooOrder]:
        company = [["company_id", "=", self.odoo.company]] if self.odoo.company else []
        orders = await self.odoo.search(ORDER, [*domain, *company], ORDER_FIELDS)
        if not orders:
            return []
        fields = await self.line_fields()
        ids = [row["id"] for row in orders if isinstance(row.get("id"), int)]

        def shape(lines: list[Row]) -> list[OdooOrder]:
            return remote_orders(orders, lines, fields, zone)

        return await self.odoo.search_as(shape, LINE, [["order_id", "in", ids]], fields.names)

    async def references_since(self, moment: str) -> list[tuple[str, str]]:
        """Origin and number of the living orders that were created since."""
        company = [["company_id", "=", self.odoo.company]] if self.odoo.company else []
        domain = [["create_date", ">=", moment], ["origin", "ilike", "PL"], ["state", "!=", "cancel"], *company]

        def shape(rows: list[Row]) -> list[tuple[str, str]]:
            return [(str(row["origin"]), str(row["name"])) for row in rows]

        return await self.odoo.search_as(shape, ORDER, domain, ["id", "name", "origin"])

    async def id_of(self, model: str, field: str, code: str, what: str) -> int:
        """The one record with this code. Raises OdooDoesNotFit where there is none, or several."""
        rows = await self.odoo.search(model, [[field, "=", code]], ["id", field])
        exact = [int(row["id"]) for row in rows if row.get(field) == code]
        if len(exact) != 1:
            there = f"{len(exact)} of them" if exact else "none"
            raise OdooDoesNotFit(
                f"{what} {code!r}: there must be one record of {model} with this {field}, there is {there}"
            )
        return exact[0]

    async def products(self, items: Collection[str]) -> dict[str, int]:
        """The products by item number. Raises OdooDoesNotFit where there is none of a number, or several."""
        field = self.settings.item_field
        rows = await self.odoo.search("product.product", [[field, "in", sorted(items)]], ["id", field])
        found: dict[str, list[int]] = {item: [] for item in items}
        for row in rows:
            if row.get(field) in found:
                found[row[field]].append(int(row["id"]))
        for item, ids in sorted(found.items()):
            if len(ids) != 1:
                there = f"{len(ids)} of them" if ids else "none"
                raise OdooDoesNotFit(f"item {item!r}: there must be one product with this {field}, there is {there}")
        return {item: ids[0] for item, ids in found.items()}

    async def picking_type(self, plant: str) -> int | None:
        """The receipts of the plant's warehouse; None: the company's default. Raises DoesNotFit."""
        name = self.settings.warehouses.get(plant)
        if name is None:
            return None
        domain: Domain = [["code", "=", "incoming"], ["warehouse_id.code", "=", name]]
        rows = await self.odoo.search("stock.picking.type", domain, ["id"])
        if not rows:
            raise OdooDoesNotFit(
                f"plant {plant}: there are no receipts of a warehouse {name!r}; correct option `warehouses`"
            )
        return int(rows[0]["id"])


@dataclass(frozen=True)
class OdooOrderWriter:
    """Our documents in Odoo's fields."""

    book: OdooOrderBook
    units: OdooUnitTable
    fields: OdooLineFields
    zone: ZoneInfo

    async def values(self, document: OrderDocument) -> dict[str, Any]:
        """The order with all its lines. Raises OdooUnitUnknown or OdooDoesNotFit."""
        book, settings = self.book, self.book.settings
        lines = [self._line(line) for line in document.lines]
        partner = await book.id_of("res.partner", settings.supplier_field, document.supplier, "supplier")
        currency = await book.id_of("res.currency", "name", document.currency, "currency")
        products = await book.products({line.item for line in document.lines})
        picking_type = await book.picking_type(document.plant)
        return {
            "partner_id": partner,
            "currency_id": currency,
            "origin": document.reference,
            "date_order": write_moment(document.order_date, self.zone),
            **({"company_id": book.odoo.company} if book.odoo.company else {}),
            **({"picking_type_id": picking_type} if picking_type else {}),
            "order_line": [
                [0, 0, {"product_id": products[line.item], **values}]
                for line, values in zip(document.lines, lines, strict=True)
            ],
        }

    def _line(self, line: DocumentLine) -> dict[str, Any]:
        return {
            "sequence": line.line,
            self.fields.unit: self.units.to_theirs(line.unit),
            **self.amounts(line.quantity, self.price(line)),
            "date_planned": write_moment(line.delivery_date, self.zone),
        }

    def amounts(self, quantity: Decimal, price: Decimal) -> dict[str, Any]:
        """Quantity, price and discount, always together: Odoo computes those anew that a new quantity leaves out."""
        return {
            "product_qty": self._number(quantity, self.fields.quantity_decimals, "product_qty"),
            "price_unit": self._number(price, self.fields.price_decimals, "price_unit"),
            "discount": 0,
        }

    def price(self, line: DocumentLine) -> Decimal:
        """A line's price for one unit. Raises OdooDoesNotFit where it is none in Odoo's decimals."""
        most = min(self.fields.price_decimals if self.fields.price_decimals is not None else _FINEST, _FINEST)
        price = round(line.price / line.price_unit, most)
        if price * line.price_unit != line.price:
            raise OdooDoesNotFit(
                f"price_unit: {line.price:f} for {line.price_unit:f} is no price of one unit in {most} decimals; raise "
                f"the decimals of Product Price in Odoo"
            )
        return price

    def _number(self, number: Decimal, most: int | None, field: str) -> Decimal:
        if most is not None and decimals(number) > most:
            raise OdooDoesNotFit(
                f"{field}: {number:f} has more than {most} decimals; raise the decimal accuracy in Odoo"
            )
        if len(number.normalize().as_tuple().digits) > _DIGITS:
            raise OdooDoesNotFit(f"{field}: {number:f} has more digits than Odoo keeps")
        return number


@dataclass
class OdooDocuments:
    """Implements adapters.erp.single_document.DocumentsOfOurs."""

    book: OdooOrderBook
    document: OrderDocument
    values: Mapping[str, Any]
    zone: ZoneInfo
    key: str
    seen: Sequence[OdooOrder] = ()
    """The orders as they were read last, which is before each release."""

    async def look(self) -> list[RemoteDocument]:
        """The orders of our reference."""
        return [one.document for one in await self._orders()]

    async def create(self) -> RemoteDocument | Refused:
        """A request for quotation with all its lines."""
        created = await self.book.odoo.create(ORDER, self.values, key=f"{self.key}/request")
        if isinstance(created, Refused):
            return created
        for order in await self._orders():
            if order.id == created:
                return order.document
        raise TransientError(
            self.book.odoo.system, f"request {created} can't be read after it was created", maybe_written=True
        )

    async def release(self, document: RemoteDocument) -> RemoteDocument | Refused:
        """Confirm the request; Odoo may want it approved first."""
        order = next((one for one in self.seen if one.number == document.number), None)
        if order is not None and order.state in (DRAFT, SENT):
            refused = await self.book.odoo.press(ORDER, "button_confirm", [order.id], key=f"{self.key}/confirm")
            if refused is not None:
                return refused
            order = await self._order(document.number)
        if order is None or not order.alive:
            reason = f"order {document.number} was cancelled in Odoo"
            return Refused(system=self.book.odoo.system, code="deleted_in_erp", reason=reason)
        return order.document

    async def cancel(self, spare: RemoteDocument) -> Refused | None:
        """Cancel a duplicate."""
        order = await self._order(spare.number)
        if order is None:
            return None
        return await self.book.odoo.press(ORDER, "button_cancel", [order.id], key=f"{self.key}/cancel/{spare.number}")

    async def _order(self, number: str) -> OdooOrder | None:
        return next((one for one in await self._orders() if one.number == number), None)

    async def _orders(self) -> Sequence[OdooOrder]:
        self.seen = await self.book.of(self.document.reference, self.zone)
        return self.seen
