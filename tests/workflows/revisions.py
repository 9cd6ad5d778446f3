"""Revisions of a bill of material, as stories tell them: engineering states, people are asked, the change ends."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from canonical.bom import BomLine, BomRevised, LineChange
from canonical.messages import ChangeOpened, ChangeSuperseded
from canonical.need import Need, Peg, Revision
from canonical.records import ChangeSnapshot, ExceptionSnapshot, OrderSnapshot
from tests.workflows.plant import today
from tests.workflows.world import CHANGED, REJECTED, World

JULY_1 = 60
"""The effectivity date of the worked example, in days from today."""
JUNE_20, JUNE_25, JULY_12 = JULY_1 - 11, JULY_1 - 6, JULY_1 + 11


def revision_of(world: World, *lines: BomLine, told: int = 1, days: int = JULY_1, name: str = "B") -> BomRevised:
    """What engineering says of the bike of this world."""
    return BomRevised(
        plant="1710",
        assembly=f"BIKE-{world.prefix}",
        revision=name,
        effective_from=today() + timedelta(days=days),
        lines=lines,
        source="plm",
        stated=Revision(
            plan_version=0, source_revision=told, effective_at=datetime.now(UTC), event_id=f"eco-{uuid.uuid4().hex[:6]}"
        ),
    )


def removed(component: str, stock: int = 0) -> BomLine:
    return BomLine(component=component, quantity=Decimal(1), unit="EA", change=LineChange.REMOVED, stock=Decimal(stock))


def added(component: str, replaces: str, quantity: int = 1) -> BomLine:
    return BomLine(
        component=component, quantity=Decimal(quantity), unit="EA", change=LineChange.ADDED, replaces=replaces
    )


async def tell(world: World, revised: BomRevised, **former: Any) -> str:
    """As the gateway delivers it."""
    opened = ChangeOpened(revised=revised, correlation_id=f"corr-{world.prefix}", **former)
    assert await world.entities.open_change(opened, reopen=bool(former))
    if revised.superseded is not None:
        superseded = ChangeSuperseded(by=revised.id, as_of=datetime.now(UTC))
        await world.entities.supersede_change(revised.superseded, superseded)
    await world.ledger.bills.note(revised)
    return revised.id


async def change(world: World, identity: str) -> ChangeSnapshot:
    return ChangeSnapshot.model_validate(await world.status(identity))


async def proposed(world: World, identity: str) -> ExceptionSnapshot:
    async def look() -> str | None:
        return (await change(world, identity)).exception_id

    exception = await world.until(look)
    await world.noted(exception, "exception.opened")
    return await world.exception(exception)


def on(day: int, quantity: int, demand: str, assembly: str | None = None) -> tuple[Peg, ...]:
    date = today() + timedelta(days=day)
    return (Peg(demand=demand, quantity=Decimal(quantity), date=date, assembly=assembly),)


async def june_and_july(world: World, chain: str) -> tuple[Need, OrderSnapshot, Need, OrderSnapshot]:
    """PO 100 on 20 June against a demand of 120, and PO 200 on 10 July."""
    june = world.need(chain, 120, days=JUNE_25, reference="JUNE", pegging=on(JUNE_25, 120, "BIKE-JUNE"))
    first = await world.acknowledged(
        await world.plan(june), world.line(10, (CHANGED, 100, JUNE_20), (REJECTED, 20, None))
    )
    july = world.need(chain, 200, days=JULY_12, reference="JULY", pegging=on(JULY_12, 200, "BIKE-JULY"))
    second = await world.acknowledged(await world.plan(july))
    assert (second.lines[0].delivery_date - today()).days == JULY_1 + 9
    return june, first, july, second


def told(found: ChangeSnapshot | ExceptionSnapshot) -> list[tuple[str, int, str]]:
    dispositions = found.dispositions if isinstance(found, ChangeSnapshot) else found.proposal.dispositions
    return [(one.reference, int(one.quantity), one.fate) for one in dispositions]
