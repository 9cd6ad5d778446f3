"""A real Tryton server to try the adapter on: packages of its own, a database made once, then a file to copy.

    python -m tools.tryton_server

gets it, so that the demo shows it, too. Tryton is GPL and no part of the product: its packages lie in an environment of
their own in the user's cache, by a lock with hashes, and nothing of ours imports them. The first time takes some
minutes (packages, then the database's tables); afterwards a copy of the database is filled and served within seconds.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from settings import ToolSettings, environment_for_child
from tools.packages import Environment
from tools.ports import LOOPBACK, free_port
from tools.processes import Program
from tools.progress import Progress

DATABASE = "pegline"
MODULES = ("purchase", "stock_split")
_FOLDER = Path(__file__).with_name("tryton")
_LOCK, _SEED = _FOLDER / "requirements.lock", _FOLDER / "seed.py"
_INSTALL_SECONDS, _DATABASE_SECONDS = 300, 600


class NoTryton(Exception):
    """There is no Tryton, and none could be had; the message says why."""


def prepare(settings: ToolSettings, data: Mapping[str, Any], progress: Progress) -> tuple[Path, Path]:
    """The environment, and a database file with these data (tools/tryton/seed.py). Raises NoTryton."""
    environment, tables = install(settings, progress)
    content = json.dumps(data, sort_keys=True).encode()
    name = hashlib.sha256(content + _SEED.read_bytes() + tables.name.encode()).hexdigest()[:12]
    database = tables.with_name(f"{name}.sqlite")
    if not database.exists():
        progress.say("filling a database of Tryton")
        _fill(environment, tables, database, content)
    return environment, database


def is_installed(settings: ToolSettings) -> bool:
    """Whether all that takes minutes is there."""
    environment, tables = _places(settings)
    return (environment / "complete").exists() and tables.exists()


def install(settings: ToolSettings, progress: Progress) -> tuple[Path, Path]:
    """The environment, and a database file with the modules' tables and no data of ours. Raises NoTryton."""
    environment, tables = _places(settings)
    tables.parent.mkdir(parents=True, exist_ok=True)
    with tables.with_name("lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be at it
        if not (environment / "complete").exists():
            progress.say("installing Tryton, against which its adapter is tried")
            _install(environment, progress)
        if not tables.exists():
            progress.say("making the tables of Tryton's database")
            _make_tables(environment, tables)
    return environment, tables


def _places(settings: ToolSettings) -> tuple[Path, Path]:
    version = hashlib.sha256(_LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = settings.cache_directory / "tryton" / version
    return folder / "environment", folder / f"{'-'.join(MODULES)}.sqlite"


def program(environment: Path, database: Path, folder: Path) -> tuple[Program, str]:
    """The server of a copy of the database, and its address. What it writes stays in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    # Also a former one's log of writes, which SQLite would carry out once more on the new file.
    for former in folder.glob(f"{DATABASE}.sqlite*"):
        former.unlink()
    shutil.copyfile(database, folder / f"{DATABASE}.sqlite")
    address = f"{LOOPBACK}:{free_port()}"
    command = (str(environment / "bin" / "trytond"), "-c", str(_configuration(folder, address)), "-d", DATABASE)

    async def answers() -> bool:
        # Its root serves nothing before its pool is there.
        async with httpx.AsyncClient(trust_env=False, timeout=2) as http:
            try:
                body = {"id": 0, "method": "common.server.version", "params": []}
                return (await http.post(f"http://{address}/rpc/", json=body)).status_code == 200
            except httpx.HTTPError:
                return False

    return Program("tryton", command, environment_for_child(), ready=answers), f"http://{address}"


def _configuration(folder: Path, address: str = f"{LOOPBACK}:0") -> Path:
    sections = {
        "database": {"uri": "sqlite://", "path": str(folder)},
        "web": {"listen": address},
        "password": {"length": "4"},
    }
    lines = [
        line for name, values in sections.items() for line in (f"[{name}]", *(f"{k} = {v}" for k, v in values.items()))
    ]
    path = folder / "trytond.conf"
    path.write_text("\n".join(lines) + "\n")
    return path


def _install(environment: Path, progress: Progress) -> None:
    shutil.rmtree(environment, ignore_errors=True)
    environment.parent.mkdir(parents=True, exist_ok=True)
    _run((sys.executable, "-m", "venv", str(environment)), _INSTALL_SECONDS)
    site = next((environment / "lib").glob("python*")) / "site-packages"
    if Environment(environment / "bin" / "python", site).install(_LOCK, progress) != 0:
        raise NoTryton("its packages could not be had")
    (environment / "complete").touch()


def _make_tables(environment: Path, tables: Path) -> None:
    with tempfile.TemporaryDirectory(dir=tables.parent) as name:
        folder = Path(name)
        made = folder / f"{DATABASE}.sqlite"
        made.touch()
        (folder / "password").write_text("administrator-8k2\n")
        admin = str(environment / "bin" / "trytond-admin")
        update = (admin, "-c", str(_configuration(folder)), "-d", DATABASE, "-u", *MODULES)
        secret = str(folder / "password")
        _run((*update, "--activate-dependencies", "--email", "admin@example.com"), _DATABASE_SECONDS, secret)
        os.replace(made, tables)


def _fill(environment: Path, tables: Path, database: Path, content: bytes) -> None:
    with tempfile.TemporaryDirectory(dir=database.parent) as name:
        folder = Path(name)
        made = folder / f"{DATABASE}.sqlite"
        shutil.copyfile(tables, made)
        (folder / "data.json").write_bytes(content)
        python, data = str(environment / "bin" / "python"), str(folder / "data.json")
        _run((python, str(_SEED), str(_configuration(folder)), DATABASE, data), _DATABASE_SECONDS)
        os.replace(made, database)


def _run(command: Sequence[str], seconds: float, password_file: str = "") -> None:
    given = {"TRYTONPASSFILE": password_file} if password_file else {}
    try:
        done = subprocess.run(
            command,
            env=environment_for_child(**given),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoTryton(f"{Path(command[0]).name} failed: {error}") from error
    if done.returncode != 0:
        raise NoTryton(f"{Path(command[0]).name} ended with {done.returncode}: {done.stderr.strip()[-300:]}")


def main() -> int:
    """Install it; 1 where it can't be had."""
    try:
        with Progress("Tryton") as progress:
            install(ToolSettings.load(), progress)
    except NoTryton as error:
        print(error, file=sys.stderr)
        return 1
    return 0


__all__ = ["DATABASE", "NoTryton", "install", "is_installed", "prepare", "program"]

if __name__ == "__main__":
    sys.exit(main())
