"""The cost of a round per requirement: CPU of each program, history events and bytes, billable actions.

Each by itself, and its share of what several requirements have in common, such as their order.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from temporalio.client import WorkflowExecutionDescription

from benchmarks.ground import Ground, Side


class Meter:
    """CPU and actions of one side between `start` and `read`."""

    def __init__(self, on: Ground, side: Side, cpu: Mapping[str, float], actions: float | None) -> None:
        self._on = on
        self._side = side
        self._cpu = cpu
        self._actions = actions

    @classmethod
    async def start(cls, on: Ground, side: Side) -> "Meter":
        """Begin to count."""
        return cls(on, side, on.cpu(), await on.server.actions(side.name))

    async def read(self, requirements: int) -> dict[str, Any]:
        """CPU milliseconds and actions per requirement so far."""
        now, actions = self._on.cpu(), await self._on.server.actions(self._side.name)
        mine = {*self._side.programs, *self._on.server.programs}
        spent = {name: round(1000 * (now[name] - self._cpu[name]) / requirements, 1) for name in now if name in mine}
        counted = None
        if actions is not None and self._actions is not None:
            counted = round((actions - self._actions) / requirements, 2)
        return {"cpu_ms": spent, "cpu_ms_all": round(sum(spent.values()), 1), "actions": counted}


class Histories:
    """The histories of the workflows that a round started: events and bytes, by workflow type."""

    def __init__(self) -> None:
        self._events: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    @classmethod
    async def read(cls, side: Side, since: datetime) -> "Histories":
        """Those of all workflows that started since then."""
        histories = cls()
        async for found in side.client.list_workflows(f"StartTime >= '{since.isoformat()}'", page_size=1000):
            described = await side.client.get_workflow_handle(found.id, run_id=found.run_id).describe()
            histories._events[found.workflow_type] += described.history_length
            histories._bytes[found.workflow_type] += history_bytes(described)
        return histories

    def each(self, requirements: int) -> dict[str, dict[str, float]]:
        """Events and kilobytes per requirement: its own workflow's, and its share of others, such as its order's."""
        return {
            "events": _each(self._events, requirements),
            "history_kb": _each(self._bytes, 1000 * requirements),
        }


def history_bytes(described: WorkflowExecutionDescription) -> int:
    """The size of a run's history, as the server counts it."""
    return described.raw_description.workflow_execution_info.history_size_bytes


def _each(counted: Counter[str], parts: int) -> dict[str, float]:
    each = {kind: round(count / parts, 2) for kind, count in sorted(counted.items())}
    return {**each, "all": round(counted.total() / parts, 2)}
