"""Orders: one with its lines, revisions and allocations."""

from fastapi import APIRouter

from canonical.base import Instant
from canonical.records import OrderSnapshot
from gateway.parts import LedgerPart
from gateway.problems import not_found, problem_responses
from gateway.requests import PlainRoute


class OrderView(OrderSnapshot):
    """An order as last recorded, with its lines and the requirement that each serves."""

    recorded_at: Instant


routes = APIRouter(prefix="/v1/orders", tags=["Orders"], route_class=PlainRoute)


@routes.get(
    "/{plant}/{supplier}/{key}",
    summary="One order: lines, revisions, allocations",
    responses=problem_responses(404),
)
async def read_order(ledger: LedgerPart, plant: str, supplier: str, key: str) -> OrderView:
    identity = f"order/{plant}/{supplier}/{key}"
    row = await ledger.reads.order(identity)
    if row is None:
        raise not_found("order", identity, "take an order id of a requirement: GET /v1/requirements")
    return OrderView.model_validate({**row.snapshot.model_dump(), "recorded_at": row.recorded_at})


__all__ = ["OrderView", "routes"]
