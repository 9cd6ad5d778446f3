"""EDIFACT syntax (ISO 9735, versions 1 to 4): from bytes to checked messages of segments, and back to bytes.

Decided here: which bytes are which characters, and whether the envelope holds (UNB/UNZ, UNG/UNE, UNH/UNT: counts and
references; one interchange a body; no test interchanges). Not decided here: what a segment means.

pydifact splits and joins the segments. Five things it would get wrong are fixed around it: it takes a comma for the
decimal mark where there is no UNA, it takes a blank release character for a real one, it looks for a UNA in the middle
of a document and drops everything before it, it drops a last segment that breaks off after a separator, and it checks
no counts.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.message import Message as MimeHeaders

from pydifact.control.characters import Characters
from pydifact.exceptions import EDISyntaxError
from pydifact.parser import Parser
from pydifact.segments import Segment as RawSegment
from pydifact.serializer import Serializer
from pydifact.token import Token
from pydifact.tokenizer import Tokenizer

from adapters.errors import UnreadableMessage

SERVICE_STRING = "UNA:+.? '"
_NO_RELEASE = "\ue000"
"""Stands for "no release character": a code point of the private use area, which no charset of a UNB can hold."""
_CHARSETS = {
    "UNOA": "ascii",
    "UNOB": "ascii",
    "UNOC": "iso8859-1",
    "UNOD": "iso8859-2",
    "UNOE": "iso8859-5",
    "UNOF": "iso8859-7",
    "UNOG": "iso8859-3",
    "UNOH": "iso8859-4",
    "UNOI": "iso8859-6",
    "UNOJ": "iso8859-8",
    "UNOK": "iso8859-9",
    "UNOW": "utf-8",
    "UNOY": "utf-8",
}
_RESEND = "Ask the supplier to send the document again, whole and in one piece; or fix and replay it."


@dataclass(frozen=True)
class Segment:
    """A segment with its data elements, each a tuple of components; `position` counts from the UNB or the UNH as 1."""

    tag: str
    elements: tuple[tuple[str, ...], ...]
    position: int
    message: str = ""

    def value(self, element: int, component: int = 0) -> str:
        """The component, stripped of blanks; empty where the segment ends before it."""
        if element >= len(self.elements) or component >= len(self.elements[element]):
            return ""
        return self.elements[element][component].strip()

    def __str__(self) -> str:
        body = "+".join([self.tag, *(":".join(parts) for parts in self.elements)])
        inside = f" of message {self.message}" if self.message else ""
        return f"{body[:80]} (segment {self.position}{inside})"


@dataclass(frozen=True)
class Header:
    """The UNB's data on the whole interchange, and the decimal mark that a UNA announced (None: no UNA)."""

    segment: Segment
    reference: str
    decimal_mark: str | None


@dataclass(frozen=True)
class Message:
    """One message of an interchange: its segments between UNH and UNT."""

    kind: str
    reference: str
    version: tuple[str, str, str]
    segments: tuple[Segment, ...]
    header: Header


def unreadable(code: str, where: Segment | None, detail: str, next_step: str = _RESEND) -> UnreadableMessage:
    """The error for a document that can't be understood, naming the segment, its value and its position."""
    return UnreadableMessage(code, f"{where}: {detail}" if where else detail, next_step)


def read_interchange(body: bytes, content_type: str) -> tuple[Message, ...]:
    """The messages of the one interchange in the body, envelope checked; raises UnreadableMessage."""
    plain = body.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if not plain:
        raise unreadable("empty", None, "the document is empty")
    characters, decimal_mark, start = _service_characters(plain)
    text = _decode(plain[start:], content_type)
    segments = list(_split(text, characters))
    return _open_envelope(segments, decimal_mark)


def write_interchange(segments: Sequence[tuple[str, *tuple[str | list[str], ...]]]) -> str:
    """The segments as text, with a UNA; control characters in values are released, empty tails are left out."""
    characters = Characters.from_str(SERVICE_STRING)
    return str(Serializer(characters).serialize([RawSegment(tag, *_trimmed(elements)) for tag, *elements in segments]))


def _trimmed(elements: list[str | list[str]]) -> list[str | list[str]]:
    while elements and not any(elements[-1]):
        elements = elements[:-1]
    return elements


def _service_characters(plain: bytes) -> tuple[Characters, str | None, int]:
    """The characters that separate, the announced decimal mark, and where the document begins after the UNA."""
    if plain.startswith(b"UNB"):
        return Characters.from_str(SERVICE_STRING), None, 0
    if not plain.startswith(b"UNA"):
        begins = plain[:12].decode("latin-1")
        raise unreadable("not_edifact", None, f"the document begins with {begins!r}, not with UNA or UNB")
    advice = plain[3:9].decode("latin-1")
    separators = [mark for index, mark in enumerate(advice) if index in (0, 1, 5) or (index == 3 and mark != " ")]
    if len(advice) < 6 or len(set(separators)) < len(separators) or any(mark.isalnum() for mark in separators):
        raise unreadable(
            "service_characters", None, f"UNA{advice}: the service characters are not six, or not distinct"
        )
    if advice[2] not in ".,":
        raise unreadable("service_characters", None, f"UNA{advice}: the decimal mark is neither point nor comma")
    release = _NO_RELEASE if advice[3] == " " else advice[3]
    characters = Characters.from_str(advice[:3] + release + advice[4:])
    start = 9 + len(plain[9:]) - len(plain[9:].lstrip(b" \t\r\n"))
    return characters, advice[2], start


