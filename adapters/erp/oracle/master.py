"""Items and their sources in Oracle: items, the approved supplier list, blanket agreements, suppliers.

Decided here: a source is an approved supplier's site with the price of an agreement line; without a price it is none.
Entries of the item's own organization stand before those of the whole business unit. Oracle has no order of preference
among approved suppliers: policy's tie-break decides. Lead times are working days, as Oracle's planning counts them; the
days after the dock are the item's postprocessing days. A site reaches an order as its lines' info record, and lines of
two sites share no order (`terms`). Answers are cached for a while, except for items that can't be ordered.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

import httpx
from pydantic import ValidationError

from adapters.erp.oracle.rest import OTHER_SHAPE, Fusion, Row
from adapters.erp.oracle.units import OracleUnits
from adapters.erp.oracle.values import day, number, quoted
from adapters.ports import PolicyPort
from canonical.calendar import Calendar
from canonical.policy import ErpDocuments
from canonical.sourcing import ItemAtPlant, Source, UnknownItem

WEEKDAYS = Calendar(name="Monday to Friday")
_ITEMS, _APPROVED, _AGREEMENTS = "itemsV2", "procurementApprovedSupplierListEntries", "purchaseAgreementLines"
_USABLE = frozenset({"OPEN", "APPROVED", "ACTIVE"})
"""Statuses of an agreement that orders may draw on."""


class _Supplier(NamedTuple):
    number: str
    name: str
    inactive: dt.date | None


@dataclass(frozen=True)
class OracleRecords:
    """Oracle's rows of one item at one organization."""

    item: Row | None
    approved: Sequence[Row] = ()
    agreements: Sequence[Row] = ()
    suppliers: Mapping[int, _Supplier] = field(default_factory=dict)
    organization_name: str = ""


class OracleMasterData:
    """Implements adapters.ports.MasterDataPort. `today`: the day at a plant."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        system: str = "erp",
        cache_seconds: float = 60.0,
        calendar: Calendar = WEEKDAYS,
        units: OracleUnits | None = None,
        policies: PolicyPort | None = None,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[str], dt.date] = lambda _: dt.datetime.now(dt.UTC).date(),
    ) -> None:
        self._fusion = Fusion(http, system)
        self._system = system
        self._cache_seconds = cache_seconds
        self._calendar = calendar
        self._units = units or OracleUnits()
        self._policies = policies
        self._clock = clock
        self._today = today
        self._held: dict[tuple[str, str], tuple[float, ItemAtPlant]] = {}
        self._reading: dict[tuple[str, str], asyncio.Task[ItemAtPlant | UnknownItem]] = {}
        self._suppliers: tuple[float, Mapping[int, _Supplier]] = (0.0, {})
        self._organizations: Mapping[str, str] = {}

    async def item_at_plant(self, plant: str, item: str) -> ItemAtPlant | UnknownItem:
        """The item with its sources; concurrent requests of an item share one read."""
        key = (plant, item)
        held = self._held.get(key)
        if held is not None and self._clock() < held[0]:
            return held[1]
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(self._read(plant, item))
            reading.add_done_callback(lambda _: self._reading.pop(key, None))
        # Cancelling one of those who wait must not cancel the read.
        return await asyncio.shield(reading)

    async def prefetch(self, plants: Collection[str]) -> int:
        """Read all items of these plants in pages, ahead of a plan run; returns how many are cached now."""
        if not plants:
            return 0
        at = ",".join(quoted(plant) for plant in sorted(plants))
        items, approved, agreements = await asyncio.gather(
            self._fusion.read(_ITEMS, where=f"OrganizationCode in ({at})", order="ItemNumber:asc"),
            self._fusion.read(_APPROVED, order="AslId:asc"),
            self._fusion.read(_AGREEMENTS, order="AgreementLineId:asc"),
        )
        of_item, terms_of = _by_item(approved), _by_item(agreements)
        suppliers = await self._all_suppliers()
        for row in items:
            plant, item = str(row.get("OrganizationCode")), str(row.get("ItemNumber"))
            name = await self._name_of(plant)
            records = OracleRecords(row, of_item.get(item, []), terms_of.get(item, []), suppliers, name)
            self._keep(self._understood(plant, item, records))
        return sum(1 for plant, _ in self._held if plant in plants)

    async def _read(self, plant: str, item: str) -> ItemAtPlant | UnknownItem:
        items, approved, agreements, suppliers, name = await asyncio.gather(
            self._fusion.read(_ITEMS, where=f"OrganizationCode={quoted(plant)} and ItemNumber={quoted(item)}"),
            self._fusion.read(_APPROVED, where=f"Item={quoted(item)}", order="AslId:asc"),
            self._fusion.read(_AGREEMENTS, where=f"Item={quoted(item)}", order="AgreementLineId:asc"),
            self._all_suppliers(),
            self._name_of(plant),
        )
        found = next(
            (row for row in items if row.get("ItemNumber") == item and row.get("OrganizationCode") == plant), None
        )
        of_item = [row for row in approved if row.get("Item") == item]
        terms = [row for row in agreements if row.get("Item") == item]
        return self._keep(self._understood(plant, item, OracleRecords(found, of_item, terms, suppliers, name)))

    async def _all_suppliers(self) -> Mapping[int, _Supplier]:
        until, held = self._suppliers
        if self._clock() < until:
            return held

        def shape(rows: list[Row]) -> Mapping[int, _Supplier]:
            return {
                int(number(row["SupplierId"])): _Supplier(
                    str(row["SupplierNumber"]), str(row.get("Supplier") or ""), day(row.get("InactiveDate"))
                )
                for row in rows
            }

        read = await self._fusion.read_as(shape, "suppliers", order="SupplierId:asc")
        self._suppliers = (self._clock() + self._cache_seconds, read)
        return read

    async def _name_of(self, plant: str) -> str:
        """The organization's name, which the approved supplier list shows."""
        if plant not in self._organizations:

            def shape(rows: list[Row]) -> Mapping[str, str]:
                return {str(row["OrganizationCode"]): str(row.get("OrganizationName") or "") for row in rows}

            self._organizations = await self._fusion.read_as(shape, "inventoryOrganizations")
        return self._organizations.get(plant, "")

    def _understood(self, plant: str, item: str, records: OracleRecords) -> ItemAtPlant | UnknownItem:
        """The item by the plant's customizing; records of another shape make it unknown, not those read with it."""
        policy = self._policies.effective(plant) if self._policies else None
        rules = policy.erp if policy else ErpDocuments()
        reader = _Reader(self._units.with_codes(rules.units), self._calendar, self._today(plant))
        try:
            return reader.item_at_plant(plant, item, records)
        except OTHER_SHAPE as error:
            why = f"{type(error).__name__}: {error}"[:200]
            return UnknownItem(plant=plant, item=item, detail=f"Oracle's records of item {item} can't be read ({why})")

    def _keep(self, known: ItemAtPlant | UnknownItem) -> ItemAtPlant | UnknownItem:
        key = (known.plant, known.item)
        if isinstance(known, ItemAtPlant) and not known.blocked and any(not one.blocked for one in known.sources):
            self._held[key] = (self._clock() + self._cache_seconds, known)
        else:
            self._held.pop(key, None)
        return known


