"""Time in the demo: the workflows' clocks are advanced, so that SLAs and lead times keep their real length."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from temporalio.client import Client
from temporalio.testing import TimeSkipper

AT_ONCE = 100
STEP_SECONDS = 2
"""A busy workflow finishes its step once it is idle again; the story need not wait for that."""


class Clocks:
    """Advances the clocks of running workflows, and counts workflows."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._skipper = TimeSkipper(client)

    async def count(self, query: str) -> int:
        """The number of workflows that a visibility query finds."""
        return (await self._client.count_workflows(query)).count

    async def step(self, query: str, by: timedelta) -> int:
        """Advance the clock of each running workflow that the query finds; returns their number."""
        found = await self._running(query)
        await self._step(found, by)
        return len(found)

    async def keep_stepping(self, query: str, by: timedelta) -> None:
        """Advance each running workflow that the query finds, now or later, once; until cancelled."""
        stepped: set[str] = set()
        while True:
            found = [each for each in await self._running(query) if each not in stepped]
            stepped.update(found)
            await self._step(found, by)
            await asyncio.sleep(0.4)

    async def _running(self, query: str) -> list[str]:
        return [each.id async for each in self._client.list_workflows(f"ExecutionStatus='Running' AND {query}")]

    async def _step(self, workflow_ids: list[str], by: timedelta) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(workflow_id: str) -> None:
            async with gate:
                with suppress(TimeoutError):
                    async with asyncio.timeout(STEP_SECONDS):
                        await self._skipper.fast_forward(self._client.get_workflow_handle(workflow_id), by)

        await asyncio.gather(*(one(workflow_id) for workflow_id in workflow_ids))
