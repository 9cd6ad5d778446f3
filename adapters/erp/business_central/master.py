"""Items and their sources in Business Central.

Decided here: the standard API shows items and vendors, but neither which vendor supplies an item nor at which price and
lead time (tables Item Vendor and Price List Line have no API page). The extension's page `itemVendors` does; without it
an item has no source, which is asked about as a defect of master data. What is read stays cached; items without a
usable source do not, since somebody is about to fix them. Lead times are date formulas: 5D, 2W, 1M (31 days), 1Q, 1Y.
"""

import asyncio
import datetime as dt
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import httpx
from pydantic import ValidationError

from adapters.erp.business_central.api import OTHER_SHAPE, CompanyApi, Row, literal
from adapters.erp.business_central.remote import read_day
from adapters.erp.business_central.settings import CentralSettings
from adapters.erp.business_central.units import CentralUnits, CentralUnitTable
from adapters.exact_json import number
from adapters.ports import PolicyPort
from canonical.calendar import Calendar
from canonical.sourcing import ItemAtPlant, PriceBreak, Source, UnknownItem
from canonical.units import UNITS

WEEKDAYS = Calendar(name="Monday to Friday")
_FORMULA = re.compile(r"<?(?:(\d+)([DWMQY]))?>?", re.IGNORECASE)
_DAYS = {"D": 1, "W": 7, "M": 31, "Q": 92, "Y": 366}
_BLOCKED_VENDOR = frozenset({"Payment", "All"})


