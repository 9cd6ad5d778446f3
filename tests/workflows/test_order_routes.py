"""An order that a plant of ours serves, and one that needs components of ours: what it needs, it states as needs."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from canonical.base import Criticality
from canonical.event_data import CONSUMPTION_REPORTED, OUR_SOURCE, REQUIREMENT_PLANNED, RequirementPlanned
from canonical.exception import Choice
from canonical.identity import stock_id
from canonical.messages import RequirementWithdrawn
from canonical.need import Need, Peg, Revision, Withdrawal
from canonical.policy import RouteKind, RouteRule
from canonical.records import OrderSnapshot
from canonical.sourcing import Component, Source
from canonical.stock import StockReport, StockReportKind
from ledger.inbox.tables import InboxRow
from ledger.stock.stock import CountedReport
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import ACCEPTED, CHANGED, REJECTED, Harness, today
from tests.workflows.plant import EVERY_DAY
from tests.workflows.silence import overdue

TRANSFER = RouteRule(kind=RouteKind.TRANSFER, supplying_plant="1720", transit_days=3)
SUBCONTRACT = RouteRule(kind=RouteKind.SUBCONTRACT, components_lead_days=2)


async def stated(harness: Harness, count: int) -> list[tuple[str, dict[str, Any]]]:
    """What our orders have put into the inbox, once it is so much: each message's type and event."""

    async def look() -> Sequence[tuple[str, bytes]] | None:
        async with harness.engine.connect() as connection:
            rows = await connection.execute(
                select(InboxRow.type, InboxRow.body).where(InboxRow.source == OUR_SOURCE).order_by(InboxRow.id)
            )
            found = [(row.type, row.body) for row in rows]
        return found if len(found) >= count else None

    found = await harness.until(look)
    assert len(found) == count
    return [(kind, json.loads(body)) for kind, body in found]


def revision_of(event: dict[str, Any]) -> Revision:
    data = event["data"]
    return Revision(
        plan_version=data["plan_version"],
        source_revision=data["source_revision"],
        effective_at=event["time"],
        event_id=event["id"],
    )


def need_in(event: dict[str, Any]) -> Need:
    """The need of a message, as the gateway delivers it."""
    planned = RequirementPlanned.model_validate(event["data"])
    fields = planned.model_dump(exclude={"plan_version", "source_revision"})
    return Need.model_validate(fields | {"source": OUR_SOURCE, "revision": revision_of(event)})


async def transferring(make_harness: MakeHarness) -> tuple[Harness, Need, OrderSnapshot]:
    """Plant 1710 gets chains from plant 1720: the need at 1710 and its transfer, handed to 1720."""
    harness = await make_harness(routes=(TRANSFER,))
    harness.policies.by_plant["1720"] = harness.policy.model_copy(
        update={"plant": "1720", "routes": (RouteRule(kind=RouteKind.DIRECT),)}
    )
    name = harness.item("CHAIN", "Cyclops")
    harness.master_data.items["1720", name] = harness.master_data.items["1710", name].model_copy(
        update={"plant": "1720"}
    )
    due = today() + timedelta(days=60)
    need = harness.need(
        name, pegging=(Peg(demand="BIKE-1", quantity=Decimal(100), date=due, criticality=Criticality.A),)
    )
    return harness, need, await harness.sent(await harness.plan(need))


@pytest.mark.recorded("transfer")
async def test_a_transfer_is_a_need_of_the_supplying_plant_which_answers_it(make_harness: MakeHarness) -> None:
    harness, need, order = await transferring(make_harness)
    [(kind, event)] = await stated(harness, 1)
    reported = need_in(event)

    assert kind == REQUIREMENT_PLANNED
    assert order.supplier == "1720"
    assert order.route == RouteKind.TRANSFER
    assert harness.document(order).route is RouteKind.TRANSFER
    assert dict(harness.supplier.sent) == {}, "a plant gets no document"
    assert reported.plant == "1720"
    assert reported.item == need.item
    assert reported.quantity == 100
    assert reported.unit == "EA"
    assert reported.demand_reference == f"{order.order_number}/10"
    assert reported.demanded_by == order.id
    assert reported.demanding_line == 10
    assert reported.transit_days == 3
    assert reported.required_date == today() + timedelta(days=60 - 2 - 3), "dock date less the way"
    assert [(peg.demand, int(peg.quantity), peg.date, peg.criticality) for peg in reported.pegging] == [
        ("BIKE-1", 100, reported.required_date, Criticality.A)
    ]
    assert reported.revision.plan_version == 1

    supplying = await harness.plan(reported)
    bought = await harness.sent(supplying)
    await harness.answer(bought)
    settled = await harness.settled(order)
    assert harness.coverage_in_aps(need.id, settled) == [(100, 58, "confirmed")]
    assert (supplying, bought.order_number) not in harness.aps.coverage, "APS knows nothing of needs of our own"


