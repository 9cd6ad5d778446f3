"""The page of one question: all that is needed to decide it, the decision, and what people say about it.

A decision is made on what was seen: the form carries the proposal's digest, and where the proposal has changed since,
the page shows both side by side and keeps what was written. Not decided here: whether a decision is accepted
(`gateway.decisions_taken`) and what the page says of the question (`gateway.pages.question_view`).
"""

import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from temporalio.service import RPCError

from canonical.exception import Choice
from canonical.policy import PlantPolicy
from canonical.records import ExceptionSnapshot, ExceptionState
from gateway.access.held_roles import held_roles
from gateway.access.prices import record_seen
from gateway.access.principal import Principal, PrincipalPart, Right
from gateway.decisions_taken import question, statement_of, take
from gateway.pages.links import back_to_inbox
from gateway.pages.question_view import MESSAGE_TYPES, differences, people_of, view_of
from gateway.pages.shell import form_of, moment, render, see, text_of
from gateway.parts import Parts, PartsPart
from gateway.problems import Refusal, not_found
from gateway.question_actions import (
    FILE_BYTES_MAX,
    FILE_TYPES,
    FILES_MAX,
    AssignmentBody,
    CommentBody,
    TakenBackBody,
    assign,
    attachment,
    comment,
    handed_to,
    take_back,
)
from ledger.work_list.work_list import WorkFilter

routes = APIRouter(prefix="/questions", include_in_schema=False)

_DONE = {
    "decided": "Your decision is taken.",
    "commented": "Your comment is kept.",
    "assigned": "It is handed on; the escalation goes on as before.",
    "taken-back": "Your decision is taken back. Nobody was told of it; the question is open again.",
}
_FILES_ALONE = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@routes.get("/{id}")
async def read_question(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    id: str,
    done: str = "",
    back: str = "",
    choice: str = "",
) -> HTMLResponse:
    asked = (await question(parts.ledger, principal, id)).snapshot
    if done in _DONE:
        asked = await _as_it_is(parts, asked)
    way = next((each for each in asked.proposal.alternatives if each.choice == choice), None)
    given = {"way": f"{way.choice}/{way.supplier or ''}"} if way is not None else None
    return await _page(request, parts, principal, asked, back=back, notice=_DONE.get(done, ""), given=given)


@routes.post("/{id}/decision")
async def decide_question(request: Request, parts: PartsPart, principal: PrincipalPart, id: str) -> Response:
    async def act(asked: ExceptionSnapshot, fields: FormData) -> None:
        statement = statement_of(_decision(fields, asked))
        await take(parts, principal, asked, statement, text_of(fields, "digest"))

    return await _posted(request, parts, principal, id, act, "decided")


@routes.post("/{id}/comments")
async def comment_question(request: Request, parts: PartsPart, principal: PrincipalPart, id: str) -> Response:
    async def act(asked: ExceptionSnapshot, fields: FormData) -> None:
        files = [each for each in fields.getlist("files") if isinstance(each, UploadFile) and each.filename]
        if len(files) > FILES_MAX:
            raise Refusal(
                422, "too_many_files", f"{len(files)} files are too many", f"attach at most {FILES_MAX}", field="files"
            )
        kept = [attachment(each.filename or "", await each.read()) for each in files]
        await comment(parts, principal, asked, _body(CommentBody, fields, text=text_of(fields, "text")), kept)

    return await _posted(request, parts, principal, id, act, "commented", "conversation")


@routes.post("/{id}/assignment")
async def assign_question(request: Request, parts: PartsPart, principal: PrincipalPart, id: str) -> Response:
    async def act(asked: ExceptionSnapshot, fields: FormData) -> None:
        body = _body(AssignmentBody, fields, to=text_of(fields, "to"), why=text_of(fields, "why"))
        await assign(parts, principal, asked, body)

    return await _posted(request, parts, principal, id, act, "assigned")


@routes.post("/{id}/undo")
async def undo_decision(request: Request, parts: PartsPart, principal: PrincipalPart, id: str) -> Response:
    async def act(asked: ExceptionSnapshot, fields: FormData) -> None:
        await take_back(parts, principal, asked, _body(TakenBackBody, fields))

    return await _posted(request, parts, principal, id, act, "taken-back")


