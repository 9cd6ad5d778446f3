"""A real Tryton server to try the adapter on: packages of its own, a database made once, then a file to copy.

Tryton is GPL and no part of the product: its packages lie in an environment of their own in the user's cache, by a lock
with hashes, and nothing of ours imports them. The first time takes a minute or two (packages, then the database's
tables); afterwards a copy of the database is served within seconds.
"""

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

from settings import ToolSettings, environment_for_child
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
    version = hashlib.sha256(_LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = settings.cache_directory / "tryton" / version
    environment = folder / "environment"
    if not (environment / "complete").exists():
        progress.say("installing Tryton for the tests of its adapter")
        _install(environment)
    content = json.dumps(data, sort_keys=True).encode()
    name = hashlib.sha256(content + _SEED.read_bytes() + repr(MODULES).encode()).hexdigest()[:12]
    database = folder / f"{name}.sqlite"
    if not database.exists():
        progress.say("making Tryton's database for the tests of its adapter")
        _fill(environment, database, content)
    return environment, database


def program(environment: Path, database: Path, folder: Path) -> tuple[Program, str]:
    """The server of a copy of the database, and its address. What it writes stays in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(database, folder / f"{DATABASE}.sqlite")
    address = f"{LOOPBACK}:{free_port()}"
    command = (str(environment / "bin" / "trytond"), "-c", str(_configuration(folder, address)), "-d", DATABASE)
    # Any answer below 400 will do; its root redirects or serves nothing before its pool is there.
    server = Program("tryton", command, environment_for_child(), ready=None)
    return server, f"http://{address}"


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


def _install(environment: Path) -> None:
    shutil.rmtree(environment, ignore_errors=True)
    environment.parent.mkdir(parents=True, exist_ok=True)
    _run((sys.executable, "-m", "venv", str(environment)), _INSTALL_SECONDS)
    pip = (str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run((*pip, "--no-input", "--no-deps", "--require-hashes", "-r", str(_LOCK)), _INSTALL_SECONDS)
    (environment / "complete").touch()


def _fill(environment: Path, database: Path, content: bytes) -> None:
    with tempfile.TemporaryDirectory(dir=database.parent) as name:
        folder = Path(name)
        made = folder / f"{DATABASE}.sqlite"
        made.touch()
        (folder / "data.json").write_bytes(content)
        (folder / "password").write_text("administrator-8k2\n")
        configuration = str(_configuration(folder))
        programs = environment / "bin"
        update = (str(programs / "trytond-admin"), "-c", configuration, "-d", DATABASE, "-u", *MODULES)
        secret = str(folder / "password")
        _run((*update, "--activate-dependencies", "--email", "admin@example.com"), _DATABASE_SECONDS, secret)
        seed = (str(programs / "python"), str(_SEED), configuration, DATABASE, str(folder / "data.json"))
        _run(seed, _DATABASE_SECONDS)
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


__all__ = ["DATABASE", "NoTryton", "prepare", "program"]
