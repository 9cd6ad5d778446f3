import datetime as dt
from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.order import AnswerOutcome, AnswerScheduleLine, LineAnswer
from canonical.supply import ScheduleLine, ScheduleLineState
from decisions.answers import NotAnswered, ReadAnswer, UnclearAnswer, past_promise, read_answer
from tests.decisions.models import backordered, confirmed, june

TODAY, ASKED = june(1), june(11)
SIXTY_AND_FORTY = (confirmed(60, ASKED), backordered(40))


def statement(
    outcome: AnswerOutcome, quantity: int | None = None, date: dt.date | None = None, unit: str | None = None
) -> AnswerScheduleLine:
    return AnswerScheduleLine(
        outcome=outcome, quantity=None if quantity is None else Decimal(quantity), date=date, unit=unit
    )


def read(
    *schedule_lines: AnswerScheduleLine,
    price: Decimal | None = None,
    header: Literal["accepted", "rejected", "per_line"] = "per_line",
    unit: str = "EA",
) -> ReadAnswer | NotAnswered | UnclearAnswer:
    answer = LineAnswer(line=10, schedule_lines=schedule_lines, price=price) if schedule_lines else None
    return read_answer(Decimal(100), unit, ASKED, answer, header)


def schedule_lines_of(reading: object) -> tuple[ScheduleLine, ...]:
    assert isinstance(reading, ReadAnswer)
    return reading.schedule_lines


def reason_of(reading: object) -> str:
    assert isinstance(reading, UnclearAnswer)
    return reading.reason


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param([statement(AnswerOutcome.CHANGED, 60)], id="BP 60 alone"),
        pytest.param([statement(AnswerOutcome.BACKORDERED, 40)], id="IB 40 alone"),
        pytest.param(
            [statement(AnswerOutcome.ACCEPTED, 60), statement(AnswerOutcome.BACKORDERED, 40)], id="IA 60 + IB 40"
        ),
    ],
)
def test_r9_order_100_reads_60_confirmed_and_40_backordered_whatever_the_dialect(
    answer: list[AnswerScheduleLine],
) -> None:
    """Order 100: `BP 60` alone, `IB 40` alone, or `IA 60` + `IB 40` all read [60 confirmed, 40 backordered]."""
    assert schedule_lines_of(read(*answer)) == SIXTY_AND_FORTY


def test_an_acceptance_without_figures_is_the_line_as_asked() -> None:
    assert schedule_lines_of(read(statement(AnswerOutcome.ACCEPTED))) == (confirmed(100, ASKED),)


def test_a_line_that_is_not_named_is_answered_by_the_header_or_not_at_all() -> None:
    assert schedule_lines_of(read(header="accepted")) == (confirmed(100, ASKED),)
    assert isinstance(read(header="per_line"), NotAnswered)
    rejected = read(header="rejected")
    assert isinstance(rejected, ReadAnswer)
    assert (rejected.schedule_lines, rejected.rejected) == ((), Decimal(100))


def test_a_split_over_two_dates_keeps_both() -> None:
    reading = read(statement(AnswerOutcome.CHANGED, 40, june(22)), statement(AnswerOutcome.CHANGED, 60, june(12)))
    assert schedule_lines_of(reading) == (confirmed(60, june(12)), confirmed(40, june(22)))
    assert isinstance(reading, ReadAnswer)
    assert (reading.confirmed, reading.last_date) == (Decimal(100), june(22))


def test_a_changed_date_without_a_quantity_is_the_whole_line_for_that_date() -> None:
    assert schedule_lines_of(read(statement(AnswerOutcome.CHANGED, date=june(18)))) == (confirmed(100, june(18)),)


def test_a_changed_price_alone_confirms_the_line_as_asked() -> None:
    assert schedule_lines_of(read(statement(AnswerOutcome.CHANGED), price=Decimal("2.03"))) == (confirmed(100, ASKED),)


@pytest.mark.parametrize("outcome", [AnswerOutcome.REJECTED, AnswerOutcome.DELETED])
def test_a_rejected_line_leaves_nothing(outcome: AnswerOutcome) -> None:
    reading = read(statement(outcome))
    assert isinstance(reading, ReadAnswer)
    assert (reading.schedule_lines, reading.rejected, reading.last_date) == ((), Decimal(100), None)


