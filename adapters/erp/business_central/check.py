"""Tries what the adapter needs of a Business Central: the log-on, the company, the API's fields, a read of each, clock.

Decided here: which fields of which pages the adapter can't do without. A right to write can't be tried without writing.
"""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from functools import partial

import httpx

from adapters.checking import clock, fields_of, missing, tried
from adapters.dialects import CheckResult
from adapters.erp.business_central.api import STANDARD, CompanyApi
from adapters.erp.business_central.documents import page_path
from adapters.erp.business_central.settings import CentralSettings
from adapters.errors import PermanentError
from adapters.http import exchange

USED: Mapping[str, Collection[str]] = {
    "purchaseOrders": (
        *("id", "number", "orderDate", "vendorNumber", "currencyCode", "status", "lastModifiedDateTime"),
        "purchaseOrderLines",
    ),
    "purchaseOrderLines": (
        *("id", "sequence", "lineType", "lineObjectNumber", "description", "description2", "unitOfMeasureCode"),
        *("quantity", "directUnitCost", "expectedReceiptDate", "receivedQuantity", "locationId"),
    ),
    "purchaseReceipts": ("number", "orderNumber", "postingDate"),
    "items": ("number", "displayName", "baseUnitOfMeasureCode", "blocked"),
    "vendors": ("number", "displayName", "blocked"),
    "unitsOfMeasure": ("code", "internationalStandardCode"),
    "locations": ("id", "code"),
}
"""By entity set of API v2.0."""
EXTENSION: Mapping[str, Collection[str]] = {
    "purchaseOrders": ("id", "number", "vendorNumber", "purchaseOrderLines"),
    "itemVendors": ("itemNumber", "vendorNumber", "directUnitCost", "leadTimeCalculation"),
}


class BusinessCentralCheck:
    """Implements adapters.dialects.SystemCheckPort."""

    def __init__(
        self, http: httpx.AsyncClient, settings: CentralSettings, system: str, now: Callable[[], dt.datetime]
    ) -> None:
        self._http, self._settings, self._system, self._now = http, settings, system, now
        self._api = CompanyApi(http, system, settings.company, at_once=settings.at_once)

    async def check(self) -> AsyncIterator[CheckResult]:
        """The clock first, since its answer also tells whether the environment is reached and the log-on holds."""
        yield await tried("clock", self._clock)
        yield await tried("company", self._company)
        yield await tried("API v2.0: fields", lambda: self._fields(STANDARD, USED))
        for name in USED:
            if name != "purchaseOrderLines":  # these are read with a document only
                yield await tried(f"{name}: read", partial(self._read, self._api.path(name)))
        if self._settings.extension:
            own = {**EXTENSION, "purchaseOrders": (*EXTENSION["purchaseOrders"], self._settings.reference_field)}
            yield await tried("extension: fields", lambda: self._fields(self._settings.extension, own))
            yield await tried(
                "extension: read", lambda: self._read(self._api.path("purchaseOrders", self._settings.extension))
            )
        if self._settings.reference_in == "page":
            yield await tried("page: read", lambda: self._read(page_path(self._settings)))

    async def _clock(self) -> CheckResult:
        answer = await exchange(self._http, self._system, "GET", f"{STANDARD}/companies", writes=False)
        return clock(answer, self._now())

    async def _company(self) -> str:
        rows = await self._api.read(f"{STANDARD}/companies")
        for row in rows:
            if str(row.get("id")).lower() == self._settings.company.lower():
                return str(row.get("displayName") or row.get("name"))
        there = ", ".join(f"{row.get('name')} = {row.get('id')}" for row in rows[:10])
        raise PermanentError(self._system, f"there is no company {self._settings.company}; there are: {there}")

    async def _fields(self, api: str, used: Mapping[str, Collection[str]]) -> str:
        answer = await self._api.metadata(api)
        try:
            absent = missing(fields_of(answer.content), used)
        except ValueError as error:
            raise PermanentError(self._system, f"$metadata of {api}: {error}") from error
        if absent:
            raise PermanentError(self._system, f"{api} lacks {', '.join(absent)}; compare its version")
        return f"{sum(map(len, used.values()))} fields"

    async def _read(self, path: str) -> str:
        return f"{len(await self._api.read(path, top='1'))} row read"
