"""Items and their sources, read from SAP's product, info record, source list, supplier and bill of material services.

Decided here: which service is read for what, how long an answer stays cached, and which expired items are refreshed
along with the requested ones, since a call for twenty items costs as much as a call for one. Items that are unknown,
blocked or without a source are never cached: somebody is about to fix them. Whole plants are read by filter, what they
share once. No filter asks for what has changed since: SAP keeps no time of change on a plant's data, on terms and on
prices, so that such a filter would miss what matters. Bills of materials are read only where a
supplier makes the item for us, outline agreements only where a source list names them; what orders have called off of
one is read from the orders, since SAP's contract does not say it. The meaning of the records is in sources.py.
"""

import asyncio
import bisect
import datetime as dt
import itertools
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

import httpx

from adapters.erp.sap.odata import OTHER_SHAPE, SYSTEM, Entity, ODataService, literal, rows
from adapters.erp.sap.sources import (
    BLOCKING_STATUS,
    MULTIPLE_FIELD,
    ContractItem,
    MasterRecords,
    SourceReader,
    agreement_key,
    is_made_for_us,
)
from adapters.erp.sap.units import Units
from adapters.erp.sap.values import read_decimal
from adapters.errors import PermanentError
from adapters.ports import PolicyPort
from canonical.calendar import Calendar
from canonical.sourcing import ItemAtPlant, UnknownItem

ITEMS_AT_ONCE = 20
"""The items in one filter; SAP Gateway accepts URLs of a few thousand characters."""
_LOOKED_THROUGH = 200
WEEKDAYS = Calendar(name="Monday to Friday")
_NAMED_AT_MOST = 500
"""The most keys that are named, twenty a call; beyond it, reading the range between them takes fewer calls."""
_TERMS = "to_PurgInfoRecdOrgPlantData"
"""An info record's terms by organization and plant."""
_CONDITIONS = (
    "to_PurInfoRecdPrcgCndnValidity",
    "to_PurInfoRecdPrcgCndnValidity/to_PurInfoRecdPrcgCndn",
    "to_PurInfoRecdPrcgCndnValidity/to_PurInfoRecdPrcgCndn/to_PurgInfoPricingCndnRecdScale",
)
"""The prices of terms by date, and the prices' scales."""
_CALLED_OFF = (
    "PurchaseOrder,PurchaseOrderItem,PurchaseContract,PurchaseContractItem,OrderQuantity,NetPriceAmount,"
    "NetPriceQuantity,PurchasingDocumentDeletionCode"
)


class Products(Protocol):
    """Reads products as sources.py takes them: in the fields of API_PRODUCT_SRV."""

    async def products(self, where: str) -> list[Entity]:
        """With to_Description and to_ProductUnitsOfMeasure."""
        ...

    async def at_plants(self, where: str) -> list[Entity]:
        """With to_ProductSupplyPlanning and to_ProductPlantProcurement."""
        ...


