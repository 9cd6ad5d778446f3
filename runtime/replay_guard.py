"""Replays a sample of open runs with the code of this process, before it serves them.

A run whose history this code would not have written stops at its next task, silently. So a version that would get runs
of another one tries some of them first: of each workflow type the oldest, which most versions have come after, and
the longest, which went most ways. A sample proves nothing about the others; an alert watches them (deploy/alerts.yml).
"""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.client import Client, WorkflowExecution, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer, WorkflowRunner

from runtime.temporal import RUNNER, WORKFLOWS, temporal_plugin

CANDIDATES = 10
"""Runs of a type that are looked at from either end of time."""
OLDEST, LONGEST = 2, 3
"""Runs of a type that are replayed."""
_TOGETHER = 8
"""Calls to the server at the same time."""
_OLDEST_RUN = timedelta(days=20 * 365)

Found = TypeVar("Found")
log = logging.getLogger("pegline.replay")


@dataclass(frozen=True)
class ReplayOutcome:
    """What the sample shows."""

    replayed: int
    failed: Mapping[str, str]
    """The reason by workflow type and id, of runs that this code can't go on with."""


async def replay_sample(
    client: Client, query: str, runner: WorkflowRunner = RUNNER, workflows: Sequence[type] = WORKFLOWS
) -> ReplayOutcome:
    """Replay some of the open runs that the visibility query finds. Raises RPCError."""
    began = time.monotonic()
    runs = [run for kind in workflows for run in await _sample(client, f"{query} AND WorkflowType = '{_name(kind)}'")]
    histories = [history for history in await _together([_history(client, run) for run in runs]) if history]
    failed = await _replay(histories, workflows, runner)
    log.info("replayed %d open runs in %.1f s, %d failed", len(histories), time.monotonic() - began, len(failed))
    return ReplayOutcome(len(histories), failed)


async def _sample(client: Client, query: str) -> list[WorkflowExecution]:
    newest = await _page(client, query)
    oldest = newest if len(newest) < CANDIDATES else await _oldest(client, query)
    candidates = list({run.run_id: run for run in [*oldest, *newest]}.values())
    lengths = await _together([_length(client, run) for run in candidates])
    by_length = sorted(zip(lengths, candidates, strict=True), key=lambda pair: -pair[0])
    chosen = [*oldest[-OLDEST:], *(run for _, run in by_length[:LONGEST])]
    return list({run.run_id: run for run in chosen}.values())


async def _oldest(client: Client, query: str) -> list[WorkflowExecution]:
    """The oldest runs; the server lists the newest first, so that a time must be found before which few began."""
    began_by, nobody_by = datetime.now(UTC), datetime.now(UTC) - _OLDEST_RUN
    page: list[WorkflowExecution] = []
    for _ in range(50):
        between = nobody_by + (began_by - nobody_by) / 2
        found = await _page(client, f"{query} AND StartTime < '{between.isoformat()}'")
        if found:
            page, began_by = found, between
            if len(found) < CANDIDATES:
                break
        else:
            nobody_by = between
    return page


async def _page(client: Client, query: str) -> list[WorkflowExecution]:
    return [run async for run in client.list_workflows(query, limit=CANDIDATES, page_size=CANDIDATES)]


async def _length(client: Client, run: WorkflowExecution) -> int:
    """The events of a run; a list does not tell them while it is open. 0: it has ended and is gone."""
    try:
        return (await client.get_workflow_handle(run.id, run_id=run.run_id).describe()).history_length
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return 0
        raise


async def _history(client: Client, run: WorkflowExecution) -> WorkflowHistory | None:
    """The run's history; None where no task was completed yet, so that nothing can be replayed."""
    try:
        history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    decided = any(event.HasField("workflow_task_completed_event_attributes") for event in history.events)
    return history if decided else None


async def _replay(
    histories: Sequence[WorkflowHistory], workflows: Sequence[type], runner: WorkflowRunner
) -> Mapping[str, str]:
    async def each() -> AsyncIterator[WorkflowHistory]:
        for history in histories:
            yield history

    if not histories:
        return {}
    # debug_mode: on a busy machine a slow replay is no deadlock.
    replayer = Replayer(workflows=workflows, plugins=[temporal_plugin(runner)], build_id="replay", debug_mode=True)
    failures = (await replayer.replay_workflows(each(), raise_on_replay_failure=False)).replay_failures
    return {
        f"{_type(history)} {history.workflow_id}": _reason(failures[history.run_id])
        for history in histories
        if history.run_id in failures
    }


async def _together(calls: Sequence[Awaitable[Found]]) -> list[Found]:
    at_once = asyncio.Semaphore(_TOGETHER)

    async def one(call: Awaitable[Found]) -> Found:
        async with at_once:
            return await call

    return list(await asyncio.gather(*map(one, calls)))


def _reason(failure: Exception) -> str:
    """The SDK's sentence, without the protocol around it."""
    found = re.search(r'message: "((?:[^"\\]|\\.)*)"', str(failure))
    return (found[1] if found else str(failure))[:300]


def _type(history: WorkflowHistory) -> str:
    return history.events[0].workflow_execution_started_event_attributes.workflow_type.name


def _name(kind: type) -> str:
    return workflow._Definition.must_from_class(kind).name or kind.__name__
