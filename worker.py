"""The worker: settings → landscape → systems → activities → one Worker per queue. The composition root of the engine.

    python worker.py

runs until SIGINT or SIGTERM. The work of a killed worker is taken over by another one within seconds.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.worker import Worker, WorkflowRunner

from activities.aps import ApsActivities
from activities.erp import ErpActivities
from activities.internal import InternalActivities
from activities.plan import PlanActivities
from activities.ports import LedgerPort, PlanRunPort
from activities.supplier import SupplierActivities
from adapters.errors import AdapterError
from adapters.http import correlation
from adapters.ports import ApsPort, ErpPort, LandscapePort, MasterDataPort, PolicyPort, SupplierPort
from decisions.plan_matching import NearestNeeds
from landscape.reading import LandscapeError
from landscape.snapshot import Landscape
from ledger.database import connect, ping
from ledger.ledger import Ledger
from policies.book import PolicyBook
from policies.reading import PolicyError
from policies.subscriptions import SubscriptionBook
from runtime import event_loop, logs
from runtime.activities import activities_of
from runtime.directory import EntityDirectory
from runtime.duplicate_sweep import sweep_all
from runtime.health import Check, serving_health
from runtime.landscape import pool_of
from runtime.metrics import RunMetrics, duplicates_gauge, runtime_with_metrics, stuck_runs
from runtime.order_changes import OrderChanges
from runtime.replay_guard import ReplayOutcome, replay_sample
from runtime.rollout import CannotReplay, Rollout
from runtime.stock_readings import StockFollower
from runtime.system_workers import SystemWorkers
from runtime.systems import PlantsMasterData
from runtime.telemetry import exporting
from runtime.temporal import RUNNER, WORKFLOWS, connect_temporal, deployment, version_of_this_code
from settings import ReplayGuard, SettingsError, WorkerSettings
from workflows import queues

TASK_SECONDS = 30
"""How long a workflow task may compute before it counts as deadlocked (SDK default: 2; docs/adr/0021)."""

CANNOT_REPLAY = 3
"""The exit code of a worker that can't go on with open runs."""

log = logging.getLogger("pegline.worker")


@dataclass(frozen=True)
class Counterparts:
    """One system of each kind, without a landscape: for tests of stories that are not about systems."""

    erp: ErpPort
    supplier: SupplierPort
    aps: ApsPort
    master_data: MasterDataPort


class WorkersLedger(LedgerPort, Protocol):
    """The ledger, with its plan runs."""

    @property
    def plans(self) -> PlanRunPort: ...


def patient(worker: Worker) -> Worker:
    """Raise the worker's deadlock timeout, so that a stalled machine is not mistaken for a deadlock.

    A workflow interrupted as deadlocked is never released again. The SDK has no setting for the timeout; check this
    private attribute with each new version of the SDK.
    """
    tasks = worker._workflow_worker
    if tasks is not None:
        tasks._deadlock_timeout_seconds = TASK_SECONDS
    return worker


def build_workers(
    client: Client,
    queue: str,
    ledger: WorkersLedger,
    counterparts: Counterparts,
    policies: PolicyPort,
    *,
    version: WorkerDeploymentVersion | None = None,
    workflows: Sequence[type] = WORKFLOWS,
    **options: Any,
) -> list[Worker]:
    """Workers of one system of each kind, without limits to their rates; `options` go to the workflows' worker."""
    every = options_of(version)
    groups = (
        (
            queues.ERP,
            ErpActivities(counterparts.erp, ledger, lambda _: counterparts.supplier, lambda _: counterparts.aps),
        ),
        (queues.SUPPLIER, SupplierActivities(counterparts.supplier, ledger)),
        (queues.APS, ApsActivities(counterparts.aps, ledger)),
    )
    return [
        deciding_worker(
            client, queue, ledger, counterparts.master_data, policies, version=version, workflows=workflows, **options
        ),
        *(
            Worker(
                client,
                task_queue=queues.counterpart_queue(queue, name),
                activities=activities_of(group),
                max_concurrent_activities=20,
                **every,
            )
            for name, group in groups
        ),
    ]


def options_of(version: WorkerDeploymentVersion | None) -> dict[str, Any]:
    """What holds for every worker. Those of a `version` get no work until it is current (runtime.rollout); without one
    they take whatever there is.
    """
    return {"deployment_config": deployment(version), "graceful_shutdown_timeout": timedelta(seconds=5)}


def deciding_worker(
    client: Client,
    queue: str,
    ledger: WorkersLedger,
    master_data: MasterDataPort,
    policies: PolicyPort,
    landscape: LandscapePort | None = None,
    *,
    version: WorkerDeploymentVersion | None = None,
    workflows: Sequence[type] = WORKFLOWS,
    **options: Any,
) -> Worker:
    """The worker of workflows and internal activities."""
    internal = InternalActivities(ledger, EntityDirectory(client, queue), master_data, policies, landscape)
    plan = PlanActivities(ledger.plans, policies, NearestNeeds())
    given: dict[str, Any] = {
        "workflow_task_executor": ThreadPoolExecutor(max_workers=4, thread_name_prefix="workflow"),
        # No more than one core can finish in time: a task that waits too long times out and runs again.
        "max_concurrent_workflow_tasks": 20,
        "max_concurrent_local_activities": 40,
        # Tasks that wait for a killed worker go to another one after this, at the same time as its calls do
        # (CALL_HEARTBEAT). With less, tasks that only wait for a busy worker would be replayed from the start.
        "sticky_queue_schedule_to_start_timeout": timedelta(seconds=5),
    }
    activities = [*activities_of(internal), *activities_of(plan)]
    options = {"workflows": workflows, **options_of(version), **given, **options}
    return patient(Worker(client, task_queue=queue, activities=activities, **options))


