"""Products and their suppliers, read from Tryton.

Decided here: Tryton keeps products for all warehouses, so every known warehouse keeps every product; of a supplier's
prices the one without a minimal quantity is the price, the others are breaks; the lot multiple is the unit's rounding,
for Tryton knows no lots. Suppliers' terms of another currency or in a unit that Pegline doesn't know are left out.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from adapters.erp.tryton.codes import CODES
from adapters.erp.tryton.rpc import TrytonRpc
from adapters.errors import PermanentError
from canonical.calendar import Calendar
from canonical.sourcing import ItemAtPlant, PriceBreak, Source, UnknownItem

WEEKDAYS = Calendar(name="Monday to Friday")
_PAGE = 500
_PRODUCT = (
    *("code", "rec_name", "active", "purchasable", "template", "default_uom.symbol", "default_uom.factor"),
    *("purchase_uom.symbol", "purchase_uom.factor", "purchase_uom.rounding", "template.name"),
)
_TERMS = (
    *("product", "template", "party.code", "party.name", "lead_time_used", "currency.code", "sequence"),
    *("prices.quantity", "prices.unit_price", "prices.sequence"),
)
_OTHER_SHAPE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)


class TrytonMasterData:
    """Implements adapters.ports.MasterDataPort."""

    def __init__(self, rpc: TrytonRpc, *, calendar: Calendar = WEEKDAYS) -> None:
        self._rpc = rpc
        self._calendar = calendar

    async def item_at_plant(self, plant: str, item: str) -> ItemAtPlant | UnknownItem:
        """The item with its sources by preference."""
        where = [["code", "=", plant], ["type", "=", "warehouse"]]
        warehouses = await self._rows("stock.location", where, ["code"])
        if not warehouses:
            return UnknownItem(plant=plant, item=item, detail=f"Tryton has no warehouse with the code {plant}")
        products = await self._rows("product.product", [["code", "=", item]], _PRODUCT)
        if len(products) != 1:
            many = "several products" if products else "no product"
            return UnknownItem(plant=plant, item=item, detail=f"Tryton has {many} with the code {item}")
        template = [["template", "=", _id(products[0], "template")]]
        terms = await self._rows("purchase.product_supplier", template, _TERMS)
        return self._item(plant, products[0], terms)

    async def prefetch(self, plants: Collection[str]) -> int:
        """How many items with a source there are; Tryton answers one by one quickly, so none is kept."""
        terms = await self._rows("purchase.product_supplier", [], ("template", "product"))
        products = await self._rows("product.product", [["purchasable", "=", True]], ("code", "template"))
        supplied = {(each["template"], each["product"]) for each in terms}
        items = [
            each
            for each in products
            if each["code"] and supplied & {(each["template"], one) for one in (None, each["id"])}
        ]
        return len(items) * len(set(plants))

    async def _rows(self, model: str, where: Sequence[Any], fields: Sequence[str]) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        while True:
            method, order = f"model.{model}.search_read", [["id", "ASC"]]
            page = await self._rpc.read(method, list(where), len(found), _PAGE, order, list(fields))
            if not isinstance(page, list) or not all(isinstance(row, dict) and "id" in row for row in page):
                raise PermanentError(self._rpc.system, f"{method} can't be read; it answered {str(page)[:200]}")
            found += page
            if len(page) < _PAGE:
                return found

    def _item(
        self, plant: str, product: Mapping[str, Any], terms: Sequence[Mapping[str, Any]]
    ) -> ItemAtPlant | UnknownItem:
        code = str(product["code"])
        try:
            own = [each for each in terms if each["product"] in (None, product["id"])]
            ranked = sorted(own, key=lambda each: (each["sequence"] is None, each["sequence"] or 0, each["id"]))
            return ItemAtPlant(
                plant=plant,
                item=code,
                description=product["template."]["name"],
                base_unit=CODES[product["default_uom."]["symbol"]],
                goods_receipt_days=0,
                blocked="" if product["purchasable"] and product["active"] else "not purchasable",
                sources=tuple(
                    self._source(product, each, n) for n, each in enumerate(ranked, start=1) if each["prices."]
                ),
            )
        except _OTHER_SHAPE as error:
            why = f"{type(error).__name__}: {error}"[:200]
            return UnknownItem(plant=plant, item=code, detail=f"Tryton's product {code} can't be read ({why})")

    def _source(self, product: Mapping[str, Any], terms: Mapping[str, Any], preference: int) -> Source:
        prices: defaultdict[Decimal, Decimal] = defaultdict(Decimal)
        for each in terms["prices."]:
            prices[Decimal(each["quantity"]).normalize() + 0] = each["unit_price"]
        first = min(prices)
        unit, base = product["purchase_uom."], product["default_uom."]
        same = unit["id"] == base["id"]
        return Source(
            supplier=terms["party."]["code"],
            supplier_name=terms["party."]["name"],
            unit=CODES[unit["symbol"]],
            lead_time_days=terms["lead_time_used"].days if terms["lead_time_used"] else 0,
            minimum_quantity=first,
            multiple=Decimal(unit["rounding"]),
            price=prices[first],
            currency=terms["currency."]["code"],
            price_breaks=tuple(
                PriceBreak(from_quantity=quantity, price=price)
                for quantity, price in sorted(prices.items())
                if quantity != first
            ),
            base_units=None if same else (Decimal(unit["factor"]), Decimal(base["factor"])),
            preference=preference,
            calendar=self._calendar,
        )


def _id(row: Mapping[str, Any], field: str) -> int:
    return int(row[field])


__all__ = ["TrytonMasterData"]
