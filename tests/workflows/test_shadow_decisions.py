"""What running entities recorded is enough to make their decisions again: under their own policies, to the letter."""

from canonical.policy import LeadTime
from policies.book import FixedPolicies
from shadow.comparison import KINDS, Comparing, Comparison
from shadow.verdict import Difference, Policies
from tests.workflows.plant import POLICY
from tests.workflows.world import CHANGED, World


async def compared(world: World, candidate: FixedPolicies) -> tuple[Comparison, list[Difference]]:
    """The decisions of all entities of the story, made again."""
    found: list[Difference] = []
    comparing = Comparing(Policies(world.policies.effective), Policies(candidate.effective), found.append)
    for fact in await world.ledger.reads.facts(await world.entities_recorded()):
        if fact.kind in KINDS:
            comparing.take(fact)
    return comparing.result(), found


async def test_decisions_of_entities_are_made_again_from_what_they_recorded(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops", "Trey"), 1000)
    requirement = await world.plan(need)
    order = await world.acknowledged(requirement)
    need = await world.replan(need, 2, quantity=1030)
    await world.noted(requirement, "need.damped")
    await world.replan(need, 3, quantity=1200)
    changed = await world.order_until(order, lambda now: now.revision == 2 and now.stage == "sent")
    await world.answer(changed, world.line(10, (CHANGED, 1205, 58)))
    await world.noted(order.id, "answer.judged", times=2)

    same, none = await compared(world, world.policies)

    assert none == []
    assert same.control.same == same.decisions == 7
    assert same.not_comparable == same.caveats == same.control.policy_changed == {}
    assert same.control.unexplained == 0
    tighter = POLICY.model_copy(
        update={
            "version": "tighter",
            "damping": POLICY.damping.model_copy(update={"share": POLICY.damping.share / 2}),
            "tolerance": POLICY.tolerance.model_copy(update={"quantity_more": POLICY.tolerance.quantity_more / 10}),
            "approval": POLICY.approval.model_copy(update={"free_up_to": {}}),
        }
    )
    comparison, differences = await compared(world, FixedPolicies({"1710": tighter}))
    said = [(each.kind, change.aspect, change.candidate) for each in differences for change in each.changes]
    assert sorted(said) == [
        ("answer.judged", "answer to line 10", "outside the tolerance"),
        ("change.judged", "approvers", "buyer"),
        ("change.judged", "asks", "a person"),
        ("need.damped", "change", "acted on"),
    ]
    assert comparison.control.same == 7


async def test_what_a_limit_kept_from_being_ordered_would_have_been_without_it(world: World) -> None:
    item = world.item("CHAIN", "Cyclops", lead_time_days=380)
    requirement = await world.plan(world.need(item, days=600))
    await world.short(requirement)
    patient = POLICY.model_copy(update={"version": "patient", "lead_time": LeadTime(maximum_days=400)})

    comparison, [difference] = await compared(world, FixedPolicies({"1710": patient}))

    assert (difference.entity_id, difference.kind) == (requirement, "cover.refused")
    assert [(change.decided, change.candidate) for change in difference.changes] == [
        ("none: lead_time_days", "ordered")
    ]
    assert comparison.control.same == comparison.decisions == 1
