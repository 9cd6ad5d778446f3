"""How worker and gateway run: the event loop, and how often Python collects garbage.

uvloop where it is installed (not on Windows): the worker needs a fifth less CPU than with asyncio's own loop.
"""

import asyncio
import gc
import importlib
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

_YOUNG, _MIDDLE, _OLD = 20_000, 5, 3
"""Arguments of `gc.set_threshold`. Python's defaults (700, 10, 10) scan the young objects some hundred times per
requirement, 8 % of a worker's CPU, and find next to nothing, since reference counting frees what requests and workflow
tasks leave behind. The real garbage is workflows evicted from the worker's cache: with these values a full collection
runs once per few hundred of them, which bounds the memory they hold."""


def collect_rarely() -> None:
    """Have Python collect garbage as seldom as it is worth for workflows."""
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Like asyncio.run; objects that exist by now are excluded from garbage collection."""
    gc.collect()
    gc.freeze()
    collect_rarely()
    try:
        factory = importlib.import_module("uvloop").new_event_loop
    except ImportError:
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
