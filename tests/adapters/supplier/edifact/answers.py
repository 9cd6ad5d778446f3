"""Answers as tests expect them: a schedule line in one line, and the schedule lines of the one line that a document
answers."""

from datetime import date
from decimal import Decimal

from canonical.order import AnswerOutcome, AnswerScheduleLine
from tests.adapters.supplier.edifact.documents import answer, ordrsp

ACCEPTED, CHANGED, BACKORDERED = AnswerOutcome.ACCEPTED, AnswerOutcome.CHANGED, AnswerOutcome.BACKORDERED
REJECTED, DELETED, ON_HOLD = AnswerOutcome.REJECTED, AnswerOutcome.DELETED, AnswerOutcome.ON_HOLD


def part(
    outcome: AnswerOutcome, quantity: str | None = None, day: int | None = None, unit: str | None = None
) -> AnswerScheduleLine:
    return AnswerScheduleLine(
        outcome=outcome,
        quantity=None if quantity is None else Decimal(quantity),
        unit=unit,
        date=None if day is None else date(2026, 6, day),
    )


def schedule_lines(*lines: str, bgm: str = "BGM+231+OR-9+4") -> list[AnswerScheduleLine]:
    (line,) = answer(ordrsp(*lines, bgm=bgm)).lines
    return list(line.schedule_lines)
