"""The bench of a real Tryton server: what is in its database, and a person's work, by calls of its own."""

import base64
import datetime as dt
import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any

import httpx

from adapters.dialects import Connection, ErpSystem
from adapters.erp.tryton.dialect import DIALECT
from adapters.erp.tryton.master import WEEKDAYS
from adapters.http import make_client
from canonical.order import EditedField, OrderDocument
from canonical.sourcing import ItemAtPlant, PriceBreak, Source
from conformance.erp.bench import SeenLine, SeenOrder
from conformance.verdict import CannotHappen
from policies.book import FixedPolicies
from tests.adapters.erp.documents import document, line

DATABASE = "pegline"
USER, PASSWORD = "pegline", "pegline-5t8"
DATA: dict[str, Any] = {
    "currency": "USD",
    "company": "Acquired Bicycles",
    "user": USER,
    "password": PASSWORD,
    "warehouses": [{"code": "3710", "name": "Main"}],
    "suppliers": [{"code": "S-100", "name": "Frames Inc", "lead_time_days": 21}],
    "items": [
        {
            "code": "FRAME",
            "name": "Frame",
            "unit": "u",
            "sources": [
                {
                    "supplier": "S-100",
                    "lead_time_days": 14,
                    "currency": "USD",
                    "prices": [{"quantity": "0", "price": "12.50"}, {"quantity": "100", "price": "11.00"}],
                }
            ],
        },
        {
            "code": "STEEL",
            "name": "Steel",
            "unit": "kg",
            "sources": [{"supplier": "S-100", "currency": "USD", "prices": [{"quantity": "0", "price": "3.20"}]}],
        },
    ],
}
_UNITS = {"u": "H87", "kg": "KGM", "g": "GRM", "t": "TNE", "lb": "LBR", "oz": "ONZ", "h": "HUR", "d": "DAY"}


