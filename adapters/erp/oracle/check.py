"""What `landscape check` shows of an Oracle instance: attributes, rights, one read a resource, the clock.

A resource's describe names its attributes; those that are used here are compared with it. Nothing is written.
"""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx

from adapters.checking import clock, tried
from adapters.dialects import CheckResult
from adapters.erp.oracle.rest import FRAMEWORK, ROOT, Fusion
from adapters.errors import PermanentError
from adapters.exact_json import loads
from adapters.http import exchange

USED: Mapping[str, str] = {
    "draftPurchaseOrders": "POHeaderId OrderNumber StatusCode Description ProcurementBU RequisitioningBU BuyerEmail "
    "CurrencyCode SupplierId SupplierSite ChangeOrderDescription ChangeOrderInitiatingParty ChangeOrderNumber",
    "draftPurchaseOrders.lines": "POLineId LineNumber Item Quantity UOMCode Price CancelFlag CancelReason "
    "CancelUnfulfilledDemandFlag",
    "draftPurchaseOrders.lines.schedules": "LineLocationId ScheduleNumber Quantity ShipToOrganizationCode StatusCode "
    "RequestedDeliveryDate PromisedDeliveryDate ReceivedQuantity DestinationTypeCode CancelFlag CancelReason",
    "purchaseOrders": "POHeaderId OrderNumber StatusCode Description LastUpdateDate",
    "purchaseOrders.lines": "POLineId LineNumber Item Price StatusCode",
    "purchaseOrders.lines.schedules": "LineLocationId ScheduleNumber Quantity StatusCode RequestedDeliveryDate "
    "PromisedDeliveryDate ReceivedQuantity ShipToOrganizationCode",
    "purchaseRequisitions": "Requisition",
    "purchaseRequisitions.lines": "PurchaseOrder LineStatus",
    "supplyRequests": "SupplyOrderReferenceNumber SupplyRequestStatus SupplyOrderReferenceId ProcessRequestFlag "
    "InterfaceSourceCode InterfaceBatchNumber SupplyRequestDate SupplyOrderSource",
    "supplyRequests.supplyRequestLines": "SupplyOrderReferenceLineNumber SupplyOrderReferenceLineId ItemNumber "
    "Quantity NeedByDate UOMCode SupplyType DestinationOrganizationCode SourceOrganizationCode SuggestedVendorId "
    "PreparerEmail DeliverToRequesterEmail",
    "supplyRequests.supplyRequestLines.errorMessages": "MessageName MessageText",
    "supplyRequests.supplyOrderLines.buySupply": "SupplyOrderReferenceLineNumber PurchaseOrderNumber "
    "PurchaseOrderLineNumber RequisitionNumber",
    "supplyRequests.supplyOrderLines.transferSupply": "SupplyOrderReferenceLineNumber TransferOrderNumber",
    "itemsV2": "ItemNumber OrganizationCode ItemDescription ItemClass ItemStatusValue PrimaryUOMValue PurchasableFlag "
    "PostProcessingDays ProcessingDays",
    "suppliers": "SupplierId SupplierNumber Supplier InactiveDate",
    "procurementApprovedSupplierListEntries": "AslId Item SupplierId SupplierSite ProcurementBU ShipToOrganization "
    "DisableFlag Status MinimumOrderQuantity FixedLotMultiple",
    "purchaseAgreementLines": "AgreementLineId Item SupplierId SupplierSite ProcurementBU UOMCode UOM Price "
    "CurrencyCode StartDate EndDate ExpirationDate StatusCode",
    "inventoryOrganizations": "OrganizationCode OrganizationName",
}
"""The attributes that are read or written, by resource or path of children."""


class OracleCheck:
    """Implements adapters.dialects.SystemCheckPort."""

    def __init__(self, http: httpx.AsyncClient, system: str, now: Callable[[], dt.datetime]) -> None:
        self._http = http
        self._system = system
        self._fusion = Fusion(http, system)
        self._now = now

    async def check(self) -> AsyncIterator[CheckResult]:
        """Describe and one read of every resource, then the clock."""
        for resource in (name for name in USED if "." not in name):
            yield await tried(f"{resource}: describe", lambda resource=resource: self._described(resource))  # type: ignore[misc]
            yield await tried(f"{resource}: read", lambda resource=resource: self._read(resource))  # type: ignore[misc]
        yield await tried("clock", self._clock)

    async def _described(self, resource: str) -> str | CheckResult:
        response = await self._get(f"{resource}/describe")
        try:
            resources = loads(response.content)["Resources"]
            there = dict(_attributes(resource, resources[resource]))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise PermanentError(self._system, f"{resource}/describe is none: {error!r}"[:300]) from error
        used = {path: set(names.split()) for path, names in USED.items() if path.partition(".")[0] == resource}
        absent = [f"{path}.{name}" for path in used for name in sorted(used[path] - there.get(path, frozenset()))]
        if absent:
            step = "this release names them otherwise, or the user may not see them"
            return CheckResult(f"{resource}: describe", "fault", f"without {', '.join(absent)[:400]}; {step}")
        return f"all {sum(map(len, used.values()))} attributes in use"

    async def _read(self, resource: str) -> str:
        response = await self._get(f"{resource}?limit=1&onlyData=true")
        rows = loads(response.content)
        return "one row" if isinstance(rows, dict) and rows.get("items") else "no row that the user may see"

    async def _clock(self) -> CheckResult:
        return clock(await self._get("suppliers?limit=1&onlyData=true"), self._now())

    async def _get(self, target: str) -> httpx.Response:
        headers = {"REST-Framework-Version": FRAMEWORK}
        return await exchange(self._http, self._system, "GET", f"{ROOT}/{target}", writes=False, headers=headers)


def _attributes(path: str, described: Mapping[str, Any]) -> list[tuple[str, frozenset[str]]]:
    own = frozenset(str(one["name"]) for one in described.get("attributes") or [])
    below = described.get("children") or {}
    return [(path, own), *(each for name, child in below.items() for each in _attributes(f"{path}.{name}", child))]


__all__ = ["USED", "OracleCheck"]
