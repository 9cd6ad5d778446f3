"""The warehouse as others meet it.

POST /control/gateway {url}: where receipts are told, as CloudEvents (`pegline.goods.received.v1`) to /v1/events
POST /control/erp     {url}: the ERP simulator with its prefix; receipts are posted there first, before they are told
POST /control/receive {receipts: [{order, line, quantity, unit, date, from_plant?}], effective_at?, repeat?,
                      batch_size?}: post receipts; with `repeat` every message is sent twice. 409 where the ERP does not
                      take them: then nothing is received. `from_plant`: goods of a stock transport order come from that
                      plant; the ERP, where there is one, knows it by itself. They are told by the same event
                      A quantity below zero is taken back: `reverses` names the receipt that was a mistake, without it
                      the goods went back to the supplier; `final`: nothing more of the line comes
POST /control/repeat  {receipt_numbers?}: send messages of earlier receipts (all) once more, as they were
POST /control/resend  send again what the gateway refused or did not take in time
GET  /control/books   receipts with their numbers; sums by order and line, of purchases (`received`) and of stock
                      transport orders (`transferred`) apart; sendings
"""

import json
from collections import defaultdict
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.books import Clock, WriteLog
from simulators.control import GatewayBody, error_as_json, gateway_route, read, resend_route
from simulators.faults import Simulator
from simulators.keeping import Shelf
from simulators.outbox import Outbox

BATCH = "application/cloudevents-batch+json"
RECEIVED = "pegline.goods.received.v1"
SHIFT_ENDS = time(15, tzinfo=UTC)
"""When a receipt takes effect on its day, where nothing else is said."""


class ReceiptBody(BaseModel):
    """Goods that arrive."""

    model_config = ConfigDict(extra="forbid")

    order: Annotated[str, Field(min_length=1)]
    line: Annotated[int, Field(gt=0)]
    quantity: Decimal
    """Below zero: taken back."""
    unit: Annotated[str, Field(min_length=1)]
    date: date
    from_plant: Annotated[str, Field(min_length=1)] | None = None
    reverses: Annotated[str, Field(min_length=1)] | None = None
    final: bool = False

    @field_validator("quantity")
    @classmethod
    def _something_moves(cls, quantity: Decimal) -> Decimal:
        if quantity == 0:
            raise ValueError("nothing moves")
        return quantity


class ReceiveBody(BaseModel):
    """What arrives together."""

    receipts: Annotated[list[ReceiptBody], Field(min_length=1)]
    effective_at: AwareDatetime | None = None
    repeat: bool = False
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 50


class RepeatBody(BaseModel):
    """Which receipts are told once more; all where none is named."""

    receipt_numbers: list[str] | None = None
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 50


class Warehouse:
    """The warehouse's books."""

    def __init__(self, name: str, gateway: Outbox, erp: Outbox | None, shelf: Shelf | None = None) -> None:
        self.source = f"wms-{name}"
        self.gateway = gateway
        self.erp = erp
        self.events: dict[str, dict[str, Any]] = {}
        """By receipt number, as they are told."""
        self.reported: dict[str, int] = defaultdict(int)
        self.from_plant: dict[str, str] = {}
        """The supplying plant, by receipt number."""
        self._numbers = 0
        self.shelf = shelf or Shelf()
        self.shelf.entries("events", self.events)
        self.shelf.whole("reported", lambda: self.reported, self.reported.update)
        self.shelf.whole("from_plant", lambda: self.from_plant, self.from_plant.update)
        self.shelf.whole("numbers", lambda: self._numbers, lambda kept: setattr(self, "_numbers", kept))

    def post(self, body: ReceiveBody) -> list[dict[str, Any]]:
        """Return the events of what arrives, with numbers of their own; nothing else is in the books yet."""
        events = [self._event(receipt, body.effective_at) for receipt in body.receipts]
        # Before the ERP hears of the numbers: it counts one that it knows no second time.
        self.shelf.save()
        return events

    def _event(self, receipt: ReceiptBody, effective_at: datetime | None) -> dict[str, Any]:
        self._numbers += 1
        number = f"GR{self._numbers:08d}"
        if receipt.from_plant:
            self.from_plant[number] = receipt.from_plant
        return {
            "specversion": "1.0",
            "id": number,
            "source": self.source,
            "type": RECEIVED,
            "subject": receipt.order,
            "time": (effective_at or datetime.combine(receipt.date, SHIFT_ENDS)).isoformat(),
            "datacontenttype": "application/json",
            "data": {
                **receipt.model_dump(mode="json", exclude={"from_plant"}, exclude_defaults=True),
                "receipt_number": number,
            },
        }

    async def report(self, events: list[dict[str, Any]]) -> None:
        """Post the receipts in the ERP, where there is one; 409 with its reason where it does not take them."""
        if self.erp is None:
            return
        posted = [
            {
                "order": event["data"]["order"],
                "item": event["data"]["line"],
                "quantity": event["data"]["quantity"],
                "receipt": event["id"],
            }
            for event in events
        ]
        body = bytes(JSONResponse(posted).body)
        subject = f"{len(events)} receipts"
        delivery = await self.erp.deliver(subject, "/control/goods-receipts", "application/json", body)
        if delivery.state != "delivered":
            raise HTTPException(409, f"the ERP did not post the receipts ({delivery.status}): {delivery.answer[:300]}")
        for each in json.loads(delivery.answer)["posted"]:
            if plant := each.get("supplying_plant"):
                self.from_plant[each["receipt"]] = plant

    async def tell(self, events: list[dict[str, Any]], batch_size: int) -> None:
        """Tell the gateway."""
        for start in range(0, len(events), batch_size):
            batch = events[start : start + batch_size]
            for event in batch:
                self.reported[event["id"]] += 1
            subject = f"receipts {batch[0]['id']} to {batch[-1]['id']}"
            await self.gateway.deliver(subject, "/v1/events", BATCH, bytes(JSONResponse(batch).body))

    def books(self) -> dict[str, Any]:
        """Return everything the warehouse knows."""
        return {
            "source": self.source,
            "gateway": self.gateway.gateway_url,
            "erp": self.erp.gateway_url if self.erp else None,
            "receipts": {
                number: {
                    **event["data"],
                    "from_plant": self.from_plant.get(number),
                    "effective_at": event["time"],
                    "reported": self.reported[number],
                }
                for number, event in self.events.items()
            },
            "received": self._sums(transferred=False),
            "transferred": self._sums(transferred=True),
            "deliveries": [delivery.view() for delivery in self.gateway.deliveries],
            "erp_deliveries": [delivery.view() for delivery in self.erp.deliveries] if self.erp else [],
        }

    def _sums(self, *, transferred: bool) -> dict[str, dict[str, str]]:
        sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for number, event in self.events.items():
            if (number in self.from_plant) is transferred:
                data = event["data"]
                sums[data["order"]][str(data["line"])] += Decimal(data["quantity"])
        return {order: {line: str(quantity) for line, quantity in lines.items()} for order, lines in sums.items()}


