"""Items and their sources in Odoo: products and their vendor price lists (product.supplierinfo).

Decided here: a vendor's rows of one unit, currency and period are one source, whose smallest quantity is the minimum
and whose others are price breaks; their discount is part of the price; the sequence of the price list is the
preference. Odoo has no order multiple and no maximum for a vendor: orders are whole units of what is counted. A variant
has its template's rows and its own. Vendors without a number in the configured field can't be ordered from, and are
left out with a warning. What is read stays cached; items without a usable source do not, since somebody is about to
fix them.
"""

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import httpx
from pydantic import ValidationError

from adapters.erp.odoo.api import OTHER_SHAPE, OdooApi, Row
from adapters.erp.odoo.remote import linked
from adapters.erp.odoo.settings import OdooSettings
from adapters.erp.odoo.units import OdooUnits, OdooUnitTable
from adapters.exact_json import decimals, number
from adapters.ports import PolicyPort
from canonical.base import LAST_DAY
from canonical.calendar import Calendar
from canonical.sourcing import ItemAtPlant, PriceBreak, Source, UnitConversion, UnknownItem
from canonical.units import UNITS, physical_ratio

log = logging.getLogger(__name__)

WEEKDAYS = Calendar(name="Monday to Friday")
_FINEST = 6
PRODUCT_FIELDS = ("id", "name", "uom_id", "product_tmpl_id", "purchase_ok", "categ_id")
PRICE_FIELDS = (
    *("id", "partner_id", "product_id", "product_tmpl_id", "sequence", "min_qty", "price", "discount", "currency_id"),
    *("date_start", "date_end", "delay"),
)


