"""Requirements: the list, one with the orders that serve it, and its trace."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel

from canonical.base import Instant
from canonical.records import OrderStage, RequirementSnapshot, RequirementStage
from gateway.access.prices import record_seen, without_prices
from gateway.access.principal import Principal, PrincipalPart, Right, needs
from gateway.paging import After, Limit, Listed, listed
from gateway.parts import LedgerPart, Parts, PartsPart
from gateway.problems import not_found, problem_responses
from gateway.requests import PlainRoute
from gateway.trace.picture import draw, page
from gateway.trace.trace import Trace, trace_of
from ledger.ledger import Ledger


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


@routes.get("", summary="Requirements, by id", responses=problem_responses(400, 422))
async def list_requirements(
    ledger: LedgerPart,
    principal: PrincipalPart,
    plant: str | None = None,
    item: str | None = None,
    stage: RequirementStage | None = None,
    order: Annotated[str | None, Query(description="Our order id, or the ERP's order number")] = None,
    q: Annotated[str | None, Query(max_length=100, description="Part of its id, reference, planner, reason")] = None,
    limit: Limit = 50,
    after: After = None,
) -> Listed[RequirementView]:
    rows = await ledger.reads.requirements(
        plant=plant, plants=principal.plants, item=item, stage=stage, order=order, q=q, limit=limit, after=after
    )
    views = [
        RequirementView.model_validate({**row.snapshot.model_dump(), "recorded_at": row.recorded_at})
        for row in rows.items
    ]
    query = {"plant": plant, "item": item, "stage": stage, "order": order, "q": q, "limit": limit}
    return listed("/v1/requirements", query, views, rows.next)


@routes.get(_ONE, summary="One requirement", responses=problem_responses(404))
async def read_requirement(
    ledger: LedgerPart, principal: PrincipalPart, plant: str, item: str, key: str
) -> RequirementDetail:
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
    return await _trace(ledger, principal, plant, item, key)


@routes.get(
    _ONE + "/trace.svg",
    response_class=Response,
    summary="The trace as a picture",
    responses={200: {"content": {"image/svg+xml": {}}}, **problem_responses(404)},
)
async def read_trace_svg(parts: PartsPart, principal: PrincipalPart, plant: str, item: str, key: str) -> Response:
    found = await _picture(parts, principal, plant, item, key)
    return Response(draw(found.heading, found.audit_events), media_type="image/svg+xml", headers=_STATIC_ONLY)


@routes.get(
    _ONE + "/trace.html",
    response_class=HTMLResponse,
    summary="The trace as a page",
    responses=problem_responses(404),
)
async def read_trace_html(parts: PartsPart, principal: PrincipalPart, plant: str, item: str, key: str) -> HTMLResponse:
    found = await _picture(parts, principal, plant, item, key)
    return HTMLResponse(page(found.heading, found.audit_events, found.numbers, found.reasons), headers=_STATIC_ONLY)


async def _trace(ledger: Ledger, principal: Principal, plant: str, item: str, key: str) -> Trace:
    found = await trace_of(ledger, f"requirement/{plant}/{item}/{key}") if principal.sees(plant) else None
    if found is None:
        raise _unknown_requirement(plant, item, key)
    if not principal.may(Right.SEE_PRICES):
        return Trace.model_validate(without_prices(found.model_dump(mode="json")))
    await record_seen(ledger, principal, [found.requirement.id, *(order.id for order in found.orders)], "trace")
    return found


async def _picture(parts: Parts, principal: Principal, plant: str, item: str, key: str) -> Trace:
    policy = parts.policies.effective(plant)
    return (await _trace(parts.ledger, principal, plant, item, key)).shown_at(policy.calendar if policy else None)


_STATIC_ONLY = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
"""Names and comments in the picture come from outside; nothing in it may run."""


def _unknown_requirement(plant: str, item: str, key: str) -> Exception:
    return not_found(
        "requirement",
        f"requirement/{plant}/{item}/{key}",
        f"list the requirements of the item: GET /v1/requirements?{urlencode({'plant': plant, 'item': item})}; "
        "one that was taken in a moment ago may not have recorded its first state yet",
    )


__all__ = ["RequirementDetail", "RequirementView", "routes"]
