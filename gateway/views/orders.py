"""Orders: the list, one with its lines, revisions and allocations, and its trace."""

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from canonical.base import Instant, PersonName
from canonical.messages import ReminderAsked, ReminderDue, ReminderRefused
from canonical.records import OrderSnapshot, OrderStage
from gateway.access.deciding import doer
from gateway.access.prices import as_seen_by, record_seen
from gateway.access.principal import Principal, PrincipalPart, Right, needs
from gateway.paging import After, Limit, Listed, listed
from gateway.parts import LedgerPart, Parts, PartsPart
from gateway.problems import Refusal, not_found, problem_responses
from gateway.requests import PlainRoute
from gateway.trace.trace import OrderTrace, order_trace_of
from ledger.snapshots.lists import Order, OrderCondition, OrderFilter
from ledger.snapshots.reads import OrderRow


class OrderView(OrderSnapshot):
    """An order as last recorded, with its lines and the requirement that each serves."""

    recorded_at: Instant


routes = APIRouter(prefix="/v1/orders", tags=["Orders"], route_class=PlainRoute, dependencies=[needs(Right.READ)])
_ONE = "/{plant}/{supplier}/{key}"


@routes.get(
    "",
    response_model=Listed[OrderView],
    summary="Orders, by id or by the next date on which goods are due",
    responses=problem_responses(400, 403),
)
async def list_orders(
    parts: PartsPart,
    principal: PrincipalPart,
    plant: str | None = None,
    supplier: str | None = None,
    stage: OrderStage | None = None,
    number: Annotated[str | None, Query(description="The ERP's number of the order or its requisition")] = None,
    show: Annotated[
        OrderCondition, Query(description="`overdue`: a date has passed at the plant without the goods")
    ] = OrderCondition.ALL,
    q: Annotated[str, Query(max_length=100, description="Beginnings of words of its numbers, supplier and items")] = "",
    sort: Annotated[Order, Query(description="`due`: what is open first, by its next date")] = Order.ID,
    limit: Limit = 50,
    after: After = None,
) -> JSONResponse:
    """Without prices for callers who may not see them."""
    which = OrderFilter(
        plants=principal.plants, plant=plant, supplier=supplier, stage=stage, number=number, condition=show, q=q
    )
    rows = await parts.ledger.lists.orders(which, days_of(parts), order=sort, limit=limit, after=after)
    query = {"plant": plant, "supplier": supplier, "stage": stage, "number": number, "show": show, "q": q or None}
    views = [_view(row) for row in rows.items]
    await record_seen(parts.ledger, principal, [view.id for view in views], "list of orders")
    page = listed("/v1/orders", {**query, "sort": sort, "limit": limit}, views, rows.next)
    return JSONResponse(as_seen_by(principal, page))


@routes.get(
    _ONE,
    response_model=OrderView,
    summary="One order: lines, revisions, allocations",
    responses=problem_responses(403, 404),
)
async def read_order(ledger: LedgerPart, principal: PrincipalPart, plant: str, supplier: str, key: str) -> JSONResponse:
    """Without prices for callers who may not see them."""
    row = await ledger.reads.order(f"order/{plant}/{supplier}/{key}")
    if row is None or not principal.sees(plant):
        raise _unknown(plant, supplier, key)
    await record_seen(ledger, principal, [row.snapshot.id], "order")
    return JSONResponse(as_seen_by(principal, _view(row)))


@routes.get(
    _ONE + "/trace",
    response_model=OrderTrace,
    summary="Every audit event of an order, from its opening to the last receipt",
    responses=problem_responses(403, 404),
)
async def read_order_trace(
    ledger: LedgerPart, principal: PrincipalPart, plant: str, supplier: str, key: str
) -> JSONResponse:
    """Audit events of the order and of its exceptions, by business time; the incoming messages; and whether each
    entity's hash chain is intact.
    """
    found = await order_trace_of(ledger, f"order/{plant}/{supplier}/{key}")
    if found is None or not principal.sees(plant):
        raise _unknown(plant, supplier, key)
    await record_seen(ledger, principal, [found.order.id], "trace of an order")
    return JSONResponse(as_seen_by(principal, found))


class ReminderBody(BaseModel):
    """Who asks, and for which click."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"event_id": "ui-7f2a"}]})

    event_id: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")] = Field(
        description="Of the click: one reminder, however often it is sent"
    )
    asked_by: PersonName | None = Field(
        None, description="Who asks: the caller, so that it can be left out; needed only where nobody logs in"
    )


@routes.post(
    _ONE + "/remind",
    summary="Remind the supplier now, of an answer or of a delivery",
    responses=problem_responses(400, 403, 404, 409, 422, 503),
)
async def remind_supplier(
    parts: PartsPart, principal: PrincipalPart, plant: str, supplier: str, key: str, body: ReminderBody
) -> ReminderDue:
    """409: nothing is awaited. Answers with the lines that the supplier is reminded of."""
    principal.require(Right.DECIDE)
    return await remind(parts, principal, f"order/{plant}/{supplier}/{key}", body.event_id, body.asked_by)


async def remind(
    parts: Parts, principal: Principal, identity: str, event_id: str, asked_by: str | None = None
) -> ReminderDue:
    """Have the supplier reminded, once for an event id. Raises Refusal: 403, 404, 409 where nothing is awaited, 422."""
    row = await parts.ledger.reads.order(identity)
    if row is None or not principal.sees(row.snapshot.plant):
        raise not_found("order", identity, "list the orders of the supplier: GET /v1/orders")
    asked = ReminderAsked(event_id=event_id, asked_by=doer(principal, asked_by, "asked_by"), asked_at=parts.now())
    try:
        return await parts.entities.remind(identity, asked)
    except ReminderRefused as refused:
        raise Refusal(
            409,
            "nothing_awaited",
            str(refused),
            "look at the order's lines and questions; it reminds the supplier by itself when a date has passed",
            field="path",
            value=identity,
        ) from refused


def days_of(parts: Parts) -> dict[str, dt.date]:
    """The day that it is at each plant."""
    return {plant: parts.today(plant) for plant in parts.policies.plants}


def _view(row: OrderRow) -> OrderView:
    return OrderView.model_validate({**row.snapshot.model_dump(), "recorded_at": row.recorded_at})


def _unknown(plant: str, supplier: str, key: str) -> Exception:
    return not_found("order", f"order/{plant}/{supplier}/{key}", "list the orders of the supplier: GET /v1/orders")


__all__ = ["OrderView", "days_of", "remind", "routes"]
