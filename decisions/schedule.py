"""R6, backward schedule: by when goods must be at the dock, the order with the supplier, the requisition written.

Decided here: the dates, and whether they can still be kept. Not here: what is done about a late one (sourcing
looks for a faster source; the supply request is marked to be expedited).
"""

import datetime as dt
from typing import NamedTuple

from canonical.calendar import Calendar
from canonical.reason import Reason
from canonical.sourcing import Source
from decisions.calendars import add_working_days, next_working_day, subtract_working_days


class BackwardSchedule(NamedTuple):
    """The dates that the need requires; they stay as they are, for the KPIs, even where they can't be met."""

    dock_date: dt.date
    send_by: dt.date
    requisition_by: dt.date
    expedite: bool
    """The requisition should have been written before today."""
    need_date: dt.date
    goods_receipt_days: int
    processing_days: int
    decided_on: dt.date
    source: Source
    plant_calendar: Calendar
    rule: str = "R6"

    @property
    def earliest_dock(self) -> dt.date:
        """The first dock date at the normal lead time if the requisition were written today."""
        return earliest_dock(self.plant_calendar, self.source, self.processing_days, self.decided_on)

    @property
    def why(self) -> str:
        """The dates, backwards, in one line."""
        dates = f"at the dock by {self.dock_date}, sent by {self.send_by}, requisition by {self.requisition_by}"
        return f"{dates}, which has passed: expedite" if self.expedite else dates

    def reason(self, policy_version: str) -> Reason:
        """The outcome for trace and audit."""
        return Reason(
            rule=self.rule,
            why=self.why,
            inputs={
                "need_date": self.need_date.isoformat(),
                "today": self.decided_on.isoformat(),
                "lead_time_days": self.source.lead_time_days,
                "lead_time_in": self.source.lead_time_in,
                "goods_receipt_days": self.goods_receipt_days,
                "plant_calendar": self.plant_calendar.name,
                "supplier_calendar": self.source.calendar.name,
            },
            thresholds={"processing_days": self.processing_days},
            policy_version=policy_version,
        )


def backward_schedule(
    need_date: dt.date,
    goods_receipt_days: int,
    plant_calendar: Calendar,
    source: Source,
    processing_days: int,
    today: dt.date,
) -> BackwardSchedule:
    """R6: dock = need − receipt days, send-by = dock − lead time, requisition-by = send-by − processing days.

    Receipt and processing days are the plant's working days; the lead time is in calendar days or in the supplier's
    working days, as the source says. Where no expediting is needed, `earliest_dock` is never after `dock_date`.
    """
    dock_date = subtract_working_days(plant_calendar, need_date, goods_receipt_days)
    if source.lead_time_in == "working_days":
        send_by = subtract_working_days(source.calendar, dock_date, source.lead_time_days)
    else:
        send_by = dock_date - dt.timedelta(days=source.lead_time_days)
    requisition_by = subtract_working_days(plant_calendar, send_by, processing_days)
    return BackwardSchedule(
        dock_date=dock_date,
        send_by=send_by,
        requisition_by=requisition_by,
        expedite=requisition_by < today,
        need_date=need_date,
        goods_receipt_days=goods_receipt_days,
        processing_days=processing_days,
        decided_on=today,
        source=source,
        plant_calendar=plant_calendar,
    )


def earliest_dock(plant_calendar: Calendar, source: Source, processing_days: int, today: dt.date) -> dt.date:
    """The first plant working day at which goods requested today can be at the dock at the normal lead time."""
    sent = add_working_days(plant_calendar, today, processing_days)
    if source.lead_time_in == "working_days":
        arrives = add_working_days(source.calendar, sent, source.lead_time_days)
    else:
        arrives = sent + dt.timedelta(days=source.lead_time_days)
    return next_working_day(plant_calendar, arrives)
