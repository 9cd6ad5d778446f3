"""What is learned of promises, for pages and the API: read from the ledger now and then, and applied to open lines.

Decided here: how old what was learned may be, and which day a line is needed by. Not here: the chance itself
(decisions.promises).
"""

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Iterable
from decimal import Decimal

from adapters.ports import PolicyPort
from canonical.records import OrderLineSnapshot, OrderSnapshot
from canonical.supply import ScheduleLineState
from decisions.calendars import subtract_working_days, working_days_between
from decisions.promises import NEVER, Chance, PromiseRecords, Settled, chance_of_missing, records_of
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

    def _in_working_days(self, settled: Iterable[SettledPromises]) -> Iterable[Settled]:
        for each in settled:
            policy = self._policies.effective(each.plant)
            if policy is None:
                continue
            whole = each.received_on is not None and each.lacking <= policy.delivery.may_lack
            late = NEVER
            if whole and each.received_on is not None:
                late = working_days_between(policy.calendar, each.promised_on, each.received_on)
            yield Settled(each.supplier, each.item_class, late, each.count)

    async def of_line(self, order: OrderSnapshot, line: OrderLineSnapshot, required: dt.date | None) -> Chance | None:
        """How likely an open line misses the day by which it must be at the dock.

        `required`: the first day on which its requirement needs it; None: the day that the order asks for holds.
        None: nothing is promised, or too little is learned.
        """
        promised = promised_on(line)
        if order.closed or promised is None:
            return None
        policy = self._policies.effective(order.plant)
        if policy is None:
            return None
        needed = line.delivery_date
        if required is not None:
            needed = subtract_working_days(policy.calendar, required, policy.goods_receipt_days)
        return await self.of_promise(order.plant, order.supplier, line.item_class, promised, needed)

    async def of_promise(
        self, plant: str, supplier: str, item_class: str, promised: dt.date, needed: dt.date
    ) -> Chance | None:
        """How likely goods promised for one dock day are not there by another; None: too little is learned."""
        policy = self._policies.effective(plant)
        if policy is None:
            return None
        slack = working_days_between(policy.calendar, promised, needed)
        past = max(0, working_days_between(policy.calendar, promised, self._today(plant)))
        return chance_of_missing(await self.learned(), supplier, item_class, slack, past)


def promised_on(line: OrderLineSnapshot) -> dt.date | None:
    """The day on which the last of an open line is promised; None: some of it has no date, or nothing is to come."""
    coming = [part for part in line.schedule_lines if part.state is not ScheduleLineState.RECEIVED]
    firm = [part for part in coming if part.state in _PROMISED and part.date is not None]
    if (
        line.cancelled
        or not firm
        or sum((part.quantity for part in coming), Decimal(0)) > sum((part.quantity for part in firm), Decimal(0))
    ):
        return None
    return max(part.date for part in firm if part.date is not None)


__all__ = ["PromiseBook", "promised_on"]
