"""The planning systems whose plans are read, plant by plant, as the landscape has them.

Decided here: a system's plan is read for the plants where it owns `requirement` or, where the landscape leaves that to
the policy, `coverage`.
"""

import logging
from collections.abc import Iterator

from adapters.errors import AdapterError
from adapters.ports import PolicyPort
from canonical.landscape import Domain, SystemKind
from gateway.plan_runs.fetching import PlanSource
from runtime.systems import SystemPool

log = logging.getLogger("pegline.systems")


class PlansOfSystems:
    """Gives the plan sources of the landscape in force."""

    def __init__(self, pool: SystemPool, policies: PolicyPort) -> None:
        self._pool, self._policies = pool, policies

    def __call__(self) -> list[PlanSource]:
        """All of them; a system that can't be connected has none, and the log says why."""
        return [source for name in self._pool.landscape.of_kind(SystemKind.PLANNING) for source in self._of(name)]

    def _of(self, name: str) -> Iterator[PlanSource]:
        landscape = self._pool.landscape
        try:
            plan = self._pool.plan(name)
        except AdapterError as error:
            log.warning("no plans are read: %s", error)
            return
        if plan is None:
            return
        port, every_seconds = plan
        for plant in sorted(self._policies.plants):
            owner = landscape.owner(Domain.REQUIREMENT, plant) or landscape.owner(Domain.COVERAGE, plant)
            if owner == name:
                yield PlanSource(name, landscape.source(name), plant, port, every_seconds)


__all__ = ["PlansOfSystems"]
