"""A plant per test, with its workers running and time standing still until a story steps it.

After each story: every entity's audit events form an unbroken chain in the ledger, no workflow failed, each run is
decided again from its history, so that no story passes by luck of the cache, and every decision that was recorded is
made again from its record and comes out the same. All on the runner of the product; on the strict one, which reloads
the workflows' modules for each run, the recorded stories are decided again (tests/replay): every workflow, message and
activity is in one of them.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHistory
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import WorkflowRunner

from adapters.ports import ApsPort, ErpPort
from backtest.decision import Policies
from backtest.result import KINDS, Backtest, BacktestResult
from canonical.audit_event import AuditEvent, first_break
from ledger.database import connect
from runtime.temporal import RUNNER, temporal_plugin
from tests.conftest import FreshDatabase
from tests.replay.replaying import RUNNERS, replay, runs_on, type_of
from tests.replay.stories import keep
from tests.workflows.hanging import Hanging
from tests.workflows.harness import Harness
from tests.workflows.landscaped import Landscaped
from tests.workflows.plant import POLICY
from tools import temporal_server
from workflows.search_attributes import ALL

MakeHarness = Callable[..., Awaitable[Harness]]
"""Takes changes of the plant's policy by name; `without` names a counterpart whose worker is held back; `landscape`:
systems in memory instead of one of each kind; `erp`, `aps`: stand in the place of those in memory; `cached` 0: every
task replays its workflow from the first event on; `hanging`: local activities that hang once; `runner`: with or without
the sandbox."""


@asynccontextmanager
async def serving(cli: Path, **dynamic_config: str) -> AsyncIterator[WorkflowEnvironment]:
    """A dev server that can skip time; settings of its dynamic configuration have double underscores for dots."""
    pairs = [f"{name.replace('__', '.')}={value}" for name, value in dynamic_config.items()]
    async with await WorkflowEnvironment.start_time_skipping_v2(
        plugins=[temporal_plugin()],
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

        async def make(
            *,
            without: str = "",
            cached: int = 100,
            hanging: Sequence[str] = (),
            landscape: Landscaped | None = None,
            erp: ErpPort | None = None,
            aps: ApsPort | None = None,
            runner: WorkflowRunner = RUNNER,
            **policy: Any,
        ) -> Harness:
            engine = await connect(await fresh_database())
            stack.push_async_callback(engine.dispose)
            harness = Harness(environment, engine, POLICY.model_copy(update=policy), runner)
            harness.real_erp, harness.real_aps = erp, aps
            options = {"max_cached_workflows": cached, "interceptors": [Hanging(*hanging)]}
            if landscape is not None:
                await stack.enter_async_context(landscape.serving(harness, **options))
            for worker in harness.workers(**options) if landscape is None else ():
                if without and worker.task_queue.endswith(f"-{without}"):
                    harness.held_back.append(worker)
                else:
                    await stack.enter_async_context(worker)
            harnesses.append(harness)
            return harness

        with environment.with_time_skipping_disabled():
            yield make
            for harness in harnesses:
                if record:
                    await come_to_rest(harness)
                runs = await check_what_is_left(harness)
                if record:
                    await keep(record, runs)


@pytest.fixture
def record_as(request: pytest.FixtureRequest) -> str:
    """The name under which the story is to be recorded; empty: it is not."""
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


@pytest.fixture(scope="session")
async def restless_env(temporal_cli: Path) -> AsyncIterator[WorkflowEnvironment]:
    """A server that suggests to continue as new after a dozen events, where others wait for thousands."""
    async with serving(temporal_cli, limit__historyCount__suggestContinueAsNew="12") as environment:
        yield environment


@pytest.fixture
async def restless(
    restless_env: WorkflowEnvironment, fresh_database: FreshDatabase, record_as: str
) -> AsyncIterator[Harness]:
    async with telling(restless_env, fresh_database, record_as) as make:
        yield await make()


async def check_what_is_left(harness: Harness) -> list[WorkflowHistory]:
    """What must be so at the end of any story; the histories of all that ran."""
    decided = Backtest(Policies(harness.policies.effective), Policies(harness.policies.effective), lambda _: None)
    entities = await harness.entities_recorded()
    for entity in entities:
        audit_events = await harness.ledger.reads.audit_events([entity])
        assert first_break(audit_events) is None, f"{entity}: {[audit_event.kind for audit_event in audit_events]}"
        for audit_event in audit_events:
            if audit_event.kind in KINDS:
                decided.take(audit_event)
            assert harness.defects_expected or not tells_of_defect(audit_event), f"{entity}: {audit_event.data}"
        status = (await harness.handle(entity).describe()).status
        if status not in (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CANCELED):
            await harness.ended(entity)
    runs = await runs_on(harness.client, harness.queue, entities)
    if harness.defects_expected:
        # A run that met a defect has ended there, so that code without it never has to decide it again.
        runs = [run for run in runs if not has_continued(run)]
    failed = await replay(runs, RUNNERS["production"])
    assert not failed, {f"{type_of(run)} {run.workflow_id}": failed.get(run.run_id) for run in runs}
    check_decisions(decided.result(), policy_changes=harness.policy_changes)
    return runs


def tells_of_defect(audit_event: AuditEvent) -> bool:
    """Whether the code of the story met a defect."""
    return audit_event.kind == "message.set_aside" or str(audit_event.data.get("call", "")).startswith("defect.")


def has_continued(run: WorkflowHistory) -> bool:
    """Whether the run has ended by continuing as new."""
    return run.events[-1].HasField("workflow_execution_continued_as_new_event_attributes")


async def come_to_rest(harness: Harness) -> None:
    """A recording ends where nothing is under way, so that it is the same however fast the story ran."""
    for entity in await harness.entities_recorded():
        if (await harness.handle(entity).describe()).status is WorkflowExecutionStatus.RUNNING:
            await harness.until(partial(harness.at_rest, entity))


def check_decisions(again: BacktestResult, *, policy_changes: bool) -> None:
    """Every decision can be made again from what was recorded, and comes out the same under the policy that made it."""
    assert again.not_comparable == again.caveats == {}
    assert again.control.unexplained == 0, again.control.examples
    assert policy_changes or not again.control.policy_changed, again.control.policy_changed
