"""What becomes of a component that goes out, down to the last piece: shared lines, parts, receipts, several plants."""

from decimal import Decimal

import pytest

from canonical.bom import ChangeCheck
from canonical.exception import Choice, DecisionRefused, LineChoice
from canonical.policy import Disposal
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import CHANGED, Harness
from tests.workflows.revisions import (
    JULY_12,
    JUNE_20,
    JUNE_25,
    change,
    on,
    proposed,
    publish,
    removed,
    reported,
    revision_of,
)


async def test_two_needs_share_a_line_and_each_part_of_it_is_disposed_of(make_harness: MakeHarness) -> None:
    """100 by one line, 60 for the bike and 40 for the trike that keeps the chain; sold by the fifty: 50 stay."""
    harness = await make_harness(shared_lines=True)
    chain = harness.item("CHAIN", "Cyclops", multiple=Decimal(50))
    bike, trike = f"BIKE-{harness.prefix}", f"TRIKE-{harness.prefix}"
    ours = harness.need(chain, 55, days=JULY_12, reference="OURS", pegging=on(JULY_12, 55, "B-1", bike))
    theirs = harness.need(chain, 40, days=JULY_12, reference="THEIRS", pegging=on(JULY_12, 40, "T-1", trike))
    for need in (ours, theirs):
        await harness.plan(need)
    assert (await harness.ordered(ours.id)).id == (await harness.ordered(theirs.id)).id
    order = await harness.acknowledged(ours.id)
    assert [(int(line.quantity), len(line.shares)) for line in order.lines] == [(100, 2)]
    identity = await publish(harness, revision_of(harness, removed(chain)))

    question = await proposed(harness, identity)
    reference = f"{order.order_number}/10"
    assert sorted(reported(question), key=lambda one: one[1:]) == [
        (reference, 5, "excess"),
        (reference, 5, "excess"),
        (reference, 40, "used_up"),
        (reference, 50, "cancelled"),
    ], "of the 60 that nobody needs any more, the lot of those who stay keeps ten"
    await harness.decide(question, Choice.APPROVE)
    assert await harness.ended(identity) == "carried_out"

    cut = await harness.order_until(order, lambda found: found.revision == 2)
    assert [(int(line.quantity), line.cancelled) for line in cut.lines] == [(50, False)]
    assert [int(share.quantity) for share in cut.lines[0].shares if share.requirement_id == theirs.id] == [40]
    found = await change(harness, identity)
    assert found.check == ChangeCheck(order_lines=1, requirements=2)
    assert {one.requirement_id: int(one.keeps) for one in found.affected} == {ours.id: 5, theirs.id: 40}


@pytest.mark.recorded("disposed")
async def test_an_excess_is_partly_returned_and_partly_scrapped_by_one_decision(harness: Harness) -> None:
    """100 are on their way for 80: of the 20 the supplier takes 12 back."""
    chain = harness.item("CHAIN", "Cyclops")
    need = harness.need(chain, 100, days=JULY_12, pegging=on(JUNE_25, 80, "B-1") + on(JULY_12, 20, "B-2"))
    order = await harness.acknowledged(await harness.plan(need), harness.line(10, (CHANGED, 100, JUNE_20)))
    await harness.ship(order, 100, despatch="DA-1")
    await harness.until(lambda: harness.at_rest(order.id))
    identity = await publish(harness, revision_of(harness, removed(chain)))
    question = await proposed(harness, identity)
    (excess,) = [one for one in question.proposal.dispositions if one.number]
    assert excess.quantity == 20
    assert excess.candidates == ("use_up", "return", "scrap")
    assert excess.proposed == "return"
    assert excess.value == Decimal("36.80")
    assert excess.cost == Decimal("5.52")

    lines = (LineChoice(line=1, choice=Choice.RETURN, quantity=Decimal(12)), LineChoice(line=1, choice=Choice.SCRAP))
    with pytest.raises(DecisionRefused, match="cancel is not possible for line 1") as refused:
        await harness.decide(question, Choice.APPROVE, lines=(LineChoice(line=1, choice=Choice.CANCEL),))
    assert refused.value.code == "lines_not_possible"
    await harness.decide(question, Choice.APPROVE, lines=lines)

    assert await harness.ended(identity) == "carried_out"
    found = await change(harness, identity)
    reference = f"{order.order_number}/10"
    assert reported(found) == [(reference, 80, "consumed"), (reference, 12, "returned"), (reference, 8, "scrapped")]
    assert found.cost == Decimal("16.56"), "3.31 for restocking, 13.25 of the scrap's value"
    assert [(one.owner, one.action, int(one.quantity), one.reference) for one in found.instructions] == [
        ("buyer", "return", 12, reference),
        ("planner", "scrap", 8, reference),
    ]
    assert found.changed_requirements == (), "all of it comes: what is sent back is sent back once it is here"
    assert (await harness.order_of(need.id)).revision == order.revision
    checked = [
        audit_event
        for audit_event in await harness.ledger.reads.audit_events([identity])
        if audit_event.kind == "change.checked"
    ]
    assert [(audit_event.data["order_lines"], audit_event.data["complete"]) for audit_event in checked] == [(1, True)]