def test_a_part_accepted_and_the_rest_rejected_is_not_backordered() -> None:
    reading = read(statement(AnswerOutcome.ACCEPTED, 60), statement(AnswerOutcome.REJECTED))
    assert isinstance(reading, ReadAnswer)
    assert (reading.schedule_lines, reading.rejected) == ((confirmed(60, ASKED),), Decimal(40))


@pytest.mark.parametrize("outcome", [AnswerOutcome.DATE_PENDING, AnswerOutcome.ON_HOLD])
def test_what_is_on_hold_is_backordered_without_a_date(outcome: AnswerOutcome) -> None:
    assert schedule_lines_of(read(statement(outcome, date=june(18)))) == (backordered(100),)


def test_a_backorder_keeps_the_date_that_the_supplier_hopes_for() -> None:
    assert schedule_lines_of(read(statement(AnswerOutcome.BACKORDERED, 100, june(25)))) == (backordered(100, june(25)),)


def test_more_than_was_ordered_is_read_as_it_was_answered() -> None:
    assert schedule_lines_of(read(statement(AnswerOutcome.ACCEPTED, 120))) == (confirmed(120, ASKED),)


def test_parts_for_the_same_day_are_one_schedule_line() -> None:
    assert schedule_lines_of(
        read(statement(AnswerOutcome.ACCEPTED, 60), statement(AnswerOutcome.CHANGED, 40, ASKED))
    ) == (confirmed(100, ASKED),)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([statement(AnswerOutcome.SUBSTITUTED, 100)], "substitute"),
        ([statement(AnswerOutcome.ACCEPTED, 100, unit="CT")], "the answer is in CT, the order in EA"),
        (
            [AnswerScheduleLine(outcome=AnswerOutcome.ACCEPTED, quantity=Decimal("1.2"))],
            "the answer says 1.2 EA: each is counted",
        ),
        ([statement(AnswerOutcome.CHANGED)], "says changed, but not what has changed"),
        ([statement(AnswerOutcome.ACCEPTED), statement(AnswerOutcome.BACKORDERED)], "several parts"),
        (
            [statement(AnswerOutcome.ACCEPTED), statement(AnswerOutcome.BACKORDERED, 100)],
            "leave no quantity that could be accepted",
        ),
        ([statement(AnswerOutcome.REJECTED, 40)], "the answer does not mention the other 60"),
    ],
)
def test_what_would_have_to_be_guessed_goes_to_a_person(answer: list[AnswerScheduleLine], reason: str) -> None:
    assert reason in reason_of(read(*answer))


def test_a_line_that_contradicts_a_rejecting_header_is_unclear_and_one_that_repeats_it_is_rejected() -> None:
    assert "the header rejects" in reason_of(read(statement(AnswerOutcome.ACCEPTED), header="rejected"))
    repeated = read(statement(AnswerOutcome.REJECTED), header="rejected")
    assert isinstance(repeated, ReadAnswer)
    assert repeated.rejected == 100


def test_a_line_speaks_for_itself_under_an_accepting_header() -> None:
    assert schedule_lines_of(read(statement(AnswerOutcome.BACKORDERED, 40), header="accepted")) == SIXTY_AND_FORTY


parts = st.builds(
    statement,
    st.sampled_from([outcome for outcome in AnswerOutcome if outcome is not AnswerOutcome.SUBSTITUTED]),
    st.none() | st.integers(0, 60),
    st.none() | st.dates(june(1), june(30)),
)


@given(st.lists(parts, min_size=1, max_size=4))
def test_every_piece_ordered_is_confirmed_backordered_or_rejected(answer: list[AnswerScheduleLine]) -> None:
    reading = read(*answer, price=Decimal(2))
    if not isinstance(reading, ReadAnswer):
        assert isinstance(reading, UnclearAnswer)
        return
    accounted = sum((piece.quantity for piece in reading.schedule_lines), reading.rejected)
    assert accounted == max(Decimal(100), sum((part.quantity or Decimal(0) for part in answer), Decimal(0)))
    assert all(piece.date is not None for piece in reading.schedule_lines if piece.state is ScheduleLineState.CONFIRMED)
    assert all(piece.quantity > 0 for piece in reading.schedule_lines)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (
            [statement(AnswerOutcome.SUBSTITUTED)],
            "the supplier offers a substitute; a person decides whether it will do",
        ),
        ([statement(AnswerOutcome.CHANGED)], "the answer says changed, but not what has changed"),
        (
            [statement(AnswerOutcome.ACCEPTED), statement(AnswerOutcome.BACKORDERED)],
            "several parts of the answer name no quantity",
        ),
        (
            [statement(AnswerOutcome.ACCEPTED, 100), statement(AnswerOutcome.BACKORDERED)],
            "the named parts leave no quantity that could be backordered",
        ),
    ],
)
def test_an_unclear_answer_is_explained_in_the_buyers_words(answer: list[AnswerScheduleLine], why: str) -> None:
    assert reason_of(read(*answer)) == why


