"""Items and their sources out of SAP's master data. Pure: no I/O.

Decided here: which records count (no deletion flag, bought or subcontracted, plant before purchasing organization) and
the order of sources: the source list first, its fixed supplier foremost; then regular suppliers; then by price. Sources
blocked by purchasing are kept and marked. Not decided here: whether the data suffice to order (a decision of the
requirement).
"""

import datetime as dt
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal
from typing import Any

from pydantic import ValidationError

from adapters.erp.sap.odata import Entity, rows
from adapters.erp.sap.units import Units, UnknownUnit
from adapters.erp.sap.values import read_date, read_decimal
from canonical.calendar import Calendar
from canonical.policy import RouteKind
from canonical.sourcing import Component, ItemAtPlant, Source, UnitConversion, UnknownItem

log = logging.getLogger(__name__)

MULTIPLE_FIELD = "YY1_OrderMultiple_PIR"
"""SAP publishes no field for an order multiple on the info record; installations add one by this kind of name."""

BLOCKING_STATUS: Mapping[str, str] = {"01": "blocked for procurement and warehouse"}
"""Statuses of a material at a plant that block ordering: customizing in SAP, which is delivered with this one."""

_ROUTES = {"0": RouteKind.DIRECT, "3": RouteKind.SUBCONTRACT}
"""By category of the info record; we place no consignment or pipeline orders."""
_STOCK_ITEM = "L"
_COUNTED = frozenset({"C62", "EA", "H87", "PR", "SET", "DZN", "BX", "CT", "PK", "BG", "BO", "CA", "PF", "RO"})
_FINEST = Decimal("0.001")
_FINEST_COMPONENT = Decimal("0.000001")


