"""Our orders in Business Central: how they are looked for, created, marked, released and cancelled.

Decided here: an order is created in one call with all its lines (deep insert), each of which carries our reference in
`description2`; so it is found again whatever happens after that call, also where the reference belongs elsewhere. The
orders of one vendor are looked through for it, since lines can't be asked for across orders.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from adapters.erp.business_central.api import CompanyApi, EntityChanged, Row, literal
from adapters.erp.business_central.remote import (
    DRAFT,
    RELEASED,
    CentralOrder,
    first_sequence,
    of_reference,
    remote_orders,
)
from adapters.erp.business_central.settings import CentralSettings
from adapters.erp.business_central.units import CentralUnitTable
from adapters.erp.remote import NotWritable, RemoteDocument
from adapters.errors import TransientError
from adapters.exact_json import decimals
from canonical.order import DocumentLine, OrderDocument, Refused

_DECIMALS = 5
_DESCRIPTION = 100
_BEYOND = Decimal(10) ** 13
RELEASE, REOPEN = "Microsoft.NAV.release", "Microsoft.NAV.reopen"


class CentralDoesNotFit(NotWritable):
    """A value that a field of Business Central can't hold; the message names value and field."""

    code = "does_not_fit"


@dataclass(frozen=True)
class CentralOrderBook:
    """Reads orders, wherever our reference stands."""

    api: CompanyApi
    settings: CentralSettings

    async def of(self, reference: str, vendor: str) -> list[CentralOrder]:
        """The orders of a reference, the lowest number first; `vendor`: of whom its lines are looked through."""
        if self.settings.reference_in == "extension":
            return await self._orders(
                f"{self.settings.reference_field} eq {literal(reference)}", self.settings.extension
            )
        found = of_reference(await self._orders(f"vendorNumber eq {literal(vendor)}"), reference)
        if self.settings.reference_in == "page":
            known = {one.number for one in found}
            for number in await self._numbers_of_page(reference):
                found += [] if number in known else await self.numbered(number)
        return found

    async def numbered(self, number: str) -> list[CentralOrder]:
        """The order of a number; empty: there is none (any more)."""
        return await self._orders(f"number eq {literal(number)}")

    async def changed_since(self, moment: str) -> list[CentralOrder]:
        """The orders that were created or changed since."""
        return await self._orders(f"lastModifiedDateTime ge {moment}")

    async def references_since(self, moment: str) -> list[tuple[str, str]]:
        """Reference and number of orders changed since, one entry a reference that an order carries."""
        if self.settings.reference_in == "extension":
            field = self.settings.reference_field

            def shape(rows: list[Row]) -> list[tuple[str, str]]:
                return [(str(row.get(field) or ""), str(row["number"])) for row in rows]

            path = self.api.path("purchaseOrders", self.settings.extension)
            return await self.api.read_as(shape, path, filter=f"lastModifiedDateTime ge {moment}")
        return [(each, one.number) for one in await self.changed_since(moment) for each in sorted(one.references)]

    async def was_received(self, number: str) -> bool:
        """Whether goods were ever received for an order: such a one is deleted by invoicing it, not by a person."""
        path = self.api.path("purchaseReceipts")
        return bool(await self.api.read(path, filter=f"orderNumber eq {literal(number)}", top="1"))

    async def location_id(self, plant: str) -> str | None:
        """The id of the plant's location; None: lines name none. Raises DoesNotFit."""
        code = self.settings.location(plant)
        if not code:
            return None
        rows = await self.api.read(self.api.path("locations"), filter=f"code eq {literal(code)}")
        if not rows:
            raise CentralDoesNotFit(
                f"there is no location {code} for plant {plant}; create it, or set option `locations`"
            )
        return str(rows[0]["id"])

    async def _orders(self, where: str, api: str = "api/v2.0") -> list[CentralOrder]:
        path = self.api.path("purchaseOrders", api)
        return await self.api.read_as(remote_orders, path, filter=where, expand="purchaseOrderLines")

    async def _numbers_of_page(self, reference: str) -> list[str]:
        def numbers(rows: list[Row]) -> list[str]:
            return [str(row["No"]) for row in rows if str(row.get("Your_Reference")) == reference]

        return await self.api.read_as(
            numbers, page_path(self.settings), filter=f"Your_Reference eq {literal(reference)}"
        )


def page_path(settings: CentralSettings, number: str = "") -> str:
    """The path of the OData page of purchase orders, or of one order there."""
    of_company = f"ODataV4/Company('{settings.company_name.replace(chr(39), chr(39) * 2)}')/{settings.page}"
    return f"{of_company}(Document_Type='Order',No='{number}')" if number else of_company


