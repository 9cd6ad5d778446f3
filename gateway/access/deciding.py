"""Who decides a question, and in which role (R15): what the caller's token says, not what a body does.

Decided here: that a decision is the caller's own, that whoever proposed it does not decide it, and which of their roles
counts. Not here: whether that role may decide this question; the question itself knows whom it asked.
"""

import datetime as dt
from typing import NamedTuple

from canonical.policy import PlantPolicy
from canonical.records import ExceptionSnapshot
from decisions.approval import entitled_roles, may_decide
from gateway.access.held_roles import held_roles
from gateway.access.principal import Principal, Right
from gateway.problems import Refusal


class Decider(NamedTuple):
    """Who decides, as the decision names them."""

    decided_by: str
    role: str | None


def decider(
    principal: Principal,
    question: ExceptionSnapshot,
    policy: PlantPolicy | None,
    now: dt.datetime,
    *,
    stated: str | None = None,
    stated_role: str | None = None,
) -> Decider:
    """The caller as the one who decides. Raises Refusal: 403 where they may not, 422 where nobody is named at all.

    `stated` and `stated_role` are what a body says, if it does; `policy` is that of the question's plant.
    """
    principal.require(Right.DECIDE, question.proposal.plant)
    decided_by = doer(principal, stated, "decided_by")
    if principal.named_by_body:
        return Decider(decided_by, stated_role)
    _require_another_proposer(principal, question.proposal.proposed_by)
    return Decider(principal.subject, _role(principal, question, policy, now, stated_role))


def doer(principal: Principal, stated: str | None, field: str) -> str:
    """Who does something: the caller; where nobody logs in, who the body's `field` names.

    Raises Refusal: 403 where the body names somebody else, 422 where nobody is named at all.
    """
    if principal.named_by_body:
        if stated is None:
            raise Refusal(
                422,
                "invalid_field",
                f"{field} is missing: nobody is logged in here, so the request has to say whose it is",
                "say who does it",
                field=field,
            )
        return stated
    if stated not in (None, principal.subject):
        raise Refusal(
            403,
            "not_yourself",
            f"you are {principal.subject}; nothing can be done in the name of {stated}",
            f"leave {field} out, or have that person do it",
            field=field,
            value=stated,
        )
    return principal.subject


def holds(principal: Principal, name: str, policy: PlantPolicy | None) -> bool:
    """Whether the caller holds the role that a policy or a question names so.

    A name that the token carries among its roles and groups; and the plant's own planner, buyer and manager are held by
    whoever has that role at the plant. Names are compared without case.
    """
    return _name(name) in {_name(held) for held in held_roles(principal, policy)}


def _require_another_proposer(principal: Principal, proposed_by: str) -> None:
    """Four eyes: under none of their names is the caller the one who proposed it."""
    for name in (principal.subject, principal.name, principal.email, *principal.known_as):
        if name and not may_decide(proposed_by, name):
            raise Refusal(
                403,
                "proposer_is_approver",
                f"{principal.name} made this proposal; somebody else has to decide (R15)",
                "have another person decide; who proposes may not approve",
                field="decided_by",
                value=principal.subject,
            )


def _role(
    principal: Principal, question: ExceptionSnapshot, policy: PlantPolicy | None, now: dt.datetime, stated: str | None
) -> str:
    if stated is not None:
        if holds(principal, stated, policy):
            return stated
        raise Refusal(
            403,
            "role_not_held",
            f"{principal.name} is not {stated}",
            "leave the role out, or decide in one that your account has",
            field="role",
            value=stated,
        )
    asked = [*question.proposal.approvers, question.assignee, *filter(None, [question.on_behalf_of])]
    entitled = entitled_roles(asked, policy, now) if policy is not None else tuple(asked)
    own: tuple[str, ...] = (policy.buyer, policy.planner, policy.manager) if policy is not None else ()
    # The plant's own roles last: the question may have asked them before, and knows itself.
    names: list[str] = [*entitled, *own]
    for role in names:
        if holds(principal, role, policy):
            return role
    raise Refusal(
        403,
        "not_an_approver",
        f"{principal.name} may not decide this (R15); {' or '.join(entitled)} may",
        "have somebody of that role decide",
        field="role",
    )


def _name(text: str) -> str:
    return text.strip().casefold()


__all__ = ["Decider", "decider", "doer", "holds"]