@dataclass(frozen=True)
class MasterRecords:
    """SAP's records of one item at one plant."""

    product: Entity | None
    product_plant: Entity | None
    info_records: Sequence[Entity] = ()
    source_list: Sequence[Entity] = ()
    boms: Sequence[Entity] = ()
    suppliers: Mapping[str, Entity] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceReader:
    """Reads `MasterRecords`, with what SAP lacks: units, the suppliers' calendar, the field of the multiple."""

    units: Units
    calendar: Calendar
    multiple_field: str = MULTIPLE_FIELD
    blocking_status: Mapping[str, str] = field(default_factory=lambda: BLOCKING_STATUS)

    def item_at_plant(self, plant: str, item: str, records: MasterRecords, today: dt.date) -> ItemAtPlant | UnknownItem:
        """The item with its sources by preference; unknown where it is missing, flagged for deletion, or unreadable."""
        try:
            return self._item_at_plant(plant, item, records, today)
        except (ValueError, ArithmeticError) as error:
            return UnknownItem(plant=plant, item=item, detail=_unreadable(f"product {item}", error)[:300])

    def _item_at_plant(
        self, plant: str, item: str, records: MasterRecords, today: dt.date
    ) -> ItemAtPlant | UnknownItem:
        if records.product is None or records.product.get("IsMarkedForDeletion"):
            return UnknownItem(plant=plant, item=item, detail=f"no product {item}, or it is marked for deletion")
        at_plant = records.product_plant
        if at_plant is None or at_plant.get("IsMarkedForDeletion"):
            return UnknownItem(plant=plant, item=item, detail=f"product {item} is not kept at plant {plant}")
        sources, unreadable = self._sources(plant, item, records, today)
        components: tuple[Component, ...] = ()
        if any(source.route is RouteKind.SUBCONTRACT for source in sources):
            try:
                components = self._components(records.boms, today)
            except (UnknownUnit, ValueError, ArithmeticError) as error:
                unreadable.append(_unreadable(f"bill of materials of {item}", error))
                log.warning("%s at %s: %s", item, plant, unreadable[-1])
                sources = [source for source in sources if source.route is not RouteKind.SUBCONTRACT]
        if unreadable and not sources:
            return UnknownItem(plant=plant, item=item, detail="; ".join(unreadable)[:300])
        try:
            return ItemAtPlant(
                plant=plant,
                item=item,
                description=_description(records.product),
                base_unit=self.units.from_sap(records.product.get("BaseUnit", "")),
                goods_receipt_days=int(read_decimal(at_plant.get("GoodsReceiptDuration"))),
                material_group=records.product.get("ProductGroup") or "",
                item_class=at_plant.get("ABCIndicator") or "",
                blocked=self._blocked(records.product, at_plant, today),
                conversions=self._conversions(records.product),
                components=components,
                sources=tuple(sources),
            )
        except (UnknownUnit, ValidationError) as error:
            return UnknownItem(plant=plant, item=item, detail=_unreadable(f"product {item}", error))

    def _sources(self, plant: str, item: str, records: MasterRecords, today: dt.date) -> tuple[list[Source], list[str]]:
        at_plant = records.product_plant or {}
        valid = _valid(records.source_list, today)
        listed = {one["Supplier"]: one for one in reversed(valid)}
        # A supplier may have several records, and one record may block them all.
        blocking = [one for one in valid if one.get("SourceOfSupplyIsBlocked")]
        blocked = {one["Supplier"] for one in blocking}
        all_blocked = any(not one["Supplier"] and not one.get("SupplyingPlant") for one in blocking)
        only_listed = bool((at_plant.get("to_ProductPlantProcurement") or {}).get("IsSourceListRequired"))
        ranked: list[tuple[Any, Source]] = []
        unreadable: list[str] = []
        for info in records.info_records:
            supplier = records.suppliers.get(info["Supplier"], {})
            if _out_of_use(info, supplier) or (only_listed and info["Supplier"] not in listed):
                continue
            for route, terms in _terms_at(info, plant):
                try:
                    source = self._source(info, terms, at_plant, supplier)
                except (UnknownUnit, ValueError, ArithmeticError) as error:
                    unreadable.append(_unreadable(f"info record {info['PurchasingInfoRecord']}", error))
                    log.warning("%s at %s: %s", item, plant, unreadable[-1])
                    continue
                no = all_blocked or source.supplier in blocked or bool(supplier.get("PurchasingIsBlocked"))
                source = source.model_copy(update={"route": route, "blocked": no})
                ranked.append((_rank(listed.get(source.supplier), info, source), source))
        ranked.sort(key=lambda pair: pair[0])
        by_preference = [source.model_copy(update={"preference": n}) for n, (_, source) in enumerate(ranked, start=1)]
        return by_preference, unreadable

    def _blocked(self, product: Entity, at_plant: Entity, today: dt.date) -> str:
        """Why the item can't be ordered: its status in all plants, or in this one."""
        stated = (
            ("in all plants", product.get("CrossPlantStatus"), product.get("CrossPlantStatusValidityDate")),
            ("at the plant", at_plant.get("ProfileCode"), at_plant.get("ProfileValidityStartDate")),
        )
        for where, status, since in stated:
            starts = read_date(since)
            if status and status in self.blocking_status and (starts is None or starts <= today):
                return f"status {status} {where}: {self.blocking_status[status]}"
        return ""

    def _conversions(self, product: Entity) -> tuple[UnitConversion, ...]:
        """The item's unit conversions in SAP; a unit that no source of ours uses may be unknown to us."""
        found: dict[str, UnitConversion] = {}
        for row in rows(product, "to_ProductUnitsOfMeasure"):
            numerator, denominator = (read_decimal(row.get(f"Quantity{part}")) for part in ("Numerator", "Denominator"))
            unit = self.units.incoming.get(row["AlternativeUnit"])
            if unit is None or row["AlternativeUnit"] == product.get("BaseUnit") or not numerator * denominator:
                continue
            found.setdefault(unit, UnitConversion(unit=unit, numerator=numerator, denominator=denominator))
        return tuple(found.values())

    def _components(self, boms: Sequence[Entity], today: dt.date) -> tuple[Component, ...]:
        """The stock items in force of the first bill of materials, scrap included. Raises UnknownUnit."""
        alive = [bom for bom in boms if not bom.get("IsMarkedForDeletion")]
        first = min(alive, key=lambda bom: bom.get("BillOfMaterialVariant") or "", default={})
        return tuple(
            Component(
                item=one["BillOfMaterialComponent"],
                quantity=_with_scrap(one),
                unit=self.units.from_sap(one.get("BillOfMaterialItemUnit", "")),
                per=read_decimal(first.get("BOMHeaderQuantityInBaseUnit")) or Decimal(1),
            )
            for one in rows(first, "to_BillOfMaterialItem")
            if one.get("BillOfMaterialItemCategory", _STOCK_ITEM) == _STOCK_ITEM and _in_force(one, today)
        )

    def _source(self, info: Entity, terms: Entity, at_plant: Entity, supplier: Entity) -> Source:
        sap_unit = terms.get("PurgDocOrderQuantityUnit") or info.get("PurgDocOrderQuantityUnit") or info["BaseUnit"]
        price_unit = terms.get("PurchaseOrderPriceUnit") or sap_unit
        if price_unit != sap_unit:
            raise ValueError(f"priced per {price_unit} but ordered in {sap_unit}; state both in one unit")
        planning = at_plant.get("to_ProductSupplyPlanning") or {}
        days = read_decimal(terms.get("MaterialPlannedDeliveryDurn")) or read_decimal(
            planning.get("PlannedDeliveryDurationInDays")
        )
        unit = self.units.from_sap(sap_unit)
        return Source(
            supplier=info["Supplier"],
            supplier_name=supplier.get("SupplierName") or "",
            unit=unit,
            lead_time_days=int(days),
            minimum_quantity=read_decimal(terms.get("MinimumPurchaseOrderQuantity")),
            multiple=self._multiple(terms, planning, sap_unit, info.get("BaseUnit"), unit),
            maximum_quantity=read_decimal(terms.get("MaximumOrderQuantity")) or None,
            price=read_decimal(terms.get("NetPriceAmount")),
            currency=terms.get("Currency") or "",
            price_unit=read_decimal(terms.get("MaterialPriceUnitQty")) or Decimal(1),
            info_record=info["PurchasingInfoRecord"],
            calendar=self.calendar,
        )

    def _multiple(self, terms: Entity, planning: Entity, sap_unit: str, base_unit: Any, unit: str) -> Decimal:
        if own := read_decimal(terms.get(self.multiple_field)):
            return own
        # The plant's rounding value is in the base unit; it says nothing of an order unit that differs.
        rounding = read_decimal(planning.get("LotSizeRoundingQuantity")) if base_unit in ("", None, sap_unit) else None
        return rounding or (Decimal(1) if unit in _COUNTED else _FINEST)