def test_half_a_unit_missing_from_an_answer_is_not_lost() -> None:
    half = AnswerScheduleLine(outcome=AnswerOutcome.ACCEPTED, quantity=Decimal("99.5"))
    rest = AnswerScheduleLine(outcome=AnswerOutcome.BACKORDERED)
    of_the_rest = (confirmed(Decimal("99.5"), ASKED), backordered(Decimal("0.5")))
    for answered in ((half,), (half, rest)):
        assert schedule_lines_of(read(*answered, unit="KGM")) == of_the_rest


def test_a_reading_says_each_part_and_its_reason_what_is_confirmed_and_what_is_rejected() -> None:
    reading = read(
        statement(AnswerOutcome.ACCEPTED, 50),
        statement(AnswerOutcome.BACKORDERED, 20),
        statement(AnswerOutcome.REJECTED, 30),
    )
    assert isinstance(reading, ReadAnswer)
    assert reading.why == "50 confirmed 2026-06-11, 20 backordered without date, 30 rejected"
    reason = reading.reason("v7")
    assert (reason.rule, reason.why, reason.policy_version) == ("R9", reading.why, "v7")
    assert reason.inputs == {"confirmed": "50", "rejected": "30"}


def test_a_header_that_accepts_all_rejects_nothing_and_an_answer_of_nothing_says_so() -> None:
    accepted = read(header="accepted")
    assert isinstance(accepted, ReadAnswer)
    assert accepted.rejected == Decimal(0)
    of_nothing = read_answer(Decimal(0), "EA", ASKED, None, "accepted")
    assert isinstance(of_nothing, ReadAnswer)
    assert of_nothing.why == "nothing is confirmed"


def promised(*schedule_lines: AnswerScheduleLine, today: dt.date = TODAY, delivered: int = 0) -> str:
    """Why the answer promises nothing; empty: it promises what it says."""
    reading = read(*schedule_lines)
    assert isinstance(reading, ReadAnswer)
    unclear = past_promise(reading, today, Decimal(delivered))
    return unclear.reason if unclear else ""


def test_r9_100_promised_for_11_june_of_last_year_are_no_promise() -> None:
    """On 1 June 2026, for 11 June 2025: unclear."""
    why = promised(statement(AnswerOutcome.CHANGED, 100, dt.date(2025, 6, 11)))
    assert why == "100 are promised for 2025-06-11, which has passed, and 0 of the line are shipped or received"


@pytest.mark.parametrize("outcome", [AnswerOutcome.CHANGED, AnswerOutcome.ACCEPTED, AnswerOutcome.BACKORDERED])
@pytest.mark.parametrize(("today", "unclear"), [(10, False), (11, False), (12, True)])
def test_a_date_can_be_promised_until_it_is_over(outcome: AnswerOutcome, today: int, unclear: bool) -> None:
    assert bool(promised(statement(outcome, 100, june(11)), today=june(today))) is unclear


def test_what_is_accepted_without_a_date_after_the_requested_one_is_no_promise() -> None:
    assert promised(statement(AnswerOutcome.ACCEPTED), today=june(12)).startswith("100 are promised for 2026-06-11")


@pytest.mark.parametrize(("delivered", "unclear"), [(59, True), (60, False), (100, False)])
def test_what_has_been_delivered_may_be_stated_with_its_date(delivered: int, unclear: bool) -> None:
    said = (statement(AnswerOutcome.CHANGED, 60, june(8)), statement(AnswerOutcome.CHANGED, 40, june(25)))
    assert bool(promised(*said, today=june(10), delivered=delivered)) is unclear
