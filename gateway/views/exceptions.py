"""The buyers' inbox: exceptions, and the decision on one (R15)."""

import datetime as dt
import hashlib
from typing import Annotated, Never

from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from canonical.base import Code, Instant, PersonName
from canonical.exception import Choice, Decision, DecisionRefused, ExceptionKind, LineChoice
from canonical.records import ExceptionSnapshot, ExceptionState
from gateway.access.deciding import Decider, decider
from gateway.access.prices import as_seen_by, record_seen
from gateway.access.principal import Principal, PrincipalPart, Right, needs
from gateway.paging import After, Limit, Listed, listed
from gateway.parts import DecisionTaker, LedgerPart, PartsPart
from gateway.problems import Refusal, not_found, problem_responses
from gateway.requests import PlainRoute
from gateway.tracing import record_correlation
from ledger.ledger import Ledger
from ledger.people.people import AccessKind
from ledger.snapshots.reads import ExceptionRow

_STATUS = {
    "digest_out_of_date": 412,
    "proposer_is_approver": 403,
    "not_an_approver": 403,
    "already_decided": 409,
    "not_found": 404,
    "choice_not_offered": 422,
    "lines_not_possible": 422,
}
_NEXT_STEP = {
    "digest_out_of_date": "read the exception again, and decide on what it says now",
    "proposer_is_approver": "have another person decide; who proposes may not approve",
    "not_an_approver": "decide in a role that may, or have somebody of that role decide",
    "already_decided": "read the exception to see the decision",
    "not_found": "list the open exceptions: GET /v1/exceptions?state=open",
    "choice_not_offered": "choose one of the proposal's alternatives",
    "lines_not_possible": "name the lines by the `number` of the proposal's dispositions, each with its candidates",
}


class ExceptionView(ExceptionSnapshot):
    """An exception with everything needed to decide it; send its digest back as If-Match.

    It names who is asked and on whose behalf, what happens when where nobody decides (R16), and the reasons.
    """

    recorded_at: Instant | None = None
    waiting: int = Field(0, description="Requirements that wait for this decision, where several share the question")


class LineChoiceBody(LineChoice):
    """A choice for a line as a person sends it: a misspelt quantity would choose all the rest of the line."""

    model_config = ConfigDict(extra="forbid")


