"""The time line of a trace: what happened day by day, at the clocks of one place, and the supply against its dates.

Decided here: the days, the order in them, and what is late. Not here: the wording (`gateway.trace.words`), and how a
page looks.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from canonical.audit_event import AuditEvent
from canonical.calendar import Calendar
from decisions.calendars import working_days_between
from gateway.trace.reasons import ReasonRow, reason_rows, reasons_of
from gateway.trace.supply import Supply, SupplyState, supplies_of
from gateway.trace.words import Tone, describe

_LATER_SECONDS = 60
"""An event recorded later than this after it took effect says when it was recorded."""
_SHORT_DETAIL = 700


@dataclass(frozen=True)
class Entry:
    """One thing that happened."""

    at: dt.datetime
    recorded_at: dt.datetime | None
    """When it was recorded, where that was later; None: at once."""
    who: str
    title: str
    detail: str
    tone: Tone
    entity: str
    reasons: tuple[ReasonRow, ...]


@dataclass(frozen=True)
class Day:
    """A day with what happened on it."""

    date: dt.date
    quiet_days: int
    """Days without anything before it."""
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class SupplyBar:
    """A quantity on its way to the dock; places are hundredths of a per cent of the span."""

    label: str
    state: SupplyState
    start: dt.date
    end: dt.date
    due: dt.date | None
    working_days_late: int
    x: int
    width: int
    late_x: int | None
    late_width: int


@dataclass(frozen=True)
class Bars:
    """All supply on one scale of days."""

    first: dt.date
    last: dt.date
    need_x: int
    bars: tuple[SupplyBar, ...]


def days_of(audit_events: Sequence[AuditEvent], zone: dt.tzinfo) -> list[Day]:
    """The events by day, by business time; those that another describes better are left out."""
    entries = [
        Entry(
            at=event.business_time,
            recorded_at=event.processing_time.astimezone(zone) if _recorded_later(event) else None,
            who=description.lane,
            title=description.title,
            detail=description.detail[:_SHORT_DETAIL],
            tone=description.tone,
            entity=event.entity_id,
            reasons=tuple(reason_rows(reasons_of([event]))),
        )
        for event, description in describe(at_the_clocks_of(audit_events, zone))
    ]
    days: list[Day] = []
    for date, on_it in groupby(entries, key=lambda entry: entry.at.date()):
        before = (date - days[-1].date).days - 1 if days else 0
        days.append(Day(date, before, tuple(on_it)))
    return days


def _recorded_later(event: AuditEvent) -> bool:
    return abs((event.processing_time - event.business_time).total_seconds()) > _LATER_SECONDS


def at_the_clocks_of(audit_events: Sequence[AuditEvent], zone: dt.tzinfo) -> list[AuditEvent]:
    """The events with their business times at a place."""
    return [each.model_copy(update={"business_time": each.business_time.astimezone(zone)}) for each in audit_events]


def bars_of(audit_events: Sequence[AuditEvent], need_date: dt.date, calendar: Calendar, zone: dt.tzinfo) -> Bars | None:
    """The supply that the events tell of, against the dates on which it was asked for; None where there is none."""
    supplies = supplies_of(at_the_clocks_of(audit_events, zone))
    if not supplies:
        return None
    first = min([need_date, *(supply.start for supply in supplies)])
    last = max([need_date, *(supply.end for supply in supplies)])
    days = (last - first).days + 1

    def place(day: dt.date) -> int:
        return (min(max(day, first), last) - first).days * 10_000 // days

    wide = max(10_000 // days, 60)
    return Bars(first, last, place(need_date), tuple(_bar(supply, place, wide, calendar) for supply in supplies))


def _bar(supply: Supply, place: Callable[[dt.date], int], wide: int, calendar: Calendar) -> SupplyBar:
    late = supply.late_from is not None and supply.end > supply.late_from
    x, end = place(supply.start), place(supply.end) + wide
    late_x = max(x, place(supply.late_from)) if late and supply.late_from else None
    return SupplyBar(
        label=supply.label,
        state=supply.state,
        start=supply.start,
        end=supply.end,
        due=supply.late_from,
        working_days_late=working_days_between(calendar, supply.late_from, supply.end)
        if late and supply.late_from
        else 0,
        x=x,
        width=max(end - x, wide),
        late_x=late_x,
        late_width=max(end - late_x, wide) if late_x is not None else 0,
    )


__all__ = ["Bars", "Day", "Entry", "SupplyBar", "at_the_clocks_of", "bars_of", "days_of"]
