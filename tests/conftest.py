"""What tests share: a real Temporal server that can skip time, a real PostgreSQL, and an empty database each."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import hypothesis
import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from runtime.event_loop import collect_rarely
from runtime.prepare import register_search_attributes
from settings import ToolSettings
from tests.databases import Databases, share_compiled_statements
from tools import postgres, temporal_server
from tools.postgres import Postgres
from tools.processes import Processes
from tools.progress import Progress
from tools.temporal_cli import find_cli

# No test fails for being slow: a busy machine is no fault of the code.
hypothesis.settings.register_profile("pegline", deadline=None)
hypothesis.settings.load_profile("pegline")
share_compiled_statements()
collect_rarely()

FORGETS_AT_ONCE = ("--dynamic-config-value", "history.transferProcessorEnsureCloseBeforeDelete=false")
"""A closed run that is deleted is gone at once, not half a minute later."""

FreshDatabase = Callable[[], Awaitable[str]]
"""Makes a migrated database without rows and answers its URL."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--workflow-environment",
        default="local",
        metavar="local|ADDRESS",
        help="local: a dev server of this run's own, which can skip time; ADDRESS: host:port of one that runs already",
    )
    parser.addoption(
        "--record-histories",
        action="store_true",
        help="write the histories of stories marked `recorded` to tests/replay/histories (see there)",
    )
    parser.addoption("--every-case", action="store_true", help="try every conformance case of Tryton and Coupa")
    parser.addoption("--site", action="store_true", help="run docker-compose.yml's installation (make site)")
    disturbed = parser.getgroup("disturbed plan runs", "tests/scenarios/test_disturbed_plan_run.py")
    disturbed.addoption("--disturbed-seeds", default="1", metavar="N[,N…]", help="what is drawn at random, a test each")
    disturbed.addoption("--disturbed-lines", default=20, type=int, metavar="N", help="lines of a plant's plan")
    disturbed.addoption(
        "--disturbed-kills",
        default=0,
        type=int,
        metavar="N",
        help="how often worker, gateway and database die in each of the two versions; 0: once in one of them",
    )


@pytest.fixture(scope="session")
def temporal_cli() -> Path:
    """The dev server's executable."""
    with Progress("Temporal dev server") as progress:
        return find_cli(ToolSettings.load(), progress)


@pytest.fixture(scope="session")
async def temporal_env(request: pytest.FixtureRequest) -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal server with our search attributes; its workflows' clocks can be stepped where it is `local`.

    Left to itself it skips time whenever a workflow is idle: start what waits for a message within
    `with_time_skipping_disabled()`, then `fast_forward(handle, delta)`.
    """
    from runtime.temporal import temporal_plugin
    from workflows.search_attributes import ALL

    where = request.config.getoption("--workflow-environment")
    if where != "local":
        client = await Client.connect(where, plugins=[temporal_plugin()])
        await register_search_attributes(client, ALL)
        yield WorkflowEnvironment.from_client(client)
        return
    async with await WorkflowEnvironment.start_time_skipping_v2(
        plugins=[temporal_plugin()],
        search_attributes=ALL,
        dev_server_existing_path=str(request.getfixturevalue("temporal_cli")),
        dev_server_extra_args=[
            *temporal_server.SQLITE_ARGUMENTS,
            *temporal_server.TIME_SKIPPING_ARGUMENTS,
            *FORGETS_AT_ONCE,
        ],
        dev_server_startup_timeout=timedelta(seconds=60),
    ) as environment:
        yield environment


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that other users may pass, as root's PostgreSQL must; pytest's own is closed to them."""
    with tempfile.TemporaryDirectory(prefix="pegline-tests-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
async def postgres_server(open_folder: Path) -> AsyncIterator[Postgres]:
    """A PostgreSQL of this run's own."""
    async with Processes(open_folder, on_signals=False) as processes:
        yield await postgres.start(processes, open_folder / "data", durable=False)


@pytest.fixture(scope="session")
async def postgres_url(postgres_server: Postgres) -> str:
    """A database without tables, shared by the whole run."""
    return await postgres_server.create("shared")


@pytest.fixture(scope="session")
async def _migrated_template(postgres_server: Postgres) -> str:
    """Migrated once; a copy of it takes a fraction of the migrations' time."""
    from ledger.database import migrate

    await migrate(await postgres_server.create("migrated"))
    return "migrated"


@pytest.fixture(scope="session")
async def _databases(postgres_server: Postgres, _migrated_template: str) -> Databases:
    return Databases(postgres_server, _migrated_template)


@pytest.fixture
async def fresh_database(_databases: Databases) -> AsyncIterator[FreshDatabase]:
    """Migrated databases without rows, as many as the test asks for."""
    made: list[str] = []

    async def make() -> str:
        made.append(await _databases.take())
        return _databases.url(made[-1])

    yield make
    for database in made:
        await _databases.give_back(database)
