"""Requirements: the list, one with the orders that serve it, and its trace."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from pydantic import BaseModel

from canonical.base import Instant
from canonical.records import OrderStage, RequirementSnapshot, RequirementStage
from gateway.access.prices import record_seen, without_prices
from gateway.access.principal import PrincipalPart, Right, needs
from gateway.paging import After, Limit, Listed, listed
from gateway.parts import LedgerPart
from gateway.problems import not_found, problem_responses
from gateway.requests import PlainRoute
from gateway.trace.trace import Trace, trace_of
from ledger.snapshots.lists import Order, RequirementFilter


class RequirementView(RequirementSnapshot):
    """A requirement as last recorded."""

    recorded_at: Instant


class ServingOrder(BaseModel):
    """An order that serves a requirement, as last recorded."""

    id: str
    order_number: str | None
    supplier: str
    stage: OrderStage
    reason: str


class RequirementDetail(RequirementView):
    """A requirement with the orders that serve it, which hold more detail than it does while they meet its request."""

    orders: tuple[ServingOrder, ...]


routes = APIRouter(
    prefix="/v1/requirements", tags=["Requirements"], route_class=PlainRoute, dependencies=[needs(Right.READ)]
)
_ONE = "/{plant}/{item}/{key}"


@routes.get("", summary="Requirements, by id or by required date", responses=problem_responses(400, 403, 422))
async def list_requirements(
    ledger: LedgerPart,
    principal: PrincipalPart,
    plant: str | None = None,
    item: str | None = None,
    stage: RequirementStage | None = None,
    planner: str | None = None,
    order: Annotated[str | None, Query(description="Our order id, or the ERP's order number")] = None,
    q: Annotated[
        str, Query(max_length=100, description="Beginnings of words of its item, references, demands and planner")
    ] = "",
    sort: Annotated[Order, Query(description="`due`: what is open first, by required date")] = Order.ID,
    limit: Limit = 50,
    after: After = None,
) -> Listed[RequirementView]:
    principal.require(Right.READ)
    which = RequirementFilter(
        plants=principal.plants, plant=plant, item=item, stage=stage, planner=planner, order=order, q=q
    )
    rows = await ledger.lists.requirements(which, order=sort, limit=limit, after=after)
    views = [
        RequirementView.model_validate({**row.snapshot.model_dump(), "recorded_at": row.recorded_at})
        for row in rows.items
    ]
    query = {"plant": plant, "item": item, "stage": stage, "planner": planner, "order": order, "q": q or None}
    return listed("/v1/requirements", {**query, "sort": sort, "limit": limit}, views, rows.next)


@routes.get(_ONE, summary="One requirement", responses=problem_responses(404))
async def read_requirement(
    ledger: LedgerPart, principal: PrincipalPart, plant: str, item: str, key: str
) -> RequirementDetail:
    principal.require(Right.READ)
    row = await ledger.reads.requirement(f"requirement/{plant}/{item}/{key}")
    if row is None or not principal.sees(plant):
        raise _unknown_requirement(plant, item, key)
    orders = [order.snapshot for order in await ledger.reads.orders_of(row.snapshot.id)]
    return RequirementDetail.model_validate(
        {
            **row.snapshot.model_dump(),
            "order_ids": [order.id for order in orders],
            "orders": [order.model_dump() for order in orders],
            "recorded_at": row.recorded_at,
        }
    )


@routes.get(_ONE + "/trace", summary="Every audit event, from plan run to receipt", responses=problem_responses(404))
async def read_trace(ledger: LedgerPart, principal: PrincipalPart, plant: str, item: str, key: str) -> Trace:
    """Audit events of the requirement, of its order lines and of its exceptions, by business time; the documents'
    numbers; the incoming messages; and whether each entity's hash chain is intact.
    """
    principal.require(Right.READ)
    found = await trace_of(ledger, f"requirement/{plant}/{item}/{key}")
    if found is None or not principal.sees(plant):
        raise _unknown_requirement(plant, item, key)
    if not principal.may(Right.SEE_PRICES):
        return Trace.model_validate(without_prices(found.model_dump(mode="json")))
    await record_seen(ledger, principal, [found.requirement.id, *(order.id for order in found.orders)], "trace")
    return found


def _unknown_requirement(plant: str, item: str, key: str) -> Exception:
    return not_found(
        "requirement",
        f"requirement/{plant}/{item}/{key}",
        f"list the requirements of the item: GET /v1/requirements?{urlencode({'plant': plant, 'item': item})}; "
        "one that was taken in a moment ago may not have recorded its first state yet",
    )


__all__ = ["RequirementDetail", "RequirementView", "routes"]