@pytest.mark.recorded("transfer_changed")
async def test_a_changed_transfer_is_published_as_a_newer_need_and_a_cancelled_one_is_withdrawn(
    make_harness: MakeHarness,
) -> None:
    harness, need, order = await transferring(make_harness)
    need = await harness.replan(need, 2, quantity=150)
    changed = await harness.order_until(order, lambda found: found.revision == 2)
    _, (_, event) = await stated(harness, 2)
    assert need_in(event).quantity == 150
    assert need_in(event).revision.plan_version == 2
    assert [int(line.quantity) for line in harness.document(changed).lines] == [150]

    await harness.withdraw(need, 3)

    assert await harness.ended(order.id) == "cancelled", "of a withdrawn need nobody says anything more"
    *_, (_, event) = await stated(harness, 3)
    data = event["data"]
    withdrawal = Withdrawal(
        plant=data["plant"],
        item=data["item"],
        source=OUR_SOURCE,
        demand_reference=data["demand_reference"],
        revision=revision_of(event),
    )
    assert withdrawal.id == need_in((await stated(harness, 3))[0][1]).id
    assert RequirementWithdrawn(withdrawal=withdrawal).withdrawal.revision.plan_version == 3


async def test_a_plant_answers_for_the_line_it_knows_and_not_for_later_revisions_of_others(
    make_harness: MakeHarness,
) -> None:
    harness = await make_harness(routes=(TRANSFER,))
    harness.policies.by_plant["1720"] = harness.policy.model_copy(update={"plant": "1720"})
    needs = []
    for item in ("CHAIN", "BELL"):
        name = harness.item(item, "Cyclops")
        harness.master_data.items["1720", name] = harness.master_data.items["1710", name]
        needs.append(harness.need(name))
        await harness.ordered(await harness.plan(needs[-1]))
    order = await harness.sent(needs[0].id)
    chain = next(line.line for line in order.lines if line.item == needs[0].item)
    bell = 30 - chain
    await harness.replan(needs[0], 2, quantity=150)
    await harness.order_until(order, lambda found: found.revision == 2)
    assert len(await stated(harness, 3)) == 3, "only the line that changed is stated anew"

    await harness.answer(order, harness.line(bell, (REJECTED, 100, None)), revision=1)
    answered = await harness.order_until(order, lambda found: found.lines[bell // 10 - 1].cancelled)
    assert [line.cancelled for line in answered.lines] == [line.line == bell for line in answered.lines]
    await harness.answer(order, harness.line(chain, (REJECTED, 100, None)), revision=1)
    await harness.registered(order.id, "answer.stale")


async def test_a_plant_that_is_silent_is_not_reminded_but_the_buyer_is_asked(make_harness: MakeHarness) -> None:
    harness, _, order = await transferring(make_harness)
    question = await overdue(harness, order, await harness.clock(order.id))
    assert "no answer to revision 1" in question.proposal.summary
    assert harness.supplier.reminders == []


@pytest.mark.recorded("transfer_from_stock")
async def test_a_transfer_from_stock_is_taken_from_the_other_plants_figure_and_needs_no_order_there(
    make_harness: MakeHarness,
) -> None:
    harness = await make_harness(routes=(RouteRule(kind=RouteKind.DIRECT), TRANSFER))
    harness.policies.by_plant["1720"] = harness.policy.model_copy(
        update={"plant": "1720", "routes": (RouteRule(kind=RouteKind.DIRECT),)}
    )
    name = harness.item("CHAIN", "Cyclops")
    harness.master_data.items["1720", name] = harness.master_data.items["1710", name].model_copy(
        update={"plant": "1720"}
    )
    await harness.ledger.stock.register(stock_id("1720", name), "EA", [on_stock("1720", name, 150)])
    requirement = await harness.plan(harness.need(name))
    await harness.acknowledged(requirement, harness.line(10, (ACCEPTED, 60, None), (CHANGED, 40, 90)))
    question = await harness.short(requirement)
    assert (Choice.TRANSFER, "1720") in [(way.choice, way.supplier) for way in question.proposal.alternatives]

    await harness.decide(question, Choice.TRANSFER, supplier="1720")
    transfer = await harness.sent(requirement, orders=2)

    [(used, consumption), (planned, event)] = await stated(harness, 2)
    assert (used, planned) == (CONSUMPTION_REPORTED, REQUIREMENT_PLANNED)
    data = consumption["data"]
    assert (data["plant"], data["item"], int(data["quantity"])) == ("1720", name, 40)
    reported = need_in(event)
    assert (int(reported.quantity), int(reported.from_stock)) == (40, 40)

    supplying = await harness.plan(reported)
    assert await harness.ended(supplying) == "fulfilled"
    transfer = await harness.settled(transfer)
    assert [int(line.quantity) for line in transfer.lines] == [40]
    assert (await harness.requirement(supplying)).order_ids == (), "nothing is bought for it"


def on_stock(plant: str, item: str, quantity: int) -> CountedReport:
    report = StockReport(
        kind=StockReportKind.STATED,
        plant=plant,
        item=item,
        quantity=Decimal(quantity),
        unit="EA",
        source="wms",
        effective_at=datetime.now(UTC) - timedelta(hours=1),
        event_id=f"{plant}-{item}",
    )
    return CountedReport(report=report, quantity=report.quantity)


async def subcontracting(make_harness: MakeHarness) -> tuple[Harness, Need, OrderSnapshot]:
    """Wheels made by Litware of 36 spokes and a rim each, which the plant provides."""
    harness = await make_harness(routes=(SUBCONTRACT,))
    name = harness.item("WHEEL", "Litware")
    bought = harness.master_data.items["1710", name]
    parts = tuple(
        Component(item=f"{part}-{harness.prefix}", quantity=Decimal(quantity), unit="EA")
        for part, quantity in (("SPOKE", 36), ("RIM", 1))
    )
    sources: tuple[Source, ...] = tuple(
        source.model_copy(update={"route": RouteKind.SUBCONTRACT, "calendar": EVERY_DAY}) for source in bought.sources
    )
    harness.master_data.items["1710", name] = bought.model_copy(update={"sources": sources, "components": parts})
    for part in parts:
        harness.master_data.items["1710", part.item] = bought.model_copy(update={"item": part.item})
    need = harness.need(name)
    return harness, need, await harness.sent(await harness.plan(need))


@pytest.mark.recorded("subcontract")
async def test_the_components_of_a_subcontract_are_needs_of_the_plant(make_harness: MakeHarness) -> None:
    harness, need, order = await subcontracting(make_harness)
    spokes, rims = [need_in(event) for _, event in await stated(harness, 2)]
    [document] = harness.supplier.sent[order.order_number or ""]
    assert document.route == RouteKind.SUBCONTRACT
    assert document.changed_lines == ()
    given = [(part.item, int(part.quantity)) for part in document.lines[0].components]
    assert given == [(spokes.item, 3600), (rims.item, 100)]

    assert spokes.plant == "1710"
    assert spokes.quantity == 3600
    assert spokes.demanding_line is None
    assert spokes.demand_reference == f"{order.order_number}/10/{spokes.item}"
    assert spokes.required_date == today() + timedelta(days=60 - 2 - 21 - 2), "two days before the lead time begins"
    assert [peg.demand for peg in spokes.pegging] == [f"{order.order_number}/10"]
    assert spokes.demanded_by == order.id

    await harness.replan(need, 2, quantity=50)
    changed = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    events = [event for _, event in await stated(harness, 4)]
    assert [int(need_in(event).quantity) for event in events[2:]] == [1800, 50]
    await harness.answer(changed, harness.line(10, (REJECTED, 50, None)))
    kinds = [kind for kind, _ in await stated(harness, 6)]
    assert kinds[4:] == ["pegline.requirement.withdrawn.v1"] * 2, "what will not be made needs no components"