class TrytonBench:
    """Implements conformance.erp.bench.ErpBench."""

    template: OrderDocument = document(
        line(10, item="FRAME", unit="H87", price=Decimal("12.50"), info_record=None),
        line(20, "250.5", item="STEEL", unit="KGM", price=Decimal("3.20"), info_record=None),
        plant="3710",
        supplier="S-100",
    )
    items: Sequence[ItemAtPlant] = (
        ItemAtPlant(
            plant="3710",
            item="FRAME",
            description="Frame",
            base_unit="H87",
            goods_receipt_days=0,
            sources=(
                Source(
                    supplier="S-100",
                    supplier_name="Frames Inc",
                    unit="H87",
                    lead_time_days=14,
                    minimum_quantity=Decimal(0),
                    multiple=Decimal(1),
                    price=Decimal("12.50"),
                    currency="USD",
                    price_breaks=(PriceBreak(from_quantity=Decimal(100), price=Decimal("11.00")),),
                    calendar=WEEKDAYS,
                ),
            ),
        ),
    )
    items_at_plant = 2
    unique_references = False
    settle_seconds = 1.0
    secrets = (PASSWORD,)

    def __init__(self, address: str) -> None:
        self.address = address
        self._http = httpx.AsyncClient(base_url=f"{address}/{DATABASE}", timeout=20)

    def transport(self) -> httpx.AsyncBaseTransport:
        return httpx.AsyncHTTPTransport()

    def client(self, transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
        return make_client(self.address, USER, PASSWORD, 20, transport)

    def connect(self, client: httpx.AsyncClient, *, settle_seconds: float, second_create_seconds: float) -> ErpSystem:
        return DIALECT.connect(
            Connection(
                system="erp-acquired",
                client=client,
                options={"database": DATABASE},
                settle_seconds=settle_seconds,
                second_create_seconds=second_create_seconds,
                policies=FixedPolicies({}),
                now=lambda: dt.datetime.now(dt.UTC),
            )
        )

    async def orders(self, reference: str) -> Sequence[SeenOrder]:
        fields = [
            *("number", "state", "lines.sequence", "lines.quantity", "lines.product.code", "lines.unit.symbol"),
            *("lines.unit_price", "lines.moves.state", "lines.moves.quantity", "lines.moves.planned_date"),
            "lines.delivery_date",
        ]
        where = [["reference", "=", reference]]
        rows = await self._call("model.purchase.purchase.search_read", where, 0, None, [["id", "ASC"]], fields)
        return [_order(row) for row in rows]

    async def edit(self, order: str, line: int, field: EditedField, value: str) -> None:
        where = [["purchase.number", "=", order], ["sequence", "=", line]]
        fields = ["purchase", "moves.state"]
        (row,) = await self._call("model.purchase.line.search_read", where, 0, None, None, fields)
        moves = [one["id"] for one in row["moves."] if one["state"] == "draft"]
        match field:
            case "quantity":
                await self._call("model.stock.move.write", moves, {"quantity": float(value)})
            case "delivery_date":
                await self._call("model.stock.move.write", moves, {"planned_date": _written(value)})
            case "deleted":
                await self._call("model.stock.move.cancel", moves)
            case _:
                raise CannotHappen(f"at Tryton's screens nobody sets {field} of a confirmed line")

    async def receive(self, order: str, line: int, quantity: Decimal) -> None:
        where = [["purchase.number", "=", order], ["sequence", "=", line]]
        (row,) = await self._call("model.purchase.line.search_read", where, 0, None, None, ["moves"])
        moves = row["moves"][:1]
        await self._call("model.stock.move.write", moves, {"quantity": float(quantity)})
        await self._call("model.stock.move.do", moves)

    async def stored(self, item: str, quantity: str, zone: str = "storage") -> None:
        """Goods that a stocktaking finds in a zone of the warehouse."""
        move, warehouse = await self._move(item, quantity)
        made = await self._call(
            "model.stock.move.create",
            [move | {"from_location": warehouse["lost_found_location"], "to_location": warehouse[f"{zone}_location"]}],
        )
        await self._call("model.stock.move.do", made)

    async def reserved(self, item: str, quantity: str) -> None:
        """Goods in storage that are assigned to a shipment."""
        move, warehouse = await self._move(item, quantity)
        way = {"from_location": warehouse["storage_location"], "to_location": warehouse["lost_found_location"]}
        shipment = {"company": 1, **way, "moves": [["create", [move | way]]]}
        (made,) = await self._call("model.stock.shipment.internal.create", [shipment])
        await self._call("model.stock.shipment.internal.wait", [made])
        about = {"active_model": "stock.shipment.internal", "active_id": made, "active_ids": [made]}
        opened, state, _ = await self._call("wizard.stock.shipment.assign.create", **about)
        await self._call("wizard.stock.shipment.assign.execute", opened, {}, state, **about)

    async def _move(self, item: str, quantity: str) -> tuple[dict[str, Any], dict[str, Any]]:
        zones = ["storage_location", "input_location", "lost_found_location"]
        where = [["type", "=", "warehouse"]]
        (warehouse,) = await self._call("model.stock.location.search_read", where, 0, 1, None, zones)
        fields, coded = ["default_uom"], [["code", "=", item]]
        (product,) = await self._call("model.product.product.search_read", coded, 0, 1, None, fields)
        unit = product["default_uom"]
        return {"product": product["id"], "unit": unit, "quantity": float(quantity), "company": 1}, warehouse

    def locked(self, order: str) -> AbstractAsyncContextManager[None]:
        raise CannotHappen("Tryton locks no order; whoever writes what has changed gets a ConcurrencyException")

    async def _call(self, method: str, *params: Any, **context: Any) -> Any:
        if "Authorization" not in self._http.headers:
            login = {"id": 0, "method": "common.db.login", "params": [USER, {"password": PASSWORD}, "en"]}
            uid, token, *_ = (await self._http.post("/rpc/", json=login)).json()["result"]
            session = base64.b64encode(f"{USER}:{uid}:{token}".encode()).decode()
            self._http.headers["Authorization"] = f"Session {session}"
        body = {"id": 1, "method": method, "params": [*params, {"company": 1, **context}]}
        answer = json.loads((await self._http.post("/rpc/", json=body)).content, parse_float=Decimal)
        assert "error" not in answer, answer["error"]
        return answer["result"]


def _order(row: dict[str, Any]) -> SeenOrder:
    cancelled = row["state"] == "cancelled"
    return SeenOrder(row["number"] or "", tuple(_line(one, cancelled) for one in row["lines."]))


def _line(row: dict[str, Any], cancelled: bool) -> SeenLine:
    moves = [one for one in row["moves."] if one["state"] != "cancelled"]
    done = [one for one in moves if one["state"] == "done"]
    parts = [(_day(one["planned_date"]), Decimal(one["quantity"])) for one in moves]
    symbol = row["unit."]["symbol"]
    return SeenLine(
        line=row["sequence"],
        item=row["product."]["code"],
        quantity=sum((quantity for _, quantity in parts), Decimal(0)) if moves else Decimal(row["quantity"]),
        unit=_UNITS.get(symbol, f"Tryton's {symbol}"),
        price=Decimal(row["unit_price"]["decimal"]),
        deliveries=tuple(sorted(parts)),
        cancelled=cancelled or (bool(row["moves."]) and not moves),
        completed=bool(done) and len(done) == len(moves),
    )


def _day(shown: dict[str, int]) -> dt.date:
    return dt.date(shown["year"], shown["month"], shown["day"])


def _written(value: str) -> dict[str, Any]:
    day = dt.date.fromisoformat(value)
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}
