"""How worker and gateway run: on which event loop, and how often Python looks for garbage.

uvloop where it is installed (it is not made for Windows): a fifth of the worker's CPU less than asyncio's own.
"""

import asyncio
import gc
import importlib
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

_YOUNG, _MIDDLE, _OLD = 20_000, 5, 3
"""Of `gc.set_threshold`. Python's own (700, 10, 10) looks through the young objects some hundred times for each
requirement and finds next to nothing, since what requests and workflow tasks leave is freed by its count: 8 % of a
worker's CPU. What is garbage is the workflows that left the worker's cache: everything is looked through once for a few
hundred of them, or they would take the memory of as many."""


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """As asyncio.run; what is loaded by now counts as there for good."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
    try:
        factory = importlib.import_module("uvloop").new_event_loop
    except ImportError:
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
