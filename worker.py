"""The worker: settings → adapters → activities → one Worker per queue. The composition root of the engine.

    python worker.py

runs until SIGINT or SIGTERM. The work of a killed worker is taken over by another one within seconds.
"""

import asyncio
import inspect
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import httpx
from temporalio import activity
from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.worker import Worker, WorkflowRunner

from activities.aps import ApsActivities
from activities.erp import ErpActivities
from activities.internal import InternalActivities
from activities.plan import PlanActivities
from activities.ports import LedgerPort, PlanRunPort
from activities.supplier import SupplierActivities
from adapters.aps.rest.client import RestAps
from adapters.erp.sap.client import SapErp
from adapters.erp.sap.master import SapMasterData
from adapters.errors import AdapterError
from adapters.http import correlation, make_client
from adapters.pace import Pace
from adapters.ports import ApsPort, DuplicateSweepPort, ErpPort, MasterDataPort, PolicyPort, SupplierPort
from adapters.supplier.edifact.client import OUR_ADDRESS, EdifactSupplier
from decisions.plan_matching import NearestNeeds
from ledger.database import connect, ping
from ledger.ledger import Ledger
from policies.book import PolicyBook
from policies.days import today_at
from policies.reading import PolicyError
from policies.subscriptions import SubscriptionBook
from runtime import event_loop, logs
from runtime.directory import EntityDirectory
from runtime.duplicate_sweep import sweep_duplicates
from runtime.health import Check, serving_health
from runtime.metrics import RunMetrics, duplicates_gauge, runtime_with_metrics, stuck_runs
from runtime.replay_guard import ReplayOutcome, replay_sample
from runtime.rollout import CannotReplay, Rollout
from runtime.telemetry import exporting
from runtime.temporal import RUNNER, WORKFLOWS, connect_temporal, deployment, version_of_this_code
from settings import Counterpart, ReplayGuard, SettingsError, WorkerSettings
from workflows import queues

TASK_SECONDS = 30
"""How long a workflow task may compute before it counts as deadlocked (SDK default: 2; docs/adr/0021)."""

CALLS_AN_ACTIVITY = 5
"""The calls to the ERP that an activity makes at most, as a rule. Every call waits for a slot (adapters.pace), as those
for master data do; starting no more activities than the rate serves keeps the waiting out of them.
"""

MASTER_DATA_SECONDS = 120.0
"""How old the master data behind an assessment may be."""

CANNOT_REPLAY = 3
"""The exit code of a worker that can't go on with open runs."""

log = logging.getLogger("pegline.worker")


@dataclass(frozen=True)
class Counterparts:
    """The systems that a worker calls."""

    erp: ErpPort
    supplier: SupplierPort
    aps: ApsPort
    master_data: MasterDataPort
    duplicates: DuplicateSweepPort | None = None


@dataclass(frozen=True)
class Rates:
    """Activities per second for each counterpart, over all workers of its queue."""

    erp: float
    supplier: float
    aps: float

    def beside_erp(self, rate: float) -> bool:
        """Whether a counterpart with this rate may be called in the ERP's activity, whose rate then limits both."""
        return rate > self.erp

    def alone(self, rate: float) -> float:
        """The rate left for the counterpart's own queue, so that the total stays within its limit."""
        return rate - self.erp if self.beside_erp(rate) else rate


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
    rates: Rates | None = None,
    *,
    version: WorkerDeploymentVersion | None = None,
    workflows: Sequence[type] = WORKFLOWS,
    **options: Any,
) -> list[Worker]:
    """One Worker per queue: workflows with internal activities, and each counterpart at its own rate.

    Workers of a `version` get no work until it is current (runtime.rollout); without one they take whatever there is.
    `options` go to the workflows' worker.
    """
    every: dict[str, Any] = {
        "deployment_config": deployment(version),
        "graceful_shutdown_timeout": timedelta(seconds=5),
    }
    options = {"workflows": workflows, **every, **options}
    return [
        _deciding_worker(client, queue, ledger, counterparts, policies, options),
        *_calling_workers(client, queue, ledger, counterparts, rates, every),
    ]


