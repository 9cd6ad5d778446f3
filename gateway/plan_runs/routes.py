"""POST /v1/plan-runs, the runs' progress and their reports."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from canonical.base import Code, Count, Instant
from canonical.identity import plan_run_id
from canonical.plan import (
    DryRunChange,
    PlanDryRun,
    PlanLineOutcome,
    PlanProgress,
    PlanRunStatus,
    PlanStage,
    RefusedLine,
)
from canonical.policy import PlanRules
from decisions.plan_limits import over_error_limit, over_withdrawal_limit
from gateway.access.prices import record_seen
from gateway.access.principal import CallerRole, Principal, PrincipalPart, Right, needs
from gateway.access.senders import Senders
from gateway.door import in_time
from gateway.parts import LedgerPart, Parts, PartsPart
from gateway.plan_runs.intake import PlanSent, not_held
from gateway.plan_runs.report import MEDIA_TYPES, ReportForm, form_asked, written
from gateway.problems import not_found, problem_responses
from gateway.requests import PlainRoute
from ledger.ledger import Ledger

IgnoredName = Annotated[str, Field(min_length=1, max_length=80)]
_ONE = "/{source}/{plant}/{version}"
_NDJSON_EXAMPLE = (
    '{"item": "FR-R92B-58", "quantity": "500", "unit": "EA", "required_date": "2026-06-15", '
    '"demand_reference": "PLO-10001"}\n'
    '{"item": "FR-R92B-58", "quantity": "200", "unit": "EA", "required_date": "2026-06-24"}\n'
)
_CSV_EXAMPLE = "item,quantity,unit,required_date,demand_reference\nFR-R92B-58,500,EA,2026-06-15,PLO-10001\n"


class PlanRunView(BaseModel):
    """A plan run and its progress."""

    id: str
    source: str
    plant: str
    version: int
    partial: bool
    stage: PlanStage
    detail: str
    lines: int
    refused: int
    first_refused: list[RefusedLine] = Field(description="The first refused lines, each with all that is wrong in it")
    past_due: int = Field(description="Lines whose date had passed when the plan came: taken, and expedited")
    ignored: list[str] = Field(description="Names in the lines that the sender had ignored")
    outcomes: dict[PlanLineOutcome, int] = Field(description="Lines, and needs that are withdrawn or kept, by outcome")
    changes: int = Field(description="The net change: what there is to deliver")
    handed_over: int
    delivered: int
    received_at: Instant
    ended_at: Instant | None
    report: str = Field(description="Where to read every line, as CSV or Parquet")

    @classmethod
    def of(cls, progress: PlanProgress) -> "PlanRunView":
        """The run and its counts."""
        run = progress.run
        return cls(
            **run.model_dump(exclude={"number", "unreadable"}),
            **progress.model_dump(exclude={"run"}),
            report=f"{link(run)}/report",
        )


class DryRunView(BaseModel):
    """What a plan would change if it were started now; nothing has happened yet."""

    number: int
    source: str
    plant: str
    version: int
    partial: bool
    lines: int
    refused: int
    past_due: int
    shown: str = Field(description="Digest of all changes: send it to start exactly these; empty where nothing can be")
    outcomes: dict[PlanLineOutcome, int]
    changes: int = Field(description="The net change: what would be delivered")
    withdrawals: int
    known: int = Field(description="Needs of the source at the plant that are open now")
    questions: list[str] = Field(description="What the run itself would ask people")
    in_its_way: str = Field(description="The run because of which it can't be started; empty: it can")
    would_stop: str = Field(description="Why it would change nothing; empty: it would")
    waits_for: str = Field(description="What may still shift the figures; empty: they are exact")
    largest: list[DryRunChange] = Field(description="The largest changes, by value where it may be seen")
    start: str = Field(description="Where to start it")

    @classmethod
    def of(cls, dry_run: PlanDryRun, rules: PlanRules, *, priced: bool) -> "DryRunView":
        """The dry run as its caller may see it."""
        run = dry_run.run
        largest = dry_run.largest if priced else tuple(without_value(each) for each in dry_run.largest)
        return cls(
            **run.model_dump(
                include={"number", "source", "plant", "version", "partial", "lines", "refused", "past_due"}
            ),
            **dry_run.model_dump(include={"shown", "outcomes", "changes", "withdrawals", "known", "waits_for"}),
            questions=questions_of(dry_run, rules),
            in_its_way=dry_run.holding.id if dry_run.holding else "",
            would_stop=over_error_limit(run, rules) or "",
            largest=list(largest),
            start=f"/v1/plan-runs/dry-runs/{run.number}/start",
        )


class StartBody(BaseModel):
    """The start of a dry run."""

    model_config = ConfigDict(extra="forbid")

    shown: Annotated[str, Field(min_length=1, max_length=80, description="`shown` of the dry run that was looked at")]


def without_value(change: DryRunChange) -> DryRunChange:
    """The change for somebody who sees no prices."""
    return change.model_copy(update={"value": None, "currency": ""})


def priced_in(dry_run: PlanDryRun) -> list[str]:
    """The requirements whose prices a dry run shows."""
    return [each.requirement_id for each in dry_run.largest if each.value is not None]


def questions_of(dry_run: PlanDryRun, rules: PlanRules) -> list[str]:
    """What the run itself would ask people, in words."""
    asked = []
    if dry_run.ambiguous:
        items = ", ".join(dry_run.ambiguous_items)
        asked.append(f"which known need each of {dry_run.ambiguous} lines continues (items {items})")
    if (why := over_withdrawal_limit(dry_run, rules)) is not None:
        asked.append(f"whether so many needs are withdrawn: {why}")
    return asked


def link(run: PlanRunStatus) -> str:
    """Where a run is read."""
    return f"/v1/plan-runs/{quote(run.source, safe='~')}/{quote(run.plant, safe='~')}/{run.version}"


routes = APIRouter(prefix="/v1/plan-runs", tags=["Plan runs"], route_class=PlainRoute)
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "examples": {"plan": {"value": _NDJSON_EXAMPLE}},
            },
            "text/csv": {"schema": {"type": "string"}, "examples": {"plan": {"value": _CSV_EXAMPLE}}},
        },
    }
}
_REPORT = {
    "content": {
        "text/csv": {"schema": {"type": "string"}},
        MEDIA_TYPES["parquet"]: {"schema": {"type": "string", "format": "binary"}},
    }
}


@routes.post(
    "",
    status_code=202,
    response_model=PlanRunView,
    summary="Take in a whole plan version: NDJSON or CSV, streamed, gzip allowed",
    responses={200: {"model": DryRunView}, **problem_responses(400, 403, 409, 413, 415, 422)},
    openapi_extra=_BODY,
    dependencies=[needs(Right.PLAN)],
)
async def take_plan(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    source: Annotated[Code, Query(description="The planning system, as in its events")],
    plant: Annotated[Code, Query()],
    version: Annotated[Count, Query(description="The plan with the higher version is the newer")],
    partial: Annotated[bool, Query(description="Requirements that the plan leaves out are not withdrawn")] = False,
    ignore: Annotated[
        list[IgnoredName],
        Query(max_length=100, description="Names in the lines to ignore; others that are not known are refused"),
    ] = [],  # noqa: B006
    dry_run: Annotated[bool, Query(description="Only say what the plan would change; a start may follow")] = False,
) -> JSONResponse:
    """202 once every line is stored; `refused` lines are named, the others go on. A line without `demand_reference` is
    matched by date and quantity (R1). The same version with the same lines gets the same answer; with others it is a
    409. A newer complete plan ends an older run that is not done. With `dry_run` nothing happens: 200 says what would,
    and the plan is kept for a day to be started as it was shown.
    """
    principal.require(Right.PLAN, plant)
    _require_source(request, principal, source)
    sent = PlanSent(
        source=source,
        plant=plant,
        version=version,
        partial=partial,
        content_type=request.headers.get("content-type", ""),
        content_encoding=request.headers.get("content-encoding", "").strip().lower(),
        ignored=frozenset(ignore),
    )
    if dry_run:
        held = await parts.plan_intake.hold(sent, in_time(request.stream()))
        return JSONResponse(
            (await _dry_run_view(parts, principal, held.number)).model_dump(mode="json"),
            headers={"Location": f"/v1/plan-runs/dry-runs/{held.number}"},
        )
    run = await parts.plan_intake.take(sent, in_time(request.stream()))
    view = PlanRunView.of(await parts.ledger.plans.progress(run))
    return JSONResponse(view.model_dump(mode="json"), status_code=202, headers={"Location": link(run)})


@routes.get(
    "/dry-runs/{number}",
    response_model=DryRunView,
    summary="What a plan that was sent as a dry run would change now",
    responses=problem_responses(403, 404),
    dependencies=[needs(Right.PLAN)],
)
async def read_dry_run(parts: PartsPart, principal: PrincipalPart, number: int) -> DryRunView:
    return await _dry_run_view(parts, principal, number)


@routes.post(
    "/dry-runs/{number}/start",
    status_code=202,
    response_model=PlanRunView,
    summary="Start a plan exactly as its dry run showed it",
    responses=problem_responses(403, 404, 409),
    dependencies=[needs(Right.PLAN)],
)
async def start_dry_run(
    request: Request, parts: PartsPart, principal: PrincipalPart, number: int, body: StartBody
) -> JSONResponse:
    """409 where what it would change is no longer what was shown: nothing is started then. Look at it again."""
    _require_source(request, principal, (await held_plan(parts, principal, number)).source)
    run = await parts.plan_intake.start(number, body.shown)
    view = PlanRunView.of(await parts.ledger.plans.progress(run))
    return JSONResponse(view.model_dump(mode="json"), status_code=202, headers={"Location": link(run)})


@routes.delete(
    "/dry-runs/{number}",
    status_code=204,
    summary="Discard a dry run",
    responses=problem_responses(403, 404),
    dependencies=[needs(Right.PLAN)],
)
async def discard_dry_run(request: Request, parts: PartsPart, principal: PrincipalPart, number: int) -> None:
    run = await held_plan(parts, principal, number)
    _require_source(request, principal, run.source)
    await parts.ledger.plans.staging.discard(run)


def _require_source(request: Request, principal: Principal, source: str) -> None:
    """People send for their planning system, programs only as the source they are."""
    if not principal.roles & {CallerRole.PLANNER, CallerRole.MANAGER}:
        senders: Senders = request.app.state.senders
        senders.require_source(principal, source)


async def held_plan(parts: Parts, principal: Principal, number: int) -> PlanRunStatus:
    """The plan that is held under this number; 404 where there is none that the caller may see."""
    run = await parts.ledger.plans.staging.held(number) if 0 <= number < 2**53 else None
    if run is None or not principal.sees(run.plant):
        raise not_held(number)
    principal.require(Right.PLAN, run.plant)
    return run


async def _dry_run_view(parts: Parts, principal: Principal, number: int) -> DryRunView:
    run, priced = await held_plan(parts, principal, number), principal.may(Right.SEE_PRICES)
    found = await parts.plan_intake.dry_run(number, priced=priced)
    if found is None:
        raise not_held(number)
    await record_seen(parts.ledger, principal, priced_in(found), "a dry run's largest changes")
    return DryRunView.of(found, parts.plan_intake.owned(run.source, run.plant).plan, priced=priced)


@routes.get(
    _ONE,
    response_model=PlanRunView,
    summary="A plan run's progress, and the outcomes of its lines",
    responses=problem_responses(404),
    dependencies=[needs(Right.READ)],
)
async def read_plan_run(
    ledger: LedgerPart, principal: PrincipalPart, source: str, plant: str, version: int
) -> PlanRunView:
    return PlanRunView.of(await ledger.plans.progress(await _known(ledger, principal, source, plant, version)))


@routes.get(
    f"{_ONE}/report",
    summary="Every line and its outcome, as CSV or Parquet",
    response_class=StreamingResponse,
    responses={200: _REPORT, **problem_responses(404, 422)},
    dependencies=[needs(Right.READ)],
)
async def read_plan_report(
    request: Request,
    ledger: LedgerPart,
    principal: PrincipalPart,
    source: str,
    plant: str,
    version: int,
    format: Annotated[ReportForm | None, Query(description="Else by Accept; CSV where that names none")] = None,
) -> StreamingResponse:
    run = await _known(ledger, principal, source, plant, version)
    form = form_asked(format, request.headers.get("accept", ""))
    name = f"plan-{plant}-{version}.{form}".encode("ascii", "replace").decode().replace('"', "_")
    return StreamingResponse(
        written(form, ledger.plans.report(run)),
        media_type=MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Vary": "Accept"},
    )


async def _known(ledger: Ledger, principal: Principal, source: str, plant: str, version: int) -> PlanRunStatus:
    known = principal.sees(plant) and 0 <= version < 2**53
    run = await ledger.plans.of_version(source, plant, version) if known else None
    if run is None:
        raise not_found("plan run", plan_run_id(source, plant, version), "take the Location of the 202 answer")
    return run


__all__ = ["DryRunView", "PlanRunView", "held_plan", "link", "priced_in", "questions_of", "routes", "without_value"]