@dataclass(frozen=True)
class _Reader:
    """Understands the records of one item."""

    units: OracleUnits
    calendar: Calendar
    today: dt.date

    def item_at_plant(self, plant: str, item: str, records: OracleRecords) -> ItemAtPlant | UnknownItem:
        """The item, or why it is unknown."""
        row = records.item
        if row is None:
            return UnknownItem(plant=plant, item=item, detail=f"item {item} is not in organization {plant}")
        sources, faults = self._sources(row, records)
        if faults and not sources:
            return UnknownItem(plant=plant, item=item, detail="; ".join(faults)[:300])
        return ItemAtPlant(
            plant=plant,
            item=item,
            description=str(row.get("ItemDescription") or ""),
            base_unit=self.units.from_oracle(str(row.get("PrimaryUOMValue") or "")),
            goods_receipt_days=int(number(row.get("PostProcessingDays"))),
            material_group=str(row.get("ItemClass") or ""),
            blocked=_blocked(row),
            sources=tuple(sources),
        )

    def _sources(self, item: Row, records: OracleRecords) -> tuple[list[Source], list[str]]:
        found: list[tuple[int, Source]] = []
        faults: list[str] = []
        for entry in records.approved:
            own = entry.get("ShipToOrganization")
            if own not in (None, "", records.organization_name, item.get("OrganizationCode")):
                continue
            for terms in records.agreements:
                if any(terms.get(name) != entry.get(name) for name in ("SupplierId", "SupplierSite", "ProcurementBU")):
                    continue
                if str(terms.get("StatusCode") or "OPEN").upper() not in _USABLE:
                    continue
                try:
                    source = self._source(item, entry, terms, records.suppliers)
                except (ValidationError, *OTHER_SHAPE) as error:
                    faults.append(f"agreement line {terms.get('AgreementLineId')}: {error}"[:200])
                    continue
                found += [(1 if own else 2, source)] if source is not None else []
        ranks = sorted({rank for rank, _ in found})
        return [one.model_copy(update={"preference": ranks.index(rank) + 1}) for rank, one in found], faults

    def _source(self, item: Row, entry: Row, terms: Row, suppliers: Mapping[int, _Supplier]) -> Source | None:
        supplier = suppliers.get(int(number(entry["SupplierId"])))
        first, last = (
            day(terms.get("StartDate")),
            _earliest(day(terms.get("EndDate")), day(terms.get("ExpirationDate"))),
        )
        if supplier is None or (last is not None and last < self.today):
            return None
        over = supplier.inactive is not None and supplier.inactive <= self.today
        site = str(entry.get("SupplierSite") or "")
        return Source(
            supplier=supplier.number,
            supplier_name=supplier.name,
            blocked=over or bool(entry.get("DisableFlag")) or entry.get("Status") not in (None, "", "Approved"),
            unit=self.units.from_oracle(str(terms.get("UOMCode") or terms.get("UOM") or "")),
            lead_time_days=int(number(item.get("ProcessingDays"))),
            lead_time_in="working_days",
            minimum_quantity=number(entry.get("MinimumOrderQuantity")),
            multiple=number(entry.get("FixedLotMultiple")) or Decimal(1),
            price=number(terms["Price"]),
            currency=str(terms.get("CurrencyCode") or ""),
            price_from=first,
            price_to=last,
            purchasing_organization=str(entry.get("ProcurementBU") or ""),
            info_record=site,
            terms=f"site {site}",
            calendar=self.calendar,
        )


def _blocked(item: Row) -> str:
    if item.get("PurchasableFlag") is False:
        return "not purchasable in Oracle"
    status = str(item.get("ItemStatusValue") or "Active")
    return "" if status == "Active" else f"item status {status}"


def _earliest(*days: dt.date | None) -> dt.date | None:
    return min((one for one in days if one is not None), default=None)


def _by_item(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row.get("Item")), []).append(row)
    return found


__all__ = ["OracleMasterData"]
