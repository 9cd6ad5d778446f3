"""Taking a person's decision on a question (R15): the same for the API, the question's page and decisions in bulk.

Decided here: that a decision is made on what was seen, that turning something down needs a reason, and how a refusal
reads. Not here: who it is by and in which
role (gateway.access.deciding), and whether the question accepts it (workflows.exception).
"""

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Annotated, Never

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from canonical.base import Code, PersonName
from canonical.exception import Choice, Decision, DecisionRefused, LineChoice
from canonical.records import ExceptionSnapshot, ExceptionState
from decisions.approval import needs_reason
from gateway.access.deciding import Decider, decider
from gateway.access.principal import Principal, Right
from gateway.parts import Parts
from gateway.problems import Refusal, field_path, in_words, not_found
from gateway.tracing import record_correlation
from ledger.ledger import Ledger
from ledger.people.people import AccessKind
from ledger.snapshots.reads import ExceptionRow

_STATUS = {
    "digest_out_of_date": 412,
    "proposer_is_approver": 403,
    "not_an_approver": 403,
    "already_decided": 409,
    "not_found": 404,
    "choice_not_offered": 422,
    "lines_not_possible": 422,
}
_NEXT_STEP = {
    "digest_out_of_date": "read the exception again, and decide on what it says now",
    "proposer_is_approver": "have another person decide; who proposes may not approve",
    "not_an_approver": "decide in a role that may, or have somebody of that role decide",
    "already_decided": "read the exception to see the decision",
    "not_found": "list the open exceptions: GET /v1/exceptions?state=open",
    "choice_not_offered": "choose one of the proposal's alternatives",
    "lines_not_possible": "name the lines by the `number` of the proposal's dispositions, each with its candidates",
}
_DIGEST_LENGTH_MAX = 100


class LineChoiceBody(LineChoice):
    """A choice for a line as a person sends it: a misspelt quantity would choose all the rest of the line."""

    model_config = ConfigDict(extra="forbid")


