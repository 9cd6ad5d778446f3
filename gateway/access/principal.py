"""Who calls, and what they may see and do: a principal has roles, and plants at which the roles count.

Decided here: which right each role has. Not here: how a caller proves who they are, and what a question's approvers are
(R15).
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.types import Scope

from gateway.problems import Refusal


class CallerRole(StrEnum):
    """The work that somebody does with Pegline."""

    PLANNER = "planner"
    BUYER = "buyer"
    MANAGER = "manager"
    OPERATOR = "operator"
    SYSTEM = "system"
    """A program: it sends events, plans and documents."""


class Right(StrEnum):
    """What a caller may do."""

    READ = "read"
    """See requirements, orders, questions, traces and figures."""
    SEE_PRICES = "see_prices"
    """See suppliers' prices; each such read is recorded."""
    DECIDE = "decide"
    """Answer a question; which ones, the question's approvers say (R15)."""
    SEND = "send"
    """Send events and suppliers' documents."""
    PLAN = "plan"
    """Upload plan runs."""
    OPERATE = "operate"
    """Incidents, undelivered messages, dead letters, the policy in force."""


RIGHTS: dict[CallerRole, frozenset[Right]] = {
    CallerRole.PLANNER: frozenset({Right.READ, Right.PLAN, Right.DECIDE}),
    CallerRole.BUYER: frozenset({Right.READ, Right.SEE_PRICES, Right.DECIDE}),
    CallerRole.MANAGER: frozenset({Right.READ, Right.SEE_PRICES, Right.DECIDE, Right.PLAN}),
    CallerRole.OPERATOR: frozenset({Right.READ, Right.OPERATE}),
    CallerRole.SYSTEM: frozenset({Right.READ, Right.SEND, Right.PLAN}),
}
"""A planner decides what a policy names planners for: master data, ambiguous matches."""


@dataclass(frozen=True)
class Principal:
    """A caller who has been identified."""

    subject: str
    """The issuer's lasting identifier of the person or program."""
    name: str
    roles: frozenset[CallerRole]
    plants: frozenset[str] | None
    """The plants at which the roles count; None: all."""
    email: str = ""
    named_by_body: bool = False
    """Nobody has logged in, since no issuer is set: a decision's body names who decides."""
    csrf_token: str = field(default="", repr=False)
    """What a form of this session must carry; empty: the session has no forms."""
    roles_unconfirmed: bool = False
    """The issuer can't be asked, for too long, whether the session's person still has the roles."""
    offices: frozenset[str] = frozenset()
    """The roles and groups as the token names them, by which a policy may name approvers (R15)."""
    known_as: frozenset[str] = frozenset()
    """Other names of the person, such as the user name: who proposed something under one of them may not approve it."""
    client: str = ""
    """The program to which the token was issued; empty: a person's session."""
    sender: str = ""
    """The configured sender whose signature the request carries; empty: it carries none."""

    def may(self, right: Right, plant: str | None = None) -> bool:
        """Whether any role has the right, and the plant is one of the caller's."""
        return any(right in RIGHTS[role] for role in self.roles) and (plant is None or self.sees(plant))

    def sees(self, plant: str) -> bool:
        """Whether the plant is one of the caller's."""
        return self.plants is None or plant in self.plants

    def require(self, right: Right, plant: str | None = None) -> None:
        """Raise Refusal (403) where the caller has no such right at the plant."""
        if not any(right in RIGHTS[role] for role in self.roles):
            roles = sorted(role for role, rights in RIGHTS.items() if right in rights)
            raise Refusal(
                403,
                "not_allowed",
                f"{self.name} may not do this ({right}) as {', '.join(sorted(self.roles)) or 'nobody'}",
                f"have somebody do it who is {' or '.join(roles)}",
                field="role",
            )
        if plant is not None and not self.sees(plant):
            raise Refusal(
                403,
                "foreign_plant",
                f"plant {plant} is not one of {self.name}'s",
                "have the plant added to your account, or somebody of that plant do it",
                field="plant",
                value=plant,
            )

    def only(self, plants: Collection[str]) -> list[str]:
        """Those of the plants that the caller sees."""
        return [plant for plant in plants if self.sees(plant)]


NOBODY_ASKED = Principal("local", "local", frozenset(CallerRole), None, named_by_body=True)
"""Everybody, on a gateway without an issuer: it listens on loopback only."""
NOBODY = Principal("", "nobody", frozenset(), frozenset())
"""A caller who has not been identified, for pages that anybody may see."""


def default_of(scope: Scope) -> Principal:
    """Who a caller is that nobody has identified: everybody without an issuer, nobody with one."""
    app = scope.get("app")
    return NOBODY_ASKED if getattr(getattr(app, "state", None), "access", None) is None else NOBODY


async def _principal(request: Request) -> Principal:
    found = getattr(request.state, "principal", None)
    return found if isinstance(found, Principal) else default_of(request.scope)


PrincipalPart = Annotated[Principal, Depends(_principal)]


class Needs:
    """A route's check of a right, whatever the plant; the route itself looks at the plant."""

    def __init__(self, right: Right) -> None:
        self.right = right

    async def __call__(self, principal: PrincipalPart) -> None:
        """Raise Refusal (403) where the caller lacks the right."""
        principal.require(self.right)


def needs(right: Right) -> Any:
    """A dependency of a route or router: only callers with the right get there."""
    return Depends(Needs(right))


__all__ = [
    "NOBODY",
    "NOBODY_ASKED",
    "RIGHTS",
    "CallerRole",
    "Needs",
    "Principal",
    "PrincipalPart",
    "Right",
    "default_of",
    "needs",
]
