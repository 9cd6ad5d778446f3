"""A plain OData caller for the ERP simulator's tests: raw HTTP, nothing of the product's."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

import httpx

from simulators.erp import create
from simulators.faults import InProcessTransport, Simulator

PR = "/sap/opu/odata/sap/API_PURCHASEREQ_PROCESS_SRV"
PO = "/sap/opu/odata/sap/API_PURCHASEORDER_PROCESS_SRV"
TODAY = datetime.now(UTC).date()

MASTER_DATA: dict[str, Any] = {
    "plants": [
        {"Plant": "1710", "CompanyCode": "1700", "PurchasingOrganization": "1710"},
        {"Plant": "1720", "CompanyCode": "1720", "PurchasingOrganization": "1720"},
    ],
    "suppliers": [
        {"Supplier": "17300001", "SupplierName": "Litware, Inc."},
        {"Supplier": "17300002", "SupplierName": "Norstan"},
        {"Supplier": "17300009", "SupplierName": "Gone", "PurchasingIsBlocked": True},
    ],
    "products": [
        {
            "Product": "CN-6137",
            "Description": "Chainring nut",
            "BaseUnit": "EA",
            "ProductGroup": "L002",
            "plants": [
                {"Plant": "1710", "GoodsReceiptDuration": 2, "PurchasingGroup": "001", "LotSizeRoundingQuantity": 5}
            ],
        },
        {"Product": "CB-2903", "Description": "Chainring bolt", "BaseUnit": "EA", "plants": [{"Plant": "1710"}]},
    ],
    "info_records": [
        {
            "PurchasingInfoRecord": "5300000001",
            "Supplier": "17300001",
            "Material": "CN-6137",
            "PurchasingOrganization": "1710",
            "Plant": "1710",
            "OrderUnit": "EA",
            "MinimumPurchaseOrderQuantity": "20",
            "OrderQuantityRounding": "10",
            "MaximumOrderQuantity": "500",
            "MaterialPlannedDeliveryDurn": 17,
            "NetPriceAmount": "1.5",
            "Currency": "USD",
            "preference": 2,
        },
        {
            "PurchasingInfoRecord": "5300000002",
            "Supplier": "17300002",
            "Material": "CN-6137",
            "PurchasingOrganization": "1710",
            "Plant": "1710",
            "OrderUnit": "EA",
            "MaterialPlannedDeliveryDurn": 19,
            "NetPriceAmount": "1.4",
            "Currency": "USD",
            "preference": 1,
        },
    ],
}


def sap_date(day: date) -> str:
    return f"/Date({int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)})/"


def in_days(days: int) -> str:
    return sap_date(TODAY + timedelta(days=days))


class Caller:
    """Logs on, fetches the token once, calls."""

    def __init__(self, simulator: Simulator, timeout: float = 5) -> None:
        self.simulator = simulator
        self.http = httpx.AsyncClient(
            transport=InProcessTransport(simulator),
            base_url="http://erp",
            auth=("PEGLINE", "pegline"),
            headers={"Accept": "application/json"},
            timeout=timeout,
        )
        self.token = ""

    async def log_on(self) -> None:
        answer = await self.http.get(f"{PO}/", headers={"X-CSRF-Token": "Fetch"})
        self.token = answer.headers["x-csrf-token"]

    async def get(self, path: str, **options: str) -> Any:
        answer = await self.http.get(path, params={f"${name}": value for name, value in options.items()})
        assert answer.status_code == 200, answer.text
        return answer.json()["d"]

    async def write(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(method, path, json=body, headers={"X-CSRF-Token": self.token, **named})

    async def books(self) -> Any:
        return (await self.http.get("/control/books")).json()

    async def changeset(self, operations: Sequence[tuple[str, str, Any]]) -> list[tuple[int, str]]:
        """Send writes as one changeset of the order service; answers status and body of each answered part."""
        lines = ["--batch", "Content-Type: multipart/mixed; boundary=changes", ""]
        for method, path, body in operations:
            lines += [
                *("--changes", "Content-Type: application/http", "Content-Transfer-Encoding: binary", ""),
                *(f"{method} {path} HTTP/1.1", "Content-Type: application/json", "Accept: application/json", ""),
                "" if body is None else json.dumps(body),
            ]
        lines += ["--changes--", "", "--batch--", ""]
        return await self.batch("\r\n".join(lines))

    async def batch(self, text: str) -> list[tuple[int, str]]:
        answer = await self.http.post(
            f"{PO}/$batch",
            content=text,
            headers={"X-CSRF-Token": self.token, "Content-Type": "multipart/mixed; boundary=batch"},
        )
        assert answer.status_code == 202, answer.text
        whole = message_from_bytes(
            f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode() + answer.content, policy=policy.HTTP
        )
        parts = []
        for leaf in whole.walk():
            if leaf.get_content_type() == "application/http":
                payload = leaf.get_payload(decode=True)
                assert isinstance(payload, bytes)
                head, _, content = payload.decode().replace("\r\n", "\n").partition("\n\n")
                parts.append((int(head.split()[1]), content))
        return parts

    async def requisition(self, quantity: str = "100", reference: str = "PEG-1", **changes: Any) -> str:
        """Create a requisition of one item; answers its number."""
        answer = await self.write(
            "POST", f"{PR}/A_PurchaseRequisitionHeader", requisition(quantity, reference, **changes)
        )
        assert answer.status_code == 201, answer.text
        number: str = answer.json()["d"]["PurchaseRequisition"]
        return number

    async def order(self, number: str = "", quantity: str = "100", **changes: Any) -> str:
        """Create an order of one item, out of a requisition if one is named; answers its number."""
        answer = await self.write("POST", f"{PO}/A_PurchaseOrder", order(number, quantity, **changes))
        assert answer.status_code == 201, answer.text
        created: str = answer.json()["d"]["PurchaseOrder"]
        return created


def requisition(quantity: str = "100", reference: str = "PEG-1", **changes: Any) -> dict[str, Any]:
    item = {
        "Material": "CN-6137",
        "Plant": "1710",
        "RequestedQuantity": quantity,
        "DeliveryDate": in_days(30),
        "PurReqnExternalReference": reference,
        "RequirementTracking": "REQ0000001",
        **changes,
    }
    return {"PurchaseRequisitionType": "NB", "to_PurchaseReqnItem": [item]}


def order(number: str = "", quantity: str = "100", **changes: Any) -> dict[str, Any]:
    item: dict[str, Any] = {
        "PurchaseOrderItem": "00010",
        "Material": "CN-6137",
        "Plant": "1710",
        "OrderQuantity": quantity,
        "NetPriceAmount": "1.50",
        "to_ScheduleLine": [{"ScheduleLineDeliveryDate": in_days(30), "ScheduleLineOrderQuantity": quantity}],
    }
    if number:
        item |= {"PurchaseRequisition": number, "PurchaseRequisitionItem": "00010"}
    header = {
        "CompanyCode": "1700",
        "PurchaseOrderType": "NB",
        "Supplier": "17300001",
        "PurchasingOrganization": "1710",
        "PurchasingGroup": "001",
        "DocumentCurrency": "USD",
        "CorrespncExternalReference": "PEG-ORDER-1",
    }
    for name, value in changes.items():
        (header if name in header else item)[name] = value
    return header | {"to_PurchaseOrderItem": {"results": [item]}}


def error_of(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and text of a refusal."""
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]["value"]


async def caller() -> Caller:
    """A logged-on caller of an ERP with master data."""
    call = Caller(create())
    loaded = await call.http.post("/control/master-data", json=MASTER_DATA)
    assert loaded.status_code == 200, loaded.text
    await call.log_on()
    return call
