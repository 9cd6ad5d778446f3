"""The pace of calls to a counterpart: each waits for its slot.

Decided here: how slots are taken a few at a time, and that old ones are not used. Not here: who gives them out to all
processes (the ledger) and how many there are a second (the settings).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

TakeSlots = Callable[[int], Awaitable[float]]
"""Takes so many slots in a row, and returns the seconds until the first."""

_AHEAD_SECONDS = 0.1
"""Slots are taken for so long at a time, so that not every call has to ask."""


class Pace:
    """Lets the calls of this process through, one a slot."""

    def __init__(
        self,
        per_second: float,
        take: TakeSlots,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._step = 1 / per_second
        self._at_once = max(1, int(per_second * _AHEAD_SECONDS))
        self._take = take
        self._clock = clock
        self._sleep = sleep
        self._left = 0
        self._next = 0.0
        self._asking = asyncio.Lock()

    async def turn(self) -> None:
        """Wait for the next slot. Raises what the giver of slots raises."""
        async with self._asking:
            if not self._left or self._next + self._left * self._step < self._clock():
                wait = await self._take(self._at_once)
                self._next, self._left = self._clock() + wait, self._at_once
            slot, self._next, self._left = self._next, self._next + self._step, self._left - 1
        wait = slot - self._clock()
        if wait > 0:
            await self._sleep(wait)


__all__ = ["Pace", "TakeSlots"]
