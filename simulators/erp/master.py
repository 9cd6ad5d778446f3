"""Master data: plants, materials, suppliers, info records, source lists, units; loaded whole, read by the services.

Decided here: the shape of POST /control/master-data and how it becomes rows of SAP's sets. A later load of the same key
replaces the earlier. Shape, with SAP's field names; what is not marked * may be left out:

plants        [{Plant*, CompanyCode*, PurchasingOrganization*}]
suppliers     [{Supplier*, SupplierName, PurchasingIsBlocked}]
products      [{Product*, Description, BaseUnit*, ProductGroup, plants: [{Plant*, GoodsReceiptDuration, PurchasingGroup,
              MinimumLotSizeQuantity, LotSizeRoundingQuantity, MaximumLotSizeQuantity, PlannedDeliveryDurationInDays,
              SafetyStockQuantity, MRPResponsible, ABCIndicator, ProfileCode, ProfileValidityStartDate}],
              units: [{AlternativeUnit*, QuantityNumerator*, QuantityDenominator}]}]; the profile code is the material's
              status at the plant, of which 01 blocks purchasing; so many alternative units (denominator) are so many
              base units (numerator)
boms          [{Material*, Plant*, BOMHeaderQuantityInBaseUnit, HeaderValidityStartDate, HeaderValidityEndDate, items:
              [{BillOfMaterialComponent*, BillOfMaterialItemQuantity* (negative: a by-product), BillOfMaterialItemUnit,
              FixedQuantity, IsDeleted, ComponentScrapInPercent, ValidityStartDate, ValidityEndDate,
              BillOfMaterialItemCategory}]}]: what a subcontractor is given
info_records  [{PurchasingInfoRecord*, Supplier*, Material*, PurchasingOrganization*, Plant*,
              PurchasingInfoRecordCategory (0 standard, 3 subcontracting), OrderUnit,
              MinimumPurchaseOrderQuantity, StandardPurchaseOrderQuantity, OrderQuantityRounding, MaximumOrderQuantity,
              MaterialPlannedDeliveryDurn, NetPriceAmount, Currency, MaterialPriceUnitQty, PurchaseOrderPriceUnit,
              PurchasingGroup, SupplierMaterialNumber, preference, OrderItemQtyToBaseQtyNmrtr,
              OrderItemQtyToBaseQtyDnmntr, AvailabilityStartDate, AvailabilityEndDate, PriceValidityEndDate, prices:
              [{ConditionRateValue*, ConditionValidityStartDate, ConditionValidityEndDate, PricingScaleBasis (C),
              PricingScaleType (A), scale: [{ConditionScaleQuantity*, ConditionRateValue*}]}]}]; several plants may
              share a record's number; without a conversion the material's holds
source_list   [{Material*, Plant*, Supplier*, PurchasingOrganization, ValidityStartDate, ValidityEndDate,
              SupplierIsFixed, PurOutlineAgreementIsFixed, SourceOfSupplyIsBlocked, MRPSourcingControl,
              PurchaseOutlineAgreement, PurchaseOutlineAgreementItem}]: in the order of their numbers; without any for a
              material at a plant, its info records are listed by preference, the first as fixed
contracts     [{PurchaseContract*, Supplier*, PurchasingOrganization*, DocumentCurrency*, ValidityStartDate,
              ValidityEndDate, PurchaseContractTargetAmount, items: [{PurchaseContractItem*, Material*, Plant,
              OrderQuantityUnit*, ContractNetPriceAmount*, NetPriceQuantity, TargetQuantity}]}]
stocks        [{Material*, Plant*, MatlWrhsStkQtyInMatlBaseUnit*, StorageLocation, Batch, InventoryStockType (01),
              InventorySpecialStockType, Supplier, SDDocument, SDDocumentItem}]: in base units; they replace those of
              the same material at the plant
units         [{code*, decimals}], beside those known from the start

Quantities and amounts are texts or numbers.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from pydantic import BaseModel, ConfigDict

from simulators.erp.master_tables import BOMS, CONTRACTS, INFO_RECORDS, PARTNERS, PRODUCTS, SOURCES, STOCKS
from simulators.erp.query import FOUND_BY
from simulators.erp.tables import SETS
from simulators.erp.wire import Row, blank

_UNITS = "PC EA PAA SET DZ BOX CAR PAC BAG BT CAN PAL ROL G KG TO LB OZ MM CM M IN FT M2 CM2 ML L M3 GAL HR DAY".split()  # noqa: SIM905


_BLOCKING = frozenset({"01"})


class _Loaded(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Plant(_Loaded):
    """A plant and what it belongs to."""

    Plant: str
    CompanyCode: str
    PurchasingOrganization: str


class Supplier(_Loaded):
    """A supplier."""

    Supplier: str
    SupplierName: str = ""
    PurchasingIsBlocked: bool = False


class ProductAtPlant(_Loaded):
    """A material as a plant keeps it."""

    Plant: str
    PurchasingGroup: str = ""
    GoodsReceiptDuration: Decimal = Decimal(0)
    MinimumLotSizeQuantity: Decimal = Decimal(0)
    LotSizeRoundingQuantity: Decimal = Decimal(0)
    MaximumLotSizeQuantity: Decimal = Decimal(0)
    FixedLotSizeQuantity: Decimal = Decimal(0)
    PlannedDeliveryDurationInDays: Decimal = Decimal(0)
    SafetyStockQuantity: Decimal = Decimal(0)
    MRPType: str = "PD"
    MRPResponsible: str = ""
    ProcurementType: str = "F"
    ABCIndicator: str = ""
    ProfileCode: str = ""
    ProfileValidityStartDate: date | None = None

    def blocked_on(self, day: date) -> bool:
        """Whether its status lets nobody purchase it."""
        starts = self.ProfileValidityStartDate
        return self.ProfileCode in _BLOCKING and (starts is None or starts <= day)


class AlternativeUnit(_Loaded):
    """`QuantityDenominator` of the unit are `QuantityNumerator` base units."""

    AlternativeUnit: str
    QuantityNumerator: Decimal
    QuantityDenominator: Decimal = Decimal(1)


class Product(_Loaded):
    """A material."""

    Product: str
    Description: str = ""
    BaseUnit: str
    ProductGroup: str = ""
    ProductType: str = "ROH"
    plants: list[ProductAtPlant] = []
    units: list[AlternativeUnit] = []


class BomItem(_Loaded):
    """A component of a bill of materials."""

    BillOfMaterialComponent: str
    BillOfMaterialItemQuantity: Decimal
    BillOfMaterialItemUnit: str = ""
    BillOfMaterialItemCategory: str = "L"
    FixedQuantity: bool = False
    IsDeleted: bool = False
    ComponentScrapInPercent: Decimal = Decimal(0)
    ValidityStartDate: date = date(2000, 1, 1)
    ValidityEndDate: date = date(9999, 12, 31)


class Bom(_Loaded):
    """What a material is made of at a plant."""

    Material: str
    Plant: str
    BOMHeaderQuantityInBaseUnit: Decimal = Decimal(1)
    HeaderValidityStartDate: date = date(2000, 1, 1)
    HeaderValidityEndDate: date = date(9999, 12, 31)
    items: list[BomItem] = []

    def given(self, quantity: Decimal, day: date) -> list[tuple[BomItem, Fraction]]:
        """The stock items in force that are given to a supplier for so many base units, scrap included."""
        if not self.HeaderValidityStartDate <= day <= self.HeaderValidityEndDate:
            return []
        return [
            (
                item,
                Fraction(item.BillOfMaterialItemQuantity)
                * (1 + Fraction(item.ComponentScrapInPercent) / 100)
                * (1 if item.FixedQuantity else Fraction(quantity) / Fraction(self.BOMHeaderQuantityInBaseUnit)),
            )
            for item in self.items
            if item.BillOfMaterialItemCategory == "L"
            and not item.IsDeleted
            and item.BillOfMaterialItemQuantity > 0
            and item.ValidityStartDate <= day <= item.ValidityEndDate
        ]


class ScaleLine(_Loaded):
    """The price from (or up to) a quantity, in the order unit."""

    ConditionScaleQuantity: Decimal
    ConditionRateValue: Decimal


class PriceCondition(_Loaded):
    """A price and the order dates for which it holds."""

    ConditionRateValue: Decimal = Decimal(0)
    ConditionValidityStartDate: date = date(2000, 1, 1)
    ConditionValidityEndDate: date = date(9999, 12, 31)
    PricingScaleBasis: str = "C"
    PricingScaleType: str = "A"
    scale: list[ScaleLine] = []


class SourceListRecord(_Loaded):
    """A record of the source list."""

    Material: str
    Plant: str
    Supplier: str
    PurchasingOrganization: str = ""
    ValidityStartDate: date = date(2000, 1, 1)
    ValidityEndDate: date = date(9999, 12, 31)
    SupplierIsFixed: bool = False
    PurOutlineAgreementIsFixed: bool = False
    SourceOfSupplyIsBlocked: bool = False
    MRPSourcingControl: str = "1"
    PurchaseOutlineAgreement: str = ""
    PurchaseOutlineAgreementItem: int = 0


class ContractItem(_Loaded):
    """An item of an outline agreement."""

    PurchaseContractItem: int
    Material: str
    Plant: str = ""
    OrderQuantityUnit: str
    ContractNetPriceAmount: Decimal
    NetPriceQuantity: Decimal = Decimal(1)
    TargetQuantity: Decimal = Decimal(0)
    PlannedDeliveryDurationInDays: Decimal = Decimal(0)
    PurchasingContractDeletionCode: str = ""


class Contract(_Loaded):
    """An outline agreement."""

    PurchaseContract: str
    Supplier: str
    PurchasingOrganization: str
    DocumentCurrency: str
    ValidityStartDate: date = date(2000, 1, 1)
    ValidityEndDate: date = date(9999, 12, 31)
    PurchaseContractTargetAmount: Decimal = Decimal(0)
    PurchasingDocumentDeletionCode: str = ""
    items: list[ContractItem] = []


class InfoRecord(_Loaded):
    """A supplier's terms for a material at a plant; `preference` 1 is the first source."""

    PurchasingInfoRecord: str
    Supplier: str
    Material: str
    PurchasingOrganization: str
    Plant: str
    PurchasingInfoRecordCategory: str = "0"
    PurchasingGroup: str = ""
    OrderUnit: str = ""
    MinimumPurchaseOrderQuantity: Decimal = Decimal(0)
    StandardPurchaseOrderQuantity: Decimal = Decimal(0)
    OrderQuantityRounding: Decimal = Decimal(0)
    MaximumOrderQuantity: Decimal = Decimal(0)
    MaterialPlannedDeliveryDurn: Decimal = Decimal(0)
    NetPriceAmount: Decimal = Decimal(0)
    Currency: str = ""
    MaterialPriceUnitQty: Decimal = Decimal(1)
    PurchaseOrderPriceUnit: str = ""
    SupplierMaterialNumber: str = ""
    preference: int = 1
    OrderItemQtyToBaseQtyNmrtr: Decimal = Decimal(0)
    OrderItemQtyToBaseQtyDnmntr: Decimal = Decimal(0)
    AvailabilityStartDate: date | None = None
    AvailabilityEndDate: date | None = None
    PriceValidityEndDate: date | None = None
    prices: list[PriceCondition] = []


