"""The stage: servers, counterparts, gateway and worker as programs of their own, started in order, ended together."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from demo.purchasing import erp_master_data
from demo.site import aps_model
from settings import ToolSettings, environment_for_child
from tools import postgres, temporal_server
from tools.ports import LOOPBACK, free_port
from tools.processes import Processes, Program
from tools.progress import Progress
from tools.temporal_cli import find_cli
from tools.temporal_server import TemporalServer
from workflows.search_attributes import ALL

USER, PASSWORD = "PEGLINE", "pegline"
"""What the simulated ERP asks for."""
SETTLE_SECONDS = 3
"""How long a document may take to appear after a call of unknown outcome."""
WORKER_READY = "worker ready, process"
"""What worker.py says, followed by its process id."""


@dataclass(frozen=True)
class Stage:
    """Everything that runs, and where."""

    processes: Processes
    temporal: TemporalServer
    database_url: str
    gateway: str
    simulators: str

    async def kill_worker(self) -> None:
        """End the worker as a crash would (SIGKILL)."""
        await self.processes.kill("worker")

    async def start_worker(self) -> None:
        """Start it again."""
        await self.processes.restart("worker")


@asynccontextmanager
async def stage(
    directory: Path, *, keep: bool, ports: tuple[int, int] = (8091, 8080), policies: Path | None = None
) -> AsyncIterator[Stage]:
    """Start all; `keep`: Temporal's and PostgreSQL's state survives in the directory, else each run starts empty.

    `ports`: of the simulators and the gateway, where they are free. `policies`: other ones than the environment's.
    """
    tools = ToolSettings.load()
    async with Processes(directory) as processes:
        with Progress("Temporal") as progress:
            if "target_host" in tools.temporal:
                temporal = await temporal_server.join(tools.temporal, ALL)
            else:
                cli = await asyncio.to_thread(find_cli, tools, progress)
                file = directory / "temporal.db" if keep else None
                temporal = await temporal_server.start(processes, cli, ALL, database=file)
        server = await postgres.start(processes, directory / "postgres", durable=keep)
        if not keep:
            await server.drop("pegline")
        database_url = await server.create("pegline")
        simulators, gateway = free_port(ports[0]), free_port(ports[1])
        await _start_programs(processes, temporal, database_url, simulators, gateway, policies)
        yield Stage(
            processes, temporal, database_url, f"http://{LOOPBACK}:{gateway}", f"http://{LOOPBACK}:{simulators}"
        )


async def _start_programs(
    processes: Processes,
    temporal: TemporalServer,
    database_url: str,
    simulators: int,
    gateway: int,
    policies: Path | None,
) -> None:
    counterparts = f"http://{LOOPBACK}:{simulators}"
    environment = environment_for_child(
        **temporal.environment,
        PEGLINE_DATABASE_URL=database_url,
        PEGLINE_GATEWAY_HOST=LOOPBACK,
        PEGLINE_GATEWAY_PORT=str(gateway),
        PEGLINE_ERP_URL=f"{counterparts}/erp",
        PEGLINE_EDI_URL=f"{counterparts}/edi",
        PEGLINE_APS_URL=f"{counterparts}/aps",
        **{f"PEGLINE_{name}_USER": USER for name in ("ERP", "EDI", "APS")},
        **{f"PEGLINE_{name}_PASSWORD": PASSWORD for name in ("ERP", "EDI", "APS")},
        **{f"PEGLINE_{name}_RATE": "200" for name in ("ERP", "EDI", "APS")},
        PEGLINE_SETTLE_SECONDS=str(SETTLE_SECONDS),
        PEGLINE_CALL_TIMEOUT_SECONDS="3",
        **({"PEGLINE_POLICY_DIRECTORY": str(policies.resolve())} if policies else {}),
    )
    await processes.start(
        Program(
            name="simulators",
            command=(
                *(sys.executable, "-m", "simulators.app", "--port", str(simulators)),
                *("--gateway", f"http://{LOOPBACK}:{gateway}"),
            ),
            environment=environment,
            ready=f"{counterparts}/",
        )
    )
    await processes.start(
        Program(
            name="gateway",
            command=(sys.executable, "cli.py", "gateway"),
            environment=environment,
            ready=f"http://{LOOPBACK}:{gateway}/readyz",
        )
    )
    await prepare(counterparts)

    async def worker_ready() -> bool:
        # Of a worker that is started again, the log holds the former one's word as well: the process id tells.
        return f"{WORKER_READY} {processes.pid('worker')}" in processes.last_lines("worker", 1000)

    await processes.start(
        Program(name="worker", command=(sys.executable, "worker.py"), environment=environment, ready=worker_ready)
    )


async def prepare(counterparts: str) -> None:
    """The counterparts' own data: what the ERP keeps of items and suppliers, and what the planning system plans on."""
    async with caller(counterparts) as http:
        for path, body in (("/erp/control/master-data", erp_master_data()), ("/aps/control/model", aps_model())):
            (await http.post(path, json=body)).raise_for_status()


def caller(base_url: str) -> httpx.AsyncClient:
    """An HTTP client for the demo's own questions."""
    return httpx.AsyncClient(base_url=base_url, timeout=60, trust_env=False)
