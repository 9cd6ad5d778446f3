"""The operators' pages: what is technically wrong, and what can be done about it.

Decided here: what an operator sees and settles. Questions of the business are never among it; they are in the inbox.
"""

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from temporalio.service import RPCError

from canonical.base import Instant
from canonical.records import Incident
from gateway.access.principal import Principal, PrincipalPart, Right, needs
from gateway.intake.dead_letters import bounced, drop_letter, found_letter, replay_letter
from gateway.notifications.routes import list_subscriptions, replay, switch_on
from gateway.pages.plans import STAGES
from gateway.pages.shell import form_of, moment, render, see
from gateway.parts import Parts, PartsPart
from gateway.problems import Refusal
from ledger.inbox.dead_letters import KeptLetter, LetterState
from ledger.notifications.deliveries import DeliveryState

routes = APIRouter(prefix="/operations", include_in_schema=False, dependencies=[needs(Right.OPERATE)])

_INCIDENTS_SHOWN = 100
_ROWS_ON_A_PAGE = 50
_BODY_SHOWN = 64 * 1024
_REPLAYED_AT_ONCE = 200
_STATES = {
    LetterState.OPEN: ("open", "bad"),
    LetterState.REPLAYED: ("replayed", "good"),
    LetterState.DROPPED: ("dropped", "plain"),
}


@routes.get("")
async def read_operations(
    request: Request, parts: PartsPart, principal: PrincipalPart, due: Annotated[int | None, Query(ge=0)] = None
) -> HTMLResponse:
    principal.require(Right.OPERATE)
    operations, plants = parts.ledger.operations, principal.plants
    incidents, away = await _incidents(parts, principal)
    runs = await parts.ledger.plans.overview(plants, unfinished=True, limit=_ROWS_ON_A_PAGE)
    return render(
        request,
        "operations.html",
        principal,
        {
            "incidents": incidents,
            "away": away,
            "due": due,
            "reasons": await operations.reasons(plants),
            "backlog": await operations.backlog(plants),
            "failing": await operations.undelivered(plants, failing=True, limit=10),
            "runs": [
                (row, STAGES[row.run.stage], moment(row.run.received_at, parts.zone_of(row.run.plant)))
                for row in runs.items
            ],
            "policies": [
                (plant, policy)
                for plant in principal.only(sorted(parts.policies.plants))
                if (policy := parts.policies.effective(plant)) is not None
            ],
            "faults": list(parts.policies.faults),
            "landscape": parts.landscape,
            "told": await list_subscriptions(parts, principal),
            "dead": (await parts.ledger.deliveries.list(state=DeliveryState.DEAD, plants=plants, limit=10)).items,
            "leases": await operations.leases(),
            "pace": await operations.call_pace(),
            "relaying": parts.relay.running,
            "relay_expected": parts.relay_expected,
            "all_plants": plants is None,
            "age": _age(parts),
        },
    )


@routes.get("/undelivered")
async def read_undelivered(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    failing: bool = False,
    after: Annotated[int, Query(ge=0)] = 0,
) -> HTMLResponse:
    principal.require(Right.OPERATE)
    found = await parts.ledger.operations.undelivered(
        principal.plants, failing=failing, after=after, limit=_ROWS_ON_A_PAGE + 1
    )
    more = {"after": found[_ROWS_ON_A_PAGE - 1].id} if len(found) > _ROWS_ON_A_PAGE else None
    asked = {"failing": "true"} if failing else {}
    return render(
        request,
        "undelivered.html",
        principal,
        {
            "rows": found[:_ROWS_ON_A_PAGE],
            "failing": failing,
            "next": f"/operations/undelivered?{urlencode({**asked, **more})}" if more else None,
            "age": _age(parts),
        },
    )


@routes.post("/undelivered")
async def deliver_now(request: Request, parts: PartsPart, principal: PrincipalPart) -> RedirectResponse:
    """After a fix: don't wait for the pauses of failed deliveries to end."""
    principal.require(Right.OPERATE)
    await form_of(request, principal)
    due = await parts.ledger.operations.make_due(principal.plants)
    parts.relay.wake()
    return see(f"/operations?due={due}")


@routes.post("/deliveries/{id}/replay")
async def replay_delivery(request: Request, parts: PartsPart, principal: PrincipalPart, id: int) -> RedirectResponse:
    """Send a notification that was given up anew."""
    principal.require(Right.OPERATE)
    await form_of(request, principal)
    await replay(parts, principal, id)
    return see("/operations#notifications")


@routes.post("/subscriptions/{name}/switch-on")
async def switch_on_again(request: Request, parts: PartsPart, principal: PrincipalPart, name: str) -> RedirectResponse:
    """Send to a subscriber again whose address had answered that it is gone."""
    principal.require(Right.OPERATE)
    await form_of(request, principal)
    await switch_on(parts, principal, name)
    return see("/operations#notifications")


@routes.get("/dead-letters")
async def list_letters(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    state: LetterState | None = LetterState.OPEN,
    channel: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=200)] = "",
    after: Annotated[int, Query(ge=0)] = 0,
    replayed: Annotated[int | None, Query(ge=0)] = None,
    failed: Annotated[int, Query(ge=0)] = 0,
) -> HTMLResponse:
    principal.require(Right.OPERATE)
    found = await parts.ledger.operations.letters(
        principal.plants,
        state=state,
        channel=channel or None,
        code=code or None,
        after=after,
        limit=_ROWS_ON_A_PAGE + 1,
    )
    asked = {"state": state or "", "channel": channel, "code": code}
    last = found[_ROWS_ON_A_PAGE - 1][0] if len(found) > _ROWS_ON_A_PAGE else None
    return render(
        request,
        "dead_letters.html",
        principal,
        {
            "rows": [(kept, _STATES[kept.state]) for _, kept in found[:_ROWS_ON_A_PAGE]],
            "asked": asked,
            "reasons": await parts.ledger.operations.reasons(principal.plants),
            "states": list(LetterState),
            "replayed": replayed,
            "failed": failed,
            "at_once": _REPLAYED_AT_ONCE,
            "next": f"/operations/dead-letters?{urlencode({**asked, 'after': last})}" if last is not None else None,
            "age": _age(parts),
        },
    )