def _deciding_worker(
    client: Client,
    queue: str,
    ledger: WorkersLedger,
    counterparts: Counterparts,
    policies: PolicyPort,
    options: Mapping[str, Any],
) -> Worker:
    internal = InternalActivities(ledger, EntityDirectory(client, queue), counterparts.master_data, policies)
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
    return patient(Worker(client, task_queue=queue, activities=activities, **given, **options))


def _calling_workers(
    client: Client,
    queue: str,
    ledger: WorkersLedger,
    counterparts: Counterparts,
    rates: Rates | None,
    options: Mapping[str, Any],
) -> Iterator[Worker]:
    """One worker per counterpart; the ERP's also calls the others directly where their rates allow it."""
    erp = ErpActivities(
        counterparts.erp,
        ledger,
        counterparts.supplier if rates is None or rates.beside_erp(rates.supplier) else None,
        counterparts.aps if rates is None or rates.beside_erp(rates.aps) else None,
    )
    supplier, aps = SupplierActivities(counterparts.supplier, ledger), ApsActivities(counterparts.aps, ledger)
    for name, group, rate in (
        (queues.ERP, erp, rates.erp if rates else None),
        (queues.SUPPLIER, supplier, rates.alone(rates.supplier) if rates else None),
        (queues.APS, aps, rates.alone(rates.aps) if rates else None),
    ):
        yield Worker(
            client,
            task_queue=queues.counterpart_queue(queue, name),
            activities=activities_of(group),
            max_task_queue_activities_per_second=rate,
            max_concurrent_activities=20,
            **options,
        )


def activities_of(group: object) -> list[Callable[..., Any]]:
    """The activities among an object's methods."""
    return [method for _, method in inspect.getmembers(group, callable) if activity._Definition.from_callable(method)]


@asynccontextmanager
async def reached(
    settings: WorkerSettings, now: Callable[[], datetime], policies: PolicyPort, erp_pace: Pace | None = None
) -> AsyncIterator[Counterparts]:
    """Connect to all counterparts; the HTTP clients are closed at the end."""
    today = today_at(policies.effective, now)

    def client(counterpart: Counterpart, pace: Pace | None = None) -> httpx.AsyncClient:
        return make_client(
            counterpart.base_url,
            counterpart.user,
            counterpart.password.get_secret_value(),
            settings.call_timeout_seconds,
            pace=pace,
        )

    async with AsyncExitStack() as stack:
        erp = await stack.enter_async_context(client(settings.erp, erp_pace))
        edi = await stack.enter_async_context(client(settings.edi))
        aps = await stack.enter_async_context(client(settings.aps))
        sap = SapErp(
            erp,
            settle_seconds=settings.settle_seconds,
            second_create_seconds=settings.second_create_seconds,
            repeatable=settings.erp_repeatable_requests == "on",
            policies=policies,
            now=now,
        )
        yield Counterparts(
            erp=sap,
            duplicates=sap,
            supplier=EdifactSupplier(edi, sender=next(iter(settings.our_addresses), OUR_ADDRESS)),
            aps=RestAps(aps),
            master_data=SapMasterData(erp, cache_seconds=MASTER_DATA_SECONDS, policies=policies, today=today),
        )


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
        erp_pace = Pace(settings.erp_rate, lambda slots: ledger.call_slots.take("erp", slots, settings.erp_rate))
        counterparts = await stack.enter_async_context(reached(settings, now, policies, erp_pace))
        warming = asyncio.create_task(warm_up(counterparts.master_data, policies.plants))
        stack.callback(warming.cancel)
        if counterparts.duplicates is not None:
            every, today, count = settings.duplicate_sweep_seconds, lambda: now().date(), duplicates_gauge(metrics)
            sweeping = sweep_duplicates(counterparts.duplicates, every, today, count)
            stack.callback(asyncio.create_task(sweeping).cancel)
        rates = Rates(erp=settings.erp_rate / CALLS_AN_ACTIVITY, supplier=settings.edi_rate, aps=settings.aps_rate)
        for worker in build_workers(client, queue, ledger, counterparts, policies, rates, version=version):
            await stack.enter_async_context(worker)
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
        await stop.wait()


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
    except CannotReplay as refused:
        print(f"The worker does not serve: {refused}", file=sys.stderr)
        return CANNOT_REPLAY
    return 0


if __name__ == "__main__":
    sys.exit(event_loop.run(main()))
