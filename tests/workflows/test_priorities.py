"""What waits for a worker or a counterpart: plan runs, critical needs, orders before new needs, and plants in turn."""

from canonical.base import Criticality
from canonical.plan import PlanStage
from tests.workflows.harness import Harness
from tests.workflows.planner import publishing
from workflows import queues
from workflows.plan_run import plan_workflow_id


async def test_a_critical_need_and_its_plan_run_go_before_the_others(harness: Harness) -> None:
    async with publishing(harness) as planner:
        [line] = planner.lines("CRITICAL")
        peg = {"demand": "BUILD", "quantity": 10, "date": line["required_date"], "criticality": "A"}
        run = await planner.ended(await planner.publish(1, [{**line, "pegging": [peg]}, *planner.lines("USUAL")]))
        assert run.stage is PlanStage.DONE
        found = {}
        for name, workflow in (
            ("run", plan_workflow_id(run)),
            ("critical", planner.requirement("CRITICAL")),
            ("usual", planner.requirement("USUAL")),
            ("order", (await harness.ordered(planner.requirement("USUAL"))).id),
        ):
            found[name] = (await harness.handle(workflow).describe()).raw_info.priority
    assert [found[name].priority_key for name in ("run", "critical", "order", "usual")] == [1, 2, 3, 4]
    assert {each.fairness_key for each in found.values()} == {"1710"}


def test_a_long_name_of_a_plant_is_cut_where_a_letter_ends() -> None:
    key = queues.priority_of_order("ü" * 40, [Criticality.C]).fairness_key
    assert key == "ü" * 32
