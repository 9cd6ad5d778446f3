"""Tries what the adapter needs of an S/4HANA: its services' $metadata, a read of each, and the clock.

Decided here: which fields of which services the adapter can't do without. Those it only reads where they are there are
not named. A right to write can't be tried without writing: SAP answers the first write.
"""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import httpx

from adapters.checking import clock, fields_of, missing, tried
from adapters.dialects import CheckResult
from adapters.erp.sap.odata import ROOT, SYSTEM
from adapters.errors import PermanentError
from adapters.http import exchange

USED: Mapping[str, Mapping[str, Collection[str]]] = {
    "API_PURCHASEREQ_PROCESS_SRV": {
        "A_PurchaseRequisitionHeader": ("PurchaseRequisition", "PurchaseRequisitionType", "to_PurchaseReqnItem"),
        "A_PurchaseRequisitionItem": (
            *("PurchaseRequisition", "PurchaseRequisitionItem", "Material", "Plant", "RequestedQuantity", "BaseUnit"),
            *("DeliveryDate", "FixedSupplier", "PurReqnExternalReference", "RequirementTracking", "IsDeleted"),
        ),
    },
    "API_PURCHASEORDER_PROCESS_SRV": {
        "A_PurchaseOrder": (
            *("PurchaseOrder", "CompanyCode", "PurchaseOrderType", "Supplier", "PurchasingOrganization"),
            *("PurchasingGroup", "DocumentCurrency", "PurchaseOrderDate", "CorrespncInternalReference"),
            *("PurchasingDocumentDeletionCode", "ReleaseIsNotCompleted", "to_PurchaseOrderItem"),
        ),
        "A_PurchaseOrderItem": (
            *("PurchaseOrder", "PurchaseOrderItem", "Material", "Plant", "OrderQuantity", "PurchaseOrderQuantityUnit"),
            *("NetPriceAmount", "NetPriceQuantity", "PurchaseRequisition", "PurchaseRequisitionItem"),
            *("IsCompletelyDelivered", "PurchasingDocumentDeletionCode", "to_ScheduleLine"),
        ),
        "A_PurchaseOrderScheduleLine": (*("ScheduleLine", "ScheduleLineDeliveryDate", "ScheduleLineOrderQuantity"),),
    },
    "API_MATERIAL_DOCUMENT_SRV": {
        "A_MaterialDocumentItem": ("PurchaseOrder", "PurchaseOrderItem", "Material", "Plant", "GoodsMovementType"),
    },
    "API_PRODUCT_SRV": {
        "A_Product": ("Product", "BaseUnit", "to_Description", "to_ProductUnitsOfMeasure"),
        "A_ProductPlant": ("Product", "Plant", "to_ProductSupplyPlanning", "to_ProductPlantProcurement"),
    },
    "API_INFORECORD_PROCESS_SRV": {
        "A_PurchasingInfoRecord": ("PurchasingInfoRecord", "Supplier", "Material", "to_PurgInfoRecdOrgPlantData"),
        "A_PurgInfoRecdOrgPlantData": ("PurchasingInfoRecord", "PurchasingOrganization", "Plant", "to_PurgInfoRecd"),
    },
    "API_PURCHASING_SOURCE_SRV": {"A_PurchasingSource": ("Material", "Plant", "SourceListRecord", "Supplier")},
    "API_BUSINESS_PARTNER": {"A_Supplier": ("Supplier", "SupplierName")},
    "API_BILL_OF_MATERIAL_SRV;v=0002": {"MaterialBOM": ("BillOfMaterial", "Material", "Plant")},
    "API_PURCHASECONTRACT_PROCESS_SRV": {"A_PurchaseContract": ("PurchaseContract", "to_PurchaseContractItem")},
}
"""By service and entity set, the fields and navigations."""


class CheckedService(NamedTuple):
    """A service: its name in messages, its path, and by entity set the fields that are used."""

    name: str
    path: str
    used: Mapping[str, Collection[str]]


V2_SERVICES: Sequence[CheckedService] = tuple(
    CheckedService(name, f"{ROOT}/{name}", used) for name, used in USED.items()
)


class SapCheck:
    """Implements adapters.dialects.SystemCheckPort."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        now: Callable[[], dt.datetime],
        *,
        services: Sequence[CheckedService] = V2_SERVICES,
        system: str = SYSTEM,
    ) -> None:
        self._http = http
        self._now = now
        self._services = services
        self._system = system

    async def check(self) -> AsyncIterator[CheckResult]:
        """The clock first, since its answer also tells whether SAP is reached and the user logs on."""
        yield await tried("clock", self._clock)
        for service in self._services:
            yield await tried(f"{service.name}: fields", partial(self._fields, service))
            yield await tried(f"{service.name}: read", partial(self._read, service))

    async def _clock(self) -> CheckResult:
        response = await exchange(self._http, self._system, "GET", f"{self._services[0].path}/", writes=False)
        return clock(response, self._now())

    async def _fields(self, service: CheckedService) -> str:
        url = f"{service.path}/$metadata"
        headers = {"Accept": "application/xml"}
        response = await exchange(self._http, self._system, "GET", url, writes=False, headers=headers)
        try:
            absent = missing(fields_of(response.content), service.used)
        except ValueError as error:
            raise PermanentError(self._system, f"GET {url}: {error}; check the base URL") from error
        if absent:
            step = "activate the release of the service that has them, or extend it"
            raise PermanentError(self._system, f"{service.name} lacks {', '.join(absent)}; {step}")
        return f"{sum(map(len, service.used.values()))} fields used are there"

    async def _read(self, service: CheckedService) -> str:
        some = next(iter(service.used))
        await exchange(self._http, self._system, "GET", f"{service.path}/{some}?$top=1", writes=False)
        return f"{some} can be read"


__all__ = ["USED", "V2_SERVICES", "CheckedService", "SapCheck"]
