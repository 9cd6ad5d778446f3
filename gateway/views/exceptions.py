"""The buyers' inbox: exceptions, and the decision on one (R15)."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import JSONResponse
from pydantic import Field

from canonical.base import Instant
from canonical.exception import ExceptionKind
from canonical.records import ExceptionSnapshot, ExceptionState
from gateway.access.prices import as_seen_by, record_seen
from gateway.access.principal import PrincipalPart, Right, needs
from gateway.decisions_taken import DecisionBody, question, take
from gateway.paging import After, Limit, Listed, listed
from gateway.parts import LedgerPart, PartsPart
from gateway.problems import Refusal, problem_responses
from gateway.requests import PlainRoute
from ledger.snapshots.reads import ExceptionRow
from ledger.work_list.work_list import WorkFilter, WorkOrder


class ExceptionView(ExceptionSnapshot):
    """An exception with everything needed to decide it; send its digest back as If-Match.

    It names who is asked and on whose behalf, what happens when where nobody decides (R16), and the reasons.
    """

    recorded_at: Instant | None = None
    waiting: int = Field(0, description="Requirements that wait for this decision, where several share the question")
    risk: Decimal | None = Field(None, description="The chance, 0 to 1, that a pegged date is missed; null: not known")
    risk_why: str = Field("", description="What the chance is taken from, in a sentence")


_SORT = f"^-?({'|'.join(WorkOrder)})$"

routes = APIRouter(
    prefix="/v1/exceptions", tags=["Exceptions"], route_class=PlainRoute, dependencies=[needs(Right.READ)]
)


@routes.get(
    "",
    response_model=Listed[ExceptionView],
    summary="Questions to people, the newest first",
    responses=problem_responses(400, 403, 422),
)
async def list_exceptions(
    ledger: LedgerPart,
    principal: PrincipalPart,
    assignee: str | None = None,
    plant: str | None = None,
    item: str | None = None,
    supplier: str | None = None,
    order_number: Annotated[str | None, Query(alias="order", description="The ERP's order number")] = None,
    demand: Annotated[str | None, Query(description="One of the pegged demands")] = None,
    planner: Annotated[str | None, Query(description="Planner code of a requirement that it is about")] = None,
    kind: ExceptionKind | None = None,
    state: ExceptionState | None = None,
    sort: Annotated[str, Query(pattern=_SORT)] = "-opened",
    limit: Limit = 50,
    after: After = None,
) -> JSONResponse:
    """Without prices for callers who may not see them. Texts must be equal; an asterisk stands for any characters
    (`item=FR-*`). `sort` names a column, with a minus before it for the opposite direction; ties are broken by latest
    safe date, criticality and id.
    """
    order = WorkOrder(sort.removeprefix("-"))
    if order is WorkOrder.VALUE:
        principal.require(Right.SEE_PRICES)
    query = {
        "assignee": assignee,
        "plant": plant,
        "item": item,
        "supplier": supplier,
        "order": order_number,
        "demand": demand,
        "planner": planner,
        "kind": kind,
        "state": state,
    }
    filter = WorkFilter.model_validate({"plants": principal.plants, **query})
    page = await ledger.work_list.questions(filter, order, descending=sort.startswith("-"), limit=limit, after=after)
    await record_seen(ledger, principal, [row.snapshot.id for row in page.items], "list of exceptions")
    stated = {**query, "sort": sort, "limit": limit}
    views = listed("/v1/exceptions", stated, [_view(row) for row in page.items], page.next)
    return JSONResponse(as_seen_by(principal, views))


@routes.get(
    "/{id}",
    response_model=ExceptionView,
    summary="One exception; its ETag is the digest",
    responses=problem_responses(404),
)
async def read_exception(ledger: LedgerPart, principal: PrincipalPart, id: str) -> JSONResponse:
    """Without prices for callers who may not see them."""
    view = _view(await question(ledger, principal, id))
    await record_seen(ledger, principal, [view.id], "exception")
    return JSONResponse(as_seen_by(principal, view), headers={"ETag": f'"{view.digest}"'})


@routes.post(
    "/{id}/decision",
    response_model=ExceptionView,
    dependencies=[needs(Right.DECIDE)],
    summary="Decide on the proposal that was read",
    responses=problem_responses(400, 403, 404, 409, 412, 422, 428, 503),
)
async def decide(
    parts: PartsPart,
    principal: PrincipalPart,
    id: str,
    body: DecisionBody,
    if_match: Annotated[str | None, Header(description="The digest of the proposal decided on")] = None,
) -> JSONResponse:
    """The decision is the caller's. The same event id again gets the same answer. 412: the proposal has changed since;
    403: the proposer may not approve, nor may a role that is not entitled; 409: it is already decided or has been
    resolved otherwise; 428: If-Match is missing.
    """
    row = await question(parts.ledger, principal, id)
    snapshot = await take(parts, principal, row.snapshot, body, _digest_of(if_match, row))
    view = ExceptionView.model_validate(snapshot.model_dump())
    return JSONResponse(as_seen_by(principal, view), headers={"ETag": f'"{view.digest}"'})


def _view(row: ExceptionRow) -> ExceptionView:
    return ExceptionView.model_validate(
        {**row.snapshot.model_dump(), **row.model_dump(include={"recorded_at", "waiting", "risk", "risk_why"})}
    )


def _digest_of(if_match: str | None, row: ExceptionRow) -> str:
    digest = (if_match or "").strip().removeprefix("W/").strip('"')
    if not digest or digest == "*" or len(digest) > 100:
        raise Refusal(
            428,
            "digest_required",
            "a decision is made on what was seen: If-Match must carry the exception's digest",
            "send the ETag of GET /v1/exceptions/{id} as If-Match",
            field="If-Match",
            value=if_match,
            digest=row.snapshot.digest,
        )
    return digest


__all__ = ["ExceptionView", "routes"]