class BusinessCentralMasterData:
    """Implements adapters.ports.MasterDataPort. `today`: the day at a plant; terms that have ended are left out."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        settings: CentralSettings,
        *,
        system: str = "erp",
        cache_seconds: float = 60.0,
        calendar: Calendar = WEEKDAYS,
        policies: PolicyPort | None = None,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[str], dt.date] = lambda _: dt.datetime.now(dt.UTC).date(),
    ) -> None:
        self._api = CompanyApi(http, system, settings.company, at_once=settings.at_once)
        self._settings, self._policies = settings, policies
        self._units = CentralUnits(self._api, settings.units)
        self._cache_seconds, self._calendar, self._clock, self._today = cache_seconds, calendar, clock, today
        self._held: dict[tuple[str, str], tuple[float, ItemAtPlant]] = {}

    async def item_at_plant(self, plant: str, item: str) -> ItemAtPlant | UnknownItem:
        """The item with its sources by preference."""
        held = self._held.get((plant, item))
        if held is not None and self._clock() < held[0]:
            return held[1]
        units, items, terms, there = await asyncio.gather(
            self._units.table(),
            self._api.read(self._api.path("items"), filter=f"number eq {literal(item)}"),
            self._terms(f"itemNumber eq {literal(item)}"),
            self._is_there(plant),
        )
        if not there:
            return UnknownItem(plant=plant, item=item, detail=self._nowhere(plant))
        vendors = await self._vendors({str(row.get("vendorNumber")) for row in terms})
        return self._keep(self._understood(plant, item, items[0] if items else None, terms, vendors, units))

    async def prefetch(self, plants: Collection[str]) -> int:
        """All items of the company, for each of these plants."""
        units, items, terms = await asyncio.gather(
            self._units.table(), self._api.read(self._api.path("items")), self._terms("")
        )
        vendors = {str(row.get("number")): row for row in await self._api.read(self._api.path("vendors"))}
        of_item: dict[str, list[Row]] = {}
        for row in terms:
            of_item.setdefault(str(row.get("itemNumber")), []).append(row)
        for plant in [plant for plant in plants if await self._is_there(plant)]:
            for row in items:
                name = str(row.get("number"))
                self._keep(self._understood(plant, name, row, of_item.get(name, []), vendors, units))
        return sum(1 for plant, _ in self._held if plant in plants)

    async def _is_there(self, plant: str) -> bool:
        """Whether the plant has a location, where lines name one."""
        code = self._settings.location(plant)
        return not code or bool(await self._api.read(self._api.path("locations"), filter=f"code eq {literal(code)}"))

    def _nowhere(self, plant: str) -> str:
        return f"there is no location {self._settings.location(plant)} for plant {plant}; see option `locations`"

    async def _terms(self, where: str) -> list[Row]:
        if not self._settings.extension:
            return []
        return await self._api.read(self._api.path("itemVendors", self._settings.extension), filter=where)

    async def _vendors(self, numbers: Collection[str]) -> Mapping[str, Row]:
        found: dict[str, Row] = {}
        for one in sorted(numbers):
            for row in await self._api.read(self._api.path("vendors"), filter=f"number eq {literal(one)}"):
                found[one] = row
        return found

    def _understood(
        self,
        plant: str,
        item: str,
        row: Row | None,
        terms: Sequence[Row],
        vendors: Mapping[str, Row],
        units: CentralUnitTable,
    ) -> ItemAtPlant | UnknownItem:
        policy = self._policies.effective(plant) if self._policies else None
        reader = CentralItemReader(
            plant, self._settings.location(plant), units, self._calendar, self._today(plant),
            policy.goods_receipt_days if policy else 0,
        )  # fmt: skip
        try:
            return reader.item(item, row, terms, vendors)
        except (ValidationError, *OTHER_SHAPE) as error:
            why = f"{type(error).__name__}: {error}"[:200]
            return UnknownItem(plant=plant, item=item, detail=f"Business Central's item {item} can't be read ({why})")

    def _keep(self, known: ItemAtPlant | UnknownItem) -> ItemAtPlant | UnknownItem:
        key = (known.plant, known.item)
        if isinstance(known, ItemAtPlant) and not known.blocked and any(not one.blocked for one in known.sources):
            self._held[key] = (self._clock() + self._cache_seconds, known)
        else:
            self._held.pop(key, None)
        return known


@dataclass(frozen=True)
class CentralItemReader:
    """Reads the records of an item at a plant. Pure: no I/O."""

    plant: str
    location: str
    units: CentralUnitTable
    calendar: Calendar
    today: dt.date
    goods_receipt_days: int

    def item(
        self, item: str, row: Row | None, terms: Sequence[Row], vendors: Mapping[str, Row]
    ) -> ItemAtPlant | UnknownItem:
        """The item. Raises CentralUnitUnknown, ValueError, KeyError or TypeError for what can't be read."""
        if row is None:
            return UnknownItem(plant=self.plant, item=item, detail=f"there is no item {item}")
        base = self.units.to_ours(str(row.get("baseUnitOfMeasureCode") or ""))
        usable = [one for one in terms if self._in_force(one)]
        return ItemAtPlant(
            plant=self.plant,
            item=item,
            description=str(row.get("displayName") or ""),
            base_unit=base,
            goods_receipt_days=self.goods_receipt_days,
            material_group=str(row.get("itemCategoryCode") or ""),
            blocked="blocked in Business Central" if row.get("blocked") else "",
            sources=tuple(self._sources(usable, vendors, str(row.get("baseUnitOfMeasureCode") or ""))),
        )

    def _in_force(self, terms: Row) -> bool:
        location = str(terms.get("locationCode") or "")
        last = read_day(terms.get("endingDate"))
        return location in ("", self.location) and (last is None or last >= self.today)

    def _sources(self, terms: Sequence[Row], vendors: Mapping[str, Row], base: str) -> list[Source]:
        """One source for each vendor, unit, currency and period; rows with a minimum are its price breaks."""
        groups: dict[tuple[str, ...], list[Row]] = {}
        for one in terms:
            key = ("vendorNumber", "unitOfMeasureCode", "currencyCode", "startingDate", "endingDate")
            groups.setdefault(tuple(str(one.get(name) or "") for name in key), []).append(one)
        sources = [self._source(group, vendors, base) for group in groups.values()]
        return sorted(sources, key=lambda one: one.preference)

    def _source(self, rows: Sequence[Row], vendors: Mapping[str, Row], base: str) -> Source:
        rows = sorted(rows, key=lambda one: number(one.get("minimumQuantity") or 0))
        first = rows[0]
        vendor = vendors.get(str(first["vendorNumber"]), {})
        unit = self.units.to_ours(str(first.get("unitOfMeasureCode") or base))
        multiple = number(first.get("orderMultiple") or 0)
        breaks = [
            PriceBreak(from_quantity=number(one["minimumQuantity"]), price=number(one["directUnitCost"]))
            for one in rows[1:]
        ]
        return Source(
            supplier=str(first["vendorNumber"]),
            supplier_name=str(vendor.get("displayName") or ""),
            blocked=str(vendor.get("blocked") or "").replace("_x0020_", " ").strip() in _BLOCKED_VENDOR,
            unit=unit,
            lead_time_days=lead_time_days(str(first.get("leadTimeCalculation") or "")),
            minimum_quantity=number(first.get("minimumQuantity") or 0),
            multiple=multiple or (Decimal(1).scaleb(-UNITS[unit].decimals)),
            maximum_quantity=number(first.get("maximumQuantity") or 0) or None,
            price=number(first["directUnitCost"]),
            currency=str(first.get("currencyCode") or vendor.get("currencyCode") or ""),
            price_breaks=tuple(breaks),
            price_from=read_day(first.get("startingDate")),
            price_to=read_day(first.get("endingDate")),
            preference=int(first.get("preference") or 1),
            calendar=self.calendar,
        )


def lead_time_days(formula: str) -> int:
    """The days of a date formula; of months and longer, the longest there are. Raises ValueError."""
    found = _FORMULA.fullmatch(formula.strip())
    if found is None:
        raise ValueError(f"lead time {formula!r} is no date formula such as 5D or 2W")
    return int(found.group(1)) * _DAYS[found.group(2).upper()] if found.group(1) else 0
