"""The segments of a message as the segment groups of its directory.

Decided here: which group each segment belongs to, hence what a date or quantity is about: a date behind RFF is the
reference's, one behind TDT the transport's. Two habits of senders are borne, since only one place is possible: a
segment that comes later within its group than the table has it, and a group whose opening segment is left out. Not
decided here: what the segments mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from adapters.supplier.edifact.syntax import Message, Segment, unreadable
from adapters.supplier.edifact.tables import segment_groups

_PACKING = "CPS"
"""Opens the packages of a despatch advice; left out by senders that despatch without packages."""
_DETAIL = frozenset({"CPS", "LIN"})
"""Open the lines of a message: what belongs to its heading may not follow."""
_ASK = "Ask the supplier to send the segments in the order of the directory; or fix the document and replay it."


@dataclass
class Group:
    """A segment group: its own segments, the opening one first, and the groups within it."""

    tag: str
    """Of the opening segment; empty for the message itself."""
    segments: list[Segment] = field(default_factory=list)
    groups: list["Group"] = field(default_factory=list)

    def own(self, tag: str) -> list[Segment]:
        """Its own segments of a tag."""
        return [segment for segment in self.segments if segment.tag == tag]

    def within(self, tag: str) -> list["Group"]:
        """The groups directly within it that this tag opens."""
        return [group for group in self.groups if group.tag == tag]

    def all_within(self, tag: str) -> Iterator["Group"]:
        """The groups of this tag within it at any depth, in the order of the document."""
        for group in self.groups:
            if group.tag == tag:
                yield group
            else:
                yield from group.all_within(tag)


class _Table(NamedTuple):
    """A group as the directory has it: its tags in order, and where a tag opens a group, that group."""

    tags: tuple[str, ...]
    groups: tuple["_Table | None", ...]

    def find(self, tag: str, start: int, end: int | None = None) -> int | None:
        """The first place of the tag from `start` to before `end`."""
        try:
            return self.tags.index(tag, start, len(self.tags) if end is None else end)
        except ValueError:
            return None


@dataclass
class _Open:
    """A group that is being filled, and the place reached in its table."""

    group: Group
    table: _Table
    place: int = 0


def grouped(message: Message) -> Group:
    """The message's groups; raises UnreadableMessage for a segment that has no place in them."""
    stack = [_Open(Group(""), _table(message.kind, message.version[1]))]
    closed = False
    for segment in message.segments:
        if segment.tag == "UNS" and not closed and stack[0].table.find("UNS", 0) is None:
            # A despatch advice has no UNS, and some senders write it all the same.
            closed = True
            del stack[1:]
            stack[0].place += 1
            continue
        if not (_go_on(stack, segment, closed) or (not closed and _go_back(stack, segment))):
            where = "behind UNS" if closed else "where it stands"
            detail = f"{message.kind} D.{message.version[1]} has no place for {segment.tag} {where}"
            raise unreadable("misplaced_segment", segment, detail, _ASK)
        closed = closed or segment.tag == "UNS"
    return stack[0].group


def _go_on(stack: list[_Open], segment: Segment, closed: bool) -> bool:
    """Take the segment at the next place that the table has for it, from the innermost open group outwards."""
    for depth in range(len(stack) - 1, -1, -1):
        table, place = stack[depth].table, stack[depth].place
        # The summary has tags of the other sections, and only UNS leads there.
        end = None if depth or closed or segment.tag == "UNS" else table.find("UNS", 0)
        found = table.find(segment.tag, max(place, 1) if depth else place, end)
        if found is not None:
            _take(stack, depth, found, segment)
            return True
    return False


def _go_back(stack: list[_Open], segment: Segment) -> bool:
    """Take a segment that comes too late: a date belongs to what it follows, another one to the nearest group."""
    if segment.tag == "DTM":
        stack[-1].group.segments.append(segment)
        return True
    root = stack[0].table
    in_lines = stack[0].place >= min(place for place, tag in enumerate(root.tags) if tag in _DETAIL)
    for depth in range(len(stack) - 1, 0 if in_lines else -1, -1):
        found = stack[depth].table.find(segment.tag, 1)
        if found is not None:
            _take(stack, depth, found, segment)
            return True
    packing = root.find(_PACKING, 0)
    inner = root.groups[packing] if packing is not None else None
    found = inner.find(segment.tag, 1) if inner is not None and segment.tag in ("LIN", "PAC") else None
    if packing is None or found is None:
        if segment.tag == "FTX":
            stack[-1].group.segments.append(segment)
        return segment.tag == "FTX"
    _enter(stack, 0, packing, Group(_PACKING))
    _take(stack, 1, found, segment)
    return True


def _take(stack: list[_Open], depth: int, place: int, segment: Segment) -> None:
    if stack[depth].table.groups[place] is None:
        del stack[depth + 1 :]
        stack[depth].place = place
        stack[depth].group.segments.append(segment)
    else:
        _enter(stack, depth, place, Group(segment.tag, [segment]))


def _enter(stack: list[_Open], depth: int, place: int, group: Group) -> None:
    table = stack[depth].table.groups[place]
    assert table is not None
    del stack[depth + 1 :]
    stack[depth].place = place
    stack[depth].group.groups.append(group)
    stack.append(_Open(group, table))


@lru_cache(maxsize=64)
def _table(kind: str, directory: str) -> _Table:
    text = segment_groups(kind, directory)
    if text is None:
        raise ValueError(f"{kind} D.{directory} is not read")
    return _parsed(iter(text.replace("(", "( ").replace(")", " )").split()))


def _parsed(words: Iterator[str]) -> _Table:
    tags: list[str] = []
    groups: list[_Table | None] = []
    for word in words:
        if word == ")":
            break
        inner = _parsed(words) if word == "(" else None
        groups.append(inner)
        tags.append(inner.tags[0] if inner else word)
    return _Table(tuple(tags), tuple(groups))
