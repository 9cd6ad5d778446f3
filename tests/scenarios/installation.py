"""An installation of processes of their own, as an operator runs it, and somebody who kills them at random.

Worker, gateway and PostgreSQL (durable) die by SIGKILL, each by a clock of its own, so that outages overlap. A
supervisor starts each again on what it left, and once more where it can't start yet.
"""

import asyncio
import random
import re
import shutil
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from temporalio.client import Client

from settings import environment_for_child
from tools import postgres
from tools.ports import LOOPBACK, free_port
from tools.processes import Processes, Program, ProgramFailed

VICTIMS = ("worker", "gateway", "postgres")
ROOT = Path(__file__).resolve().parents[2]
WORKER_READY = "worker ready, process"


@dataclass
class Installation:
    """Everything of one installation but Temporal."""

    client: Client
    processes: Processes
    programs: Mapping[str, Program]
    database_url: str
    queue: str
    source: str
    people: httpx.AsyncClient
    control: httpx.AsyncClient
    log: list[str] = field(default_factory=list)
    """Who was killed when, in seconds since the installation was up."""
    up_since: float = field(default_factory=time.monotonic)

    def record(self, what: str) -> None:
        """Remember that it happened now."""
        self.log.append(f"{time.monotonic() - self.up_since:.1f} s {what}")

    async def prepare(self, master_data: Mapping[str, Any]) -> None:
        """Give the ERP its master data."""
        (await self.control.post("/erp/control/master-data", json=master_data)).raise_for_status()

    async def kill(self, name: str) -> None:
        """End it as a crash would, with all its children."""
        children = psutil.Process(self.processes.pid(name)).children(recursive=True)
        await self.processes.kill(name)
        for child in children:
            # PostgreSQL's have process groups of their own, and no new server starts while one of them lives.
            with suppress(psutil.NoSuchProcess):
                child.kill()
        await asyncio.to_thread(psutil.wait_procs, children, timeout=5)

    async def start_again(self, name: str) -> None:
        """As a supervisor does: until it runs."""
        while True:
            try:
                if name == "postgres":
                    await self.processes.restart(name)
                else:
                    await self.processes.start(self.programs[name])
            except ProgramFailed:
                await asyncio.sleep(0.2)
            else:
                return

    @asynccontextmanager
    async def disturbed(self, chance: random.Random, kills: Mapping[str, int], within: float) -> AsyncIterator[None]:
        """Each is killed so many times, at random within so many seconds of its start; all run in the end."""
        async with asyncio.TaskGroup() as group:
            for name, times in kills.items():
                group.create_task(self._disturb(name, random.Random(chance.random()), times, within))
            yield  # within the group: it ends when the last one runs again

    async def _disturb(self, name: str, chance: random.Random, kills: int, within: float) -> None:
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.05, within))
            self.record(f"{name} killed")
            await self.kill(name)
            await asyncio.sleep(chance.uniform(0, 0.7))
            await self.start_again(name)


@asynccontextmanager
async def installed(client: Client, folder: Path, name: str, policies: Path) -> AsyncIterator[Installation]:
    """All of it, up; `folder` is passable by other users."""
    async with Processes(folder, on_signals=False) as processes:
        server = await postgres.start(processes, folder / "postgres", durable=True)
        database_url = await server.create("pegline")
        programs = _programs(processes, client, database_url, name, policies)
        await asyncio.gather(*(processes.start(programs[each]) for each in ("simulators", "gateway")))
        await processes.start(programs["worker"])
        gateway, counterparts = (
            programs[each].environment[f"CHAOS_{each.upper()}"] for each in ("gateway", "simulators")
        )
        async with (
            httpx.AsyncClient(base_url=gateway, timeout=10, trust_env=False) as people,
            httpx.AsyncClient(base_url=counterparts, timeout=30, trust_env=False) as control,
        ):
            yield Installation(client, processes, programs, database_url, name, f"aps-{name}", people, control)
            # What is left is of no use to anybody: nobody waits until it has stopped in order.
            await asyncio.gather(*(processes.kill(each) for each in programs))


def policies_of(folder: Path, minutes: Mapping[str, int], plan: str) -> Path:
    """The shipped policies, but for how long the plants' orders collect and what a plan run may do (TOML)."""
    shutil.copytree(ROOT / "policies", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__", "rules"))
    for plant, requested in minutes.items():
        file = folder / "plants" / f"{plant}.toml"
        statement = re.sub(r"(?m)^consolidation_minutes = .*", f"consolidation_minutes = {requested}", file.read_text())
        file.write_text(f"{statement}\n[plan]\n{plan}\n")
    return folder


def _programs(
    processes: Processes, client: Client, database_url: str, queue: str, policies: Path
) -> dict[str, Program]:
    simulators, gateway = free_port(), free_port()
    counterparts, gateway_url = f"http://{LOOPBACK}:{simulators}", f"http://{LOOPBACK}:{gateway}"
    environment = environment_for_child(
        TEMPORAL_ADDRESS=client.service_client.config.target_host,
        TEMPORAL_NAMESPACE=client.namespace,
        PEGLINE_DATABASE_URL=database_url,
        PEGLINE_POLICY_DIRECTORY=str(policies),
        PEGLINE_TASK_QUEUE_PREFIX=queue,
        PEGLINE_GATEWAY_HOST=LOOPBACK,
        PEGLINE_GATEWAY_PORT=str(gateway),
        PEGLINE_SETTLE_SECONDS="1.5",
        PEGLINE_SECOND_CREATE_SECONDS="1.5",
        PEGLINE_CALL_TIMEOUT_SECONDS="2",
        CHAOS_GATEWAY=gateway_url,
        CHAOS_SIMULATORS=counterparts,
        **{f"PEGLINE_{name}_URL": f"{counterparts}/{name.lower()}" for name in ("ERP", "EDI", "APS")},
        **{f"PEGLINE_{name}_USER": "PEGLINE" for name in ("ERP", "EDI", "APS")},
        **{f"PEGLINE_{name}_PASSWORD": "pegline" for name in ("ERP", "EDI", "APS")},
        **{f"PEGLINE_{name}_RATE": "200" for name in ("ERP", "EDI", "APS")},
    )

    async def worker_ready() -> bool:
        # Its log holds the former ones' words as well: the process id tells.
        return f"{WORKER_READY} {processes.pid('worker')}" in processes.last_lines("worker", 1000)

    def program(name: str, *command: str, ready: object) -> Program:
        return Program(name, (sys.executable, *command), environment, ready=ready, directory=ROOT)  # type: ignore[arg-type]

    return {
        "simulators": program(
            "simulators",
            "-m",
            "simulators.app",
            "--port",
            str(simulators),
            "--gateway",
            gateway_url,
            ready=f"{counterparts}/",
        ),
        "gateway": program("gateway", "cli.py", "gateway", ready=f"{gateway_url}/readyz"),
        "worker": program("worker", "worker.py", ready=worker_ready),
    }
