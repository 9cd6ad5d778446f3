"""The dependencies of the routes: built once (`gateway.app`), requested by each route that needs them."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request

from adapters.ports import LandscapePort, PolicyPort
from canonical.exception import Assignment, Decision, DecisionTakenBack
from canonical.messages import PromisesRated, ReminderAsked, ReminderDue
from canonical.records import ExceptionSnapshot, Incident
from gateway.delivery.delivery import EntityMessages
from gateway.delivery.relay import Relay
from gateway.intake.intake import Intake
from gateway.notifications.sender import Telling
from gateway.plan_runs.intake import PlanIntake, PlanRunStarter
from gateway.promises import PromiseBook
from gateway.risks import RiskWatch
from gateway.work_feed import WorkFeed
from ledger.ledger import Ledger


class DecisionTaker(Protocol):
    """Delivers people's decisions to the exceptions."""

    async def decide(self, exception: str, decision: Decision, /) -> ExceptionSnapshot:
        """Wait until the exception accepts it; a repeated event id gets the first answer. Raises DecisionRefused."""
        ...

    async def assign(self, exception: str, assignment: Assignment, /) -> ExceptionSnapshot:
        """Have another role asked; a repeated event id gets the first answer. Raises DecisionRefused."""
        ...

    async def take_back(self, exception: str, taken_back: DecisionTakenBack, /) -> ExceptionSnapshot:
        """Take a decision back that is not carried out yet; as `assign`. Raises DecisionRefused."""
        ...

    async def status(self, entity: str, /) -> dict[str, Any]: ...


class Reminder(Protocol):
    """Has suppliers reminded."""

    async def remind(self, order: str, asked: ReminderAsked, /) -> ReminderDue:
        """Wait until the order accepts it. Raises ReminderRefused where there is nothing to remind of."""
        ...


class PromiseRater(Protocol):
    """Tells orders which of their promises are likely to be missed (R17)."""

    async def rate_promises(self, order: str, rated: PromisesRated, /) -> bool:
        """False: the order runs no more."""
        ...


class IncidentFinder(Protocol):
    """Finds what can't go on without somebody technical."""

    async def incidents(self, most: int, /) -> Sequence[Incident]:
        """Running workflows that show an incident or whose tasks fail, the oldest first; at most so many."""
        ...


class Entities(EntityMessages, PlanRunStarter, DecisionTaker, Reminder, PromiseRater, IncidentFinder, Protocol):
    """The gateway's calls to entities. A call that Temporal itself fails raises temporalio.service.RPCError.

    The composition root passes in the implementation that reaches Temporal.
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
    today: Callable[[str], dt.date]
    """The day that it is at a plant, against which required dates are checked."""
    now: Callable[[], dt.datetime]
    work_feed: WorkFeed
    relay_expected: bool
    """Whether this process also delivers messages."""
    undelivered_age_max: dt.timedelta
    """The gateway is not ready once the oldest due message has waited this long."""
    promises: PromiseBook
    """What is learned of suppliers' promises."""
    risks: RiskWatch
    temporal_ui: str = ""
    """The address of the namespace in Temporal's UI; empty: workflows are named without a link."""
    telling: Telling | None = None
    """Who is told of what happens; None: nobody."""
    landscape: LandscapePort | None = None
    """Which systems own what; None: there is one of each kind."""
    plan_faults: Callable[[], Sequence[str]] = tuple
    """The plans that could not be read from the systems that send none."""

    def zone_of(self, plant: str) -> dt.tzinfo:
        """By which clocks moments at the plant are shown: UTC where it has no policy."""
        policy = self.policies.effective(plant)
        return dt.UTC if policy is None else policy.calendar.tzinfo


async def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


async def _ledger(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.parts.ledger
    return ledger


PartsPart = Annotated[Parts, Depends(_parts)]
LedgerPart = Annotated[Ledger, Depends(_ledger)]

__all__ = ["DecisionTaker", "Entities", "IncidentFinder", "LedgerPart", "Parts", "PartsPart"]
