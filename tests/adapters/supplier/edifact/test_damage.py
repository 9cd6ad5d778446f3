"""Whatever happens to a document on its way: it is read, or it is unreadable with a reason; nothing else."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as some

from adapters.errors import UnreadableMessage
from gateway.intake.intake import DOCUMENT_BYTES_MAX
from tests.adapters.supplier.edifact.documents import desadv, interchange, message, ordrsp, parts, read

WHOLE = (
    ordrsp(
        "LIN+1+6+BOLT:BP", "QTY+21:100:EA", "QTY+113:60:EA", "QTY+83:40:EA", "DTM+67:20260612:102", "PRI+AAA:2.5:::1:EA"
    ).encode(),
    desadv("CPS+1", "LIN+1++BOLT:BP", "QTY+12:60:EA", "DTM+17:20260612:102", "CNT+2:1").encode(),
)


REPEATED = (
    "LIN+1+5",
    "QTY+113:1",
    "DTM+67:20260612:102",
    "RFF+ON:4500000017:1",
    "SCC+1",
    "LOC+7+A",
    "NAD+DP+A",
    "CPS+1",
)
LENGTH = DOCUMENT_BYTES_MAX // 4
SECONDS_MAX = 4.0
"""Of processor time, for a body of a quarter of the largest size; usually less than one."""


def readable(document: bytes) -> bool:
    """Whether the document is read; any other error than UnreadableMessage goes through."""
    try:
        read(document)
    except UnreadableMessage:
        return False
    return True


@given(some.sampled_from(WHOLE), some.data())
def test_a_document_that_was_cut_anywhere_is_never_read(document: bytes, data: some.DataObject) -> None:
    assert readable(document)
    assert not readable(document[: data.draw(some.integers(0, len(document) - 1))])


@given(some.sampled_from(WHOLE), some.data())
def test_a_document_that_lost_a_segment_is_never_read(document: bytes, data: some.DataObject) -> None:
    una, segments = document[:9], document[9:].split(b"'")[:-1]
    del segments[data.draw(some.integers(0, len(segments) - 1))]
    assert not readable(una + b"".join(segment + b"'" for segment in segments))


@given(some.sampled_from(WHOLE), some.data())
def test_a_garbled_byte_never_breaks_the_reader(document: bytes, data: some.DataObject) -> None:
    garbled = bytearray(document)
    for place in data.draw(some.lists(some.integers(0, len(document) - 1), max_size=4)):
        garbled[place] = data.draw(some.integers(0, 255))
    readable(bytes(garbled))


@given(some.binary(max_size=200))
def test_what_is_no_document_at_all_is_unreadable(noise: bytes) -> None:
    assert not readable(noise)
    assert not readable(b"UNA:+.? 'UNB+UNOC:3+" + noise)


@pytest.mark.parametrize(
    "segment", [*REPEATED, "LIN+::::", "FTX+LIN+++?+?:??", "PIA+5+A:BP", "BGM+231", "UNS+S", "UNB+"]
)
def test_no_repetition_takes_the_reader_long(segment: str) -> None:
    document = ordrsp("LIN+1+6", *[segment] * (LENGTH // (len(segment) + 1)))
    began = time.process_time()
    readable(document.encode())
    assert time.process_time() - began < SECONDS_MAX


@pytest.mark.parametrize("sign", ["'", "?", ":", "?'", "UNB+UNOC:3+", "UNA:+.? '"])
def test_no_repeated_sign_takes_the_reader_long(sign: str) -> None:
    for before in ("", "UNA:+.? 'UNB+UNOC:3+A+B+260601:1430+77'UNH+1+ORDRSP:D:96A:UN'"):
        document = before + sign * (LENGTH // len(sign))
        began = time.process_time()
        assert not readable(document.encode())
        assert time.process_time() - began < SECONDS_MAX


_SEGMENTS = some.sampled_from(
    [
        *("BGM+231+OR-9+4", "DTM+137:20260601:102", "RFF+ON:4500000017::1", "NAD+SU+V7::92", "CUX+2:EUR:9"),
        *(
            "TDT+20++30",
            "LOC+11+DEHAM",
            "LIN+1+6+BOLT:BP",
            "LIN+2+5",
            "LIN++7+BOLT-8:BP",
            "PIA+5+BOLT:SA",
            "QTY+21:10:EA",
        ),
        *(
            "QTY+113:6:PCE",
            "QTY+83:4",
            "QTY+119:4",
            "QTY+11:5",
            "QTY+85:1",
            "DTM+67:20260612:102",
            "DTM+2:20260610:102",
        ),
        *("SCC+1", "PRI+AAA:2.5:::100:KGM", "ALI+DE++136", "FTX+LIN++OP:8B:28+gone", "UNS+S", "CNT+2:1", "CPS+1"),
        *("PAC+2", "QTY+12:3:BX", "DTM+17:20260612:102", "ERC+42", "UCI+7+A+B+4+29", "UCM+1+ORDERS:D:96A:UN+4"),
    ]
)


@given(some.sampled_from(["ORDRSP", "DESADV", "CONTRL", "APERAK"]), some.lists(_SEGMENTS, max_size=25))
def test_any_sequence_of_segments_is_read_or_refused_with_its_place_and_reason(kind: str, segments: list[str]) -> None:
    for part in parts(interchange(message(kind, *segments))):
        if isinstance(part.content, UnreadableMessage):
            assert part.content.detail
            assert part.content.next_step
        else:
            assert part.content


@given(some.lists(some.sampled_from([*WHOLE, *(each[:-9] for each in WHOLE), b"UNB+UNOC:3+", b"noise"]), max_size=6))
def test_a_body_of_several_interchanges_has_every_good_one(bodies: list[bytes]) -> None:
    found = [
        part for part in parts(b"\r\n".join(bodies) or b"noise") if not isinstance(part.content, UnreadableMessage)
    ]
    assert len(found) == sum(body in WHOLE for body in bodies)


@pytest.mark.parametrize(
    "segment",
    [
        "NAD+SU+V\07::92",
        "CUX+2:U\0D:9",
        "CUX+2:EURO-AND-MORE:9",
        "LIN+1+6+BO\0LT:BP",
        "PRI+AAA:2::::\0",
        "RFF+ON:45\x01",
    ],
)
def test_codes_that_can_t_be_stored_are_refused(segment: str) -> None:
    heading = (segment,) if segment[:3] in ("NAD", "CUX", "RFF") else ()
    line = segment if segment.startswith("LIN") else "LIN+1+6+BOLT:BP"
    price = (segment,) if segment.startswith("PRI") else ()
    document = ordrsp(line, "QTY+113:4", *price, heading=("DTM+137:20260601:102", "RFF+ON:4500000017::1", *heading))
    assert not readable(document.encode())