@routes.post("/dead-letters")
async def replay_alike(request: Request, parts: PartsPart, principal: PrincipalPart) -> RedirectResponse:
    """Replay the open letters of one channel with one reason, up to so many at once; those that fail stay open."""
    principal.require(Right.OPERATE)
    fields = await form_of(request, principal)
    channel, code = str(fields.get("channel", "")), str(fields.get("code", ""))
    found = await parts.ledger.operations.letters(
        principal.plants, state=LetterState.OPEN, channel=channel, code=code, limit=_REPLAYED_AT_ONCE
    )
    failed = 0
    for number, (_, kept) in enumerate(found):
        try:
            await replay_letter(parts, kept, principal.subject)
        except Refusal as refusal:
            failed += 1
            if refusal.problem.status == 503:  # nothing can be delivered now: the others would fail as well
                failed += len(found) - number - 1
                break
    told = {"state": "open", "channel": channel, "code": code, "replayed": len(found) - failed, "failed": failed}
    return see(f"/operations/dead-letters?{urlencode(told)}")


@routes.get("/dead-letters/{letter}")
async def read_letter(request: Request, parts: PartsPart, principal: PrincipalPart, letter: str) -> HTMLResponse:
    principal.require(Right.OPERATE)
    return await _letter_page(request, parts, principal, await found_letter(parts.ledger, principal, letter))


@routes.post("/dead-letters/{letter}")
async def settle_letter(request: Request, parts: PartsPart, principal: PrincipalPart, letter: str) -> Any:
    """Replay it, or drop it for a reason; what stands in the way is said on its page."""
    principal.require(Right.OPERATE)
    kept = await found_letter(parts.ledger, principal, letter)
    fields = await form_of(request, principal)
    reason = str(fields.get("reason", "")).strip()
    try:
        if fields.get("next") == "drop":
            await drop_letter(parts, kept, reason, principal.subject)
        else:
            await replay_letter(parts, kept, principal.subject)
    except Refusal as refusal:
        return await _letter_page(request, parts, principal, kept, bounced(refusal), reason)
    return see(f"/operations/dead-letters/{quote(letter)}")


async def _letter_page(
    request: Request,
    parts: Parts,
    principal: Principal,
    kept: KeptLetter,
    refusal: Refusal | None = None,
    reason: str = "",
) -> HTMLResponse:
    body, actions = kept.letter.body, await parts.ledger.operations.actions(kept.id)
    names = await parts.ledger.people.names([each.by for each in actions])
    return render(
        request,
        "dead_letter.html",
        principal,
        {
            "kept": kept,
            "state": _STATES[kept.state],
            "text": _as_text(body[:_BODY_SHOWN]),
            "bytes": len(body),
            "cut": len(body) > _BODY_SHOWN,
            "context": sorted(kept.letter.context.items()),
            "actions": [(each, names[each.by]) for each in actions],
            "problem": refusal.problem if refusal else None,
            "reason": reason,
            "age": _age(parts),
        },
        status=refusal.problem.status if refusal else 200,
    )


def _as_text(body: bytes) -> str:
    """A body as it can be read: what is no text is written as escapes, and nothing of it moves the cursor."""
    text = body.decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() or each in "\n\t" else repr(each)[1:-1] for each in text)


async def _incidents(parts: Parts, principal: Principal) -> tuple[list[dict[str, Any]], str]:
    """What can't go on, each with its last error; and why Temporal could not be asked."""
    try:
        found = [each for each in await parts.entities.incidents(_INCIDENTS_SHOWN) if _sees(principal, each.plant)]
    except RPCError as error:
        return [], str(error)[:300]
    return await _described(parts, found), ""


async def _described(parts: Parts, found: Sequence[Incident]) -> list[dict[str, Any]]:
    opened = await parts.ledger.reads.audit_events_of_kind([each.id for each in found], ["incident.opened"])
    last = {event.entity_id: event for event in opened}
    return [
        {
            "incident": each,
            "link": _in_temporal(parts, each),
            "error": str(last[each.id].data.get("error", ""))[:500] if each.id in last else "",
            "since": last[each.id].processing_time if each.id in last else each.started_at,
        }
        for each in found
    ]


def _in_temporal(parts: Parts, incident: Incident) -> str:
    """Where the workflow is shown in Temporal's UI; empty where no UI is set."""
    if not parts.temporal_ui:
        return ""
    return f"{parts.temporal_ui}/workflows/{quote(incident.id, safe='')}/{quote(incident.run_id, safe='')}"


def _sees(principal: Principal, plant: str | None) -> bool:
    return principal.plants is None or plant in principal.plants


def _age(parts: Parts) -> Any:
    """How long ago a moment was, in words."""

    def age(at: Instant | None) -> str:
        if at is None:
            return "–"
        seconds = max(0, int((parts.now() - at).total_seconds()))
        for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
            if seconds >= size:
                return f"{seconds // size} {unit}"
        return f"{seconds} s"

    return age


__all__ = ["routes"]