def create(
    gateway_url: str = "http://127.0.0.1:8000",
    *,
    erp_url: str | None = None,
    name: str = "main",
    transport: httpx.AsyncBaseTransport | None = None,
    erp_transport: httpx.AsyncBaseTransport | None = None,
    first_pause_seconds: float = 0.1,
    timeout_seconds: float = 300.0,
    shelf: Shelf | None = None,
) -> Simulator:
    """Return the warehouse as an ASGI app; the transports reach a gateway and an ERP in the same process."""
    log = WriteLog(Clock(), shelf=shelf)

    def outbox(url: str, by: httpx.AsyncBaseTransport | None, shelf: Shelf | None = None) -> Outbox:
        return Outbox(url, by, first_pause_seconds=first_pause_seconds, timeout_seconds=timeout_seconds, shelf=shelf)

    gateway = outbox(gateway_url, transport, shelf)
    warehouse = Warehouse(name, gateway, outbox(erp_url, erp_transport) if erp_url else None, shelf)

    async def set_erp(request: Request) -> Response:
        warehouse.erp = outbox((await read(request, GatewayBody)).url, erp_transport)
        return JSONResponse({"url": warehouse.erp.gateway_url})

    async def receive(request: Request) -> Response:
        body = await read(request, ReceiveBody)
        events = warehouse.post(body)
        await warehouse.report(events)
        for event in events:
            warehouse.events[event["id"]] = event
            data = event["data"]
            log.record(
                method="POST",
                path=request.url.path,
                headers=request.headers,
                summary=f"receipt {event['id']}: {data['quantity']} {data['unit']}",
                document=data["order"],
                line=str(data["line"]),
            )
        for _ in range(2 if body.repeat else 1):
            await warehouse.tell(events, body.batch_size)
        return JSONResponse({"receipts": [event["data"] for event in events]}, 201)

    async def repeat(request: Request) -> Response:
        body = await read(request, RepeatBody)
        numbers = list(warehouse.events) if body.receipt_numbers is None else body.receipt_numbers
        if unknown := [number for number in numbers if number not in warehouse.events]:
            raise HTTPException(404, f"there is no receipt {', '.join(unknown)}")
        await warehouse.tell([warehouse.events[number] for number in numbers], body.batch_size)
        return JSONResponse({"reported": numbers})

    app = Starlette(
        routes=[
            gateway_route(gateway),
            Route("/control/erp", set_erp, methods=["POST"]),
            Route("/control/receive", receive, methods=["POST"]),
            Route("/control/repeat", repeat, methods=["POST"]),
            resend_route(gateway),
        ],
        exception_handlers={HTTPException: error_as_json},
        lifespan=gateway.lifespan,
    )
    return Simulator(app, name="wms", books=warehouse.books, clock=log.clock, log=log, shelf=shelf)
