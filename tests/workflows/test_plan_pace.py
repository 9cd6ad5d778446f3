"""A plan run delivers its changes no faster than the plant's policy allows, and in no bursts."""

import datetime as dt
import time
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.plan import POLL_SECONDS, PlanActivities
from canonical.calls import PlanRunCall
from canonical.identity import plan_run_id
from canonical.plan import PlanDelivered, PlanRunStatus, PlanStage
from decisions.plan_matching import NearestNeeds
from policies.book import FixedPolicies

RUN = PlanRunStatus(
    id=plan_run_id("aps", "P1", 1),
    number=1,
    source="aps",
    plant="P1",
    version=1,
    partial=False,
    stage=PlanStage.MATCHED,
    lines=30,
    refused=0,
    received_at=dt.datetime(2026, 6, 1, 8, tzinfo=dt.UTC),
)


class Taken:
    """A ledger whose every change is delivered at once."""

    def __init__(self, changes: int) -> None:
        self.waiting = changes
        self.rounds: list[tuple[float, int]] = []

    async def deliver(self, run: PlanRunStatus, batch: int) -> PlanDelivered:
        handed = min(batch, self.waiting)
        self.waiting -= handed
        self.rounds.append((time.monotonic(), handed))
        stage = PlanStage.DELIVERING if handed else PlanStage.DONE
        return PlanDelivered(stage=stage, waiting=self.waiting, in_flight=0, handed_over=handed)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a delivery asks for nothing but deliveries, not {name}")


@pytest.mark.parametrize(("per_second", "rounds"), [(0, [30, 0]), (48, [12, 12, 6, 0]), (8, [2, 2, 0])])
async def test_the_rate_is_the_policys(per_second: int, rounds: list[int]) -> None:
    plans = Taken(sum(rounds))
    plan_activities = PlanActivities(plans, FixedPolicies({}), NearestNeeds())
    call = PlanRunCall(run=RUN, batch=200, per_second=per_second)
    assert (await ActivityEnvironment().run(plan_activities.deliver, call)).stage is PlanStage.DONE
    assert [handed for _, handed in plans.rounds] == rounds
    for (before, handed), (after, _) in zip(plans.rounds, plans.rounds[1:], strict=False):
        assert after - before >= max(POLL_SECONDS, handed / per_second if per_second else 0) * 0.99
