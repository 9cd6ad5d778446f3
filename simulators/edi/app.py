"""The EDI gateway as others meet it; the documents themselves are in the package's docstring.

POST /messages            a document (application/edifact); Idempotency-Key. The same again is answered the same;
                          a key that was used for another document: 409
POST /control/gateway     {url, channel?}: where the suppliers' documents are posted (/v1/suppliers/{channel}/messages)
POST /control/behaviours  [{match, behaviour, days?, share?, percent?, times?}]: replaces the rules (see behaviours)
POST /control/pace        {answer_after_seconds}
POST /control/fix        {order}: answer readably now (after an unreadable answer, or instead of silence)
POST /control/despatch    {order? | orders? | all: true, until?, backorders_on?}: send what was promised, with DESADV
POST /control/settle      answers when nothing is under way any more
POST /control/resend      send again what the gateway refused or did not take in time
GET  /control/books       orders with lines, promises, despatches, messages; counts of received, duplicates, reminders
"""

from datetime import date
from typing import Annotated

import httpx
from pydantic import BaseModel, Field, RootModel, model_validator
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.books import Clock, WriteLog
from simulators.control import GatewayBody, error_as_json, read, resend_route, settle_route
from simulators.edi.behaviours import Rule
from simulators.edi.suppliers import AnotherDocument, Suppliers
from simulators.edi.syntax import BadInterchange
from simulators.faults import Simulator
from simulators.keeping import Shelf
from simulators.outbox import Outbox


class EdiGatewayBody(GatewayBody):
    """Where the gateway is, and on which channel the suppliers post."""

    channel: str | None = None


class RulesBody(RootModel[list[Rule]]):
    """The rules, the first that matches holds."""


class PaceBody(BaseModel):
    """How long suppliers take."""

    answer_after_seconds: Annotated[float, Field(ge=0)]


class FixBody(BaseModel):
    """Which order to answer readably."""

    order: str


class DespatchBody(BaseModel):
    """Which orders to despatch."""

    order: str | None = None
    orders: list[str] | None = None
    all: bool = False
    until: date | None = None
    backorders_on: date | None = None

    @model_validator(mode="after")
    def _says_which(self) -> "DespatchBody":
        if not (self.order or self.orders is not None or self.all):
            raise ValueError("name the order, the orders, or all")
        return self

    @property
    def chosen(self) -> list[str] | None:
        """The orders named; None: all."""
        if self.all:
            return None
        return [*(self.orders or []), *([self.order] if self.order else [])]


def create(
    gateway_url: str = "http://127.0.0.1:8000",
    *,
    channel: str = "edifact",
    answer_after_seconds: float = 0.05,
    transport: httpx.AsyncBaseTransport | None = None,
    first_pause_seconds: float = 0.1,
    timeout_seconds: float = 300.0,
    shelf: Shelf | None = None,
) -> Simulator:
    """Return the EDI gateway as an ASGI app; `transport` reaches a gateway of ours in the same process."""
    clock = Clock()
    log = WriteLog(clock, shelf=shelf)
    outbox = Outbox(
        gateway_url,
        transport,
        first_pause_seconds=first_pause_seconds,
        timeout_seconds=timeout_seconds,
        shelf=shelf,
    )
    suppliers = Suppliers(outbox, clock, channel, answer_after_seconds, shelf)
    app = Starlette(
        routes=[
            message_route(suppliers, log),
            *behaviour_routes(suppliers, outbox),
            *action_routes(suppliers, outbox),
            settle_route(outbox),
            resend_route(outbox),
        ],
        exception_handlers={HTTPException: error_as_json},
        lifespan=suppliers.lifespan,
    )
    return Simulator(app, name="edi", books=suppliers.books, clock=clock, log=log, shelf=shelf)


def message_route(suppliers: Suppliers, log: WriteLog) -> Route:
    """POST /messages: an interchange of ours for the suppliers."""

    async def take_message(request: Request) -> Response:
        body = await request.body()
        try:
            statement, before = suppliers.receive(body, request.headers.get("idempotency-key"))
        except BadInterchange as error:
            return JSONResponse({"error": str(error)}, 422)
        except AnotherDocument as error:
            return JSONResponse({"error": str(error)}, 409)
        if before:
            return JSONResponse(statement, headers={"Idempotent-Replayed": "true"})
        for message in statement["messages"]:
            log.record(
                method="POST",
                path=request.url.path,
                headers=request.headers,
                summary=f"{message['type']} {message['done']}",
                document=message["order"],
            )
        return JSONResponse(statement)

    return Route("/messages", take_message, methods=["POST"])


def behaviour_routes(suppliers: Suppliers, outbox: Outbox) -> list[Route]:
    """POST /control/gateway, behaviours and pace: how the suppliers answer from now on."""

    async def set_gateway(request: Request) -> Response:
        body = await read(request, EdiGatewayBody)
        outbox.gateway_url, suppliers.channel = body.url, body.channel or suppliers.channel
        return JSONResponse({"url": outbox.gateway_url, "channel": suppliers.channel})

    async def set_behaviours(request: Request) -> Response:
        rules = (await read(request, RulesBody)).root
        suppliers.rules.replace(rules)
        return JSONResponse({"rules": len(rules)})

    async def set_pace(request: Request) -> Response:
        suppliers.answer_after_seconds = (await read(request, PaceBody)).answer_after_seconds
        return JSONResponse({"answer_after_seconds": suppliers.answer_after_seconds})

    return [
        Route("/control/gateway", set_gateway, methods=["POST"]),
        Route("/control/behaviours", set_behaviours, methods=["POST"]),
        Route("/control/pace", set_pace, methods=["POST"]),
    ]


def action_routes(suppliers: Suppliers, outbox: Outbox) -> list[Route]:
    """POST /control/fix and despatch: what the suppliers send at once."""

    async def fix(request: Request) -> Response:
        order = (await read(request, FixBody)).order
        if order not in suppliers.orders:
            raise HTTPException(404, f"order {order} is not known here")
        suppliers.answer_now(suppliers.orders[order])
        await outbox.settled()
        return JSONResponse(suppliers.orders[order].view())

    async def send_despatches(request: Request) -> Response:
        body = await read(request, DespatchBody)
        try:
            made = await suppliers.despatch(body.chosen, body.until, body.backorders_on)
        except KeyError as error:
            raise HTTPException(404, f"order {error.args[0]} is not known here") from error
        return JSONResponse({"despatches": made})

    return [
        Route("/control/fix", fix, methods=["POST"]),
        Route("/control/despatch", send_despatches, methods=["POST"]),
    ]
