"""A revision of a bill of material: what goes out is disposed of by one decision, what comes in is needed."""

from decimal import Decimal

import pytest

from canonical.bom import BomRevised, ChangeCheck
from canonical.exception import Choice, DecisionRefused
from ledger.engineering_change.bills import BomNewness
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import Harness
from tests.workflows.revisions import (
    JULY_1,
    JULY_12,
    added,
    change,
    june_and_july,
    on,
    proposed,
    publish,
    removed,
    reported,
    revision_of,
)


@pytest.mark.recorded("effective_date")
async def test_effective_1_july_stock_40_and_po_100_against_120_leave_excess_20_and_po_200_is_cancelled(
    harness: Harness,
) -> None:
    chain, better = harness.item("CHAIN", "Cyclops"), harness.item("BETTER", "Cyclops")
    june, first, july, second = await june_and_july(harness, chain)
    identity = await publish(harness, revision_of(harness, removed(chain, 40), added(better, chain)))

    question = await proposed(harness, identity)

    po_100, po_200 = f"{first.order_number}/10", f"{second.order_number}/10"
    assert reported(question) == [
        ("", 40, "consumed"),
        (po_100, 80, "consumed"),
        (po_100, 20, "excess"),
        (po_200, 200, "cancelled"),
    ]
    assert question.proposal.value == Decimal("404.80"), "(20 + 200) × 2.00 USD × 0.92"
    assert [way.choice for way in question.proposal.alternatives] == [
        Choice.APPROVE, Choice.CANCEL, Choice.USE_UP, Choice.RETURN, Choice.SCRAP, Choice.DECLINE,
    ]  # fmt: skip
    await harness.decide(question, Choice.CANCEL)

    assert await harness.ended(identity) == "carried_out"
    cut = await harness.order_until(first, lambda found: found.revision == 2)
    assert [(line.cancelled, int(line.quantity)) for line in cut.lines] == [(False, 80)]
    gone = await harness.order_until(second, lambda found: found.revision == 2 and found.stage == "sent")
    assert [line.cancelled for line in gone.lines] == [True]
    await harness.answer(gone)
    assert await harness.ended(second.id) == "cancelled"
    assert await harness.ended(july.id) == "withdrawn"
    assert (await harness.requirement(june.id)).need.quantity == 120, "the plan's word stays as it was"

    report = await harness.ledger.bills.change(identity)
    assert report is not None
    assert reported(report) == [*reported(question)[:2], (po_100, 20, "cancelled"), (po_200, 200, "cancelled")]
    assert set(report.changed_requirements) == {june.id, july.id}
    await harness.registered(identity, "change.carried_out")
    assert report.check == ChangeCheck(order_lines=2, requirements=2)
    assert {one.requirement_id: int(one.keeps) for one in report.affected} == {june.id: 80, july.id: 0}


@pytest.mark.recorded("new_component")
async def test_the_new_component_is_needed_for_the_demand_that_it_takes_over(harness: Harness) -> None:
    chain, better = harness.item("CHAIN", "Cyclops"), harness.item("BETTER", "Cyclops")
    assert (await june_and_july(harness, chain))[3].order_number
    identity = await publish(harness, revision_of(harness, removed(chain), added(better, chain, quantity=2)))
    assert await harness.ended(identity) == "carried_out", "200 × 2.00 USD is free, and all of it can be cancelled"

    report = await harness.ledger.bills.change(identity)
    assert report is not None
    (needed,) = report.new_requirements
    assert needed.startswith(f"requirement/1710/{better}/pegline~")
    (event,) = [each for each in await harness.ledger.inbox.undelivered(50) if each.entity == needed]
    assert b'"quantity":"400' in event.body
    assert f'"assembly":"BIKE-{harness.prefix}"'.encode() in event.body


