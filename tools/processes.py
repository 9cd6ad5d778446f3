"""The child programs of a console: start, readiness, kill, restart, and an orderly end for all.

Decided here: that no program outlives the console, whether that ends, is interrupted (Ctrl-C, SIGTERM, SIGHUP) or is
killed (tools/watchdog.py). Not decided here: which programs there are, and their arguments.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx
import psutil

Ready = str | Callable[[], Awaitable[bool]]
"""A URL that answers below 400 when the program is ready, or a check to repeat until it succeeds."""

_POLL_SECONDS = 0.03
_WATCHDOG = Path(__file__).with_name("watchdog.py")


class ProgramFailed(Exception):
    """A program ended by itself or was not ready in time; the message ends with its last log lines."""


@dataclass(frozen=True)
class Program:
    """A command and its readiness check. `environment` is the complete environment, not an addition."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: Ready | None = None
    ready_seconds: float = 60
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10
    user: int | None = None
    """The user and group to run as; only root may set it."""
    directory: Path | None = None


@dataclass
class _Running:
    program: Program
    popen: subprocess.Popen[bytes]


class Processes:
    """Programs with their logs in `{directory}/logs`; as a context manager it ends them all."""

    def __init__(self, directory: Path, *, on_signals: bool = True) -> None:
        self.at_end = ExitStack()
        """Closed after the last program has ended, such as a lock on its files."""
        self._logs = directory / "logs"
        self._on_signals = on_signals
        self._running: dict[str, _Running] = {}
        self._logged: set[str] = set()
        self._watchdog: subprocess.Popen[str] | None = None
        self._signals: list[signal.Signals] = []

    async def __aenter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        task = asyncio.current_task()
        if self._on_signals and task is not None:
            # Ctrl-C cancels the task already (asyncio.run); without this, SIGTERM would skip every `finally`.
            for number in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
                self._signals.append(number)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.stop_all()
        finally:
            self.at_end.close()
        for number in self._signals:
            asyncio.get_running_loop().remove_signal_handler(number)

    def log(self, name: str) -> Path:
        """The log file of the program of that name; the previous run's log is beside it as `{name}.previous.log`."""
        return self._logs / f"{name}.log"

    def pid(self, name: str) -> int:
        """The process id of a program that was started."""
        return self._running[name].popen.pid

    def ended(self) -> dict[str, int]:
        """Programs that ended although nobody stopped them, with their exit codes."""
        codes = {name: running.popen.poll() for name, running in self._running.items()}
        return {name: code for name, code in codes.items() if code is not None}

    async def start(self, program: Program) -> int:
        """Start it, wait until it is ready, and return its process id. Raises ProgramFailed."""
        if program.name in self._running and self._running[program.name].popen.poll() is None:
            raise ValueError(f"{program.name} runs already (process {self.pid(program.name)}): stop it first")
        popen = self._spawn(program)
        self._running[program.name] = _Running(program, popen)
        self._watch(f"+ {popen.pid} {_started(popen.pid)} {int(program.stop_signal)}")
        try:
            await self._until_ready(program, popen)
        except BaseException:
            await self.stop(program.name)
            raise
        return popen.pid

    async def kill(self, name: str) -> None:
        """End it like a crash (SIGKILL), with all its child processes."""
        popen = self._running[name].popen
        _signal_group(popen.pid, signal.SIGKILL)
        await _until_ended(popen, seconds=10)
        self._watch(f"- {popen.pid}")

    async def restart(self, name: str) -> int:
        """Start it again with the same arguments; stops it first if it is still running."""
        program = self._running[name].program
        await self.stop(name)
        return await self.start(program)

    async def stop(self, name: str) -> None:
        """Ask it to stop; kill it when it does not within its `stop_seconds`."""
        running = self._running.pop(name)
        if running.popen.poll() is None:
            _signal_group(running.popen.pid, running.program.stop_signal)
            if not await _until_ended(running.popen, running.program.stop_seconds):
                _signal_group(running.popen.pid, signal.SIGKILL)
                await _until_ended(running.popen, seconds=10)
        self._watch(f"- {running.popen.pid}")

    async def stop_all(self) -> None:
        """Stop every program, the newest first."""
        for name in reversed(list(self._running)):
            await self.stop(name)
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
            await _until_ended(self._watchdog, seconds=10)
            self._watchdog = None

    def last_lines(self, name: str, count: int = 20) -> str:
        """The last lines of its log."""
        with suppress(OSError):
            return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-count:])
        return ""

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        with self._open_log(program.name) as log:
            return subprocess.Popen(
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(program.environment),
                cwd=program.directory,
                # A session of its own: the terminal's Ctrl-C reaches only the console, which then ends all in order.
                start_new_session=True,
                user=program.user,
                group=program.user,
                extra_groups=[] if program.user is not None else None,
            )

    def _open_log(self, name: str) -> IO[bytes]:
        path = self.log(name)
        if name not in self._logged:
            self._logged.add(name)
            with suppress(FileNotFoundError):
                path.replace(path.with_name(f"{name}.previous.log"))
        return path.open("ab")

    def _watch(self, line: str) -> None:
        if self._watchdog is None:
            self._watchdog = subprocess.Popen(
                (sys.executable, str(_WATCHDOG)), stdin=subprocess.PIPE, text=True, start_new_session=True
            )
        if self._watchdog.stdin is not None:
            with suppress(BrokenPipeError):
                print(line, file=self._watchdog.stdin, flush=True)

    async def _until_ready(self, program: Program, popen: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + program.ready_seconds
        while not await _is_ready(program.ready):
            if popen.poll() is not None:
                raise self._failed(program, f"ended with code {popen.returncode}")
            if time.monotonic() > deadline:
                raise self._failed(program, f"was not ready after {program.ready_seconds:g} s")
            await asyncio.sleep(_POLL_SECONDS)
        if popen.poll() is not None:
            raise self._failed(program, f"ended with code {popen.returncode}")

    def _failed(self, program: Program, what: str) -> ProgramFailed:
        return ProgramFailed(f"{program.name} {what}; {self.log(program.name)} ends:\n{self.last_lines(program.name)}")


async def _is_ready(ready: Ready | None) -> bool:
    if ready is None:
        return True
    if not isinstance(ready, str):
        return await ready()
    # trust_env: a proxy for the outside world must not be used for programs on this machine.
    async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
        try:
            return (await client.get(ready)).status_code < 400
        except httpx.HTTPError:
            return False


async def _until_ended(popen: subprocess.Popen[bytes] | subprocess.Popen[str], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while popen.poll() is None:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _started(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0
