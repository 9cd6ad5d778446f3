"""R9 once goods have left the supplier: an answer is about the whole line or about the rest, as its total says.

100 were ordered; 60 are despatched, 40 of them received; 40 are open.
"""

from decimal import Decimal

import pytest

from canonical.order import AnswerOutcome, AnswerScheduleLine, LineAnswer
from canonical.supply import ScheduleLine, ScheduleLineState
from decisions.answers import Delivered, ReadAnswer, UnclearAnswer, read_answer
from tests.decisions.models import backordered, confirmed, june

ASKED, LATER, ON = june(11), june(20), june(9)
GONE = Delivered(Decimal(60), Decimal(40), ON)
ACCEPTED, CHANGED, REJECTED, DELETED = (
    AnswerOutcome.ACCEPTED,
    AnswerOutcome.CHANGED,
    AnswerOutcome.REJECTED,
    AnswerOutcome.DELETED,
)
Piece = tuple[AnswerOutcome, int | None]


def shipped(quantity: int) -> ScheduleLine:
    return ScheduleLine(quantity=Decimal(quantity), date=ON, state=ScheduleLineState.SHIPPED)


def read(*pieces: Piece, delivered: Delivered = GONE) -> ReadAnswer | UnclearAnswer:
    lines = tuple(
        AnswerScheduleLine(outcome=outcome, quantity=None if quantity is None else Decimal(quantity), date=LATER)
        for outcome, quantity in pieces
    )
    found = read_answer(Decimal(100), "EA", ASKED, LineAnswer(line=10, schedule_lines=lines), "per_line", delivered)
    assert isinstance(found, ReadAnswer | UnclearAnswer)
    return found


@pytest.mark.parametrize(
    ("pieces", "schedule_lines"),
    [
        pytest.param([(CHANGED, 100)], [confirmed(100, LATER)], id="the whole line"),
        pytest.param([(CHANGED, 120)], [confirmed(120, LATER)], id="more than the whole line"),
        pytest.param([(CHANGED, 40)], [shipped(60), confirmed(40, LATER)], id="what is open"),
        pytest.param([(CHANGED, 30)], [shipped(60), confirmed(30, LATER), backordered(10)], id="part of what is open"),
        pytest.param([(CHANGED, None)], [shipped(60), confirmed(40, LATER)], id="what is open, without a quantity"),
        pytest.param([(CHANGED, 60)], [shipped(40), confirmed(60, LATER)], id="what is not received yet"),
        pytest.param([(CHANGED, 40), (CHANGED, None)], [confirmed(100, LATER)], id="as much as is open, and the rest"),
    ],
)
def test_the_total_says_what_the_answer_is_about(pieces: list[Piece], schedule_lines: list[ScheduleLine]) -> None:
    reading = read(*pieces)
    assert isinstance(reading, ReadAnswer)
    assert sorted(reading.schedule_lines, key=str) == sorted(schedule_lines, key=str)
    assert reading.rejected == 0


@pytest.mark.parametrize(("named", "pieces"), [(50, [(CHANGED, 50)]), (60, [(CHANGED, 60), (CHANGED, None)])])
def test_a_total_that_is_neither_the_whole_nor_the_rest_is_unclear(named: int, pieces: list[Piece]) -> None:
    assert read(*pieces) == UnclearAnswer(
        f"the answer names {named} of 100, of which 60 are delivered: neither the whole nor the 40 that are open"
    )


def test_a_line_that_is_rejected_whole_loses_what_is_open() -> None:
    reading = read((REJECTED, 100))
    assert isinstance(reading, ReadAnswer)
    assert (list(reading.schedule_lines), reading.rejected) == ([shipped(60)], Decimal(40))


def test_no_more_than_what_is_open_can_be_rejected_beside_a_confirmation() -> None:
    assert read((REJECTED, 41), (CHANGED, 59)) == UnclearAnswer("41 are rejected, and only 40 are open")
    reading = read((REJECTED, 40), (CHANGED, 60))
    assert isinstance(reading, ReadAnswer)
    assert (list(reading.schedule_lines), reading.rejected) == ([confirmed(60, LATER)], Decimal(40))


def test_what_is_rejected_in_several_pieces_is_added_up() -> None:
    reading = read((ACCEPTED, 65), (REJECTED, 20), (DELETED, 15), delivered=Delivered())
    assert isinstance(reading, ReadAnswer)
    assert (list(reading.schedule_lines), reading.rejected) == ([confirmed(65, LATER)], Decimal(35))
