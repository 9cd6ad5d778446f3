"""Documents as suppliers write them, in our own words: a message's body is given, the envelope is counted."""

from collections.abc import Sequence

import pytest

from adapters.errors import UnreadableMessage
from adapters.ports import DocumentPart, SupplierDialect
from adapters.supplier.edifact.dialect import EdifactDialect
from canonical.order import DocumentAcknowledged, OrderAnswer, ShipmentAnnounced

UNA = "UNA:+.? '"
Content = OrderAnswer | ShipmentAnnounced | DocumentAcknowledged
HEADING = ("DTM+137:20260601:102", "RFF+ON:4500000017::1")


def message(kind: str, *body: str, reference: str = "1", version: str = "D:96A:UN") -> list[str]:
    """The segments of one message with its UNH and UNT."""
    return [f"UNH+{reference}+{kind}:{version}", *body, f"UNT+{len(body) + 2}+{reference}"]


def interchange(*messages: list[str], una: str = UNA, between: str = "", syntax: str = "UNOC:3") -> str:
    """The messages as one interchange, in the default service characters."""
    head = f"UNB+{syntax}+SELLER+BUYER+260601:1430+77"
    segments = [head, *(segment for part in messages for segment in part), f"UNZ+{len(messages)}+77"]
    return una + "".join(f"{segment}'{between}" for segment in segments)


def ordrsp(*lines: str, bgm: str = "BGM+231+OR-9+4", heading: tuple[str, ...] = HEADING) -> str:
    """An ORDRSP with these line segments."""
    count = sum(segment.startswith("LIN") for segment in lines)
    return interchange(message("ORDRSP", bgm, *heading, *lines, "UNS+S", f"CNT+2:{count}"))


def desadv(*lines: str, bgm: str = "BGM+351+DA-5+9", heading: tuple[str, ...] = HEADING) -> str:
    """A DESADV with these CPS and LIN segments."""
    return interchange(message("DESADV", bgm, *heading, *lines))


def parts(document: str | bytes, content_type: str = "application/edifact") -> Sequence[DocumentPart]:
    """What the dialect makes of each message of the document."""
    body = document if isinstance(document, bytes) else document.encode("iso8859-1")
    dialect: SupplierDialect = EdifactDialect()
    return dialect.read(body, content_type).parts


def read(document: str | bytes, content_type: str = "application/edifact") -> list[Content]:
    """What the dialect reads in the document; raises for the first message that it can't read."""
    found: list[Content] = []
    for part in parts(document, content_type):
        if isinstance(part.content, UnreadableMessage):
            raise part.content
        found += part.content
    return found


def answer(document: str | bytes) -> OrderAnswer:
    """The one answer in the document."""
    (only,) = read(document)
    assert isinstance(only, OrderAnswer)
    return only


def shipments(document: str | bytes) -> list[ShipmentAnnounced]:
    """The shipments in the document."""
    return [detail for detail in read(document) if isinstance(detail, ShipmentAnnounced)]


def refusal(document: str | bytes) -> UnreadableMessage:
    """Why the document can't be read."""
    with pytest.raises(UnreadableMessage) as refused:
        read(document)
    assert refused.value.next_step
    return refused.value
