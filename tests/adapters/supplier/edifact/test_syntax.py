"""The envelope and the characters of an interchange, whatever is in it."""

import pytest

from tests.adapters.supplier.edifact.documents import HEADING, UNA, answer, interchange, message, ordrsp, read, refusal

ACCEPTED = ordrsp(bgm="BGM+231+OR-9+29")


def test_line_breaks_between_segments_change_nothing() -> None:
    body = message("ORDRSP", "BGM+231+OR-9+29", *HEADING, "UNS+S")
    for between in ("\n", "\r\n", " \r\n"):
        assert answer("\r\n" + interchange(body, between=between)) == answer(interchange(body))


def test_a_byte_order_mark_is_no_part_of_the_document() -> None:
    assert answer(b"\xef\xbb\xbf" + ACCEPTED.encode()) == answer(ACCEPTED)


def test_an_interchange_without_service_string_advice_has_the_default_characters() -> None:
    assert answer(ACCEPTED.removeprefix(UNA)) == answer(ACCEPTED)


def test_other_service_characters_are_those_of_the_una() -> None:
    usual = ordrsp("LIN+1+6+PLUG ?+ 4?:2:BP", "QTY+113:12.5:KGM", "DTM+67:20260615:102", bgm="BGM+231+O?'NEIL-9+4")
    other = usual.removeprefix(UNA).replace("?+", "\x01").replace("?:", "\x02").replace("?'", "\x03")
    other = other.replace("+", "|").replace(":", ";").replace("'", "~").replace("12.5", "12,5")
    other = "UNA;|,! ~" + other.replace("\x01", "+").replace("\x02", ":").replace("\x03", "'")
    assert answer(other) == answer(usual)
    assert answer(other).answer_number == "O'NEIL-9"


def test_a_repetition_separator_of_syntax_4_does_no_harm() -> None:
    body = message("ORDRSP", "BGM+231+OR-9+29", *HEADING, "UNS+S")
    newer = interchange(body, una="UNA:+.?*'", syntax="UNOC:4").replace("+260601:1430+", "+20260601:1430+")
    assert answer(newer) == answer(ACCEPTED)


def test_a_blank_release_character_means_that_there_is_none() -> None:
    body = message("ORDRSP", "BGM+231+OR 9+29", *HEADING, "UNS+S")
    assert answer(interchange(body, una="UNA:+.  '")).answer_number == "OR 9"


def test_service_characters_must_differ_and_be_six() -> None:
    for una in ("UNA++.? '", "UNA:+.? :", "UNAA+.? '", "UNA:+;? '"):
        assert refusal(una + ACCEPTED.removeprefix(UNA)).code == "service_characters"
    assert refusal("UNA:+").code == "service_characters"


def test_a_una_in_the_middle_of_a_text_is_text() -> None:
    document = ordrsp("LIN+1+5", "FTX+LIN+1++SAY ?'UNA?'", "QTY+21:4")
    assert answer(document).lines[0].schedule_lines[0].quantity == 4


def test_latin_1_and_utf_8_are_told_apart_by_their_bytes() -> None:
    document = ordrsp(bgm="BGM+231+BESTÄTIGUNG-4+29")
    assert answer(document.encode("iso8859-1")).answer_number == "BESTÄTIGUNG-4"
    assert answer(document.encode("utf-8")).answer_number == "BESTÄTIGUNG-4", "announced as UNOC, written as UTF-8"


