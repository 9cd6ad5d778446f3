"""Workflows on another day: their clock is whole days ahead, their timers and replays are as always."""

import datetime as dt

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from demo.another_day import AnotherDayRunner, clock
from runtime.temporal import temporal_plugin

AHEAD = dt.timedelta(days=400)


@workflow.defn
class TellsTheTime:
    @workflow.run
    async def run(self) -> list[dt.datetime]:
        first = workflow.now()
        await workflow.sleep(0.2)
        return [first, workflow.now()]


@pytest.mark.parametrize("ahead", [AHEAD, -AHEAD], ids=["ahead", "behind"])
async def test_a_workflow_s_clock_is_ahead_and_its_timers_take_as_long_as_they_do(
    temporal_env: WorkflowEnvironment, ahead: dt.timedelta
) -> None:
    queue, plugin = f"another-day-{ahead.days}", temporal_plugin(AnotherDayRunner(ahead))
    config = temporal_env.client.config()
    config["plugins"] = [plugin]
    client = Client(**config)
    before = clock(ahead)()
    async with Worker(client, task_queue=queue, workflows=[TellsTheTime]):
        handle = await client.start_workflow(TellsTheTime.run, id=queue, task_queue=queue)
        first, second = await handle.result()
    assert before - dt.timedelta(seconds=1) <= first < second <= clock(ahead)() + dt.timedelta(seconds=1)
    assert second - first < dt.timedelta(seconds=30)
    replayer = Replayer(workflows=[TellsTheTime], plugins=[plugin])
    assert (await replayer.replay_workflow(await handle.fetch_history())).replay_failure is None
