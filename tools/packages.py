"""Installs a lock file's packages into the running Python, and shows its progress.

    .venv/bin/python -m tools.packages requirements-dev.lock

Only the standard library is available when it runs. The machine decides where packages come from (pip's own
configuration), the lock which ones.
"""

import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tools.progress import Progress

_PIP = (sys.executable, "-m", "pip")


class _PipOutput:
    """pip's progress, by its output."""

    def __init__(self, locked: int) -> None:
        self.requested = locked
        self.fetched = 0
        self.to_install = 0

    def read(self, line: str) -> None:
        if line.startswith("Ignoring "):  # a package for other platforms
            self.requested -= 1
        elif line.startswith(("Collecting ", "Requirement already satisfied: ")):
            self.fetched += 1
        elif line.startswith("Installing collected packages: "):
            self.to_install = line.count(",") + 1


def install(lock: Path, progress: Progress, *, site: Path, pip: Sequence[str] = _PIP) -> int:
    """Install exactly the lock's packages; the exit code is pip's, whose warnings and errors go to standard error.

    `site` is the directory that pip installs to.
    """
    output = _PipOutput(sum(line[:1].isalpha() and "==" in line for line in lock.read_text().splitlines()))
    command = (*pip, "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off")
    began = time.time()
    with tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(
            (*command, "--no-deps", "--require-hashes", "-r", str(lock)),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process:
            assert process.stdout is not None
            reader = threading.Thread(target=_read_all, args=(process.stdout, output))
            reader.start()
            while reader.is_alive():
                progress.say(_describe(output, site, began))
                reader.join(0.2)
        errors.seek(0)
        statement = errors.read()
    if process.returncode == 0:
        progress.done(f"{output.to_install} installed")
    if statement:
        print(statement, end="", file=sys.stderr)
    return process.returncode


def _read_all(lines: Iterable[str], output: _PipOutput) -> None:
    for line in lines:
        output.read(line)


def _describe(output: _PipOutput, site: Path, began: float) -> str:
    if not output.to_install:
        return f"1 of 2, downloading, {output.fetched} of {output.requested}"
    # pip prints nothing while it installs, but ends each package by writing its RECORD.
    written = sum(record.stat().st_mtime >= began for record in site.glob("*.dist-info/RECORD"))
    return f"2 of 2, installing, {min(written, output.to_install)} of {output.to_install}"


if __name__ == "__main__":
    with Progress("Packages") as shown:
        sys.exit(install(Path(sys.argv[1]), shown, site=Path(sysconfig.get_path("purelib"))))
