"""A buyer at the ERP's own screens: edits of order lines, and the events that tell of them.

Decided here: what a person may edit (SAP's own rules hold), how it is kept in the books, and that each field changed is
one CloudEvent `pegline.order.edited.v1`. Not decided here: what anybody makes of it.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from simulators.control import GatewayBody, read
from simulators.erp import orders, schedules
from simulators.erp.books import Books, Item, Work
from simulators.erp.errors import SapError
from simulators.erp.wire import Row, document_number
from simulators.outbox import Outbox

BATCH = "application/cloudevents-batch+json"
EDITED = "pegline.order.edited.v1"
_SCREEN = "/control/edits"


class EditBody(BaseModel):
    """What a person makes of an order line; what is left out stays.

    Of several deliveries, a quantity changes the last one, a date the one on `from_date`.
    """

    model_config = ConfigDict(extra="forbid")

    order: str
    item: int
    user: Annotated[str, Field(min_length=1, max_length=12)]
    quantity: Annotated[Decimal, Field(gt=0)] | None = None
    delivery_date: date | None = None
    from_date: date | None = None
    price: Annotated[Decimal, Field(ge=0)] | None = None
    """For the price unit of the line."""
    deleted: Literal[True] | None = None
    blocked: bool | None = None
    """Blocked or unblocked: deletion code S or none."""
    delivery_completed: bool | None = None
    tell: bool = True
    """False: the event is lost."""
    repeat: bool = False
    """Every event is sent twice."""

    @model_validator(mode="after")
    def _edits_something(self) -> "EditBody":
        edits = (self.quantity, self.delivery_date, self.price, self.deleted, self.blocked, self.delivery_completed)
        if all(edit is None for edit in edits):
            raise ValueError("edit quantity, delivery_date, price, or set deleted, blocked or delivery_completed")
        return self


class Edits:
    """The screens of the ERP called `name`, and its way to the gateway."""

    def __init__(self, books: Books, outbox: Outbox, name: str) -> None:
        self.books = books
        self.outbox = outbox
        self.source = f"erp-{name}"
        self._events: dict[str, dict[str, Any]] = {}

    async def set_gateway(self, request: Request) -> Response:
        """Say where edits are told."""
        self.outbox.gateway_url = (await read(request, GatewayBody)).url
        return JSONResponse({"url": self.outbox.gateway_url})

    async def edit(self, request: Request) -> Response:
        """Edit a line as a person; 404 where it is not there, 409 in SAP's words where SAP lets nobody do it."""
        body = await read(request, EditBody)
        events = [self._event(body, *change) for change in self._change(body, request.headers)]
        for _ in range(2 if body.repeat else 1) if body.tell and self.outbox.gateway_url else ():
            await self._notify(events)
        return JSONResponse({"edits": [event["data"] for event in events]}, 201)

    async def resend(self, request: Request) -> Response:
        """Send again what the gateway refused or did not take in time."""
        again = [one for one in self.outbox.deliveries if one.state in ("refused", "given_up")]
        for delivery in again:
            await self.outbox.attempt(delivery)
        return JSONResponse({"deliveries": [delivery.view() for delivery in again]})

    def _change(self, body: EditBody, headers: Mapping[str, str]) -> list[tuple[str, str, str]]:
        document = self.books.documents["order"].get(document_number(body.order))
        item = document.items.get(body.item) if document else None
        if item is None:
            raise HTTPException(404, f"order {body.order} item {body.item} does not exist")
        moved = _delivery(item, body.from_date) if body.delivery_date is not None else None
        before, work = _state(item, moved), Work(self.books, headers, body.user)
        try:
            _carry_out(work, item, body, moved)
            schedules.settle(work)
        except SapError as error:
            work.roll_back()
            raise HTTPException(409, f"{error.problems[0].code}: {error}") from error
        work.sign()
        after = _state(item, moved)
        return [(field, before[field], after[field]) for field in after if after[field] != before[field]]

    def _event(self, body: EditBody, field: str, old: str, new: str) -> dict[str, Any]:
        document = self.books.documents["order"][document_number(body.order)]
        now = self.books.clock.now().isoformat()
        data: dict[str, Any] = {"order": document.number, "line": body.item, "field": field, "old": old, "new": new}
        if field == "price":
            data["price_unit"] = f"{document.items[body.item].row['NetPriceQuantity']:f}"
        data["edited_by"] = body.user
        number = f"edit-{len(self.books.edits) + 1:08d}"
        self.books.edits.append({"number": number, **data, "at": now, "reported": 0})
        self._events[number] = {
            "specversion": "1.0",
            "id": number,
            "source": self.source,
            "type": EDITED,
            "subject": document.number,
            "time": now,
            "datacontenttype": "application/json",
            "data": data,
        }
        return self._events[number]

    async def _notify(self, events: list[dict[str, Any]]) -> None:
        if not events:
            return
        for kept in self.books.edits:
            kept["reported"] += any(event["id"] == kept["number"] for event in events)
        subject = f"edits {events[0]['id']} to {events[-1]['id']}"
        await self.outbox.deliver(subject, "/v1/events", BATCH, bytes(JSONResponse(events).body))


