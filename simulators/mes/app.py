"""The manufacturing execution system as others meet it.

POST /control/gateway {url}: where documents are posted, as B2MML V0401 to /v1/systems/{name}/documents
POST /control/use     {response, segment, used: [{material, quantity, unit, use, lot?, place?}], at?, repeat?}: report
                      what a production response used; with `repeat` the document is sent twice, as it was. A
                      `use` that is none of the schema's is told as Other with that value
POST /control/resend  send again what the gateway refused or did not take in time
GET  /control/books   documents by number, and sendings

Documents look like those of a plant: blank units beside properties, flags of its screens as properties, seven digits
of a second. Decided here: that a document is never sent anew with another content.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from xml.sax.saxutils import escape, quoteattr

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.books import Clock, WriteLog
from simulators.control import error_as_json, gateway_route, read, resend_route
from simulators.faults import Simulator
from simulators.keeping import Shelf
from simulators.outbox import Outbox

USES = ("Consumed", "Produced", "Consumable", "Destructive Sample", "Retained Sample", "Returned Sample")
Name = Annotated[str, Field(min_length=1)]


class UsedBody(BaseModel):
    """Some material that was used, or made."""

    model_config = ConfigDict(extra="forbid")

    material: Name
    quantity: Decimal
    unit: str
    use: Name = "Consumed"
    lot: str = ""
    place: str = ""


class UseBody(BaseModel):
    """What a production response used in one segment."""

    model_config = ConfigDict(extra="forbid")

    response: Name
    segment: Name = "Assembly"
    used: Annotated[list[UsedBody], Field(min_length=1)]
    at: AwareDatetime | None = None
    repeat: bool = False


class Execution:
    """The system's books."""

    def __init__(self, name: str, outbox: Outbox, clock: Clock, shelf: Shelf) -> None:
        self.name, self.outbox, self.clock = name, outbox, clock
        self.documents: dict[str, str] = {}
        shelf.entries("documents", self.documents)

    def write(self, body: UseBody) -> str:
        """Write a document, and return its number."""
        number = f"{self.name.upper()}-{len(self.documents) + 1:06d}"
        self.documents[number] = _document(number, self.name, body, body.at or self.clock.now())
        return number

    def books(self) -> dict[str, Any]:
        """Everything that it knows."""
        return {"documents": self.documents, "deliveries": [each.view() for each in self.outbox.deliveries]}


def create(
    gateway_url: str = "http://127.0.0.1:8000",
    *,
    name: str = "mes",
    transport: httpx.AsyncBaseTransport | None = None,
    first_pause_seconds: float = 0.1,
    timeout_seconds: float = 300.0,
    shelf: Shelf | None = None,
) -> Simulator:
    """Return the system as an ASGI app; `transport` reaches a gateway in the same process."""
    clock, shelf = Clock(), shelf or Shelf()
    outbox = Outbox(
        gateway_url, transport, first_pause_seconds=first_pause_seconds, timeout_seconds=timeout_seconds, shelf=shelf
    )
    execution = Execution(name, outbox, clock, shelf)

    async def use(request: Request) -> Response:
        body = await read(request, UseBody)
        number = execution.write(body)
        content = execution.documents[number].encode()
        for _ in range(2 if body.repeat else 1):
            delivery = await outbox.deliver(number, f"/v1/systems/{name}/documents", "application/xml", content)
        return JSONResponse({"document": number, **delivery.view()})

    app = Starlette(
        routes=[
            gateway_route(outbox),
            Route("/control/use", use, methods=["POST"]),
            resend_route(outbox),
        ],
        exception_handlers={HTTPException: error_as_json},
        lifespan=outbox.lifespan,
    )
    return Simulator(app, name="mes", books=execution.books, clock=clock, log=WriteLog(clock, shelf=shelf), shelf=shelf)


def _document(number: str, name: str, body: UseBody, at: datetime) -> str:
    actuals = "".join(_actual(place, used) for place, used in enumerate(body.used, 1))
    return (
        '\ufeff<?xml version="1.0" encoding="utf-8"?>\n'
        '<SyncProductionPerformance releaseID="" xmlns="http://www.wbf.org/xml/B2MML-V0401">\n'
        f"  <ApplicationArea><Sender><LogicalID>{escape(name)}</LogicalID></Sender>"
        f"<CreationDateTime>{at.strftime('%Y-%m-%dT%H:%M:%S.%f')}0{at.strftime('%z')[:3]}:{at.strftime('%z')[3:5]}"
        f"</CreationDateTime><BODID>{number}</BODID></ApplicationArea>\n"
        f"  <DataArea><Sync/><ProductionPerformance><ProductionResponse><ID>{escape(body.response)}</ID>"
        f"<SegmentResponse><ID>{escape(body.segment)}</ID>\n{actuals}"
        "  </SegmentResponse></ProductionResponse></ProductionPerformance></DataArea>\n"
        "</SyncProductionPerformance>"
    )


def _actual(place: int, used: UsedBody) -> str:
    known = used.use in USES
    use = f"<MaterialUse>{used.use}</MaterialUse>"
    if not known:
        use = f"<MaterialUse OtherValue={quoteattr(used.use)}>Other</MaterialUse>"
    lot = f"<MaterialLotID>{escape(used.lot)}</MaterialLotID>" if used.lot else ""
    where = f"<Location><EquipmentID>{escape(used.place)}</EquipmentID></Location>" if used.place else ""
    flags = "".join(
        f"<MaterialActualProperty><ID>{flag}</ID><Value><ValueString>{value}</ValueString><DataType>string</DataType>"
        "<UnitOfMeasure></UnitOfMeasure></Value></MaterialActualProperty>"
        for flag, value in (("EmptyFlag", "0"), ("Indice", f"{place:03d}0"))
    )
    return (
        f"    <MaterialActual><MaterialDefinitionID>{escape(used.material)}</MaterialDefinitionID>{lot}{where}{use}"
        f"<Quantity><QuantityString>{used.quantity:f}</QuantityString><DataType>decimal</DataType>"
        f"<UnitOfMeasure>{escape(used.unit)}</UnitOfMeasure></Quantity>{flags}</MaterialActual>\n"
    )
