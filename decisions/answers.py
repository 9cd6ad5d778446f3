"""R9, partial answers: what a supplier's answer to an order line promises, as one list of schedule lines.

Decided here: how much is confirmed for when, what is backordered, what is rejected; and that an answer which
can't be read without guessing goes to a person. Once goods were despatched or received, an answer is either about the
whole line or about the rest; its total says which. Not here: whether the answer is of the current revision (R10) and
whether it is good enough (R8, R7).
"""

import datetime as dt
from decimal import Decimal
from typing import Literal, NamedTuple

from canonical.order import AnswerOutcome, AnswerScheduleLine, LineAnswer
from canonical.reason import JsonValue, Reason, figure
from canonical.supply import ScheduleLine, ScheduleLineState
from canonical.units import fraction_of_a_count, is_whole

_CONFIRMED = frozenset({AnswerOutcome.ACCEPTED, AnswerOutcome.CHANGED})
_PENDING = frozenset({AnswerOutcome.BACKORDERED, AnswerOutcome.DATE_PENDING, AnswerOutcome.ON_HOLD})
_REFUSED = frozenset({AnswerOutcome.REJECTED, AnswerOutcome.DELETED})
_ZERO = Decimal(0)


class ReadAnswer(NamedTuple):
    """What the supplier will deliver of the line, and what it won't."""

    schedule_lines: tuple[ScheduleLine, ...]
    """Confirmed by date, then backordered; empty where all is rejected."""
    rejected: Decimal
    why: str
    rule: str = "R9"

    def reason(self, policy_version: str) -> Reason:
        """The reading for trace and audit; it depends on no policy."""
        inputs: dict[str, JsonValue] = {"confirmed": str(self.confirmed), "rejected": str(self.rejected)}
        return Reason(rule=self.rule, why=self.why, inputs=inputs, policy_version=policy_version)

    @property
    def confirmed(self) -> Decimal:
        """Σ confirmed schedule lines."""
        return sum(
            (piece.quantity for piece in self.schedule_lines if piece.state is ScheduleLineState.CONFIRMED), _ZERO
        )

    @property
    def last_date(self) -> dt.date | None:
        """The last confirmed date; None where nothing is confirmed."""
        dates = [
            piece.date for piece in self.schedule_lines if piece.date and piece.state is ScheduleLineState.CONFIRMED
        ]
        return max(dates, default=None)


class NotAnswered(NamedTuple):
    """The answer does not mention the line."""

    why: str = "the answer does not name the line"
    rule: str = "R9"


class UnclearAnswer(NamedTuple):
    """The answer can't be read without guessing."""

    reason: str
    rule: str = "R9"


class Delivered(NamedTuple):
    """What had left the supplier when it answered."""

    despatched: Decimal = _ZERO
    """Despatched or received."""
    received: Decimal = _ZERO
    on: dt.date = dt.date.min
    """The day for which the part of it that is still on the way counts."""


_NOTHING = Delivered()


def read_answer(
    ordered: Decimal,
    unit: str,
    delivery_date: dt.date,
    answer: LineAnswer | None,
    header: Literal["accepted", "rejected", "per_line"],
    delivered: Delivered = _NOTHING,
) -> ReadAnswer | NotAnswered | UnclearAnswer:
    """R9: the line's schedule lines, whatever the dialect; `answer` None: the line is not named and the header speaks
    for it.

    Once something was delivered, an answer whose total is the ordered quantity or more is about the whole line, one
    whose total is no more than what is open is about that; any other is unclear. What was delivered before an answer
    about the rest is a schedule line of its own, `shipped`.

    An acceptance without a date is for the requested date; without a quantity, for all that the other schedule lines
    leave. A quantity that no schedule line mentions is backordered where something was confirmed, and confirmed where
    only a backorder was named. A header's rejection rejects every line; a line that contradicts it is unclear.
    """
    if answer is None:
        return _read_header(ordered, delivery_date, header, delivered)
    unclear = _objection(unit, answer, header)
    if unclear is not None:
        return UnclearAnswer(unclear)
    gone = _not_spoken_of(ordered, answer.schedule_lines, delivered)
    if isinstance(gone, UnclearAnswer):
        return gone
    statement = _fill_in(ordered - gone, answer.schedule_lines)
    if isinstance(statement, UnclearAnswer):
        return statement
    schedule_lines = [_gone(gone, delivered)]
    rejected = _ZERO
    for outcome, quantity, date in statement:
        if outcome in _REFUSED:
            rejected += quantity
        elif outcome in _CONFIRMED:
            schedule_lines.append(
                ScheduleLine(quantity=quantity, date=date or delivery_date, state=ScheduleLineState.CONFIRMED)
            )
        else:
            promised = date if outcome is AnswerOutcome.BACKORDERED else None
            schedule_lines.append(ScheduleLine(quantity=quantity, date=promised, state=ScheduleLineState.BACKORDERED))
    open_quantity = ordered - delivered.despatched
    if delivered.despatched and rejected > open_quantity:
        if schedule_lines[1:]:
            return UnclearAnswer(f"{figure(rejected)} are rejected, and only {figure(open_quantity)} are open")
        schedule_lines, rejected = [_gone(delivered.despatched, delivered)], open_quantity
    return _result(schedule_lines, rejected)


