"""The activities of an object, as a Worker takes them."""

import inspect
from collections.abc import Callable
from typing import Any

from temporalio import activity


def activities_of(group: object) -> list[Callable[..., Any]]:
    """The activities among an object's methods."""
    return [method for _, method in inspect.getmembers(group, callable) if activity._Definition.from_callable(method)]


__all__ = ["activities_of"]
