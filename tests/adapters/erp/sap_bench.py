"""The bench of SAP's OData V2 services: the simulator in the same process, and its books."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import httpx

from adapters.erp.sap.client import SapErp
from adapters.erp.sap.master import WEEKDAYS, SapMasterData
from adapters.http import make_client
from canonical.order import FLAGS, EditedField, OrderDocument
from canonical.sourcing import ItemAtPlant, Source
from conformance.erp.bench import ConnectedErp, SeenLine, SeenOrder
from simulators.erp import create
from simulators.faults import Simulator
from tests.adapters.erp.documents import document, line, policies
from tests.adapters.erp.sap import MASTER_DATA, Mounted

USER, PASSWORD = "PEGLINE", "pegline-5t8"
MANY = 510
"""Items beside those of MASTER_DATA, so that they fill more than a page of 500."""
_RECOMMENDATION_20 = {
    **{"PC": "H87", "EA": "EA", "PAA": "PR", "SET": "SET", "DZ": "DZN", "BOX": "BX", "CAR": "CT", "PAC": "PK"},
    **{"BAG": "BG", "BT": "BO", "CAN": "CA", "PAL": "PF", "ROL": "RO", "HR": "HUR", "DAY": "DAY"},
    **{"G": "GRM", "KG": "KGM", "TO": "TNE", "LB": "LBR", "OZ": "ONZ", "MM": "MMT", "CM": "CMT", "M": "MTR"},
    **{"IN": "INH", "FT": "FOT", "M2": "MTK", "CM2": "CMK", "ML": "MLT", "L": "LTR", "M3": "MTQ", "GAL": "GLL"},
}


class ConnectedSap:
    """The adapter's ports, connected."""

    def __init__(self, client: httpx.AsyncClient, settle_seconds: float, second_create_seconds: float) -> None:
        self.orders = self.duplicates = SapErp(
            client,
            settle_seconds=settle_seconds,
            second_create_seconds=second_create_seconds,
            look_every_seconds=0.05,
            policies=policies(transfers=True),
        )
        self.master_data = SapMasterData(client, today=lambda _: dt.date(2027, 1, 4))


class SapBench:
    """Implements conformance.erp.bench.ErpBench."""

    template: OrderDocument = document(
        line(10), line(20, "250.5", item="MZ-STEEL", unit="KGM", price=Decimal("3.20"), info_record="5300000357")
    )
    items: Sequence[ItemAtPlant] = (
        ItemAtPlant(
            plant="1710",
            item="MZ-STEEL",
            base_unit="KGM",
            goods_receipt_days=0,
            material_group="L001",
            sources=(
                Source(
                    supplier="17300001",
                    supplier_name="Domestic US Supplier 1",
                    unit="KGM",
                    lead_time_days=7,
                    minimum_quantity=Decimal(0),
                    multiple=Decimal("0.001"),
                    price=Decimal("3.20"),
                    currency="USD",
                    purchasing_organization="1710",
                    info_record="5300000357",
                    calendar=WEEKDAYS,
                ),
            ),
        ),
    )
    items_at_plant = MANY + 2
    unique_references = False
    settle_seconds = 0.3
    secrets = (PASSWORD,)

    def __init__(self) -> None:
        self.simulator: Simulator = create(user=USER, password=PASSWORD)
        self._control = httpx.AsyncClient(base_url="http://sap", transport=httpx.ASGITransport(self.simulator))
        self._reader = make_client("http://sap/erp", USER, PASSWORD, transport=Mounted(self.simulator))

    async def load(self) -> None:
        """Give the simulator its master data."""
        await self._post("/control/master-data", MASTER_DATA)
        moved = await self._control.put("/control/clock", json={"now": "2027-01-04T08:00:00+00:00"})
        assert moved.status_code == 200, moved.text

    async def keep_many_items(self) -> None:
        """More than fit on a page."""
        products = [{"Product": f"MANY-{n:03}", "BaseUnit": "PC", "plants": [{"Plant": "1710"}]} for n in range(MANY)]
        terms = {"Supplier": "17300001", "PurchasingOrganization": "1710", "Plant": "1710", "Currency": "USD"}
        records = [
            {"PurchasingInfoRecord": f"54{n:08}", "Material": f"MANY-{n:03}", "NetPriceAmount": "1.00", **terms}
            for n in range(MANY)
        ]
        await self._post("/control/master-data", {"products": products, "info_records": records})

    def transport(self) -> httpx.AsyncBaseTransport:
        return Mounted(self.simulator)

    def client(self, transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
        return make_client("http://sap/erp", USER, PASSWORD, transport=transport)

    def connect(
        self, client: httpx.AsyncClient, *, settle_seconds: float, second_create_seconds: float
    ) -> ConnectedErp:
        return ConnectedSap(client, settle_seconds, second_create_seconds)

    async def orders(self, reference: str) -> Sequence[SeenOrder]:
        read = await self._reader.get(
            "/sap/opu/odata/sap/API_PURCHASEORDER_PROCESS_SRV/A_PurchaseOrder",
            params={
                "$filter": f"CorrespncExternalReference eq '{reference}'",
                "$expand": "to_PurchaseOrderItem/to_ScheduleLine",
                "$format": "json",
            },
        )
        assert read.status_code == 200, read.text
        return [_order(one) for one in read.json()["d"]["results"]]

    async def edit(self, order: str, line: int, field: EditedField, value: str) -> None:
        body: dict[str, Any] = {
            "order": order,
            "item": line,
            "user": "MILLER",
            field: value == "true" if field in FLAGS else value,
        }
        await self._post("/control/edits", body)

    async def receive(self, order: str, line: int, quantity: Decimal) -> None:
        body = {"order": order, "item": line, "quantity": str(quantity), "receipt": f"{order}/{line}"}
        await self._post("/control/goods-receipts", body)

    @asynccontextmanager
    async def locked(self, order: str) -> AsyncIterator[None]:
        await self._post("/control/locks", {"document": order})
        yield
        await self._control.delete(f"/control/locks/{order}")

    async def _post(self, path: str, body: Any) -> None:
        response = await self._control.post(path, json=body)
        assert response.status_code < 300, response.text


def _order(held: dict[str, Any]) -> SeenOrder:
    items = held["to_PurchaseOrderItem"]["results"]
    return SeenOrder(held["PurchaseOrder"], tuple(sorted(map(_line, items), key=lambda line: line.line)))


def _line(item: dict[str, Any]) -> SeenLine:
    deliveries = (
        (_day(one["ScheduleLineDeliveryDate"]), Decimal(one["ScheduleLineOrderQuantity"]))
        for one in item["to_ScheduleLine"]["results"]
    )
    return SeenLine(
        line=int(item["PurchaseOrderItem"]),
        item=item["Material"],
        quantity=Decimal(item["OrderQuantity"]),
        unit=_RECOMMENDATION_20.get(item["PurchaseOrderQuantityUnit"], f"SAP's {item['PurchaseOrderQuantityUnit']}"),
        price=Decimal(item["NetPriceAmount"]) / Decimal(item["NetPriceQuantity"]),
        deliveries=tuple(sorted(deliveries)),
        cancelled=item["PurchasingDocumentDeletionCode"] == "L",
        completed=item["IsCompletelyDelivered"],
    )


def _day(shown: str) -> dt.date:
    """/Date(1709251200000)/, in milliseconds."""
    return dt.date(1970, 1, 1) + dt.timedelta(milliseconds=int(shown.removeprefix("/Date(").partition(")")[0]))
