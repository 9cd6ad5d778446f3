"""What suppliers' systems say of our documents (CONTRL, APERAK), and what we say of theirs (CONTRL)."""

import pytest

from adapters.supplier.edifact.dialect import EdifactDialect
from canonical.order import AcknowledgementOutcome, DocumentAcknowledged
from tests.adapters.supplier.edifact.documents import HEADING, UNA, interchange, message, read, refusal
from tests.adapters.supplier.edifact.orders import tagged

TAKEN, RECEIVED, REJECTED = (
    AcknowledgementOutcome.TAKEN,
    AcknowledgementOutcome.RECEIVED,
    AcknowledgementOutcome.REJECTED,
)


def acknowledged(kind: str, *segments: str, version: str = "D:96A:UN") -> DocumentAcknowledged:
    (only,) = read(interchange(message(kind, *segments, version=version)))
    assert isinstance(only, DocumentAcknowledged)
    return only


@pytest.mark.parametrize(("action", "outcome"), [("7", TAKEN), ("8", RECEIVED), ("4", REJECTED)])
@pytest.mark.parametrize("version", ["D:3:UN", "2:2:UN:EDIEL2", "D:96A:UN"])
def test_a_contrl_names_our_interchange_and_what_became_of_it(
    action: str, outcome: AcknowledgementOutcome, version: str
) -> None:
    stated = acknowledged("CONTRL", f"UCI+ABCDEFGHIJKLMN+PEGLINE+V7+{action}", version=version)
    assert (stated.reference, stated.outcome, stated.order_number) == ("ABCDEFGHIJKLMN", outcome, None)
    assert stated.acknowledgement_number == "CONTRL/77/1"


def test_a_rejected_message_rejects_the_document_and_says_where_it_is_wrong() -> None:
    stated = acknowledged("CONTRL", "UCI+ABC+PEGLINE+V7+7", "UCM+1+ORDERS:D:96A:UN+4+12", "UCS+9+12", "UCD+37+3:2")
    assert stated.outcome is REJECTED
    assert stated.remarks == (
        "UCM rejected, syntax error 12 (0085)",
        "segment 9: syntax error 12 (0085)",
        "element 3: syntax error 37 (0085)",
    )


@pytest.mark.parametrize("segments", [(), ("UCI+ABC+PEGLINE+V7",), ("UCI++PEGLINE+V7+7",), ("UCI+ABC+A+B+9",)])
def test_a_contrl_that_does_not_say_what_of_which_is_unreadable(segments: tuple[str, ...]) -> None:
    assert refusal(interchange(message("CONTRL", *segments))).code in ("missing_segment", "unknown_code")


@pytest.mark.parametrize(
    ("function", "errors", "outcome"),
    [
        ("27", (), REJECTED),
        ("9", ("ERC+42::260", "FTX+AAO+++Item unknown"), REJECTED),
        ("29", (), TAKEN),
        ("9", (), RECEIVED),
        ("12", (), RECEIVED),
    ],
)
def test_an_aperak_rejects_by_its_function_or_its_errors(
    function: str, errors: tuple[str, ...], outcome: AcknowledgementOutcome
) -> None:
    stated = acknowledged("APERAK", f"BGM+963+X1+{function}", "RFF+ACW:4500000017", *errors)
    assert (stated.reference, stated.outcome) == ("4500000017", outcome)
    assert stated.remarks == (("error 42", "Item unknown") if errors else ())


def test_an_aperak_names_the_order_or_the_document() -> None:
    assert acknowledged("APERAK", "BGM+963+X1+27", "RFF+ON:4500000017").order_number == "4500000017"
    assert acknowledged("APERAK", "BGM+963+X1+27", "DOC+220+4500000017").order_number == "4500000017"
    assert refusal(interchange(message("APERAK", "BGM+963+X1+27"))).code == "unknown_order"
    assert refusal(interchange(message("APERAK", "BGM+963+X1+29", "RFF+ON:45", "ERC+1"))).code == "contradiction"


# What we say


ASKING = "260601:1430+77'"
GOOD = message("ORDRSP", "BGM+231+OR-9+29", *HEADING, "UNS+S", reference="M1")
MISCOUNTED = [*message("ORDRSP", "BGM+231+OR-10+29", *HEADING, "UNS+S", reference="M2")[:-1], "UNT+9+M2"]


def replies(document: str) -> list[bytes]:
    return list(EdifactDialect().read(document.replace(ASKING, "260601:1430+77++++1'").encode(), "").replies)


def test_whoever_asks_for_a_contrl_gets_one_and_nobody_else() -> None:
    assert list(EdifactDialect().read(interchange(GOOD).encode(), "").replies) == []
    [reply] = replies(interchange(GOOD))
    assert tagged(reply, "UNB")[0][1:3] == [["BUYER"], ["SELLER"]]
    assert tagged(reply, "UCI") == [[["77"], ["SELLER"], ["BUYER"], ["7"]]]
    assert tagged(reply, "UCM") == []
    assert replies(interchange(GOOD)) == [reply], "the same again is the same document"


def test_a_message_of_wrong_syntax_is_rejected_by_name_and_an_interchange_whole() -> None:
    [reply] = replies(interchange(GOOD, MISCOUNTED))
    assert tagged(reply, "UCI")[0][3] == ["7"]
    assert tagged(reply, "UCM") == [[["M2"], ["ORDRSP", "D", "96A", "UN"], ["4"], ["29"]]]
    [whole] = replies(interchange(GOOD).replace("UNZ+1", "UNZ+2"))
    assert tagged(whole, "UCI") == [[["77"], ["SELLER"], ["BUYER"], ["4"], ["29"]]]


def test_what_a_person_has_to_look_at_is_no_fault_of_syntax() -> None:
    vague = message("ORDRSP", "BGM+231+OR-9+9", *HEADING, "UNS+S")
    assert tagged(replies(interchange(vague))[0], "UCM") == []


def test_a_contrl_is_never_acknowledged() -> None:
    assert replies(interchange(message("CONTRL", "UCI+ABC+PEGLINE+V7+7"))) == []
    assert UNA
