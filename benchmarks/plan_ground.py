"""The test bed of plan runs: all programs of the demo, each a process, with the CPU cost of each.

Decided here: which servers, and how a run is sent and waited for. Not here: what is measured (plan_runs).
"""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from benchmarks.plan_empty import READY
from benchmarks.plan_lines import PLANT
from demo.stage import Stage, caller, stage
from ledger.database import connect
from settings import environment_for_child
from tools.processes import Program

SOURCE = "aps-bench"
_POLL_SECONDS = 0.2
_CONSOLIDATION_MINUTES = 1
_DECIDED = "SELECT count(*) FROM requirement WHERE position IS NOT NULL"
_BUSY = """
SELECT (SELECT count(*) FROM consolidation_batch WHERE closed_at IS NULL)
     + (SELECT count(*) FROM audit_event WHERE recorded_at > now() - make_interval(secs => :seconds))
"""


@dataclass(frozen=True)
class PlanGround:
    """All running programs, and access to them."""

    stage: Stage
    gateway: httpx.AsyncClient
    simulators: httpx.AsyncClient
    temporal: Client
    engine: AsyncEngine

    async def send(self, version: int, body: bytes, *, partial: bool = False) -> str:
        """Upload a plan; returns the location of its run."""
        query = {"source": SOURCE, "plant": PLANT, "version": str(version), "partial": str(partial).lower()}
        headers = {"content-type": "application/x-ndjson"}
        taken = await self.gateway.post("/v1/plan-runs", params=query, content=body, headers=headers, timeout=600)
        taken.raise_for_status()
        location: str = taken.headers["location"]
        return location

    async def done(self, location: str) -> dict[str, Any]:
        """Wait for the run's end and return it. Raises RuntimeError where it did not take effect."""
        while True:
            view: dict[str, Any] = (await self.gateway.get(location)).json()
            if view["stage"] == "done":
                return view
            if view["stage"] in ("stopped", "superseded", "waiting"):
                raise RuntimeError(f"{view['id']} is {view['stage']}: {view['detail']}")
            await asyncio.sleep(_POLL_SECONDS)

    async def count(self, query: str, **asked: object) -> int:
        """A number from the ledger."""
        async with self.engine.connect() as connection:
            return int(await connection.scalar(text(query), asked) or 0)

    async def decided(self, known: int) -> None:
        """Wait until so many requirements have recorded their decision."""
        while await self.count(_DECIDED) < known:  # noqa: ASYNC110
            await asyncio.sleep(1)

    async def quiet(self, seconds: float = 8) -> None:
        """Wait until no audit event has been recorded for so long, and no consolidation window is open any more."""
        while await self.count(_BUSY, seconds=seconds):  # noqa: ASYNC110
            await asyncio.sleep(1)

    def cpu_seconds(self) -> dict[str, float]:
        """The CPU seconds of each program so far."""
        programs = ("temporal", "gateway", "worker", "simulators", "postgres")
        spent = {}
        for name in programs:
            program = psutil.Process(self.stage.processes.pid(name))
            family = [program, *program.children(recursive=True)]
            spent[name] = sum(sum(each.cpu_times()[:2]) for each in family if each.is_running())
        return spent


@asynccontextmanager
async def ground(directory: Path) -> AsyncIterator[PlanGround]:
    """Start all on empty servers; the plant's orders consolidate for a short time only, so that they reach the ERP."""
    policies = directory / "policies"
    shutil.rmtree(policies, ignore_errors=True)
    shutil.copytree("policies", policies, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    plant = policies / "plants" / f"{PLANT}.toml"
    lines = plant.read_text().splitlines()
    plant.write_text("\n".join([f"consolidation_minutes = {_CONSOLIDATION_MINUTES}", *_without(lines)]) + "\n")
    ports = (18_091, 18_080)
    async with (
        stage(directory, keep=False, ports=ports, policies=policies) as on,
        caller(on.gateway) as gateway,
        caller(on.simulators) as simulators,
    ):

        async def ready() -> bool:
            return READY in on.processes.last_lines("empty", 50)

        await on.processes.start(
            Program(
                name="empty",
                command=(sys.executable, "-m", "benchmarks.plan_empty"),
                environment=environment_for_child(**on.temporal.environment),
                ready=ready,
            )
        )
        if ended := on.processes.ended():
            # Otherwise another gateway that took the port at the same moment would be measured.
            raise RuntimeError(f"ended by themselves: {ended}; see {directory / 'logs'}")
        engine = await connect(on.database_url)
        try:
            yield PlanGround(on, gateway, simulators, await Client.connect(**on.temporal.connection), engine)
        finally:
            await engine.dispose()


def _without(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.startswith("consolidation_minutes")]
