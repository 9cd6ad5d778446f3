"""Which order, line and revision an ORDRSP document answers, by which number, and when it takes effect."""

from datetime import UTC, date, datetime

import pytest

from tests.adapters.supplier.edifact.documents import HEADING, answer, interchange, message, ordrsp, refusal


def test_our_line_is_the_one_the_references_name_and_else_the_lins_own() -> None:
    for lines, expected in (
        (("LIN+000003+5",), 3),
        (("LIN+1+5", "RFF+ON:4500000017:00010"), 10),
        (("LIN+1+5", "RFF+LI:20"), 20),
        (("LIN+1+5", "RFF+LI:4500000017/30"), 30),
        (("LIN++5+BOLT:SA", "RFF+LI:40"), 40),
    ):
        assert [line.line for line in answer(ordrsp(*lines, "QTY+21:1")).lines] == [expected]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (("LIN++5+BOLT:SA",), "unknown_line"),
        (("LIN+A7+5",), "bad_value"),
        (("LIN+0+5",), "bad_value"),
        (("LIN+1+5", "RFF+LI:OTHER/7"), "bad_value"),
        (("LIN+1+5", "RFF+LI:20", "RFF+ON:4500000017:30"), "contradiction"),
        (("LIN+1+5", "RFF+ON:4500000018"), "contradiction"),
        (("LIN+1+5", "RFF+ON:4500000017::2"), "contradiction"),
        (("LIN+1+5++1:1",), "unsupported"),
    ],
)
def test_a_line_that_can_t_be_placed_is_unreadable(lines: tuple[str, ...], code: str) -> None:
    assert refusal(ordrsp(*lines, "QTY+21:1")).code == code


def test_the_order_may_stand_in_the_lines_only_but_must_stand_somewhere() -> None:
    detail = answer(ordrsp("LIN+1+5", "QTY+21:1", "RFF+ON:4500000017:1:2", heading=()))
    assert (detail.order_number, detail.order_revision) == ("4500000017", 2)
    assert refusal(ordrsp("LIN+1+5", "QTY+21:1", heading=())).code == "unknown_order"
    assert refusal(ordrsp(bgm="BGM+231+OR-9+29", heading=())).code == "unknown_order"
    assert refusal(ordrsp(bgm="BGM+231+OR-9+29", heading=("RFF+ON",))).code == "bad_value"
    two = ("LIN+1+5", "RFF+ON:4500000017", "LIN+2+5", "RFF+ON:4500000018")
    assert refusal(ordrsp(*two, heading=())).code == "contradiction"


def test_the_revision_answered_is_that_of_the_reference_and_unknown_without() -> None:
    assert answer(ordrsp(bgm="BGM+231+OR-9+29", heading=("RFF+ON:4500000017::3",))).order_revision == 3
    assert answer(ordrsp(bgm="BGM+231+OR-9+29", heading=("RFF+ON:4500000017",))).order_revision is None
    assert refusal(ordrsp(bgm="BGM+231+OR-9+29", heading=("RFF+ON:4500000017::B",))).code == "bad_value"


def test_an_answer_without_a_number_of_its_own_is_told_apart_by_the_envelope() -> None:
    assert answer(ordrsp(bgm="BGM+231+OR-9+29")).answer_number == "OR-9"
    assert answer(ordrsp(bgm="BGM+231++29")).answer_number == "77/1"
    assert answer(ordrsp(bgm="BGM+231+4500000017+29")).answer_number == "4500000017/77/1"


def test_an_answer_takes_effect_when_its_sender_wrote_it() -> None:
    def effective(stamp: str) -> datetime:
        return answer(ordrsp(bgm="BGM+231+OR-9+29", heading=(*HEADING[1:], *([stamp] if stamp else [])))).effective_at

    assert effective("DTM+137:202605301015:203") == datetime(2026, 5, 30, 10, 15, tzinfo=UTC)
    sent = datetime(2026, 6, 1, 14, 30, tzinfo=UTC)
    assert effective("DTM+137:20260601:102") == sent, "the UNB knows the hour"
    assert effective("DTM+137:20260530:102") == sent, "what was written on Saturday was sent on Monday"
    assert effective("DTM+137:20260602:102") == datetime(2026, 6, 2, 14, 30, tzinfo=UTC)
    assert effective("") == datetime(2026, 6, 1, 14, 30, tzinfo=UTC)
    assert effective("DTM+137:202605301015?+02:303") == datetime(2026, 5, 30, 8, 15, tzinfo=UTC)


def test_the_supplier_is_named_only_where_the_number_is_ours() -> None:
    assert answer(ordrsp(bgm="BGM+231+OR-9+29", heading=(*HEADING, "NAD+SU+VENDOR7::92"))).supplier == "VENDOR7"
    assert answer(ordrsp(bgm="BGM+231+OR-9+29", heading=(*HEADING, "NAD+SU+4012345500004::9"))).supplier is None


def test_a_message_without_its_mandatory_segments_is_unreadable() -> None:
    assert refusal(interchange(message("ORDRSP", *HEADING, "UNS+S"))).code == "missing_segment"
    assert refusal(interchange(message("ORDRSP", "BGM+231+OR-9+29", *HEADING))).code == "missing_segment"
    assert refusal(interchange(message("ORDRSP"))).code == "missing_segment"


def test_a_promised_moment_with_its_zone_is_kept_beside_the_day_that_the_sender_wrote() -> None:
    """Which day it is at the plant, the adapter can't know."""
    for stamp, at in (
        ("DTM+67:202606090200UTC:303", datetime(2026, 6, 9, 2, 0, tzinfo=UTC)),
        ("DTM+67:202606090200?+02:303", datetime(2026, 6, 9, 0, 0, tzinfo=UTC)),
        ("DTM+67:202606090200:203", None),
        ("DTM+67:20260609:102", None),
    ):
        [line] = answer(ordrsp("LIN+10+3", "QTY+21:100", stamp)).lines
        assert [(part.date, part.at) for part in line.schedule_lines] == [(date(2026, 6, 9), at)], stamp
