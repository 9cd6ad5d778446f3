"""The arithmetic of KPIs: nearest ranks, business time as a table, and a plant's period.

Decided here: how durations are ranked, and which moments a period has. Not here: what is measured (canonical.kpi) and
the sums over many rows, which the database makes with the same arithmetic (ledger.kpis); tests compare both.
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

from canonical.calendar import Calendar
from canonical.kpi import BusinessClock, PlantPeriod

_DAY = dt.timedelta(days=1)
PERCENTS = (50, 90, 95)


def nearest_rank(values: Sequence[int], percent: int) -> int | None:
    """The smallest value that at least `percent` % of the values do not exceed; None: there are no values."""
    if not values:
        return None
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]


@lru_cache(maxsize=64)
def business_clock(office: Calendar, first: dt.date, last: dt.date) -> BusinessClock:
    """The office's hours from one day to the other, both included, summer time and holidays as in R16."""
    zone, closed = office.tzinfo, set(office.holidays)
    opens, lengths, elapsed, total = [], [], [], 0
    for number in range((last - first).days + 1):
        day = first + number * _DAY
        if day.weekday() not in office.weekdays or day in closed:
            continue
        begins = int(dt.datetime.combine(day, office.opens, zone).timestamp())
        ends = int(dt.datetime.combine(day, office.closes, zone).timestamp())
        if ends <= begins:
            continue
        opens.append(begins)
        lengths.append(ends - begins)
        elapsed.append(total)
        total += ends - begins
    return BusinessClock(opens=tuple(opens), lengths=tuple(lengths), elapsed=tuple(elapsed))


def business_seconds(clock: BusinessClock, start: int, end: int) -> int:
    """Business seconds from one moment (Unix seconds) to another; what lies outside the table does not count."""
    return max(0, _reading(clock, end) - _reading(clock, start))


def _reading(clock: BusinessClock, moment: int) -> int:
    place = bisect_right(clock.opens, moment) - 1
    return 0 if place < 0 else clock.elapsed[place] + min(moment - clock.opens[place], clock.lengths[place])


@lru_cache(maxsize=64)
def working_days(calendar: Calendar, first: dt.date, last: dt.date) -> tuple[dt.date, ...]:
    """The calendar's working days from one day to the other, both included."""
    closed = set(calendar.holidays)
    days = (first + number * _DAY for number in range((last - first).days + 1))
    return tuple(day for day in days if day.weekday() in calendar.weekdays and day not in closed)


def plant_period(
    plant: str,
    calendar: Calendar,
    office: Calendar,
    sla_hours: int,
    first_day: dt.date,
    last_day: dt.date,
    now: dt.datetime,
) -> PlantPeriod:
    """The period from the first to the last day at the plant, both included."""
    since = int(dt.datetime.combine(first_day, dt.time(0), calendar.tzinfo).timestamp())
    until = int(dt.datetime.combine(last_day + _DAY, dt.time(0), calendar.tzinfo).timestamp())
    at = max(since, min(until, int(now.timestamp())))
    # What is measured may have begun long before the period, and a required date may lie after it.
    begins, ends = first_day - 800 * _DAY, max(last_day, calendar.day_of(now)) + 400 * _DAY
    return PlantPeriod(
        plant=plant,
        zone=calendar.zone,
        first_day=first_day,
        last_day=last_day,
        since=since,
        until=until,
        at=at,
        day=min(last_day, calendar.day_of(now)),
        clock=business_clock(office, begins, ends),
        working_days=working_days(calendar, begins, ends),
        sla_seconds=sla_hours * 3600,
    )


def period_before(first_day: dt.date, last_day: dt.date) -> tuple[dt.date, dt.date]:
    """The period of equally many days that ends the day before."""
    return first_day - ((last_day - first_day) + _DAY), first_day - _DAY


def over_budget(revisions: int, lines: int, most: Decimal) -> bool:
    """Whether a supplier saw more revisions per order line than the change budget allows; at the budget it is kept."""
    return lines > 0 and revisions > most * lines


HOTSPOT_TIMES = Decimal("1.5")
HOTSPOT_COUNT = 5


def is_hotspot(p90: Decimal | None, of_all: Decimal | None, count: int) -> bool:
    """Whether a plant, supplier or planner holds a step up: its p90 is half as long again as everybody's, and it had
    the step at least five times.
    """
    return p90 is not None and of_all is not None and count >= HOTSPOT_COUNT and p90 > of_all * HOTSPOT_TIMES