class DecisionBody(BaseModel):
    """What a person decides."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"choice": "accept", "comment": "the build can wait for the balance"},
                {
                    "choice": "split",
                    "supplier": "1616",
                    "role": "buyer",
                    "event_id": "ui-7f2a",
                },
                {"choice": "substitute", "substitute": "FR-R92B-60"},
                {
                    "choice": "approve",
                    "lines": [
                        {"line": 1, "choice": "return", "quantity": "12"},
                        {"line": 1, "choice": "scrap", "quantity": "8"},
                    ],
                },
            ]
        },
    )

    choice: Choice
    supplier: Code | None = Field(None, description="Of a split or transfer: the second source or plant; else the best")
    substitute: Code | None = Field(None, description="Of a substitute item: which; else the first that is offered")
    lines: Annotated[tuple[LineChoiceBody, ...], Field(max_length=1000)] = Field(
        (),
        description="For an approved engineering change: the dispositions, or parts of them, that differ from the "
        "proposal. `line` is the disposition's `number`, `choice` one of its candidates",
    )
    decided_by: PersonName | None = Field(
        None, description="Who decides: the caller, so that it can be left out; needed only where nobody logs in"
    )
    role: PersonName | None = Field(
        None,
        description="The role, one that the caller has: one of the approvers, one that was asked, or its deputy; left "
        "out, the first of those",
    )
    comment: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")] = ""
    event_id: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")] | None = Field(
        None, description="Identifies the decision when it is sent again; its content where left out"
    )


def statement_of(fields: Mapping[str, object]) -> DecisionBody:
    """The decision in a form's fields (`choice`, `supplier`, `comment` …; `lines` as a list), others left aside.

    Raises Refusal (422).
    """
    stated = {name: value for name, value in fields.items() if name in DecisionBody.model_fields}
    try:
        return DecisionBody.model_validate({name: value for name, value in stated.items() if value not in ("", None)})
    except ValidationError as invalid:
        first = invalid.errors()[0]
        name = field_path(first["loc"]) or "choice"
        raise Refusal(
            422,
            "invalid_field",
            f"{name}: {in_words(first)}",
            "correct it and send the decision again",
            field=name,
            value=first.get("input") if first["type"] != "missing" else None,
        ) from invalid


async def question(ledger: Ledger, principal: Principal, id: str) -> ExceptionRow:
    """The question of this id, without `exception/`. Raises Refusal: 404, also where its plant is a foreign one."""
    principal.require(Right.READ)
    row = await ledger.reads.exception(f"exception/{id}")
    if row is None or not principal.sees(row.snapshot.proposal.plant):
        raise not_found("exception", id, _NEXT_STEP["not_found"])
    return row


async def take(
    parts: Parts, principal: Principal, asked: ExceptionSnapshot, body: DecisionBody, digest: str
) -> ExceptionSnapshot:
    """Have the question decided, as it was read (`question`), on the proposal with the digest that was seen.

    The same event id again gets the same answer. Raises Refusal: 403 where the principal or its role may not decide,
    404, 409 where it is decided otherwise or gone, 412 where the proposal has changed (`problem.digest`: the present
    one), 422. A call that Temporal itself fails raises RPCError.
    """
    now, policy = parts.now(), parts.policies.effective(asked.proposal.plant)
    who = decider(principal, asked, policy, now, stated=body.decided_by, stated_role=body.role)
    _require_reason(asked, body)
    decision = _decision(asked, body, who, digest[:_DIGEST_LENGTH_MAX], now)
    record_correlation(asked.correlation_id)
    if asked.state is not ExceptionState.OPEN:
        return _repeated(asked, decision)
    try:
        decided = await parts.entities.decide(asked.id, decision)
    except DecisionRefused as refused:
        return await _refused(parts, principal, asked, decision, refused)
    if not principal.named_by_body:
        detail = f"{decision.choice} as {decision.role}"
        await parts.ledger.people.record(principal.subject, AccessKind.DECIDED, [asked.id], detail)
    return decided


def _require_reason(asked: ExceptionSnapshot, body: DecisionBody) -> None:
    if needs_reason(asked.proposal.kind, body.choice) and not body.comment.strip():
        raise Refusal(
            422,
            "reason_needed",
            f"{body.choice} turns down what is proposed, and no reason is given",
            "write in the comment why, and decide again",
            field="comment",
        )


def _decision(
    asked: ExceptionSnapshot, body: DecisionBody, who: Decider, digest: str, decided_at: dt.datetime
) -> Decision:
    # Decided again after it was taken back, it is another decision.
    again = str(asked.taken_back or "")
    parts = (asked.id, digest, body.choice, body.supplier, who.decided_by, who.role, body.comment, again)
    # A decision without lines gets its id from the other fields alone.
    by_line = (*([body.substitute] if body.substitute else []), *(line.model_dump_json() for line in body.lines))
    statement = "\x1f".join(part or "" for part in (*parts, *by_line))
    return Decision(
        event_id=body.event_id or f"decision-{hashlib.sha256(statement.encode()).hexdigest()[:24]}",
        digest=digest,
        choice=body.choice,
        supplier=body.supplier,
        substitute=body.substitute,
        lines=tuple(LineChoice(**dict(line)) for line in body.lines),
        decided_by=who.decided_by,
        role=who.role,
        comment=body.comment,
        decided_at=decided_at,
    )


def _repeated(asked: ExceptionSnapshot, decision: Decision) -> ExceptionSnapshot:
    """The first answer to a decision that is sent again; 409 for any other."""
    made = asked.decision
    if made is not None and made.event_id == decision.event_id and _content(made) == _content(decision):
        return asked
    if made is None:
        detail = "what the exception was about has gone by itself; there is nothing left to decide"
    else:
        detail = f"{made.decided_by} decided {made.choice!r} on {made.decided_at:%Y-%m-%d %H:%M} already"
    raise Refusal(
        409,
        "already_decided",
        detail,
        _NEXT_STEP["already_decided"],
        field="choice",
        value=decision.choice,
        digest=asked.digest,
    )


def _content(decision: Decision) -> tuple[object, ...]:
    return decision.choice, decision.supplier, decision.substitute, decision.lines, decision.decided_by, decision.role


async def _refused(
    parts: Parts, principal: Principal, known: ExceptionSnapshot, decision: Decision, refused: DecisionRefused
) -> ExceptionSnapshot:
    """The answer to a refused decision: the first one's where it is a repetition, else a problem."""
    asked = (await question(parts.ledger, principal, known.id.removeprefix("exception/"))).snapshot
    if refused.code in ("already_decided", "not_found") and asked.state is not ExceptionState.OPEN:
        return _repeated(asked, decision)
    digest = refused.digest or asked.digest
    if refused.code == "digest_out_of_date" and refused.digest is None:
        reported = (await parts.entities.status(asked.id)).get("digest")  # the ledger may still have the old one
        digest = reported if isinstance(reported, str) else digest
    _refuse(refused, asked, decision, digest)


def _refuse(refused: DecisionRefused, asked: ExceptionSnapshot, decision: Decision, digest: str) -> Never:
    field, value = {
        "digest_out_of_date": ("If-Match", decision.digest),
        "proposer_is_approver": ("decided_by", decision.decided_by),
        "not_an_approver": ("role", decision.role),
        "choice_not_offered": ("choice", str(decision.choice)),
        "lines_not_possible": ("lines", [line.model_dump(mode="json") for line in decision.lines]),
    }.get(refused.code, ("path", str(asked.id)))
    next_step = _NEXT_STEP.get(refused.code, "read the exception again")
    if refused.code == "choice_not_offered":
        ways = asked.proposal.alternatives
        offered = dict.fromkeys(str(each.choice) for each in ways)
        if decision.choice in offered:
            field, value = "substitute", decision.substitute
            offered = dict.fromkeys(each.substitute.item for each in ways if each.substitute is not None)
        next_step = f"choose one of {', '.join(offered)}" if offered else "leave the substitute item out"
    raise Refusal(
        _STATUS.get(refused.code, 422), refused.code, refused.detail, next_step, field=field, value=value, digest=digest
    )


__all__ = ["DecisionBody", "LineChoiceBody", "question", "statement_of", "take"]
