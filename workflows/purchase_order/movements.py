"""Quantities that moved at their own times, in whatever order they are reported: received, despatched, returned."""

import bisect
import datetime as dt
from decimal import Decimal

from pydantic import BaseModel

RECENT_KEPT = 50
"""The movements that are remembered one by one; older ones only by their sum."""
_ZERO = Decimal(0)


class Movements(BaseModel):
    """What moved so far; below zero: what is taken back was reported before what it takes back."""

    total: Decimal = _ZERO
    older: Decimal = _ZERO
    """The sum of those no longer remembered one by one."""
    recent: list[tuple[dt.datetime, Decimal]] = []
    """By time."""

    def add(self, at: dt.datetime, quantity: Decimal) -> None:
        """Add a movement; below zero: something is taken back."""
        self.total += quantity
        bisect.insort(self.recent, (at, quantity))
        if len(self.recent) > RECENT_KEPT:
            self.older += self.recent.pop(0)[1]

    def until(self, at: dt.datetime | None) -> Decimal:
        """What had moved by then; None: nothing is asked about, so nothing had."""
        if at is None:
            return _ZERO
        return self.older + sum((quantity for moved_at, quantity in self.recent if moved_at <= at), _ZERO)

    def most_since(self, at: dt.datetime) -> Decimal:
        """The highest sum from then on."""
        reached = most = self.until(at)
        for moved_at, quantity in self.recent:
            if moved_at > at:
                reached += quantity
                most = max(most, reached)
        return most

    def cut_to(self, total: Decimal) -> None:
        """Take the newest movements away until the sum is no more than this."""
        while self.total > total:
            at, quantity = self.recent.pop() if self.recent else (None, self.older)
            taken = min(quantity, self.total - total) if quantity > 0 else quantity
            self.total -= taken
            if at is None:
                self.older -= taken
            elif quantity > taken:
                self.recent.append((at, quantity - taken))
