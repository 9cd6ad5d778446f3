"""Answers as tests expect them: a slice in one line, and the slices of the one line that a document answers."""

from datetime import date
from decimal import Decimal

from canonical.order import AnswerSlice, LineOutcome
from tests.adapters.supplier.edifact.documents import answer, ordrsp

ACCEPTED, CHANGED, BACKORDERED = LineOutcome.ACCEPTED, LineOutcome.CHANGED, LineOutcome.BACKORDERED
REJECTED, DELETED, ON_HOLD = LineOutcome.REJECTED, LineOutcome.DELETED, LineOutcome.ON_HOLD


def part(
    outcome: LineOutcome, quantity: str | None = None, day: int | None = None, unit: str | None = None
) -> AnswerSlice:
    return AnswerSlice(
        outcome=outcome,
        quantity=None if quantity is None else Decimal(quantity),
        unit=unit,
        date=None if day is None else date(2026, 6, day),
    )


def slices(*lines: str, bgm: str = "BGM+231+OR-9+4") -> list[AnswerSlice]:
    (line,) = answer(ordrsp(*lines, bgm=bgm)).lines
    return list(line.slices)
