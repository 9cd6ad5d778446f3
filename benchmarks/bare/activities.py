"""The external calls, one activity each, in plain httpx: the same addresses and bodies as the adapters write."""

import asyncio
import datetime as dt
from typing import Any

import httpx
from temporalio import activity

from benchmarks.bare.words import Confirmed, Coverage, Need, Ordered
from benchmarks.trade import CURRENCY, GROUP, PRICE

_ROOT = "/erp/sap/opu/odata/sap"
_REQUISITIONS = f"{_ROOT}/API_PURCHASEREQ_PROCESS_SRV"
_ORDERS = f"{_ROOT}/API_PURCHASEORDER_PROCESS_SRV"


class Activities:
    """The counterparts, over one HTTP client."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._tokens: dict[str, str] = {}
        self._fetching = asyncio.Lock()

    @activity.defn
    async def find_requisition(self, need: Need) -> list[str]:
        """The existing requisitions of the need."""
        where = f"PurReqnExternalReference eq '{need.reference}'"
        found = await self._read(_REQUISITIONS, "A_PurchaseRequisitionItem", {"$filter": where})
        return [item["PurchaseRequisition"] for item in found]

    @activity.defn
    async def find_order(self, need: Need) -> list[str]:
        """The existing orders of the need."""
        where = {"$filter": f"CorrespncExternalReference eq '{need.reference}'", "$expand": "to_PurchaseOrderItem"}
        return [order["PurchaseOrder"] for order in await self._read(_ORDERS, "A_PurchaseOrder", where)]

    @activity.defn
    async def read_order(self, ordered: Ordered) -> bool:
        """Read the order's item with its schedule; returns whether it is delivered."""
        where = {"$filter": f"PurchaseOrder eq '{ordered.order}'", "$expand": "to_ScheduleLine"}
        [item] = await self._read(_ORDERS, "A_PurchaseOrderItem", where)
        return bool(item["IsCompletelyDelivered"])

    @activity.defn
    async def create_requisition(self, need: Need) -> str:
        """A requisition of one item; its number."""
        body = {
            "PurchaseRequisitionType": "NB",
            "PurReqnDescription": f"Bare {need.reference}",
            "to_PurchaseReqnItem": {
                "results": [
                    {
                        "PurchaseRequisitionItem": "00010",
                        "PurchaseRequisitionType": "NB",
                        "PurchaseRequisitionItemText": need.item,
                        "Material": need.item,
                        "MaterialGroup": GROUP,
                        "RequestedQuantity": need.quantity,
                        "BaseUnit": need.unit,
                        "DeliveryDate": _sap_date(need.required_date),
                        "Plant": need.plant,
                        "CompanyCode": need.plant,
                        "PurchasingOrganization": "1710",
                        "PurchasingGroup": "001",
                        "PurchaseRequisitionPrice": PRICE,
                        "PurReqnPriceQuantity": "1",
                        "PurReqnItemCurrency": CURRENCY,
                        "FixedSupplier": need.supplier,
                        "PurReqnExternalReference": need.reference,
                    }
                ]
            },
        }
        created = await self._erp(
            "POST", _REQUISITIONS, "A_PurchaseRequisitionHeader", body, f"{need.reference}/requisition"
        )
        number: str = created["d"]["PurchaseRequisition"]
        return number

    @activity.defn
    async def create_order(self, ordered: Ordered) -> str:
        """The order that the requisition is converted into; its number."""
        need = ordered.need
        origin = {"PurchaseRequisition": ordered.requisition, "PurchaseRequisitionItem": "00010"}
        body = {
            "PurchaseOrderType": "NB",
            "CompanyCode": need.plant,
            "PurchasingOrganization": "1710",
            "PurchasingGroup": "001",
            "Supplier": need.supplier,
            "DocumentCurrency": CURRENCY,
            "PurchaseOrderDate": _sap_date(dt.datetime.now(dt.UTC).date().isoformat()),
            "CorrespncExternalReference": need.reference,
            "to_PurchaseOrderItem": {
                "results": [
                    {
                        "PurchaseOrderItem": "00010",
                        "PurchaseOrderItemText": need.item,
                        "Plant": need.plant,
                        "Material": need.item,
                        "MaterialGroup": GROUP,
                        "OrderQuantity": need.quantity,
                        "PurchaseOrderQuantityUnit": need.unit,
                        "OrderPriceUnit": need.unit,
                        "NetPriceAmount": PRICE,
                        "NetPriceQuantity": "1",
                        **origin,
                        "to_ScheduleLine": {
                            "results": [
                                {
                                    "ScheduleLine": "0001",
                                    "ScheduleLineDeliveryDate": _sap_date(need.required_date),
                                    "ScheduleLineOrderQuantity": need.quantity,
                                    **origin,
                                }
                            ]
                        },
                    }
                ]
            },
        }
        created = await self._erp("POST", _ORDERS, "A_PurchaseOrder", body, f"{need.reference}/order")
        number: str = created["d"]["PurchaseOrder"]
        return number

    @activity.defn
    async def send_order(self, ordered: Ordered) -> None:
        """ORDERS to the EDI gateway."""
        need = ordered.need
        today, due = dt.datetime.now(dt.UTC).strftime("%Y%m%d"), need.required_date.replace("-", "")
        reference = need.reference
        segments = [
            f"UNB+UNOC:3+BARE+{need.supplier}+{today[2:]}:0000+{reference}",
            "UNH+1+ORDERS:D:96A:UN",
            f"BGM+220+{ordered.order}+9",
            f"DTM+137:{today}:102",
            f"RFF+ON:{ordered.order}::1",
            f"NAD+BY+{need.plant}::92",
            f"NAD+SU+{need.supplier}::92",
            f"CUX+2:{CURRENCY}:9",
            f"LIN+10++{need.item}:BP",
            f"QTY+21:{need.quantity}:{need.unit}",
            f"DTM+2:{due}:102",
            f"PRI+AAA:{PRICE}:::1:{need.unit}",
            "UNS+S",
            "CNT+2:1",
            "UNT+14+1",
            f"UNZ+1+{reference}",
        ]
        answer = await self._http.post(
            "/edi/messages",
            content=("'".join(segments) + "'").encode("iso8859-1"),
            headers={"Content-Type": "application/edifact", "Idempotency-Key": f"{reference}/send"},
        )
        answer.raise_for_status()

    @activity.defn
    async def write_confirmation(self, confirmed: Confirmed) -> None:
        """Write the supplier's promise to the order's schedule line."""
        order, answer = confirmed.ordered.order, confirmed.answer
        await self._erp(
            "MERGE",
            _ORDERS,
            f"A_PurchaseOrderScheduleLine(PurchasingDocument='{order}',PurchasingDocumentItem='00010',"
            "ScheduleLine='0001')",
            {
                "ScheduleLineDeliveryDate": _sap_date(answer.date),
                "ScheduleLineCommittedQuantity": answer.quantity,
            },
            f"{confirmed.ordered.need.reference}/confirmation",
        )

    @activity.defn
    async def write_delivery(self, ordered: Ordered) -> None:
        """The item is delivered."""
        await self._erp(
            "MERGE",
            _ORDERS,
            f"A_PurchaseOrderItem(PurchaseOrder='{ordered.order}',PurchaseOrderItem='00010')",
            {"IsCompletelyDelivered": True},
            f"{ordered.need.reference}/delivery",
        )

    @activity.defn
    async def write_coverage(self, coverage: Coverage) -> None:
        """The coverage of the requirement, to APS."""
        need = coverage.ordered.need
        answer = await self._http.put(
            f"/aps/coverage/{coverage.ordered.order}",
            json={
                "order": coverage.ordered.order,
                "plant": need.plant,
                "sequence": coverage.sequence,
                "asOf": coverage.as_of,
                "requirements": [
                    {
                        "demandReference": need.reference,
                        "scheduleLines": [
                            {"quantity": coverage.quantity, "date": coverage.date, "state": coverage.state}
                        ],
                    }
                ],
            },
            headers={"Idempotency-Key": f"{need.reference}/coverage-{coverage.sequence}"},
        )
        answer.raise_for_status()

    async def _read(self, service: str, entity_set: str, query: dict[str, str]) -> list[Any]:
        answer = await self._http.get(f"{service}/{entity_set}", params=query | {"$format": "json"})
        answer.raise_for_status()
        found: list[Any] = answer.json()["d"]["results"]
        return found

    async def _erp(self, method: str, service: str, path: str, body: Any, key: str) -> Any:
        """One write with the session's token; an expired token is fetched again, once."""
        for last in (False, True):
            token = self._tokens.get(service) or await self._token(service)
            answer = await self._http.request(
                method, f"{service}/{path}", json=body, headers={"X-CSRF-Token": token, "Idempotency-Key": key}
            )
            if answer.status_code == 403 and not last:
                self._tokens.pop(service, None)
                continue
            answer.raise_for_status()
            break
        return answer.json() if answer.content else None

    async def _token(self, service: str) -> str:
        async with self._fetching:
            if service not in self._tokens:
                answer = await self._http.get(f"{service}/", headers={"X-CSRF-Token": "Fetch"})
                answer.raise_for_status()
                self._tokens[service] = answer.headers["x-csrf-token"]
            return self._tokens[service]


def _sap_date(day: str) -> str:
    midnight = dt.datetime.combine(dt.date.fromisoformat(day), dt.time(), dt.UTC)
    return f"/Date({int(midnight.timestamp() * 1000)})/"
