"""Revisions of a bill of material in stories: engineering publishes, people are asked, the change ends."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from canonical.bom import BomLine, BomLineChange, BomRevised
from canonical.messages import ChangeOpened, ChangeSuperseded
from canonical.need import Need, Peg, Revision
from canonical.records import ChangeSnapshot, ExceptionSnapshot, OrderSnapshot
from tests.workflows.harness import CHANGED, REJECTED, Harness
from tests.workflows.plant import today

JULY_1 = 60
"""The effectivity date of the worked example, in days from today."""
JUNE_20, JUNE_25, JULY_12 = JULY_1 - 11, JULY_1 - 6, JULY_1 + 11


def revision_of(
    harness: Harness, *lines: BomLine, reported: int = 1, days: int = JULY_1, name: str = "B"
) -> BomRevised:
    """The revision that engineering publishes for the bike of this test."""
    return BomRevised(
        plant="1710",
        assembly=f"BIKE-{harness.prefix}",
        revision=name,
        effective_from=today() + timedelta(days=days),
        lines=lines,
        source="plm",
        stated=Revision(
            plan_version=0,
            source_revision=reported,
            effective_at=datetime.now(UTC),
            event_id=f"eco-{uuid.uuid4().hex[:6]}",
        ),
    )


def removed(component: str, stock: int = 0) -> BomLine:
    return BomLine(
        component=component, quantity=Decimal(1), unit="EA", change=BomLineChange.REMOVED, stock=Decimal(stock)
    )


def added(component: str, replaces: str, quantity: int = 1) -> BomLine:
    return BomLine(
        component=component, quantity=Decimal(quantity), unit="EA", change=BomLineChange.ADDED, replaces=replaces
    )


async def publish(harness: Harness, revised: BomRevised, **former: Any) -> str:
    """As the gateway delivers it."""
    opened = ChangeOpened(revised=revised, correlation_id=f"corr-{harness.prefix}", **former)
    assert await harness.entities.open_change(opened, reopen=bool(former))
    if revised.superseded is not None:
        superseded = ChangeSuperseded(by=revised.id, as_of=datetime.now(UTC))
        await harness.entities.supersede_change(revised.superseded, superseded)
    await harness.ledger.bills.register(revised)
    return revised.id


async def change(harness: Harness, identity: str) -> ChangeSnapshot:
    return ChangeSnapshot.model_validate(await harness.status(identity))


async def proposed(harness: Harness, identity: str) -> ExceptionSnapshot:
    async def look() -> str | None:
        return (await change(harness, identity)).exception_id

    exception = await harness.until(look)
    await harness.registered(exception, "exception.opened")
    return await harness.exception(exception)


def on(day: int, quantity: int, demand: str, assembly: str | None = None) -> tuple[Peg, ...]:
    date = today() + timedelta(days=day)
    return (Peg(demand=demand, quantity=Decimal(quantity), date=date, assembly=assembly),)


async def june_and_july(harness: Harness, chain: str) -> tuple[Need, OrderSnapshot, Need, OrderSnapshot]:
    """PO 100 on 20 June against a demand of 120, and PO 200 on 10 July."""
    june = harness.need(chain, 120, days=JUNE_25, reference="JUNE", pegging=on(JUNE_25, 120, "BIKE-JUNE"))
    first = await harness.acknowledged(
        await harness.plan(june), harness.line(10, (CHANGED, 100, JUNE_20), (REJECTED, 20, None))
    )
    july = harness.need(chain, 200, days=JULY_12, reference="JULY", pegging=on(JULY_12, 200, "BIKE-JULY"))
    second = await harness.acknowledged(await harness.plan(july))
    assert (second.lines[0].delivery_date - today()).days == JULY_1 + 9
    return june, first, july, second


def reported(found: ChangeSnapshot | ExceptionSnapshot) -> list[tuple[str, int, str]]:
    dispositions = found.dispositions if isinstance(found, ChangeSnapshot) else found.proposal.dispositions
    return [(one.reference, int(one.quantity), one.fate) for one in dispositions]
