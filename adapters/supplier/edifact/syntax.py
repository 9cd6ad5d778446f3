"""EDIFACT syntax (ISO 9735, versions 1 to 4): from bytes to checked messages of segments, and back to bytes.

Decided here: which bytes are which characters; whether the envelope holds (UNB/UNZ, UNG/UNE, UNH/UNT: counts and
references; no test interchanges); and what is refused alone: a message whose UNT is wrong leaves the others of its
interchange readable, an interchange whose UNZ is wrong leaves the others of the body. Not decided here: what a segment
means.

No library: pydifact, the one in wide use, reads a character at a time (half a megabyte takes it over a second), checks
no counts, and looks for one UNA anywhere in the body. The time here grows with the length of the body and nothing else.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message as MimeHeaders
from typing import NamedTuple, TypeVar

from adapters.errors import UnreadableMessage

SERVICE_STRING = "UNA:+.? '"
MESSAGES_MAX = 1_000
"""The most messages of a body; each is stored and delivered by itself."""
_BLANK = " \t\r\n"
_Value = TypeVar("_Value", str, str | list[str])
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


class Segment(NamedTuple):
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

    @property
    def sender(self) -> str:
        """The sender's interchange address (S002)."""
        return self.segment.value(1)

    @property
    def recipient(self) -> str:
        """The recipient's interchange address (S003)."""
        return self.segment.value(2)

    @property
    def wants_acknowledgement(self) -> bool:
        """The sender asks for a CONTRL (0031: 1; in syntax 4 also 2, of receipt)."""
        return self.segment.value(8) in ("1", "2")


@dataclass(frozen=True)
class Message:
    """One message of an interchange: its segments between UNH and UNT."""

    kind: str
    reference: str
    version: tuple[str, str, str]
    segments: tuple[Segment, ...]
    header: Header
    place: int = 0
    """Its place among the messages of the interchange, from 0."""


@dataclass(frozen=True)
class RefusedMessage:
    """A message that can't be read, with what its UNH says of it."""

    kind: str
    reference: str
    version: tuple[str, str, str]
    why: UnreadableMessage


@dataclass(frozen=True)
class Part:
    """One message of a body; `body` is an interchange with this message alone, so that it can be read again."""

    body: bytes
    message: Message | RefusedMessage


@dataclass(frozen=True)
class Interchange:
    """An interchange of a body with its messages; or why it is refused whole."""

    body: bytes
    header: Header | None
    parts: tuple[Part, ...] = ()
    refused: UnreadableMessage | None = None


def unreadable(code: str, where: Segment | None, detail: str, next_step: str = _RESEND) -> UnreadableMessage:
    """The error for a document that can't be understood, naming the segment, its value and its position."""
    return UnreadableMessage(code, f"{where}: {detail}" if where else detail, next_step)


def read_interchanges(body: bytes, content_type: str) -> tuple[Interchange, ...]:
    """The interchanges of the body, envelopes checked; raises UnreadableMessage where there is not even one."""
    plain = body.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANK.encode())
    if not plain:
        raise unreadable("empty", None, "the document is empty")
    text, charset = _decode(plain, content_type)
    found: list[Interchange] = []
    at, messages = 0, 0
    while at < len(text):
        interchange, end = _read_interchange(text, at, charset)
        found.append(interchange)
        messages += max(1, len(interchange.parts))
        if messages > MESSAGES_MAX:
            detail = f"the document holds more than {MESSAGES_MAX} messages"
            raise unreadable("too_many_messages", None, detail, "Ask the supplier to send it in several documents.")
        at = end
    if len(found) == 1:
        [only] = found
        parts = (Part(body, only.parts[0].message),) if len(only.parts) == 1 else only.parts
        return (Interchange(body, only.header, parts, only.refused),)
    return tuple(found)


def write_interchange(segments: Sequence[tuple[str, *tuple[str | list[str], ...]]]) -> str:
    """The segments as text, with a UNA; control characters in values are released, empty tails are left out."""
    return SERVICE_STRING + "".join(
        "+".join([tag, *map(_written, _trimmed(elements))]) + "'" for tag, *elements in segments
    )


