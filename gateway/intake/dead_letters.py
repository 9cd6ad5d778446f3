"""Dead letters, for operators: messages that could not be understood or delivered, and their replay after a fix."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from canonical.base import Instant
from gateway.access.principal import Principal, PrincipalPart, Right, needs
from gateway.delivery.delivery import Dead, Postponed
from gateway.paging import After, Limit, Listed, listed
from gateway.parts import LedgerPart, Parts, PartsPart
from gateway.problems import Refusal, not_found, problem_responses
from gateway.requests import PlainRoute
from ledger.inbox.dead_letters import KeptLetter, LetterState
from ledger.ledger import Ledger

_REASON_MAX = 500


class DeadLetterView(BaseModel):
    """A dead letter; its whole body is at `body_link`."""

    id: str
    channel: str
    source: str
    code: str
    detail: str
    next_step: str
    context: dict[str, JsonValue]
    content_type: str
    body_bytes: int
    body_start: str = Field(description="The body's first 400 characters, as far as they are text")
    body_link: str
    state: LetterState
    outcome: str
    kept_at: Instant
    settled_at: Instant | None


class DropBody(BaseModel):
    """Why a letter is not needed."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=_REASON_MAX)]


routes = APIRouter(
    prefix="/v1/dead-letters", tags=["Dead letters"], route_class=PlainRoute, dependencies=[needs(Right.OPERATE)]
)


@routes.get("", summary="Dead letters, the oldest first", responses=problem_responses(400, 422))
async def list_dead_letters(
    ledger: LedgerPart,
    principal: PrincipalPart,
    state: Annotated[LetterState | None, Query(description="All of them where left out")] = None,
    limit: Limit = 50,
    after: After = None,
) -> Listed[DeadLetterView]:
    """An operator of some plants sees those that name one of them; what can't be read names none."""
    page = await ledger.dead_letters.list(state, limit, after, plants=principal.plants)
    query = {"state": state, "limit": limit}
    return listed("/v1/dead-letters", query, [_view(each) for each in page.items], page.next)


@routes.get("/{id}", summary="One dead letter", responses=problem_responses(404))
async def read_dead_letter(ledger: LedgerPart, principal: PrincipalPart, id: str) -> DeadLetterView:
    return _view(await found_letter(ledger, principal, id))


@routes.get("/{id}/body", response_class=Response, summary="Its body, as it came", responses=problem_responses(404))
async def read_body_of(ledger: LedgerPart, principal: PrincipalPart, id: str) -> Response:
    kept = await found_letter(ledger, principal, id)
    headers = {"X-Content-Type-Options": "nosniff", "Content-Disposition": f'attachment; filename="{kept.id}"'}
    return Response(kept.letter.body, media_type="application/octet-stream", headers=headers)


@routes.post("/{id}/replay", summary="Put it in again, after a fix", responses=problem_responses(404, 409, 422, 503))
async def replay(parts: PartsPart, principal: PrincipalPart, id: str) -> DeadLetterView:
    """A letter that was already replayed is returned unchanged. Where the cause persists, the letter stays open and the
    problem says why.
    """
    kept = await found_letter(parts.ledger, principal, id)
    if kept.state is LetterState.OPEN:
        try:
            await replay_letter(parts, kept, principal.subject)
        except Refusal as refusal:
            raise bounced(refusal, f"/v1/dead-letters/{id}") from refusal
    return _view(await found_letter(parts.ledger, principal, id))


@routes.post("/{id}/drop", summary="Settle it without a replay, for a reason", responses=problem_responses(404, 409))
async def drop(parts: PartsPart, principal: PrincipalPart, id: str, body: DropBody) -> DeadLetterView:
    """The letter stays, with who dropped it and why; the same message again does not open it."""
    await drop_letter(parts, await found_letter(parts.ledger, principal, id), body.reason, principal.subject)
    return _view(await found_letter(parts.ledger, principal, id))


async def replay_letter(parts: Parts, kept: KeptLetter, by: str) -> None:
    """Put an open letter in again and record who did; raises Refusal where it still fails: it stays open then."""
    if kept.state is LetterState.OPEN:
        outcome = await _again(parts, kept)
        await parts.ledger.operations.settle(kept.id, LetterState.REPLAYED, outcome, by)


async def drop_letter(parts: Parts, kept: KeptLetter, reason: str, by: str) -> None:
    """Settle an open letter for a reason; raises Refusal where there is none, or it is not open."""
    if not reason.strip():
        raise Refusal(
            422, "reason_missing", "a letter is dropped for a reason", "say why it is not needed", field="reason"
        )
    if not await parts.ledger.operations.settle(kept.id, LetterState.DROPPED, reason.strip()[:_REASON_MAX], by):
        raise Refusal(
            409,
            "already_settled",
            f"the letter is {(await parts.ledger.dead_letters.find(kept.id) or kept).state} already",
            "read it again",
            field="state",
        )


def bounced(refusal: Refusal, link: str | None = None) -> Refusal:
    """A replay's refusal as its answer: the request was well formed, the message that it replays is not."""
    status = 422 if refusal.problem.status == 400 else refusal.problem.status
    refusal.problem = refusal.problem.model_copy(update={"status": status, "dead_letter": link})
    return refusal


async def _again(parts: Parts, kept: KeptLetter) -> str:
    """The outcome of the replay; raises Refusal where it still fails, or can't be delivered now."""
    row = await parts.ledger.inbox.find(kept.inbox_id) if kept.inbox_id is not None else None
    if row is None:
        return await parts.intake.again(kept.letter)
    result = await parts.relay.redeliver(row)
    if isinstance(result, Dead):
        raise Refusal(422, result.code, result.detail, result.next_step)
    if isinstance(result, Postponed):
        raise Refusal(
            503,
            "engine_unavailable",
            f"it could not be delivered now: {result.error}",
            "replay it again in a few seconds",
            headers={"Retry-After": "5"},
        )
    return result.outcome


async def found_letter(ledger: Ledger, principal: Principal, id: str) -> KeptLetter:
    """The letter; 404 where there is none that the caller may see."""
    kept = await ledger.dead_letters.find(id)
    if kept is None or not (principal.plants is None or kept.plant in principal.plants):
        raise not_found("dead letter", id, "list them: GET /v1/dead-letters?state=open")
    return kept


def _view(kept: KeptLetter) -> DeadLetterView:
    letter = kept.letter
    return DeadLetterView(
        id=kept.id,
        channel=letter.channel,
        source=letter.source,
        code=letter.code,
        detail=letter.detail,
        next_step=letter.next_step,
        context=letter.context,
        content_type=letter.content_type,
        body_bytes=len(letter.body),
        body_start=letter.body[:1600].decode("utf-8", "replace")[:400],
        body_link=f"/v1/dead-letters/{kept.id}/body",
        state=kept.state,
        outcome=kept.outcome,
        kept_at=kept.kept_at,
        settled_at=kept.settled_at,
    )


__all__ = ["DeadLetterView", "bounced", "drop_letter", "found_letter", "replay_letter", "routes"]