class Stock(_Loaded):
    """A quantity of a material, by where and what kind of stock it is."""

    Material: str
    Plant: str
    MatlWrhsStkQtyInMatlBaseUnit: Decimal
    StorageLocation: str = ""
    Batch: str = ""
    InventoryStockType: str = "01"
    InventorySpecialStockType: str = ""
    Supplier: str = ""
    SDDocument: str = ""
    SDDocumentItem: str = "0"


class Unit(_Loaded):
    """A unit of measure beside those known from the start."""

    code: str
    decimals: int = 3


class MasterDataLoad(_Loaded):
    """The body of POST /control/master-data."""

    plants: list[Plant] = []
    suppliers: list[Supplier] = []
    products: list[Product] = []
    info_records: list[InfoRecord] = []
    units: list[Unit] = []
    boms: list[Bom] = []
    source_list: list[SourceListRecord] = []
    contracts: list[Contract] = []
    stocks: list[Stock] = []


@dataclass
class MasterData:
    """What is loaded, and the rows that the services show of it."""

    plants: dict[str, Plant] = field(default_factory=dict)
    suppliers: dict[str, Supplier] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    at_plant: dict[tuple[str, str], ProductAtPlant] = field(default_factory=dict)
    info_records: dict[tuple[str, ...], InfoRecord] = field(default_factory=dict)
    """By number, category, purchasing organization and plant."""
    boms: dict[tuple[str, str], Bom] = field(default_factory=dict)
    source_list: dict[tuple[str, str], list[SourceListRecord]] = field(default_factory=dict)
    contracts: dict[str, Contract] = field(default_factory=dict)
    stocks: dict[tuple[str, str], list[Stock]] = field(default_factory=dict)
    units: set[str] = field(default_factory=lambda: set(_UNITS))
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._build()

    @property
    def purchasing_organizations(self) -> set[str]:
        """Those that some plant belongs to."""
        return {plant.PurchasingOrganization for plant in self.plants.values()}

    @property
    def info_record_numbers(self) -> set[str]:
        """The numbers of all info records."""
        return {number for number, *_ in self.info_records}

    def load(self, load: MasterDataLoad) -> dict[str, int]:
        """Take over what is sent; returns how many of each are known now."""
        self.plants.update({each.Plant.upper(): each for each in load.plants})
        self.suppliers.update({each.Supplier.upper(): each for each in load.suppliers})
        for product in load.products:
            number = product.Product.upper()
            self.products[number] = product
            self.at_plant.update({(number, each.Plant.upper()): each for each in product.plants})
        for record in load.info_records:
            key = (record.PurchasingInfoRecordCategory, record.PurchasingOrganization, record.Plant)
            self.info_records[record.PurchasingInfoRecord, *key] = record
        self.boms.update({(each.Material.upper(), each.Plant.upper()): each for each in load.boms})
        listed: defaultdict[tuple[str, str], list[SourceListRecord]] = defaultdict(list)
        for each in load.source_list:
            listed[each.Material.upper(), each.Plant.upper()].append(each)
        self.source_list.update(listed)
        self.contracts.update({each.PurchaseContract.upper(): each for each in load.contracts})
        kept: defaultdict[tuple[str, str], list[Stock]] = defaultdict(list)
        for stock in load.stocks:
            kept[stock.Material.upper(), stock.Plant.upper()].append(stock)
        self.stocks.update(kept)
        self.units.update(each.code for each in load.units)
        self._build()
        return {
            "plants": len(self.plants),
            "suppliers": len(self.suppliers),
            "products": len(self.products),
            "info_records": len(self.info_records),
            "units": len(self.units),
            "boms": len(self.boms),
        }

    def find(self, set_name: str, equal: Mapping[str, Any]) -> list[Row]:
        """Return the rows of a set; where `equal` names a product, material or supplier, of that one only; where it
        names several in a frozenset, of those.
        """
        name = next((each for each in FOUND_BY if each in equal), None)
        if name is None:
            return self.rows[set_name]
        found = self._found_by.get((set_name, name))
        if found is None:
            found = self._found_by[set_name, name] = defaultdict(list)
            for row in self.rows[set_name]:
                found[row[name]].append(row)
        if isinstance(equal[name], frozenset):
            return [row for value in found if value in equal[name] for row in found[value]]
        return found.get(equal[name], [])

    def _build(self) -> None:
        self._found_by: dict[tuple[str, str], dict[Any, list[Row]]] = {}
        read_only = (INFO_RECORDS, SOURCES, CONTRACTS, PRODUCTS, PARTNERS, BOMS, STOCKS)
        self.rows = {name: [] for service in read_only for name in service.sets}
        for supplier in self.suppliers.values():
            self._add("A_Supplier", supplier.model_dump(), SupplierAccountGroup="SUPL")
        for product in self.products.values():
            self._add_product(product)
        for (product_number, _), at_plant in self.at_plant.items():
            self._add_product_plant(self.products[product_number], at_plant)
        self._add_info_records()
        self._add_sources()
        for number, bom in enumerate(self.boms.values(), start=1):
            self._add_bom(f"{number:08d}", bom)
        self._add_stocks()
        for contract in self.contracts.values():
            self._add("A_PurchaseContract", contract.model_dump(exclude={"items"}), PurchaseContractType="MK")
            head = {"PurchaseContract": contract.PurchaseContract, "DocumentCurrency": contract.DocumentCurrency}
            for item in contract.items:
                self._add(
                    "A_PurchaseContractItem", {**item.model_dump(), **head}, OrderPriceUnit=item.OrderQuantityUnit
                )

    def _add(self, set_name: str, values: Mapping[str, Any], **more: Any) -> None:
        fields = SETS[set_name].fields
        row = blank(SETS[set_name])
        for name, value in {**values, **more}.items():
            if name in fields:
                row[name] = value.upper() if fields[name].upper and isinstance(value, str) else value
        self.rows[set_name].append(row)

    def _add_product(self, product: Product) -> None:
        values = product.model_dump()
        self._add("A_Product", values)
        self._add("A_ProductDescription", values, Language="EN", ProductDescription=product.Description[:40])
        itself = AlternativeUnit(AlternativeUnit=product.BaseUnit, QuantityNumerator=Decimal(1))
        for unit in (itself, *product.units):
            more = {"Product": product.Product, "BaseUnit": product.BaseUnit}
            self._add("A_ProductUnitsOfMeasure", {**unit.model_dump(), **more})

    def _add_stocks(self) -> None:
        units = {material: self.products[material].BaseUnit for material, _ in self.stocks if material in self.products}
        for material, unit in units.items():
            self._add("A_MaterialStock", {"Material": material, "MaterialBaseUnit": unit})
        for (material, _), stocks in self.stocks.items():
            for stock in stocks:
                self._add("A_MatlStkInAcctMod", stock.model_dump(), MaterialBaseUnit=units.get(material, ""))

    def _add_product_plant(self, product: Product, at_plant: ProductAtPlant) -> None:
        values = {**at_plant.model_dump(), "Product": product.Product, "BaseUnit": product.BaseUnit}
        self._add("A_ProductPlant", values)
        self._add("A_ProductSupplyPlanning", values, LotSizingProcedure="EX")
        self._add("A_ProductPlantProcurement", values, IsAutoPurOrdCreationAllowed=True, IsSourceListRequired=True)

    def _add_info_records(self) -> None:
        heads: set[str] = set()
        for record in self.info_records.values():
            product = self.products.get(record.Material.upper())
            base_unit = product.BaseUnit if product else ""
            unit = record.OrderUnit or record.PurchaseOrderPriceUnit or base_unit
            values = {
                **record.model_dump(),
                "MaterialGroup": product.ProductGroup if product else "",
                "BaseUnit": base_unit,
                "PurgDocOrderQuantityUnit": unit,
                "PurchaseOrderPriceUnit": record.PurchaseOrderPriceUnit or unit,
                "IsRelevantForAutomSrcg": "X",
                "YY1_OrderMultiple_PIR": record.OrderQuantityRounding,
                "IsRegularSupplier": record.preference == 1,
                **self._content(record, product, unit),
            }
            if record.PurchasingInfoRecord not in heads:
                heads.add(record.PurchasingInfoRecord)
                self._add("A_PurchasingInfoRecord", values)
            self._add("A_PurgInfoRecdOrgPlantData", values)
            for number, price in enumerate(record.prices, start=1):
                self._add_price(f"{len(self.rows['A_PurInfoRecdPrcgCndn']) + 1:010d}", record, values, price, number)

    def _content(self, record: InfoRecord, product: Product | None, unit: str) -> dict[str, Decimal]:
        """So many base units (numerator) are so many order units; the material's own where none is stated."""
        numerator, denominator = record.OrderItemQtyToBaseQtyNmrtr, record.OrderItemQtyToBaseQtyDnmntr
        if not numerator * denominator:
            known = next((each for each in product.units if each.AlternativeUnit == unit), None) if product else None
            numerator = known.QuantityNumerator if known else Decimal(1)
            denominator = known.QuantityDenominator if known else Decimal(1)
        return {"OrderItemQtyToBaseQtyNmrtr": numerator, "OrderItemQtyToBaseQtyDnmntr": denominator}

    def _add_price(
        self, condition: str, record: InfoRecord, terms: Mapping[str, Any], price: PriceCondition, number: int
    ) -> None:
        unit = terms["PurchaseOrderPriceUnit"]
        values = {
            **terms,
            **price.model_dump(exclude={"scale"}),
            "ConditionRecord": condition,
            "ConditionSequentialNumber": f"{number:02d}",
            "ConditionApplication": "M",
            "ConditionType": "PPR0",
            "ConditionCalculationType": "C",
            "ConditionRateValueUnit": record.Currency,
            "ConditionQuantity": record.MaterialPriceUnitQty,
            "ConditionQuantityUnit": unit,
        }
        self._add("A_PurInfoRecdPrcgCndnValidity", values)
        self._add("A_PurInfoRecdPrcgCndn", values)
        for place, line in enumerate(price.scale, start=1):
            own = {"ConditionScaleLine": f"{place:04d}", "ConditionScaleQuantityUnit": unit}
            self._add("A_PurInfoRecdPrcgCndnScale", {**values, **line.model_dump(), **own})

    def _add_sources(self) -> None:
        """The source list: as loaded, else numbered by preference within material and plant."""
        for entries in self.source_list.values():
            for place, entry in enumerate(entries, start=1):
                self._add("A_PurchasingSource", entry.model_dump(), SourceListRecord=place)
        numbered: dict[tuple[str, str], int] = {}
        for record in sorted(self.info_records.values(), key=lambda each: (each.preference, each.Supplier)):
            where = (record.Material.upper(), record.Plant.upper())
            if where in self.source_list:
                continue
            numbered[where] = numbered.get(where, 0) + 1
            self._add(
                "A_PurchasingSource",
                record.model_dump(),
                SourceListRecord=numbered[where],
                SupplierIsFixed=numbered[where] == 1,
                MRPSourcingControl="1",
                OrderQuantityUnit=record.OrderUnit or record.PurchaseOrderPriceUnit,
            )

    def _add_bom(self, number: str, bom: Bom) -> None:
        product = self.products.get(bom.Material.upper())
        values = {
            **bom.model_dump(exclude={"items"}),
            "BillOfMaterial": number,
            "BillOfMaterialCategory": "M",
            "BillOfMaterialVariant": "1",
            "BillOfMaterialVariantUsage": "1",
            "BOMHeaderBaseUnit": product.BaseUnit if product else "",
        }
        self._add("MaterialBOM", values)
        for position, item in enumerate(bom.items, start=1):
            used = self.products.get(item.BillOfMaterialComponent.upper())
            unit = item.BillOfMaterialItemUnit or (used.BaseUnit if used else "")
            own = {"BillOfMaterialItemUnit": unit, "BillOfMaterialItemNumber": f"{position * 10:04d}"}
            self._add(
                "MaterialBOMItem", {**values, **item.model_dump(), **own, "BillOfMaterialItemNodeNumber": position}
            )
