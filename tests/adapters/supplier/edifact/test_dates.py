"""Which dates of a supplier's answer are its promise, and which are somebody else's or of something else."""

import pytest

from tests.adapters.supplier.edifact.answers import BACKORDERED, CHANGED, REJECTED, part, schedule_lines
from tests.adapters.supplier.edifact.documents import HEADING, answer, interchange, message, ordrsp, read, refusal

CHANGE = ("LIN+1+6", "QTY+113:4")


def test_a_confirmed_date_is_firm_and_must_agree_with_the_other_firm_ones() -> None:
    assert schedule_lines(*CHANGE, "DTM+2:20260610:102", "DTM+55:20260612:102") == [part(CHANGED, "4", 12)]
    assert refusal(ordrsp(*CHANGE, "DTM+55:20260612:102", "DTM+67:20260613:102")).code == "contradiction"


@pytest.mark.parametrize("code", ["61", "63", "64", "71", "74", "37", "383"])
def test_a_limit_that_the_buyer_set_is_no_promise(code: str) -> None:
    assert schedule_lines(*CHANGE, f"DTM+{code}:20260612:102") == [part(CHANGED, "4")]
    assert schedule_lines(*CHANGE, f"DTM+{code}:20260612:102", "DTM+69:20260615:102") == [part(CHANGED, "4", 15)]


@pytest.mark.parametrize("code", ["44", "72", "75", "76", "132", "191", "232", "358", "506", "764", "ZZZ", "Z05"])
def test_an_unknown_date_of_delivery_is_unreadable_unless_a_known_promise_stands_beside_it(code: str) -> None:
    unknown = f"DTM+{code}:20260612:102"
    error = refusal(ordrsp(*CHANGE, "DTM+2:20260610:102", unknown))
    assert (error.code, unknown in error.detail) == ("unknown_code", True)
    assert schedule_lines(*CHANGE, unknown, "DTM+67:20260615:102") == [part(CHANGED, "4", 15)]
    assert schedule_lines("LIN+1+7", "QTY+21:4", unknown) == [part(REJECTED, "4")], "nothing comes, on whatever day"


def test_an_unknown_date_of_delivery_in_an_accepting_heading_is_not_as_ordered() -> None:
    heading = (HEADING[0], "DTM+191:20260622:102", HEADING[1])
    assert refusal(ordrsp(bgm="BGM+231+OR-9+29", heading=heading)).code == "unknown_code"
    assert answer(ordrsp(bgm="BGM+231+OR-9+27", heading=heading)).header == "rejected"


@pytest.mark.parametrize("code", ["137", "171", "3", "94", "361", "124"])
def test_a_date_of_something_else_changes_nothing(code: str) -> None:
    assert schedule_lines(*CHANGE, f"DTM+{code}:20260612:102") == [part(CHANGED, "4")]


@pytest.mark.parametrize(
    "transport",
    [
        ("TDT+20++30", "DTM+132:20260612:102"),
        ("TDT+20++30", "LOC+11+DEHAM", "DTM+67:20260612:102"),
        ("PAT+1", "DTM+69:20260612:102"),
        ("NAD+BY+P1::92", "RFF+DQ:7", "DTM+69:20260612:102"),
        ("SCC+1", "QTY+113:4", "DTM+67:20260612:102"),
    ],
)
def test_a_date_of_the_headings_transport_or_terms_is_no_lines_promise(transport: tuple[str, ...]) -> None:
    detail = answer(ordrsp("LIN+1+6", "QTY+113:4", heading=(*HEADING, *transport)))
    assert detail.lines[0].schedule_lines == (part(CHANGED, "4"),)
    accepted = answer(ordrsp(bgm="BGM+231+OR-9+29", heading=(*HEADING, *transport)))
    assert accepted.header == "accepted", "nor does it make the acceptance one of another day"


def test_a_date_of_the_lines_transport_is_not_when_the_goods_are_delivered() -> None:
    lines = (*CHANGE, "DTM+67:20260610:102", "TDT+20++30", "LOC+11+DEHAM", "DTM+132:20260612:102")
    assert schedule_lines(*lines) == [part(CHANGED, "4", 10)]


def test_a_delivery_date_behind_a_reference_or_a_price_is_the_lines_since_they_have_none() -> None:
    assert schedule_lines(*CHANGE, "RFF+LI:1", "DTM+67:20260612:102") == [part(CHANGED, "4", 12)]
    assert schedule_lines(*CHANGE, "PRI+AAA:2", "DTM+67:20260612:102") == [part(CHANGED, "4", 12)]
    dated = (*CHANGE, "RFF+ON:4500000017:1", "DTM+171:20260501:102", "DTM+4:20260502:102")
    assert schedule_lines(*dated) == [part(CHANGED, "4")]


def test_quantities_behind_the_price_are_the_lines() -> None:
    late = ("LIN+1+6", "PRI+AAA:2", "QTY+113:4", "DTM+67:20260612:102", "QTY+83:2")
    assert schedule_lines(*late) == [part(CHANGED, "4", 12), part(BACKORDERED, "2")]


def test_what_is_packed_is_not_what_is_delivered() -> None:
    packed = ("LIN+1+6", "QTY+113:4", "DTM+67:20260612:102", "PAC+2", "QTY+52:2", "DTM+11:20260601:102")
    assert schedule_lines(*packed) == [part(CHANGED, "4", 12)]


@pytest.mark.parametrize("directory", ["93A", "94B", "96A", "97B", "99B", "01B", "05B", "07A", "10B", "18A", "23A"])
def test_places_of_delivery_split_the_line_in_every_directory(directory: str) -> None:
    before = ("LOC+7+A", "QTY+113:3", "DTM+67:20260610:102", "LOC+7+B", "QTY+113:1", "DTM+67:20260612:102")
    after = ("LOC+7+A", "DTM+67:20260610:102", "QTY+113:3", "LOC+7+B", "DTM+67:20260612:102", "QTY+113:1")
    places = after if directory in ("07A", "10B", "18A", "23A") else before
    body = ("BGM+231+OR-9+4", *HEADING, "LIN+1+6", "QTY+113:4", *places, "UNS+S", "CNT+2:1")
    detail = answer(interchange(message("ORDRSP", *body, version=f"D:{directory}:UN")))
    assert detail.lines[0].schedule_lines == (part(CHANGED, "3", 10), part(CHANGED, "1", 12))


def test_a_later_answer_of_the_same_day_is_not_the_older_one() -> None:
    morning = ordrsp(heading=("DTM+137:202606010900:203", HEADING[1]), bgm="BGM+231+OR-9+29")
    evening = ordrsp(heading=("DTM+137:20260601:102", HEADING[1]), bgm="BGM+231+OR-10+27")
    next_day = evening.replace("260601:1430", "260602:0700")
    assert answer(morning).effective_at < answer(evening).effective_at < answer(next_day).effective_at


def test_messages_of_one_interchange_follow_each_other() -> None:
    first = message("ORDRSP", "BGM+231+OR-9+29", *HEADING, "UNS+S", reference="M1")
    second = message("ORDRSP", "BGM+231+OR-10+27", *HEADING, "UNS+S", reference="M2")
    body = interchange(first, second)
    one, two = (answer(interchange(each)) for each in (first, second))
    assert one.effective_at == two.effective_at
    before, after = read(body)
    assert before.effective_at < after.effective_at
