"""The systems of a landscape file in memory, each with books of its own, served as in production."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from adapters.dialects import CheckResult, Connection, Dialects, ErpSystem, PlanningSystem, SupplierChannel
from canonical.policy import PlantPolicy
from landscape.book import LandscapeBook
from runtime.system_workers import SystemWorkers
from runtime.systems import PlantsMasterData, SystemPool
from tests.workflows.fakes import FakeErp
from tests.workflows.harness import Harness
from worker import deciding_worker, known_systems, options_of


class NoCheck:
    """These systems need none."""

    async def check(self) -> AsyncIterator[CheckResult]:
        results: tuple[CheckResult, ...] = ()
        for result in results:
            yield result


class Landscaped(Dialects):
    """The dialect `memory` for each kind of system; ERPs by name, and the plant's supplier and planning system."""

    def __init__(self, path: Path, text: str) -> None:
        super().__init__()
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "erps", defaultdict(FakeErp))
        object.__setattr__(self, "hours", 0)
        path.write_text(text)

    path: Path
    erps: defaultdict[str, FakeErp]
    harness: Harness
    workers: SystemWorkers
    hours: int
    """How far the clock of maintenance is ahead."""

    def write(self, text: str) -> None:
        """A person edits the landscape."""
        self.path.write_text(text)

    def pass_hours(self, hours: int) -> None:
        """The clock of maintenance goes on."""
        object.__setattr__(self, "hours", self.hours + hours)

    def erp(self, name: str) -> Any:
        return self

    channel = planning = erp

    def connect(self, connection: Connection) -> Any:
        harness, name = self.harness, connection.system
        if name.startswith("erp-"):
            return ErpSystem(self.erps[name], harness.master_data, None, NoCheck())
        if name.startswith("edi"):
            return SupplierChannel(harness.supplier, None, NoCheck())
        return PlanningSystem(harness.aps, NoCheck())

    def plant(self, plant: str, item: str) -> None:
        """Another plant with the policy of the first keeps an item of it."""
        policy: PlantPolicy = self.harness.policy.model_copy(update={"plant": plant, "version": f"test-{plant}"})
        self.harness.policies.by_plant[plant] = policy
        held = self.harness.master_data.items
        held[plant, item] = held["1710", item].model_copy(update={"plant": plant})

    @asynccontextmanager
    async def serving(self, harness: Harness, **options: Any) -> AsyncIterator[None]:
        """Work, with a Worker for each system, as worker.py composes it."""
        object.__setattr__(self, "harness", harness)
        book = LandscapeBook(self.path, now=lambda: datetime.now(UTC) + timedelta(hours=self.hours))
        pool = SystemPool(
            book, self, harness.policies, lambda name, system, pace: httpx.AsyncClient(), lambda: datetime.now(UTC)
        )
        options.setdefault("workflow_failure_exception_types", [Exception])
        deciding = deciding_worker(
            harness.client, harness.queue, harness.ledger, PlantsMasterData(pool), harness.policies, book, **options
        )
        systems = SystemWorkers(
            harness.client, harness.queue, pool, harness.ledger, options_of(None), known_systems(harness.ledger)
        )
        object.__setattr__(self, "workers", systems)
        async with deciding:
            await systems.fit()
            keeping = asyncio.create_task(systems.keep())
            try:
                yield
            finally:
                keeping.cancel()
                await systems.stop()
                await pool.close()
