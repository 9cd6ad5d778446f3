"""What running entities recorded is enough to make their decisions again: under their own policies, to the letter."""

from backtest.decision import Difference, Policies
from backtest.result import KINDS, Backtest, BacktestResult
from canonical.policy import LeadTime
from policies.book import FixedPolicies
from tests.workflows.harness import CHANGED, Harness
from tests.workflows.plant import POLICY


async def compared(harness: Harness, candidate: FixedPolicies) -> tuple[BacktestResult, list[Difference]]:
    """The decisions of all entities of the story, made again."""
    found: list[Difference] = []
    backtest_run = Backtest(Policies(harness.policies.effective), Policies(candidate.effective), found.append)
    for audit_event in await harness.ledger.reads.audit_events(await harness.entities_recorded()):
        if audit_event.kind in KINDS:
            backtest_run.take(audit_event)
    return backtest_run.result(), found


async def test_decisions_of_entities_are_made_again_from_what_they_recorded(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops", "Trey"), 1000)
    requirement = await harness.plan(need)
    order = await harness.acknowledged(requirement)
    need = await harness.replan(need, 2, quantity=1030)
    await harness.registered(requirement, "requirement.change_suppressed")
    await harness.replan(need, 3, quantity=1200)
    changed = await harness.order_until(order, lambda now: now.revision == 2 and now.stage == "sent")
    await harness.answer(changed, harness.line(10, (CHANGED, 1205, 58)))
    await harness.registered(order.id, "answer.judged", times=2)

    same, none = await compared(harness, harness.policies)

    assert none == []
    assert same.control.same == same.decisions == 7
    assert same.not_comparable == same.caveats == same.control.policy_changed == {}
    assert same.control.unexplained == 0
    tighter = POLICY.model_copy(
        update={
            "version": "tighter",
            "dampener": POLICY.dampener.model_copy(update={"share": POLICY.dampener.share / 2}),
            "tolerance": POLICY.tolerance.model_copy(update={"quantity_more": POLICY.tolerance.quantity_more / 10}),
            "approval": POLICY.approval.model_copy(update={"free_up_to": {}}),
        }
    )
    result, differences = await compared(harness, FixedPolicies({"1710": tighter}))
    statement = [(each.kind, change.aspect, change.candidate) for each in differences for change in each.changes]
    assert sorted(statement) == [
        ("answer.judged", "answer to line 10", "outside the tolerance"),
        ("change.judged", "approvers", "buyer"),
        ("change.judged", "asks", "a person"),
        ("requirement.change_suppressed", "change", "acted on"),
    ]
    assert result.control.same == 7


async def test_what_a_limit_kept_from_being_ordered_would_have_been_without_it(harness: Harness) -> None:
    item = harness.item("CHAIN", "Cyclops", lead_time_days=380)
    requirement = await harness.plan(harness.need(item, days=600))
    await harness.short(requirement)
    patient = POLICY.model_copy(update={"version": "patient", "lead_time": LeadTime(maximum_days=400)})

    result, [difference] = await compared(harness, FixedPolicies({"1710": patient}))

    assert (difference.entity_id, difference.kind) == (requirement, "sourcing.refused")
    assert [(change.decided, change.candidate) for change in difference.changes] == [
        ("none: lead_time_days", "ordered")
    ]
    assert result.control.same == result.decisions == 1
