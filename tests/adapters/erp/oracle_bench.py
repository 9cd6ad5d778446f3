"""The bench of Oracle's REST resources: the simulator in the same process, and its books."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import httpx

from adapters.erp.oracle.client import OracleErp, OracleOptions
from adapters.erp.oracle.master import WEEKDAYS, OracleMasterData
from adapters.http import make_client
from canonical.order import EditedField, OrderDocument
from canonical.sourcing import ItemAtPlant, Source
from conformance.erp.bench import ConnectedErp, SeenLine, SeenOrder
from conformance.verdict import CannotHappen
from simulators.faults import Simulator
from simulators.oracle.app import create
from tests.adapters.erp.oracle import MASTER_DATA, SITE, MountedOracle, document, line

USER, PASSWORD = "PEGLINE", "pegline-5t8"
MANY = 510
"""Items beside those of MASTER_DATA, so that they fill more than a page of 200."""
_TUBES = {"SupplierNumber": "4711", "SupplierSite": SITE, "ProcurementBU": "US1 Business Unit"}
_TERMS = {"AgreementNumber": "52002", "Price": "1.00"}
_CODES = {
    **{"Ea": "H87", "BX": "BX", "DZ": "DZN", "HR": "HUR"},
    **{"KG": "KGM", "G": "GRM", "LB": "LBR", "M": "MTR", "L": "LTR"},
}


class ConnectedOracle:
    """The adapter's ports, connected."""

    def __init__(self, client: httpx.AsyncClient, settle_seconds: float, second_create_seconds: float) -> None:
        self.orders = self.duplicates = OracleErp(
            client,
            OracleOptions(buyer_email="buyer@example.com"),
            settle_seconds=settle_seconds,
            second_create_seconds=second_create_seconds,
            look_every_seconds=0.05,
        )
        self.master_data = OracleMasterData(client, today=lambda _: dt.date(2027, 1, 4))


