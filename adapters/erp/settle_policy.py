"""How long to wait for writes that may still appear. Decided here: the settle times and the budget of a call."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

Seen = TypeVar("Seen")

_REMEMBERED_MAX = 10_000


class NotFinal(Exception):
    """A document is missing, but a lost call may still create it; look again after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"it may still appear within {seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True)
class SettlePolicy:
    """`settle_seconds`: how long a write may take to be visible.

    `second_create_seconds`: how long after a create whose answer was lost the document may still appear; only then is
    it created a second time. Above the longest time that the ERP lets a call run, there are never two documents.
    `budget_seconds`: after that, a call with a lost response gives up (`maybe_written`) instead of retrying by itself;
    it must be well below the start-to-close time-out of the activity.
    """

    settle_seconds: float
    look_every_seconds: float
    budget_seconds: float
    second_create_seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _missing_since: dict[str, float] = field(default_factory=dict)
    """By document, when this process first missed it after a create that may have been lost."""

    async def look_until(self, look: Callable[[], Awaitable[Seen]], good: Callable[[Seen], bool]) -> Seen:
        """Look until it is good or the settle time is over; the last look begins after its end."""
        end = self.clock() + self.settle_seconds
        while True:
            began = self.clock()
            if good(seen := await look()) or began >= end:
                return seen
            await self.sleep(max(0.0, min(self.look_every_seconds, end - self.clock())))

    async def look_until_final(self, what: str, look: Callable[[], Awaitable[list[Seen]]]) -> list[Seen]:
        """What there is of a document that a lost call may have created; nothing only once none can appear any more.

        It is looked for during the settle time; raises NotFinal if that is not enough to be sure. A look counts by when
        it began: what appears while a slow one is under way may be missing in it. How long the document has been
        missing is known to this process alone: another one starts counting anew, which is only slower.
        """
        if len(self._missing_since) > _REMEMBERED_MAX:
            self._missing_since.clear()
        final = self._missing_since.setdefault(what, self.clock()) + self.second_create_seconds
        until = min(final, self.clock() + self.settle_seconds)
        while True:
            began = self.clock()
            if seen := await look():
                self._missing_since.pop(what, None)
                return seen
            if began >= final:
                return []
            now = self.clock()
            if until <= now < final:
                raise NotFinal(final - now)
            await self.sleep(max(0.0, min(self.look_every_seconds, until - now)))

    def sent(self, what: str) -> None:
        """The document is about to be created: whether it is missing is counted from its next absence on."""
        self._missing_since.pop(what, None)

    def deadline(self) -> float:
        """When a call that starts now has used up its budget."""
        return self.clock() + self.budget_seconds

    def has_time_to_settle(self, deadline: float) -> bool:
        """Whether the settle time still fits before the deadline."""
        return self.clock() + self.settle_seconds <= deadline
