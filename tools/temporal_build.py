"""Builds Temporal's dev server, or its server for production, from the Go module proxy: once, into the user's cache.

Both are pinned by the module in tools/temporal (go.mod, go.sum). They are built in Go caches of their own that are
deleted afterwards: they take some gigabytes, and only the results are kept.
"""

import fcntl
import shutil
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from settings import environment_for_child
from tools.progress import Progress

MODULE = Path(__file__).with_name("temporal")
_CLI = {"temporal": "github.com/temporalio/cli/cmd/temporal"}
_SERVER_MODULE = "go.temporal.io/server"
SERVER = {
    "temporal-server": f"{_SERVER_MODULE}/cmd/server",
    "temporal-sql-tool": f"{_SERVER_MODULE}/cmd/tools/sql",
}
"""Programs of the images temporalio/server and temporalio/admin-tools, by name."""


class BuildFailed(Exception):
    """Go could not build it; the message ends with Go's last lines."""


def build(target: Path, progress: Progress, go: str = "go") -> None:
    """Build the dev server as `target`; concurrent builds share one result. Raises BuildFailed."""
    with _room(target, progress) as room:
        if room is not None:
            _build_in(room, _CLI, progress, go)
            (room / "temporal").replace(target)


def build_server(target: Path, progress: Progress, go: str = "go") -> None:
    """Build the server's programs into the folder `target`, with the database schemas in `schema`, as its images have
    them. Raises BuildFailed.
    """
    with _room(target, progress) as room:
        if room is not None:
            environment = _build_in(room, SERVER, progress, go)
            [sources] = _run(
                (go, "list", "-m", "-f", "{{.Dir}}", _SERVER_MODULE), environment, progress, lambda _: None
            )
            built = room / "built"
            shutil.copytree(Path(sources.strip()) / "schema", built / "schema")
            for name in SERVER:
                (room / name).replace(built / name)
            built.replace(target)


@contextmanager
def _room(target: Path, progress: Progress) -> Iterator[Path | None]:
    """A folder to build the target in, removed afterwards; None where it is built already."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with _lock(target.with_name("build.lock"), progress):
        if target.exists():
            yield None
            return
        for leftover in target.parent.glob("build-*/"):
            _remove(leftover)
        room = Path(tempfile.mkdtemp(prefix="build-", dir=target.parent))
        try:
            yield room
        finally:
            progress.say("removing Go's caches")
            _remove(room)


def _build_in(room: Path, programs: Mapping[str, str], progress: Progress, go: str) -> dict[str, str]:
    """Build the packages as files of these names; returns Go's environment."""
    folders = {"GOCACHE": room / "cache", "GOMODCACHE": room / "modules", "GOTMPDIR": room / "tmp"}
    for folder in folders.values():
        folder.mkdir()
    environment = environment_for_child(
        # modcacherw: Go write-protects what it downloads, and such a folder can't simply be deleted.
        GOFLAGS="-mod=readonly -modcacherw",
        GOWORK="off",
        CGO_ENABLED="0",
        **{name: str(folder) for name, folder in folders.items()},
    )
    downloads = 0

    def downloading(line: str) -> None:
        nonlocal downloads
        downloads += line.startswith("go: downloading")
        progress.say(f"1 of 2, downloading its sources, {downloads} modules so far")

    packages = _run((go, "list", "-deps", *programs.values()), environment, progress, downloading)
    compiled = 0

    def compiling(line: str) -> None:
        nonlocal compiled
        compiled += bool(line) and not line.startswith(("go:", "#"))
        share = min(compiled / max(len(packages), 1), 1)
        progress.say(f"2 of 2, compiling, {compiled} of {len(packages)} packages ({share:.0%})")

    for name, package in programs.items():
        command = (go, "build", "-v", "-trimpath", "-ldflags=-s -w", "-o", str(room / name), package)
        _run(command, environment, progress, compiling)
    return environment


def _run(
    command: tuple[str, ...], environment: dict[str, str], progress: Progress, delivered: Callable[[str], None]
) -> list[str]:
    """Run Go and return the lines of its standard output; `delivered` gets the others, and "" while there are none."""
    last: deque[str] = deque(maxlen=15)
    output: list[str] = []
    with subprocess.Popen(
        command, cwd=MODULE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        statement: deque[str] = deque()
        readers = [
            threading.Thread(target=output.extend, args=(process.stdout,), daemon=True),
            threading.Thread(target=statement.extend, args=(process.stderr,), daemon=True),
        ]
        for reader in readers:
            reader.start()
        try:
            # Not until the process ends: its last output may still be in the pipe then.
            while readers[1].is_alive() or statement:
                line = statement.popleft().rstrip() if statement else ""
                delivered(line)
                if line:
                    last.append(line)
                else:
                    time.sleep(0.1)
            for reader in readers:
                reader.join()
            process.wait()
        finally:
            if process.poll() is None:
                process.kill()
    if process.returncode != 0:
        raise BuildFailed(f"{' '.join(command[:2])} ended with code {process.returncode}:\n" + "\n".join(last))
    return output


@contextmanager
def _lock(path: Path, progress: Progress) -> Iterator[None]:
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                progress.say("another build of it is under way, waiting for that")
                time.sleep(0.5)
        yield


def _remove(folder: Path) -> None:
    # A build that was killed may have left write-protected folders behind.
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder)
