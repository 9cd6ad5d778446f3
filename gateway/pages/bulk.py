"""Decisions in bulk: like questions, one rule, an answer for each.

Every question is decided by itself, with the digest that the page showed, exactly as on its own page; what could not be
done stays selected and says why. Decided here: which choice a question gets by the rule. Not here: whether it is
accepted (`gateway.decisions_taken`).
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData
from temporalio.service import RPCError

from canonical.exception import Choice
from canonical.records import ExceptionSnapshot, ExceptionState
from gateway.access.prices import plain
from gateway.access.principal import Principal, PrincipalPart, Right, needs
from gateway.decisions_taken import DecisionBody, statement_of, take
from gateway.pages.links import back_to_inbox
from gateway.pages.question_words import KINDS
from gateway.pages.shell import begun, form_of, render, text_of
from gateway.pages.work_columns import CHOICES
from gateway.parts import Parts, PartsPart
from gateway.problems import Refusal, is_engine_down
from ledger.snapshots.reads import ExceptionRow

AT_MOST = 200
_AT_ONCE = 8

routes = APIRouter(include_in_schema=False, dependencies=[needs(Right.DECIDE)])


class Picked(NamedTuple):
    """A question that was ticked, with the digest of what was seen."""

    name: str
    digest: str


@dataclass(frozen=True)
class TickedQuestion:
    """A question as the page shows it."""

    name: str
    digest: str
    summary: str
    kind: str
    plant: str
    choices: tuple[Choice, ...]
    chosen: str
    """The choice for this question alone; empty: by the rule, `leave`: none."""
    reason: str = ""
    """Why it could not be done, or what to look at first."""
    selected: bool = True


class Done(NamedTuple):
    """A question that was decided."""

    name: str
    summary: str
    choice: str


@routes.post("/inbox/bulk")
async def decide_together(request: Request, parts: PartsPart, principal: PrincipalPart) -> Response:
    """Show what was ticked and ask for the rule; with `step` = `decide`, carry it out and show what came of it."""
    fields = await form_of(request, principal)
    picked = _picked(fields)
    rows = await parts.ledger.work_list.of([f"exception/{each.name}" for each in picked], principal.plants)
    if text_of(fields, "step") != "decide":
        asked = [_asked(each, rows, fields, _changed(each, rows)) for each in picked]
        return _page(request, principal, fields, [each for each in asked if each is not None], [])
    outcomes = await _decide_all(parts, principal, fields, picked, rows)
    rows |= await parts.ledger.work_list.of([f"exception/{each.name}" for each in picked], principal.plants)
    left = [
        _asked(each, rows, fields, outcome)
        for each, outcome in zip(picked, outcomes, strict=True)
        if isinstance(outcome, str)
    ]
    done = [outcome for outcome in outcomes if isinstance(outcome, Done)]
    return _page(request, principal, fields, [each for each in left if each is not None], done)


def _picked(fields: FormData) -> list[Picked]:
    """What was ticked, each once. Raises Refusal."""
    found: dict[str, Picked] = {}
    for given in fields.getlist("question"):
        name, _, digest = str(given).partition(" ")
        found[name] = Picked(name, digest)
    if not found:
        raise Refusal(
            422, "nothing_selected", "no question is selected", "go back and tick those to decide", field="question"
        )
    if len(found) > AT_MOST:
        raise Refusal(
            422,
            "too_many_selected",
            f"{len(found)} questions are selected",
            f"decide at most {AT_MOST} together",
            field="question",
        )
    return list(found.values())


def _asked(picked: Picked, rows: dict[str, ExceptionRow], fields: FormData, reason: str) -> TickedQuestion | None:
    """The question as it is now; None where it is not there for this reader."""
    row = rows.get(f"exception/{picked.name}")
    if row is None:
        return None
    snapshot = row.snapshot
    proposal = snapshot.proposal
    open = snapshot.state is ExceptionState.OPEN
    return TickedQuestion(
        name=picked.name,
        digest=snapshot.digest,
        summary=proposal.summary,
        kind=KINDS[proposal.kind],
        plant=proposal.plant,
        choices=_offered(snapshot) if open else (),
        chosen=text_of(fields, f"choice-{picked.name}"),
        reason=reason,
        selected=open,
    )


def _offered(snapshot: ExceptionSnapshot) -> tuple[Choice, ...]:
    return tuple(dict.fromkeys(each.choice for each in snapshot.proposal.alternatives))


def _changed(picked: Picked, rows: dict[str, ExceptionRow]) -> str:
    row = rows.get(f"exception/{picked.name}")
    if row is None or row.snapshot.digest == picked.digest:
        return ""
    return "It has changed since you ticked it: this is how it reads now."


async def _decide_all(
    parts: Parts, principal: Principal, fields: FormData, picked: Sequence[Picked], rows: dict[str, ExceptionRow]
) -> list[Done | str]:
    """What came of each: done, or why not."""
    at_once, engine_down = asyncio.Semaphore(_AT_ONCE), asyncio.Event()

    async def one(each: Picked) -> Done | str:
        row = rows.get(f"exception/{each.name}")
        if row is None:
            return "It is not there."
        try:
            body = _body(each, row.snapshot, fields)
            if isinstance(body, str):
                return body
            async with at_once:
                if engine_down.is_set():
                    return "Not tried: the workflow engine can't be reached now."
                await take(parts, principal, row.snapshot, body, each.digest)
        except Refusal as refused:
            return _why(refused)
        except RPCError as failed:
            if is_engine_down(failed):
                engine_down.set()
            return "The workflow engine did not take it; nothing was changed. Send it again in a few seconds."
        return Done(each.name, row.snapshot.proposal.summary, CHOICES[body.choice])

    return await asyncio.gather(*(one(each) for each in picked))


def _body(picked: Picked, snapshot: ExceptionSnapshot, fields: FormData) -> DecisionBody | str:
    """The decision on this question, or why there is none. Raises Refusal."""
    own = text_of(fields, f"choice-{picked.name}")
    choice = own or text_of(fields, "rule")
    if own == "leave":
        return "You left it out."
    if not choice:
        return "No choice is made for it."
    offered = _offered(snapshot)
    if choice not in offered and snapshot.state is ExceptionState.OPEN:
        names = ", ".join(CHOICES[each].lower() for each in offered)
        label = CHOICES[Choice(choice)] if choice in set(Choice) else choice
        return f"{label} is not offered here; there is: {names}."
    comment = text_of(fields, "comment")
    return statement_of({"choice": choice, "comment": comment, "decided_by": text_of(fields, "by")})


def _why(refused: Refusal) -> str:
    problem = refused.problem
    if problem.code == "digest_out_of_date":
        return "It has changed since you saw it; this is how it reads now. Nothing was decided."
    return f"{begun(problem.detail)}. {begun(problem.next_step)}."


def _page(
    request: Request, principal: Principal, fields: FormData, asked: Sequence[TickedQuestion], done: Sequence[Done]
) -> Response:
    counted = Counter(choice for each in asked for choice in each.choices)
    open_ones = sum(1 for each in asked if each.choices)
    values = {
        "asked": asked,
        "sentence": lambda text: text if principal.may(Right.SEE_PRICES) else plain(text),
        "done": done,
        "left": len(asked),
        "tried": text_of(fields, "step") == "decide",
        "rules": [
            (choice, CHOICES[choice], f"offered by {counted[choice]} of {open_ones}")
            for choice in Choice
            if counted[choice]
        ],
        "choice_names": CHOICES,
        "rule": text_of(fields, "rule"),
        "comment": text_of(fields, "comment"),
        "by": text_of(fields, "by"),
        "back": back_to_inbox(text_of(fields, "back")),
    }
    return render(request, "bulk.html", principal, values)


__all__ = ["AT_MOST", "routes"]