@routes.get("/{id}/attachments/{number}")
async def read_attachment(parts: PartsPart, principal: PrincipalPart, id: str, number: int) -> Response:
    """A file, to be saved and never shown by the browser as a page of ours."""
    asked = (await question(parts.ledger, principal, id)).snapshot
    found = await parts.ledger.conversation.attachment(asked.id, number) if 0 < number < 2**63 else None
    if found is None:
        raise not_found("attachment", str(number), f"read the question: /questions/{id}")
    name = quote(found.name, safe="")
    return Response(
        found.content,
        media_type=found.media_type,
        headers=_FILES_ALONE | {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"},
    )


# -- forms


async def _posted(
    request: Request,
    parts: Parts,
    principal: Principal,
    id: str,
    act: Callable[[ExceptionSnapshot, FormData], Awaitable[None]],
    done: str,
    place: str = "",
) -> Response:
    """Do what the form says; a refusal shows the question as it is now, with all that was written."""
    fields = await form_of(request, principal)
    asked, back = (await question(parts.ledger, principal, id)).snapshot, text_of(fields, "back")
    try:
        await act(asked, fields)
    except Refusal as refused:
        if refused.problem.status == 404:
            raise
        now = await _as_it_is(parts, asked)
        return await _page(request, parts, principal, now, back=back, refused=refused, given=_texts(fields))
    return _done(id, done, back, place)


def _texts(fields: FormData) -> dict[str, str]:
    return {name: text_of(fields, name) for name in fields}


def _body(model: Any, fields: FormData, **values: str) -> Any:
    given = {**values, "by": text_of(fields, "by") or None, "event_id": text_of(fields, "event_id") or None}
    try:
        return model.model_validate(given)
    except ValidationError as invalid:
        first = invalid.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else "form"
        raise Refusal(
            422, "invalid_field", f"{field}: {first['msg']}", "correct it and send it again", field=field
        ) from invalid


def _decision(fields: FormData, asked: ExceptionSnapshot) -> dict[str, object]:
    """The form's decision; of an engineering change only the lines that differ from what is proposed."""
    choice, _, which = text_of(fields, "way").partition("/")
    if not choice:
        raise Refusal(422, "no_choice", "no way out is chosen", "choose one, then decide", field="choice")
    return {
        "choice": choice,
        "supplier": which if choice in (Choice.SPLIT, Choice.TRANSFER) else "",
        "substitute": which if choice == Choice.SUBSTITUTE else "",
        "comment": text_of(fields, "comment"),
        "decided_by": text_of(fields, "by"),
        "lines": _lines(fields, asked),
    }


def _lines(fields: FormData, asked: ExceptionSnapshot) -> list[dict[str, object]]:
    chosen: list[dict[str, object]] = []
    for one in asked.proposal.dispositions:
        if not one.number:
            continue
        choice, quantity = text_of(fields, f"line-{one.number}-choice"), text_of(fields, f"line-{one.number}-quantity")
        rest = text_of(fields, f"line-{one.number}-rest")
        if choice and (quantity or choice != one.proposed):
            chosen.append({"line": one.number, "choice": choice, **({"quantity": quantity} if quantity else {})})
        if rest and quantity:
            chosen.append({"line": one.number, "choice": rest})
    return chosen


def _done(id: str, what: str, back: str, place: str = "") -> RedirectResponse:
    query = urlencode({"done": what, **({"back": back} if back else {})})
    return see(f"/questions/{quote(id, safe='')}?{query}{f'#{place}' if place else ''}")


# -- the page


async def _as_it_is(parts: Parts, known: ExceptionSnapshot) -> ExceptionSnapshot:
    """The question as it is this moment: the ledger learns of a change a moment later. As known, if it has ended."""
    if known.state is not ExceptionState.OPEN:
        return known
    try:
        return ExceptionSnapshot.model_validate(await parts.entities.status(known.id))
    except (RPCError, ValidationError, KeyError):
        return known


async def _page(
    request: Request,
    parts: Parts,
    principal: Principal,
    asked: ExceptionSnapshot,
    *,
    back: str,
    notice: str = "",
    refused: Refusal | None = None,
    given: Mapping[str, str] | None = None,
) -> HTMLResponse:
    plant = asked.proposal.plant
    policy, now = parts.policies.effective(plant), parts.now()
    context = await parts.ledger.contexts.of(asked, MESSAGE_TYPES)
    comments = await parts.ledger.conversation.of(asked.id)
    names = await parts.ledger.people.names({*people_of(asked, context), *(each.author for each in comments)})
    await record_seen(parts.ledger, principal, [asked.id], "question")
    prices, chances = principal.may(Right.SEE_PRICES, plant), await parts.promises.reader(plant)
    risk = await parts.risks.of_question(asked) if asked.state is ExceptionState.OPEN else None
    shown = view_of(asked, context, policy, now, prices=prices, names=names, chance_of=chances.of_date, risk=risk)
    given = defaultdict(str, given or {})
    values = {
        "question": shown,
        "given": given,
        "chosen": given.get("way") or (shown.ways[0].key if len(shown.ways) == 1 else ""),
        "refused": refused.problem if refused is not None else None,
        "notice": notice,
        "compared": _compared(refused, given, shown.seen),
        "may_decide": principal.may(Right.DECIDE, plant),
        "may_undo": _may_undo(principal, asked, parts),
        "roles": handed_to(asked, policy, now),
        "comments": [(moment(each.written_at, parts.zone_of(plant)), names[each.author], each) for each in comments],
        "event_id": secrets.token_hex(8),
        "back": back_to_inbox(back),
        "following": "" if shown.is_open else await _following(parts, principal, asked, policy),
        "file_types": ",".join(f".{ending}" for ending in FILE_TYPES),
        "file_megabytes": FILE_BYTES_MAX // (1024 * 1024),
        "files_max": FILES_MAX,
    }
    return render(request, "question.html", principal, values, status=refused.problem.status if refused else 200)


async def _following(parts: Parts, principal: Principal, asked: ExceptionSnapshot, policy: PlantPolicy | None) -> str:
    """The most pressing open question that is put to this person; empty: there is none."""
    mine = None if principal.named_by_body else held_roles(principal, policy)
    filter = WorkFilter(plants=principal.plants, state=ExceptionState.OPEN, asked=mine)
    waiting = await parts.ledger.work_list.items(filter, limit=2)
    return next((each.id.removeprefix("exception/") for each in waiting.items if each.id != asked.id), "")


def _compared(refused: Refusal | None, given: Mapping[str, str], now: str) -> list[tuple[str, str, str, bool]]:
    """What was seen beside what is so now, where the proposal has changed since."""
    if refused is None or refused.problem.code != "digest_out_of_date":
        return []
    return differences(given.get("seen", ""), now)


def _may_undo(principal: Principal, asked: ExceptionSnapshot, parts: Parts) -> bool:
    if asked.decision is None or asked.undo_until is None or asked.undo_until <= parts.now():
        return False
    return principal.named_by_body or asked.decision.decided_by == principal.subject


__all__ = ["routes"]
