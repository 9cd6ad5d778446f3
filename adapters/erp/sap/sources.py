"""Items and their sources out of SAP's master data. Pure: no I/O.

Decided here: which records count (no deletion flag, bought or subcontracted, the plant's own terms before those of its
purchasing organization), for which days (source list and availability by delivery date, prices by order date) and their
rank. SAP ranks no sources; its own source determination looks at flags, and so does the rank here: the source list's
fixed sources, then its sources for planning, its others, regular suppliers, all others. Records of one rank are equal,
in the order of the source list and of the info records' numbers; policy's tie-break decides between them. Sources
blocked by purchasing are kept and marked. Not decided here: whether the data suffice to order, and which day counts
(decisions of the requirement).
"""

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_UP, Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from pydantic import ValidationError

from adapters.erp.sap.odata import Entity, rows
from adapters.erp.sap.units import Units, UnknownUnit
from adapters.erp.sap.values import read_date, read_decimal
from canonical.base import FIRST_DAY, LAST_DAY
from canonical.calendar import Calendar
from canonical.policy import RouteKind
from canonical.sourcing import Agreement, Component, ItemAtPlant, PriceBreak, Source, UnitConversion, UnknownItem
from canonical.units import UNITS, PerUnit

log = logging.getLogger(__name__)

MULTIPLE_FIELD = "YY1_OrderMultiple_PIR"
"""SAP publishes no field for an order multiple on the info record; installations add one by this kind of name."""

BLOCKING_STATUS: Mapping[str, str] = {"01": "blocked for procurement and warehouse"}
"""Statuses of a material at a plant that block ordering: customizing in SAP, which is delivered with this one."""

_ROUTES = {"0": RouteKind.DIRECT, "3": RouteKind.SUBCONTRACT}
"""By category of the info record; we place no consignment or pipeline orders."""
_STOCK_ITEM = "L"
_FOR_PLANNING = frozenset({"1", "2"})
"""Source list records that planning uses (2: with delivery schedules)."""
_BY_QUANTITY = frozenset({"", "C"})
"""Calculation of a condition, and the basis of its scale: by quantity."""
_FROM, _TO = frozenset({"", "A"}), frozenset({"B"})
"""Scales whose lines say from, or up to, which quantity a price holds."""
PRICE_CONDITIONS = frozenset({"PB00", "PPR0"})
"""The types of condition that are the price itself, as delivered; customizing in SAP."""
_COUNTED = frozenset({"C62", "EA", "H87", "PR", "SET", "DZN", "BX", "CT", "PK", "BG", "BO", "CA", "PF", "RO"})
_FINEST = Decimal("0.001")
_FINEST_COMPONENT = Decimal("0.000001")


Days = tuple[dt.date | None, dt.date | None]
"""The first and the last day; None: without limit."""


class Listing(NamedTuple):
    """How the source list has a supplier for some days; without a record: how its info record has it."""

    rank: int
    order: int
    days: Days
    blocked: bool = False
    agreement: tuple[str, str] | None = None
    """Number and item of an outline agreement."""


class Price(NamedTuple):
    """A price, and the order dates for which it holds."""

    amount: Decimal
    currency: str
    per: Decimal
    days: Days
    breaks: tuple[PriceBreak, ...] = ()


@dataclass(frozen=True)
class MasterRecords:
    """SAP's records of one item at one plant."""

    product: Entity | None
    product_plant: Entity | None
    info_records: Sequence[Entity] = ()
    source_list: Sequence[Entity] = ()
    boms: Sequence[Entity] = ()
    suppliers: Mapping[str, Entity] = field(default_factory=dict)
    agreements: Mapping[tuple[str, str], "ContractItem"] = field(default_factory=dict)
    """By number and item."""


