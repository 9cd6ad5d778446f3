"""How often a caller may call: a bucket of tokens each, by subject or else by address.

Decided here: who has to wait, and how long. Each gateway counts for itself.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

_CALLERS_MAX = 20_000


class Rate(NamedTuple):
    """Calls a second in the long run, and how many at once."""

    per_second: float
    burst: float


class Buckets:
    """A bucket for each caller; of very many, the ones used last are kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._filled: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """What is left in the caller's bucket, and when that was."""

    def take(self, caller: str, rate: Rate) -> int:
        """Take a token; 0, or in how many seconds there is one."""
        now = self._clock()
        left, since = self._filled.pop(caller, (rate.burst, now))
        left = min(rate.burst, left + (now - since) * rate.per_second)
        wait = 0 if left >= 1 else math.ceil((1 - left) / rate.per_second)
        self._filled[caller] = (left if wait else left - 1, now)
        if len(self._filled) > _CALLERS_MAX:
            self._filled.popitem(last=False)
        return wait


__all__ = ["Buckets", "Rate"]