class V2Products:
    """Implements Products by API_PRODUCT_SRV."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._products = ODataService(http, "API_PRODUCT_SRV")

    async def products(self, where: str) -> list[Entity]:
        """One read."""
        expand = "to_Description,to_ProductUnitsOfMeasure"
        return await self._products.read("A_Product", where=where, expand=expand, pages_by="Product")

    async def at_plants(self, where: str) -> list[Entity]:
        """One read."""
        expand = "to_ProductSupplyPlanning,to_ProductPlantProcurement"
        return await self._products.read("A_ProductPlant", where=where, expand=expand, pages_by="Product,Plant")


class SapMasterData:
    """Implements adapters.ports.MasterDataPort.

    `calendar`: the working days of every supplier, since SAP holds none for them. `today`: the day at a
    plant; terms that had ended by then are left out. `products`: where products are read; None: OData V2.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        cache_seconds: float = 60.0,
        calendar: Calendar = WEEKDAYS,
        units: Units | None = None,
        multiple_field: str = MULTIPLE_FIELD,
        blocking_status: Mapping[str, str] = BLOCKING_STATUS,
        policies: PolicyPort | None = None,
        products: Products | None = None,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[str], dt.date] = lambda _: dt.datetime.now(dt.UTC).date(),
    ) -> None:
        self._products = products or V2Products(http)
        self._info_records = ODataService(http, "API_INFORECORD_PROCESS_SRV")
        self._source_lists = ODataService(http, "API_PURCHASING_SOURCE_SRV")
        self._partners = ODataService(http, "API_BUSINESS_PARTNER")
        self._boms = ODataService(http, "API_BILL_OF_MATERIAL_SRV;v=0002")
        self._contracts = ODataService(http, "API_PURCHASECONTRACT_PROCESS_SRV")
        self._orders = ODataService(http, "API_PURCHASEORDER_PROCESS_SRV")
        self._reader = SourceReader(units or Units(), calendar, multiple_field, blocking_status)
        self._cache_seconds = cache_seconds
        self._policies = policies
        self._clock = clock
        self._today = today
        self._held: dict[tuple[str, str], tuple[float, ItemAtPlant]] = {}
        self._items: defaultdict[str, list[str]] = defaultdict(list)
        """By plant, all items ever cached, in order."""
        self._loading: dict[tuple[str, str], asyncio.Future[ItemAtPlant | UnknownItem]] = {}
        self._requested: defaultdict[str, list[str]] = defaultdict(list)
        """By plant, the items requested while a read is in progress: the next one reads them all."""
        self._reading: dict[str, asyncio.Task[None]] = {}

    async def item_at_plant(self, plant: str, item: str) -> ItemAtPlant | UnknownItem:
        """The item with its sources by preference; concurrent requests share one read, and items requested while a
        plant's items are being read are read together next.
        """
        key = (plant, item)
        held = self._held.get(key)
        if held is not None and self._clock() < held[0]:
            return held[1]
        loading = self._loading.get(key)
        if loading is None:
            loading = self._loading[key] = asyncio.get_running_loop().create_future()
            loading.add_done_callback(lambda done: self._answered(key, done))
            self._requested[plant].append(item)
            if plant not in self._reading:
                self._reading[plant] = asyncio.create_task(self._read_requested(plant))
        # All waiting callers share the answer, so cancelling one of them must not cancel the read.
        return await asyncio.shield(loading)

    async def prefetch(self, plants: Collection[str]) -> int:
        """Read all items of these plants in a few calls, ahead of a plan run; returns how many are cached now.

        Only what the plants keep, and what they share (products, suppliers) once.
        """
        try:
            return await self._read_all(sorted(plants))
        except OTHER_SHAPE as error:
            raise _failure(", ".join(sorted(plants)), error) from error

    async def _read_all(self, plants: Sequence[str]) -> int:
        if not plants:
            return 0
        there = _any("Plant", plants)
        at_plant, info_records, source_list = await asyncio.gather(
            self._products.at_plants(there), self._terms_at(plants), self._listed(there)
        )
        made = [plant for plant in plants if any(is_made_for_us(info, plant) for info in info_records)]
        products, suppliers, boms, agreements = await asyncio.gather(
            self._all_of(self._products.products, "Product", {row["Product"] for row in at_plant}),
            self._all_of(self._partners_where, "Supplier", {info["Supplier"] for info in info_records}),
            self._bills(_any("Plant", made) if made else None),
            self._agreements(source_list),
        )
        infos_of, by_product = _grouped(info_records, "Material"), {each["Product"]: each for each in products}
        by_supplier = {each["Supplier"]: each for each in suppliers}
        sources_of, boms_of = _at_plants(source_list), _at_plants(boms)
        for row in at_plant:
            plant, item = row["Plant"], row["Product"]
            records = MasterRecords(
                by_product.get(item),
                row,
                infos_of[item],
                sources_of[plant, item],
                boms_of[plant, item],
                by_supplier,
                agreements,
            )
            self._keep(self._understood(plant, item, records))
        return sum(1 for plant, _ in self._held if plant in plants)

    def _answered(self, key: tuple[str, str], done: "asyncio.Future[ItemAtPlant | UnknownItem]") -> None:
        self._loading.pop(key, None)
        if not done.cancelled():
            done.exception()  # retrieved, even where the caller has gone

    async def _read_requested(self, plant: str) -> None:
        """Read the plant's requested items until none is left."""
        try:
            while requested := self._requested[plant][:ITEMS_AT_ONCE]:
                del self._requested[plant][: len(requested)]
                loading = [self._loading[plant, item] for item in requested]
                along = self._out_of_date(plant, requested)
                try:
                    found = await self._load(plant, requested, along)
                except Exception as error:
                    failure = _failure(plant, error)
                    for each in loading:
                        each.set_exception(failure)
                else:
                    for each, item in zip(loading, found, strict=True):
                        each.set_result(item)
        finally:
            del self._reading[plant]

    def _out_of_date(self, plant: str, requested: Sequence[str]) -> list[str]:
        """The expired items that follow the requested ones, as many as fit into the call. Plans are sorted by item, so
        these are likely to be requested next.
        """
        items, now = self._items[plant], self._clock()
        following = items[bisect.bisect(items, requested[-1]) :][:_LOOKED_THROUGH]
        held = ((item, self._held.get((plant, item))) for item in following if item not in requested)
        old = (item for item, kept in held if kept is not None and kept[0] <= now)
        return list(itertools.islice(old, ITEMS_AT_ONCE - len(requested)))

    async def _load(
        self, plant: str, requested: Sequence[str], along: Sequence[str]
    ) -> list[ItemAtPlant | UnknownItem]:
        """The requested items, in their order; the others are only cached."""
        items = [*requested, *along]
        there = f"Plant eq {literal(plant)}"
        products, at_plant, info_records, source_list = await asyncio.gather(
            self._products.products(_any("Product", items)),
            self._products.at_plants(f"{_any('Product', items)} and {there}"),
            self._infos(_any("Material", items)),
            self._listed(f"{_any('Material', items)} and {there}"),
        )
        made = {info["Material"] for info in info_records if is_made_for_us(info, plant)}
        suppliers, boms, agreements = await asyncio.gather(
            self._suppliers({info["Supplier"] for info in info_records}),
            self._bills(f"{_any('Material', sorted(made))} and {there}" if made else None),
            self._agreements(source_list),
        )
        found = []
        for item in items:
            own = _of(item, along if item in requested and len(requested) == 1 else None)
            records = MasterRecords(
                _first(own(products, "Product")),
                _first(own(at_plant, "Product")),
                own(info_records, "Material"),
                own(source_list, "Material"),
                own(boms, "Material"),
                suppliers,
                agreements,
            )
            read = self._understood(plant, item, records)
            found.append(self._keep(read))
        return found[: len(requested)]

    def _understood(self, plant: str, item: str, records: MasterRecords) -> ItemAtPlant | UnknownItem:
        """The item by the plant's customizing; records of another shape make it unknown, not those read with it."""
        policy = self._policies.effective(plant) if self._policies else None
        reader = self._reader
        if policy is not None:
            reader = replace(
                reader,
                units=reader.units.with_codes(policy.erp.units),
                multiple_field=policy.erp.multiple_field,
                blocking_status={status: why for status, why in policy.erp.blocking_status.items() if why},
            )
        try:
            return reader.item_at_plant(plant, item, records, self._today(plant))
        except OTHER_SHAPE as error:
            why = f"{type(error).__name__}: {error}"[:200]
            return UnknownItem(plant=plant, item=item, detail=f"SAP's records of product {item} can't be read ({why})")

    def _keep(self, known: ItemAtPlant | UnknownItem) -> ItemAtPlant | UnknownItem:
        plant, item = known.plant, known.item
        if isinstance(known, ItemAtPlant) and not known.blocked and any(not one.blocked for one in known.sources):
            items = self._items[plant]
            place = bisect.bisect_left(items, item)
            if items[place : place + 1] != [item]:
                items.insert(place, item)
            self._held[plant, item] = (self._clock() + self._cache_seconds, known)
        else:
            self._held.pop((plant, item), None)
        return known

    async def _terms_at(self, plants: Sequence[str]) -> list[Entity]:
        """The info records that have terms for these plants, or for all plants, with those terms."""
        found = await self._info_records.read(
            "A_PurgInfoRecdOrgPlantData",
            where=_any("Plant", ["", *plants]),
            expand=",".join(("to_PurgInfoRecd", *_CONDITIONS)),
            pages_by="PurchasingInfoRecord,PurchasingInfoRecordCategory,PurchasingOrganization,Plant",
        )
        by_number = _grouped((terms for terms in found if terms.get("to_PurgInfoRecd")), "PurchasingInfoRecord")
        return [{**terms[0]["to_PurgInfoRecd"], _TERMS: terms} for terms in by_number.values()]

    async def _all_of(
        self, read: Callable[[str], Awaitable[list[Entity]]], key: str, values: Collection[str]
    ) -> list[Entity]:
        """The entities of these keys: named in a few calls, or, where they are many, all from the first to the last."""
        named = sorted(values)
        if len(named) > _NAMED_AT_MOST:
            between = f"{key} ge {literal(named[0])} and {key} le {literal(named[-1])}"
            return [each for each in await read(between) if each[key] in values]
        found: list[Entity] = []
        for start in range(0, len(named), ITEMS_AT_ONCE):
            found += await read(_any(key, named[start : start + ITEMS_AT_ONCE]))
        return found

    async def _infos(self, where: str) -> list[Entity]:
        return await self._info_records.read(
            "A_PurchasingInfoRecord",
            where=where,
            expand=",".join((_TERMS, *(f"{_TERMS}/{each}" for each in _CONDITIONS))),
            pages_by="PurchasingInfoRecord",
        )

    async def _listed(self, where: str) -> list[Entity]:
        by = "Material,Plant,SourceListRecord"
        return await self._source_lists.read("A_PurchasingSource", where=where, pages_by=by)

    async def _bills(self, where: str | None) -> list[Entity]:
        """Bills of materials with their items; None: none are needed."""
        if where is None:
            return []
        return await self._boms.read(
            "MaterialBOM", where=where, expand="to_BillOfMaterialItem", pages_by="Material,Plant,BillOfMaterial"
        )

    async def _agreements(self, source_list: Sequence[Entity]) -> Mapping[tuple[str, str], ContractItem]:
        """The outline agreements that the source list names, item by item, with what orders have called off of them."""
        named = sorted({record.get("PurchaseOutlineAgreement") or "" for record in source_list} - {""})
        found: dict[tuple[str, str], ContractItem] = {}
        for start in range(0, len(named), ITEMS_AT_ONCE):
            where = _any("PurchaseContract", named[start : start + ITEMS_AT_ONCE])
            heads, ordered = await asyncio.gather(
                self._contracts.read(
                    "A_PurchaseContract", where=where, expand="to_PurchaseContractItem", pages_by="PurchaseContract"
                ),
                self._orders.read(
                    "A_PurchaseOrderItem", where=where, select=_CALLED_OFF, pages_by="PurchaseOrder,PurchaseOrderItem"
                ),
            )
            for head in heads:
                found |= _contract_items(head, [each for each in ordered if _calls_off(each, head)])
        return found

    async def _suppliers(self, requested: Collection[str]) -> Mapping[str, Entity]:
        """Suppliers by number."""
        found = await self._all_of(self._partners_where, "Supplier", requested)
        return {supplier["Supplier"]: supplier for supplier in found}

    async def _partners_where(self, where: str) -> list[Entity]:
        return await self._partners.read("A_Supplier", where=where, pages_by="Supplier")