_RELEASED = str.maketrans({sign: f"?{sign}" for sign in "?:+'"})


def _written(element: str | list[str]) -> str:
    components = [element] if isinstance(element, str) else element
    return ":".join(component.translate(_RELEASED) for component in _trimmed(components))


def _trimmed(values: list[_Value]) -> list[_Value]:
    while values and not any(values[-1]):
        values = values[:-1]
    return values


# -- characters


class _Marks(NamedTuple):
    """The service characters in force; `release` empty: there is none."""

    component: str
    element: str
    release: str
    end: str
    decimal: str | None


_DEFAULT = _Marks(":", "+", "?", "'", None)


def _service_characters(text: str, at: int) -> tuple[_Marks, int]:
    """The marks of the interchange at this place, and where its UNB begins."""
    if text.startswith("UNB", at):
        return _DEFAULT, at
    if not text.startswith("UNA", at):
        begins = text[at : at + 12]
        raise unreadable("not_edifact", None, f"the document begins with {begins!r}, not with UNA or UNB")
    advice = text[at + 3 : at + 9]
    if advice[5:6] == "U" and text.startswith("UNB", at + 8):
        raise unreadable(
            "service_characters",
            None,
            f"UNA{advice[:5]}: it has five service characters where six are due; a reserved blank belongs "
            "before the last",
        )
    separators = [mark for index, mark in enumerate(advice) if index in (0, 1, 5) or (index == 3 and mark != " ")]
    if len(advice) < 6 or len(set(separators)) < len(separators) or any(mark.isalnum() for mark in separators):
        raise unreadable(
            "service_characters", None, f"UNA{advice}: the service characters are not six, or not distinct"
        )
    if advice[2] not in ".,":
        raise unreadable("service_characters", None, f"UNA{advice}: the decimal mark is neither point nor comma")
    marks = _Marks(advice[0], advice[1], advice[3].strip(), advice[5], advice[2])
    begin = _after_blanks(text, at + 9)
    if not text.startswith("UNB", begin):
        begins = text[begin : begin + 12]
        raise unreadable("not_edifact", None, f"the UNA is followed by {begins!r}, not by UNB")
    return marks, begin


def _decode(document: bytes, content_type: str) -> tuple[str, str]:
    """The document as text, and the charset.

    Well-formed UTF-8 is UTF-8 whatever the UNB says: many senders announce UNOC and write UTF-8, and Latin-1 text is by
    chance well-formed UTF-8 only where it makes no sense. Otherwise the charset of the first UNB holds, then that of
    the Content-Type.
    """
    start = document.find(b"UNB", 0, 40)
    announced = document[start + 4 : start + 8].decode("latin-1") if start >= 0 else ""
    headers = MimeHeaders()
    headers["Content-Type"] = content_type or "application/edifact"
    for charset in ("utf-8", _CHARSETS.get(announced, "ascii"), headers.get_content_charset("ascii")):
        try:
            return document.decode(charset), charset
        except (UnicodeDecodeError, LookupError):
            continue
    raise unreadable(
        "charset",
        None,
        f"UNB announces {announced}, but the bytes are neither that nor UTF-8",
        "Ask the supplier to announce the character set that it writes (UNOC for ISO 8859-1); or fix and replay it.",
    )


def _after_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


# -- segments


class _Raw(NamedTuple):
    """A segment and where it stands in the text: from `begin` to before `end`, its terminator included."""

    tag: str
    elements: tuple[tuple[str, ...], ...]
    position: int
    begin: int
    end: int

    @property
    def segment(self) -> Segment:
        return Segment(self.tag, self.elements, self.position)


def _segments(text: str, at: int, marks: _Marks) -> Iterator[_Raw]:
    """The segments from this place on; raises UnreadableMessage where the text breaks off or has no tag."""
    position = 0
    while at < len(text):
        end = _end_of_segment(text, at, marks)
        if end < 0:
            raise unreadable("syntax", None, f"the document breaks off after segment {position}")
        position += 1
        (tag, *more), *elements = _split(text[at:end], marks)
        if more or not _is_tag(tag):
            raise unreadable("syntax", None, f"segment {position} has no tag of three letters but {tag[:20]!r}")
        yield _Raw(tag, tuple(elements), position, at, end + 1)
        at = _after_blanks(text, end + 1)


