"""Whatever happens to a document on its way: it is read, or it is unreadable with a reason; nothing else."""

from hypothesis import given
from hypothesis import strategies as some

from adapters.errors import UnreadableMessage
from tests.adapters.supplier.edifact.documents import desadv, ordrsp, read

WHOLE = (
    ordrsp(
        "LIN+1+6+BOLT:BP", "QTY+21:100:EA", "QTY+113:60:EA", "QTY+83:40:EA", "DTM+67:20260612:102", "PRI+AAA:2.5:::1:EA"
    ).encode(),
    desadv("CPS+1", "LIN+1++BOLT:BP", "QTY+12:60:EA", "DTM+17:20260612:102", "CNT+2:1").encode(),
)


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
