"""Activities of plan runs: their duration grows with the plan, and each may be repeated from any point."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.boundary import HEARTBEAT_SECONDS
from activities.ports import PlanRunPort
from adapters.ports import PolicyPort
from canonical.calls import PlanRunCall
from canonical.plan import ENDED, PlanDelivered, PlanMatched, PlanMatcher, PlanRunStatus, PlanStage
from canonical.policy import PlantPolicy

POLL_SECONDS = 0.25
"""How often a run polls whether the deliveries it waits for are complete."""


class PlanActivities:
    """The ledger's plan runs, for the workflow."""

    def __init__(self, plans: PlanRunPort, policies: PolicyPort, matcher: PlanMatcher) -> None:
        self._plans = plans
        self._policies = policies
        self._matcher = matcher

    @activity.defn(name="plan.match")
    async def match(self, call: PlanRunCall) -> PlanMatched:
        """Find the net change, once everything the source sent earlier is delivered."""
        run = call.run
        policy = self._policy(run.plant)
        async with _beating():
            while waits_for := await self._plans.waits_for(run):
                now = await self._plans.find(run.number)
                if now is None or now.stage in ENDED:
                    break
                activity.logger.debug("%s waits for %s", run.id, waits_for)
                await asyncio.sleep(POLL_SECONDS)
            return await self._plans.match(run, policy, lambda item: self._policy(run.plant, item), self._matcher)

    @activity.defn(name="plan.wait")
    async def wait(self, call: PlanRunCall) -> PlanRunStatus:
        """Mark the run as waiting for a person."""
        return await self._plans.wait(call.run, call.detail)

    @activity.defn(name="plan.keep_needs")
    async def keep_needs(self, call: PlanRunCall) -> PlanRunStatus:
        """Withdraw nothing."""
        return await self._plans.keep_needs(call.run, call.detail)

    @activity.defn(name="plan.stop")
    async def stop(self, call: PlanRunCall) -> PlanRunStatus:
        """End the run before it changes anything."""
        return await self._plans.stop(call.run, call.detail)

    @activity.defn(name="plan.deliver")
    async def deliver(self, call: PlanRunCall) -> PlanDelivered:
        """Hand the net change over, batch by batch, until all of it is delivered or a newer plan ends the run."""
        batch, per_second = call.batch, call.per_second
        if per_second:
            # Only what is due until the next poll: a full batch at once would be a burst.
            batch = max(1, min(batch, int(per_second * POLL_SECONDS)))
        async with _beating():
            while True:
                done = await self._plans.deliver(call.run, batch)
                if done.stage is not PlanStage.DELIVERING:
                    return done
                due = done.handed_over / per_second if per_second else 0
                await asyncio.sleep(max(POLL_SECONDS, due))

    def _policy(self, plant: str, item: str = "") -> PlantPolicy:
        found = self._policies.effective(plant, item=item)
        if found is None:
            raise ApplicationError(
                f"plant {plant} has no policy; add plants/{plant}.toml to the policy directory", type="PermanentError"
            )
        return found


@asynccontextmanager
async def _beating() -> AsyncIterator[None]:
    """Send heartbeats for as long as the block runs."""
    beat = asyncio.create_task(_beat())
    try:
        yield
    finally:
        beat.cancel()


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(HEARTBEAT_SECONDS)