def _failure(plant: str, error: Exception) -> Exception:
    """The error for the callers: that rows lack what they are grouped by is the ERP's, not a defect of ours."""
    if isinstance(error, OTHER_SHAPE):
        why = f"{type(error).__name__}: {error}"[:200]
        step = "compare the $metadata of the master data services with what they are asked for"
        return PermanentError(SYSTEM, f"master data of plant {plant} can't be read ({why}); {step}")
    return error


def _calls_off(order_item: Entity, head: Entity) -> bool:
    same = order_item.get("PurchaseContract") == head["PurchaseContract"]
    return same and not order_item.get("PurchasingDocumentDeletionCode")


def _contract_items(head: Entity, ordered: Sequence[Entity]) -> dict[tuple[str, str], ContractItem]:
    called_off: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    spent = Decimal(0)
    for each in ordered:
        quantity = read_decimal(each.get("OrderQuantity"))
        called_off[agreement_key(head["PurchaseContract"], each.get("PurchaseContractItem"))] += quantity
        per = read_decimal(each.get("NetPriceQuantity")) or Decimal(1)
        spent += (quantity * read_decimal(each.get("NetPriceAmount")) / per).quantize(Decimal("0.01"))
    items = {
        agreement_key(head["PurchaseContract"], item["PurchaseContractItem"]): item
        for item in rows(head, "to_PurchaseContractItem")
    }
    return {key: ContractItem(head, item, called_off[key], spent) for key, item in items.items()}


