"""Needs, order lines and readers for the pages' stories; a test names only what matters to it."""

import datetime as dt
from decimal import Decimal
from typing import Any, get_args

from canonical.base import Criticality
from canonical.need import Need, Peg, Revision
from canonical.records import OrderLineSnapshot
from canonical.supply import ScheduleLine, ScheduleLineState
from gateway.access.principal import CallerRole, Principal, PrincipalPart
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import MORNING

JUNE_15, JUNE_22 = dt.date(2026, 6, 15), dt.date(2026, 6, 22)


def need(reference: str = "PLO-1", item: str = "FR-R92B-58", plant: str = "P1", **changes: Any) -> Need:
    fields: dict[str, Any] = {
        "quantity": Decimal(500),
        "unit": "EA",
        "required_date": JUNE_15,
        "pegging": (
            Peg(demand="SO-4711/10", quantity=Decimal(300), date=JUNE_15, criticality=Criticality.A),
            Peg(demand="SO-4712/20", quantity=Decimal(200), date=JUNE_22),
        ),
        "planner": "ada",
    }
    revision = Revision(plan_version=7, effective_at=MORNING, event_id=f"e-{reference}")
    return Need(
        plant=plant, item=item, source="aps", demand_reference=reference, revision=revision, **(fields | changes)
    )


def line(number: int, requirement: str, *parts: ScheduleLine, **changes: Any) -> OrderLineSnapshot:
    fields: dict[str, Any] = {
        "quantity": Decimal(500),
        "delivery_date": dt.date(2026, 6, 11),
        "price": "12.50",
        "shipped": Decimal(0),
        "received": Decimal(0),
        "allocated": Decimal(500),
    }
    identity = {"item": "FR-R92B-58", "requirement_id": requirement, "unit": "EA"}
    return OrderLineSnapshot(line=number, schedule_lines=parts, **(identity | fields | changes))


def part(quantity: int, day: dt.date | None, state: ScheduleLineState = ScheduleLineState.CONFIRMED) -> ScheduleLine:
    return ScheduleLine(quantity=Decimal(quantity), date=day, state=state)


def page_of(one: Need) -> str:
    return "/" + one.id.replace("requirement/", "requirements/", 1)


def of_plant(gateway: Gateway, *plants: str, role: CallerRole = CallerRole.PLANNER) -> None:
    """From now on somebody asks who sees only these plants."""
    caller = Principal("ada", "Ada", frozenset({role}), frozenset(plants))
    gateway.app.dependency_overrides[get_args(PrincipalPart)[1].dependency] = lambda: caller


async def text(gateway: Gateway, address: str, status: int = 200) -> str:
    answer = await gateway.client.get(address, headers={"accept": "text/html"})
    assert answer.status_code == status, answer.text
    return answer.text
