"""Needs that share an order line, from the plan to the goods; R12's example word for word."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from canonical.base import Criticality
from canonical.need import Need
from canonical.records import OrderSnapshot
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import CHANGED, Harness, today
from tests.workflows.lookout import parts


async def _sharing(
    make_harness: MakeHarness, *quantities: int, **changes: Any
) -> tuple[Harness, list[Need], OrderSnapshot]:
    """Needs of one item, sold in fifties, and their order once it is sent."""
    harness = await make_harness(shared_lines=True)
    item = harness.item("CHAIN", "Cyclops", multiple=50)
    needs = [
        harness.need(item, quantity, reference=f"BS-{number}", **(changes if number == len(quantities) else {}))
        for number, quantity in enumerate(quantities, 1)
    ]
    for need in needs:
        await harness.ordered(await harness.plan(need))
    return harness, needs, await harness.sent(needs[0].id)


@pytest.mark.recorded("shared_line")
async def test_two_needs_share_a_line_of_500_and_when_the_200_withdraws_300_is_ordered(
    make_harness: MakeHarness,
) -> None:
    harness, (first, second), order = await _sharing(make_harness, 300, 200)
    assert [(line.line, int(line.quantity)) for line in harness.document(order).lines] == [(10, 500)]

    await harness.withdraw(second, 2)
    changed = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    assert [int(line.quantity) for line in harness.document(order).lines] == [300]
    assert await harness.ended(second.id) == "withdrawn"

    await harness.answer(changed)
    changed = await harness.settled(order)
    assert harness.coverage_in_aps(first.id, order) == [(300, 58, "confirmed")]
    assert harness.coverage_in_aps(second.id, order) == []
    await harness.receive(changed)
    assert [await harness.ended(first.id), await harness.ended(order.id)] == ["fulfilled", "closed"]


async def test_of_550_for_320_and_200_when_the_200_withdraws_350_remain_30_of_them_surplus(
    make_harness: MakeHarness,
) -> None:
    harness, (first, second), order = await _sharing(make_harness, 320, 200)
    assert [int(line.quantity) for line in harness.document(order).lines] == [550]

    await harness.withdraw(second, 2)
    await harness.order_until(order, lambda found: found.revision == 2)
    await harness.registered(order.id, "order.changed")

    assert [int(line.quantity) for line in harness.document(order).lines] == [350]
    (reported,) = [
        audit_event
        for audit_event in await harness.ledger.reads.audit_events([order.id])
        if audit_event.kind == "share.changed"
    ]
    assert (reported.data["surplus"], reported.data["rule"]) == ("30", "R12")
    assert reported.data["why"] == "320 remains allocated: 350 ordered, 30 surplus"
    assert await harness.ended(second.id) == "withdrawn"
    assert [int(share.quantity) for line in (await harness.order_of(first.id)).lines for share in line.shares] == [
        320,
        0,
    ]


@pytest.mark.recorded("shared_line_short")
async def test_a_short_answer_is_shared_by_criticality_and_receipts_fulfil_both(make_harness: MakeHarness) -> None:
    harness, (first, second), order = await _sharing(make_harness, 300, 200, criticality=Criticality.A)
    await harness.answer(order, harness.line(10, (CHANGED, 400, 58), (CHANGED, 100, 70)))
    await harness.settled(order)

    assert harness.coverage_in_aps(second.id, order) == [(200, 58, "confirmed")]
    assert harness.coverage_in_aps(first.id, order) == [(200, 58, "confirmed"), (100, 70, "confirmed")]
    short = await harness.requirement_until(first.id, lambda found: found.exception_id)
    assert parts(short.coverage) == [(200, 58, "confirmed"), (100, 70, "confirmed")]
    assert (await harness.requirement(second.id)).exception_id is None

    await harness.receive_part(order, 200, receipt="GR-1")
    assert await harness.ended(second.id) == "fulfilled", "its part of the line has come"
    await harness.receive_part(order, 300, receipt="GR-2")
    assert await harness.ended(first.id) == "fulfilled"
    assert await harness.ended(order.id) == "closed"

    assert {line.requirement_id for line in (await harness.order_of(first.id)).lines} == {second.id}
    await harness.reopen(first.model_copy(update={"quantity": Decimal(250), "pegging": ()}), 2)
    assert await harness.ended(first.id) == "fulfilled", "it has kept what came of another's line"
    assert (await harness.requirement(first.id)).order_ids == ()


async def test_a_requirement_with_another_date_leaves_the_line_and_gets_one_of_its_own(
    make_harness: MakeHarness,
) -> None:
    harness, (first, second), order = await _sharing(make_harness, 300, 200)
    await harness.replan(second, 2, required_date=today() + timedelta(days=80))
    await harness.order_until(order, lambda found: found.revision == 2)

    own = await harness.sent(second.id, orders=2)

    assert own.id != order.id
    assert [int(line.quantity) for line in own.lines] == [200]
    assert [(int(line.quantity), line.requirement_id) for line in (await harness.order_of(first.id)).lines] == [
        (300, first.id)
    ]
