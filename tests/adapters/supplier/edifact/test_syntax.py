"""The envelope and the characters of an interchange, whatever is in it."""

import pytest

from adapters.errors import UnreadableMessage
from adapters.supplier.edifact.dialect import EdifactDialect
from tests.adapters.supplier.edifact.documents import (
    HEADING,
    UNA,
    answer,
    interchange,
    message,
    ordrsp,
    parts,
    read,
    refusal,
)

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
        (ACCEPTED + "UNB+UNOC:3+", "syntax"),
        (ACCEPTED + "nonsense", "not_edifact"),
        (UNA + "UNB+UNOC:3+", "syntax"),
        (ACCEPTED[: ACCEPTED.index("UNS")], "missing_segment"),
        (ACCEPTED[: ACCEPTED.index("UNZ")], "missing_segment"),
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
        (ACCEPTED.replace("ORDRSP:D:96A", "ORDRSP:D:92A"), "message_version"),
        (ACCEPTED.replace("ORDRSP:D:96A", "ORDRSP:D:23B"), "message_version"),
        (ACCEPTED.replace("ORDRSP:D:96A", "ORDRSP:S:96A"), "message_version"),
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


def test_a_bad_message_in_a_batch_does_not_hold_back_the_good_ones() -> None:
    good = message("ORDRSP", "BGM+231+OR-9+29", "RFF+ON:4500000017", "UNS+S", reference="M1")
    vague = message("ORDRSP", "BGM+231+OR-10+9", "RFF+ON:4500000018", "UNS+S", reference="M2")
    miscounted = [*message("ORDRSP", "BGM+231+OR-11+29", "RFF+ON:4500000019", "UNS+S", reference="M3")[:-1], "UNT+9+M3"]
    open_ended = message("ORDRSP", "BGM+231+OR-12+29", "RFF+ON:4500000020", "UNS+S", reference="M4")[:-1]
    also_good = message("ORDRSP", "BGM+231+OR-13+27", "RFF+ON:4500000021", "UNS+S", reference="M5")
    found = parts(interchange(good, vague, miscounted, open_ended, also_good))
    codes = [each.content.code if isinstance(each.content, UnreadableMessage) else "read" for each in found]
    assert codes == ["read", "no_action_code", "control_count", "missing_segment", "read"]


def test_each_message_of_a_batch_can_be_read_again_by_itself() -> None:
    first = message("ORDRSP", "BGM+231+BESTÄTIGUNG ?'1?'+29", "RFF+ON:4500000017", "UNS+S", reference="M1")
    second = message("ORDRSP", "BGM+231+OR-10+9", "RFF+ON:4500000018", "UNS+S", reference="M2")
    for between in ("", "\r\n"):
        for charset in ("iso8859-1", "utf-8"):
            good, vague = parts(interchange(first, second, between=between).encode(charset))
            [again] = parts(good.body)
            assert (again.body, again.content) == (good.body, good.content)
            assert refusal(vague.body).code == "no_action_code"


def test_messages_of_one_reference_are_unreadable_and_the_others_are_not() -> None:
    twin = message("ORDRSP", "BGM+231+OR-9+29", "RFF+ON:4500000017", "UNS+S")
    other = message("ORDRSP", "BGM+231+OR-10+29", "RFF+ON:4500000018", "UNS+S", reference="2")
    found = parts(interchange(twin, twin, other))
    assert [isinstance(each.content, UnreadableMessage) for each in found] == [True, True, False]
    assert refusal(interchange(twin, twin)).code == "control_reference"


def test_several_interchanges_in_one_body_are_read_each_with_its_own_service_characters() -> None:
    other = ordrsp(bgm="BGM+231+OR-10+27").removeprefix(UNA).replace("+", "|").replace("'", "~")
    body = ACCEPTED + "\r\n" + "UNA:|.? ~" + other + ACCEPTED.removeprefix(UNA).replace("OR-9", "OR-11")
    assert [each.model_dump()["answer_number"] for each in read(body)] == ["OR-9", "OR-10", "OR-11"]


def test_an_interchange_that_is_cut_or_a_test_does_not_hold_back_the_next_one() -> None:
    for broken in (
        ACCEPTED[: ACCEPTED.index("UNZ")],
        ACCEPTED[: ACCEPTED.index("UNS") + 2],
        ACCEPTED.replace("1430+77'", "1430+77++++++1'"),
        ACCEPTED.replace("UNZ+1+77", "UNZ+1+78"),
        ACCEPTED.replace("UNOC", "UNOX"),
        "UNA:+.?'" + ACCEPTED.removeprefix(UNA),
    ):
        found = parts(broken + ACCEPTED)
        assert [isinstance(each.content, UnreadableMessage) for each in found] == [True, False], broken
        assert found[1].body == ACCEPTED.encode()


def test_a_una_of_five_characters_and_a_zero_for_the_letter_d_are_named_for_what_they_are() -> None:
    five = refusal("UNA:+.?'" + ACCEPTED.removeprefix(UNA))
    assert (five.code, "five service characters where six are due" in five.detail) == ("service_characters", True)
    zero = refusal(ACCEPTED.replace("ORDRSP:D:96A", "ORDRSP:0:96A"))
    assert (zero.code, "0:96A:UN; it begins with the digit 0" in zero.detail) == ("message_version", True)


def test_a_document_for_another_recipient_is_refused_where_our_addresses_are_known() -> None:
    ours = EdifactDialect(["PEGLINE", "BUYER"]).read(ACCEPTED.encode(), "").parts
    [other] = EdifactDialect(["PEGLINE"]).read(ACCEPTED.encode(), "").parts
    assert not isinstance(ours[0].content, UnreadableMessage)
    assert isinstance(other.content, UnreadableMessage)
    assert (other.content.code, "'BUYER'" in other.content.detail) == ("wrong_recipient", True)


def test_functional_groups_are_counted_and_closed() -> None:
    body = message("ORDRSP", "BGM+231+OR-9+29", *HEADING, "UNS+S")
    grouped = ["UNG+ORDRSP+SELLER+BUYER+260601:1430+G1+UN+D:96A", *body, "UNE+1+G1"]
    assert answer(interchange(grouped)) == answer(ACCEPTED)
    assert refusal(interchange([*grouped[:-1], "UNE+2+G1"])).code == "control_count"
    assert refusal(interchange([*grouped[:-1], "UNE+1+G2"])).code == "control_reference"
    assert refusal(interchange(grouped[:-1])).code == "missing_segment"
    assert refusal(interchange(grouped, body)).code == "syntax", "a message outside the groups"
