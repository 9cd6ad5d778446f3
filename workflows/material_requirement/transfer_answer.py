"""The answer of a requirement to the transfer order that demands it: its coverage, in the form of a supplier's answer.

It decides when to answer, and with which dates. Whether the answer is acceptable is decided elsewhere (R8 of the order,
and R7 where the transferred goods are needed).
"""

import datetime as dt
import hashlib
from decimal import Decimal

from canonical.messages import SupplierAnswered
from canonical.order import AnswerOutcome, AnswerScheduleLine, LineAnswer, OrderAnswer
from canonical.supply import ScheduleLine, ScheduleLineState
from decisions.calendars import add_working_days
from decisions.feasibility import available_on
from decisions.overdue import has_passed
from workflows.material_requirement.state import RequirementState

_ZERO = Decimal(0)


def answer_due(state: RequirementState, now: dt.datetime) -> SupplierAnswered | None:
    """The answer to the transfer order; None if nothing is demanded, coverage is not firm yet, or the order has it.

    Coverage is firm once suppliers have confirmed or delivered it: the order waits as for any supplier's answer.
    """
    line = state.need.demanding_line
    if state.need.demanded_by is None or line is None or not _sure(state):
        return None
    schedule_lines = _schedule_lines(state, state.policy.calendar.day_of(now))
    revision = state.need.revision.plan_version
    digest = _digest(revision, schedule_lines)
    if digest == state.answered:
        return None
    # The content is part of the id: if the task runs again with another result, that is another answer.
    number = f"{state.id}#{state.answers_given + 1}.{digest}"[-70:]
    answer = OrderAnswer(
        order_number=state.need.demand_reference.partition("/")[0],
        order_revision=revision,
        answer_number=number,
        header="per_line",
        lines=(LineAnswer(line=line, schedule_lines=schedule_lines),),
        effective_at=now,
    )
    return SupplierAnswered(event_id=number, answer=answer, correlation_id=state.correlation_id)


def record_answered(state: RequirementState, answered: SupplierAnswered) -> None:
    """Remember the answer that the order received."""
    answer = answered.answer
    assert answer.order_revision is not None
    state.answers_given += 1
    state.answered = _digest(answer.order_revision, answer.lines[0].schedule_lines)


def _sure(state: RequirementState) -> bool:
    if state.withdrawn or state.covered_revision is None or state.assessment is None or state.assessment.item is None:
        return False
    if any(coverage.pending for coverage in state.coverages):
        return False
    return all(part.state is not ScheduleLineState.ORDERED for part in state.supply)


def _schedule_lines(state: RequirementState, today: dt.date) -> tuple[AnswerScheduleLine, ...]:
    """The need's quantity by arrival date at the demanding plant; quantities in time have no date."""
    by_day: dict[tuple[AnswerOutcome, dt.date | None], Decimal] = {}
    left = state.need.quantity
    for outcome, day, quantity in sorted((_promise(state, part, today) for part in state.covered_by), key=_soonest):
        taken = min(left, quantity)
        if taken > 0:
            by_day[outcome, day] = by_day.get((outcome, day), _ZERO) + taken
            left -= taken
    written_off = min(left, max(_ZERO, state.need.quantity - state.quantity_expected))
    for outcome, quantity in ((AnswerOutcome.BACKORDERED, left - written_off), (AnswerOutcome.REJECTED, written_off)):
        if quantity > 0:
            by_day[outcome, None] = by_day.get((outcome, None), _ZERO) + quantity
    return tuple(
        AnswerScheduleLine(outcome=outcome, quantity=quantity, unit=state.need.unit, date=day)
        for (outcome, day), quantity in by_day.items()
    )


_Promise = tuple[AnswerOutcome, dt.date | None, Decimal]
_RANK = (AnswerOutcome.ACCEPTED, AnswerOutcome.CHANGED, AnswerOutcome.BACKORDERED)


def _promise(state: RequirementState, part: ScheduleLine, today: dt.date) -> _Promise:
    """R7's availability date here plus transit; None: in time for the required date, or without a date.

    A quantity in time is accepted as requested: the demanding plant calculated its dock date by its own calendar. An
    overdue one that can't be in time any more has no date until its supplier names another.
    """
    assert state.assessment is not None
    assert state.assessment.item is not None
    if part.date is None:
        return (AnswerOutcome.BACKORDERED, None, part.quantity)
    calendar, on_stock = state.policy.calendar, part.date
    if part.state is not ScheduleLineState.RECEIVED:
        on_stock = available_on(max(part.date, today), state.assessment.item.goods_receipt_days, calendar)
    backordered = part.state is ScheduleLineState.BACKORDERED
    if on_stock <= state.need.required_date and not backordered:
        return (AnswerOutcome.ACCEPTED, None, part.quantity)
    if part.state is not ScheduleLineState.RECEIVED and has_passed(part.date, today, calendar):
        return (AnswerOutcome.BACKORDERED, None, part.quantity)
    there = add_working_days(calendar, on_stock, state.need.transit_days)
    return (AnswerOutcome.BACKORDERED if backordered else AnswerOutcome.CHANGED, there, part.quantity)


def _soonest(promise: _Promise) -> tuple[int, dt.date]:
    outcome, day, _ = promise
    return (_RANK.index(outcome), day or dt.date.max)


def _digest(revision: int, schedule_lines: tuple[AnswerScheduleLine, ...]) -> str:
    statement = [
        f"{part.outcome} {part.quantity.normalize() if part.quantity else 0:f} {part.date}" for part in schedule_lines
    ]
    return hashlib.sha256(f"{revision} {'; '.join(statement)}".encode()).hexdigest()[:8]
