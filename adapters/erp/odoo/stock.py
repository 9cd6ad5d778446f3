"""What is available in Odoo: the quants of a warehouse's stock location, less what is reserved of them.

Decided here: quants and not a product's `free_qty`, which counts every warehouse where the context's key is another
version's. Only internal locations below the warehouse's stock location count, so neither goods still at input or at
quality control nor scrap; nor what somebody else owns. A plant without a named warehouse has the company's only one.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import httpx

from adapters.erp.odoo.api import Domain, OdooApi, Row
from adapters.erp.odoo.remote import linked
from adapters.erp.odoo.settings import OdooSettings
from adapters.erp.odoo.units import OdooUnits, OdooUnitUnknown
from adapters.errors import PermanentError
from adapters.exact_json import number
from adapters.ports import AvailableStock

QUANT = "stock.quant"
QUANT_FIELDS = ("product_id", "quantity", "reserved_quantity", "location_id", "owner_id")
WAREHOUSE_FIELDS = ("code", "lot_stock_id", "company_id")
_DECIMALS = 6


class OdooStock:
    """Implements adapters.ports.StockPort."""

    def __init__(
        self, http: httpx.AsyncClient, settings: OdooSettings, system: str, now: Callable[[], dt.datetime]
    ) -> None:
        self._odoo = OdooApi(http, system, database=settings.database, company=settings.company)
        self._settings, self._now = settings, now
        self._units = OdooUnits(self._odoo, settings.units)

    async def available(self, plant: str, items: Sequence[str]) -> list[AvailableStock]:
        """As the port has it; an item number that several products have is left out."""
        location = await self._location(plant)
        field, units = self._settings.item_field, await self._units.table()
        products = await self._odoo.search_as(
            lambda rows: _products(rows, field), "product.product", [[field, "in", list(items)]], ["uom_id", field]
        )
        decimals = await self._odoo.digits(QUANT, "quantity")
        domain: Domain = [
            ["product_id", "in", sorted(identity for identity, _ in products.values())],
            ["location_id", "child_of", location],
            ["location_id.usage", "=", "internal"],
            ["owner_id", "=", False],
        ]
        at = self._now()
        sums = await self._odoo.search_as(_sums, QUANT, domain, ["product_id", "quantity", "reserved_quantity"])
        finest = Decimal(1).scaleb(-(_DECIMALS if decimals is None else decimals))
        found = []
        for item, (product, unit) in products.items():
            try:
                ours = units.to_ours(unit)
            except OdooUnitUnknown:
                continue
            # A sum of floats is off in digits that the field doesn't have.
            quantity = sums.get(product, Decimal(0)).quantize(finest, ROUND_HALF_EVEN)
            found.append(AvailableStock(item, quantity.normalize() + 0, ours, at))
        return found

    async def _location(self, plant: str) -> int:
        name, company = self._settings.warehouses.get(plant), self._odoo.company
        domain: list[Any] = [
            *([["code", "=", name]] if name else []),
            *([["company_id", "=", company]] if company else []),
        ]
        places = await self._odoo.search_as(
            lambda rows: [linked(row["lot_stock_id"]) for row in rows], "stock.warehouse", domain, ["lot_stock_id"]
        )
        if len(places) != 1:
            many = "several warehouses" if places else "no warehouse"
            named = f" {name!r}" if name else ""
            step = "name the plant's in option `warehouses`, and its company in `company`"
            raise PermanentError(self._odoo.system, f"plant {plant}: Odoo has {many}{named}; {step}")
        return places[0]


def _products(rows: Sequence[Row], field: str) -> dict[str, tuple[int, int]]:
    """By item number, product and unit."""
    found: dict[str, tuple[int, int]] = {}
    several = set()
    for row in rows:
        code = str(row[field])
        if code in found:
            several.add(code)
        found[code] = int(row["id"]), linked(row["uom_id"])
    return {code: product for code, product in found.items() if code not in several}


def _sums(rows: Sequence[Row]) -> dict[int, Decimal]:
    sums: defaultdict[int, Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[linked(row["product_id"])] += number(row["quantity"]) - number(row["reserved_quantity"])
    return dict(sums)


__all__ = ["QUANT", "QUANT_FIELDS", "WAREHOUSE_FIELDS", "OdooStock"]
