"""The installation of docker-compose.yml runs: real programs, with its own commands, environments and health checks.

`make site` runs it: Temporal's server is built first, which takes half an hour and is kept. Restoring a back-up, as
docs/operating.md describes it, is tried as well.
"""

import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from demo.accounts import PLANNER, LoggedIn
from settings import ToolSettings, environment_for_child
from tests.scenarios.installation import policies_of
from tests.scenarios.whole_plans import AT_ONCE, first_plan, master_data, until, upload
from tests.site.compose import Compose, whole_postgres
from tools.ports import free_port
from tools.processes import Processes, Program
from tools.temporal_cli import server_programs

_NC = f"""#!{sys.executable}
import socket, sys
*_, host, port = sys.argv
socket.create_connection((host, int(port)), 2).close()
"""
"""`nc -z`, which the server's image has, for machines without it."""
_SECONDS = 90
_ELSEWHERE = "127.63.0.1"
"""The counterparts' address, which no service takes for its own."""


@dataclass
class Site:
    """What senders and lookers need of it (tests/scenarios/whole_plans.py)."""

    client: Client
    people: httpx.AsyncClient
    control: httpx.AsyncClient
    database_url: str = ""
    queue: str = "pegline"
    source: str = "aps-site"
    seen: object = None
    """What was looked at last, for whoever reads of a failure."""


@pytest.fixture(scope="module")
def programs(pytestconfig: pytest.Config) -> Path:
    """The programs of Temporal's images."""
    if not pytestconfig.getoption("--site"):
        pytest.skip("it needs Temporal's server, which takes a quarter of an hour to build: make site")
    if sys.platform != "linux":
        pytest.skip("its services have loopback addresses of their own, which only Linux has")
    found = server_programs(ToolSettings.load())
    if not found.exists():
        pytest.skip("Temporal's server is not built: make site")
    return found


@pytest.fixture(scope="module")
def database(programs: Path) -> Path:
    """PostgreSQL as its image has it."""
    found = whole_postgres()
    if found is None:
        pytest.skip("it needs PostgreSQL with its contributed modules (Debian: apt install postgresql)")
    return found


@asynccontextmanager
async def up(
    folder: Path, programs: Path, database: Path, simulators: str, restore: Path | None = None
) -> AsyncIterator[tuple[Compose, Site]]:
    """`docker compose up`, into empty databases or those of a back-up; what it depends on first."""
    folder.mkdir(mode=0o755)
    values = _env_file(folder, simulators)
    async with Processes(folder, on_signals=False) as processes:
        compose = Compose(values, programs, database, processes, folder)
        if shutil.which("nc") is None:
            (folder / "nc").write_text(_NC)
            (folder / "nc").chmod(0o755)
        await compose.start_database("temporal-db", folder / "temporal-db")
        await compose.start_database("pegline-db", folder / "pegline-db")
        if restore is not None:
            await _restore(compose, restore)
        for _ in range(2):
            # Twice: a restart leaves alone what is there.
            await compose.run("temporal-schema")
        own = {"TEMPORAL_BROADCAST_ADDRESS": compose.addresses["temporal"]}
        await compose.start(
            "temporal", ["env", *(f"{name}={value}" for name, value in own.items()), "temporal-server", "start"]
        )
        await compose.run("prepare")
        await compose.start("worker")
        await compose.start("gateway")
        client = await Client.connect(f"{compose.addresses['temporal']}:7233")
        gateway = f"http://{compose.addresses['gateway']}:8080"
        async with (
            httpx.AsyncClient(
                base_url=gateway, timeout=10, trust_env=False, auth=LoggedIn(simulators, PLANNER)
            ) as people,
            httpx.AsyncClient(base_url=simulators, timeout=30, trust_env=False) as control,
        ):
            yield compose, Site(client, people, control)


