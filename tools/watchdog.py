"""Ends a console's child programs when the console itself has died, even by kill -9.

It reads from its standard input which processes run (`+ pid start signal`) and which have ended (`- pid`). The pipe
closes when the console is gone, however it ended; processes still running then are asked to stop, and killed if they do
not.
"""

import os
import signal
import sys
import time
from contextlib import suppress

import psutil

GRACE_SECONDS = 5.0


def main() -> None:
    """Watch until the pipe closes, then end the remaining processes, the newest first."""
    running: dict[int, tuple[float, int]] = {}
    for line in sys.stdin:
        match line.split():
            case ["+", pid, started, stop_signal]:
                running[int(pid)] = (float(started), int(stop_signal))
            case ["-", pid]:
                running.pop(int(pid), None)
    left = {pid: entry for pid, entry in reversed(running.items()) if _runs(pid, entry[0])}
    for pid, (_, stop_signal) in left.items():
        _signal(pid, stop_signal)
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and any(_runs(pid, started) for pid, (started, _) in left.items()):
        time.sleep(0.05)
    for pid, (started, _) in left.items():
        if _runs(pid, started):
            _signal(pid, signal.SIGKILL)


def _runs(pid: int, started: float) -> bool:
    """Whether it is still the same process: the system reuses process ids."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


if __name__ == "__main__":
    main()
