"""POST /v1/plan-runs, the runs' progress and their reports."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from canonical.base import Code, Count, Instant
from canonical.identity import plan_run_id
from canonical.plan import PlanLineOutcome, PlanProgress, PlanRunStatus, PlanStage, RefusedLine
from gateway.access.principal import Principal, PrincipalPart, Right, Role, needs
from gateway.access.senders import Senders
from gateway.door import in_time
from gateway.parts import LedgerPart, PartsPart
from gateway.plan_runs.intake import PlanSent
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
    responses=problem_responses(400, 403, 409, 413, 415, 422),
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
) -> JSONResponse:
    """202 once every line is stored; `refused` lines are named, the others go on. A line without `demand_reference` is
    matched by date and quantity (R1). The same version with the same lines gets the same answer; with others it is a
    409. A newer complete plan ends an older run that is not done.
    """
    principal.require(Right.PLAN, plant)
    if not principal.roles & {Role.PLANNER, Role.MANAGER}:  # people upload for their planning system
        senders: Senders = request.app.state.senders
        senders.require_source(principal, source)
    sent = PlanSent(
        source=source,
        plant=plant,
        version=version,
        partial=partial,
        content_type=request.headers.get("content-type", ""),
        content_encoding=request.headers.get("content-encoding", "").strip().lower(),
        ignored=frozenset(ignore),
    )
    run = await parts.plan_intake.take(sent, in_time(request.stream()))
    view = PlanRunView.of(await parts.ledger.plans.progress(run))
    return JSONResponse(view.model_dump(mode="json"), status_code=202, headers={"Location": link(run)})


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


__all__ = ["PlanRunView", "link", "routes"]
