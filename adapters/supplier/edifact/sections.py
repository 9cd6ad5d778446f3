"""The sections of an ORDRSP or DESADV: heading, lines, summary; and the order and line that each LIN refers to.

Decided here: where a LIN's segments end, and that a reference to the order's line (RFF+ON, RFF+LI) comes before the
LIN's own number, which is the supplier's where both are present. Not decided here: the answer to the line.
"""

import re
from dataclasses import dataclass
from typing import TypeVar

from adapters.supplier.edifact.syntax import Message, Segment, unreadable
from adapters.supplier.edifact.values import OrderReference, line_number, order_reference

_T = TypeVar("_T", int, str)
_ASK_ORDER = "Ask the supplier to name our order in RFF+ON; or fix the document and replay it."
_ASK_LINE = "Ask the supplier to name our order line in LIN or RFF+ON; or fix the document and replay it."


@dataclass(frozen=True)
class LineGroup:
    """A LIN with the segments that belong to it."""

    lin: Segment
    segments: tuple[Segment, ...]

    def tagged(self, tag: str) -> tuple[Segment, ...]:
        """The group's segments of one tag."""
        return tuple(segment for segment in self.segments if segment.tag == tag)


@dataclass(frozen=True)
class Sections:
    """A message split into its sections."""

    beginning: Segment
    heading: tuple[Segment, ...]
    lines: tuple[LineGroup, ...]


def sections(message: Message, documents: tuple[str, ...]) -> Sections:
    """Heading and lines of a message whose BGM 1001 is one of `documents`."""
    beginning = message.segments[0] if message.segments else None
    if beginning is None or beginning.tag != "BGM":
        raise unreadable("missing_segment", beginning, f"message {message.reference} does not begin with BGM")
    if beginning.value(0) not in documents:
        detail = f"document name {beginning.value(0)!r} (1001) is not {' or '.join(documents)} as in {message.kind}"
        raise unreadable("unknown_code", beginning, detail)
    heading: list[Segment] = []
    groups: list[tuple[Segment, list[Segment]]] = []
    into = heading
    for segment in message.segments[1:]:
        if segment.tag == "UNS":
            break
        if segment.tag == "LIN":
            _refuse_sub_line(segment)
            groups.append((segment, []))
            into = groups[-1][1]
        elif segment.tag == "CPS":
            into = heading
        else:
            into.append(segment)
    lines = tuple(LineGroup(lin, tuple(belonging)) for lin, belonging in groups)
    return Sections(beginning, tuple(heading), lines)


def heading_order(parts: Sections) -> OrderReference | None:
    """The order that the heading names, None where it names none."""
    named = [order_reference(segment) for segment in parts.heading if _qualified(segment, "ON")]
    if len(set(named)) > 1:
        wrong = next(segment for segment in parts.heading if _qualified(segment, "ON"))
        raise unreadable("contradiction", wrong, "the heading names several orders")
    return named[0] if named else None


def line_reference(group: LineGroup, heading: OrderReference | None) -> OrderReference:
    """The order, line and revision that a LIN refers to; they must not contradict the heading."""
    named = [(segment, order_reference(segment)) for segment in group.tagged("RFF") if _qualified(segment, "ON")]
    if heading:
        named.insert(0, (group.lin, heading))
    if not named:
        raise unreadable("unknown_order", group.lin, "neither the line nor the heading names an order", _ASK_ORDER)
    order = _agreed(group.lin, "orders", {reference.order for _, reference in named})
    revision = _agreed(group.lin, "revisions", {reference.revision for _, reference in named} - {None})
    line = _agreed(
        group.lin, "order lines", {reference.line for _, reference in named} | _by_line_reference(group, order)
    )
    if order is None:
        raise AssertionError("unreachable: every reference names an order")
    return OrderReference(order, line if line is not None else _own_number(group.lin), revision)


def _by_line_reference(group: LineGroup, order: str | None) -> set[int | None]:
    lines: set[int | None] = {None}
    for segment in group.tagged("RFF"):
        if not _qualified(segment, "LI"):
            continue
        text = segment.value(0, 1)
        prefixed = re.fullmatch(re.escape(order or "") + r"[/-](\d+)", text, re.ASCII)
        lines.add(line_number(segment, prefixed.group(1) if prefixed else text))
    return lines


def _own_number(lin: Segment) -> int:
    if not lin.value(0):
        raise unreadable("unknown_line", lin, "neither LIN nor a reference names the order line", _ASK_LINE)
    return line_number(lin, lin.value(0))


def _agreed(lin: Segment, of_what: str, detail: set[_T | None]) -> _T | None:
    distinct = detail - {None}
    if len(distinct) > 1:
        listed = ", ".join(sorted(map(str, distinct)))
        raise unreadable("contradiction", lin, f"its references name different {of_what}: {listed}")
    return next(iter(distinct), None)


def _qualified(segment: Segment, qualifier: str) -> bool:
    return segment.tag == "RFF" and segment.value(0) == qualifier


def _refuse_sub_line(lin: Segment) -> None:
    if lin.value(3) or lin.value(3, 1):
        raise unreadable("unsupported", lin, "it is a sub-line (C829); sub-lines are not read")
