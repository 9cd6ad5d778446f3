"""Processes of a console are ready when it reports so, restart after a crash, and never outlive the console."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from settings import environment_for_child
from tools.ports import free_port
from tools.processes import Processes, Program, ProgramFailed


def web_server(name: str, port: int) -> Program:
    return Program(
        name=name,
        command=(sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)),
        environment=environment_for_child(),
        ready=f"http://127.0.0.1:{port}/",
    )


def python(name: str, code: str, **changes: object) -> Program:
    return Program(name, (sys.executable, "-c", code), environment_for_child(), **changes)  # type: ignore[arg-type]


async def answers(port: int) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://127.0.0.1:{port}/")).status_code == 200


async def test_a_program_answers_once_it_is_started(tmp_path: Path) -> None:
    port = free_port()
    async with Processes(tmp_path, on_signals=False) as processes:
        pid = await processes.start(web_server("books", port))
        assert await answers(port)
        assert processes.ended() == {}
        assert "GET / HTTP" in processes.log("books").read_text()
    assert not psutil.pid_exists(pid)


async def test_a_killed_program_is_seen_and_starts_again(tmp_path: Path) -> None:
    port = free_port()
    async with Processes(tmp_path, on_signals=False) as processes:
        first = await processes.start(web_server("worker", port))
        await processes.kill("worker")
        assert processes.ended() == {"worker": -signal.SIGKILL}
        second = await processes.restart("worker")
        assert second != first
        assert await answers(port)


async def test_a_program_that_ends_by_itself_is_shown_with_its_last_words(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    async with Processes(tmp_path, on_signals=False) as processes:
        with pytest.raises(ProgramFailed, match=r"(?s)broken ended with code 3.*no such plant"):
            await processes.start(python("broken", "print('no such plant'); raise SystemExit(3)", ready=never))
        with pytest.raises(ProgramFailed, match=r"slow was not ready after 0.2 s"):
            await processes.start(python("slow", "import time; time.sleep(60)", ready=never, ready_seconds=0.2))
        assert processes.ended() == {}


async def test_a_program_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )

    async def is_deaf() -> bool:
        return "deaf" in processes.log("deaf").read_text()

    async with Processes(tmp_path, on_signals=False) as processes:
        pid = await processes.start(python("deaf", deaf, ready=is_deaf, stop_seconds=0.2))
    assert not psutil.pid_exists(pid)


async def test_a_former_runs_log_is_kept_and_a_restart_adds_to_the_present_one(tmp_path: Path) -> None:
    for _ in range(2):
        async with Processes(tmp_path, on_signals=False) as processes:
            await processes.start(web_server("gateway", free_port()))
            await processes.restart("gateway")
    assert (tmp_path / "logs" / "gateway.previous.log").read_text().count("GET / HTTP") == 2
    assert (tmp_path / "logs" / "gateway.log").read_text().count("GET / HTTP") == 2


CONSOLE = """
import asyncio, signal, sys
from pathlib import Path
from settings import environment_for_child
from tools.processes import Processes, Program

async def console() -> None:
    async with Processes(Path(sys.argv[1])) as processes:
        sleeper = (sys.executable, "-c", "import time; time.sleep(60)")
        for name in ("gateway", "worker"):
            print(await processes.start(Program(name, sleeper, environment_for_child())), flush=True)
        await asyncio.sleep(60)

# A shell that runs the tests in the background has them ignore Ctrl-C, and so would this child.
signal.signal(signal.SIGINT, signal.default_int_handler)
asyncio.run(console())
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=["ctrl-c", "term", "kill-9"])
def test_nothing_outlives_the_console(tmp_path: Path, end: signal.Signals) -> None:
    with subprocess.Popen(
        (sys.executable, "-c", CONSOLE, str(tmp_path)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as console:
        assert console.stdout is not None
        children = [psutil.Process(int(console.stdout.readline())) for _ in range(2)]
        os.kill(console.pid, end)
        deadline = time.monotonic() + 10
        while any(_runs(child) for child in children) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [child for child in children if _runs(child)] == []


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_port_that_is_taken_is_no_problem() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port(port) != port
    assert free_port(port) == port
    assert free_port(port) != port, "promised to another program a moment ago"
