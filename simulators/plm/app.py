"""The product data system as others meet it.

POST /control/gateway {url}: where revisions are published, as CloudEvents (`pegline.bom.revised.v1`) to /v1/events
POST /control/notices {notice, plant, assembly, revision, effective_from, replaced: [{old, old_quantity, new,
                      new_quantity, unit, stock?}], effective_at?}: release a change notice. The same notice released
                      anew is its next issue; one that names another assembly, plant or revision than before is a 409
POST /control/resend  send again what the gateway refused or did not take in time
GET  /control/books   notices with their issues, and sendings

Decided here: that an issue is stated whole and counted upwards, so that the newest holds whatever arrives last. Not
decided here: what becomes of stock and orders of what goes out.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

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

EVENT = "application/cloudevents+json"
REVISED = "pegline.bom.revised.v1"
Positive = Annotated[Decimal, Field(gt=0)]
Name = Annotated[str, Field(min_length=1)]


class ReplacedBody(BaseModel):
    """One component that gives way to another; quantities are in one assembly, stock is what is free of the old one.

    None: the product data system does not know, and says nothing of it.
    """

    model_config = ConfigDict(extra="forbid")

    old: Name
    old_quantity: Positive = Decimal(1)
    new: Name
    new_quantity: Positive = Decimal(1)
    unit: Name
    stock: Annotated[Decimal, Field(ge=0)] | None = None


class NoticeBody(BaseModel):
    """A change notice."""

    model_config = ConfigDict(extra="forbid")

    notice: Name
    plant: Name
    assembly: Name
    revision: Name
    effective_from: date
    replaced: Annotated[list[ReplacedBody], Field(min_length=1)]
    effective_at: AwareDatetime | None = None

    @property
    def about(self) -> tuple[str, str, str]:
        """What stays the same from issue to issue."""
        return self.plant, self.assembly, self.revision


class ProductData:
    """The product data system's books."""

    def __init__(self, name: str, outbox: Outbox, clock: Clock, shelf: Shelf | None = None) -> None:
        self.source = f"plm-{name}"
        self.outbox = outbox
        self.clock = clock
        self.notices: dict[str, list[NoticeBody]] = {}
        self.shelf = shelf or Shelf()
        self.shelf.entries("notices", self.notices)

    def release(self, body: NoticeBody) -> dict[str, Any]:
        """Keep the issue, and return it as it is told. ValueError: the notice is about something else."""
        issues = self.notices.setdefault(body.notice, [])
        if issues and issues[0].about != body.about:
            raise ValueError(f"notice {body.notice} is about {' '.join(issues[0].about)}; write another one")
        issues.append(body)
        self.shelf.touch("notices", body.notice)
        return self._event(body, len(issues), body.effective_at or self.clock.now())

    def _event(self, body: NoticeBody, issue: int, at: datetime) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": f"{body.notice}/{issue}",
            "source": self.source,
            "type": REVISED,
            "subject": body.assembly,
            "time": at.isoformat(),
            "datacontenttype": "application/json",
            "data": {
                "plant": body.plant,
                "assembly": body.assembly,
                "revision": body.revision,
                "effective_from": body.effective_from.isoformat(),
                "source_revision": issue,
                "lines": [line for row in body.replaced for line in _lines(row)],
            },
        }

    def books(self) -> dict[str, Any]:
        """Return everything the product data system knows."""
        return {
            "source": self.source,
            "notices": {
                notice: [issue.model_dump(mode="json") for issue in issues] for notice, issues in self.notices.items()
            },
            "deliveries": [delivery.view() for delivery in self.outbox.deliveries],
        }


def _lines(row: ReplacedBody) -> list[dict[str, Any]]:
    removed = {"component": row.old, "quantity": str(row.old_quantity), "change": "removed"}
    if row.stock is not None:
        removed["stock"] = str(row.stock)
    added = {"component": row.new, "quantity": str(row.new_quantity), "change": "added", "replaces": row.old}
    return [{**removed, "unit": row.unit}, {**added, "unit": row.unit}]


def create(
    gateway_url: str = "http://127.0.0.1:8000",
    *,
    name: str = "atlas",
    transport: httpx.AsyncBaseTransport | None = None,
    first_pause_seconds: float = 0.1,
    timeout_seconds: float = 300.0,
    shelf: Shelf | None = None,
) -> Simulator:
    """Return the product data system as an ASGI app; `transport` reaches a gateway in the same process."""
    clock = Clock()
    outbox = Outbox(
        gateway_url,
        transport,
        first_pause_seconds=first_pause_seconds,
        timeout_seconds=timeout_seconds,
        shelf=shelf,
    )
    plm = ProductData(name, outbox, clock, shelf)

    async def release(request: Request) -> Response:
        body = await read(request, NoticeBody)
        try:
            event = plm.release(body)
        except ValueError as error:
            raise HTTPException(409, str(error)) from error
        delivery = await outbox.deliver(event["id"], "/v1/events", EVENT, bytes(JSONResponse(event).body))
        return JSONResponse({"issue": event["data"]["source_revision"], "event": event, **delivery.view()})

    app = Starlette(
        routes=[
            gateway_route(outbox),
            Route("/control/notices", release, methods=["POST"]),
            resend_route(outbox),
        ],
        exception_handlers={HTTPException: error_as_json},
        lifespan=outbox.lifespan,
    )
    return Simulator(app, name="plm", books=plm.books, clock=clock, log=WriteLog(clock, shelf=shelf), shelf=shelf)
