"""Ends what a console started when the console itself has died, kill -9 included.

It reads from its standard input who runs (`+ pid start signal`) and who no longer does (`- pid`). The pipe closes when
the console is gone, however it went; what still runs then is told to stop, and is killed when it does not.
"""

import os
import signal
import sys
import time
from contextlib import suppress

import psutil

GRACE_SECONDS = 5.0


def main() -> None:
    """Watch until the pipe closes, then end what is left, the newest first."""
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
    """Whether it is still that process: the system gives a number again to another one."""
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
