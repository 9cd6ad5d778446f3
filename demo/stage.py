"""The stage: servers, counterparts, gateway and worker as separate programs, started in order and ended together."""

import asyncio
import base64
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from secrets import token_bytes

import httpx

from demo.acquired import CHANNEL, NAME, SECRET_FILE, home_landscape
from demo.purchasing import erp_master_data
from demo.site import PLANTS, aps_model
from policies.book import PolicyBook
from settings import ToolSettings, environment_for_child, policy_directory
from tools import postgres, temporal_server
from tools.ports import LOOPBACK, free_port
from tools.processes import Processes, Program
from tools.progress import Progress
from tools.temporal_cli import find_cli
from tools.temporal_server import TemporalServer
from workflows.search_attributes import ALL

HOME = tuple(plant.code for plant in PLANTS)
USER, PASSWORD = "PEGLINE", "pegline"
"""The simulated ERP's credentials."""
SETTLE_SECONDS = 3
"""How long a document may take to appear after a call of unknown outcome."""
CLIENT_SECRET = "pegline-secret"
"""The gateway's at the simulated issuer."""
WORKER_READY = "worker ready, process"
"""The worker's ready message, followed by its process id."""


@dataclass(frozen=True)
class Stage:
    """All running programs and their addresses."""

    processes: Processes
    temporal: TemporalServer
    database_url: str
    gateway: str
    simulators: str
    days_ahead: int = 0
    """The days by which the story's clocks are ahead of the machine's."""
    directory: Path = Path()
    """Where the programs keep what they keep; the landscape, too."""
    units_secret: str = ""
    """By which the acquired units' counterparts sign."""

    @property
    def now(self) -> datetime:
        """The present instant of the story (UTC)."""
        return datetime.now(UTC) + timedelta(days=self.days_ahead)

    def command(self, program: str, *usual: str) -> tuple[str, ...]:
        """The command for gateway and worker: the usual one, or on another day."""
        another_day = ("-m", "demo.another_day", str(self.days_ahead), program)
        return (sys.executable, *(another_day if self.days_ahead else usual))

    @property
    def landscape(self) -> Path:
        """The landscape's file."""
        return self.directory / "landscape.toml"

    async def start_units(self) -> str:
        """Start the acquired units' counterparts, the same program once more; their address."""
        port = free_port()
        address = f"http://{LOOPBACK}:{port}"
        signing = (f"{name}={self.units_secret}" for name in ("erp", "aps", "edi", "wms", "coupa"))
        command = (
            *(sys.executable, "-m", "simulators.app", "--port", str(port)),
            *("--gateway", self.gateway, "--name", NAME),
            *(part for each in signing for part in ("--sign", each)),
        )
        await self.processes.start(Program("units", command, environment_for_child(), ready=f"{address}/"))
        return address

    async def kill_worker(self) -> None:
        """End the worker like a crash (SIGKILL)."""
        await self.processes.kill("worker")

    async def start_worker(self) -> None:
        """Start it again."""
        await self.processes.restart("worker")


@asynccontextmanager
async def stage(
    directory: Path,
    *,
    keep: bool,
    ports: tuple[int, int] = (8091, 8080),
    policies: Path | None = None,
    today: date | None = None,
    landscape: bool = False,
) -> AsyncIterator[Stage]:
    """Start everything. With `keep`, Temporal's and PostgreSQL's state and the counterparts' books survive in the
    directory, else each run starts empty.

    `ports`: preferred ones of the simulators and the gateway. `policies`: instead of the environment's. `today`: the
    day on which everything plays, by default the machine's. `landscape`: the systems stand in a file of the directory,
    else in settings.
    """
    days_ahead = 0 if today is None else (today - datetime.now(UTC).date()).days
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
        on = Stage(
            processes,
            temporal,
            database_url,
            f"http://{LOOPBACK}:{gateway}",
            f"http://{LOOPBACK}:{simulators}",
            days_ahead,
            directory,
            _new_secret(),
        )
        systems = _write_landscape(on) if landscape else {}
        await _start_programs(on, simulators, gateway, policies, directory / "books.db" if keep else None, systems)
        yield on