def _not_spoken_of(
    ordered: Decimal, pieces: tuple[AnswerScheduleLine, ...], delivered: Delivered
) -> Decimal | UnclearAnswer:
    """The delivered quantity that the answer leaves out; zero where it is about the whole line."""
    named = sum((piece.quantity for piece in pieces if piece.quantity is not None), _ZERO)
    takes_the_rest = any(piece.quantity is None for piece in pieces)
    open_quantity = ordered - delivered.despatched
    if not delivered.despatched or named >= ordered:
        return _ZERO
    if named < open_quantity or (named == open_quantity and not takes_the_rest):
        return delivered.despatched
    if named == ordered - delivered.received and not takes_the_rest:
        return delivered.received
    if named == open_quantity:
        return _ZERO
    return UnclearAnswer(
        f"the answer names {figure(named)} of {figure(ordered)}, of which {figure(delivered.despatched)} are "
        f"delivered: neither the whole nor the {figure(open_quantity)} that are open"
    )


def _gone(quantity: Decimal, delivered: Delivered) -> ScheduleLine:
    return ScheduleLine(quantity=quantity, date=delivered.on, state=ScheduleLineState.SHIPPED)


def past_promise(reading: ReadAnswer, today: dt.date, delivered: Decimal) -> UnclearAnswer | None:
    """R9: a date that has passed when the answer arrives promises nothing: it is a slip, or an old document.

    What suppliers state once more of the quantity that is `delivered` or on the way is no such promise, unless the
    answer is about the rest. `today` is the plant's.
    """
    gone = [piece for piece in reading.schedule_lines if piece.state is ScheduleLineState.SHIPPED]
    delivered -= sum((piece.quantity for piece in gone), _ZERO)
    passed = [
        piece for piece in reading.schedule_lines if piece.date is not None and piece.date < today and piece not in gone
    ]
    quantity = sum((piece.quantity for piece in passed), _ZERO)
    if quantity <= delivered:
        return None
    days = ", ".join(sorted({str(piece.date) for piece in passed}))
    return UnclearAnswer(
        f"{figure(quantity)} are promised for {days}, which has passed, "
        f"and {figure(delivered)} of the line are shipped or received"
    )


def _read_header(
    ordered: Decimal,
    delivery_date: dt.date,
    header: Literal["accepted", "rejected", "per_line"],
    delivered: Delivered,
) -> ReadAnswer | NotAnswered:
    if header == "per_line":
        return NotAnswered()
    if header == "rejected":
        return _result([_gone(delivered.despatched, delivered)], ordered - delivered.despatched)
    return _result([ScheduleLine(quantity=ordered, date=delivery_date, state=ScheduleLineState.CONFIRMED)], _ZERO)


def _objection(unit: str, answer: LineAnswer, header: str) -> str | None:
    """Why the line can't be read, before any arithmetic."""
    if answer.objection:
        return answer.objection
    for piece in answer.schedule_lines:
        if piece.outcome is AnswerOutcome.SUBSTITUTED:
            return "the supplier offers a substitute; a person decides whether it will do"
        if piece.unit is not None and piece.unit != unit:
            return f"the answer is in {piece.unit}, the order in {unit}"
        if piece.unit is None and piece.quantity is not None and not is_whole(piece.quantity, unit):
            return f"the answer says {fraction_of_a_count(piece.quantity, unit)}"
        if header == "rejected" and piece.outcome not in _REFUSED:
            return f"the header rejects the order, the line says {piece.outcome}"
        says_nothing = piece.quantity is None and piece.date is None and answer.price is None
        if piece.outcome is AnswerOutcome.CHANGED and says_nothing:
            return "the answer says changed, but not what has changed"
    if sum(piece.quantity is None for piece in answer.schedule_lines) > 1:
        return "several parts of the answer name no quantity"
    return None


_Statement = tuple[AnswerOutcome, Decimal, dt.date | None]


def _fill_in(ordered: Decimal, pieces: tuple[AnswerScheduleLine, ...]) -> list[_Statement] | UnclearAnswer:
    """Every schedule line with its quantity, and one for the quantity that the answer does not mention."""
    rest = ordered - sum((piece.quantity for piece in pieces if piece.quantity is not None), _ZERO)
    statement: list[_Statement] = []
    for piece in pieces:
        if piece.quantity is None:
            if rest <= 0:
                return UnclearAnswer(f"the named parts leave no quantity that could be {piece.outcome}")
            statement.append((piece.outcome, rest, piece.date))
            rest = _ZERO
        else:
            statement.append((piece.outcome, piece.quantity, piece.date))
    if rest > 0:
        outcomes = {piece.outcome for piece in pieces}
        if outcomes & _CONFIRMED:
            statement.append((AnswerOutcome.DATE_PENDING, rest, None))
        elif outcomes & _REFUSED:
            unmentioned = f"the answer does not mention the other {rest.normalize():f}"
            return UnclearAnswer(f"part of the line is rejected, and {unmentioned}")
        else:
            statement.append((AnswerOutcome.ACCEPTED, rest, None))
    return statement


def _result(schedule_lines: list[ScheduleLine], rejected: Decimal) -> ReadAnswer:
    merged: dict[tuple[ScheduleLineState, dt.date | None], Decimal] = {}
    for piece in schedule_lines:
        if piece.quantity:
            place = (piece.state, piece.date)
            merged[place] = merged.get(place, _ZERO) + piece.quantity
    ordered = sorted(
        (ScheduleLine(quantity=quantity, date=date, state=state) for (state, date), quantity in merged.items()),
        key=lambda piece: (piece.state is ScheduleLineState.BACKORDERED, piece.date or dt.date.max),
    )
    words = [f"{piece.quantity.normalize():f} {piece.state} {piece.date or 'without date'}" for piece in ordered]
    if rejected:
        words.append(f"{rejected.normalize():f} rejected")
    return ReadAnswer(tuple(ordered), rejected, ", ".join(words) or "nothing is confirmed")
