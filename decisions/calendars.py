"""Arithmetic on working days and business hours.

Decided here: which days count and where a count of days or hours ends. Not here: which calendar a rule
counts in (each rule says) and where calendars come from (policy and master data).
"""

import datetime as dt
from bisect import bisect_right
from decimal import Decimal

from canonical.calendar import Calendar

_DAY = dt.timedelta(days=1)
_LONGEST_CLOSURE_DAYS = 400
"""A calendar with no working day within so many days is taken to have none: an error instead of an endless search."""


def works_near(cal: Calendar, day: dt.date) -> bool:
    """Whether the calendar has working days before and after the day, so that dates can be counted in it."""
    if len(cal.holidays) < len(cal.weekdays) * (_LONGEST_CLOSURE_DAYS // 7):
        return True  # too few days off to close it for so long
    try:
        previous_working_day(cal, day)
        next_working_day(cal, day)
    except ValueError:
        return False
    return True


def next_working_day(cal: Calendar, day: dt.date) -> dt.date:
    """The day itself where it is a working day, else the first one after it."""
    return _walk(cal, day, 0, _DAY)


def previous_working_day(cal: Calendar, day: dt.date) -> dt.date:
    """The day itself where it is a working day, else the last one before it."""
    return _walk(cal, day, 0, -_DAY)


def add_working_days(cal: Calendar, day: dt.date, n: int) -> dt.date:
    """The working day n working days after the day; n < 0: before it.

    A count starts on a working day: for n >= 0 the day is first rolled forward to one (so n = 0 gives
    `next_working_day`), for n < 0 it is first rolled back (see `subtract_working_days`).
    """
    if n < 0:
        return subtract_working_days(cal, day, -n)
    if n < len(cal.weekdays):
        return _walk(cal, day, n, _DAY)
    return _stride(cal, next_working_day(cal, day), n, _DAY)


def subtract_working_days(cal: Calendar, day: dt.date, n: int) -> dt.date:
    """The last working day from which n working days still end by the day (n = 0: `previous_working_day`).

    The counterpart of `add_working_days`: adding n to the result never ends after the day.
    """
    if n < len(cal.weekdays):
        return _walk(cal, day, n, -_DAY)
    return _stride(cal, previous_working_day(cal, day), n, -_DAY)


def _walk(cal: Calendar, day: dt.date, n: int, step: dt.timedelta) -> dt.date:
    """The n-th working day after the first one that is met from the day on, the day itself included."""
    weekdays, holidays, walked, idle = cal.weekdays, cal.holidays, day, 0
    while idle < _LONGEST_CLOSURE_DAYS:
        # Inlined for speed: one decision does this a dozen times.
        if walked.weekday() in weekdays and (
            not (place := bisect_right(holidays, walked)) or holidays[place - 1] != walked
        ):
            if not n:
                return walked
            n -= 1
            idle = 0
        else:
            idle += 1
        walked += step
    raise ValueError(f"calendar {cal.name!r} has no working day near {day}; correct its weekdays or holidays")


def _stride(cal: Calendar, day: dt.date, n: int, step: dt.timedelta) -> dt.date:
    """Walk n working days from a working day: whole weeks at once, the rest (and holidays made up for) by day."""
    weeks = n // len(cal.weekdays)
    landed = day + step * 7 * weeks
    passed = _count(cal, day, landed) if step == _DAY else _count(cal, landed - _DAY, day - _DAY)
    return _walk(cal, landed + step, n - passed - 1, step) if n > passed else landed


def working_days_between(cal: Calendar, earlier: dt.date, later: dt.date) -> int:
    """How many working days `later` lies after `earlier`; negative where it lies before it.

    Counts the working days after the one up to and including the other.
    """
    return _count(cal, earlier, later) if later >= earlier else -_count(cal, later, earlier)


def _count(cal: Calendar, after: dt.date, until: dt.date) -> int:
    """Working days in (after, until]."""
    weekdays, holidays = cal.weekdays, cal.holidays
    weeks, rest = divmod((until - after).days, 7)
    count = weeks * len(weekdays)
    first = after.weekday()
    for ahead in range(1, rest + 1):
        if (first + ahead) % 7 in weekdays:
            count += 1
    return count - (bisect_right(holidays, until) - bisect_right(holidays, after))


def add_business_hours(cal: Calendar, start: dt.datetime, hours: Decimal) -> dt.datetime:
    """When so many business hours have run from the start, in UTC.

    Hours run from `opens` to `closes` of each working day in the calendar's own zone, summer time included.
    Zero hours give the first business moment at or after the start. An office that opens or closes at a time which a
    change of the clocks skips or repeats does so by the time before the change.
    """
    if hours < 0:
        raise ValueError(f"{hours} business hours: the clock runs forward only")
    if cal.closes <= cal.opens:
        raise ValueError(f"calendar {cal.name!r} closes at {cal.closes}, before it opens at {cal.opens}")
    zone = cal.tzinfo
    remaining = dt.timedelta(microseconds=int(hours * 3_600_000_000))
    now = start.astimezone(dt.UTC)
    day = start.astimezone(zone).date()
    while True:
        day = next_working_day(cal, day)
        # Measured in UTC: a difference of two wall-clock times would miss the hour that summer time takes or gives.
        opens = dt.datetime.combine(day, cal.opens, zone).astimezone(dt.UTC)
        closes = dt.datetime.combine(day, cal.closes, zone).astimezone(dt.UTC)
        begins = max(now, opens)
        if begins < closes and begins + remaining <= closes:
            return begins + remaining
        if begins < closes:
            remaining -= closes - begins
        day += _DAY