async def _start_programs(
    on: Stage, simulators: int, gateway: int, policies: Path | None, books: Path | None, systems: dict[str, str]
) -> None:
    processes, counterparts, directory = on.processes, on.simulators, on.directory
    secrets = _write_senders(directory / "senders.toml", on.units_secret)
    environment = environment_for_child(
        **on.temporal.environment,
        PEGLINE_DATABASE_URL=on.database_url,
        PEGLINE_GATEWAY_HOST=LOOPBACK,
        PEGLINE_GATEWAY_PORT=str(gateway),
        PEGLINE_GATEWAY_URL=None,
        PEGLINE_TEMPORAL_UI_URL=on.temporal.ui,
        PEGLINE_OIDC_ISSUER=f"{counterparts}/issuer",
        PEGLINE_OIDC_CLIENT_SECRET=CLIENT_SECRET,
        PEGLINE_OIDC_ROLES="purchasing-manager=manager",
        PEGLINE_SENDERS=str(directory / "senders.toml"),
        PEGLINE_ERP_URL=f"{counterparts}/erp",
        PEGLINE_EDI_URL=f"{counterparts}/edi",
        PEGLINE_APS_URL=f"{counterparts}/aps",
        **{f"PEGLINE_{name}_USER": USER for name in ("ERP", "EDI", "APS")},
        **{f"PEGLINE_{name}_PASSWORD": PASSWORD for name in ("ERP", "EDI", "APS")},
        **{f"PEGLINE_{name}_RATE": "200" for name in ("ERP", "EDI", "APS")},
        PEGLINE_SETTLE_SECONDS=str(SETTLE_SECONDS),
        PEGLINE_SECOND_CREATE_SECONDS=str(SETTLE_SECONDS),
        PEGLINE_CALL_TIMEOUT_SECONDS="3",
        PEGLINE_COLLECT_SECONDS="1",
        **systems,
        **({"PEGLINE_POLICY_DIRECTORY": str(policies.resolve())} if policies else {}),
    )
    await processes.start(
        Program(
            name="simulators",
            command=(
                *(sys.executable, "-m", "simulators.app", "--port", str(simulators)),
                *("--gateway", on.gateway),
                *(("--keep", str(books)) if books else ()),
                *(part for name, secret in secrets.items() for part in ("--sign", f"{name}={secret}")),
            ),
            environment=environment,
            ready=f"{counterparts}/",
        )
    )
    await processes.start(
        Program(
            name="gateway",
            command=on.command("gateway", "cli.py", "gateway"),
            environment=environment,
            ready=f"{on.gateway}/readyz",
        )
    )
    await prepare(on, policies or policy_directory(environment))

    async def worker_ready() -> bool:
        # The log of a restarted worker also holds the former one's message: the process id distinguishes them.
        return f"{WORKER_READY} {processes.pid('worker')}" in processes.last_lines("worker", 1000)

    await processes.start(
        Program(name="worker", command=on.command("worker", "worker.py"), environment=environment, ready=worker_ready)
    )


def _write_landscape(on: Stage) -> dict[str, str]:
    """Say which systems there are; return the setting that names the file."""
    secret = on.directory / SECRET_FILE
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text(PASSWORD)
    on.landscape.write_text(home_landscape(on.simulators))
    return {"PEGLINE_LANDSCAPE": str(on.landscape.resolve())}


def _new_secret() -> str:
    return f"whsec_{base64.b64encode(token_bytes(32)).decode()}"


def _write_senders(file: Path, units_secret: str) -> dict[str, str]:
    """Say which counterpart may send what; return the secrets of those that sign."""
    signing = {name: _new_secret() for name in ("wms", "edi")}
    units = f'"*-{NAME}", "coupa"'
    file.write_text(
        "# Written at each start of the demo.\n"
        f'[[sender]]\nname = "warehouse"\nsecrets = ["{signing["wms"]}"]\nsources = ["wms-*"]\n\n'
        f'[[sender]]\nname = "edi"\nsecrets = ["{signing["edi"]}"]\nchannels = ["edifact"]\n\n'
        '[[sender]]\nname = "others"\nclients = ["counterparts"]\nsources = ["aps-*", "erp-*", "plm-*"]\n\n'
        f'[[sender]]\nname = "units"\nsecrets = ["{units_secret}"]\nsources = [{units}]\n'
        f'channels = ["{CHANNEL}"]\n'
    )
    return signing


async def prepare(on: Stage, policies: Path) -> None:
    """Set the counterparts' clock and load their data: the ERP's master data and the planning system's model."""
    async with caller(on.simulators) as http:
        if on.days_ahead:
            (await http.put("/control/clock", json={"now": on.now.isoformat()})).raise_for_status()
        model = aps_model(days_off(policies, on.now.date()))
        for path, body in (("/erp/control/master-data", erp_master_data()), ("/aps/control/model", model)):
            (await http.post(path, json=body)).raise_for_status()


def days_off(policies: Path, today: date, plants: Iterable[str] = HOME) -> dict[str, list[date]]:
    """Each plant's days off, by its calendar."""
    book = PolicyBook(policies, today=lambda: today)
    known = {plant: book.effective(plant) for plant in plants}
    return {plant: list(policy.calendar.holidays) for plant, policy in known.items() if policy}


def caller(base_url: str) -> httpx.AsyncClient:
    """An HTTP client for the demo's own questions."""
    return httpx.AsyncClient(base_url=base_url, timeout=60, trust_env=False)