def _at_plants(entities: Iterable[Entity]) -> defaultdict[tuple[str, str], list[Entity]]:
    groups: defaultdict[tuple[str, str], list[Entity]] = defaultdict(list)
    for entity in entities:
        groups[entity["Plant"], entity["Material"]].append(entity)
    return groups


def _grouped(entities: Iterable[Entity], by: str) -> defaultdict[str, list[Entity]]:
    groups: defaultdict[str, list[Entity]] = defaultdict(list)
    for entity in entities:
        groups[entity[by]].append(entity)
    return groups


def _any(field: str, values: Sequence[str]) -> str:
    """A filter for any of the values."""
    each = " or ".join(f"{field} eq {literal(value)}" for value in values)
    return f"({each})" if len(values) > 1 else each


def _of(item: str, along: Collection[str] | None) -> Callable[[Sequence[Entity], str], list[Entity]]:
    """The item's records; where only it was requested, all except those of the items read along, however SAP spells its
    number.
    """
    others = None if along is None else {other.upper() for other in along}

    def is_own(name: str) -> bool:
        return name.upper() == item.upper() or (others is not None and name.upper() not in others)

    return lambda entities, by: [each for each in entities if is_own(each[by])]


def _first(entities: list[Entity]) -> Entity | None:
    return entities[0] if entities else None
