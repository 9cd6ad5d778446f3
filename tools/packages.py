"""Installs a lock file's packages into a Python environment, and shows its progress.

    .venv/bin/python -m tools.packages requirements-dev.lock

By uv, which takes a fifth of pip's time: pip installs it first, where the lock names it. Where uv cannot do it, pip
does it all. Only the standard library is available when it runs. The machine decides where packages come from (pip's
own configuration), the lock which ones.
"""

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from tools.progress import Progress

_UV_BY_PIP = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
    "trusted-host": "UV_INSECURE_HOST",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "proxy": "ALL_PROXY",
}
"""What uv calls pip's settings."""


class _Output:
    """How far pip or uv is, by its output."""

    def __init__(self, locked: int) -> None:
        self.requested = locked
        self.fetched = 0
        self.to_install = 0

    def read_pip(self, line: str) -> None:
        if line.startswith("Ignoring "):  # a package for other platforms
            self.requested -= 1
        elif line.startswith(("Collecting ", "Requirement already satisfied: ")):
            self.fetched += 1
        elif line.startswith("Installing collected packages: "):
            self.fetched = self.to_install = line.count(",") + 1

    def read_uv(self, line: str) -> None:
        if said := re.match(r"(Resolved|Prepared|Installed) (\d+) package", line):
            count = int(said[2])
            match said[1]:
                case "Resolved":
                    self.requested = self.to_install = count
                case "Prepared":
                    self.fetched = self.to_install = count
                case _:
                    self.to_install = count


class Environment:
    """A Python environment and the programs that install into it."""

    def __init__(self, python: Path, site: Path, *, pip: Sequence[str] = (), uv: Path | None = None) -> None:
        self._site = site
        self._pip = pip or (str(python), "-m", "pip")
        self._python = python
        self._uv = uv or Path(sys.executable).with_name("uv")

    def install(self, lock: Path, progress: Progress) -> int:
        """Install exactly the lock's packages; exit code, warnings and errors (to standard error) are pip's."""
        text = lock.read_text()
        if not self._uv.exists() and (requirement := re.search(r"^uv==.*(?:\n[ \t].*)*", text, re.MULTILINE)):
            with tempfile.NamedTemporaryFile("w", suffix=".lock") as alone:
                alone.write(requirement[0] + "\n")
                alone.flush()
                self._by_pip(Path(alone.name), progress)
        if self._uv.exists() and self._by_uv(lock, progress):
            return 0
        code, output, said = self._by_pip(lock, progress)
        if code == 0:
            progress.done(f"{output.to_install} installed")
        if said:
            print(said, end="", file=sys.stderr)
        return code

    def _by_uv(self, lock: Path, progress: Progress) -> bool:
        command = (str(self._uv), "pip", "install", "--no-deps", "--require-hashes", "--no-progress")
        # Where Python may write no bytecode, each process would compile it all again.
        compiled = ("--compile-bytecode",) if sys.dont_write_bytecode else ()
        to = (*compiled, "--python", str(self._python), "-r", str(lock))
        settings = uv_settings(_pip_settings(self._pip), os.environ)
        output = _Output(_locked(lock))
        code, _ = self._run((*command, *to), output, output.read_uv, progress, settings)
        if code == 0:
            progress.done(f"{output.to_install} installed")
        return code == 0

    def _by_pip(self, lock: Path, progress: Progress) -> tuple[int, _Output, str]:
        command = (*self._pip, "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off")
        output = _Output(_locked(lock))
        code, said = self._run(
            (*command, "--no-deps", "--require-hashes", "-r", str(lock)), output, output.read_pip, progress, {}
        )
        return code, output, said

    def _run(
        self,
        command: Sequence[str],
        output: _Output,
        read: Callable[[str], None],
        progress: Progress,
        settings: Mapping[str, str],
    ) -> tuple[int, str]:
        began, errors = time.time(), list[str]()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **settings}
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            readers = [
                threading.Thread(target=_read_all, args=(process.stdout, read)),
                threading.Thread(target=_read_all, args=(process.stderr, read, errors.append)),
            ]
            for reader in readers:
                reader.start()
            while any(reader.is_alive() for reader in readers):
                progress.say(self._describe(output, began))
                readers[0].join(0.2)
                readers[1].join(0.05)
        return process.returncode, "".join(errors)

    def _describe(self, output: _Output, began: float) -> str:
        # Neither says what it installs while it does, but each package ends by its RECORD.
        written = sum(record.stat().st_mtime >= began for record in self._site.glob("*.dist-info/RECORD"))
        if not output.to_install or (output.fetched < output.to_install and not written):
            fetched = f"{output.fetched} of " if output.fetched else ""
            return f"1 of 2, downloading, {fetched}{output.requested}"
        return f"2 of 2, installing, {min(written, output.to_install)} of {output.to_install}"


def _locked(lock: Path) -> int:
    return sum(line[:1].isalpha() and "==" in line for line in lock.read_text().splitlines())


def _pip_settings(pip: Sequence[str]) -> dict[str, str]:
    """pip's configuration: a command's own over the general, the environment over files."""
    listed = subprocess.run(
        (*pip, "config", "list", "--disable-pip-version-check"), capture_output=True, text=True, check=False
    )
    found: dict[str, str] = {}
    ranks = ("global", "install", ":env:")
    lines = [match for line in listed.stdout.splitlines() if (match := re.match(r"(\S+?)\.([\w-]+)='(.*)'$", line))]
    for section in ranks:
        found |= {line[2]: line[3].replace("\\n", "\n") for line in lines if line[1] == section}
    return found


def uv_settings(pip: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The environment that has uv take packages from where pip would; what is set for uv itself stays."""
    settings = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_NO_CONFIG": "1"}  # the lock's hashes decide
    for name, value in pip.items():
        if (named := _UV_BY_PIP.get(name)) and named not in environment and value.strip():
            separator = "," if named == "UV_FIND_LINKS" else " "
            settings[named] = separator.join(value.split())
    return settings


def _read_all(lines: Iterable[str], *readers: Callable[[str], None]) -> None:
    for line in lines:
        for read in readers:
            read(line)


if __name__ == "__main__":
    with Progress("Packages") as shown:
        running = Environment(Path(sys.executable), Path(sysconfig.get_path("purelib")))
        sys.exit(running.install(Path(sys.argv[1]), shown))
