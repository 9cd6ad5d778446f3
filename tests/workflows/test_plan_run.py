"""Plan runs on the real server: uploaded, compared, delivered to requirements, and asked about where limits say so."""

from decimal import Decimal

import pytest

from canonical.exception import Choice, ExceptionKind
from canonical.identity import exception_id
from canonical.plan import PlanLineOutcome, PlanStage
from canonical.policy import PlanRules
from decisions.plan_matching import NearestNeeds
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import Harness
from tests.workflows.planner import publishing
from workflows.plan_run import plan_workflow_id


async def test_a_plan_becomes_requirements_and_its_rerun_touches_the_changed_one_alone(harness: Harness) -> None:
    async with publishing(harness) as planner:
        first = await planner.ended(await planner.publish(1, planner.lines("A", "B")))
        assert first.stage == PlanStage.DONE
        assert first.lines == 2
        before = {each: await harness.requirement(planner.requirement(each)) for each in ("A", "B")}
        assert {int(found.need.quantity) for found in before.values()} == {10}
        again = [*planner.lines("A"), *planner.lines("B", quantity=500)]
        rerun = await planner.ended(await planner.publish(2, again))
        progress = await harness.ledger.plans.progress(rerun)
        assert rerun.stage == PlanStage.DONE
        assert progress.changes == 1
        assert progress.delivered == 1
        await harness.requirement_until(planner.requirement("B"), lambda found: found.need.quantity == 500)
        assert (await harness.requirement(planner.requirement("A"))).need.revision.plan_version == 1


@pytest.mark.recorded("plan_stopped")
async def test_a_plan_over_its_error_limit_changes_nothing(harness: Harness) -> None:
    async with publishing(harness) as planner:
        run = await planner.ended(await planner.publish(1, [*planner.lines("A"), "nonsense"]))
        assert run.stage is PlanStage.STOPPED
        assert run.detail == "1 of 2 lines are refused, 50.0%, and 2.0% may be; nothing was changed"
        assert (await harness.ledger.reads.waiting_summary()).undelivered == 0
        corrected = await planner.ended(await planner.publish(1, planner.lines("A")))
        assert corrected.stage is PlanStage.DONE


@pytest.mark.recorded("plan_withdrawals_declined")
async def test_a_plan_that_would_withdraw_too_much_waits_for_a_person(harness: Harness) -> None:
    async with publishing(harness) as planner:
        await planner.ended(await planner.publish(1, planner.lines("A", "B", "C")))
        run = await planner.publish(2, planner.lines("A"))
        asked = exception_id(plan_workflow_id(run), 1)
        await harness.registered(asked, "exception.opened")
        question = await harness.exception(asked)
        assert "would withdraw 2 of 3 open needs, 66.7%, and 10.0% may be" in question.proposal.summary
        await harness.decide(question, Choice.DECLINE)
        done = await planner.ended(run)
        assert (done.stage, done.detail) == (PlanStage.DONE, "bea.buyer decided that nothing is withdrawn")
        progress = await harness.ledger.plans.progress(done)
        assert progress.outcomes[PlanLineOutcome.KEPT] == 2
        assert progress.changes == 0


async def test_a_person_lets_the_plan_withdraw(harness: Harness) -> None:
    async with publishing(harness) as planner:
        await planner.ended(await planner.publish(1, planner.lines("A", "B")))
        run = await planner.publish(2, planner.lines("A"))
        asked = exception_id(plan_workflow_id(run), 1)
        await harness.registered(asked, "exception.opened")
        await harness.decide(await harness.exception(asked), Choice.APPROVE)
        assert (await planner.ended(run)).stage is PlanStage.DONE
        await harness.registered(planner.requirement("B"), "withdrawal.received")


@pytest.mark.recorded("plan_superseded")
async def test_a_newer_plan_takes_the_question_back_and_the_older_ends(make_harness: MakeHarness) -> None:
    harness = await make_harness(plan=PlanRules(withdraw_share_max=Decimal("0.5")))
    async with publishing(harness) as planner:
        await planner.ended(await planner.publish(1, planner.lines("A", "B", "C")))
        older = await planner.publish(2, planner.lines("A"))
        asked = exception_id(plan_workflow_id(older), 1)
        await harness.registered(asked, "exception.opened")
        newer = await planner.publish(3, planner.lines("A", "B", "C"))
        assert (await planner.ended(newer)).stage is PlanStage.DONE
        assert (await planner.ended(older)).stage is PlanStage.SUPERSEDED
        await harness.registered(asked, "exception.overtaken")


@pytest.mark.recorded("plan_tie")
async def test_a_tie_is_put_to_the_planner_and_the_rest_of_the_plan_goes_on(harness: Harness) -> None:
    async with publishing(harness) as planner:
        anna, bert = planner.lines("O1", planner="anna"), planner.lines("O2", planner="bert")
        await planner.ended(await planner.publish(1, [*anna, *bert]))
        tied = [{**each, "demand_reference": None} for each in planner.lines("", "", planner="carl")]
        tied[1]["planner"] = "dora"
        run = await planner.publish(2, [*tied, *planner.lines("NEW")])
        assert (await planner.ended(run)).stage is PlanStage.DONE
        asked = exception_id(plan_workflow_id(run), 1)
        await harness.registered(asked, "exception.opened")
        question = await harness.exception(asked)
        assert (question.proposal.kind, question.assignee) == (ExceptionKind.AMBIGUOUS_MATCH, "planner")
        assert question.proposal.item == planner.item
        assert (await harness.requirement(planner.requirement("NEW"))).need.quantity == 10
        assert (await harness.requirement(planner.requirement("O1"))).stage != "withdrawn"


async def test_a_run_whose_worker_dies_goes_on_where_it_was(make_harness: MakeHarness) -> None:
    harness = await make_harness(plan=PlanRules(batch_lines=1))
    async with publishing(harness) as planner:
        run = await planner.publish(1, planner.lines(*(f"R{number}" for number in range(6))))
        # What another worker handed over before it died: the first steps, done beside the workflow.
        policy = harness.policy
        matched = await harness.ledger.plans.match(run, policy, lambda item: policy, NearestNeeds())
        await harness.ledger.plans.deliver(matched.run, 1)
        assert (await planner.ended(run)).stage is PlanStage.DONE
        for number in range(6):
            assert (await harness.requirement(planner.requirement(f"R{number}"))).request_revision == 1


async def test_a_run_that_waits_long_for_a_person_continues_as_new_and_goes_on_with_the_decision(
    restless: Harness,
) -> None:
    harness = restless
    async with publishing(harness) as planner:
        await planner.ended(await planner.publish(1, planner.lines("A", "B")))
        run = await planner.publish(2, planner.lines("A"))
        identity = plan_workflow_id(run)
        asked = exception_id(identity, 1)
        await harness.registered(asked, "exception.opened")
        started = (await harness.handle(identity).describe()).run_id

        async def continued() -> bool:
            # No newer plan: the run looks, finds itself still waiting, and its history grows.
            await harness.entities.supersede_plan_run(run)
            return (await harness.handle(identity).describe()).run_id != started

        await harness.until(continued)
        await harness.decide(await harness.exception(asked), Choice.APPROVE)
        assert (await planner.ended(run)).stage is PlanStage.DONE
        await harness.registered(planner.requirement("B"), "withdrawal.received")
