"""A Worker for each system of the landscape: its own queue, rate and number of calls at a time.

Decided here: that a slow system holds nobody else back, since nothing is shared but this process; that a system in
maintenance is not asked for work, so that calls wait in its queue without an attempt being counted; that queues of
systems that have left the landscape are still worked on, so that what waits there is sent on, or says why it can't be;
and that an activity of an ERP calls another system directly only where that one's rate is above that of all ERPs
together. Not here: what is called (runtime.systems), and which queue an entity's call goes to (the entity).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from temporalio.client import Client
from temporalio.worker import Worker

from activities.aps import ApsActivities
from activities.erp import ErpActivities
from activities.ports import LedgerPort
from activities.supplier import SupplierActivities
from adapters.ports import ApsPort, SupplierPort
from canonical.coverage import CoverageReport
from canonical.landscape import ORDERING, Domain, SystemKind
from canonical.order import OrderDocument
from landscape.snapshot import Landscape
from runtime.activities import activities_of
from runtime.systems import ChannelsOfSuppliers, PlanningOfPlants, PooledErp, SystemPool
from workflows import queues

CALLS_AN_ACTIVITY = 5
"""The calls to an ERP that an activity makes at most, as a rule. Every call waits for a slot (adapters.pace), as those
for master data do; starting no more activities than the rate serves keeps the waiting out of them.
"""
LOOK_EVERY_SECONDS = 1.0
_KINDS = (*ORDERING, SystemKind.SUPPLIER, SystemKind.PLANNING)
"""Those that entities call through a queue."""

log = logging.getLogger("pegline.systems")


class QueueRate(NamedTuple):
    """How a system's queue is worked on."""

    kind: SystemKind
    per_second: float
    """Activities a second, over all workers."""
    at_once: int


class SystemWorkers:
    """Keeps the Workers of all systems as the landscape has it."""

    def __init__(
        self,
        client: Client,
        queue: str,
        pool: SystemPool,
        ledger: LedgerPort,
        options: Mapping[str, Any],
        known: Callable[[Landscape], Awaitable[Mapping[str, str]]],
    ) -> None:
        """`known`: records a landscape, and gives all systems that there ever were, with their kinds."""
        self._client, self._queue, self._pool, self._ledger = client, queue, pool, ledger
        self._options, self._known = options, known
        self._running: dict[str, tuple[QueueRate, Worker, asyncio.Task[None]]] = {}
        self._version = ""
        self._systems: Mapping[str, str] = {}

    async def fit(self) -> None:
        """Start, replace and stop Workers, so that they are what the landscape and the hour ask for."""
        landscape = self._pool.landscape
        if landscape.version != self._version:
            self._systems = await self._known(landscape)
            self._version = landscape.version
        wanted = self._wanted(landscape)
        gone = [name for name, (rate, _, _) in self._running.items() if wanted.get(name) != rate]
        await asyncio.gather(*(self._stop(name) for name in gone))
        for name, rate in wanted.items():
            if name not in self._running:
                self._start(name, rate)

    async def keep(self) -> None:
        """Fit every second, until cancelled. Raises what ends a Worker by itself, and nothing else."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            for _, _, task in self._running.values():
                if task.done():
                    task.result()
                    raise RuntimeError("a system's worker has ended by itself")
            try:
                await self.fit()
            except Exception as error:
                log.error("the workers could not be fitted to the landscape, and go on as they are: %s", error)

    @property
    def served(self) -> frozenset[str]:
        """The systems whose queues are worked on now."""
        return frozenset(self._running)

    async def stop(self) -> None:
        """Stop all Workers."""
        await asyncio.gather(*(self._stop(name) for name in list(self._running)))

    def _wanted(self, landscape: Landscape) -> dict[str, QueueRate]:
        rates = queue_rates(landscape)
        idle = {notice.system for notice in self._pool.book.maintenance()}
        retired = {
            name: QueueRate(SystemKind(kind), 1.0, 5)
            for name, kind in self._systems.items()
            if name not in rates and kind in _KINDS
        }
        return {name: rate for name, rate in (retired | rates).items() if name not in idle}

    def _start(self, name: str, rate: QueueRate) -> None:
        worker = Worker(
            self._client,
            task_queue=queues.counterpart_queue(self._queue, name),
            activities=activities_of(self._activities(name, rate.kind)),
            max_task_queue_activities_per_second=rate.per_second,
            max_concurrent_activities=rate.at_once,
            **self._options,
        )
        log.info("system %s is served: %g activities a second, %d at once", name, rate.per_second, rate.at_once)
        self._running[name] = rate, worker, asyncio.get_running_loop().create_task(worker.run())

    async def _stop(self, name: str) -> None:
        _, worker, task = self._running.pop(name)
        log.info("system %s is not served any more, or otherwise", name)
        await worker.shutdown()
        await asyncio.gather(task, return_exceptions=True)

    def _activities(self, name: str, kind: SystemKind) -> object:
        match kind:
            case SystemKind.ERP | SystemKind.PROCUREMENT:
                return ErpActivities(
                    PooledErp(self._pool, name),
                    self._ledger,
                    self._channel_beside,
                    self._planning_beside,
                    system=name,
                    landscape=self._pool.book,
                )
            case SystemKind.SUPPLIER:
                return SupplierActivities(ChannelsOfSuppliers(self._pool), self._ledger)
            case _:
                return ApsActivities(PlanningOfPlants(self._pool), self._ledger)

    def _channel_beside(self, document: OrderDocument) -> SupplierPort | None:
        """The supplier's channel, where an ERP's activity may call it directly."""
        channel = self._pool.landscape.channel(document.plant, document.supplier)
        if channel is None or not self._beside(channel.system):
            return None
        return ChannelsOfSuppliers(self._pool)

    def _planning_beside(self, report: CoverageReport) -> ApsPort | None:
        """The plant's planning system, where an ERP's activity may call it directly."""
        system = self._pool.landscape.owner(Domain.COVERAGE, report.plant)
        return PlanningOfPlants(self._pool) if system is not None and self._beside(system) else None

    def _beside(self, system: str) -> bool:
        return beside(self._pool.landscape, system) and not self._pool.book.maintenance([system])


def queue_rates(landscape: Landscape) -> dict[str, QueueRate]:
    """How each system's queue is worked on; a system that ERPs' activities call directly keeps the rest of its rate."""
    rates = {}
    of_erps = _rate_of_erps(landscape)
    for name, system in landscape.systems.items():
        if not system.dialect:
            continue
        if system.kind in ORDERING:
            rates[name] = QueueRate(system.kind, system.rate / CALLS_AN_ACTIVITY, system.at_once)
        elif system.kind in _KINDS:
            left = system.rate - of_erps if beside(landscape, name) else system.rate
            rates[name] = QueueRate(system.kind, left, system.at_once)
    return rates


def beside(landscape: Landscape, system: str) -> bool:
    """Whether ERPs' activities may call the system directly: their rates then limit its calls as well."""
    return landscape.systems[system].rate > _rate_of_erps(landscape)


def _rate_of_erps(landscape: Landscape) -> float:
    """The activities a second of all ERPs."""
    return sum(system.rate / CALLS_AN_ACTIVITY for system in landscape.ordering.values())


__all__ = ["CALLS_AN_ACTIVITY", "QueueRate", "SystemWorkers", "beside", "queue_rates"]
