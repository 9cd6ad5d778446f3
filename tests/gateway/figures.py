"""What the tests of KPIs share: a requirement that waits, and a caller of one plant."""

import dataclasses
import datetime as dt
from decimal import Decimal

from starlette.types import ASGIApp, Receive, Scope, Send

from canonical.need import Need, Peg, Revision
from canonical.records import RequirementSnapshot, RequirementStage
from gateway.access.principal import NOBODY_ASKED, CallerRole, Principal
from tests.gateway.conftest import Gateway

MAY = dt.datetime(2026, 5, 4, 8, tzinfo=dt.UTC)


def requirement(plant: str, reference: str) -> RequirementSnapshot:
    need = Need(
        plant=plant,
        item="BK-100",
        quantity=Decimal(100),
        unit="EA",
        required_date=dt.date(2026, 6, 15),
        source="aps",
        demand_reference=reference,
        revision=Revision(plan_version=1, effective_at=MAY, event_id=reference),
        pegging=(Peg(demand="SO-1", quantity=Decimal(100), date=dt.date(2026, 6, 15)),),
    )
    return RequirementSnapshot(
        id=need.id, need=need, stage=RequirementStage.COVERED, request_revision=1, needed=need.quantity
    )


async def opened(gateway: Gateway, plant: str = "P1", reference: str = "PL-1") -> str:
    """A requirement that waits for its requisition since eight o'clock."""
    snapshot = requirement(plant, reference)
    gateway.clock[0] = MAY + dt.timedelta(hours=5)
    await gateway.record(snapshot, gateway.audit_event(snapshot.id, "requirement.opened", MAY))
    return snapshot.id


class OnlyAt:
    """Stands for a log-in: the caller's plants."""

    def __init__(self, app: ASGIApp, principal: Principal) -> None:
        self._app, self._principal = app, principal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["principal"] = self._principal
        await self._app(scope, receive, send)


ANNA = dataclasses.replace(NOBODY_ASKED, subject="anna", roles=frozenset({CallerRole.BUYER}), plants=frozenset({"P1"}))
