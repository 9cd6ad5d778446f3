"""What is said about a question, and handing it on or taking a decision back, for programs; people have the page."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from gateway.access.principal import PrincipalPart
from gateway.decisions_taken import question
from gateway.parts import LedgerPart, PartsPart
from gateway.problems import problem_responses
from gateway.question_actions import AssignmentBody, CommentBody, TakenBackBody, assign, comment, take_back
from gateway.requests import PlainRoute
from gateway.views.exceptions import ExceptionView
from ledger.conversation.conversation import Comment

routes = APIRouter(prefix="/v1/exceptions", tags=["Exceptions"], route_class=PlainRoute)
_Id = Annotated[str, Path(max_length=60)]


class CommentsView(BaseModel):
    """The comments on a question, the oldest first."""

    items: list[Comment]


@routes.get("/{id}/comments", summary="What people said about it", responses=problem_responses(403, 404))
async def read_comments(ledger: LedgerPart, principal: PrincipalPart, id: _Id) -> CommentsView:
    asked = (await question(ledger, principal, id)).snapshot
    return CommentsView(items=list(await ledger.conversation.of(asked.id)))


@routes.post(
    "/{id}/comments", summary="Say something about it", status_code=201, responses=problem_responses(400, 403, 404)
)
async def write_comment(parts: PartsPart, principal: PrincipalPart, id: _Id, body: CommentBody) -> CommentsView:
    asked = (await question(parts.ledger, principal, id)).snapshot
    await comment(parts, principal, asked, body)
    return CommentsView(items=list(await parts.ledger.conversation.of(asked.id)))


@routes.post(
    "/{id}/assignment", summary="Hand it to another role", responses=problem_responses(400, 403, 404, 409, 503)
)
async def hand_on(parts: PartsPart, principal: PrincipalPart, id: _Id, body: AssignmentBody) -> ExceptionView:
    """To a role that may decide it (R15), or its deputy. The escalation goes on as before (R16)."""
    asked = (await question(parts.ledger, principal, id)).snapshot
    snapshot = await assign(parts, principal, asked, body)
    return ExceptionView.model_validate(snapshot.model_dump())


@routes.post(
    "/{id}/decision/undo",
    summary="Take one's decision back before it is carried out",
    responses=problem_responses(400, 403, 404, 409, 503),
)
async def undo(parts: PartsPart, principal: PrincipalPart, id: _Id, body: TakenBackBody) -> ExceptionView:
    """Only where the plant's policy lets a decision wait (`questions.undo_minutes`), until `undo_until`."""
    asked = (await question(parts.ledger, principal, id)).snapshot
    snapshot = await take_back(parts, principal, asked, body)
    return ExceptionView.model_validate(snapshot.model_dump())


__all__ = ["routes"]
