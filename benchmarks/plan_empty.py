"""The baseline of the first load: an empty workflow, started as fast as one process can and run by another.

python -m benchmarks.plan_empty        its worker, as the benchmark runs it
"""

import asyncio
import sys
import time
from datetime import timedelta

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from settings import ToolSettings

QUEUE = "bench-empty"
READY = "empty worker ready"


@workflow.defn(name="Empty")
class Empty:
    """Nothing."""

    @workflow.run
    async def run(self) -> None:
        """Return at once."""


async def starts_per_second(client: Client, count: int, prefix: str, *, at_once: int) -> float:
    """Start `count` workflows, a fixed number concurrently; measured until the last start is answered."""
    places = asyncio.Semaphore(at_once)

    async def start(number: int) -> None:
        async with places:
            await client.start_workflow(
                Empty.run, id=f"{prefix}/{number}", task_queue=QUEUE, rpc_timeout=timedelta(seconds=30)
            )

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(start(number))
    return count / (time.monotonic() - began)


async def main() -> int:
    """Run the empty workflow's worker until asked to stop."""
    client = await Client.connect(**ToolSettings.load().temporal)
    async with Worker(client, task_queue=QUEUE, workflows=[Empty], workflow_runner=UnsandboxedWorkflowRunner()):
        print(READY, flush=True)
        await asyncio.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
