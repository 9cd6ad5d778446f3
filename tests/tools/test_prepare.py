"""Preparing an installation ends cleanly."""

import _thread
import subprocess
import sys
import threading
import time

from runtime.prepare import wait_for_foreign_threads


def test_the_end_waits_for_a_thread_that_python_did_not_start() -> None:
    inside, left = threading.Event(), []

    def foreign() -> None:
        inside.set()
        time.sleep(0.2)
        left.append(True)

    _thread.start_new_thread(foreign, ())
    assert inside.wait(5)
    wait_for_foreign_threads()
    assert left


def test_the_end_does_not_wait_for_threads_of_our_own() -> None:
    # In an interpreter of its own: what runs these tests side by side has threads that Python's list does not show.
    statement = subprocess.run(
        [sys.executable, "-c", _WITH_A_THREAD_OF_OURS], capture_output=True, text=True, check=True
    )
    assert float(statement.stdout) < 1


_WITH_A_THREAD_OF_OURS = """
import threading, time
from runtime.prepare import wait_for_foreign_threads

stay = threading.Event()
threading.Thread(target=stay.wait).start()
began = time.monotonic()
wait_for_foreign_threads()
print(time.monotonic() - began)
stay.set()
"""
