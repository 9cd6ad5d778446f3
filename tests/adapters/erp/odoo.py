"""A simulated Odoo for the tests: its records, its books, and the bench of the conformance suite."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from adapters.dialects import Connection, ErpSystem
from adapters.erp.odoo.dialect import DIALECT
from adapters.http import make_client
from canonical.calendar import Calendar
from canonical.order import EditedField, OrderDocument
from canonical.policy import PlantPolicy
from canonical.sourcing import ItemAtPlant, PriceBreak, Source, UnitConversion
from conformance.erp.bench import SeenLine, SeenOrder
from conformance.verdict import CannotHappen
from policies.book import FixedPolicies
from simulators.faults import InProcessTransport, Simulator
from simulators.odoo.app import create
from tests.adapters.erp.documents import document, line

KEY = "an-api-key-of-three-months"
PLANT, SUPPLIER = "1710", "V-100"
ITEM, STEEL = "DESK-1", "STEEL-1"
NOW = dt.datetime(2027, 1, 4, 8, tzinfo=dt.UTC)
AUCKLAND = ZoneInfo("Pacific/Auckland")
PARTS = 505

RECORDS: dict[str, list[dict[str, Any]]] = {
    "res.currency": [{"id": 1, "name": "USD"}],
    "res.company": [{"id": 1, "name": "My Company", "currency_id": 1}],
    "res.partner": [{"id": 7, "name": "Azure Interior", "ref": SUPPLIER}],
    "uom.uom": [
        {"id": 1, "name": "Units", "factor": 1, "xml_id": "uom.product_uom_unit"},
        {"id": 2, "name": "kg", "factor": 1, "xml_id": "uom.product_uom_kgm"},
        {"id": 3, "name": "Pack of 6", "factor": 6, "relative_factor": 6, "relative_uom_id": 1},
        {"id": 4, "name": "g", "factor": 0.001, "relative_uom_id": 2, "xml_id": "uom.product_uom_gram"},
    ],
    "product.category": [{"id": 1, "name": "Furniture"}],
    "product.template": [{"id": 1, "name": "Desk", "uom_id": 1}, {"id": 2, "name": "Steel", "uom_id": 2}],
    "product.product": [
        {"id": 11, "name": "Desk", "default_code": ITEM, "uom_id": 1, "product_tmpl_id": 1, "categ_id": 1},
        {"id": 12, "name": "Steel", "default_code": STEEL, "uom_id": 2, "product_tmpl_id": 2},
    ],
    "product.supplierinfo": [
        {"partner_id": 7, "product_tmpl_id": 1, "product_uom_id": 1, "currency_id": 1, "delay": 9, **terms}
        for terms in ({"min_qty": 10, "price": 80, "discount": 5}, {"min_qty": 100, "price": 70})
    ]
    + [{"partner_id": 7, "product_tmpl_id": 2, "product_uom_id": 2, "currency_id": 1, "price": 3.25, "delay": 4}],
    "stock.warehouse": [{"id": 1, "name": "Main", "code": "WH", "company_id": 1}],
    "stock.picking.type": [{"id": 1, "name": "Receipts", "code": "incoming", "warehouse_id": 1}],
}


def in_auckland() -> FixedPolicies:
    """The policies of a plant on whose day it is still yesterday in UTC."""
    calendar = Calendar(name="Monday to Friday", zone="Pacific/Auckland")
    return FixedPolicies(
        {
            PLANT: PlantPolicy(
                plant=PLANT,
                version="v1",
                company_code="1710",
                purchasing_organization="1710",
                calendar=calendar,
                office=calendar,
            )
        }
    )


@dataclass
class OdooBench:
    """Implements conformance.erp.bench.ErpBench."""

    simulator: Simulator
    options: dict[str, str] = field(default_factory=lambda: {"warehouses": f"{PLANT}=WH", "units": "PK=Pack of 6"})

    template: OrderDocument = field(
        default_factory=lambda: document(
            line(10, "100", item=ITEM, price=Decimal("78.07"), info_record=None),
            line(20, "250.5", item=STEEL, unit="KGM", price=Decimal("3.25"), info_record=None),
            supplier=SUPPLIER,
        )
    )
    unique_references: bool = False
    settle_seconds: float = 0.4
    secrets: Sequence[str] = (KEY,)
    items_at_plant: int = PARTS + 2

    @classmethod
    async def start(cls, **of_simulator: Any) -> "OdooBench":
        simulator = create(key=KEY, **of_simulator)
        simulator.clock.set(NOW)
        started = cls(simulator)
        await started.control("records", RECORDS)
        return started

    async def keep_many_items(self) -> None:
        """More than fit on a page."""
        for model, values in (
            ("product.template", {"uom_id": 1}),
            ("product.product", {"uom_id": 1}),
            ("product.supplierinfo", {"partner_id": 7, "currency_id": 1, "price": 1}),
        ):
            rows = []
            for n in range(PARTS):
                own: dict[str, Any] = {"id": 1000 + n, **values}
                if model == "product.product":
                    own |= {"name": f"Part {n}", "default_code": f"PART-{n}", "product_tmpl_id": 1000 + n}
                if model == "product.supplierinfo":
                    own |= {"product_tmpl_id": 1000 + n}
                rows.append(own)
            await self.control("records", {model: rows})

    async def control(self, path: str, body: Any) -> Any:
        async with httpx.AsyncClient(base_url="http://odoo", transport=self.transport()) as http:
            answer = await http.post(f"/control/{path}", json=body)
            assert answer.status_code < 300, answer.text
            return answer.json() if answer.content else None

    def transport(self) -> httpx.AsyncBaseTransport:
        return InProcessTransport(app=self.simulator)

    def client(self, transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
        return make_client(
            "http://odoo", timeout_seconds=2, transport=transport, headers={"Authorization": f"bearer {KEY}"}
        )

    def connection(self, client: httpx.AsyncClient, settle_seconds: float, second_create_seconds: float) -> Connection:
        return Connection(
            "odoo", client, self.options, settle_seconds, second_create_seconds, in_auckland(), lambda: NOW
        )

    def connect(self, client: httpx.AsyncClient, *, settle_seconds: float, second_create_seconds: float) -> ErpSystem:
        return DIALECT.connect(self.connection(client, settle_seconds, second_create_seconds))

    @property
    def items(self) -> Sequence[ItemAtPlant]:
        weekdays = Calendar(name="Monday to Friday")
        known: dict[str, Any] = {"supplier": SUPPLIER, "supplier_name": "Azure Interior", "currency": "USD"}
        desk = Source(
            **known,
            unit="H87",
            lead_time_days=9,
            minimum_quantity=Decimal(10),
            multiple=Decimal(1),
            price=Decimal(76),
            price_breaks=(PriceBreak(from_quantity=Decimal(100), price=Decimal(70)),),
            calendar=weekdays,
        )
        steel = Source(
            **known,
            unit="KGM",
            lead_time_days=4,
            minimum_quantity=Decimal(0),
            multiple=Decimal("0.001"),
            price=Decimal("3.25"),
            calendar=weekdays,
        )
        at_plant: dict[str, Any] = {"plant": PLANT, "goods_receipt_days": 2}
        packed = UnitConversion(unit="PK", numerator=Decimal(6), denominator=Decimal(1))
        return (
            ItemAtPlant(
                **at_plant,
                item=ITEM,
                description="Desk",
                base_unit="H87",
                material_group="Furniture",
                conversions=(packed,),
                sources=(desk,),
            ),
            ItemAtPlant(**at_plant, item=STEEL, description="Steel", base_unit="KGM", sources=(steel,)),
        )

    # -- what it holds, and what people do

    @property
    def held(self) -> list[dict[str, Any]]:
        """The orders in the books."""
        return list(self.simulator.books()["orders"])

    def line(self, order: str, number: int) -> dict[str, Any]:
        """A line as the books have it."""
        (found,) = (one for one in self.held if one["name"] == order)
        return dict(next(one for one in found["lines"] if one["sequence"] == number))

    def order(self, number: str) -> dict[str, Any]:
        """An order as the books have it."""
        (found,) = (one for one in self.held if one["name"] == number)
        return dict(found)

    async def orders(self, reference: str) -> Sequence[SeenOrder]:
        return [_seen(one) for one in self.held if reference in str(one["origin"])]

    async def edit(self, order: str, line: int, field: EditedField, value: str) -> None:
        names = {"quantity": "product_qty", "delivery_date": "date_planned", "price": "price_unit"}
        held = self.line(order, line)
        kept = {name: held[name] for name in ("date_planned", "price_unit", "discount")}
        if field == "deleted":
            changes = {"product_qty": 0, **kept}
        elif field == "delivery_date":
            noon = dt.datetime.combine(dt.date.fromisoformat(value), dt.time(12), AUCKLAND).astimezone(dt.UTC)
            changes = {"date_planned": noon.strftime("%Y-%m-%d %H:%M:%S")}
        elif field in names:
            changes = {**(kept if field == "quantity" else {}), names[field]: float(value)}
        else:
            raise CannotHappen(f"a line of Odoo has no field for {field}")
        await self.control("edits", {"model": "purchase.order.line", "id": held["id"], "values": changes})

    async def receive(self, order: str, line: int, quantity: Decimal) -> None:
        await self.control("receive", {"line": self.line(order, line)["id"], "quantity": float(quantity)})

    def locked(self, order: str) -> AbstractAsyncContextManager[None]:
        @asynccontextmanager
        async def within() -> AsyncIterator[None]:
            await self.control("locks", {"orders": [self.order(order)["id"]]})
            yield
            await self.control("locks", {"orders": []})

        return within()


@asynccontextmanager
async def connected(odoo: OdooBench) -> AsyncIterator[ErpSystem]:
    async with odoo.client(odoo.transport()) as client:
        yield odoo.connect(client, settle_seconds=0.1, second_create_seconds=0.1)


def _seen(order: dict[str, Any]) -> SeenOrder:
    by_line: dict[int, list[dict[str, Any]]] = {}
    for one in order["lines"]:
        by_line.setdefault(one["sequence"], []).append(one)
    lines = tuple(_seen_line(number, own, order["state"]) for number, own in sorted(by_line.items()))
    return SeenOrder(order["name"], lines, order["name"])


def _seen_line(number: int, own: Sequence[dict[str, Any]], state: str) -> SeenLine:
    def day(one: dict[str, Any]) -> dt.date:
        planned = dt.datetime.fromisoformat(one["date_planned"]).replace(tzinfo=dt.UTC)
        return planned.astimezone(AUCKLAND).date()

    def exact(value: float) -> Decimal:
        return Decimal(str(value)).normalize() + 0

    quantity = sum((exact(one["product_qty"]) for one in own), Decimal(0))
    received = sum((exact(one["qty_received"]) for one in own), Decimal(0))
    return SeenLine(
        line=number,
        item={11: ITEM, 12: STEEL}[own[0]["product_id"]],
        quantity=quantity,
        unit={1: "H87", 2: "KGM", 3: "PK", 4: "GRM"}[own[0]["product_uom_id"]],
        price=exact(own[0]["price_unit"]),
        deliveries=tuple(sorted((day(one), exact(one["product_qty"])) for one in own if one["product_qty"])),
        cancelled=state == "cancel" or not quantity,
        completed=bool(received) and received >= quantity,
    )
