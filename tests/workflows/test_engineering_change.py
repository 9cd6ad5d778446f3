"""A revision of a bill of material: what goes out is disposed of by one decision, what comes in is needed."""

from decimal import Decimal

import pytest

from canonical.bom import BomRevised, ChangeCheck
from canonical.exception import Choice, DecisionRefused
from ledger.engineering_change.bills import BomVerdict
from tests.workflows.conftest import MakeWorld
from tests.workflows.revisions import (
    JULY_1,
    JULY_12,
    added,
    change,
    june_and_july,
    on,
    proposed,
    removed,
    revision_of,
    tell,
    told,
)
from tests.workflows.world import World


async def test_effective_1_july_stock_40_and_po_100_against_120_leave_excess_20_and_po_200_is_cancelled(
    world: World,
) -> None:
    chain, better = world.item("CHAIN", "Cyclops"), world.item("BETTER", "Cyclops")
    june, first, july, second = await june_and_july(world, chain)
    identity = await tell(world, revision_of(world, removed(chain, 40), added(better, chain)))

    question = await proposed(world, identity)

    po_100, po_200 = f"{first.order_number}/10", f"{second.order_number}/10"
    assert told(question) == [
        ("", 40, "consumed"),
        (po_100, 80, "consumed"),
        (po_100, 20, "excess"),
        (po_200, 200, "cancelled"),
    ]
    assert question.proposal.value == Decimal("404.80"), "(20 + 200) × 2.00 USD × 0.92"
    assert [way.choice for way in question.proposal.alternatives] == [
        Choice.APPROVE, Choice.CANCEL, Choice.USE_UP, Choice.RETURN, Choice.SCRAP, Choice.DECLINE,
    ]  # fmt: skip
    await world.decide(question, Choice.CANCEL)

    assert await world.ended(identity) == "carried_out"
    cut = await world.order_until(first, lambda found: found.revision == 2)
    assert [(line.cancelled, int(line.quantity)) for line in cut.lines] == [(False, 80)]
    gone = await world.order_until(second, lambda found: found.revision == 2 and found.stage == "sent")
    assert [line.cancelled for line in gone.lines] == [True]
    await world.answer(gone)
    assert await world.ended(second.id) == "cancelled"
    assert await world.ended(july.id) == "withdrawn"
    assert (await world.requirement(june.id)).need.quantity == 120, "the plan's word stays as it was"

    report = await world.ledger.bills.change(identity)
    assert report is not None
    assert told(report) == [*told(question)[:2], (po_100, 20, "cancelled"), (po_200, 200, "cancelled")]
    assert set(report.changed_requirements) == {june.id, july.id}
    await world.noted(identity, "change.carried_out")
    assert report.check == ChangeCheck(order_lines=2, requirements=2)
    assert {one.requirement_id: int(one.keeps) for one in report.affected} == {june.id: 80, july.id: 0}


async def test_the_new_component_is_needed_for_the_demand_that_it_takes_over(world: World) -> None:
    chain, better = world.item("CHAIN", "Cyclops"), world.item("BETTER", "Cyclops")
    assert (await june_and_july(world, chain))[3].order_number
    identity = await tell(world, revision_of(world, removed(chain), added(better, chain, quantity=2)))
    assert await world.ended(identity) == "carried_out", "200 × 2.00 USD is free, and all of it can be cancelled"

    report = await world.ledger.bills.change(identity)
    assert report is not None
    (needed,) = report.new_requirements
    assert needed.startswith(f"requirement/1710/{better}/pegline~")
    (event,) = [each for each in await world.ledger.inbox.undelivered(50) if each.entity == needed]
    assert b'"quantity":"400' in event.body
    assert f'"assembly":"BIKE-{world.prefix}"'.encode() in event.body


async def test_a_revision_told_anew_before_the_approval_replaces_the_proposal(world: World) -> None:
    chain = world.item("CHAIN", "Cyclops")
    _, first, july, second = await june_and_july(world, chain)
    identity = await tell(world, revision_of(world, removed(chain, 40)))
    question = await proposed(world, identity)

    await tell(world, revision_of(world, removed(chain, 50), told=2))
    await world.noted(identity, "change.proposal_changed")
    await tell(world, revision_of(world, removed(chain, 99), told=1))
    await world.noted(identity, "change.stale")

    await world.noted(question.id, "exception.changed")
    now = await world.exception(question.id)
    assert now.digest != question.digest
    assert (f"{first.order_number}/10", 30, "excess") in told(now)
    await world.decide(now, Choice.SCRAP)
    assert await world.ended(identity) == "carried_out"
    found = await change(world, identity)
    assert (f"{first.order_number}/10", 30, "scrapped") in told(found)
    assert list(found.changed_requirements) == [july.id], "what is scrapped comes all the same"
    assert (await world.order_of(found.changed_requirements[0])).id == second.id


