"""Engineering changes (R13): the list, one change with its dispositions, and its trace.

Decided here: how the dispositions are shown by order line. Not here: the dispositions themselves.
"""

import datetime as dt
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from canonical.audit_event import AuditEvent
from canonical.base import Instant
from canonical.bom import ChangeDisposition
from canonical.identity import ChangeId, OrderId, change_id
from canonical.records import ChangeSnapshot, ChangeStage
from gateway.access.prices import as_seen_by, record_seen
from gateway.access.principal import PrincipalPart, Right, needs
from gateway.paging import After, Limit, Listed, listed
from gateway.parts import LedgerPart
from gateway.problems import not_found, problem_responses
from gateway.requests import PlainRoute
from gateway.trace.reasons import TracedReason, reasons_of
from gateway.trace.trace import Chain, TracedMessage, by_business_time, messages_to, recorded_by, told_by
from ledger.ledger import Ledger
from ledger.snapshots.reads import ChangeRow

_OF_A_REQUIREMENT = ("bom.changed", "bom.overtaken")


class ChangeListed(BaseModel):
    """An engineering change as the list shows it."""

    id: ChangeId
    plant: str
    assembly: str
    revision: str
    effective_from: dt.date
    stage: ChangeStage
    reason: str
    cost: Decimal = Field(description="Of the decided dispositions, in `currency`")
    currency: str
    exception_id: str | None = Field(description="The open exception")
    closed: bool
    recorded_at: Instant


class AffectedLine(BaseModel):
    """An order line of an outgoing component, or its stock, and the dispositions of its whole quantity."""

    component: str
    reference: str = Field(description="Order and line by their numbers; empty for the stock")
    order_id: OrderId | None
    line: int | None = Field(description="0: the order is still consolidating and has no lines")
    unit: str
    quantity: Decimal = Field(description="The sum of its dispositions, equal to the line's quantity")
    dispositions: list[ChangeDisposition]


class ChangeDetail(ChangeSnapshot):
    """An engineering change: proposal, dispositions with cost, affected requirements, the decision, and the new needs.

    `instructions` are tasks for people; none of their goods movements is posted by Pegline.
    """

    orders: tuple[AffectedLine, ...]
    recorded_at: Instant


class ChangeTrace(BaseModel):
    """Everything about an engineering change, from the revision to its effect on requirements."""

    change: ChangeSnapshot
    exceptions: list[str]
    audit_events: list[AuditEvent] = Field(
        description="By business time: of the change and its exceptions, and those of requirements that it caused"
    )
    reasons: list[TracedReason] = Field(description="Each rule's outcome, with the values it compared")
    chains: list[Chain] = Field(description="Of the change and its exceptions")
    chain_intact: bool
    messages: list[TracedMessage]


routes = APIRouter(
    prefix="/v1/changes", tags=["Engineering changes"], route_class=PlainRoute, dependencies=[needs(Right.READ)]
)
_ONE = "/{plant}/{assembly}/{revision}"


@routes.get(
    "",
    response_model=Listed[ChangeListed],
    summary="Engineering changes, by id",
    responses=problem_responses(400, 422),
)
async def list_changes(
    ledger: LedgerPart,
    principal: PrincipalPart,
    plant: str | None = None,
    assembly: Annotated[str | None, Query(description="Whose bill of material is revised")] = None,
    stage: Annotated[ChangeStage | None, Query(description="`proposed`: a person is asked, see /v1/exceptions")] = None,
    limit: Limit = 50,
    after: After = None,
) -> JSONResponse:
    """Without costs for callers who may not see them."""
    page = await ledger.reads.changes(
        plant=plant, plants=principal.plants, assembly=assembly, stage=stage, limit=limit, after=after
    )
    query = {"plant": plant, "assembly": assembly, "stage": stage, "limit": limit}
    await record_seen(ledger, principal, [row.snapshot.id for row in page.items], "list of changes")
    views = listed("/v1/changes", query, [_listed_change(row) for row in page.items], page.next)
    return JSONResponse(as_seen_by(principal, views))