@pytest.mark.recorded("change_told_anew")
async def test_a_newer_revision_before_the_approval_replaces_the_proposal(harness: Harness) -> None:
    chain = harness.item("CHAIN", "Cyclops")
    _, first, july, second = await june_and_july(harness, chain)
    identity = await publish(harness, revision_of(harness, removed(chain, 40)))
    question = await proposed(harness, identity)

    await publish(harness, revision_of(harness, removed(chain, 50), reported=2))
    await harness.registered(identity, "change.proposal_changed")
    await publish(harness, revision_of(harness, removed(chain, 99), reported=1))
    await harness.registered(identity, "change.stale")

    await harness.registered(question.id, "exception.changed")
    now = await harness.exception(question.id)
    assert now.digest != question.digest
    assert (f"{first.order_number}/10", 30, "excess") in reported(now)
    await harness.decide(now, Choice.SCRAP)
    assert await harness.ended(identity) == "carried_out"
    found = await change(harness, identity)
    assert (f"{first.order_number}/10", 30, "scrapped") in reported(found)
    assert list(found.changed_requirements) == [july.id], "what is scrapped comes all the same"
    assert (await harness.order_of(found.changed_requirements[0])).id == second.id


async def test_a_change_that_is_revised_again_and_again_continues_as_new_and_is_carried_out(restless: Harness) -> None:
    harness = restless
    chain = harness.item("CHAIN", "Cyclops")
    _, first, july, _ = await june_and_july(harness, chain)
    identity = await publish(harness, revision_of(harness, removed(chain, 40)))
    question = await proposed(harness, identity)
    started = (await harness.handle(identity).describe()).run_id
    for number in range(2, 8):
        await publish(harness, revision_of(harness, removed(chain, 40 + number), reported=number))
        await harness.registered(identity, "change.proposal_changed", number - 1)
    assert (await harness.handle(identity).describe()).run_id != started
    await harness.registered(question.id, "exception.changed", 6)
    now = await harness.exception(question.id)
    assert (f"{first.order_number}/10", 27, "excess") in reported(now)
    await harness.decide(now, Choice.SCRAP)
    assert await harness.ended(identity) == "carried_out"
    kinds = await harness.kinds(identity)
    assert kinds.count("change.opened") == 1
    assert kinds.count("exception.raised") == 1
    assert list((await change(harness, identity)).changed_requirements) == [july.id]


@pytest.mark.recorded("change_superseded")
async def test_a_revision_supersedes_one_that_waits_for_its_approval(harness: Harness) -> None:
    """B takes the chain out on 1 July; C takes it out a fortnight later."""
    chain = harness.item("CHAIN", "Cyclops")
    _, first, _, second = await june_and_july(harness, chain)
    superseded = await publish(harness, revision_of(harness, removed(chain, 40), name="B"))
    question = await proposed(harness, superseded)

    later = revision_of(harness, removed(chain, 40), name="C", days=JULY_1 + 14)
    identity = await publish(harness, later.model_copy(update={"supersedes": "B"}))

    assert await harness.ended(superseded) == "superseded"
    await harness.registered(question.id, "exception.overtaken")
    with pytest.raises(DecisionRefused, match="nothing"):
        await harness.decide(question, Choice.APPROVE)
    gone = await change(harness, superseded)
    assert gone.superseded_by == identity
    assert gone.decision is None
    assert {fate for _, _, fate in reported(gone)} == {"left"}
    assert gone.check == ChangeCheck(order_lines=2, requirements=2)
    assert (await harness.ledger.bills.classify(gone.revised)).outcome is BomNewness.SUPERSEDED

    now = await proposed(harness, identity)
    po_100, po_200 = f"{first.order_number}/10", f"{second.order_number}/10"
    assert reported(now)[1:] == [(po_100, 100, "consumed"), (po_200, 180, "consumed"), (po_200, 20, "excess")]
    await harness.decide(now, Choice.DECLINE)
    assert await harness.ended(identity) == "declined"