def _carry_out(work: Work, item: Item, body: EditBody, moved: Row | None) -> None:
    key = {"PurchaseOrder": item.row["PurchaseOrder"], "PurchaseOrderItem": body.item}
    changes: dict[str, str | bool] = {}
    if body.quantity is not None:
        changes["OrderQuantity"] = f"{body.quantity:f}"
    if body.blocked is False:
        orders.block_item(work, _SCREEN, key, blocked=False)
    if body.delivery_completed is not None:
        changes["IsCompletelyDelivered"] = body.delivery_completed
    if body.price is not None:
        changes["NetPriceAmount"] = f"{body.price:f}"
    rest = (body.quantity or Decimal(0)) - item.row["OrderQuantity"]
    if changes:
        orders.merge_item(work, _SCREEN, key, changes)
    if body.quantity is not None and len(item.schedule) > 1:
        last = max(item.schedule.values(), key=lambda line: (line["ScheduleLineDeliveryDate"], line["ScheduleLine"]))
        quantity = last["ScheduleLineOrderQuantity"] + rest
        sent = {"ScheduleLineOrderQuantity": f"{quantity:f}"}
        if quantity < last["ScheduleLineCommittedQuantity"]:
            sent["ScheduleLineCommittedQuantity"] = sent["ScheduleLineOrderQuantity"]
        schedules.merge_line(work, _SCREEN, _line_key(last), sent)
    if moved is not None and body.delivery_date is not None:
        day = {"ScheduleLineDeliveryDate": body.delivery_date.isoformat()}
        schedules.merge_line(work, _SCREEN, _line_key(moved), day)
    if body.deleted:
        orders.delete_item(work, _SCREEN, key)
    if body.blocked:
        orders.block_item(work, _SCREEN, key, blocked=True)


def _state(item: Item, moved: Row | None) -> dict[str, str]:
    """The line's values as events spell them."""
    shown = {
        "quantity": f"{item.row['OrderQuantity'].normalize():f}",
        "price": f"{item.row['NetPriceAmount'].normalize():f}",
        "deleted": "true" if item.row["PurchasingDocumentDeletionCode"] == "L" else "false",
        "blocked": "true" if item.row["PurchasingDocumentDeletionCode"] == "S" else "false",
        "delivery_completed": "true" if item.row["IsCompletelyDelivered"] else "false",
    }
    if moved is not None:
        shown["delivery_date"] = moved["ScheduleLineDeliveryDate"].isoformat()
    return shown


def _delivery(item: Item, on: date | None) -> Row:
    lines = list(item.schedule.values())
    found = [line for line in lines if on is None or line["ScheduleLineDeliveryDate"] == on]
    if len(found) != 1:
        days = ", ".join(line["ScheduleLineDeliveryDate"].isoformat() for line in lines)
        raise HTTPException(400, f"name one delivery by from_date; the item has {days}")
    return found[0]


def _line_key(line: Row) -> Row:
    return {name: line[name] for name in ("PurchasingDocument", "PurchasingDocumentItem", "ScheduleLine")}
