"""Plans of planning systems that do not send them: read every few minutes, and taken in like those that are sent.

Decided here: when a plan is read, and that one which says the same as the last is not taken in again. Not here: which
systems are read for which plants (the composition root), and what a plan changes.
"""

import asyncio
import datetime as dt
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

from adapters.errors import AdapterError
from adapters.ports import PlanPort
from canonical.plan import PlanRunStatus
from gateway.plan_runs.intake import PlanIntake, PlanSent
from gateway.problems import Refusal
from ledger.ledger import Ledger

LEASE = "plan-reader"
_LEASE_SECONDS = 30.0
_LOOK_SECONDS = 5.0

logger = logging.getLogger(__name__)


class PlanSource(NamedTuple):
    """A planning system whose plan for a plant is read."""

    system: str
    source: str
    """As what it sends events."""
    plant: str
    port: PlanPort
    every_seconds: float


PlanSources = Callable[[], Sequence[PlanSource]]
"""Those of the landscape as it is now."""


class PlanFetcher:
    """Reads plans; only one of the processes on a ledger works at a time."""

    def __init__(
        self,
        ledger: Ledger,
        intake: PlanIntake,
        sources: PlanSources,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger, self._intake, self._sources, self._clock = ledger, intake, sources, clock
        self._next: dict[tuple[str, str], float] = {}
        self._last: dict[tuple[str, str], bytes] = {}
        self._failing: dict[tuple[str, str], dt.datetime] = {}

    @property
    def faults(self) -> list[str]:
        """The plans that could not be read or taken in when it was last tried, and since when; why is in the log."""
        return [
            f"{system}: the plan of plant {plant} has not been taken in since {since:%Y-%m-%d %H:%M} UTC; see the log"
            for (system, plant), since in sorted(self._failing.items())
        ]

    async def run(self) -> None:
        """Read until cancelled; a failure only makes it wait."""
        while True:
            try:
                async with self._ledger.leases.held(LEASE, _LEASE_SECONDS) as lease:
                    while lease is not None and lease.held:
                        await self.look()
                        await asyncio.sleep(_LOOK_SECONDS)
            except Exception:
                logger.exception("plans could not be read; it is tried again")
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Read the plans that are due, those of all systems at the same time."""
        now = self._clock()
        due = [each for each in self._sources() if self._next.get((each.system, each.plant), now) <= now]
        await asyncio.gather(*(self._fetch(each) for each in due))

    async def _fetch(self, one: PlanSource) -> None:
        which = one.system, one.plant
        self._next[which] = self._clock() + one.every_seconds
        failing_since = self._failing.pop(which, None) or dt.datetime.now(dt.UTC)
        try:
            plan = await one.port.read_plan(one.plant)
            digest = hashlib.sha256(plan.lines).digest()
            if self._last.get(which) == digest:
                return
            sent = PlanSent(one.source, one.plant, plan.version, False, "application/x-ndjson", "")
            run = await self._intake.take(sent, _whole(plan.lines))
            self._last[which] = digest
            logger.info("%s: the plan of plant %s was read: %d lines, %d refused", one.system, *_counted(run))
        except AdapterError as error:
            self._failing[which] = failing_since
            logger.warning("the plan of plant %s could not be read: %s", one.plant, error)
        except Refusal as refusal:
            self._failing[which] = failing_since
            problem = refusal.problem
            logger.error(
                "%s: the plan of plant %s is refused: %s; %s", one.system, one.plant, problem.detail, problem.next_step
            )


def _counted(run: PlanRunStatus) -> tuple[str, int, int]:
    return run.plant, run.lines, run.refused


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


__all__ = ["PlanFetcher", "PlanSource", "PlanSources"]