class OdooMasterData:
    """Implements adapters.ports.MasterDataPort. `today`: the day at a plant; terms that have ended are left out."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        settings: OdooSettings | None = None,
        *,
        system: str = "erp",
        cache_seconds: float = 60.0,
        calendar: Calendar = WEEKDAYS,
        policies: PolicyPort | None = None,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[str], dt.date] = lambda _: dt.datetime.now(dt.UTC).date(),
    ) -> None:
        self._settings = settings or OdooSettings()
        self._odoo = OdooApi(http, system, database=self._settings.database, company=self._settings.company)
        self._units = OdooUnits(self._odoo, self._settings.units)
        self._policies = policies
        self._cache_seconds, self._calendar, self._clock, self._today = cache_seconds, calendar, clock, today
        self._held: dict[tuple[str, str], tuple[float, ItemAtPlant]] = {}

    async def item_at_plant(self, plant: str, item: str) -> ItemAtPlant | UnknownItem:
        """The item with its sources by preference."""
        held = self._held.get((plant, item))
        if held is not None and self._clock() < held[0]:
            return held[1]
        if self._settings.warehouses and plant not in self._settings.warehouses:
            return UnknownItem(plant=plant, item=item, detail=f"plant {plant} is not in option `warehouses`")
        field = self._settings.item_field
        products = await self._products([[field, "=", item]])
        return (await self._read([plant], {item: [row for row in products if row.get(field) == item]}))[0]

    async def prefetch(self, plants: Collection[str]) -> int:
        """All products that are bought, for each of these plants."""
        by_item: dict[str, list[Row]] = {}
        for row in await self._products([["purchase_ok", "=", True]]):
            code = row.get(self._settings.item_field)
            if isinstance(code, str) and code:
                by_item.setdefault(code, []).append(row)
        await self._read(sorted(plants), by_item)
        return sum(1 for plant, _ in self._held if plant in plants)

    async def _products(self, domain: Sequence[object]) -> list[Row]:
        return await self._odoo.search("product.product", domain, [*PRODUCT_FIELDS, self._settings.item_field])

    async def _read(
        self, plants: Sequence[str], by_item: Mapping[str, Sequence[Row]]
    ) -> list[ItemAtPlant | UnknownItem]:
        unit = await self._odoo.field("product.supplierinfo", "product_uom_id", "uom_id", "product_uom")
        templates = sorted({linked(row["product_tmpl_id"]) for rows in by_item.values() for row in rows})
        company = ["|", ["company_id", "=", False], ["company_id", "=", self._odoo.company]]
        domain = [["product_tmpl_id", "in", templates], *(company if self._odoo.company else [])]
        units, prices = await asyncio.gather(
            self._units.table(),
            self._odoo.search("product.supplierinfo", domain, [*PRICE_FIELDS, unit], order="sequence, id"),
        )
        partners = sorted({linked(row["partner_id"]) for row in prices})
        vendors = await self._odoo.search("res.partner", [["id", "in", partners]], ["id", "name", self._vendor])
        numbers = {int(row["id"]): row for row in vendors}
        found = []
        for plant in plants:
            policy = self._policies.effective(plant) if self._policies else None
            days = policy.goods_receipt_days if policy else 0
            reader = OdooItemReader(plant, units, numbers, self._vendor, unit, self._calendar, self._today(plant), days)
            for item, rows in by_item.items():
                found.append(self._keep(self._understood(reader, item, rows, prices)))
        return found

    @property
    def _vendor(self) -> str:
        return self._settings.supplier_field

    def _understood(
        self, reader: "OdooItemReader", item: str, products: Sequence[Row], prices: Sequence[Row]
    ) -> ItemAtPlant | UnknownItem:
        try:
            return reader.item(item, products, prices)
        except (ValidationError, *OTHER_SHAPE) as error:
            why = f"{type(error).__name__}: {error}"[:200]
            return UnknownItem(plant=reader.plant, item=item, detail=f"Odoo's product {item} can't be read ({why})")

    def _keep(self, known: ItemAtPlant | UnknownItem) -> ItemAtPlant | UnknownItem:
        key = (known.plant, known.item)
        if isinstance(known, ItemAtPlant) and not known.blocked and known.sources:
            self._held[key] = (self._clock() + self._cache_seconds, known)
        else:
            self._held.pop(key, None)
        return known


@dataclass(frozen=True)
class OdooItemReader:
    """Reads the records of items at a plant. Pure: no I/O."""

    plant: str
    units: OdooUnitTable
    vendors: Mapping[int, Row]
    vendor_field: str
    unit_field: str
    calendar: Calendar
    today: dt.date
    goods_receipt_days: int

    def item(self, item: str, products: Sequence[Row], prices: Sequence[Row]) -> ItemAtPlant | UnknownItem:
        """The item. Raises OdooUnitUnknown, ValueError, KeyError or TypeError for what can't be read."""
        if len(products) != 1:
            detail = (
                f"there is no product {item}" if not products else f"{len(products)} products have the number {item}"
            )
            return UnknownItem(plant=self.plant, item=item, detail=detail)
        product = products[0]
        base = linked(product["uom_id"])
        identity, template = int(product["id"]), linked(product["product_tmpl_id"])
        own = [
            row
            for row in prices
            if linked(row["product_tmpl_id"]) == template
            and (not row.get("product_id") or linked(row["product_id"]) == identity)
            and self._lasts(row)
        ]
        return ItemAtPlant(
            plant=self.plant,
            item=item,
            description=str(product.get("name") or ""),
            base_unit=self.units.to_ours(base),
            goods_receipt_days=self.goods_receipt_days,
            material_group=str(product["categ_id"][1]) if product.get("categ_id") else "",
            blocked="" if product.get("purchase_ok") else "not to be purchased, as Odoo has it",
            conversions=self._conversions(base),
            sources=tuple(self._sources(own, base)),
        )

    def _lasts(self, row: Row) -> bool:
        last = _day(row.get("date_end"))
        return last is None or last >= self.today

    def _sources(self, prices: Sequence[Row], base: int) -> list[Source]:
        groups: dict[tuple[object, ...], list[Row]] = {}
        for row in prices:
            unit = linked(row[self.unit_field]) if row.get(self.unit_field) else base
            period = (row.get("date_start") or "", row.get("date_end") or "")
            key = (linked(row["partner_id"]), unit, linked(row["currency_id"]), *period)
            groups.setdefault(key, []).append(row)
        sources = [source for rows in groups.values() if (source := self._source(rows, base)) is not None]
        ranks = sorted({source.preference for source in sources})
        return [
            source.model_copy(update={"preference": ranks.index(source.preference) + 1})
            for source in sorted(sources, key=lambda one: one.preference)
        ]

    def _source(self, rows: Sequence[Row], base: int) -> Source | None:
        rows = sorted(rows, key=lambda one: number(one["min_qty"]))
        first = rows[0]
        vendor = self.vendors.get(linked(first["partner_id"]), {})
        code = vendor.get(self.vendor_field)
        if not isinstance(code, str) or not code.strip():
            name = vendor.get("name") or first["partner_id"]
            log.warning("vendor %s has no %s in Odoo, so that nothing can be ordered from it", name, self.vendor_field)
            return None
        unit = self.units.to_ours(linked(first[self.unit_field]) if first.get(self.unit_field) else base)
        return Source(
            supplier=code,
            supplier_name=str(vendor.get("name") or ""),
            unit=unit,
            lead_time_days=int(first.get("delay") or 0),
            minimum_quantity=_number(first["min_qty"]),
            multiple=Decimal(1).scaleb(-UNITS[unit].decimals),
            price=_net(first),
            currency=str(first["currency_id"][1]),
            price_breaks=tuple(
                PriceBreak(from_quantity=_number(row["min_qty"]), price=_net(row))
                for row in rows[1:]
                if number(row["min_qty"]) > number(first["min_qty"])
            ),
            price_from=_day(first.get("date_start")),
            price_to=_day(first.get("date_end")),
            preference=max(1, int(first.get("sequence") or 1)),
            calendar=self.calendar,
        )

    def _conversions(self, base: int) -> tuple[UnitConversion, ...]:
        """Units of the same root that physics does not convert, such as packs."""
        root, size = self.units.sizes[base]
        own = self.units.to_ours(base)
        found: dict[str, UnitConversion] = {}
        for identity, code in self.units.incoming.items():
            other_root, other = self.units.sizes[identity]
            if other_root != root or identity == base or physical_ratio(code, own) is not None:
                continue
            if max(decimals(size), decimals(other)) <= _FINEST and size > 0 and other > 0:
                found[code] = UnitConversion(unit=code, numerator=other, denominator=size)
        return tuple(found.values())


def _number(value: object) -> Decimal:
    return round(number(value), _FINEST)


def _net(row: Row) -> Decimal:
    return round(number(row["price"]) * (1 - number(row.get("discount") or 0) / 100), _FINEST)


def _day(value: object) -> dt.date | None:
    """A day; None for none, and for one beyond all days."""
    if not value:
        return None
    day = dt.date.fromisoformat(str(value)[:10])
    return day if day <= LAST_DAY else None
