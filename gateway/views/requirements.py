"""Reads of requirements and orders: lists, one, and the trace of a requirement."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, Field

from canonical.base import Instant
from canonical.records import OrderSnapshot, OrderStage, RequirementSnapshot, RequirementStage
from gateway.intake.routes import problems
from gateway.problems import not_found
from gateway.trace.picture import draw, page
from gateway.trace.trace import Trace, trace_of
from ledger.ledger import Ledger

Limit = Annotated[int, Query(ge=1, le=200, description="Rows on a page")]
After = Annotated[str | None, Query(max_length=600, description="`next` of the page before carries it")]
Item = TypeVar("Item")


class Listed(BaseModel, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    next: str | None = Field(description="The next page's address; null: this is the last")


class RequirementView(RequirementSnapshot):
    """A requirement as it last stood."""

    recorded_at: Instant


class ServingOrder(BaseModel):
    """An order that serves a requirement, as it last stood."""

    id: str
    order_number: str | None
    supplier: str
    stage: OrderStage
    reason: str


class RequirementDetail(RequirementView):
    """A requirement with the orders that serve it: those know more than it does while they give what it wanted."""

    orders: tuple[ServingOrder, ...]


class OrderView(OrderSnapshot):
    """An order as it last stood, with its lines and the requirement that each serves."""

    recorded_at: Instant


def listed(path: str, query: Mapping[str, object], items: Sequence[Item], after: str | None) -> Listed[Item]:
    """A page with the address of the next one."""
    given = {name: str(value) for name, value in query.items() if value is not None}
    following = f"{path}?{urlencode({**given, 'after': after})}" if after is not None else None
    return Listed(items=list(items), next=following)


def read_routes(ledger: Ledger) -> APIRouter:
    """The routes that only read."""
    routes = APIRouter(prefix="/v1")
    one = "/requirements/{plant}/{item}/{key}"

    @routes.get(
        "/requirements",
        response_model=Listed[RequirementView],
        tags=["Requirements"],
        summary="Requirements, by id",
        responses=problems(400, 422),
    )
    async def list_requirements(
        plant: str | None = None,
        item: str | None = None,
        stage: RequirementStage | None = None,
        order: Annotated[str | None, Query(description="Our order id, or the ERP's order number")] = None,
        q: Annotated[
            str | None, Query(max_length=100, description="Part of its id, reference, planner, reason")
        ] = None,
        limit: Limit = 50,
        after: After = None,
    ) -> Listed[RequirementView]:
        rows = await ledger.reads.requirements(
            plant=plant, item=item, stage=stage, order=order, q=q, limit=limit, after=after
        )
        views = [
            RequirementView.model_validate({**row.snapshot.model_dump(), "recorded_at": row.recorded_at})
            for row in rows.items
        ]
        query = {"plant": plant, "item": item, "stage": stage, "order": order, "q": q, "limit": limit}
        return listed("/v1/requirements", query, views, rows.next)

    @routes.get(
        one,
        response_model=RequirementDetail,
        tags=["Requirements"],
        summary="One requirement",
        responses=problems(404),
    )
    async def read_requirement(plant: str, item: str, key: str) -> RequirementDetail:
        row = await ledger.reads.requirement(f"requirement/{plant}/{item}/{key}")
        if row is None:
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

    async def trace(plant: str, item: str, key: str) -> Trace:
        found = await trace_of(ledger, f"requirement/{plant}/{item}/{key}")
        if found is None:
            raise _unknown_requirement(plant, item, key)
        return found

    @routes.get(
        one + "/trace",
        response_model=Trace,
        tags=["Requirements"],
        summary="Every audit event, from plan run to receipt",
        responses=problems(404),
    )
    async def read_trace(plant: str, item: str, key: str) -> Trace:
        """Audit events of the requirement, of its lines of the orders and of its exceptions, by business time; the
        documents' numbers; what came in for them; and whether each entity's chain of hashes holds.
        """
        return await trace(plant, item, key)

    @routes.get(
        one + "/trace.svg",
        response_class=Response,
        tags=["Requirements"],
        summary="The trace as a picture",
        responses={200: {"content": {"image/svg+xml": {}}}, **problems(404)},
    )
    async def read_trace_svg(plant: str, item: str, key: str) -> Response:
        found = await trace(plant, item, key)
        return Response(draw(found.heading, found.audit_events), media_type="image/svg+xml", headers=_STATIC_ONLY)

    @routes.get(
        one + "/trace.html",
        response_class=HTMLResponse,
        tags=["Requirements"],
        summary="The trace as a page",
        responses=problems(404),
    )
    async def read_trace_html(plant: str, item: str, key: str) -> HTMLResponse:
        found = await trace(plant, item, key)
        return HTMLResponse(page(found.heading, found.audit_events, found.numbers, found.reasons), headers=_STATIC_ONLY)

    @routes.get(
        "/orders/{plant}/{supplier}/{key}",
        response_model=OrderView,
        tags=["Orders"],
        summary="One order: lines, revisions, allocations",
        responses=problems(404),
    )
    async def read_order(plant: str, supplier: str, key: str) -> OrderView:
        identity = f"order/{plant}/{supplier}/{key}"
        row = await ledger.reads.order(identity)
        if row is None:
            raise not_found("order", identity, "take an order id of a requirement: GET /v1/requirements")
        return OrderView.model_validate({**row.snapshot.model_dump(), "recorded_at": row.recorded_at})

    return routes


_STATIC_ONLY = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
"""Names and comments in the picture come from outside; nothing in it may run."""


def _unknown_requirement(plant: str, item: str, key: str) -> Exception:
    return not_found(
        "requirement",
        f"requirement/{plant}/{item}/{key}",
        f"list the requirements of the item: GET /v1/requirements?{urlencode({'plant': plant, 'item': item})}; "
        "one that was taken in a moment ago may not have recorded its first state yet",
    )


__all__ = ["After", "Limit", "Listed", "OrderView", "RequirementView", "listed", "read_routes"]
