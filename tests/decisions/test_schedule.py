import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from canonical.calendar import Calendar
from decisions.feasibility import available_on
from decisions.schedule import backward_schedule
from tests.decisions.models import EVERY_DAY, WEEKDAYS, a_source, june, may


def test_r6_need_mon_15_receipt_2_lead_time_21_processing_1_must_be_requested_on_wed_20_may() -> None:
    """Need Mon 15; receipt 2 wd → Thu 11; 21 calendar days → Thu 21 May; 1 wd → Wed 20 May."""
    schedule = backward_schedule(june(15), 2, WEEKDAYS, a_source(lead_time_days=21), 1, today=may(20))
    assert schedule.dock_date == june(11)
    assert schedule.send_by == may(21)
    assert schedule.requisition_by == may(20)
    assert not schedule.expedite
    assert schedule.earliest_dock == june(11)


def test_a_day_too_late_is_expedited_and_keeps_the_dates_it_should_have_had() -> None:
    schedule = backward_schedule(june(15), 2, WEEKDAYS, a_source(lead_time_days=21), 1, today=may(21))
    assert schedule.expedite
    assert (schedule.dock_date, schedule.requisition_by) == (june(11), may(20))
    assert schedule.earliest_dock == june(12)


def test_a_lead_time_in_working_days_is_the_suppliers() -> None:
    closed = Calendar(name="supplier", holidays=(june(8), june(9)))
    source = a_source(lead_time_days=3, lead_time_in="working_days", calendar=closed)
    assert backward_schedule(june(15), 2, WEEKDAYS, source, 1, today=may(1)).send_by == june(4)


def test_an_arrival_on_a_sunday_is_taken_in_on_monday() -> None:
    schedule = backward_schedule(june(10), 0, WEEKDAYS, a_source(lead_time_days=12), 1, today=june(1))
    assert schedule.earliest_dock == june(15)


days = st.dates(june(1), dt.date(2026, 12, 31))
holidays = st.lists(days, max_size=20).map(tuple)


@given(
    need=days,
    today=days,
    receipt=st.integers(0, 10),
    processing=st.integers(0, 5),
    lead_time=st.integers(0, 90),
    in_working_days=st.booleans(),
    plant=st.builds(Calendar, name=st.just("plant"), holidays=holidays),
    supplier=st.builds(Calendar, name=st.just("supplier"), holidays=holidays) | st.just(EVERY_DAY),
)
def test_what_needs_no_expediting_can_be_on_stock_on_the_day(
    need: dt.date,
    today: dt.date,
    receipt: int,
    processing: int,
    lead_time: int,
    in_working_days: bool,
    plant: Calendar,
    supplier: Calendar,
) -> None:
    source = a_source(
        lead_time_days=lead_time,
        lead_time_in="working_days" if in_working_days else "calendar_days",
        calendar=supplier,
    )
    schedule = backward_schedule(need, receipt, plant, source, processing, today)
    assert schedule.requisition_by <= schedule.send_by <= schedule.dock_date <= need
    assert available_on(schedule.dock_date, receipt, plant) <= need
    assert schedule.expedite or schedule.earliest_dock <= schedule.dock_date


def test_the_first_dock_date_of_a_lead_time_in_working_days_is_counted_by_the_suppliers_calendar() -> None:
    source = a_source(lead_time_days=5, lead_time_in="working_days", calendar=WEEKDAYS)
    assert backward_schedule(june(30), 0, EVERY_DAY, source, 1, today=june(1)).earliest_dock == june(9)


def test_r6s_reason_shows_the_dates_backwards_and_what_they_were_counted_by() -> None:
    reason = backward_schedule(june(15), 2, WEEKDAYS, a_source(lead_time_days=21), 1, today=may(20)).reason("v7")
    assert (reason.rule, reason.policy_version) == ("R6", "v7")
    assert reason.why == "at the dock by 2026-06-11, sent by 2026-05-21, requisition by 2026-05-20"
    assert reason.inputs == {
        "need_date": "2026-06-15",
        "today": "2026-05-20",
        "lead_time_days": 21,
        "lead_time_in": "calendar_days",
        "goods_receipt_days": 2,
        "plant_calendar": "weekdays",
        "supplier_calendar": "weekdays",
    }
    assert reason.thresholds == {"processing_days": 1}
    late = backward_schedule(june(15), 2, WEEKDAYS, a_source(lead_time_days=21), 1, today=may(21))
    assert late.why.endswith("requisition by 2026-05-20, which has passed: expedite")
