"""A simulated Business Central for the tests: its master data, its books, and the bench of the conformance suite."""

import datetime as dt
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
from pydantic import SecretStr

from adapters.dialects import Connection, ErpSystem
from adapters.erp.business_central.dialect import DIALECT
from adapters.http import make_client
from adapters.oauth import ClientCredentials, TokenEndpoint
from canonical.calendar import Calendar
from canonical.order import EditedField, OrderDocument
from canonical.sourcing import ItemAtPlant, PriceBreak, Source
from conformance.erp.bench import SeenLine, SeenOrder
from conformance.verdict import CannotHappen
from simulators.business_central.app import create
from simulators.faults import InProcessTransport, Simulator
from tests.adapters.erp.documents import document, line, policies

BASE = "http://central/v2.0/contoso/production"
SECRET = "a-secret-of-the-app-registration"
PLANT, VENDOR = "1710", "20000"
ITEM, STEEL = "1896-S", "STEEL-1"
NOW = dt.datetime(2027, 1, 4, 8, tzinfo=dt.UTC)
ITEMS = 12

MASTER_DATA: dict[str, Any] = {
    "vendors": [
        {"number": VENDOR, "displayName": "First Up Consultants", "currencyCode": "USD", "blocked": " "},
        {"number": "30000", "displayName": "Graphic Design Institute", "currencyCode": "USD", "blocked": "All"},
    ],
    "locations": [{"code": "MAIN", "displayName": "Main Warehouse"}],
    "units": [
        {"code": "PCS", "displayName": "Piece", "internationalStandardCode": "H87"},
        {"code": "KG", "displayName": "Kilo", "internationalStandardCode": "KGM"},
        {"code": "BOX", "displayName": "Box", "internationalStandardCode": ""},
    ],
    "items": [
        {"number": ITEM, "displayName": "ATHENS Desk", "baseUnitOfMeasureCode": "PCS", "unitCost": 78.07},
        {"number": STEEL, "displayName": "Steel", "baseUnitOfMeasureCode": "KG", "itemCategoryCode": "RAW"},
        *({"number": f"PART-{n}", "displayName": f"Part {n}", "baseUnitOfMeasureCode": "PCS"} for n in range(ITEMS)),
    ],
    "item_vendors": [
        {
            "itemNumber": ITEM,
            "vendorNumber": VENDOR,
            "unitOfMeasureCode": "PCS",
            "leadTimeCalculation": "2W",
            "minimumQuantity": minimum,
            "orderMultiple": 5,
            "maximumQuantity": 0,
            "directUnitCost": cost,
            "currencyCode": "USD",
        }
        for minimum, cost in ((10, 78.07), (100, 70))
    ]
    + [
        {"itemNumber": item, "vendorNumber": VENDOR, "directUnitCost": 3.25, "leadTimeCalculation": "5D"}
        for item in (STEEL, *(f"PART-{n}" for n in range(ITEMS)))
    ],
}


