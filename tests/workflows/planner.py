"""A planning system that publishes whole plans, with the relay that delivers their changes."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from canonical.identity import requirement_id
from canonical.plan import PlanRunStatus
from gateway.app import create_app
from gateway.delivery.relay import RelayPace
from gateway.plan_runs.intake import PlanIntake, PlanSent
from tests.workflows.harness import Harness
from tests.workflows.plant import today
from workflows.plan_run import plan_workflow_id


class Planner:
    """Publishes whole plans, as a planning system does."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.source = f"aps-{harness.prefix}"
        self.item = harness.item("FRAME", "ACME")
        self.intake = PlanIntake(
            harness.ledger, harness.entities, harness.policies, lambda _: today(), lambda: datetime.now(UTC)
        )

    async def publish(
        self, version: int, lines: Sequence[dict[str, Any] | str], *, partial: bool = False
    ) -> PlanRunStatus:
        async def body() -> AsyncIterator[bytes]:
            for each in lines:
                yield (each if isinstance(each, str) else json.dumps(each)).encode() + b"\n"

        sent = PlanSent(self.source, "1710", version, partial, "application/x-ndjson", "")
        return await self.intake.take(sent, body())

    def lines(self, *references: str, quantity: int = 10, **more: Any) -> list[dict[str, Any]]:
        due = (today() + timedelta(days=60)).isoformat()
        reported = {"item": self.item, "quantity": quantity, "unit": "EA", "required_date": due, **more}
        return [{**reported, "demand_reference": reference} for reference in references]

    def requirement(self, reference: str) -> str:
        return requirement_id("1710", self.item, self.source, reference)

    async def ended(self, run: PlanRunStatus) -> PlanRunStatus:
        """The run once its workflow has ended."""
        stage = await self.harness.ended(plan_workflow_id(run))
        found = await self.harness.ledger.plans.find(run.number)
        assert found is not None
        assert found.stage == stage
        return found


@asynccontextmanager
async def publishing(harness: Harness) -> AsyncIterator[Planner]:
    """A planner, and the relay that delivers the changes of its runs to the requirements."""
    app = create_app(
        harness.ledger,
        harness.entities,
        {},
        harness.policies,
        lambda _: today(),
        relay=False,
        relay_pace=RelayPace(poll_seconds=0.1),
    )
    relay = asyncio.create_task(app.state.relay.run())
    try:
        yield Planner(harness)
    finally:
        relay.cancel()
        await asyncio.wait([relay])
