"""The day that it is at a plant: a day belongs to a place, by the zone of the plant's calendar."""

import datetime as dt
from collections.abc import Callable

from canonical.routing import Effective


def today_at(effective: Effective, now: Callable[[], dt.datetime]) -> Callable[[str], dt.date]:
    """A function that gives the day that it is at a plant; at one without a policy, UTC's."""

    def today(plant: str) -> dt.date:
        policy = effective(plant)
        return policy.calendar.day_of(now()) if policy is not None else now().astimezone(dt.UTC).date()

    return today
