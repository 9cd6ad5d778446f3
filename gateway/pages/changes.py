"""Engineering changes for people (R13): the list, one with the fate of every affected quantity, and its history."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from canonical.identity import change_id
from canonical.records import ChangeStage
from gateway.access.prices import record_seen
from gateway.access.principal import Principal, PrincipalPart, Right
from gateway.pages.links import address
from gateway.pages.requirements import asked_of, measured_by, worded
from gateway.pages.shell import render
from gateway.pages.traces import ShownPart, history
from gateway.parts import LedgerPart, Parts, PartsPart
from gateway.problems import Refusal
from gateway.views.changes import change_detail, change_trace_of
from ledger.snapshots.reads import ChangeRow

STAGES: dict[str, tuple[str, str]] = {
    ChangeStage.JUDGING: ("being judged", "plain"),
    ChangeStage.PROPOSED: ("waits for a decision", "care"),
    ChangeStage.CARRIED_OUT: ("carried out", "good"),
    ChangeStage.DECLINED: ("declined", "plain"),
    ChangeStage.SUPERSEDED: ("superseded by a later revision", "plain"),
}
"""Each stage in words, with its tone."""
FATES = {
    "consumed": "consumed before the change",
    "used_up": "used up elsewhere",
    "excess": "without use: to be chosen",
    "cancelled": "cancelled at the supplier",
    "exception": "past the supplier's cut-off for cancelling",
    "received": "received for a requirement that keeps it",
    "returned": "returned to the supplier",
    "scrapped": "scrapped",
    "reworked": "reworked",
    "left": "left as it is",
}
"""What becomes of a quantity, in words."""
_ROWS = 50

routes = APIRouter(include_in_schema=False)
Text = Annotated[str, Query(max_length=200)]


@routes.get("/changes")
async def list_changes(
    request: Request,
    ledger: LedgerPart,
    principal: PrincipalPart,
    plant: Text = "",
    assembly: Text = "",
    stage: Annotated[str, Query(pattern=f"^({'|'.join(ChangeStage)})?$")] = "",
    after: Annotated[str, Query(max_length=600)] = "",
) -> HTMLResponse:
    """The list, by plant, assembly and revision."""
    principal.require(Right.READ)
    page = await ledger.reads.changes(
        plant=plant.strip() or None,
        assembly=assembly.strip() or None,
        stage=ChangeStage(stage) if stage else None,
        plants=principal.plants,
        limit=_ROWS,
        after=after or None,
    )
    query = {"plant": plant, "assembly": assembly, "stage": stage}
    return render(
        request,
        "changes.html",
        principal,
        {
            "rows": [(row, worded(principal, row.snapshot.reason)) for row in page.items],
            "stages": STAGES,
            "query": query,
            "first": address("/changes", query) if after else "",
            "next": address("/changes", query, after=page.next) if page.next else "",
        },
    )


@routes.get("/changes/{plant}/{assembly}/{revision}")
async def read_change(
    request: Request, parts: PartsPart, principal: PrincipalPart, plant: str, assembly: str, revision: str
) -> HTMLResponse:
    """One change: what it does to which component, order line and requirement, and what people have to do."""
    row = await _found(parts, principal, plant, assembly, revision)
    asked = [row.snapshot.exception_id] if row.snapshot.exception_id else []
    questions = asked_of(principal, await parts.ledger.lists.open_questions([row.snapshot.id], asked))
    await record_seen(parts.ledger, principal, [row.snapshot.id], "page of a change")
    calendar, _ = measured_by(parts, plant)
    decision = row.snapshot.decision
    names = await parts.ledger.people.names([decision.decided_by]) if decision else {}
    return render(
        request,
        "change.html",
        principal,
        {
            "change": change_detail(row),
            "reason": worded(principal, row.snapshot.reason),
            "revised": row.snapshot.revised,
            "stage": STAGES[row.snapshot.stage],
            "fates": FATES,
            "decided_by": names[decision.decided_by] if decision else "",
            "questions": questions,
            "prices": principal.may(Right.SEE_PRICES, plant),
            "zone": calendar.tzinfo,
            "zone_name": calendar.zone,
        },
    )


@routes.get("/changes/{plant}/{assembly}/{revision}/trace")
async def read_change_trace(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    plant: str,
    assembly: str,
    revision: str,
    shown: ShownPart,
) -> HTMLResponse:
    """The history of a change, of the questions about it and of its effect on requirements."""
    row = await _found(parts, principal, plant, assembly, revision)
    trace = await change_trace_of(parts.ledger, row.snapshot.id, known_on=shown.known_on)
    assert trace is not None
    title = f"{assembly} revision {revision} at plant {plant}"
    more = {
        "stage": STAGES[row.snapshot.stage],
        "reason": worded(principal, row.snapshot.reason),
        "bars": None,
        "need_date": None,
    }
    return await history(request, shown, row.snapshot.id, title, trace, {row.snapshot.id: "the change"}, more)


async def _found(parts: Parts, principal: Principal, plant: str, assembly: str, revision: str) -> ChangeRow:
    principal.require(Right.READ)
    row = await parts.ledger.reads.change(change_id(plant, assembly, revision))
    if row is None or not principal.sees(plant):
        raise Refusal(
            404,
            "not_found",
            "there is no such engineering change at your plants",
            "look for it by its assembly in the list of changes; one that was taken in a moment ago may not have "
            "recorded its first state yet",
            field="path",
            value=change_id(plant, assembly, revision),
        )
    return row


__all__ = ["routes"]
