"""What becomes of a component that goes out, down to the last piece: shared lines, parts, receipts, several plants."""

from decimal import Decimal

import pytest

from canonical.bom import ChangeCheck
from canonical.exception import Choice, DecisionRefused, LineChoice
from canonical.policy import Disposal
from tests.workflows.conftest import MakeWorld
from tests.workflows.revisions import (
    JULY_12,
    JUNE_20,
    JUNE_25,
    change,
    on,
    proposed,
    removed,
    revision_of,
    tell,
    told,
)
from tests.workflows.world import CHANGED, World


async def test_two_needs_share_a_line_and_each_part_of_it_is_disposed_of(make_world: MakeWorld) -> None:
    """100 by one line, 60 for the bike and 40 for the trike that keeps the chain; sold by the fifty: 50 stay."""
    world = await make_world(shared_lines=True)
    chain = world.item("CHAIN", "Cyclops", multiple=Decimal(50))
    bike, trike = f"BIKE-{world.prefix}", f"TRIKE-{world.prefix}"
    ours = world.need(chain, 55, days=JULY_12, reference="OURS", pegging=on(JULY_12, 55, "B-1", bike))
    theirs = world.need(chain, 40, days=JULY_12, reference="THEIRS", pegging=on(JULY_12, 40, "T-1", trike))
    for need in (ours, theirs):
        await world.plan(need)
    assert (await world.ordered(ours.id)).id == (await world.ordered(theirs.id)).id
    order = await world.acknowledged(ours.id)
    assert [(int(line.quantity), len(line.shares)) for line in order.lines] == [(100, 2)]
    identity = await tell(world, revision_of(world, removed(chain)))

    question = await proposed(world, identity)
    reference = f"{order.order_number}/10"
    assert sorted(told(question), key=lambda one: one[1:]) == [
        (reference, 5, "excess"),
        (reference, 5, "excess"),
        (reference, 40, "used_up"),
        (reference, 50, "cancelled"),
    ], "of the 60 that nobody needs any more, the lot of those who stay keeps ten"
    await world.decide(question, Choice.APPROVE)
    assert await world.ended(identity) == "carried_out"

    cut = await world.order_until(order, lambda found: found.revision == 2)
    assert [(int(line.quantity), line.cancelled) for line in cut.lines] == [(50, False)]
    assert [int(share.quantity) for share in cut.lines[0].shares if share.requirement_id == theirs.id] == [40]
    found = await change(world, identity)
    assert found.check == ChangeCheck(order_lines=1, requirements=2)
    assert {one.requirement_id: int(one.keeps) for one in found.affected} == {ours.id: 5, theirs.id: 40}


@pytest.mark.recorded("disposed")
async def test_an_excess_is_partly_returned_and_partly_scrapped_by_one_decision(world: World) -> None:
    """100 are on their way for 80: of the 20 the supplier takes 12 back."""
    chain = world.item("CHAIN", "Cyclops")
    need = world.need(chain, 100, days=JULY_12, pegging=on(JUNE_25, 80, "B-1") + on(JULY_12, 20, "B-2"))
    order = await world.acknowledged(await world.plan(need), world.line(10, (CHANGED, 100, JUNE_20)))
    await world.ship(order, 100, despatch="DA-1")
    await world.until(lambda: world.at_rest(order.id))
    identity = await tell(world, revision_of(world, removed(chain)))
    question = await proposed(world, identity)
    (excess,) = [one for one in question.proposal.dispositions if one.number]
    assert (int(excess.quantity), excess.candidates) == (20, ("use_up", "return", "scrap"))
    assert (excess.proposed, excess.value, excess.cost) == ("return", Decimal("36.80"), Decimal("5.52"))

    lines = (LineChoice(line=1, choice=Choice.RETURN, quantity=Decimal(12)), LineChoice(line=1, choice=Choice.SCRAP))
    with pytest.raises(DecisionRefused, match="cancel is not possible for line 1") as refused:
        await world.decide(question, Choice.APPROVE, lines=(LineChoice(line=1, choice=Choice.CANCEL),))
    assert refused.value.code == "lines_not_possible"
    await world.decide(question, Choice.APPROVE, lines=lines)

    assert await world.ended(identity) == "carried_out"
    found = await change(world, identity)
    reference = f"{order.order_number}/10"
    assert told(found) == [(reference, 80, "consumed"), (reference, 12, "returned"), (reference, 8, "scrapped")]
    assert found.cost == Decimal("16.56"), "3.31 for restocking, 13.25 of the scrap's value"
    assert [(one.owner, one.action, int(one.quantity), one.reference) for one in found.instructions] == [
        ("buyer", "return", 12, reference),
        ("planner", "scrap", 8, reference),
    ]
    assert found.changed_requirements == (), "all of it comes: what is sent back is sent back once it is here"
    assert (await world.order_of(need.id)).revision == order.revision
    checked = [fact for fact in await world.ledger.reads.facts([identity]) if fact.kind == "change.checked"]
    assert [(fact.data["order_lines"], fact.data["complete"]) for fact in checked] == [(1, True)]


