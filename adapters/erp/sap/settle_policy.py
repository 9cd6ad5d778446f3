"""How long to wait for writes that may still appear. Decided here: the settle time and the budget of a call."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

Seen = TypeVar("Seen")


@dataclass(frozen=True)
class SettlePolicy:
    """`settle_seconds`: how long a write whose response was lost may take to appear; above SAP's worst case.

    `budget_seconds`: after that, a call with a lost response gives up (`maybe_written`) instead of retrying by itself;
    it must be well below the start-to-close time-out of the activity.
    """

    settle_seconds: float
    look_every_seconds: float
    budget_seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def look_until(self, look: Callable[[], Awaitable[Seen]], good: Callable[[Seen], bool]) -> Seen:
        """Look until it is good or the settle time is over; the last look is after its end."""
        end = self.clock() + self.settle_seconds
        while not good(seen := await look()):
            remaining = end - self.clock()
            if remaining <= 0:
                break
            await self.sleep(min(self.look_every_seconds, remaining))
        return seen

    def deadline(self) -> float:
        """When a call that starts now has used up its budget."""
        return self.clock() + self.budget_seconds

    def has_time_to_settle(self, deadline: float) -> bool:
        """Whether the settle time still fits before the deadline."""
        return self.clock() + self.settle_seconds <= deadline
