"""The test bed: one Temporal server for both sides, and each side's programs, started and stopped together.

Both sides have the same: counterparts of their own (the same program), a gateway process, a worker process, a
namespace of their own on the one server. Pegline has its ledger's PostgreSQL besides; its worker, gateway and settings
are those of `make up` but for the policies' consolidation windows.
"""

import asyncio
import re
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from temporalio.client import Client
from temporalio.envconfig import ClientConnectConfig

from benchmarks.results import DIRECTORY
from benchmarks.trade import AT_ONCE_PLANT, PLANTS, WINDOW_PLANT, WINDOW_SECONDS, master_data
from runtime.prepare import ensure_namespace, register_search_attributes
from runtime.temporal import temporal_plugin
from settings import ToolSettings, environment_for_child
from tools import postgres, temporal_server
from tools.ports import LOOPBACK, free_port
from tools.processes import Processes, Program
from tools.progress import Progress
from tools.temporal_cli import find_cli
from workflows.search_attributes import ALL

PEGLINE, BARE = "pegline", "bare"
_ACTION = re.compile(r"^action\{([^}]*)\} ([0-9.e+]+)$", re.MULTILINE)
_RATES = {"ERP": "5000", "EDI": "10000", "APS": "10000"}
"""Calls per second to each counterpart: the engine is measured, not an ERP's limit."""


@dataclass(frozen=True)
class Server:
    """The Temporal server."""

    name: str
    address: str
    metrics: str | None
    """The address of its counters; None where it is not our own server."""
    programs: tuple[str, ...]

    async def actions(self, namespace: str) -> float | None:
        """Billable actions so far, by its own counter; None where it can't be read."""
        if self.metrics is None:
            return None
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            text = (await http.get(self.metrics)).text
        return sum(float(count) for labels, count in _ACTION.findall(text) if f'namespace="{namespace}"' in labels)


@dataclass(frozen=True)
class Side:
    """One of the two sides: its addresses and its programs."""

    name: str
    client: Client
    workflow: str
    """The workflow type of a requirement."""
    gateway: httpx.AsyncClient
    counterparts: httpx.AsyncClient
    programs: tuple[str, ...]


