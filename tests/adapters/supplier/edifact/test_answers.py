"""What the heading and the lines of suppliers' ORDRSP documents mean, and which of them no one may guess at."""

import pytest

from canonical.order import AnswerOutcome
from tests.adapters.supplier.edifact.answers import ACCEPTED, CHANGED, DELETED, ON_HOLD, REJECTED, part, schedule_lines
from tests.adapters.supplier.edifact.documents import HEADING, answer, ordrsp, refusal

# What the heading says


@pytest.mark.parametrize(
    ("codes", "header"),
    [
        ("29", "accepted"),
        ("9+AP", "accepted"),
        ("+AD", "accepted"),
        ("29+AP", "accepted"),
        ("27", "rejected"),
        ("9+RE", "rejected"),
        ("+AB", "per_line"),
        ("+AJ", "per_line"),
    ],
)
def test_a_heading_can_answer_for_lines_that_are_not_named(codes: str, header: str) -> None:
    detail = answer(ordrsp(bgm=f"BGM+231+OR-9+{codes}"))
    assert (detail.header, detail.lines) == (header, ())


@pytest.mark.parametrize("codes", ["4", "+AC", "+AI", "+CA", "4+AP", "29+AC", "+AJ"])
def test_a_heading_over_named_lines_leaves_the_others_unanswered_unless_it_accepts(codes: str) -> None:
    detail = answer(ordrsp("LIN+10+5", "QTY+21:4", bgm=f"BGM+231+OR-9+{codes}"))
    assert detail.header == ("accepted" if codes == "+AI" else "per_line")
    assert detail.lines[0].schedule_lines == (part(ACCEPTED, "4"),)


@pytest.mark.parametrize("codes", ["4", "+AC", "+AI", "+CA", "29+AC"])
def test_a_heading_that_announces_changes_needs_lines(codes: str) -> None:
    assert refusal(ordrsp(bgm=f"BGM+231+OR-9+{codes}")).code == "missing_segment"


@pytest.mark.parametrize("codes", ["1", "16", "48", "4+XX", "29+AA", "+NA"])
def test_a_code_outside_the_table_is_unreadable(codes: str) -> None:
    error = refusal(ordrsp("LIN+1+5", bgm=f"BGM+231+OR-9+{codes}"))
    assert error.code == "unknown_code"
    assert "(segment 2 of message 1)" in error.detail


def test_accepted_and_rejected_in_one_heading_contradict() -> None:
    assert refusal(ordrsp(bgm="BGM+231+OR-9+27+AP")).code == "contradiction"


def test_a_document_of_another_name_is_no_order_response() -> None:
    assert refusal(ordrsp(bgm="BGM+220+OR-9+29")).code == "unknown_code"


def test_a_delivery_date_in_the_heading_is_not_as_ordered() -> None:
    heading = (*HEADING, "DTM+69:20260622:102")
    detail = answer(ordrsp("LIN+1", "QTY+21:4", bgm="BGM+231+OR-9+29", heading=heading))
    assert (detail.header, detail.lines[0].schedule_lines) == ("per_line", (part(ACCEPTED, "4", 22),))
    assert refusal(ordrsp(bgm="BGM+231+OR-9+29", heading=heading)).code == "contradiction"


# What a line says


@pytest.mark.parametrize(
    ("action", "outcome"),
    [
        ("2", DELETED),
        ("3", CHANGED),
        ("5", ACCEPTED),
        ("6", CHANGED),
        ("7", REJECTED),
        ("10", REJECTED),
    ],
)
def test_the_action_code_of_a_line_is_its_outcome(action: str, outcome: AnswerOutcome) -> None:
    assert schedule_lines(f"LIN+1+{action}", "QTY+21:4:EA") == [part(outcome, "4", unit="EA")]


@pytest.mark.parametrize("action", ["1", "8", "23", "X"])
def test_an_action_outside_the_table_is_unreadable(action: str) -> None:
    error = refusal(ordrsp(f"LIN+1+{action}", "QTY+21:4"))
    assert error.code == "unknown_code"
    assert f"LIN+1+{action} (segment 5 of message 1)" in error.detail


