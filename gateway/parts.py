"""What the routes work with: put together once (`gateway.app`), asked for by each route as it needs it."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request

from adapters.ports import PolicyPort
from canonical.exception import Decision
from canonical.records import ExceptionSnapshot
from gateway.delivery.delivery import EntityMessages
from gateway.delivery.relay import Relay
from gateway.intake.intake import Intake
from gateway.plan_runs.intake import PlanIntake, PlanRunStarter
from ledger.ledger import Ledger


class DecisionTaker(Protocol):
    """Takes people's decisions to the exceptions."""

    async def decide(self, exception: str, decision: Decision, /) -> ExceptionSnapshot:
        """Wait until the exception took it; a repeated event id gets the first answer. Raises DecisionRefused."""
        ...

    async def status(self, entity: str, /) -> dict[str, Any]: ...


class Entities(EntityMessages, PlanRunStarter, DecisionTaker, Protocol):
    """All that the gateway asks of entities. A call that Temporal itself fails raises temporalio.service.RPCError.

    How a handle reaches Temporal is the composition root's, which brings the directory.
    """


@dataclass(frozen=True)
class Parts:
    """The gateway's parts."""

    ledger: Ledger
    entities: Entities
    policies: PolicyPort
    intake: Intake
    plan_intake: PlanIntake
    relay: Relay
    today: Callable[[], dt.date]
    """The business day that required dates are measured by."""
    now: Callable[[], dt.datetime]
    relay_expected: bool
    """Whether this process delivers what it takes in."""
    undelivered_age_max: dt.timedelta
    """When the oldest message that is due has waited so long, the gateway is not ready."""


async def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


async def _ledger(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.parts.ledger
    return ledger


PartsPart = Annotated[Parts, Depends(_parts)]
LedgerPart = Annotated[Ledger, Depends(_ledger)]

__all__ = ["DecisionTaker", "Entities", "LedgerPart", "Parts", "PartsPart"]