def _description(product: Entity) -> str:
    texts = {text.get("Language"): text.get("ProductDescription") or "" for text in rows(product, "to_Description")}
    return str(texts.get("EN") or next(iter(texts.values()), ""))


def _valid(source_list: Sequence[Entity], today: dt.date) -> list[Entity]:
    """The records in force, by preference."""
    return sorted((record for record in source_list if _in_force(record, today)), key=_list_rank)


def _in_force(record: Entity, today: dt.date) -> bool:
    starts, ends = read_date(record.get("ValidityStartDate")), read_date(record.get("ValidityEndDate"))
    return (starts is None or starts <= today) and (ends is None or today <= ends)


def _with_scrap(component: Entity) -> Decimal:
    scrap = read_decimal(component.get("ComponentScrapInPercent")) / 100
    quantity = read_decimal(component.get("BillOfMaterialItemQuantity")) * (1 + scrap)
    return quantity.quantize(_FINEST_COMPONENT, ROUND_UP)


def _list_rank(record: Entity) -> tuple[bool, int]:
    return (not record.get("SupplierIsFixed"), int(record.get("SourceListRecord") or 0))


def _rank(listed: Entity | None, info: Entity, source: Source) -> tuple[Any, ...]:
    if listed is not None:
        return (0, *_list_rank(listed), source.supplier)
    return (1, not info.get("IsRegularSupplier"), source.price / source.price_unit, source.supplier)


def _terms_at(info: Entity, plant: str) -> Iterator[tuple[RouteKind, Entity]]:
    """For each route, the plant's own terms, else those of the purchasing organization for all plants."""
    for category, route in _ROUTES.items():
        usable = [
            terms
            for terms in rows(info, "to_PurgInfoRecdOrgPlantData")
            if terms.get("Plant") in (plant, "", None)
            and not terms.get("IsMarkedForDeletion")
            and terms.get("PurchasingInfoRecordCategory", "0") == category
        ]
        if usable:
            yield route, min(usable, key=lambda terms: (not terms.get("Plant"), terms.get("PurchasingOrganization")))


def is_made_for_us(info: Entity, plant: str) -> bool:
    """Whether the record has terms for making the material from components that the plant provides."""
    return any(route is RouteKind.SUBCONTRACT for route, _ in _terms_at(info, plant))


def _out_of_use(info: Entity, supplier: Entity) -> bool:
    return bool(info.get("IsDeleted") or supplier.get("DeletionIndicator"))


def _unreadable(what: str, error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{what}: {'.'.join(map(str, first['loc']))} {first['input']!r}: {first['msg']}"
    return f"{what}: {error}"
