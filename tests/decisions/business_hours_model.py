"""A slow, obvious model of business hours: it counts the minutes one by one.

The model knows nothing of how the fast arithmetic steps: it walks in UTC and reads the clock of the office, so a
change to or from daylight saving is nothing special to it.
"""

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from canonical.calendar import Calendar

MINUTE = dt.timedelta(minutes=1)


def at_work(office: Calendar, moment: dt.datetime) -> bool:
    """Whether the office is open in the minute that begins now."""
    wall = moment.astimezone(ZoneInfo(office.zone))
    day, clock = wall.date(), wall.time()
    return wall.weekday() in office.weekdays and day not in office.holidays and office.opens <= clock < office.closes


def minutes_from(moment: dt.datetime) -> Iterator[dt.datetime]:
    now = moment.astimezone(dt.UTC)
    while True:
        yield now
        now += MINUTE


def minute_by_minute(office: Calendar, start: dt.datetime, minutes: int) -> dt.datetime:
    """When so many minutes of work are done, counted one by one; none: when work begins."""
    left = minutes
    for now in minutes_from(start):
        if at_work(office, now):
            if left == 0:
                return now
            left -= 1
            if left == 0:
                return now + MINUTE
    raise AssertionError("unreachable")