@routes.get(_ONE, response_model=ChangeDetail, summary="One engineering change", responses=problem_responses(404))
async def read_change(
    ledger: LedgerPart, principal: PrincipalPart, plant: str, assembly: str, revision: str
) -> JSONResponse:
    """The proposal and the cost of each alternative; the dispositions of every order line, which add up to its
    quantity; the affected requirements and their remaining needs; the decision; the needs of the new components; and
    the tasks for people. At the end, `check` confirms that nothing was left over.
    """
    row = await ledger.reads.change(change_id(plant, assembly, revision))
    if row is None or not principal.sees(plant):
        raise _unknown(plant, assembly, revision)
    await record_seen(ledger, principal, [row.snapshot.id], "change")
    return JSONResponse(as_seen_by(principal, change_detail(row)))


@routes.get(
    _ONE + "/trace",
    response_model=ChangeTrace,
    summary="Every audit event of an engineering change",
    responses=problem_responses(404),
)
async def read_change_trace(
    ledger: LedgerPart, principal: PrincipalPart, plant: str, assembly: str, revision: str
) -> JSONResponse:
    """Audit events of the change, of its exceptions and of its effect on requirements, by business time; its incoming
    messages; and whether each hash chain is intact.
    """
    found = await change_trace_of(ledger, change_id(plant, assembly, revision))
    if found is None or not principal.sees(plant):
        raise _unknown(plant, assembly, revision)
    await record_seen(ledger, principal, [found.change.id], "trace of a change")
    return JSONResponse(as_seen_by(principal, found))


# An entity id from audit events or exceptions can be appended to the API's address unchanged.
routes.get("/change" + _ONE, include_in_schema=False)(read_change)
routes.get("/change" + _ONE + "/trace", include_in_schema=False)(read_change_trace)


def _listed_change(row: ChangeRow) -> ChangeListed:
    change = row.snapshot
    revised = change.revised
    return ChangeListed(
        id=change.id,
        plant=revised.plant,
        assembly=revised.assembly,
        revision=revised.revision,
        effective_from=revised.effective_from,
        stage=change.stage,
        reason=change.reason,
        cost=change.cost,
        currency=change.currency,
        exception_id=change.exception_id,
        closed=change.closed,
        recorded_at=row.recorded_at,
    )


def change_detail(row: ChangeRow) -> ChangeDetail:
    """The change with its dispositions by order line."""
    lines: dict[tuple[str, str, str], AffectedLine] = {}
    for one in row.snapshot.dispositions:
        place = (one.component, one.reference, one.unit)
        line = lines.setdefault(
            place,
            AffectedLine(
                component=one.component,
                reference=one.reference,
                order_id=one.order_id,
                line=one.line,
                unit=one.unit,
                quantity=Decimal(0),
                dispositions=[],
            ),
        )
        line.quantity += one.quantity
        line.dispositions.append(one)
    detail = {**dict(row.snapshot), "orders": tuple(lines.values()), "recorded_at": row.recorded_at}
    return ChangeDetail.model_validate(detail)


async def change_trace_of(ledger: Ledger, change_id: str, *, known_on: dt.datetime | None = None) -> ChangeTrace | None:
    """The change's trace; None where it has recorded nothing. `known_on`: what had been recorded by then."""
    row = await ledger.reads.change(change_id)
    if row is None:
        return None
    change = row.snapshot
    told = await told_by(ledger, [change_id], [change.exception_id], known_on)
    touched = list(dict.fromkeys([one.requirement_id for one in change.affected] + list(change.changed_requirements)))
    caused = await ledger.reads.audit_events_of_kind(touched, _OF_A_REQUIREMENT) if touched else []
    of_it = [event for event in recorded_by(caused, known_on) if event.data.get("change_id") == change_id]
    reported = by_business_time([*told.in_force, *of_it])
    return ChangeTrace(
        change=change,
        exceptions=told.exceptions,
        audit_events=reported,
        reasons=reasons_of(reported),
        chains=told.chains,
        chain_intact=all(chain.intact for chain in told.chains),
        messages=await messages_to(ledger, {change_id: None}, known_on),
    )


def _unknown(plant: str, assembly: str, revision: str) -> Exception:
    return not_found(
        "engineering change",
        change_id(plant, assembly, revision),
        f"list the changes of the assembly: GET /v1/changes?{urlencode({'plant': plant, 'assembly': assembly})}; "
        "one that was taken in a moment ago may not have recorded its first state yet",
    )


__all__ = ["ChangeDetail", "ChangeListed", "ChangeTrace", "change_detail", "change_trace_of", "routes"]