async def test_the_approver_has_reworked_what_came_in_for_demand_that_ends(make_harness: MakeHarness) -> None:
    harness = await make_harness(disposal=Disposal(rework=True))
    chain = harness.item("CHAIN", "Cyclops")
    need = harness.need(chain, 200, days=JULY_12)
    order = await harness.acknowledged(await harness.plan(need))
    await harness.receive_part(order, 150, receipt="GR-1")
    await harness.registered(order.id, "goods.received")
    await harness.until(lambda: harness.at_rest(order.id))
    identity = await publish(harness, revision_of(harness, removed(chain)))
    question = await proposed(harness, identity)
    reference = f"{order.order_number}/10"
    assert reported(question) == [(reference, 150, "excess"), (reference, 50, "cancelled")]

    await harness.decide(question, Choice.REWORK)

    assert await harness.ended(identity) == "carried_out"
    found = await change(harness, identity)
    assert reported(found) == [(reference, 150, "reworked"), (reference, 50, "cancelled")]
    assert [(one.owner, one.action, one.value, one.cost) for one in found.instructions] == [
        ("planner", "rework", Decimal("276.00"), Decimal("110.40"))
    ]
    cut = await harness.order_until(order, lambda each: each.revision == 2)
    assert [int(line.quantity) for line in cut.lines] == [150]
    assert (await harness.requirement(need.id)).stage != "withdrawn", "what is here stays its own"


async def test_a_line_of_an_open_batch_is_removed_from_it(harness: Harness) -> None:
    chain = harness.item("CHAIN", "Cyclops")
    need = harness.need(chain, 100, days=JULY_12)
    order = await harness.ordered(await harness.plan(need))
    assert order.stage == "consolidating"
    identity = await publish(harness, revision_of(harness, removed(chain)))
    assert await harness.ended(identity) == "carried_out"
    assert reported(await change(harness, identity)) == [(order.id, 100, "cancelled")]
    await harness.registered(need.id, "bom.changed")
    await harness.skip_consolidation(order)
    assert await harness.ended(need.id) == "withdrawn"


async def test_one_revision_at_two_plants_and_three_orders_is_a_decision_of_each_plant(harness: Harness) -> None:
    """At 1710 two orders go by one approval; at 1720 the buyer keeps the old chain."""
    chain = harness.item("CHAIN", "Cyclops", price="20.00")
    harness.policies.by_plant["1720"] = harness.policy.model_copy(update={"plant": "1720", "buyer": "buyer-1720"})
    here = harness.master_data.items["1710", chain]
    harness.master_data.items["1720", chain] = here.model_copy(update={"plant": "1720"})
    needs = [harness.need(chain, 100, days=JULY_12 + n, reference=f"N-{n}") for n in (0, 20)]
    there = harness.need(chain, 70, days=JULY_12, plant="1720")
    orders = [await harness.acknowledged(await harness.plan(need)) for need in (*needs, there)]
    assert len({order.id for order in orders}) == 3

    ours = await publish(harness, revision_of(harness, removed(chain)))
    theirs = await publish(harness, revision_of(harness, removed(chain)).model_copy(update={"plant": "1720"}))
    question, question_there = await proposed(harness, ours), await proposed(harness, theirs)
    assert reported(question) == [(f"{order.order_number}/10", 100, "cancelled") for order in orders[:2]]
    assert question_there.proposal.approvers == ("buyer-1720",)
    await harness.decide(question, Choice.APPROVE)
    await harness.decide(question_there, Choice.DECLINE)

    assert (await harness.ended(ours), await harness.ended(theirs)) == ("carried_out", "declined")
    for order in orders[:2]:
        await harness.order_until(order, lambda found: found.lines[0].cancelled)
    assert (await harness.order_of(there.id)).revision == orders[2].revision
    page = await harness.ledger.reads.changes(assembly=f"BIKE-{harness.prefix}")
    found = [row.snapshot for row in page.items]
    assert [(one.stage, one.check) for one in found] == [
        ("carried_out", ChangeCheck(order_lines=2, requirements=2)),
        ("declined", ChangeCheck(order_lines=1, requirements=1)),
    ], "each says of every line what becomes of it, also that it stays"
