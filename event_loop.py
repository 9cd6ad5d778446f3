"""The event loop that worker and gateway run on.

uvloop where it is installed (it is not made for Windows): a fifth of the worker's CPU less than asyncio's own.
"""

import asyncio
import importlib
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """As asyncio.run."""
    try:
        factory = importlib.import_module("uvloop").new_event_loop
    except ImportError:
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
