"""EDIFACT syntax as this gateway has it: bytes to counted messages of segments, and back.

Decided here: separators and release character, the envelope and its counts. Not decided here: what a segment means.
"""

from collections.abc import Sequence
from dataclasses import dataclass

Element = str | Sequence[str]
"""A data element: one value, or its components."""
Written = tuple[str, *tuple[Element, ...]]
"""A segment to write: its tag, then its elements."""


class BadInterchange(Exception):
    """The document can't be processed; the text says why."""


@dataclass(frozen=True)
class Segment:
    """A segment: its tag and its data elements, each a list of components."""

    tag: str
    elements: tuple[tuple[str, ...], ...]

    def get(self, element: int, component: int = 0) -> str:
        """Return a component; empty where there is none."""
        if element < len(self.elements) and component < len(self.elements[element]):
            return self.elements[element][component].strip()
        return ""


@dataclass(frozen=True)
class Message:
    """What stands between UNH and UNT."""

    kind: str
    segments: tuple[Segment, ...]

    def first(self, tag: str, qualifier: str | None = None) -> Segment | None:
        """Return the first segment of a tag (and first component), or None."""
        found = (s for s in self.segments if s.tag == tag and qualifier in (None, s.get(0)))
        return next(found, None)


@dataclass(frozen=True)
class Interchange:
    """One UNB...UNZ."""

    sender: str
    reference: str
    messages: tuple[Message, ...]


def parse(body: bytes) -> Interchange:
    """Return the interchange; BadInterchange where the envelope does not hold."""
    text = _decoded(body).strip()
    if not text:
        raise BadInterchange("the document is empty")
    marks = ":+.? '"
    if text.startswith("UNA"):
        marks, text = text[3:9], text[9:]
    segments = list(_segments(text, marks))
    if len(segments) < 2 or segments[0].tag != "UNB" or segments[-1].tag != "UNZ":
        raise BadInterchange("the document is not one interchange from UNB to UNZ")
    head, tail = segments[0], segments[-1]
    if tail.get(1) != head.get(4):
        raise BadInterchange(f"UNZ names {tail.get(1)!r}, UNB {head.get(4)!r}")
    messages = tuple(_messages(segments[1:-1]))
    if tail.get(0) != str(len(messages)):
        raise BadInterchange(f"UNZ counts {tail.get(0)} messages, there are {len(messages)}")
    return Interchange(head.get(1), head.get(4), messages)


def compose(
    segments: Sequence[Written],
    *,
    kind: str,
    sender: str,
    recipient: str,
    day_and_time: tuple[str, str],
    reference: str,
    wrong_counts: bool = False,
) -> bytes:
    """Return an interchange of one message; with `wrong_counts` UNT and UNZ say one too many."""
    off = 1 if wrong_counts else 0
    whole: list[Written] = [
        ("UNB", ("UNOC", "3"), sender, recipient, day_and_time, reference),
        ("UNH", "1", (kind, "D", "96A", "UN")),
        *segments,
        ("UNT", str(len(segments) + 2 + off), "1"),
        ("UNZ", str(1 + off), reference),
    ]
    lines = ["+".join([segment[0], *map(_element, segment[1:])]) + "'" for segment in whole]
    return ("UNA:+.? '\r\n" + "\r\n".join(lines) + "\r\n").encode("iso8859-1", errors="replace")


def _element(element: Element) -> str:
    components = [element] if isinstance(element, str) else list(element)
    while len(components) > 1 and not components[-1]:
        components.pop()
    return ":".join(_released(component) for component in components)


def _released(value: str) -> str:
    return "".join("?" + character if character in "?:+'" else character for character in value)


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("iso8859-1")


def _segments(text: str, marks: str) -> list[Segment]:
    component_mark, element_mark, release, end = marks[0], marks[1], marks[3], marks[5]
    found: list[Segment] = []
    elements: list[list[str]] = [[""]]
    characters = iter(text)
    for character in characters:
        if character == release and release != " ":
            elements[-1][-1] += next(characters, "")
        elif character == end:
            tag, *rest = elements
            found.append(Segment(tag[0].strip(), tuple(tuple(components) for components in rest)))
            elements = [[""]]
        elif character == element_mark:
            elements.append([""])
        elif character == component_mark:
            elements[-1].append("")
        elif character not in "\r\n":
            elements[-1][-1] += character
    if elements != [[""]]:
        raise BadInterchange(f"the last segment is not ended by {end}")
    return found


def _messages(segments: Sequence[Segment]) -> list[Message]:
    messages: list[Message] = []
    opened: list[Segment] | None = None
    for segment in segments:
        if segment.tag == "UNH":
            if opened is not None:
                raise BadInterchange(f"message {opened[0].get(0)} is not ended by UNT")
            opened = [segment]
        elif opened is None:
            raise BadInterchange(f"{segment.tag} stands between the messages")
        elif segment.tag == "UNT":
            head = opened[0]
            if segment.get(0) != str(len(opened) + 1):
                raise BadInterchange(f"UNT counts {segment.get(0)} segments, there are {len(opened) + 1}")
            if segment.get(1) != head.get(0):
                raise BadInterchange(f"UNT names {segment.get(1)!r}, UNH {head.get(0)!r}")
            messages.append(Message(head.get(1), tuple(opened[1:])))
            opened = None
        else:
            opened.append(segment)
    if opened is not None:
        raise BadInterchange(f"message {opened[0].get(0)} is not ended by UNT")
    return messages
