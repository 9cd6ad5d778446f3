"""Orders: the list, one with its lines, revisions and allocations, and its trace."""

from typing import Annotated

from fastapi import APIRouter, Query

from canonical.base import Instant
from canonical.records import OrderSnapshot, OrderStage
from gateway.access.principal import PrincipalPart, Right
from gateway.paging import After, Limit, Listed, listed
from gateway.parts import LedgerPart, PartsPart
from gateway.problems import not_found, problem_responses
from gateway.requests import PlainRoute
from gateway.trace.trace import OrderTrace, order_trace_of
from ledger.snapshots.lists import Order, OrderCondition, OrderFilter
from ledger.snapshots.reads import OrderRow


class OrderView(OrderSnapshot):
    """An order as last recorded, with its lines and the requirement that each serves."""

    recorded_at: Instant


routes = APIRouter(prefix="/v1/orders", tags=["Orders"], route_class=PlainRoute)
_ONE = "/{plant}/{supplier}/{key}"


@routes.get(
    "", summary="Orders, by id or by the next date on which goods are due", responses=problem_responses(400, 403)
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
) -> Listed[OrderView]:
    principal.require(Right.READ)
    which = OrderFilter(
        plants=principal.plants, plant=plant, supplier=supplier, stage=stage, number=number, condition=show, q=q
    )
    today = {each: parts.today(each) for each in parts.policies.plants}
    rows = await parts.ledger.lists.orders(which, today, order=sort, limit=limit, after=after)
    query = {"plant": plant, "supplier": supplier, "stage": stage, "number": number, "show": show, "q": q or None}
    views = [_view(row) for row in rows.items]
    return listed("/v1/orders", {**query, "sort": sort, "limit": limit}, views, rows.next)


@routes.get(_ONE, summary="One order: lines, revisions, allocations", responses=problem_responses(403, 404))
async def read_order(ledger: LedgerPart, principal: PrincipalPart, plant: str, supplier: str, key: str) -> OrderView:
    principal.require(Right.READ)
    row = await ledger.reads.order(f"order/{plant}/{supplier}/{key}")
    if row is None or not principal.sees(plant):
        raise _unknown(plant, supplier, key)
    return _view(row)


@routes.get(
    _ONE + "/trace",
    summary="Every audit event of an order, from its opening to the last receipt",
    responses=problem_responses(403, 404),
)
async def read_order_trace(
    ledger: LedgerPart, principal: PrincipalPart, plant: str, supplier: str, key: str
) -> OrderTrace:
    """Audit events of the order and of its exceptions, by business time; the incoming messages; and whether each
    entity's hash chain is intact.
    """
    principal.require(Right.READ)
    found = await order_trace_of(ledger, f"order/{plant}/{supplier}/{key}")
    if found is None or not principal.sees(plant):
        raise _unknown(plant, supplier, key)
    return found


def _view(row: OrderRow) -> OrderView:
    return OrderView.model_validate({**row.snapshot.model_dump(), "recorded_at": row.recorded_at})


def _unknown(plant: str, supplier: str, key: str) -> Exception:
    return not_found("order", f"order/{plant}/{supplier}/{key}", "list the orders of the supplier: GET /v1/orders")


__all__ = ["OrderView", "routes"]
