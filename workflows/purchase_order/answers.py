"""How an order takes a supplier's answer: which lines it is newer for (R10), and what it says of each (R9).

A line keeps its last answer as it was given: goods that the supplier knew of may be reported later than the answer, and
then the answer is read again. It makes no calls.
"""

import datetime as dt
from typing import assert_never

from canonical.calendar import Calendar
from canonical.order import LineAnswer, OrderAnswer
from canonical.policy import RouteKind
from decisions.answers import Delivered, NotAnswered, ReadAnswer, UnclearAnswer, past_promise, read_answer
from decisions.ordering import AnswerRank, answer_status, rank_of_answer
from workflows.memory import RecordEvent
from workflows.purchase_order.line import Line, Statement
from workflows.purchase_order.sharing import share_report
from workflows.purchase_order.state import OrderState


def take_answer(state: OrderState, answer: OrderAnswer, record: RecordEvent, today: dt.date) -> None:
    """R10, line by line: suppliers answer an order in several messages, which may arrive out of order."""
    answer = _in_days_of_the_plant(answer, state.policy.calendar)
    rank = rank_of_answer(answer.order_revision, answer.effective_at, answer.answer_number)
    by_line = {line.line: line for line in answer.lines}
    unknown = sorted(by_line.keys() - {line.number for line in state.lines})
    named = [line for line in state.lines if answer.header != "per_line" or line.number in by_line]
    status = _answer_standing(state, answer, rank, named if named and not unknown else [])
    if status != "current":
        record(
            f"answer.{status}",
            answer.effective_at,
            answer_number=answer.answer_number,
            revision=answer.order_revision,
            current_revision=state.revision,
            rule="R10",
        )
        return
    state.advance(answer.effective_at)
    state.answers.append(rank)
    for number in unknown:
        state.unclear[number] = "the answer names a line that the order does not have"
    newest = [line for line in named if not line.answered_after(rank)]
    read = [line for line in newest if _read_line(state, line, by_line.get(line.number), answer, today)]
    for line in newest:
        line.rank_answer(rank)
    _note_answer(state, answer, read, record)


def _in_days_of_the_plant(answer: OrderAnswer, calendar: Calendar) -> OrderAnswer:
    """A promised moment is promised for the day that it is at the plant."""
    lines = tuple(
        line.model_copy(
            update={
                "schedule_lines": tuple(
                    part if part.at is None else part.model_copy(update={"date": calendar.day_of(part.at)})
                    for part in line.schedule_lines
                )
            }
        )
        if any(part.at is not None for part in line.schedule_lines)
        else line
        for line in answer.lines
    )
    return answer.model_copy(update={"lines": lines})


def _answer_standing(state: OrderState, answer: OrderAnswer, rank: AnswerRank, named: list[Line]) -> str:
    """`named`: the lines that the answer names, if the order has all of them."""
    status: str = answer_status(_answered_revision(state, answer), rank, state.revision, None)
    if status == "current" and rank in state.answers:
        return "repeat"
    if status == "current" and named and all(line.answered_after(rank) for line in named):
        return "stale"
    return status


def _note_answer(state: OrderState, answer: OrderAnswer, read: list[Line], record: RecordEvent) -> None:
    record(
        "order.answered",
        answer.effective_at,
        answer_number=answer.answer_number,
        revision=answer.order_revision,
        lines=[
            {
                "line": line.number,
                "schedule_lines": [part.model_dump(mode="json") for part in line.promised],
                **line.whose,
                **share_report(line, state.policy.version),
            }
            for line in read
        ],
        unclear={str(number): why for number, why in state.unclear.items()},
    )


def _answered_revision(state: OrderState, answer: OrderAnswer) -> int | None:
    """The revision that an answer refers to.

    A plant of ours answers each line by the need last published for it; it does not know of later revisions that
    changed only other lines.
    """
    stated = answer.order_revision
    if state.terms.route is not RouteKind.TRANSFER or stated is None or stated > state.revision:
        return stated
    named = {line.line for line in answer.lines}
    current = all(line.changed_in <= stated for line in state.lines if line.number in named)
    return state.revision if current else stated


def _read_line(state: OrderState, line: Line, answered: LineAnswer | None, answer: OrderAnswer, today: dt.date) -> bool:
    """Read one line's answer (R9); returns whether the line was answered."""
    if line.closed or line.changed_in > state.revision:
        # The supplier does not know yet how the next revision changes the line.
        return False
    if line.cancelled:
        return _read_cancellation(state, line, answered, answer)
    line.hear(Statement.of(answer, answered, state.revision, today))
    return _read_statement(state, line)


def read_again(state: OrderState, line: Line, moved_at: dt.datetime) -> None:
    """Read the line's last answer again if the supplier knew of this movement of goods, which is reported only now."""
    statement = line.statement
    if statement is not None and line.open and moved_at <= statement.effective_at:
        _read_statement(state, line)


def _read_statement(state: OrderState, line: Line) -> bool:
    heard = line.statement
    assert heard is not None
    despatched, received = line.delivered_by(heard.effective_at)
    # What is still on the way when the supplier answers arrives no earlier than that day.
    answered_on = state.policy.calendar.day_of(heard.effective_at)
    delivered = Delivered(despatched, received, max(line.delivery_date, answered_on))
    reading = read_answer(
        line.asked_quantity, line.request.unit, line.delivery_date, heard.answer, heard.header, delivered
    )
    if isinstance(reading, ReadAnswer):
        reading = past_promise(reading, heard.heard_on, max(line.received, line.counted_shipped)) or reading
    match reading:
        case NotAnswered():
            return False
        case UnclearAnswer(reason=reason):
            state.unclear[line.number] = reason
            return False
        case ReadAnswer():
            state.unclear.pop(line.number, None)
            price, price_unit = (heard.answer.price, heard.answer.price_unit) if heard.answer else (None, None)
            at = heard.effective_at
            if line.answer(heard.revision, reading, at, answered_on, price, price_unit, heard.currency):
                state.cut.append(line.number)
            state.touch(line.number)
            return True
        case _:
            assert_never(reading)


def _read_cancellation(state: OrderState, line: Line, answered: LineAnswer | None, answer: OrderAnswer) -> bool:
    statement = {part.outcome.value for part in answered.schedule_lines} if answered else {answer.header}
    if statement <= {"accepted", "deleted", "changed"}:
        state.unclear.pop(line.number, None)
        line.complete(nothing_comes=True)
        state.touch(line.number)
        return True
    if statement != {"per_line"}:
        state.unclear[line.number] = "the supplier does not accept the cancellation"
    return False