async def test_a_revision_takes_the_place_of_one_that_waits_for_its_approval(world: World) -> None:
    """B takes the chain out on 1 July; C says that it goes a fortnight later."""
    chain = world.item("CHAIN", "Cyclops")
    _, first, _, second = await june_and_july(world, chain)
    superseded = await tell(world, revision_of(world, removed(chain, 40), name="B"))
    question = await proposed(world, superseded)

    later = revision_of(world, removed(chain, 40), name="C", days=JULY_1 + 14)
    identity = await tell(world, later.model_copy(update={"supersedes": "B"}))

    assert await world.ended(superseded) == "superseded"
    await world.noted(question.id, "exception.overtaken")
    with pytest.raises(DecisionRefused, match="nothing"):
        await world.decide(question, Choice.APPROVE)
    gone = await change(world, superseded)
    assert (gone.superseded_by, gone.decision, {fate for _, _, fate in told(gone)}) == (identity, None, {"left"})
    assert gone.check == ChangeCheck(order_lines=2, requirements=2)
    assert (await world.ledger.bills.triage(gone.revised)).verdict is BomVerdict.SUPERSEDED

    now = await proposed(world, identity)
    po_100, po_200 = f"{first.order_number}/10", f"{second.order_number}/10"
    assert told(now)[1:] == [(po_100, 100, "consumed"), (po_200, 180, "consumed"), (po_200, 20, "excess")]
    await world.decide(now, Choice.DECLINE)
    assert await world.ended(identity) == "declined"


async def test_a_declined_change_leaves_everything(world: World) -> None:
    chain, better = world.item("CHAIN", "Cyclops"), world.item("BETTER", "Cyclops")
    june, first, july, second = await june_and_july(world, chain)
    identity = await tell(world, revision_of(world, removed(chain, 40), added(better, chain)))
    await world.decide(await proposed(world, identity), Choice.DECLINE)

    assert await world.ended(identity) == "declined"

    found = await change(world, identity)
    assert {fate for _, _, fate in told(found)} == {"left"}
    assert (found.changed_requirements, found.new_requirements) == ((), ())
    for need, order in ((june, first), (july, second)):
        assert "bom.changed" not in await world.kinds(need.id)
        assert (await world.order_of(need.id)).revision == order.revision
    assert not [each for each in await world.ledger.inbox.undelivered(50) if each.source == "pegline"]


async def test_demand_of_another_assembly_keeps_the_component(world: World) -> None:
    chain = world.item("CHAIN", "Cyclops")
    bike = f"BIKE-{world.prefix}"
    pegs = on(JULY_12, 150, "BIKE-1", bike) + on(JULY_12 + 1, 50, "TRIKE-1", "TRIKE")
    need = world.need(chain, 200, days=JULY_12, pegging=pegs)
    order = await world.acknowledged(await world.plan(need))
    identity = await tell(world, revision_of(world, removed(chain)))

    assert await world.ended(identity) == "carried_out", "150 × 2.00 USD is free, and all of it can be cancelled"

    reference = f"{order.order_number}/10"
    assert told(await change(world, identity)) == [(reference, 50, "used_up"), (reference, 150, "cancelled")]
    cut = await world.order_until(order, lambda found: found.revision == 2)
    assert [int(line.quantity) for line in cut.lines] == [50]


async def test_a_change_that_is_worth_more_than_its_class_may_is_put_to_the_buyer_for_approval(
    make_world: MakeWorld,
) -> None:
    world = await make_world()
    chain = world.item("CHAIN", "Cyclops", price="20.00")
    need = world.need(chain, 200, days=JULY_12)
    order = await world.acknowledged(await world.plan(need))
    identity = await tell(world, revision_of(world, removed(chain)))
    question = await proposed(world, identity)
    assert [way.choice for way in question.proposal.alternatives] == [Choice.APPROVE, Choice.DECLINE]
    assert question.proposal.approvers == ("buyer",)

    # The supplier ships half of it before the decision: what was decided on is not what is so (R15).
    await world.ship(order, 100, despatch="DA-1")
    await world.until(lambda: world.at_rest(order.id))
    await world.decide(question, Choice.APPROVE)
    await world.noted(identity, "decision.void")
    again = await proposed(world, identity)
    assert again.id != question.id
    assert sorted(fate for _, _, fate in told(again)) == ["cancelled", "exception"]


async def test_what_is_told_of_a_change_is_ordered_by_its_sender(world: World) -> None:
    chain = world.item("CHAIN", "Cyclops")
    first, second = (revision_of(world, removed(chain, stock), told=number) for number, stock in ((1, 0), (2, 5)))
    again = second.model_copy(update={"stated": second.stated.model_copy(update={"source_revision": 3})})
    identity = await tell(world, first)
    assert await world.ended(identity) == "carried_out"
    assert told(await change(world, identity)) == []

    async def verdict(revised: BomRevised) -> BomVerdict:
        return (await world.ledger.bills.triage(revised)).verdict

    assert await verdict(first) is BomVerdict.STALE
    triage = await world.ledger.bills.triage(second)
    assert triage.verdict is BomVerdict.REOPEN
    await tell(world, second, first_sequence=triage.next_sequence)
    question = await proposed(world, identity)
    assert told(question) == [("", 5, "excess")]
    await world.decide(question, Choice.RETURN)
    assert await world.ended(identity) == "carried_out"
    assert await verdict(again) is BomVerdict.UNCHANGED
    assert await verdict(first) is BomVerdict.STALE
