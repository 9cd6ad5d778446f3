"""Everything that ran on a queue, and how it is decided again."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from types import MappingProxyType

from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer, WorkflowRunner

from runtime.temporal import RUNNER, STRICT_RUNNER, WORKFLOWS, temporal_plugin

RUNNERS = MappingProxyType({"production": RUNNER, "strict": STRICT_RUNNER})
"""What the product decides by: workers, and tests."""


async def runs_of(client: Client, workflow_id: str, run_id: str | None = None) -> list[WorkflowHistory]:
    """The history of a run, the present one by default, and of each that continued as new into it; the oldest first."""
    runs: list[WorkflowHistory] = []
    while run_id != "":
        runs.append(await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history())
        run_id = runs[-1].events[0].workflow_execution_started_event_attributes.continued_execution_run_id
    return runs[::-1]


async def runs_on(client: Client, queue: str, also: Iterable[str] = ()) -> list[WorkflowHistory]:
    """The history of every run on the queue that has begun, in the order of their beginning.

    `also`: workflows that are known to have run there; the server lists what has just begun a moment late.
    """
    found: dict[str, WorkflowHistory] = {}
    for workflow_id in also:
        found |= {run.run_id: run for run in await runs_of(client, workflow_id)}
    async for each in client.list_workflows(f"TaskQueue = '{queue}'"):
        if each.run_id not in found:
            found |= {run.run_id: run for run in await runs_of(client, each.id, each.run_id)}
    begun = [run for run in found.values() if has_begun(run)]
    return sorted(begun, key=lambda run: run.events[0].event_time.ToNanoseconds())


def type_of(run: WorkflowHistory) -> str:
    """The name of the workflow type of a run."""
    return run.events[0].workflow_execution_started_event_attributes.workflow_type.name


def has_begun(run: WorkflowHistory) -> bool:
    """A run that has not had its first task yet can't be replayed: the replayer would wait for one."""
    return any(event.HasField("workflow_task_completed_event_attributes") for event in run.events)


async def replay(histories: Sequence[WorkflowHistory], runner: WorkflowRunner) -> Mapping[str, Exception]:
    """Decide the runs again, all by one replayer, since each starts a worker of its own; by run what failed."""

    async def each() -> AsyncIterator[WorkflowHistory]:
        for history in histories:
            yield history

    if not histories:
        return {}
    replayer = Replayer(workflows=WORKFLOWS, plugins=[temporal_plugin(runner)], build_id="replay", debug_mode=True)
    results = await replayer.replay_workflows(each(), raise_on_replay_failure=False)
    return results.replay_failures