def test_the_content_type_speaks_where_the_interchange_announces_plain_letters() -> None:
    body = message("ORDRSP", "BGM+231+GRÖßE-4+29", *HEADING, "UNS+S")
    document = interchange(body, syntax="UNOA:3").encode("iso8859-1")
    assert refusal(document).code == "charset"
    (detail,) = read(document, "application/edifact; charset=iso-8859-1")
    assert "GRÖßE-4" in detail.model_dump_json()


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("", "empty"),
        ('{"order": "4500000017"}', "not_edifact"),
        (UNA + "HELLO", "not_edifact"),
        (ACCEPTED.replace("UNOC", "UNOX"), "unknown_code"),
        (ACCEPTED[:-1], "syntax"),
        (ACCEPTED + "UNB+", "syntax"),
        (UNA + "UNB+UNOC:3+", "syntax"),
        (ACCEPTED[: ACCEPTED.index("UNS")], "missing_segment"),
        (ACCEPTED[: ACCEPTED.index("UNZ")], "missing_segment"),
        (ACCEPTED + ACCEPTED.removeprefix(UNA), "syntax"),
        (ACCEPTED.replace("UNS+S", "UNS+S''"), "syntax"),
        (ACCEPTED.replace("UNS+S", "?\nUNS+S"), "syntax"),
        (ACCEPTED.replace("UNT+7", "UNT+8"), "control_count"),
        (ACCEPTED.replace("UNT+7", "UNT+"), "control_count"),
        (ACCEPTED.replace("UNT+7+1", "UNT+7+2"), "control_reference"),
        (ACCEPTED.replace("UNZ+1", "UNZ+2"), "control_count"),
        (ACCEPTED.replace("UNZ+1+77", "UNZ+1+78"), "control_reference"),
        (ACCEPTED.replace("1430+77'", "1430'"), "missing_segment"),
        (ACCEPTED.replace("UNH+1", "UNH+"), "control_reference"),
        (ACCEPTED.replace("CNT+2:0", "CNT+2:3"), "control_count"),
        (ACCEPTED.replace("ORDRSP:D:96A", "ORDRSP:D:93A"), "message_version"),
        (ACCEPTED.replace("ORDRSP", "ORDERS"), "message_type"),
        (ACCEPTED.replace("1430+77'", "1430+77++++++1'"), "test_interchange"),
        (ACCEPTED.replace("UNH+1+", "FTX+1'UNH+1+"), "syntax"),
        (interchange(), "missing_segment"),
    ],
)
def test_a_document_that_is_cut_or_miscounted_is_unreadable(document: str, code: str) -> None:
    assert refusal(document).code == code


def test_the_refusal_names_segment_value_and_position() -> None:
    error = refusal(ACCEPTED.replace("UNT+7", "UNT+9"))
    assert "UNT+9+1 (segment 8)" in error.detail
    assert "there are 7 segments" in error.detail


def test_leading_zeros_in_a_count_are_no_matter() -> None:
    assert answer(ACCEPTED.replace("UNT+7", "UNT+000007").replace("UNZ+1", "UNZ+0001")) == answer(ACCEPTED)


def test_several_messages_are_several_answers() -> None:
    first = message("ORDRSP", "BGM+231+OR-9+29", "RFF+ON:4500000017", "UNS+S", reference="M1")
    second = message("ORDRSP", "BGM+231+OR-10+27", "RFF+ON:4500000018", "UNS+S", reference="M2")
    detail = read(interchange(first, second))
    assert [(one.order_number, one.model_dump()["header"]) for one in detail] == [
        ("4500000017", "accepted"),
        ("4500000018", "rejected"),
    ]


def test_one_unreadable_message_makes_the_whole_interchange_unreadable() -> None:
    first = message("ORDRSP", "BGM+231+OR-9+29", "RFF+ON:4500000017", "UNS+S", reference="M1")
    second = message("ORDRSP", "BGM+231+OR-10+9", "RFF+ON:4500000018", "UNS+S", reference="M2")
    assert refusal(interchange(first, second)).code == "no_action_code"


def test_two_messages_of_one_reference_are_unreadable() -> None:
    twin = message("ORDRSP", "BGM+231+OR-9+29", "RFF+ON:4500000017", "UNS+S")
    assert refusal(interchange(twin, twin)).code == "control_reference"


def test_functional_groups_are_counted_and_closed() -> None:
    body = message("ORDRSP", "BGM+231+OR-9+29", *HEADING, "UNS+S")
    grouped = ["UNG+ORDRSP+SELLER+BUYER+260601:1430+G1+UN+D:96A", *body, "UNE+1+G1"]
    assert answer(interchange(grouped)) == answer(ACCEPTED)
    assert refusal(interchange([*grouped[:-1], "UNE+2+G1"])).code == "control_count"
    assert refusal(interchange([*grouped[:-1], "UNE+1+G2"])).code == "control_reference"
    assert refusal(interchange(grouped[:-1])).code == "missing_segment"
    assert refusal(interchange(grouped, body)).code == "syntax", "a message outside the groups"
