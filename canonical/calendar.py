"""Calendars as data; the arithmetic on them is in decisions.calendars."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from pydantic import ValidationInfo, field_validator

from canonical.base import Model


class Calendar(Model):
    """Working days and hours of a plant, a supplier or a role."""

    name: str
    zone: str = "UTC"
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Monday is 0."""
    holidays: tuple[date, ...] = ()
    """Days off, each once and by date; those that fall on no weekday of the calendar are left out."""
    opens: time = time(8)
    closes: time = time(17)

    @field_validator("weekdays")
    @classmethod
    def _each_once(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(days)))

    @field_validator("holidays")
    @classmethod
    def _in_order(cls, days: tuple[date, ...], info: ValidationInfo) -> tuple[date, ...]:
        """So that counting them is a search and not a walk (decisions.calendars)."""
        return tuple(sorted({day for day in days if day.weekday() in info.data.get("weekdays", ())}))

    @property
    def tzinfo(self) -> ZoneInfo:
        """The time zone of its days, and of `opens` and `closes`.

        Made here and not where hours are counted: Temporal's sandbox, in which decisions run, hands out proxies that
        datetime refuses as a time zone.
        """
        return ZoneInfo(self.zone)

    def day_of(self, moment: datetime) -> date:
        """The day that it is at the calendar's place at this moment."""
        return moment.astimezone(self.tzinfo).date()
