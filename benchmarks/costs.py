"""What a round cost: CPU of each program, history events and billable actions, a requirement's share of the order's."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from benchmarks.ground import Ground, Side


class Meter:
    """From its making to `read`: CPU and actions of one side."""

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
        """CPU milliseconds and actions a requirement, so far."""
        now, actions = self._on.cpu(), await self._on.server.actions(self._side.name)
        mine = {*self._side.programs, *self._on.server.programs}
        spent = {name: round(1000 * (now[name] - self._cpu[name]) / requirements, 1) for name in now if name in mine}
        counted = None
        if actions is not None and self._actions is not None:
            counted = round((actions - self._actions) / requirements, 2)
        return {"cpu_ms": spent, "cpu_ms_all": round(sum(spent.values()), 1), "actions": counted}


async def events_of(side: Side, since: datetime, requirements: int) -> dict[str, float]:
    """History events a requirement by workflow type, of all that started since then."""
    events: dict[str, int] = {}
    async for found in side.client.list_workflows(f"StartTime >= '{since.isoformat()}'", page_size=1000):
        described = await side.client.get_workflow_handle(found.id, run_id=found.run_id).describe()
        kind = found.workflow_type
        events[kind] = events.get(kind, 0) + described.history_length
    each = {kind: round(count / requirements, 2) for kind, count in sorted(events.items())}
    return {**each, "all": round(sum(events.values()) / requirements, 2)}