def _env_file(folder: Path, simulators: str) -> dict[str, str]:
    """What an operator fills in (.env.example)."""
    counterparts = {
        f"PEGLINE_{system}_{part}": value
        for system in ("ERP", "EDI", "APS")
        for part, value in (
            ("URL", f"{simulators}/{system.lower()}"),
            ("USER", "PEGLINE"),
            ("PASSWORD", "pegline"),
            ("RATE", "200"),
        )
    }
    (folder / "backups").mkdir()
    return {
        "PEGLINE_DB_PASSWORD": "ledger2secret",
        "TEMPORAL_DB_PASSWORD": "temporal2secret",
        "PEGLINE_POLICY_FILES": str(policies_of(folder / "policies", {AT_ONCE: 0}, "error_share_max = 1.0")),
        "PEGLINE_BACKUPS": str(folder / "backups"),
        "PEGLINE_OIDC_ISSUER": f"{simulators}/issuer",
        "PEGLINE_OIDC_CLIENT_SECRET": "pegline-secret",
        **counterparts,
    }


async def _restore(compose: Compose, dumps: Path) -> None:
    """As docs/operating.md says, before anything else starts."""
    for service, database in (
        ("temporal-db", "temporal"),
        ("temporal-db", "temporal_visibility"),
        ("pegline-db", "pegline"),
    ):
        given = compose.environment(service)
        login = ["--host", compose.addresses[service], "--username", given["POSTGRES_USER"]]
        secret = f"PGPASSWORD={given['POSTGRES_PASSWORD']}"
        if database == "temporal_visibility":
            await compose.run(service, ["env", secret, "createdb", *login, database])
        await compose.run(
            service,
            ["env", secret, "pg_restore", *login, "--dbname", database, "--no-owner", str(dumps / f"{database}.dump")],
        )


@pytest.fixture(scope="module")
async def simulators(open_folder: Path) -> AsyncIterator[str]:
    """The counterparts, which outlive the loss of the installation."""
    port = free_port()
    url = f"http://{_ELSEWHERE}:{port}"
    command = (sys.executable, "-m", "simulators.app", "--host", _ELSEWHERE, "--port", str(port), "--gateway", url)
    async with Processes(open_folder / "simulators", on_signals=False) as processes:
        await processes.start(Program("simulators", command, environment_for_child(), ready=f"{url}/"))
        yield url


async def test_docker_compose_up_takes_a_requirement_to_an_order_and_comes_back_from_its_back_up(
    programs: Path, database: Path, simulators: str, open_folder: Path
) -> None:
    [line, *_] = first_plan(1)
    async with up(open_folder / "first", programs, database, simulators) as (compose, site):
        (await site.control.post("/erp/control/master-data", json=master_data())).raise_for_status()
        await upload(site, AT_ONCE, 1, [line])
        covered = await until(lambda: requirement(site, "covered"), lambda: f"covered: {site.seen}", _SECONDS)
        await until(lambda: one_order(site), lambda: f"one order: {site.seen}", _SECONDS)
        await check_metrics(compose)
        said = await compose.run("backup", ["once"])
        [dumps] = (open_folder / "first" / "backups").iterdir()
        assert str(dumps) in said
        print({name: f"{seconds:.1f} s" for name, seconds in compose.seconds.items()})

    async with up(open_folder / "second", programs, database, simulators, restore=dumps) as (compose, site):
        again = await until(lambda: requirement(site, "covered"), lambda: f"covered: {site.seen}", _SECONDS)
        assert again["id"] == covered["id"]
        await upload(site, AT_ONCE, 2, [{**line, "quantity": "500"}])
        await until(lambda: one_order(site, "500"), lambda: f"one order, of 500: {site.seen}", _SECONDS)


async def requirement(site: Site, stage: str) -> dict[str, str] | None:
    """The only requirement, once it is at this stage."""
    site.seen = rows = (await site.people.get("/v1/requirements")).json()["items"]
    return next((dict(row) for row in rows if row["stage"] == stage), None)


async def one_order(site: Site, quantity: str = "") -> bool:
    """Whether the ERP's books hold one order, with a line of this quantity."""
    site.seen = orders = (await site.control.get("/erp/control/books")).json()["orders"]
    return len(orders) == 1 and quantity in str(orders)


async def check_metrics(compose: Compose) -> None:
    """Both ports that the file opens for Prometheus answer."""
    async with httpx.AsyncClient(trust_env=False) as http:
        server = await http.get(f"http://{compose.addresses['temporal']}:9090/metrics")
        assert "service_requests" in server.text
        ours = await http.get(f"http://{compose.addresses['worker']}:9464/metrics")
        assert "pegline_stuck_runs 0" in ours.text