@dataclass(frozen=True)
class Ground:
    """All running programs."""

    processes: Processes
    server: Server
    pegline: Side
    bare: Side
    ledger: postgres.Postgres

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by program, children included."""
        names = {*self.server.programs, *self.pegline.programs, *self.bare.programs}
        return {name: _cpu_of(self.processes.pid(name)) for name in sorted(names)}

    def megabytes(self, program: str) -> float:
        """Resident memory of a program."""
        return psutil.Process(self.processes.pid(program)).memory_info().rss / 1e6


def _cpu_of(pid: int) -> float:
    try:
        found = psutil.Process(pid)
        processes = [found, *found.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    seconds = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += times.user + times.system
    return seconds


@asynccontextmanager
async def ground(*, bare_reads: bool = True) -> AsyncIterator[Ground]:
    """Start all on empty servers. Raises ProgramFailed, NoTemporal, PostgresUnavailable.

    `bare_reads`: the bare workflow makes, besides the writes, the ERP reads that Pegline makes for an order.
    """
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    async with Processes(DIRECTORY) as processes:
        ledger = await postgres.start(processes, DIRECTORY / "postgres", durable=True)
        await ledger.drop("pegline")
        database = await ledger.create("pegline")
        server = await start_server(processes)
        connections = {
            name: ClientConnectConfig(target_host=server.address, namespace=name) for name in (PEGLINE, BARE)
        }
        for name in (PEGLINE, BARE):
            await start_namespace(connections[name])
        pegline = await _pegline(processes, server, connections[PEGLINE], database)
        other = await _bare(processes, server, connections[BARE], reads=bare_reads)
        async with AsyncExitStack() as stack:
            for http in (pegline.gateway, pegline.counterparts, other.gateway, other.counterparts):
                stack.push_async_callback(http.aclose)
            yield Ground(processes, server, pegline, other, ledger)


async def start_server(processes: Processes) -> Server:
    """Temporal, empty; or the one that the environment names."""
    tools = ToolSettings.load()
    if "target_host" in tools.temporal:
        address = tools.temporal["target_host"]
        return Server(f"the one at {address} (TEMPORAL_ADDRESS)", address, None, ())
    with Progress("Temporal") as progress:
        cli = await asyncio.to_thread(find_cli, tools, progress)
    metrics = free_port(9233)
    started = await temporal_server.start(processes, cli, ALL, metrics_port=metrics)
    return Server(
        "the dev server (temporal server start-dev, SQLite in memory)",
        started.address,
        f"http://{LOOPBACK}:{metrics}/metrics",
        ("temporal",),
    )


async def start_namespace(connection: ClientConnectConfig) -> None:
    """A namespace that takes searches."""
    client = await Client.connect(**connection)
    await ensure_namespace(client)
    deadline = asyncio.get_running_loop().time() + 60
    while True:
        try:
            await register_search_attributes(client, ALL)
            await client.count_workflows("WorkflowType='none'")
        except Exception:
            # A new namespace is unknown to parts of the server for some seconds.
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.5)
        else:
            return


async def start_counterparts(
    processes: Processes, name: str, gateway: int, *, plants: Sequence[str] = PLANTS, own_name: bool = False
) -> tuple[str, httpx.AsyncClient]:
    """Counterparts with the master data of these plants, their address and a caller; `own_name`: they send by it."""
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    await processes.start(
        Program(
            name=f"{name}-counterparts",
            command=(
                *(sys.executable, "-m", "benchmarks.counterparts", "--port", str(port)),
                *("--gateway", f"http://{LOOPBACK}:{gateway}"),
                *(("--name", name) if own_name else ()),
            ),
            environment=environment_for_child(),
            ready=f"{url}/",
        )
    )
    http = caller(url)
    (await http.post("/erp/control/master-data", json=master_data(plants))).raise_for_status()
    return url, http


async def _pegline(processes: Processes, server: Server, connection: ClientConnectConfig, database: str) -> Side:
    port = free_port()
    url, counterparts = await start_counterparts(processes, PEGLINE, port)
    environment = environment_for_child(
        TEMPORAL_ADDRESS=connection["target_host"],
        TEMPORAL_NAMESPACE=connection["namespace"],
        PEGLINE_DATABASE_URL=database,
        PEGLINE_POLICY_DIRECTORY=str(_policies()),
        PEGLINE_GATEWAY_HOST=LOOPBACK,
        PEGLINE_GATEWAY_PORT=str(port),
        **{f"PEGLINE_{system}_URL": f"{url}/{system.lower()}" for system in ("ERP", "EDI", "APS")},
        **{f"PEGLINE_{system}_USER": "PEGLINE" for system in ("ERP", "EDI", "APS")},
        **{f"PEGLINE_{system}_PASSWORD": "pegline" for system in ("ERP", "EDI", "APS")},
        **{f"PEGLINE_{system}_RATE": rate for system, rate in _RATES.items()},
    )
    await processes.start(
        Program(
            name="pegline-gateway",
            command=(sys.executable, "cli.py", "gateway"),
            environment=environment,
            ready=f"http://{LOOPBACK}:{port}/readyz",
        )
    )

    async def ready() -> bool:
        return "worker ready, process" in processes.last_lines("pegline-worker", 1000)

    await processes.start(
        Program(name="pegline-worker", command=(sys.executable, "worker.py"), environment=environment, ready=ready)
    )
    return Side(
        PEGLINE,
        await Client.connect(**connection, plugins=[temporal_plugin()]),
        "MaterialRequirement",
        caller(f"http://{LOOPBACK}:{port}"),
        counterparts,
        ("pegline-worker", "pegline-gateway", "pegline-counterparts", "postgres"),
    )


def _policies() -> Path:
    """The shipped policies, with the consolidation windows of the benchmark."""
    target = (DIRECTORY / "policies").absolute()
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree("policies", target, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for plant, minutes in ((WINDOW_PLANT, WINDOW_SECONDS // 60), (AT_ONCE_PLANT, 0)):
        file = target / "plants" / f"{plant}.toml"
        text = re.sub(r"(?m)^consolidation_minutes = \d+", f"consolidation_minutes = {minutes}", file.read_text())
        file.write_text(text)
    return target


async def _bare(processes: Processes, server: Server, connection: ClientConnectConfig, *, reads: bool) -> Side:
    port = free_port()
    url, counterparts = await start_counterparts(processes, BARE, port)
    environment = environment_for_child(
        TEMPORAL_ADDRESS=connection["target_host"], TEMPORAL_NAMESPACE=connection["namespace"]
    )
    await processes.start(
        Program(
            name="bare-gateway",
            command=(
                *(sys.executable, "-m", "benchmarks.bare.gateway", "--port", str(port)),
                *("--counterparts", url),
                *(() if reads else ("--writes-only",)),
            ),
            environment=environment,
            ready=f"http://{LOOPBACK}:{port}/readyz",
        )
    )

    async def ready() -> bool:
        return "bare worker ready" in processes.last_lines("bare-worker", 1000)

    await processes.start(
        Program(
            name="bare-worker",
            command=(sys.executable, "-m", "benchmarks.bare.worker", "--counterparts", url),
            environment=environment,
            ready=ready,
        )
    )
    return Side(
        BARE,
        await Client.connect(**connection),
        "BareRequirement",
        caller(f"http://{LOOPBACK}:{port}"),
        counterparts,
        ("bare-worker", "bare-gateway", "bare-counterparts"),
    )


def caller(base_url: str) -> httpx.AsyncClient:
    """An HTTP client for many calls at a time."""
    return httpx.AsyncClient(
        base_url=base_url, timeout=120, trust_env=False, limits=httpx.Limits(max_keepalive_connections=40)
    )