class DecisionBody(BaseModel):
    """What a person decides."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"choice": "accept", "comment": "the build can wait for the balance"},
                {
                    "choice": "split",
                    "supplier": "1616",
                    "role": "buyer",
                    "event_id": "ui-7f2a",
                },
                {
                    "choice": "approve",
                    "lines": [
                        {"line": 1, "choice": "return", "quantity": "12"},
                        {"line": 1, "choice": "scrap", "quantity": "8"},
                    ],
                },
            ]
        },
    )

    choice: Choice
    supplier: Code | None = Field(None, description="Of a split: the second source; else the proposal's best")
    lines: Annotated[tuple[LineChoiceBody, ...], Field(max_length=1000)] = Field(
        (),
        description="For an approved engineering change: the dispositions, or parts of them, that differ from the "
        "proposal. `line` is the disposition's `number`, `choice` one of its candidates",
    )
    decided_by: PersonName | None = Field(
        None, description="Who decides: the caller, so that it can be left out; needed only where nobody logs in"
    )
    role: PersonName | None = Field(
        None,
        description="The role, one that the caller has: one of the approvers, one that was asked, or its deputy; left "
        "out, the first of those",
    )
    comment: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")] = ""
    event_id: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")] | None = Field(
        None, description="Identifies the decision when it is sent again; its content where left out"
    )


routes = APIRouter(
    prefix="/v1/exceptions", tags=["Exceptions"], route_class=PlainRoute, dependencies=[needs(Right.READ)]
)


@routes.get(
    "",
    response_model=Listed[ExceptionView],
    summary="The inbox, the newest first",
    responses=problem_responses(400, 422),
)
async def list_exceptions(
    ledger: LedgerPart,
    principal: PrincipalPart,
    assignee: str | None = None,
    kind: ExceptionKind | None = None,
    state: ExceptionState | None = None,
    limit: Limit = 50,
    after: After = None,
) -> JSONResponse:
    """Without prices for callers who may not see them."""
    page = await ledger.reads.exceptions(
        plants=principal.plants, assignee=assignee, kind=kind, state=state, limit=limit, after=after
    )
    query = {"assignee": assignee, "kind": kind, "state": state, "limit": limit}
    await record_seen(ledger, principal, [row.snapshot.id for row in page.items], "list of exceptions")
    views = listed("/v1/exceptions", query, [_view(row) for row in page.items], page.next)
    return JSONResponse(as_seen_by(principal, views))


@routes.get(
    "/{id}",
    response_model=ExceptionView,
    summary="One exception; its ETag is the digest",
    responses=problem_responses(404),
)
async def read_exception(ledger: LedgerPart, principal: PrincipalPart, id: str) -> JSONResponse:
    """Without prices for callers who may not see them."""
    view = _view(await _found(ledger, principal, id))
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
    row = await _found(parts.ledger, principal, id)
    policy = parts.policies.effective(row.snapshot.proposal.plant)
    who = decider(principal, row.snapshot, policy, parts.now(), stated=body.decided_by, stated_role=body.role)
    decision = _decision(row, body, who, _digest_of(if_match, row), parts.now())
    record_correlation(row.snapshot.correlation_id)
    if row.snapshot.state is not ExceptionState.OPEN:
        view = _repeated(row, decision)
    else:
        try:
            snapshot = await parts.entities.decide(row.snapshot.id, decision)
            view = ExceptionView.model_validate(snapshot.model_dump())
        except DecisionRefused as refused:
            view = await _refused(parts.ledger, principal, parts.entities, id, decision, refused)
        else:
            if not principal.named_by_body:
                detail = f"{decision.choice} as {decision.role}"
                await parts.ledger.people.record(principal.subject, AccessKind.DECIDED, [view.id], detail)
    return JSONResponse(as_seen_by(principal, view), headers={"ETag": f'"{view.digest}"'})


async def _found(ledger: Ledger, principal: Principal, id: str) -> ExceptionRow:
    row = await ledger.reads.exception(f"exception/{id}")
    if row is None or not principal.sees(row.snapshot.proposal.plant):
        raise not_found("exception", id, _NEXT_STEP["not_found"])
    return row


def _view(row: ExceptionRow) -> ExceptionView:
    return ExceptionView.model_validate(
        {**row.snapshot.model_dump(), "recorded_at": row.recorded_at, "waiting": row.waiting}
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


def _decision(row: ExceptionRow, body: DecisionBody, who: Decider, digest: str, decided_at: dt.datetime) -> Decision:
    parts = (row.snapshot.id, digest, body.choice, body.supplier, who.decided_by, who.role, body.comment)
    # A decision without lines gets its id from the other fields alone.
    by_line = tuple(line.model_dump_json() for line in body.lines)
    statement = "\x1f".join(part or "" for part in (*parts, *by_line))
    return Decision(
        event_id=body.event_id or f"decision-{hashlib.sha256(statement.encode()).hexdigest()[:24]}",
        digest=digest,
        choice=body.choice,
        supplier=body.supplier,
        lines=tuple(LineChoice(**dict(line)) for line in body.lines),
        decided_by=who.decided_by,
        role=who.role,
        comment=body.comment,
        decided_at=decided_at,
    )


def _repeated(row: ExceptionRow, decision: Decision) -> ExceptionView:
    """The first answer to a decision that is sent again; 409 for any other."""
    made = row.snapshot.decision
    if made is not None and made.event_id == decision.event_id and _content(made) == _content(decision):
        return _view(row)
    if made is None:
        detail = "what the exception was about has gone by itself; there is nothing left to decide"
    else:
        detail = f"{made.decided_by} decided {made.choice!r} on {made.decided_at:%Y-%m-%d %H:%M} already"
    raise Refusal(
        409,
        "already_decided",
        detail,
        _NEXT_STEP["already_decided"],
        field="choice",
        value=decision.choice,
        digest=row.snapshot.digest,
    )


def _content(decision: Decision) -> tuple[object, ...]:
    return decision.choice, decision.supplier, decision.lines, decision.decided_by, decision.role


async def _refused(
    ledger: Ledger,
    principal: Principal,
    entities: DecisionTaker,
    id: str,
    decision: Decision,
    refused: DecisionRefused,
) -> ExceptionView:
    """The answer to a refused decision: the first one's where it is a repetition, else a problem."""
    row = await _found(ledger, principal, id)
    if refused.code in ("already_decided", "not_found") and row.snapshot.state is not ExceptionState.OPEN:
        return _repeated(row, decision)
    digest = refused.digest or row.snapshot.digest
    if refused.code == "digest_out_of_date" and refused.digest is None:
        reported = (await entities.status(row.snapshot.id)).get("digest")  # the ledger may still have the old one
        digest = reported if isinstance(reported, str) else digest
    _refuse(refused, row, decision, digest)


def _refuse(refused: DecisionRefused, row: ExceptionRow, decision: Decision, digest: str) -> Never:
    field, value = {
        "digest_out_of_date": ("If-Match", decision.digest),
        "proposer_is_approver": ("decided_by", decision.decided_by),
        "not_an_approver": ("role", decision.role),
        "choice_not_offered": ("choice", str(decision.choice)),
        "lines_not_possible": ("lines", [line.model_dump(mode="json") for line in decision.lines]),
    }.get(refused.code, ("path", str(row.snapshot.id)))
    next_step = _NEXT_STEP.get(refused.code, "read the exception again")
    if refused.code == "choice_not_offered":
        offered = dict.fromkeys(str(each.choice) for each in row.snapshot.proposal.alternatives)
        next_step = f"choose one of {', '.join(offered)}"
    raise Refusal(
        _STATUS.get(refused.code, 422), refused.code, refused.detail, next_step, field=field, value=value, digest=digest
    )


__all__ = ["DecisionBody", "ExceptionView", "routes"]