def _is_tag(tag: str) -> bool:
    return len(tag) == 3 and tag.isascii() and tag.isalnum() and tag.isupper()


def _end_of_segment(text: str, at: int, marks: _Marks) -> int:
    """Where the segment's terminator stands; -1: nowhere."""
    begin = at
    while True:
        end = text.find(marks.end, at)
        if end < 0 or not marks.release:
            return end
        first = end
        while first > begin and text[first - 1] == marks.release:
            first -= 1
        if (end - first) % 2 == 0:
            return end
        begin = at = end + 1


def _split(text: str, marks: _Marks) -> list[tuple[str, ...]]:
    if not marks.release or marks.release not in text:
        return [tuple(element.split(marks.component)) for element in text.split(marks.element)]
    elements: list[tuple[str, ...]] = []
    for element in _split_released(text, marks.element, marks.release):
        components = _split_released(element, marks.component, marks.release)
        elements.append(tuple(_plain(component, marks.release) for component in components))
    return elements


def _split_released(text: str, separator: str, release: str) -> list[str]:
    """The pieces between separators that are not released, release characters kept."""
    pieces: list[str] = []
    waiting: list[str] = []
    for piece in text.split(separator):
        waiting.append(piece)
        released = (len(piece) - len(piece.rstrip(release))) % 2
        if not released:
            pieces.append(separator.join(waiting))
            waiting = []
    return [*pieces, separator.join(waiting)] if waiting else pieces


def _plain(text: str, release: str) -> str:
    """The text without its release characters; a released one stays."""
    if release not in text:
        return text
    return release.join(part.replace(release, "") for part in text.split(release * 2))


# -- the envelope


def _read_interchange(text: str, at: int, charset: str) -> tuple[Interchange, int]:
    """The interchange at this place and where the next one begins; a refused one ends before the next UNB."""
    raws: list[_Raw] = []
    begin = max(at, text.find("UNB", at, at + 15)) if text.startswith("UNA", at) else at
    try:
        marks, begin = _service_characters(text, at)
        announced = text[begin + 4 : begin + 8]
        if announced not in _CHARSETS:
            detail = f"UNB syntax identifier {announced!r} (segment 1) is not one we read"
            raise unreadable("unknown_code", None, detail)
        for raw in _segments(text, begin, marks):
            if raws and raw.tag in ("UNA", "UNB"):
                last = raws[-1].segment
                raise unreadable("missing_segment", last, "the interchange does not end with UNZ: it was cut")
            raws.append(raw)
            if raw.tag == "UNZ":
                break
        interchange = _open_envelope(text[at:begin], text, raws, marks, charset)
        return interchange, _after_blanks(text, raws[-1].end)
    except UnreadableMessage as error:
        end = _next_interchange(text, raws[-1].end if raws else begin + 1)
        header = Header(raws[0].segment, raws[0].segment.value(4), None) if raws else None
        return Interchange(text[at:end].encode(charset), header, refused=error), end


_BEGINNING = re.compile(r"(?:UNA[^\r\n]{5,6}\s{0,9})?UNB[^A-Za-z0-9]UNO")


def _next_interchange(text: str, at: int) -> int:
    """Where the next interchange begins, with its UNA; the end of the text where there is none."""
    found = _BEGINNING.search(text, at)
    return found.start() if found else len(text)


