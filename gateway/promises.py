"""What is learned of promises, for pages and the API: read from the ledger now and then, and applied to open lines.

Decided here: how old what was learned may be, and which days are compared. Not here: the chance itself
(decisions.promises).
"""

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from adapters.ports import PolicyPort
from canonical.calendar import Calendar
from canonical.supply import ScheduleLineState
from decisions.calendars import working_days_between
from decisions.promises import NEVER, Chance, PromiseRecords, SettledPromise, chance_of_missing, records_of
from gateway.views.coverage import SupplyPortion
from ledger.promises.promises import Promises, SettledPromises

LEARNED_FROM = dt.timedelta(days=730)
"""How far back receipts are looked at."""
REFRESH_SECONDS = 600.0

_PROMISED = frozenset({ScheduleLineState.CONFIRMED, ScheduleLineState.SHIPPED})


class PromiseBook:
    """What is learned, at most ten minutes old."""

    def __init__(
        self,
        promises: Promises,
        policies: PolicyPort,
        today: Callable[[str], dt.date],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._promises, self._policies, self._today, self._clock = promises, policies, today, clock
        self._read_at: float | None = None
        self._records = records_of(())
        self._reading = asyncio.Lock()

    async def learned(self) -> PromiseRecords:
        """The records of all suppliers."""
        async with self._reading:
            if self._read_at is None or self._clock() >= self._read_at + REFRESH_SECONDS:
                since = max(map(self._today, self._policies.plants), default=dt.date.min + LEARNED_FROM) - LEARNED_FROM
                self._records = records_of(self._in_working_days(await self._promises.settled(since)))
                self._read_at = self._clock()
        return self._records

    def _in_working_days(self, settled: Iterable[SettledPromises]) -> Iterable[SettledPromise]:
        for each in settled:
            policy = self._policies.effective(each.plant)
            if policy is None:
                continue
            whole = each.received_on is not None and each.lacking <= policy.delivery.may_lack
            late = NEVER
            if whole and each.received_on is not None:
                late = working_days_between(policy.calendar, each.promised_on, each.received_on)
            yield SettledPromise(each.supplier, each.item_class, late, each.count)

    async def reader(self, plant: str) -> "ChanceReader":
        """What is learned, for the lines of a page about this plant."""
        policy = self._policies.effective(plant)
        return ChanceReader(await self.learned(), policy.calendar if policy else None, self._today(plant))

    async def of_promise(
        self, plant: str, supplier: str, item_class: str, promised: dt.date, needed: dt.date
    ) -> Chance | None:
        """How likely goods promised for one dock day are not there by another; None: too little is learned.

        Without a policy the plant has no calendar in which days could be counted: None.
        """
        policy = self._policies.effective(plant)
        if policy is None:
            return None
        slack = working_days_between(policy.calendar, promised, needed)
        past = max(0, working_days_between(policy.calendar, promised, self._today(plant)))
        return chance_of_missing(await self.learned(), supplier, item_class, slack, past)


class ChanceReader(NamedTuple):
    """Tells the chance that a portion of supply misses the pegged date that it serves."""

    records: PromiseRecords
    calendar: Calendar | None
    today: dt.date

    def of(self, portion: SupplyPortion, item_class: str) -> Chance | None:
        """None: it is there, nobody has promised it, or too little is learned."""
        supply, margin = portion.supply, portion.margin
        if self.calendar is None or margin is None or supply.dock_date is None or supply.state not in _PROMISED:
            return None
        past = max(0, working_days_between(self.calendar, supply.dock_date, self.today))
        # The margin of goods whose day has passed is counted from today, when they can be there at the earliest.
        return chance_of_missing(self.records, supply.source.supplier, item_class, margin + past, past)

    def of_date(self, supplier: str, item_class: str = "") -> Chance | None:
        """How likely a day that the supplier promises is missed at all; None: too little is learned."""
        return chance_of_missing(self.records, supplier, item_class, 0)


__all__ = ["ChanceReader", "PromiseBook"]
