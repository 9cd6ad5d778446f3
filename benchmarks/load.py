"""How a round is run: needs go in at the gateway, and the clock stops when the last requirement has ended."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio.client import WorkflowExecutionStatus

from benchmarks.ground import Side

BATCH = "application/cloudevents-batch+json"
SINGLE = "application/cloudevents+json"
BATCH_SIZE = 50
"""As the planning simulator publishes."""
SENDERS = 16
TIMEOUT_SECONDS = 180
"""Without any progress: a slow machine may take long, but a stalled round has failed."""


class RoundFailed(Exception):
    """A round did not finish; the message says how far it got."""


@dataclass(frozen=True)
class Round:
    """The needs of one round, on one side."""

    side: Side
    started_at: datetime
    count: int

    async def ended(self) -> int:
        """How many of its requirements have completed."""
        return await self._count("ExecutionStatus='Completed'")

    async def _count(self, condition: str) -> int:
        query = f"WorkflowType='{self.side.workflow}' AND StartTime >= '{self.started_at.isoformat()}' AND {condition}"
        return (await self.side.client.count_workflows(query)).count

    async def finish(self) -> datetime:
        """Wait until all have ended; returns when the last one did."""
        await reach(self.count, self.ended, f"{self.side.name}: requirements that have ended")
        query = f"WorkflowType='{self.side.workflow}' AND StartTime >= '{self.started_at.isoformat()}'"
        last = self.started_at
        async for found in self.side.client.list_workflows(query, page_size=1000):
            assert found.status is WorkflowExecutionStatus.COMPLETED, found.id
            assert found.close_time is not None
            last = max(last, found.close_time)
        return last


async def reach(wanted: int, count: Callable[[], Awaitable[int]], what: str) -> None:
    """Wait until the count is reached. Raises RoundFailed where it stalls for too long."""
    counted, deadline = -1, 0.0
    while (now := await count()) < wanted:
        if now != counted:
            counted, deadline = now, time.monotonic() + TIMEOUT_SECONDS
        elif time.monotonic() > deadline:
            raise RoundFailed(f"{what}: {now} of {wanted}, and none more for {TIMEOUT_SECONDS} s")
        await asyncio.sleep(0.5)


async def send_batches(side: Side, events: Sequence[dict[str, Any]]) -> Round:
    """Send needs as the planning system does: in batches, one after the other."""
    started = datetime.now(UTC)
    for first in range(0, len(events), BATCH_SIZE):
        await _post(side, list(events[first : first + BATCH_SIZE]), BATCH)
    return Round(side, started, len(events))


async def send_singly(side: Side, events: Sequence[dict[str, Any]]) -> Round:
    """Send each need by its own call, with several senders in parallel."""
    started, left = datetime.now(UTC), list(reversed(events))

    async def sender() -> None:
        while left:
            await _post(side, left.pop(), SINGLE)

    await asyncio.gather(*(sender() for _ in range(SENDERS)))
    return Round(side, started, len(events))


async def send_paced(side: Side, events: Sequence[dict[str, Any]], per_second: float) -> Round:
    """Send each need by its own call, at a fixed rate, however long the responses take."""
    started, first, calls = datetime.now(UTC), time.monotonic(), []
    for number, event in enumerate(events):
        await asyncio.sleep(max(0.0, first + number / per_second - time.monotonic()))
        calls.append(asyncio.create_task(_post(side, event, SINGLE)))
    await asyncio.gather(*calls)
    return Round(side, started, len(events))


async def _post(side: Side, body: Any, content_type: str) -> None:
    answer = await side.gateway.post("/v1/events", json=body, headers={"Content-Type": content_type})
    if answer.status_code >= 300:
        raise RoundFailed(f"{side.name}: {answer.status_code} {answer.text[:500]}")


async def set_pace(side: Side, receive_after: float | None) -> None:
    """Set how long after the coverage report to APS goods arrive; None: never."""
    (await side.counterparts.post("/bench/pace", json={"receive_after": receive_after})).raise_for_status()


async def progress(side: Side) -> dict[str, Any]:
    """The progress that the side's counterparts have observed."""
    seen: dict[str, Any] = (await side.counterparts.get("/bench/progress")).json()
    return seen
