"""Orders: one with its lines, revisions and allocations."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from canonical.base import Instant
from canonical.records import OrderSnapshot
from gateway.access.prices import as_seen_by, record_seen
from gateway.access.principal import PrincipalPart, Right, needs
from gateway.parts import LedgerPart
from gateway.problems import not_found, problem_responses
from gateway.requests import PlainRoute


class OrderView(OrderSnapshot):
    """An order as last recorded, with its lines and the requirement that each serves."""

    recorded_at: Instant


routes = APIRouter(prefix="/v1/orders", tags=["Orders"], route_class=PlainRoute, dependencies=[needs(Right.READ)])


@routes.get(
    "/{plant}/{supplier}/{key}",
    response_model=OrderView,
    summary="One order: lines, revisions, allocations",
    responses=problem_responses(404),
)
async def read_order(ledger: LedgerPart, principal: PrincipalPart, plant: str, supplier: str, key: str) -> JSONResponse:
    """Without prices for callers who may not see them."""
    identity = f"order/{plant}/{supplier}/{key}"
    row = await ledger.reads.order(identity)
    if row is None or not principal.sees(plant):
        raise not_found("order", identity, "take an order id of a requirement: GET /v1/requirements")
    await record_seen(ledger, principal, [identity], "order")
    view = OrderView.model_validate({**row.snapshot.model_dump(), "recorded_at": row.recorded_at})
    return JSONResponse(as_seen_by(principal, view))


__all__ = ["OrderView", "routes"]