async def test_a_declined_change_leaves_everything(harness: Harness) -> None:
    chain, better = harness.item("CHAIN", "Cyclops"), harness.item("BETTER", "Cyclops")
    june, first, july, second = await june_and_july(harness, chain)
    identity = await publish(harness, revision_of(harness, removed(chain, 40), added(better, chain)))
    await harness.decide(await proposed(harness, identity), Choice.DECLINE)

    assert await harness.ended(identity) == "declined"

    found = await change(harness, identity)
    assert {fate for _, _, fate in reported(found)} == {"left"}
    assert found.changed_requirements == ()
    assert found.new_requirements == ()
    for need, order in ((june, first), (july, second)):
        assert "bom.changed" not in await harness.kinds(need.id)
        assert (await harness.order_of(need.id)).revision == order.revision
    assert not [each for each in await harness.ledger.inbox.undelivered(50) if each.source == "pegline"]


async def test_demand_of_another_assembly_keeps_the_component(harness: Harness) -> None:
    chain = harness.item("CHAIN", "Cyclops")
    bike = f"BIKE-{harness.prefix}"
    pegs = on(JULY_12, 150, "BIKE-1", bike) + on(JULY_12 + 1, 50, "TRIKE-1", "TRIKE")
    need = harness.need(chain, 200, days=JULY_12, pegging=pegs)
    order = await harness.acknowledged(await harness.plan(need))
    identity = await publish(harness, revision_of(harness, removed(chain)))

    assert await harness.ended(identity) == "carried_out", "150 × 2.00 USD is free, and all of it can be cancelled"

    reference = f"{order.order_number}/10"
    assert reported(await change(harness, identity)) == [(reference, 50, "used_up"), (reference, 150, "cancelled")]
    cut = await harness.order_until(order, lambda found: found.revision == 2)
    assert [int(line.quantity) for line in cut.lines] == [50]


async def test_a_change_that_is_worth_more_than_its_class_may_is_put_to_the_buyer_for_approval(
    make_harness: MakeHarness,
) -> None:
    harness = await make_harness()
    chain = harness.item("CHAIN", "Cyclops", price="20.00")
    need = harness.need(chain, 200, days=JULY_12)
    order = await harness.acknowledged(await harness.plan(need))
    identity = await publish(harness, revision_of(harness, removed(chain)))
    question = await proposed(harness, identity)
    assert [way.choice for way in question.proposal.alternatives] == [Choice.APPROVE, Choice.DECLINE]
    assert question.proposal.approvers == ("buyer",)

    # The supplier ships half of it before the decision: what was decided on is not what is so (R15).
    await harness.ship(order, 100, despatch="DA-1")
    await harness.until(lambda: harness.at_rest(order.id))
    await harness.decide(question, Choice.APPROVE)
    await harness.registered(identity, "decision.void")
    again = await proposed(harness, identity)
    assert again.id != question.id
    assert sorted(fate for _, _, fate in reported(again)) == ["cancelled", "exception"]


async def test_the_events_of_a_change_are_ordered_by_their_sender(harness: Harness) -> None:
    chain = harness.item("CHAIN", "Cyclops")
    first, second = (revision_of(harness, removed(chain, stock), reported=number) for number, stock in ((1, 0), (2, 5)))
    again = second.model_copy(update={"stated": second.stated.model_copy(update={"source_revision": 3})})
    identity = await publish(harness, first)
    assert await harness.ended(identity) == "carried_out"
    assert reported(await change(harness, identity)) == []

    async def newness(revised: BomRevised) -> BomNewness:
        return (await harness.ledger.bills.classify(revised)).outcome

    assert await newness(first) is BomNewness.STALE
    classification = await harness.ledger.bills.classify(second)
    assert classification.outcome is BomNewness.REOPEN
    await publish(harness, second, first_sequence=classification.next_sequence)
    question = await proposed(harness, identity)
    assert reported(question) == [("", 5, "excess")]
    await harness.decide(question, Choice.RETURN)
    assert await harness.ended(identity) == "carried_out"
    assert await newness(again) is BomNewness.UNCHANGED
    assert await newness(first) is BomNewness.STALE