class OracleBench:
    """Implements conformance.erp.bench.ErpBench."""

    template: OrderDocument = document(line(10), line(20, "250.5", item="CM-TUBE", unit="KGM", price=Decimal("3.20")))
    items: Sequence[ItemAtPlant] = (
        ItemAtPlant(
            plant="M1",
            item="CM-TUBE",
            base_unit="KGM",
            goods_receipt_days=0,
            sources=(
                Source(
                    supplier="4711",
                    supplier_name="Frames & Forks",
                    unit="KGM",
                    lead_time_days=0,
                    lead_time_in="working_days",
                    minimum_quantity=Decimal(5),
                    multiple=Decimal("0.5"),
                    price=Decimal("3.20"),
                    currency="USD",
                    price_from=dt.date(2026, 1, 1),
                    price_to=dt.date(2028, 12, 31),
                    purchasing_organization="US1 Business Unit",
                    info_record=SITE,
                    terms=f"site {SITE}",
                    calendar=WEEKDAYS,
                ),
            ),
        ),
    )
    items_at_plant = MANY + 2
    unique_references = False
    settle_seconds = 0.5
    secrets = (PASSWORD,)

    def __init__(self) -> None:
        self.simulator: Simulator = create(user=USER, password=PASSWORD)
        self._control = httpx.AsyncClient(base_url="http://oracle", transport=httpx.ASGITransport(self.simulator))

    async def load(self) -> None:
        """Give the simulator its master data."""
        await self._post("/control/master-data", MASTER_DATA)
        dates = {"StartDate": "2026-01-01", "EndDate": "2028-12-31"}
        terms = {**_TERMS, **dates, "UOM": "Kilogram", "UOMCode": "KG", "Price": "3.20"}
        lots = {"MinimumOrderQuantity": 5, "FixedLotMultiple": "0.5"}
        await self._post(
            "/control/master-data",
            {
                "approved_suppliers": [{**_TUBES, **lots, "Item": "CM-TUBE"}],
                "agreement_lines": [{**_TUBES, **terms, "Item": "CM-TUBE"}],
            },
        )
        moved = await self._control.put("/control/clock", json={"now": "2027-01-04T08:00:00+00:00"})
        assert moved.status_code == 200, moved.text

    async def keep_many_items(self) -> None:
        """More than fit on a page."""
        many = [f"MANY-{n:03}" for n in range(MANY)]
        await self._post(
            "/control/master-data",
            {
                "items": [{"ItemNumber": each, "organizations": ["M1"]} for each in many],
                "approved_suppliers": [{**_TUBES, "Item": each} for each in many],
                "agreement_lines": [{**_TUBES, **_TERMS, "Item": each} for each in many],
            },
        )

    def transport(self) -> httpx.AsyncBaseTransport:
        return MountedOracle(self.simulator)

    def client(self, transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
        return make_client("http://oracle/oracle", USER, PASSWORD, transport=transport)

    def connect(
        self, client: httpx.AsyncClient, *, settle_seconds: float, second_create_seconds: float
    ) -> ConnectedErp:
        return ConnectedOracle(client, settle_seconds, second_create_seconds)

    async def orders(self, reference: str) -> Sequence[SeenOrder]:
        drafted, approved = [
            await self._read(resource, reference) for resource in ("draftPurchaseOrders", "purchaseOrders")
        ]
        shown = {one["POHeaderId"]: one for one in drafted} | {one["POHeaderId"]: one for one in approved}
        return [_order(one) for _, one in sorted(shown.items())]

    async def _read(self, resource: str, reference: str) -> list[dict[str, Any]]:
        """The rows of a reference with all their lines, each read by its own address."""
        rows = await self._rows(resource, {"q": f"Description='{reference}'"})
        for row in rows:
            path = row["links"][0]["href"].partition("11.13.18.05/")[2]
            row["lines"] = await self._rows(f"{path}/child/lines", {"expand": "schedules"})
        return rows

    async def _rows(self, path: str, query: dict[str, str]) -> list[dict[str, Any]]:
        address = f"/fscmRestApi/resources/11.13.18.05/{path}"
        read = await self._control.get(address, params={"limit": "500", **query}, auth=(USER, PASSWORD))
        assert read.status_code == 200, read.text
        rows: list[dict[str, Any]] = read.json()["items"]
        return rows

    async def edit(self, order: str, line: int, field: EditedField, value: str) -> None:
        changes: dict[str, Any] = {field: value} if field in ("quantity", "price", "delivery_date") else {}
        if field == "deleted":
            changes = {"cancel": True}
        elif not changes:
            raise CannotHappen(f"Oracle has no {field} of a line that a person sets")
        await self._post("/control/edits", {"order": order, "line": line, "user": "miller", **changes})

    async def receive(self, order: str, line: int, quantity: Decimal) -> None:
        body = {"order": order, "item": line, "quantity": str(quantity), "receipt": f"{order}/{line}"}
        await self._post("/control/goods-receipts", body)

    @asynccontextmanager
    async def locked(self, order: str) -> AsyncIterator[None]:
        """A buyer has begun a change order and not submitted it."""
        await self._post("/control/edits", {"order": order, "line": 10, "user": "miller", "draft": True})
        yield
        deleted = await self._control.delete(f"/control/drafts/{order}")
        assert deleted.status_code == 204, deleted.text

    async def _post(self, path: str, body: Any) -> None:
        response = await self._control.post(path, json=body)
        assert response.status_code < 300, response.text


def _order(held: dict[str, Any]) -> SeenOrder:
    return SeenOrder(held["OrderNumber"], tuple(sorted(map(_line, held["lines"]), key=lambda line: line.line)))


def _line(held: dict[str, Any]) -> SeenLine:
    alive = [one for one in held["schedules"] if one["StatusCode"] != "CANCELED"]
    deliveries = (
        (
            dt.date.fromisoformat(one.get("PromisedDeliveryDate") or one["RequestedDeliveryDate"]),
            Decimal(str(one["Quantity"])),
        )
        for one in alive
    )
    return SeenLine(
        line=int(held["LineNumber"]),
        item=held["Item"],
        quantity=sum((Decimal(str(one["Quantity"])) for one in alive), Decimal(0)),
        unit=_CODES.get(held["UOMCode"], f"Oracle's {held['UOMCode']}"),
        price=Decimal(str(held["Price"])),
        deliveries=tuple(sorted(deliveries)),
        cancelled=not alive,
        completed=bool(alive) and all(one["StatusCode"] == "CLOSED FOR RECEIVING" for one in alive),
    )
