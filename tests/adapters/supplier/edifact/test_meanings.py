"""What headings, actions and quantities mean besides the usual ones, and what suppliers say in words."""

import pytest

from canonical.order import AnswerOutcome
from tests.adapters.supplier.edifact.answers import (
    ACCEPTED,
    BACKORDERED,
    CHANGED,
    REJECTED,
    part,
    schedule_lines,
)
from tests.adapters.supplier.edifact.documents import answer, ordrsp, refusal


@pytest.mark.parametrize("function", ["28", "30", "34", "6", "11", "42", "44", "45", "5", "7", "12", "35", "43"])
def test_a_coded_line_means_what_its_code_says_under_every_heading_function(function: str) -> None:
    detail = answer(ordrsp("LIN+10+7", "QTY+21:4", "LIN+20+5", "QTY+21:5", bgm=f"BGM+231+OR-9+{function}"))
    assert [line.schedule_lines[0].outcome for line in detail.lines] == [REJECTED, ACCEPTED]


@pytest.mark.parametrize(
    ("function", "header"),
    [("28", "accepted"), ("44", "accepted"), ("12", "per_line")],
)
def test_some_headings_answer_by_themselves(function: str, header: str) -> None:
    assert answer(ordrsp(bgm=f"BGM+231+OR-9+{function}")).header == header


@pytest.mark.parametrize("function", ["30", "34"])
def test_amended_details_are_those_that_are_named_and_the_others_are_accepted(function: str) -> None:
    detail = answer(ordrsp("LIN+10", "QTY+113:4", bgm=f"BGM+231+OR-9+{function}"))
    assert (detail.header, detail.lines[0].schedule_lines) == ("accepted", (part(CHANGED, "4"),))
    assert refusal(ordrsp(bgm=f"BGM+231+OR-9+{function}")).code == "missing_segment"


@pytest.mark.parametrize("function", ["6", "11", "42", "5", "7"])
def test_a_heading_that_only_responds_accepts_nothing(function: str) -> None:
    assert refusal(ordrsp(bgm=f"BGM+231+OR-9+{function}")).code == "no_action_code"
    assert refusal(ordrsp("LIN+10", "QTY+21:4", bgm=f"BGM+231+OR-9+{function}")).code == "no_action_code"
    assert answer(ordrsp(bgm=f"BGM+231+OR-9+{function}+AP")).header == "accepted"


def test_reserves_are_answered_by_line_only() -> None:
    assert refusal(ordrsp(bgm="BGM+231+OR-9+45")).code == "missing_segment"
    assert refusal(ordrsp("LIN+10", "QTY+21:4", bgm="BGM+231+OR-9+45")).code == "no_action_code"


@pytest.mark.parametrize(("action", "outcome"), [("24", CHANGED), ("21", REJECTED)])
def test_amended_without_confirmation_and_no_delivery(action: str, outcome: AnswerOutcome) -> None:
    assert schedule_lines(f"LIN+1+{action}", "QTY+21:4") == [part(outcome, "4")]


def test_no_delivery_of_a_line_of_which_something_comes_contradicts() -> None:
    assert refusal(ordrsp("LIN+1+21", "QTY+21:4", "QTY+113:4")).code == "contradiction"


def test_a_line_that_is_not_amended_is_there_for_information() -> None:
    detail = answer(ordrsp("LIN+1+11", "QTY+21:4", "LIN+2+7", "QTY+21:5"))
    assert [line.line for line in detail.lines] == [2]


def test_cancelled_quantities_never_come() -> None:
    for code in ("85", "182"):
        assert schedule_lines("LIN+1+3", "QTY+21:10", "QTY+12:8", f"QTY+{code}:2") == [
            part(CHANGED, "8"),
            part(REJECTED, "2"),
        ]
    assert refusal(ordrsp("LIN+1+5", "QTY+21:10", "QTY+12:8", "QTY+85:2")).code == "contradiction"
    assert schedule_lines("LIN+1+6", "QTY+21:10", "QTY+85:10") == [part(REJECTED, "10")]


def test_short_shipped_is_open_unless_it_is_explained() -> None:
    short = ("LIN+1+6", "QTY+21:10", "QTY+12:8", "QTY+119:2")
    assert schedule_lines(*short) == [part(CHANGED, "8"), part(BACKORDERED, "2")]
    assert schedule_lines(*short, "QTY+83:2") == [part(CHANGED, "8"), part(BACKORDERED, "2")]
    assert schedule_lines(*short, "QTY+85:2") == [part(CHANGED, "8"), part(REJECTED, "2")]
    assert refusal(ordrsp(*short, "QTY+85:1")).code == "contradiction"


def test_split_quantities_are_schedule_lines_and_come_to_the_total() -> None:
    split = ("QTY+11:6", "DTM+67:20260610:102", "QTY+11:4", "DTM+67:20260612:102")
    both = [part(CHANGED, "6", 10), part(CHANGED, "4", 12)]
    assert schedule_lines("LIN+1+6", "QTY+21:10", *split) == both
    assert schedule_lines("LIN+1+6", "QTY+21:10", "QTY+113:10", *split) == both
    assert refusal(ordrsp("LIN+1+6", "QTY+21:10", "QTY+113:11", *split)).code == "contradiction"


def test_free_text_and_reason_codes_are_kept_with_their_line_and_heading() -> None:
    detail = answer(
        ordrsp(
            "LIN+10+7",
            "QTY+21:4",
            "ALI+DE++136",
            "FTX+LIN+++Out of print:  no reprint?: sorry",
            "LIN+20+24",
            "QTY+21:5",
            "QTY+83:5",
            "QVR+-5:21+AC+SHR:::Mill is down",
            "FTX+LIN++OP:8B:28",
            heading=("DTM+137:20260601:102", "FTX+AAI+++Closed on 3 June", "RFF+ON:4500000017::1"),
        )
    )
    assert detail.remarks == ("Closed on 3 June",)
    assert detail.lines[0].remarks == ("condition code 136", "Out of print no reprint: sorry")
    assert detail.lines[1].remarks == ("discrepancy code AC", "Mill is down", "reason code OP")


def test_texts_are_bounded_and_printable() -> None:
    texts = [f"FTX+LIN+++{number} \x07{'x' * 600}" for number in range(40)]
    [line] = answer(ordrsp("LIN+10+7", "QTY+21:4", *texts)).lines
    assert len(line.remarks) == 10
    assert {len(remark) for remark in line.remarks} == {200}
    assert all(remark.isprintable() for remark in line.remarks)


def test_the_unit_of_a_price_is_kept_as_it_is_written() -> None:
    def measure(price: str) -> str | None:
        return answer(ordrsp("LIN+1+6", "QTY+113:4", price)).lines[0].price_measure

    assert [measure(price) for price in ("PRI+AAA:3", "PRI+AAA:3:::100:KGM", "PRI+AAA:3::::STK")] == [
        None,
        "KGM",
        "STK",
    ]
