"""A world per test, with its workers running and time standing still until a story steps it.

After each story: every entity's audit events form an unbroken chain in the ledger, no workflow failed, each history
replays
as it was recorded, so that no story passes by luck of the cache, and every decision that was recorded is decided again
from its record and comes out the same.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from backtest.decision import Policies
from backtest.result import KINDS, Backtest, BacktestResult
from canonical.audit_event import first_break
from ledger.database import connect
from tests.conftest import FreshDatabase
from tests.workflows.harness import Harness
from tests.workflows.plant import POLICY
from tools import temporal_server
from workflows.search_attributes import ALL

HISTORIES = Path(__file__).parent.parent / "replay" / "histories"
MakeHarness = Callable[..., Awaitable[Harness]]
"""Takes changes of the plant's policy by name; `without` names a counterpart whose worker is held back;
`cached` 0: every task replays its workflow from the first event on; `hanging`: local activities that hang once."""


@asynccontextmanager
async def serving(cli: Path, **dynamic_config: str) -> AsyncIterator[WorkflowEnvironment]:
    """A dev server that can skip time; settings of its dynamic configuration have double underscores for dots."""
    pairs = [f"{name.replace('__', '.')}={value}" for name, value in dynamic_config.items()]
    async with await WorkflowEnvironment.start_time_skipping_v2(
        data_converter=pydantic_data_converter,
        search_attributes=ALL,
        dev_server_existing_path=str(cli),
        dev_server_extra_args=[
            *temporal_server.SQLITE_ARGUMENTS,
            *temporal_server.TIME_SKIPPING_ARGUMENTS,
            *(argument for pair in pairs for argument in ("--dynamic-config-value", pair)),
        ],
        dev_server_startup_timeout=timedelta(seconds=60),
    ) as environment:
        yield environment


@asynccontextmanager
async def telling(
    environment: WorkflowEnvironment, fresh_database: FreshDatabase, record: str = ""
) -> AsyncIterator[MakeHarness]:
    """Makes worlds on a server; at the end of the story, what must be so of any is checked.

    `record`: the name under which the histories of all that ran are kept for tests/replay.
    """
    async with AsyncExitStack() as stack:
        harnesses: list[Harness] = []

        async def make(*, without: str = "", cached: int = 100, **policy: Any) -> Harness:
            engine = await connect(await fresh_database())
            stack.push_async_callback(engine.dispose)
            harness = Harness(environment, engine, POLICY.model_copy(update=policy))
            for worker in harness.workers(max_cached_workflows=cached):
                if without and worker.task_queue.endswith(f"-{without}"):
                    harness.held_back.append(worker)
                else:
                    await stack.enter_async_context(worker)
            harnesses.append(harness)
            return harness

        with environment.with_time_skipping_disabled():
            yield make
            for harness in harnesses:
                await check_what_is_left(harness)
                if record:
                    await record_histories(harness, record)


@pytest.fixture
async def make_harness(
    request: pytest.FixtureRequest, temporal_env: WorkflowEnvironment, fresh_database: FreshDatabase
) -> AsyncIterator[MakeHarness]:
    recorded = request.node.get_closest_marker("recorded")
    return str(recorded.args[0]) if recorded and request.config.getoption("--record-histories") else ""


@pytest.fixture
async def make_harness(
    temporal_env: WorkflowEnvironment, fresh_database: FreshDatabase, record_as: str
) -> AsyncIterator[MakeHarness]:
    async with telling(temporal_env, fresh_database, record_as) as make:
        yield make


@pytest.fixture
async def harness(make_harness: MakeHarness) -> Harness:
    return await make_harness()


async def check_what_is_left(harness: Harness) -> None:
    """What must be so at the end of any story."""
    histories: list[WorkflowHistory] = []
    decided = Backtest(Policies(harness.policies.effective), Policies(harness.policies.effective), lambda _: None)
    for entity in await harness.entities_recorded():
        audit_events = await harness.ledger.reads.audit_events([entity])
        assert first_break(audit_events) is None, f"{entity}: {[audit_event.kind for audit_event in audit_events]}"
        for audit_event in audit_events:
            if audit_event.kind in KINDS:
                decided.take(audit_event)
        if (await harness.handle(entity).describe()).status is not WorkflowExecutionStatus.RUNNING:
            await harness.ended(entity)
        history = await harness.handle(entity).fetch_history()
        if any(event.HasField("workflow_task_completed_event_attributes") for event in history.events):
            # A run that has not had its first task yet can't be replayed: the replayer would wait for one.
            histories.append(history)
    await replay(harness, histories)
    check_decisions(decided.result(), policy_changes=harness.policy_changes)


async def replay(harness: Harness, histories: Sequence[WorkflowHistory]) -> None:
    """Decide every recorded history again, all by one replayer: each starts a worker of its own."""
    if not histories:
        return

    async def each() -> AsyncIterator[WorkflowHistory]:
        for history in histories:
            yield history

    replayer = Replayer(
        workflows=WORKFLOWS,
        workflow_runner=UnsandboxedWorkflowRunner(),
        data_converter=harness.client.data_converter,
        debug_mode=True,
    )
    await replayer.replay_workflows(each(), raise_on_replay_failure=True)


def check_decisions(again: BacktestResult, *, policy_changes: bool) -> None:
    """Every decision can be made again from what was recorded, and comes out the same under the policy that made it."""
    assert again.not_comparable == again.caveats == {}
    assert again.control.unexplained == 0, again.control.examples
    assert policy_changes or not again.control.policy_changed, again.control.policy_changed


async def record_histories(harness: Harness, name: str) -> None:
    """Keep the first entity of each kind of a story for tests/replay."""
    kept: set[str] = set()
    for entity in sorted(await harness.entities_recorded(), key=str):
        kind = entity.partition("/")[0]
        if kind not in kept:
            kept.add(kind)
            history = await harness.handle(entity).fetch_history()
            (HISTORIES / f"{kind}-{name}.json").write_text(history.to_json() + "\n")
