"""Plan runs as pages: the list, a run's progress, what it changed, what was refused and who is asked.

Decided here: what is shown, in which words. Not here: uploads and dry runs (gateway.pages.plan_uploads).
"""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from canonical.plan import ENDED, PlanLineOutcome, PlanProgress, PlanRunStatus, PlanStage
from gateway.access.principal import Principal, PrincipalPart, Right, needs
from gateway.pages.links import page_of
from gateway.pages.shell import HEADERS, moment, render
from gateway.paging import After
from gateway.parts import Parts, PartsPart
from gateway.plan_runs.routes import link
from gateway.problems import not_found
from gateway.spreadsheets import csv_pages

routes = APIRouter(prefix="/plans", include_in_schema=False, dependencies=[needs(Right.READ)])

STAGES: dict[PlanStage, tuple[str, str]] = {
    PlanStage.RECEIVED: ("received, being compared", "plain"),
    PlanStage.MATCHED: ("compared", "plain"),
    PlanStage.WAITING: ("waits for a person", "care"),
    PlanStage.DELIVERING: ("being delivered", "plain"),
    PlanStage.DONE: ("done", "good"),
    PlanStage.STOPPED: ("stopped, nothing changed", "bad"),
    PlanStage.SUPERSEDED: ("replaced by a newer plan", "care"),
}
"""A stage in a planner's words, with the tone of its tag."""
OUTCOMES: dict[PlanLineOutcome, tuple[str, str]] = {
    PlanLineOutcome.NEW: ("new", "a requirement that was not known"),
    PlanLineOutcome.CHANGED: ("changed", "a known requirement with another quantity, date or other detail"),
    PlanLineOutcome.UNCHANGED: ("unchanged", "as the plan before said; nothing is done"),
    PlanLineOutcome.WITHDRAWN: ("withdrawn", "known requirements that the plan no longer has"),
    PlanLineOutcome.KEPT: ("kept", "no longer in the plan, and kept because a person decided so"),
    PlanLineOutcome.STALE: ("out of date", "a newer plan version or event had already said something else"),
    PlanLineOutcome.AMBIGUOUS: ("could be several", "could be more than one known requirement; a person is asked"),
    PlanLineOutcome.REFUSED: ("refused", "could not be read; see what was wrong below"),
}
"""An outcome in a planner's words, and what it means."""
_WHAT_TO_DO = {
    "item": "write the item's number as master data has it",
    "quantity": "write a number above zero, such as 1200 or 12.5",
    "unit": "write a UN/ECE Rec 20 code such as EA, KGM or MTR, or map the file's unit to one",
    "required_date": "write a day within ten years, such as 2026-12-31",
    "demand_reference": "give each requirement a reference of its own, and each only one line",
    "pegging": "correct the demands of the line, or leave them out",
    "plant": "send only the lines of the run's plant",
    "plan_version": "leave it out, or give the run's version",
    "source": "leave it out, or give the run's source",
}
_CHANGES_ON_A_PAGE = 50
_QUESTIONS_SHOWN = 50
_REFUSED_HEAD = ("line", "original line", "field", "what was wrong", "what to do")


@routes.get("")
async def list_plans(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    plant: Annotated[str, Query(max_length=200)] = "",
    source: Annotated[str, Query(max_length=200)] = "",
    unfinished: bool = False,
    after: After = None,
) -> HTMLResponse:
    principal.require(Right.READ)
    found = await parts.ledger.plans.overview(
        principal.plants, plant=plant or None, source=source or None, unfinished=unfinished, after=after
    )
    asked = {"plant": plant, "source": source, **({"unfinished": "true"} if unfinished else {})}
    asked = {name: value for name, value in asked.items() if value}
    return render(
        request,
        "plans.html",
        principal,
        {
            "rows": [
                (row, STAGES[row.run.stage], moment(row.run.received_at, parts.zone_of(row.run.plant)))
                for row in found.items
            ],
            "asked": asked,
            "plants": principal.only(sorted(parts.policies.plants)),
            "may_upload": principal.may(Right.PLAN),
            "next": f"/plans?{urlencode({**asked, 'after': found.next})}" if found.next else None,
        },
    )