@dataclass
class Central:
    """Implements conformance.erp.bench.ErpBench. `reference_in`: option of the dialect."""

    simulator: Simulator
    reference_in: str = "extension"
    options: dict[str, str] = field(default_factory=dict)
    company: str = ""

    template: OrderDocument = field(
        default_factory=lambda: document(
            line(10, "100", item=ITEM, description="ATHENS Desk", price=Decimal("78.07")),
            line(20, "250.5", item=STEEL, unit="KGM", price=Decimal("3.25"), info_record=None),
            supplier=VENDOR,
        )
    )
    unique_references: bool = False
    settle_seconds: float = 0.4
    secrets: Sequence[str] = (SECRET,)
    items_at_plant: int = ITEMS + 2

    @classmethod
    async def start(cls, reference_in: str = "extension", **of_simulator: Any) -> "Central":
        simulator = create(client_secret=SECRET, extension=True, page_size=5, **of_simulator)
        simulator.clock.set(NOW)
        started = cls(simulator, reference_in)
        started.company = (await started.control("master-data", MASTER_DATA))["company"]
        return started

    async def control(self, path: str, body: Any) -> Any:
        async with httpx.AsyncClient(base_url="http://central", transport=self.transport()) as http:
            answer = await http.post(f"/control/{path}", json=body)
            assert answer.status_code < 300, answer.text
            return answer.json() if answer.content else None

    def transport(self) -> httpx.AsyncBaseTransport:
        return InProcessTransport(app=self.simulator)

    def client(self, transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
        endpoint = TokenEndpoint(
            "http://central/contoso/oauth2/v2.0/token", "pegline", SecretStr(SECRET), secret_in="body"
        )
        auth = ClientCredentials(endpoint, system="central", transport=self.transport())
        return make_client(BASE, timeout_seconds=2, transport=transport, auth=auth)

    def connection(self, client: httpx.AsyncClient, settle_seconds: float, second_create_seconds: float) -> Connection:
        options = {
            "company": self.company,
            "reference_in": self.reference_in,
            "locations": f"{PLANT}=MAIN",
            "company_name": "CRONUS",
            **({"extension": "pegline/purchasing/v1.0"} if self.reference_in == "extension" else {}),
            **self.options,
        }
        return Connection(
            "central", client, options, settle_seconds, second_create_seconds, policies(PLANT), lambda: NOW
        )

    def connect(self, client: httpx.AsyncClient, *, settle_seconds: float, second_create_seconds: float) -> ErpSystem:
        return DIALECT.connect(self.connection(client, settle_seconds, second_create_seconds))

    @property
    def items(self) -> Sequence[ItemAtPlant]:
        weekdays = Calendar(name="Monday to Friday")
        known: dict[str, Any] = {"supplier": VENDOR, "supplier_name": "First Up Consultants", "currency": "USD"}
        desk = Source(
            **known,
            unit="H87",
            lead_time_days=14,
            minimum_quantity=Decimal(10),
            multiple=Decimal(5),
            price=Decimal("78.07"),
            price_breaks=(PriceBreak(from_quantity=Decimal(100), price=Decimal(70)),),
            calendar=weekdays,
        )
        steel = Source(
            **known,
            unit="KGM",
            lead_time_days=5,
            minimum_quantity=Decimal(0),
            multiple=Decimal("0.001"),
            price=Decimal("3.25"),
            calendar=weekdays,
        )
        at_plant: dict[str, Any] = {"plant": PLANT, "goods_receipt_days": 2}
        return (
            ItemAtPlant(**at_plant, item=ITEM, description="ATHENS Desk", base_unit="H87", sources=(desk,)),
            ItemAtPlant(
                **at_plant, item=STEEL, description="Steel", base_unit="KGM", material_group="RAW", sources=(steel,)
            ),
        )

    # -- what it holds, and what people do

    @property
    def held(self) -> list[dict[str, Any]]:
        """The orders in the books."""
        return list(self.simulator.books()["orders"])

    async def orders(self, reference: str) -> Sequence[SeenOrder]:
        def carries(order: dict[str, Any]) -> bool:
            own = order.get("externalReference") or order["Your_Reference"]
            return own == reference or any(one["description2"] == reference for one in order["lines"])

        gone = [SeenOrder(one["number"], ()) for one in self.simulator.books()["deleted"] if carries(one)]
        return [*gone, *(_seen(one) for one in self.held if carries(one))]

    async def edit(self, order: str, line: int, field: EditedField, value: str) -> None:
        names = {"quantity": "quantity", "delivery_date": "expectedReceiptDate", "price": "directUnitCost"}
        if field == "deleted":
            await self.control("edits", {"order": order, "sequence": line * 1000, "delete": True})
        elif field in names:
            changes = {names[field]: value if field == "delivery_date" else float(value)}
            await self.control("edits", {"order": order, "sequence": line * 1000, "changes": changes})
        else:
            raise CannotHappen(f"a line of Business Central has no field for {field}")

    async def receive(self, order: str, line: int, quantity: Decimal) -> None:
        await self.control("receipts", {"order": order, "sequence": line * 1000, "quantity": str(quantity)})

    def locked(self, order: str) -> AbstractAsyncContextManager[None]:
        raise CannotHappen("Business Central locks no order while it is open at a screen; ETags tell")


def _seen(order: dict[str, Any]) -> SeenOrder:
    by_line: dict[int, list[dict[str, Any]]] = {}
    for one in order["lines"]:
        by_line.setdefault(one["sequence"] // 1000, []).append(one)
    return SeenOrder(
        order["number"], tuple(_seen_line(number, own) for number, own in by_line.items()), order["number"]
    )


def _seen_line(number: int, own: Sequence[dict[str, Any]]) -> SeenLine:
    units = {"PCS": "H87", "KG": "KGM"}
    quantity = sum((Decimal(one["quantity"]) for one in own), Decimal(0))
    received = sum((Decimal(one["receivedQuantity"]) for one in own), Decimal(0))
    deliveries = sorted((dt.date.fromisoformat(one["expectedReceiptDate"]), Decimal(one["quantity"])) for one in own)
    return SeenLine(
        line=number,
        item=own[0]["lineObjectNumber"],
        quantity=quantity,
        unit=units[own[0]["unitOfMeasureCode"]],
        price=Decimal(own[0]["directUnitCost"]),
        deliveries=tuple(deliveries),
        completed=bool(received) and received >= quantity,
    )
