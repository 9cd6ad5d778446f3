"""docker-compose.yml without a container engine: each service is a process on a loopback address of its own.

The file's own commands, environments and health checks are run. Changed is only what a container would have made true:
a service's name becomes its address, `0.0.0.0` and `localhost` within it likewise, a mounted file its place here, and
`python` and the images' programs those of this machine. PostgreSQL's image, which makes users and databases of its
environment, is played by `start_database`. Linux only: elsewhere loopback has one address.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import yaml

from settings import environment_for_child
from tools import postgres
from tools.processes import Processes, Program

ROOT = Path(__file__).resolve().parents[2]
_VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?::(?P<how>[-?])(?P<text>[^}]*))?\}")
_PASSWORDS_ONLY = "local all all trust\nhost all all all scram-sha-256\n"


class Compose:
    """The services of the file, with the values of an .env file."""

    def __init__(
        self, values: Mapping[str, str], programs: Path, database: Path, processes: Processes, folder: Path
    ) -> None:
        """`programs`: a folder with the images' programs of Temporal, and its schemas; `database`: PostgreSQL's."""
        self._values = values
        self._programs = programs
        self._database = database
        self._processes = processes
        self._folder = folder
        self.services: dict[str, dict[str, Any]] = self._filled_in(
            yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
        )
        self.addresses = {
            name: f"127.{64 + os.getpid() % 128}.{os.getpid() // 128 % 250}.{number}"
            for number, name in enumerate(self.services, 2)
        }
        self.seconds: dict[str, float] = {}
        """How long each step took."""

    def environment(self, service: str) -> dict[str, str]:
        """What its processes get, and nothing of this machine's but where programs are."""
        folders = (self._programs, self._database / "bin", Path(sys.executable).parent, self._folder)
        given = {name: self._here(service, str(value)) for name, value in self.services[service]["environment"].items()}
        machine = environment_for_child()
        path = ":".join((*map(str, folders[:-1]), machine["PATH"], str(folders[-1])))
        return {"PATH": path, "HOME": str(self._folder), "PEGLINE_ENV_FILE": machine["PEGLINE_ENV_FILE"], **given}

    async def start_database(self, service: str, data: Path) -> None:
        """PostgreSQL with the user, the password and the database of its environment."""
        rules = self._folder / f"{service}.hba"
        rules.write_text(_PASSWORDS_ONLY)
        rules.chmod(0o644)
        began = time.monotonic()
        program, *arguments = self.services[service]["command"]
        assert program == "postgres"
        address = self.addresses[service]
        server = await postgres.start(
            self._processes,
            data,
            installed=self._database,
            name=service,
            arguments=(*arguments, "-c", f"listen_addresses={address}", "-c", "port=5432", "-c", f"hba_file={rules}"),
        )
        given = self.environment(service)
        user, password = given["POSTGRES_USER"], given["POSTGRES_PASSWORD"]
        connection = await asyncpg.connect(host=str(server.sockets), user="postgres", database="postgres")
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", user):
                await connection.execute(f"CREATE ROLE {user} SUPERUSER LOGIN PASSWORD '{password}'")
        finally:
            await connection.close()
        await server.create(given.get("POSTGRES_DB", user))
        await self._healthy(service, began)

    async def start(self, service: str, command: Sequence[str] | None = None) -> None:
        """Start its command and wait until its health check holds; `command` is the image's, if the file has none."""
        began = time.monotonic()
        await self._processes.start(self._program(service, command))
        await self._healthy(service, began)

    async def run(self, service: str, command: Sequence[str] | None = None) -> str:
        """Run a service that ends by itself; returns its output, and fails where it fails."""
        began = time.monotonic()
        program = self._program(service, command)
        code, output = await self._execute(program.command, program.environment)
        assert code == 0, f"{service} ended with {code}:\n{output}"
        self._took(service, began)
        return output

    def _program(self, service: str, command: Sequence[str] | None) -> Program:
        found = self.services[service]
        parts = [*found.get("entrypoint", []), *(command or found.get("command", []))]
        return Program(
            service, tuple(self._here(service, part) for part in parts), self.environment(service), directory=ROOT
        )

    async def _healthy(self, service: str, began: float) -> None:
        """Until its health check holds, for as long as the file allows."""
        check = self.services[service]["healthcheck"]
        kind, *words = check["test"]
        command = ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words
        allowed = check["retries"] * _seconds(check["interval"]) + _seconds(check.get("start_period", "0s"))
        environment = self.environment(service) | {"PGHOST": self.addresses[service]}
        while True:
            code, output = await self._execute([self._here(service, word) for word in command], environment)
            if code == 0:
                return self._took(service, began)
            log = self._processes.last_lines(service)
            assert time.monotonic() < began + allowed, f"{service} is not healthy after {allowed} s: {output}\n{log}"
            assert service not in self._processes.ended(), f"{service} has ended: {log}"
            await asyncio.sleep(0.5)

    def _took(self, service: str, began: float) -> None:
        self.seconds[service] = time.monotonic() - began

    async def _execute(self, command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode(errors="replace")

    # -- what containers make true

    def _here(self, service: str, text: str) -> str:
        """The text as it has to be outside the service's container."""
        for volume in self.services[service].get("volumes", []):
            outside, inside = volume.split(":")[:2]
            if outside.startswith((".", "/")):
                text = re.sub(rf"(?<![\w/]){re.escape(inside)}(?![\w-])", str(ROOT / outside), text)
        text = text.replace("/etc/temporal/schema", str(self._programs / "schema"))
        for name, address in self.addresses.items():
            # A name with a dash is nothing else; others are services where a port follows.
            text = re.sub(
                rf"(?<![\w./-]){name}(?=:\d)" if "-" not in name else rf"(?<![\w./-]){name}(?![\w/-])", address, text
            )
        own = self.addresses[service]
        return re.sub(r"\b(?:0\.0\.0\.0|127\.0\.0\.1|localhost)\b", own, text)

    def _filled_in(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._filled_in(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._filled_in(each) for each in value]
        return _VARIABLE.sub(self._value, value) if isinstance(value, str) else value

    def _value(self, found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        given = self._values.get(found["name"], "")
        assert given or found["how"] != "?", f"{found['name']}: {found['text']}"
        return given or (found["text"] or "" if found["how"] == "-" else "")


def whole_postgres() -> Path | None:
    """The folder above `bin` of a PostgreSQL with its contributed modules, as its image has them: Temporal's
    visibility needs btree_gin, which the embedded one lacks. None: there is none on this machine.
    """
    config = shutil.which("pg_config")
    if config is None:
        return None
    answer = subprocess.run([config, "--bindir", "--sharedir"], capture_output=True, text=True, check=True).stdout
    programs, shared = map(Path, answer.split("\n")[:2])
    complete = (programs / "initdb").exists() and (shared / "extension" / "btree_gin.control").exists()
    return programs.parent if complete else None


def _seconds(duration: str) -> float:
    found = re.fullmatch(r"(\d+)s", duration)
    assert found is not None, duration
    return float(found[1])
