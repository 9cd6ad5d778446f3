"""What people do with a question besides deciding it: comment, attach, hand it on, take a decision back.

Each is given the question as it was read (`gateway.decisions_taken.question`). Decided here: who may, which files are
taken, and how a refusal reads. Not here: whether the question accepts it (workflows.exception).
"""

import datetime as dt
import hashlib
import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from canonical.base import PersonName
from canonical.exception import Assignment, DecisionRefused, DecisionTakenBack
from canonical.policy import PlantPolicy
from canonical.records import ExceptionSnapshot
from decisions.approval import assignable
from gateway.access.deciding import doer
from gateway.access.principal import Principal, Right
from gateway.parts import Parts
from gateway.problems import Refusal
from ledger.conversation.conversation import NewAttachment

FILE_BYTES_MAX = 2 * 1024 * 1024
FILES_MAX = 5
COMMENT_LENGTH_MAX = 4000
_NAME_LENGTH_MAX = 120
_OFFICE = "application/vnd.openxmlformats-officedocument"
_ZIPPED = b"PK\x03\x04"
FILE_TYPES: dict[str, tuple[str, bytes]] = {
    "pdf": ("application/pdf", b"%PDF-"),
    "png": ("image/png", b"\x89PNG\r\n\x1a\n"),
    "jpg": ("image/jpeg", b"\xff\xd8\xff"),
    "jpeg": ("image/jpeg", b"\xff\xd8\xff"),
    "xlsx": (f"{_OFFICE}.spreadsheetml.sheet", _ZIPPED),
    "docx": (f"{_OFFICE}.wordprocessingml.document", _ZIPPED),
    "msg": ("application/vnd.ms-outlook", b"\xd0\xcf\x11\xe0"),
    "eml": ("message/rfc822", b""),
    "csv": ("text/csv", b""),
    "txt": ("text/plain", b""),
}
"""By the name's ending: the media type, and the bytes with which such a file begins."""
_Text = Annotated[str, Field(max_length=COMMENT_LENGTH_MAX, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
_EventId = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")]
_STATUS = {
    "already_decided": 409,
    "already_asked": 409,
    "nothing_to_take_back": 409,
    "not_an_approver": 422,
    "not_the_decider": 403,
    "not_found": 404,
}
_NEXT_STEP = {
    "already_decided": "read the question to see what became of it",
    "already_asked": "choose another role, or decide it",
    "nothing_to_take_back": "if it was wrong, change its effect: at the order, or in the ERP",
    "not_an_approver": "hand it to one of those who may",
    "not_the_decider": "have that person take it back",
    "not_found": "list the open questions: GET /v1/exceptions?state=open",
}


class ByPerson(BaseModel):
    """Who does it, where nobody logs in."""

    model_config = ConfigDict(extra="forbid")

    by: PersonName | None = Field(
        None, description="Only where nobody logs in (no issuer is set); else it is who has logged in"
    )
    event_id: _EventId | None = Field(
        None, description="Identifies it when it is sent again; its content where left out"
    )


class CommentBody(ByPerson):
    """A comment on a question."""

    text: _Text


class AssignmentBody(ByPerson):
    """Hands a question to another role."""

    to: PersonName = Field(description="The role: one that may decide the question, or its deputy")
    why: Annotated[_Text, Field(max_length=2000)] = ""


class TakenBackBody(ByPerson):
    """Takes a decision back."""


async def comment(
    parts: Parts,
    principal: Principal,
    asked: ExceptionSnapshot,
    body: CommentBody,
    files: Sequence[NewAttachment] = (),
) -> None:
    """Keep a comment with its files; sent again, it is kept once. Raises Refusal: 403, 422."""
    principal.require(Right.DECIDE, asked.proposal.plant)
    text = body.text.strip()
    if not text and not files:
        raise Refusal(
            422, "empty_comment", "the comment says nothing", "write something, or attach a file", field="text"
        )
    now = parts.now()
    await parts.ledger.conversation.add(
        asked.id,
        event_id=body.event_id or _event_id("comment", asked.id, text, now.isoformat()),
        author=doer(principal, body.by, "by"),
        text=text,
        written_at=now,
        attachments=files,
    )


async def assign(
    parts: Parts, principal: Principal, asked: ExceptionSnapshot, body: AssignmentBody
) -> ExceptionSnapshot:
    """Have another role asked. Raises Refusal: 403, 404, 409 where nothing is left to decide, 422."""
    principal.require(Right.DECIDE, asked.proposal.plant)
    by, now = doer(principal, body.by, "by"), parts.now()
    event_id = body.event_id or _event_id("assign", asked.id, body.to, by, body.why, now.isoformat())
    assignment = Assignment(event_id=event_id, to=body.to, assigned_by=by, why=body.why.strip(), assigned_at=now)
    try:
        return await parts.entities.assign(asked.id, assignment)
    except DecisionRefused as refused:
        raise _refusal(refused, "to", body.to) from refused


async def take_back(
    parts: Parts, principal: Principal, asked: ExceptionSnapshot, body: TakenBackBody
) -> ExceptionSnapshot:
    """Take a decision back that is not carried out yet. Raises Refusal: 403, 404, 409."""
    principal.require(Right.DECIDE, asked.proposal.plant)
    by, now = doer(principal, body.by, "by"), parts.now()
    event_id = body.event_id or _event_id("take-back", asked.id, by, now.isoformat())
    taken_back = DecisionTakenBack(event_id=event_id, taken_back_by=by, taken_back_at=now)
    try:
        return await parts.entities.take_back(asked.id, taken_back)
    except DecisionRefused as refused:
        raise _refusal(refused, "by", by) from refused


def handed_to(question: ExceptionSnapshot, policy: PlantPolicy | None, now: dt.datetime) -> tuple[str, ...]:
    """The roles to which the question may be handed now; the workflow, which knows who was asked before, has the last
    word.
    """
    proposal = question.proposal
    if policy is None:
        return ()
    asked = [each for each in (question.assignee, question.on_behalf_of) if each]
    roles = assignable(proposal.approvers, asked, policy, now, proposed_by=proposal.proposed_by)
    return tuple(role for role in roles if role != question.assignee)


def attachment(name: str, content: bytes) -> NewAttachment:
    """A file as it is kept. Raises Refusal (422) for a type that is not taken, or too large a file."""
    plain = re.sub(r"[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", name.replace("\\", "/")).rsplit(
        "/", 1
    )[-1]
    plain = plain.strip(" .")
    ending = plain.rpartition(".")[2].lower()
    known = FILE_TYPES.get(ending) if "." in plain else None
    if known is None:
        raise _bad_file(name, "is of a type that is not taken", f"attach {', '.join(FILE_TYPES)}")
    if len(content) > FILE_BYTES_MAX:
        raise _bad_file(name, f"has {len(content)} bytes; at most {FILE_BYTES_MAX} are taken", "send a smaller file")
    media_type, begins = known
    if not content.startswith(begins) or (not begins and b"\0" in content):
        raise _bad_file(name, f"is not what its name says ({ending})", "attach the file under its right name")
    if len(plain) > _NAME_LENGTH_MAX:
        plain = f"{plain[: _NAME_LENGTH_MAX - len(ending) - 1]}.{ending}"
    return NewAttachment(name=plain, media_type=media_type, content=content)


def _bad_file(name: str, detail: str, next_step: str) -> Refusal:
    return Refusal(422, "file_not_taken", f"the file {name[:80]!r} {detail}", next_step, field="files", value=name)


def _event_id(*parts: str) -> str:
    content = "\x1f".join(parts)
    return f"{parts[0]}-{hashlib.sha256(content.encode()).hexdigest()[:24]}"


def _refusal(refused: DecisionRefused, field: str, value: str) -> Refusal:
    return Refusal(
        _STATUS.get(refused.code, 422),
        refused.code,
        refused.detail,
        _NEXT_STEP.get(refused.code, "read the question again"),
        field=field,
        value=value,
    )


__all__ = [
    "FILES_MAX",
    "FILE_BYTES_MAX",
    "FILE_TYPES",
    "AssignmentBody",
    "CommentBody",
    "TakenBackBody",
    "assign",
    "attachment",
    "comment",
    "handed_to",
    "take_back",
]