@dataclass(frozen=True)
class ContractItem:
    """An item of an outline agreement, its head, and what orders have called off of it."""

    head: Entity
    item: Entity
    called_off: Decimal = Decimal(0)
    """In the agreement's order unit."""
    spent: Decimal = Decimal(0)
    """In the agreement's currency, by all of its items."""


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
        only_listed = bool((at_plant.get("to_ProductPlantProcurement") or {}).get("IsSourceListRequired"))
        found: list[tuple[tuple[Any, ...], Source]] = []
        unreadable: list[str] = []
        for info in records.info_records:
            supplier = records.suppliers.get(info["Supplier"], {})
            if _out_of_use(info, supplier):
                continue
            for route, terms in _terms_at(info, plant):
                listings = _listings(info, terms, records.source_list, only_listed=only_listed, today=today)
                faults: list[str] = []
                try:
                    read = [*self._on_terms(info, terms, listings, records, today, faults)]
                except (UnknownUnit, ValueError, ArithmeticError) as error:
                    faults.append(_unreadable(f"info record {info['PurchasingInfoRecord']}", error))
                    read = []
                for fault in faults:
                    log.warning("%s at %s: %s", item, plant, fault)
                unreadable += faults
                for listing, source in read:
                    blocked = source.blocked or listing.blocked or bool(supplier.get("PurchasingIsBlocked"))
                    source = source.model_copy(update={"route": route, "blocked": blocked})
                    place = (listing.rank, listing.order, info["PurchasingInfoRecord"], len(found))
                    found.append((place, source))
        found.sort(key=lambda pair: pair[0])
        ranks = sorted({place[0] for place, _ in found})
        return [
            source.model_copy(update={"preference": ranks.index(place[0]) + 1}) for place, source in found
        ], unreadable

    def _on_terms(
        self,
        info: Entity,
        terms: Entity,
        listings: Sequence[Listing],
        records: MasterRecords,
        today: dt.date,
        faults: list[str],
    ) -> Iterator[tuple[Listing, Source]]:
        """A source for each period in which the source list, the record's availability and the price stay the same.

        Adds outline agreements that can't be read to `faults`: the record's other terms still hold.
        """
        if not listings:
            return
        at_plant, supplier = records.product_plant or {}, records.suppliers.get(info["Supplier"], {})
        source = self._source(info, terms, at_plant, supplier)
        own = self._content(info, terms, records.product or {})
        source = source.model_copy(
            update={"base_units": own, "purchasing_organization": terms.get("PurchasingOrganization") or ""}
        )
        available = _days(info.get("AvailabilityStartDate"), info.get("AvailabilityEndDate"))
        prices = _current([*self._prices(terms, source, own, info)], today)
        for listing in listings:
            days = _both(listing.days, available)
            if days is None:
                continue
            if listing.agreement is not None:
                try:
                    yield listing, _on_days(self._called_off(source, listing.agreement, records), days)
                except (UnknownUnit, ValueError, ArithmeticError) as error:
                    faults.append(str(error))
                continue
            for price in prices:
                priced = {
                    "price": price.amount,
                    "currency": price.currency,
                    "price_unit": price.per,
                    "price_breaks": price.breaks,
                    "price_from": price.days[0],
                    "price_to": price.days[1],
                }
                yield listing, _on_days(source.model_copy(update=priced), days)

    def _content(self, info: Entity, terms: Entity, product: Entity) -> PerUnit | None:
        """How many base units one order unit of this supplier is, where it differs from the material's."""
        unit = terms.get("PurgDocOrderQuantityUnit") or info.get("PurgDocOrderQuantityUnit") or info.get("BaseUnit")
        numerator, denominator = (
            read_decimal(info.get(f"OrderItemQtyToBaseQty{part}")) for part in ("Nmrtr", "Dnmntr")
        )
        base_unit = info.get("BaseUnit") or product.get("BaseUnit")
        if unit in (base_unit, None, "") or not numerator * denominator or unit != info.get("PurgDocOrderQuantityUnit"):
            return None
        for row in rows(product, "to_ProductUnitsOfMeasure"):
            of_material = [read_decimal(row.get(f"Quantity{part}")) for part in ("Numerator", "Denominator")]
            if row.get("AlternativeUnit") == unit and numerator * of_material[1] == denominator * of_material[0]:
                return None
        return (numerator, denominator)

    def _prices(self, terms: Entity, source: Source, own: PerUnit | None, info: Entity) -> Iterator[Price]:
        """The prices of the record's conditions; without any, the net price until the end of its validity."""
        last = read_date(terms.get("PriceValidityEndDate"))
        conditions = [
            (validity, condition)
            for validity in rows(terms, "to_PurInfoRecdPrcgCndnValidity")
            if (validity.get("ConditionType") or "PB00") in PRICE_CONDITIONS
            and (condition := validity.get("to_PurInfoRecdPrcgCndn"))
            and not condition.get("ConditionIsDeleted")
        ]
        if not conditions:
            yield Price(
                source.price, source.currency, source.price_unit, _days(None, terms.get("PriceValidityEndDate"))
            )
        for validity, condition in conditions:
            days = _days(validity.get("ConditionValidityStartDate"), validity.get("ConditionValidityEndDate"))
            scale = [line for line in rows(condition, "to_PurgInfoPricingCndnRecdScale") if not _is_gone(line)]
            net = not scale and read_date(validity.get("ConditionValidityEndDate")) == last
            if net or condition.get("ConditionRateValue") in (None, ""):
                # The net price is that of the condition which was in force when it was kept, less its discounts.
                yield Price(source.price, source.currency, source.price_unit, days)
            else:
                yield self._of_condition(condition, scale, source, own, info)._replace(days=days)

    def _of_condition(
        self, condition: Entity, scale: Sequence[Entity], source: Source, own: PerUnit | None, info: Entity
    ) -> Price:
        record = condition.get("ConditionRecord")
        if (condition.get("ConditionCalculationType") or "") not in _BY_QUANTITY:
            raise ValueError(f"condition {record} is not a price by quantity; state it as one")
        unit = condition.get("ConditionQuantityUnit") or ""
        if unit and self.units.from_sap(unit) != source.unit:
            raise ValueError(f"priced per {unit} but ordered in {source.unit}; state both in one unit")
        amount = read_decimal(condition.get("ConditionRateValue"))
        breaks = self._breaks(condition, scale, source, own, info)
        if breaks:
            amount, breaks = breaks[0].price, breaks[1:]
        per = read_decimal(condition.get("ConditionQuantity")) or Decimal(1)
        return Price(amount, condition.get("ConditionRateValueUnit") or source.currency, per, (None, None), breaks)

    def _breaks(
        self, condition: Entity, scale: Sequence[Entity], source: Source, own: PerUnit | None, info: Entity
    ) -> tuple[PriceBreak, ...]:
        """The scale's lines by quantity; the first one's price holds below it too."""
        if not scale:
            return ()
        record, basis = condition.get("ConditionRecord"), condition.get("PricingScaleBasis") or ""
        kind = condition.get("PricingScaleType") or ""
        if basis not in _BY_QUANTITY or kind not in _FROM | _TO:
            raise ValueError(f"the scale of condition {record} (basis {basis!r}, type {kind!r}) is not by quantity")
        lines = sorted(
            (self._scaled(line, source, own, info), read_decimal(line.get("ConditionRateValue"))) for line in scale
        )
        if kind in _TO:
            # Up to a quantity: the next price begins with the smallest quantity beyond it.
            step = Decimal(1).scaleb(-UNITS[source.unit].decimals)
            starts = [step, *(quantity + step for quantity, _ in lines[:-1])]
            lines = list(zip(starts, (price for _, price in lines), strict=True))
        least = Decimal(1).scaleb(-UNITS[source.unit].decimals)
        return tuple(PriceBreak(from_quantity=max(quantity, least), price=price) for quantity, price in lines)

    def _scaled(self, line: Entity, source: Source, own: PerUnit | None, info: Entity) -> Decimal:
        """The quantity of a scale's line in the order unit."""
        quantity, unit = read_decimal(line.get("ConditionScaleQuantity")), line.get("ConditionScaleQuantityUnit") or ""
        if not unit or self.units.from_sap(unit) == source.unit:
            return quantity
        if own is not None and unit == info.get("BaseUnit"):
            in_order_unit = Fraction(quantity) * Fraction(own[1]) / Fraction(own[0])
            if in_order_unit.denominator == 1:
                return Decimal(in_order_unit.numerator)
        raise ValueError(f"a price scale in {unit}, but ordered in {source.unit}; state both in one unit")

    def _called_off(self, source: Source, reference: tuple[str, str], records: MasterRecords) -> Source:
        """The source on the terms of an outline agreement. Raises ValueError where it can't be read."""
        number, item = reference
        contract = records.agreements.get(reference)
        if contract is None:
            raise ValueError(f"outline agreement {number}/{item} of the source list can't be read")
        head, terms = contract.head, contract.item
        sap_unit = terms.get("OrderQuantityUnit") or ""
        if self.units.from_sap(sap_unit) != source.unit:
            raise ValueError(f"outline agreement {number}/{item} is in {sap_unit}, the info record in {source.unit}")
        if (terms.get("OrderPriceUnit") or sap_unit) != sap_unit:
            raise ValueError(
                f"outline agreement {number}/{item} is priced per {terms['OrderPriceUnit']}, not {sap_unit}"
            )
        quantity, value = (
            read_decimal(terms.get("TargetQuantity")),
            read_decimal(head.get("PurchaseContractTargetAmount")),
        )
        first, last = _days(head.get("ValidityStartDate"), head.get("ValidityEndDate"))
        gone = head.get("PurchasingDocumentDeletionCode") or terms.get("PurchasingContractDeletionCode")
        lead_time = read_decimal(terms.get("PlannedDeliveryDurationInDays"))
        agreement = Agreement(
            number=number,
            item=int(item),
            valid_from=first,
            valid_to=last,
            quantity_left=max(Decimal(0), quantity - contract.called_off) if quantity else None,
            value_left=max(Decimal(0), value - contract.spent) if value else None,
        )
        return source.model_copy(
            update={
                "agreement": agreement,
                "price": read_decimal(terms.get("ContractNetPriceAmount")),
                "price_unit": read_decimal(terms.get("NetPriceQuantity")) or Decimal(1),
                "currency": head.get("DocumentCurrency") or source.currency,
                "lead_time_days": int(lead_time) or source.lead_time_days,
                "blocked": bool(gone),
            }
        )

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
        """The stock items of the bills of material with their days, scrap included; those that have ended are left out.

        On each day the first bill that is in force holds. Deleted items are not given to the supplier, nor by-products
        (a negative quantity), which come back. Raises UnknownUnit.
        """
        alive = [bom for bom in boms if not (bom.get("IsMarkedForDeletion") or bom.get("BOMIsToBeDeleted"))]
        alive.sort(key=lambda bom: bom.get("BillOfMaterialVariant") or "")
        found: list[Component] = []
        taken: list[Days] = []
        for bom in alive:
            days = _days(bom.get("HeaderValidityStartDate"), bom.get("HeaderValidityEndDate"))
            for free in _gaps(taken, within=days):
                found += self._given(bom, free, today)
            taken.append(days)
        return tuple(found)

    def _given(self, bom: Entity, days: Days, today: dt.date) -> Iterator[Component]:
        for one in rows(bom, "to_BillOfMaterialItem"):
            own = _both(days, _days(one.get("ValidityStartDate"), one.get("ValidityEndDate")))
            quantity = _with_scrap(one)
            if own is None or _is_gone(one) or one.get("BillOfMaterialItemCategory", _STOCK_ITEM) != _STOCK_ITEM:
                continue
            if quantity <= 0 or (own[1] is not None and own[1] < today):
                continue
            yield Component(
                item=one["BillOfMaterialComponent"],
                quantity=quantity,
                unit=self.units.from_sap(one.get("BillOfMaterialItemUnit", "")),
                per=read_decimal(bom.get("BOMHeaderQuantityInBaseUnit")) or Decimal(1),
                fixed=bool(one.get("FixedQuantity") or one.get("BOMItemHasFixedQuantity")),
                valid_from=own[0],
                valid_to=own[1],
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


# -- days


def _days(first: Any, last: Any) -> Days:
    """SAP's validity; a day before or after all others is how it says that there is no limit."""
    starts, ends = read_date(first), read_date(last)
    return (
        None if starts is None or starts <= FIRST_DAY else starts,
        None if ends is None or ends > LAST_DAY else max(ends, FIRST_DAY),
    )


def _both(one: Days, other: Days) -> Days | None:
    """The days that lie in both; None: there are none."""
    first = max((day for day in (one[0], other[0]) if day is not None), default=None)
    last = min((day for day in (one[1], other[1]) if day is not None), default=None)
    return None if first is not None and last is not None and last < first else (first, last)


def _gaps(taken: Iterable[Days], within: Days = (None, None)) -> list[Days]:
    """The days of a period that lie in no other one."""
    free = [within]
    for first, last in taken:
        left: list[Days] = []
        for days in free:
            before = None if first is None else _both(days, (None, first - dt.timedelta(days=1)))
            after = None if last is None else _both(days, (last + dt.timedelta(days=1), None))
            left += [part for part in (before, after) if part is not None]
        free = left
    return free


def _current(prices: Sequence[Price], today: dt.date) -> list[Price]:
    """The prices that have not ended; where all have, the last of them, so that it can be said when it ended."""
    lasting = [price for price in prices if price.days[1] is None or price.days[1] >= today]
    return lasting or sorted(prices, key=lambda price: price.days[1] or LAST_DAY)[-1:]


def _on_days(source: Source, days: Days) -> Source:
    return source.model_copy(update={"available_from": days[0], "available_to": days[1]})


def _listings(
    info: Entity, terms: Entity, source_list: Sequence[Entity], *, only_listed: bool, today: dt.date
) -> list[Listing]:
    """How the source list has the supplier, record by record; on the days of none, how the info record has it.

    Records that have ended are left out, except the last one of a supplier that has no other: it tells since when.
    """
    organization = terms.get("PurchasingOrganization")
    own = [
        record
        for record in source_list
        if record.get("Supplier") == info["Supplier"]
        and (record.get("PurchasingOrganization") or organization) == organization
    ]
    listed = [_listing(record) for record in own]
    lasting = [each for each in listed if each.days[1] is None or each.days[1] >= today]
    if only_listed:
        return lasting or sorted(listed, key=lambda each: each.days[1] or LAST_DAY)[-1:]
    rank = 4 if info.get("IsRegularSupplier") else 5
    free = [days for days in _gaps(each.days for each in lasting) if days[1] is None or days[1] >= today]
    return [*lasting, *(Listing(rank, 0, days) for days in free)]


def _listing(record: Entity) -> Listing:
    fixed = any(record.get(f"{what}IsFixed") for what in ("Supplier", "PurOutlineAgreement", "SourceOfSupply"))
    rank = 1 if fixed else 2 if (record.get("MRPSourcingControl") or "") in _FOR_PLANNING else 3
    number, item = record.get("PurchaseOutlineAgreement") or "", record.get("PurchaseOutlineAgreementItem") or ""
    return Listing(
        rank,
        int(record.get("SourceListRecord") or 0),
        _days(record.get("ValidityStartDate"), record.get("ValidityEndDate")),
        bool(record.get("SourceOfSupplyIsBlocked")),
        agreement_key(number, item) if number else None,
    )


def agreement_key(number: str, item: Any) -> tuple[str, str]:
    """Number and item of an outline agreement, however SAP pads the item."""
    return number, str(item).lstrip("0")


def _with_scrap(component: Entity) -> Decimal:
    scrap = read_decimal(component.get("ComponentScrapInPercent")) / 100
    quantity = read_decimal(component.get("BillOfMaterialItemQuantity")) * (1 + scrap)
    return quantity.quantize(_FINEST_COMPONENT, ROUND_UP)


def _terms_at(info: Entity, plant: str) -> Iterator[tuple[RouteKind, Entity]]:
    """For each route and purchasing organization, the plant's own terms, else the organization's for all plants."""
    for category, route in _ROUTES.items():
        usable: defaultdict[str, list[Entity]] = defaultdict(list)
        for terms in rows(info, "to_PurgInfoRecdOrgPlantData"):
            if (
                terms.get("Plant") in (plant, "", None)
                and not terms.get("IsMarkedForDeletion")
                and terms.get("PurchasingInfoRecordCategory", "0") == category
            ):
                usable[terms.get("PurchasingOrganization") or ""].append(terms)
        for organization in sorted(usable):
            yield route, min(usable[organization], key=lambda terms: not terms.get("Plant"))


def is_made_for_us(info: Entity, plant: str) -> bool:
    """Whether the record has terms for making the material from components that the plant provides."""
    return any(route is RouteKind.SUBCONTRACT for route, _ in _terms_at(info, plant))


def _is_gone(row: Entity) -> bool:
    return bool(row.get("IsDeleted") or row.get("ConditionScaleIsDeleted"))


def _out_of_use(info: Entity, supplier: Entity) -> bool:
    return bool(info.get("IsDeleted") or supplier.get("DeletionIndicator"))


def _unreadable(what: str, error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{what}: {'.'.join(map(str, first['loc']))} {first['input']!r}: {first['msg']}"
    return f"{what}: {error}"
