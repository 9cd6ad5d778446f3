"""Dead letters, for operators: messages that could not be understood or delivered, and their replay after a fix."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field, JsonValue

from canonical.base import Instant
from gateway.access.principal import Principal, PrincipalPart, Right, needs
from gateway.delivery.delivery import Dead, Postponed
from gateway.paging import After, Limit, Listed, listed
from gateway.parts import LedgerPart, Parts, PartsPart
from gateway.problems import Refusal, not_found, problem_responses
from gateway.requests import PlainRoute
from ledger.inbox.dead_letters import KeptLetter, LetterState
from ledger.ledger import Ledger


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
    return _view(await _found(ledger, principal, id))


@routes.get("/{id}/body", response_class=Response, summary="Its body, as it came", responses=problem_responses(404))
async def read_body_of(ledger: LedgerPart, principal: PrincipalPart, id: str) -> Response:
    kept = await _found(ledger, principal, id)
    headers = {"X-Content-Type-Options": "nosniff", "Content-Disposition": f'attachment; filename="{kept.id}"'}
    return Response(kept.letter.body, media_type="application/octet-stream", headers=headers)


@routes.post("/{id}/replay", summary="Put it in again, after a fix", responses=problem_responses(404, 409, 422, 503))
async def replay(parts: PartsPart, principal: PrincipalPart, id: str) -> DeadLetterView:
    """A letter that was already replayed is returned unchanged. Where the cause persists, the letter stays open and the
    problem says why.
    """
    kept = await _found(parts.ledger, principal, id)
    if kept.state is LetterState.OPEN:
        try:
            outcome = await _again(parts, kept)
        except Refusal as refusal:
            link = f"/v1/dead-letters/{id}"
            refusal.problem = refusal.problem.model_copy(update={"dead_letter": link})
            if refusal.problem.status == 400:  # this request was well formed; the message it replays is not
                refusal.problem = refusal.problem.model_copy(update={"status": 422})
            raise
        await parts.ledger.dead_letters.replayed(id, outcome)
    return _view(await _found(parts.ledger, principal, id))


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


async def _found(ledger: Ledger, principal: Principal, id: str) -> KeptLetter:
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


__all__ = ["DeadLetterView", "routes"]