async def test_the_approver_has_reworked_what_came_in_for_demand_that_ends(make_world: MakeWorld) -> None:
    world = await make_world(disposal=Disposal(rework=True))
    chain = world.item("CHAIN", "Cyclops")
    need = world.need(chain, 200, days=JULY_12)
    order = await world.acknowledged(await world.plan(need))
    await world.receive_part(order, 150, receipt="GR-1")
    await world.noted(order.id, "goods.received")
    await world.until(lambda: world.at_rest(order.id))
    identity = await tell(world, revision_of(world, removed(chain)))
    question = await proposed(world, identity)
    reference = f"{order.order_number}/10"
    assert told(question) == [(reference, 150, "excess"), (reference, 50, "cancelled")]

    await world.decide(question, Choice.REWORK)

    assert await world.ended(identity) == "carried_out"
    found = await change(world, identity)
    assert told(found) == [(reference, 150, "reworked"), (reference, 50, "cancelled")]
    assert [(one.owner, one.action, one.value, one.cost) for one in found.instructions] == [
        ("planner", "rework", Decimal("276.00"), Decimal("110.40"))
    ]
    cut = await world.order_until(order, lambda each: each.revision == 2)
    assert [int(line.quantity) for line in cut.lines] == [150]
    assert (await world.requirement(need.id)).stage != "withdrawn", "what is here stays its own"


async def test_what_an_order_still_collects_is_taken_off_its_sheet(world: World) -> None:
    chain = world.item("CHAIN", "Cyclops")
    need = world.need(chain, 100, days=JULY_12)
    order = await world.ordered(await world.plan(need))
    assert order.stage == "collecting"
    identity = await tell(world, revision_of(world, removed(chain)))
    assert await world.ended(identity) == "carried_out"
    assert told(await change(world, identity)) == [(order.id, 100, "cancelled")]
    await world.noted(need.id, "bom.changed")
    await world.skip_collecting(order)
    assert await world.ended(need.id) == "withdrawn"


async def test_one_revision_at_two_plants_and_three_orders_is_a_decision_of_each_plant(world: World) -> None:
    """At 1710 two orders go by one approval; at 1720 the buyer keeps the old chain."""
    chain = world.item("CHAIN", "Cyclops", price="20.00")
    world.policies.by_plant["1720"] = world.policy.model_copy(update={"plant": "1720", "buyer": "buyer-1720"})
    here = world.master_data.items["1710", chain]
    world.master_data.items["1720", chain] = here.model_copy(update={"plant": "1720"})
    needs = [world.need(chain, 100, days=JULY_12 + n, reference=f"N-{n}") for n in (0, 20)]
    there = world.need(chain, 70, days=JULY_12, plant="1720")
    orders = [await world.acknowledged(await world.plan(need)) for need in (*needs, there)]
    assert len({order.id for order in orders}) == 3

    ours = await tell(world, revision_of(world, removed(chain)))
    theirs = await tell(world, revision_of(world, removed(chain)).model_copy(update={"plant": "1720"}))
    question, question_there = await proposed(world, ours), await proposed(world, theirs)
    assert told(question) == [(f"{order.order_number}/10", 100, "cancelled") for order in orders[:2]]
    assert question_there.proposal.approvers == ("buyer-1720",)
    await world.decide(question, Choice.APPROVE)
    await world.decide(question_there, Choice.DECLINE)

    assert (await world.ended(ours), await world.ended(theirs)) == ("carried_out", "declined")
    for order in orders[:2]:
        await world.order_until(order, lambda found: found.lines[0].cancelled)
    assert (await world.order_of(there.id)).revision == orders[2].revision
    page = await world.ledger.reads.changes(assembly=f"BIKE-{world.prefix}")
    found = [row.snapshot for row in page.items]
    assert [(one.stage, one.check) for one in found] == [
        ("carried_out", ChangeCheck(order_lines=2, requirements=2)),
        ("declined", ChangeCheck(order_lines=1, requirements=1)),
    ], "each says of every line what becomes of it, also that it stays"
