"""Tries what the adapter needs of an S/4HANA: its services' $metadata, a read of each, and the clock.

Decided here: which fields of which services the adapter can't do without. Those it only reads where they are there are
not named. A right to write can't be tried without writing: SAP answers the first write.
"""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from functools import partial

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
            *("PurchasingDocumentDeletionCode", "to_PurchaseOrderItem"),
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


class SapCheck:
    """Implements adapters.dialects.SystemCheckPort."""

    def __init__(self, http: httpx.AsyncClient, now: Callable[[], dt.datetime]) -> None:
        self._http = http
        self._now = now

    async def check(self) -> AsyncIterator[CheckResult]:
        """The clock first, since its answer also tells whether SAP is reached and the user logs on."""
        yield await tried("clock", self._clock)
        for service, used in USED.items():
            yield await tried(f"{service}: fields", partial(self._fields, service, used))
            some = next(iter(used))
            yield await tried(f"{service}: read", partial(self._read, service, some))

    async def _clock(self) -> CheckResult:
        service = next(iter(USED))
        response = await exchange(self._http, SYSTEM, "GET", f"{ROOT}/{service}/?$format=json", writes=False)
        return clock(response, self._now())

    async def _fields(self, service: str, used: Mapping[str, Collection[str]]) -> str:
        url = f"{ROOT}/{service}/$metadata"
        headers = {"Accept": "application/xml"}
        response = await exchange(self._http, SYSTEM, "GET", url, writes=False, headers=headers)
        try:
            absent = missing(fields_of(response.content), used)
        except ValueError as error:
            raise PermanentError(SYSTEM, f"GET {url}: {error}; check the base URL") from error
        if absent:
            step = "activate the release of the service that has them, or extend it"
            raise PermanentError(SYSTEM, f"{service} lacks {', '.join(absent)}; {step}")
        return f"{sum(map(len, used.values()))} fields used are there"

    async def _read(self, service: str, entity_set: str) -> str:
        url = f"{ROOT}/{service}/{entity_set}?$top=1&$format=json"
        await exchange(self._http, SYSTEM, "GET", url, writes=False)
        return f"{entity_set} can be read"


__all__ = ["USED", "SapCheck"]
