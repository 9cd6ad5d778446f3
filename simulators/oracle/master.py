"""Master data as they are loaded in the control room, and as the resources show them."""

from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from simulators.keeping import Shelf
from simulators.oracle.wire import Row


class _Loaded(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SupplierLoad(_Loaded):
    """A supplier with its sites; `acknowledges`: orders wait for its acknowledgment once approved."""

    SupplierNumber: str
    Supplier: str
    sites: list[str] = Field(min_length=1)
    InactiveDate: date | None = None
    acknowledges: bool = False


class ItemLoad(_Loaded):
    """An item in the organizations that keep it."""

    ItemNumber: str
    organizations: list[str] = Field(min_length=1)
    ItemDescription: str = ""
    ItemClass: str = ""
    ItemStatusValue: str = "Active"
    PrimaryUOMValue: str = "Each"
    PurchasableFlag: bool = True
    PostProcessingDays: Decimal | None = None
    ProcessingDays: Decimal | None = None


class ApprovedSupplierLoad(_Loaded):
    """An entry of the approved supplier list; ShipToOrganization None: of all organizations."""

    Item: str
    SupplierNumber: str
    SupplierSite: str
    ProcurementBU: str
    ShipToOrganization: str | None = None
    Status: str = "Approved"
    DisableFlag: bool = False
    MinimumOrderQuantity: Decimal | None = None
    FixedLotMultiple: Decimal | None = None
    PurchasingUOM: str | None = None


class AgreementLineLoad(_Loaded):
    """A line of a blanket purchase agreement."""

    AgreementNumber: str
    LineNumber: Decimal = Decimal(1)
    Item: str
    SupplierNumber: str
    SupplierSite: str
    ProcurementBU: str
    UOM: str = "Each"
    UOMCode: str = "Ea"
    Price: Decimal
    CurrencyCode: str = "USD"
    StartDate: date | None = None
    EndDate: date | None = None
    ExpirationDate: date | None = None
    StatusCode: str = "OPEN"


class MasterDataLoad(_Loaded):
    """What is loaded at once; it is added to what is there."""

    organizations: dict[str, str] = {}
    """Names by code."""
    suppliers: list[SupplierLoad] = []
    items: list[ItemLoad] = []
    approved_suppliers: list[ApprovedSupplierLoad] = []
    agreement_lines: list[AgreementLineLoad] = []


class MasterData:
    """Oracle's master data."""

    def __init__(self, shelf: Shelf) -> None:
        self.organizations: dict[str, str] = {}
        """Names by code."""
        self.suppliers: dict[str, Row] = {}
        """By number; `sites` and `acknowledges` beside the attributes."""
        self.items: dict[tuple[str, str], Row] = {}
        """By organization and number."""
        self.approved: list[Row] = []
        self.agreements: list[Row] = []
        self._numbers = 300_000_000_000_000
        for part in ("organizations", "suppliers", "items", "approved", "agreements", "_numbers"):
            shelf.whole(f"master.{part}", lambda part=part: getattr(self, part), self._restore(part))  # type: ignore[misc]

    def _restore(self, part: str) -> Any:
        return lambda kept: setattr(self, part, kept)

    def load(self, load: MasterDataLoad) -> dict[str, int]:
        """Take it over; returns how much there is."""
        self.organizations |= load.organizations
        for supplier in load.suppliers:
            held = self.suppliers.get(supplier.SupplierNumber, {})
            self.suppliers[supplier.SupplierNumber] = {
                **supplier.model_dump(),
                "SupplierId": held.get("SupplierId") or self._next(),
            }
        for item in load.items:
            for organization in item.organizations:
                self.items[organization, item.ItemNumber] = {
                    **item.model_dump(exclude={"organizations"}),
                    "OrganizationCode": organization,
                    "ItemId": self._next(),
                }
        self.approved += [self._of_supplier(one.model_dump(), "AslId") for one in load.approved_suppliers]
        self.agreements += [self._of_supplier(one.model_dump(), "AgreementLineId") for one in load.agreement_lines]
        return {"items": len(self.items), "suppliers": len(self.suppliers), "approved": len(self.approved)}

    def _of_supplier(self, row: Row, key: str) -> Row:
        supplier = self.suppliers[row.pop("SupplierNumber")]
        scope = {"AslScopeCode": "LOCAL" if row.get("ShipToOrganization") else "GLOBAL"}
        return {
            **row,
            **scope,
            key: self._next(),
            "Supplier": supplier["Supplier"],
            "SupplierId": supplier["SupplierId"],
        }

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    def supplier(self, supplier_id: int | None) -> Row | None:
        """The supplier of this id."""
        return next((one for one in self.suppliers.values() if one["SupplierId"] == supplier_id), None)

    def agreement_of(self, item: str, supplier_id: int | None) -> Row | None:
        """The agreement line that orders of the item draw on, of this supplier or of any."""
        fits = (one for one in self.agreements if one["Item"] == item and supplier_id in (None, one["SupplierId"]))
        return next(fits, None)


__all__ = ["MasterData", "MasterDataLoad"]