@dataclass(frozen=True)
class CentralDocuments:
    """Implements adapters.erp.single_document.DocumentsOfOurs."""

    book: CentralOrderBook
    document: OrderDocument
    body: Row
    key: str

    async def look(self) -> list[RemoteDocument]:
        """The orders of our reference: released ones first, then the lowest number.

        An order that we know by its number and that is gone, or has lost its lines and our reference with them, is a
        deleted one.
        """
        found = await self.book.of(self.document.reference, self.document.supplier)
        number = self.document.order_number
        if not found and number is not None:
            return [RemoteDocument(number, ())]
        return [one.document for one in sorted(found, key=lambda one: one.status != RELEASED)]

    async def create(self) -> RemoteDocument | Refused:
        """Order and lines in one call, as a draft."""
        api, settings = self.book.api, self.book.settings
        own = settings.reference_in == "extension"
        path = api.path("purchaseOrders", settings.extension) if own else api.path("purchaseOrders")
        body = {settings.reference_field: self.document.reference, **self.body} if own else self.body
        created = await api.create(path, body, key=f"{self.key}/order", must_have="number")
        if isinstance(created, Refused):
            return created
        lines = tuple(line.line for line in self.document.lines)
        return RemoteDocument(str(created["number"]), lines)

    async def release(self, document: RemoteDocument) -> RemoteDocument | Refused:
        """Put our reference on the page, and release the order, as far as the settings have it."""
        settings, api = self.book.settings, self.book.api
        if settings.reference_in == "page":
            refused = await self._marked(document.number)
            if refused is not None:
                return refused
        if settings.reference_in == "extension" and not document.requisition and not document.unreleased:
            for order in await self.book.numbered(document.number):
                if order.status == DRAFT:
                    path = api.path(f"purchaseOrders({order.id})/{RELEASE}", settings.extension)
                    refused = await api.act(path, key=f"{self.key}/release")
                    if refused is not None:
                        return refused
        return document

    async def cancel(self, spare: RemoteDocument) -> Refused | None:
        """Delete a duplicate."""
        api = self.book.api
        for order in await self.book.numbered(spare.number):
            try:
                path = api.path(f"purchaseOrders({order.id})")
                refused = await api.delete(path, etag=order.etag, key=f"{self.key}/cancel/{spare.number}")
            except EntityChanged as error:
                raise TransientError(api.system, f"duplicate {spare.number} is in use: {error}") from error
            if refused is not None:
                return refused
        return None

    async def _marked(self, number: str) -> Refused | None:
        """Write Your_Reference, where it is not there yet."""
        api = self.book.api
        rows = await api.read(page_path(self.book.settings), filter=f"No eq {literal(number)}")
        for row in rows:
            if row.get("Your_Reference") == self.document.reference:
                continue
            try:
                refused = await api.change(
                    page_path(self.book.settings, number),
                    {"Your_Reference": self.document.reference},
                    etag=str(row["@odata.etag"]),
                    key=f"{self.key}/reference",
                )
            except EntityChanged as error:
                raise TransientError(api.system, f"order {number} is in use: {error}") from error
            if refused is not None:
                return refused
        return None


def order_body(document: OrderDocument, units: CentralUnitTable, location: str | None) -> dict[str, Any]:
    """The deep insert of an order. Raises CentralUnitUnknown or CentralDoesNotFit."""
    return {
        "vendorNumber": _code(document.supplier, 20, "vendorNumber"),
        "orderDate": document.order_date.isoformat(),
        "currencyCode": _code(document.currency, 10, "currencyCode"),
        "purchaseOrderLines": [_line_body(document.reference, line, units, location) for line in document.lines],
    }


def _line_body(reference: str, line: DocumentLine, units: CentralUnitTable, location: str | None) -> dict[str, Any]:
    return {
        "sequence": first_sequence(line.line),
        "lineType": "Item",
        "lineObjectNumber": _code(line.item, 20, "lineObjectNumber"),
        "description": (line.description or line.item)[:_DESCRIPTION].rstrip(),
        "description2": reference,
        "unitOfMeasureCode": units.to_theirs(line.unit),
        "quantity": write_number(line.quantity, "quantity"),
        "directUnitCost": unit_cost(line.price, line.price_unit),
        "discountPercent": 0,
        "expectedReceiptDate": line.delivery_date.isoformat(),
        **({"locationId": location} if location else {}),
    }


def part_body(model: Mapping[str, Any], reference: str, sequence: int) -> dict[str, Any]:
    """A further line like one that is there."""
    taken = ("lineObjectNumber", "description", "unitOfMeasureCode", "locationId")
    like = {name: model[name] for name in taken if model.get(name) not in (None, "")}
    return {"sequence": sequence, "lineType": "Item", **like, "description2": reference, "discountPercent": 0}


def unit_cost(price: Decimal, price_unit: Decimal) -> Decimal:
    """The price of one unit, in five decimals. Raises CentralDoesNotFit where it is none."""
    cost = price / price_unit
    if round(cost, _DECIMALS) * price_unit != price:
        raise CentralDoesNotFit(
            f"directUnitCost: {price:f} for {price_unit:f} is no price of one unit in five decimals"
        )
    return write_number(round(cost, _DECIMALS), "directUnitCost")


def write_number(number: Decimal, field: str) -> Decimal:
    """A number as it is. Raises CentralDoesNotFit where Business Central would round it."""
    if decimals(number) > _DECIMALS or abs(number) >= _BEYOND:
        raise CentralDoesNotFit(f"{field}: {number:f} has more than five decimals or thirteen digits before the point")
    return number


def _code(text: str, length: int, field: str) -> str:
    if len(text) > length:
        raise CentralDoesNotFit(f"{field}: {text!r} has more than {length} characters")
    return text