def _decode(document: bytes, content_type: str) -> str:
    """The document as text.

    Well-formed UTF-8 is UTF-8 whatever the UNB says: many senders announce UNOC and write UTF-8, and Latin-1 text is by
    chance well-formed UTF-8 only where it makes no sense. Otherwise the UNB's charset holds, then that of the
    Content-Type.
    """
    announced = document[4:8].decode("latin-1")
    if not document.startswith(b"UNB"):
        begins = document[:12].decode("latin-1")
        raise unreadable("not_edifact", None, f"the UNA is followed by {begins!r}, not by UNB")
    if announced not in _CHARSETS:
        raise unreadable("unknown_code", None, f"UNB syntax identifier {announced!r} (segment 1) is not one we read")
    headers = MimeHeaders()
    headers["Content-Type"] = content_type or "application/edifact"
    for charset in ("utf-8", _CHARSETS[announced], headers.get_content_charset("ascii")):
        try:
            return document.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
    raise unreadable(
        "charset",
        None,
        f"UNB announces {announced}, but the bytes are neither that nor UTF-8",
        "Ask the supplier to announce the character set that it writes (UNOC for ISO 8859-1); or fix and replay it.",
    )


def _split(text: str, characters: Characters) -> Iterator[Segment]:
    last = Token.Type.TERMINATOR
    position = 0

    def tokens() -> Iterator[Token]:
        nonlocal last
        for token in Tokenizer().get_tokens(text, characters):
            last = token.type
            yield token

    try:
        for raw in Parser().convert_tokens_to_raw_segments(tokens()):
            position += 1
            tag, *elements = raw
            if not (isinstance(tag, str) and len(tag) == 3 and tag.isalnum() and tag.isupper() and tag.isascii()):
                raise unreadable(
                    "syntax", None, f"segment {position} has no tag of three letters but {str(tag)[:20]!r}"
                )
            parts = tuple(tuple(part) if isinstance(part, list) else (part,) for part in elements)
            yield Segment(tag, parts, position)
    except EDISyntaxError as error:
        detail = f"the document breaks off or is not EDIFACT after segment {position} ({error})"
        raise unreadable("syntax", None, detail) from error
    if position == 0 or last is not Token.Type.TERMINATOR:
        raise unreadable("syntax", None, f"the document breaks off after segment {position}")


def _open_envelope(segments: list[Segment], decimal_mark: str | None) -> tuple[Message, ...]:
    first, last = segments[0], segments[-1]
    if last.tag != "UNZ":
        raise unreadable("missing_segment", last, "the interchange does not end with UNZ: it was cut, or more follows")
    header = Header(first, first.value(4), decimal_mark)
    if not header.reference or len(first.elements) < 4:
        raise unreadable("missing_segment", first, "UNB without sender, recipient, time or control reference")
    if first.value(10) not in ("", "0"):
        raise unreadable(
            "test_interchange",
            first,
            "the sender marked the interchange as a test (0035)",
            "Ask the supplier whether it was meant to be real; tests are never acted on.",
        )
    messages, groups = _messages(segments[1:-1], header)
    if not messages:
        raise unreadable("missing_segment", first, "the interchange holds no message")
    _require_count(last, groups or len(messages), "groups" if groups else "messages")
    _require_reference(last, header.reference, first)
    seen: set[str] = set()
    for message in messages:
        if message.reference in seen:
            raise unreadable("control_reference", last, f"message reference {message.reference} is there twice")
        seen.add(message.reference)
    return messages


def _messages(segments: Iterable[Segment], header: Header) -> tuple[tuple[Message, ...], int]:
    """The messages between UNB and UNZ, and how many functional groups (UNG) held them."""
    messages: list[Message] = []
    group: Segment | None = None
    before_group = groups = 0
    opened: list[Segment] = []
    for segment in segments:
        if opened:
            if segment.tag in ("UNA", "UNB", "UNZ", "UNG", "UNE", "UNH"):
                raise unreadable("missing_segment", segment, f"message {opened[0].value(0)} has no UNT before it")
            opened.append(segment)
            if segment.tag == "UNT":
                messages.append(_message(opened, header))
                opened = []
        elif segment.tag == "UNH" and (group is not None or not groups):
            opened = [segment]
        elif segment.tag == "UNG" and group is None and (groups or not messages):
            group, before_group = segment, len(messages)
        elif segment.tag == "UNE" and group is not None:
            _require_count(segment, len(messages) - before_group, "messages")
            _require_reference(segment, group.value(4), group)
            group, groups = None, groups + 1
        else:
            raise unreadable("syntax", segment, "this segment is not allowed between the messages")
    if opened or group is not None:
        raise unreadable("missing_segment", opened[0] if opened else group, "opened and never closed (UNT, UNE)")
    return tuple(messages), groups


def _message(segments: list[Segment], header: Header) -> Message:
    head, tail = segments[0], segments[-1]
    reference = head.value(0)
    if not reference:
        raise unreadable("control_reference", head, "the message has no reference")
    _require_count(tail, len(segments), "segments")
    _require_reference(tail, reference, head)
    inside = tuple(
        Segment(segment.tag, segment.elements, number, reference) for number, segment in enumerate(segments[1:-1], 2)
    )
    version = (head.value(1, 1), head.value(1, 2), head.value(1, 3))
    return Message(head.value(1), reference, version, inside, header)


def _require_count(segment: Segment, counted: int, of_what: str) -> None:
    detail = segment.value(0)
    if not (detail.isascii() and detail.isdigit() and int(detail) == counted):
        raise unreadable("control_count", segment, f"says {detail or 'nothing'}, but there are {counted} {of_what}")


def _require_reference(segment: Segment, reference: str, opened_by: Segment) -> None:
    if segment.value(1) != reference:
        detail = f"the control reference is {segment.value(1)!r}, but {opened_by.tag} has {reference!r}"
        raise unreadable("control_reference", segment, detail)