@pytest.mark.parametrize(("action", "outcome"), [("7", REJECTED), ("6", CHANGED), ("2", DELETED)])
def test_an_explicit_line_wins_over_an_accepting_heading(action: str, outcome: AnswerOutcome) -> None:
    detail = answer(ordrsp(f"LIN+1+{action}", "QTY+21:4", bgm="BGM+231+OR-9+29+AP"))
    assert detail.header == "accepted"
    assert detail.lines[0].schedule_lines[0].outcome is outcome


@pytest.mark.parametrize("action", ["3", "5", "6"])
def test_a_rejecting_heading_over_lines_that_are_not_rejected_contradicts(action: str) -> None:
    assert refusal(ordrsp(f"LIN+1+{action}", "QTY+21:4", bgm="BGM+231+OR-9+27")).code == "contradiction"


@pytest.mark.parametrize(
    ("codes", "outcome"),
    [
        ("29", ACCEPTED),
        ("+AD", ACCEPTED),
        ("+AC", CHANGED),
        ("4", CHANGED),
        ("27", REJECTED),
        ("+AJ", ON_HOLD),
    ],
)
def test_a_line_without_code_has_that_of_its_heading(codes: str, outcome: AnswerOutcome) -> None:
    assert schedule_lines("LIN+1", "QTY+21:4", bgm=f"BGM+231+OR-9+{codes}") == [part(outcome, "4")]


@pytest.mark.parametrize("codes", ["9", "", "+CA", "+AB", "29+AC"])
def test_no_action_code_on_line_and_heading_is_unreadable_and_says_which(codes: str) -> None:
    error = refusal(ordrsp("LIN+1+5", "QTY+21:4", "LIN+2", "QTY+21:4", bgm=f"BGM+231+OR-9+{codes}"))
    assert error.code == "no_action_code"
    assert "LIN+2 (segment 7 of message 1)" in error.detail
    assert "BGM+231+OR-9" in error.detail


def test_a_line_without_action_is_not_answered_by_itself() -> None:
    detail = answer(ordrsp("LIN+1+4", "QTY+21:4", "LIN+2+7", "QTY+21:5"))
    assert [line.line for line in detail.lines] == [2]
    assert refusal(ordrsp("LIN+1+4", "QTY+21:4", "QTY+113:3")).code == "contradiction"
    assert refusal(ordrsp("LIN+1+4", "QTY+21:4", "LIN+1+7", "QTY+21:4")).code == "contradiction"


def test_accepted_over_another_quantity_a_backorder_or_a_later_date_contradicts() -> None:
    for lines in (
        ("QTY+21:100", "QTY+113:60"),
        ("QTY+21:100", "QTY+113:60", "QTY+83:40"),
        ("QTY+21:100:EA", "QTY+113:100:BX"),
        ("QTY+21:100", "DTM+2:20260610:102", "DTM+69:20260611:102"),
    ):
        assert refusal(ordrsp("LIN+1+5", *lines)).code == "contradiction", lines


def test_accepted_for_an_earlier_day_is_that_day() -> None:
    assert schedule_lines("LIN+1+5", "QTY+21:4", "DTM+2:20260610:102", "DTM+67:20260609:102") == [
        part(ACCEPTED, "4", 9)
    ]


def test_a_rejected_line_of_which_something_is_to_come_contradicts() -> None:
    assert refusal(ordrsp("LIN+1+7", "QTY+21:100", "QTY+113:60")).code == "contradiction"
    assert schedule_lines("LIN+1+7", "QTY+21:100", "QTY+113:0") == [part(REJECTED, "100")]


def test_a_changed_line_must_say_what() -> None:
    assert refusal(ordrsp("LIN+1+3")).code == "missing_segment"
    assert schedule_lines("LIN+1+3", "DTM+67:20260612:102") == [part(CHANGED, None, 12)]


def test_a_substitute_is_named_as_one_and_never_as_accepted() -> None:
    lines = ("LIN+1+6+BOLT-7:SA", "PIA+3+BOLT-8:SA", "QTY+113:4")
    assert schedule_lines(*lines) == [part(AnswerOutcome.SUBSTITUTED, "4")]
    assert refusal(ordrsp("LIN+1+5+BOLT-7:SA", "PIA+3+BOLT-8:SA", "QTY+113:4")).code == "contradiction"