def _open_envelope(prefix: str, text: str, raws: Sequence[_Raw], marks: _Marks, charset: str) -> Interchange:
    first, last = raws[0].segment, raws[-1].segment
    if last.tag != "UNZ":
        raise unreadable("missing_segment", last, "the interchange does not end with UNZ: it was cut")
    header = Header(first, first.value(4), marks.decimal)
    if not header.reference or len(first.elements) < 4:
        raise unreadable("missing_segment", first, "UNB without sender, recipient, time or control reference")
    if first.value(10) not in ("", "0"):
        raise unreadable(
            "test_interchange",
            first,
            "the sender marked the interchange as a test (0035)",
            "Ask the supplier whether it was meant to be real; tests are never acted on.",
        )
    spans, groups = _messages(raws[1:-1])
    if not spans:
        raise unreadable("missing_segment", first, "the interchange holds no message")
    times = Counter(span[0].segment.value(0) for span in spans)
    opening = prefix + text[raws[0].begin : raws[0].end]
    reference = text[raws[-1].begin : raws[-1].end].split(marks.element, 2)[2:] or [marks.end]
    closing = marks.element.join(("UNZ", "1", *reference))
    parts = []
    for place, span in enumerate(spans):
        whole = opening + text[span[0].begin : span[-1].end] + closing
        message = _message(span, header, place, times)
        parts.append(Part(whole.encode(charset), message))
    try:
        _require_count(last, groups or len(spans), "groups" if groups else "messages")
        _require_reference(last, header.reference, first)
    except UnreadableMessage as error:
        # What is wrong first tells more than what does not add up at the end.
        earlier = next((part.message.why for part in parts if isinstance(part.message, RefusedMessage)), None)
        raise earlier or error from None
    return Interchange((opening + text[raws[0].end : raws[-1].end]).encode(charset), header, tuple(parts))


def _messages(raws: Sequence[_Raw]) -> tuple[list[list[_Raw]], int]:
    """The segments of each message, from its UNH to its UNT where it has one, and how many groups (UNG) held them."""
    spans: list[list[_Raw]] = []
    group: Segment | None = None
    before_group = groups = 0
    opened = False
    for raw in raws:
        if opened and raw.tag not in ("UNH", "UNE", "UNG"):
            spans[-1].append(raw)
            opened = raw.tag != "UNT"
            continue
        segment = raw.segment
        if segment.tag == "UNH" and (group is not None or not groups):
            spans.append([raw])
            opened = True
        elif segment.tag == "UNG" and group is None and (groups or not spans):
            group, before_group = segment, len(spans)
        elif segment.tag == "UNE" and group is not None:
            _require_count(segment, len(spans) - before_group, "messages")
            _require_reference(segment, group.value(4), group)
            group, groups, opened = None, groups + 1, False
        else:
            raise unreadable("syntax", segment, "this segment is not allowed between the messages")
    if group is not None:
        raise unreadable("missing_segment", group, "opened and never closed (UNE)")
    return spans, groups


def _message(raws: Sequence[_Raw], header: Header, place: int, times: Counter[str]) -> Message | RefusedMessage:
    head, tail = raws[0].segment, raws[-1].segment
    kind, reference = head.value(1), head.value(0)
    version = (head.value(1, 1), head.value(1, 2), head.value(1, 3))
    try:
        if not reference:
            raise unreadable("control_reference", head, "the message has no reference")
        if times[reference] > 1:
            raise unreadable(
                "control_reference", head, f"message reference {reference} is there {times[reference]} times"
            )
        if tail.tag != "UNT":
            raise unreadable("missing_segment", head, "the message has no UNT")
        _require_count(tail, len(raws), "segments")
        _require_reference(tail, reference, head)
    except UnreadableMessage as error:
        return RefusedMessage(kind, reference, version, error)
    inside = tuple(Segment(raw.tag, raw.elements, number, reference) for number, raw in enumerate(raws[1:-1], 2))
    return Message(kind, reference, version, inside, header, place)


def _require_count(segment: Segment, counted: int, of_what: str) -> None:
    detail = segment.value(0)
    if not (detail.isascii() and detail.isdigit() and len(detail) <= 12 and int(detail) == counted):
        raise unreadable("control_count", segment, f"says {detail or 'nothing'}, but there are {counted} {of_what}")


def _require_reference(segment: Segment, reference: str, opened_by: Segment) -> None:
    if segment.value(1) != reference:
        detail = f"the control reference is {segment.value(1)!r}, but {opened_by.tag} has {reference!r}"
        raise unreadable("control_reference", segment, detail)