async def warm_up(master_data: MasterDataPort, plants: Collection[str]) -> None:
    """Prefetch master data of whole plants, since a plan needs all their items; on failure it is read on demand."""
    try:
        await master_data.prefetch(plants)
    except AdapterError as error:
        log.warning("master data of plants %s could not be prefetched: %s", ", ".join(sorted(plants)), error)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


async def run(
    settings: WorkerSettings,
    stop: asyncio.Event,
    runner: WorkflowRunner = RUNNER,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Work until `stop` is set."""
    policies = PolicyBook(settings.policy_directory, today=lambda: now().date())
    metrics = runtime_with_metrics(settings.metrics_host, settings.metrics_port)
    client = await connect_temporal(settings, runner, metrics)
    queue = settings.task_queue_prefix
    version = version_of_this_code(queue)

    async def guard(query: str) -> ReplayOutcome:
        return await replay_sample(client, query, runner)

    rollout = Rollout(client, version, queue, guard, warn=settings.replay_guard is ReplayGuard.WARN)
    await rollout.prepare()
    engine = await connect(settings.database_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        ledger = Ledger(engine, SubscriptionBook(settings.subscriptions).present)
        pool = pool_of(settings, policies, now, lambda name, slots, rate: ledger.call_slots.take(name, slots, rate))
        stack.push_async_callback(pool.close)
        master_data = PlantsMasterData(pool)
        warming = asyncio.create_task(warm_up(master_data, policies.plants))
        stack.callback(warming.cancel)
        sweeping = sweep_all(pool, settings.duplicate_sweep_seconds, lambda: now().date(), duplicates_gauge(metrics))
        stack.callback(asyncio.create_task(sweeping).cancel)
        stack.callback(asyncio.create_task(OrderChanges(pool, ledger, now).keep()).cancel)
        stack.callback(asyncio.create_task(StockFollower(pool, ledger, policies, now).keep()).cancel)
        await stack.enter_async_context(
            deciding_worker(client, queue, ledger, master_data, policies, pool.book, version=version)
        )
        systems = SystemWorkers(client, queue, pool, ledger, options_of(version), known_systems(ledger))
        await systems.fit()
        stack.push_async_callback(systems.stop)
        keeping = asyncio.create_task(systems.keep())
        stack.callback(keeping.cancel)
        checks: dict[str, Check] = {
            "temporal": client.service_client.check_health,
            "ledger": lambda: ping(engine),
            "version": rollout.check,
        }
        figures: dict[str, Check] = {"stuck_runs": lambda: stuck_runs(client, queue)}
        await stack.enter_async_context(serving_health(settings.health_host, settings.health_port, checks, figures))
        current = await rollout.settle()
        stack.callback(asyncio.create_task(rollout.keep_settling()).cancel)
        if metrics is not None:
            counting = RunMetrics(client, queue, metrics, lambda: rollout.orphans).keep_counting()
            stack.callback(asyncio.create_task(counting).cancel)
        log.info(
            "version %s %s on queue %s for plants %s",
            version.build_id,
            "works" if current else "waits",
            queue,
            ", ".join(sorted(policies.plants)),
        )
        print(f"worker ready, process {os.getpid()}", flush=True)
        stopping = asyncio.create_task(stop.wait())
        stack.callback(stopping.cancel)
        await asyncio.wait([stopping, keeping], return_when=asyncio.FIRST_COMPLETED)
        if keeping.done():
            keeping.result()


def known_systems(ledger: Ledger) -> Callable[[Landscape], Awaitable[Mapping[str, str]]]:
    """Records each landscape that is taken up; gives all systems that there ever were."""

    async def known(landscape: Landscape) -> Mapping[str, str]:
        kinds = {name: str(system.kind) for name, system in landscape.systems.items()}
        return await ledger.landscapes.keep(landscape.version, kinds, landscape.said)

    return known


async def main(runner: WorkflowRunner = RUNNER, now: Callable[[], datetime] = utc_now) -> int:
    """Run with the settings of the environment; returns 2 if they are wrong, 3 if open runs can't be replayed."""
    try:
        settings = WorkerSettings.load()
    except SettingsError as error:
        print(f"The worker can't start:\n{error}", file=sys.stderr)
        return 2
    logs.configure(settings.log_format, settings.log_level, correlation)
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    try:
        with exporting("pegline-worker", settings.otlp_endpoint):
            await run(settings, stop, runner, now)
    except PolicyError as error:
        print(f"The worker can't start; its policies are faulty:\n{error}", file=sys.stderr)
        return 2
    except LandscapeError as error:
        print(f"The worker can't start; its landscape is faulty:\n{error}", file=sys.stderr)
        return 2
    except CannotReplay as refused:
        print(f"The worker does not serve: {refused}", file=sys.stderr)
        return CANNOT_REPLAY
    return 0


if __name__ == "__main__":
    sys.exit(event_loop.run(main()))