@routes.get("/{number}")
async def read_plan(
    request: Request, parts: PartsPart, principal: PrincipalPart, number: int, after: Annotated[int, Query(ge=0)] = 0
) -> HTMLResponse:
    run = await found_run(parts, principal, number)
    plans = parts.ledger.plans
    changes = await plans.changes(run, after=after, limit=_CHANGES_ON_A_PAGE + 1)
    questions = await plans.questions(run, limit=_QUESTIONS_SHOWN + 1)
    more = changes[_CHANGES_ON_A_PAGE - 1].place if len(changes) > _CHANGES_ON_A_PAGE else None
    return render(
        request,
        "plan.html",
        principal,
        {
            **await _progress(parts, run),
            "report": f"{link(run)}/report",
            "changes": [
                (each, page_of(each.requirement_id), OUTCOMES[each.outcome][0]) for each in changes[:_CHANGES_ON_A_PAGE]
            ],
            "more_changes": f"/plans/{number}?after={more}#changes" if more is not None else None,
            "questions": [(each, page_of(each.id)) for each in questions[:_QUESTIONS_SHOWN]],
            "more_questions": len(questions) > _QUESTIONS_SHOWN,
        },
    )


@routes.get("/{number}/progress")
async def read_progress(request: Request, parts: PartsPart, principal: PrincipalPart, number: int) -> HTMLResponse:
    run = await found_run(parts, principal, number)
    return render(request, "plan_progress.html", principal, await _progress(parts, run))


@routes.get("/{number}/refused.csv")
async def read_refused(parts: PartsPart, principal: PrincipalPart, number: int) -> StreamingResponse:
    run = await found_run(parts, principal, number)
    name = f"plan-{run.plant}-{run.version}-refused.csv".encode("ascii", "replace").decode().replace('"', "_")
    return StreamingResponse(
        csv_pages(_REFUSED_HEAD, _refused(parts, run), marked=True),
        media_type="text/csv; charset=utf-8",
        headers={**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'},
    )


async def found_run(parts: Parts, principal: Principal, number: int) -> PlanRunStatus:
    """The run of this number; 404 where there is none that the caller may see."""
    principal.require(Right.READ)
    run = await parts.ledger.plans.find(number) if 0 <= number < 2**53 else None
    if run is None or not principal.sees(run.plant):
        raise not_found("plan run", str(number), "choose one from the list of plan runs; only the newest are kept")
    return run


async def _progress(parts: Parts, run: PlanRunStatus) -> dict[str, Any]:
    progress = await parts.ledger.plans.progress(run)
    return {
        "run": run,
        "progress": progress,
        "stage": STAGES[run.stage],
        "ended": run.stage in ENDED,
        "received": moment(run.received_at, parts.zone_of(run.plant)),
        "ended_at": moment(run.ended_at, parts.zone_of(run.plant)),
        "outcomes": [(*OUTCOMES[outcome], count) for outcome, count in _in_order(progress)],
        "what_to_do": what_to_do,
    }


def _in_order(progress: PlanProgress) -> list[tuple[PlanLineOutcome, int]]:
    return [(each, progress.outcomes[each]) for each in OUTCOMES if progress.outcomes.get(each)]


def what_to_do(fields: str) -> str:
    """The next step for a line with faults in these fields, which are separated by commas."""
    names = dict.fromkeys(name.strip().partition("[")[0].partition(".")[0] for name in fields.split(","))
    steps = [_WHAT_TO_DO[name] for name in names if name in _WHAT_TO_DO]
    return "; ".join(steps) or "correct the line and send the plan again under a higher version"


async def _refused(parts: Parts, run: PlanRunStatus) -> AsyncIterator[Sequence[object]]:
    async for number, original, field, detail in parts.ledger.plans.refused_lines(run):
        yield number, original, field, detail, what_to_do(field)


__all__ = ["OUTCOMES", "STAGES", "found_run", "routes"]
