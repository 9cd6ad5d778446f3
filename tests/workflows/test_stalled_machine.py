"""A machine that stalls in the middle of a workflow task costs time and nothing else."""

import time
import uuid
from typing import Any

from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.workflows.harness import Harness
from worker import TASK_SECONDS, patient


@workflow.defn
class Stalls:
    @workflow.run
    async def run(self) -> str:
        time.sleep(2.5)  # noqa: ASYNC251 (as long as a halted machine: longer than the SDK would wait)
        return "done"


async def test_a_task_that_takes_longer_than_the_sdk_would_wait_is_finished(temporal_env: WorkflowEnvironment) -> None:
    queue = f"stalls-{uuid.uuid4()}"
    stock = Worker(
        temporal_env.client, task_queue=queue, workflows=[Stalls], workflow_runner=UnsandboxedWorkflowRunner()
    )
    async with patient(stock):
        handle = await temporal_env.client.start_workflow(Stalls.run, id=queue, task_queue=queue)
        assert await handle.result() == "done"
    failed = [
        event
        async for event in handle.fetch_history_events()
        if event.event_type is EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]
    assert failed == []


async def test_pegline_s_own_workers_are_as_patient(harness: Harness) -> None:
    harness.queue = f"patient-{uuid.uuid4()}"  # a second worker of the same queue and client is refused
    deciding: list[Any] = [worker._workflow_worker for worker in harness.workers() if worker._workflow_worker]
    assert [tasks._deadlock_timeout_seconds for tasks in deciding] == [TASK_SECONDS]
