"""The sections of an ORDRSP or DESADV: heading and lines; and the order, line and item that each LIN refers to.

Decided here: that a reference to the order's line (RFF+ON, RFF+LI) comes before the LIN's own number, which may be the
supplier's; and which segments speak for a whole section. Not decided here: the answer to the line, and whether the item
is that of the order's line.
"""

import re
from dataclasses import dataclass
from typing import TypeVar

from adapters.supplier.edifact.codes import is_delivery_date
from adapters.supplier.edifact.groups import Group, grouped
from adapters.supplier.edifact.syntax import Message, Segment, unreadable
from adapters.supplier.edifact.values import OrderReference, kept_texts, line_number, order_reference
from canonical.order import LINES_MAX

_T = TypeVar("_T", int, str)
_ASK_ORDER = "Ask the supplier to name our order in RFF+ON; or fix the document and replay it."
_ASK_LINE = "Ask the supplier to name our order line in LIN or RFF+ON; or fix the document and replay it."
_ASK_ITEM = "Ask the supplier which item is meant; then fix the document and replay it."
_OURS = frozenset({"BP", "IN"})
"""7143: the buyer's part number, the buyer's item number."""
_SUBSTITUTES = frozenset({"3", "4"})
"""4347: substituted by, substituted for."""
_WITHOUT_DELIVERY = frozenset({"RFF", "PRI"})
"""A reference and a price are not delivered: a date of delivery behind them is that of the section."""


@dataclass(frozen=True)
class LineReference(OrderReference):
    """What a LIN refers to; `by_reference`: the line's number comes from a reference, not from LIN itself."""

    by_reference: bool = False


@dataclass(frozen=True)
class LineGroup:
    """A LIN with the segments that belong to it."""

    lin: Segment
    segments: tuple[Segment, ...]
    """Those of the line itself, and the opening ones of the groups within it."""
    group: Group

    def tagged(self, tag: str) -> tuple[Segment, ...]:
        """The line's segments of one tag."""
        return tuple(segment for segment in self.segments if segment.tag == tag)


@dataclass(frozen=True)
class Sections:
    """A message split into its sections."""

    beginning: Segment
    heading: tuple[Segment, ...]
    """Those of the heading itself, and the opening ones of the groups within it."""
    lines: tuple[LineGroup, ...]
    group: Group


def sections(message: Message, documents: tuple[str, ...]) -> Sections:
    """Heading and lines of a message whose BGM 1001 is one of `documents`."""
    beginning = message.segments[0] if message.segments else None
    if beginning is None or beginning.tag != "BGM":
        raise unreadable("missing_segment", beginning, f"message {message.reference} does not begin with BGM")
    if beginning.value(0) not in documents:
        detail = f"document name {beginning.value(0)!r} (1001) is not {' or '.join(documents)} as in {message.kind}"
        raise unreadable("unknown_code", beginning, detail)
    if sum(segment.tag == "LIN" for segment in message.segments) > LINES_MAX:
        detail = f"the message has more than {LINES_MAX} lines"
        raise unreadable("too_many_lines", beginning, detail, "Ask the supplier to send it in several messages.")
    whole = grouped(message)
    for segment in message.segments:
        if segment.tag == "LIN":
            _refuse_sub_line(segment)
    lines = tuple(LineGroup(group.segments[0], _of_section(group), group) for group in whole.all_within("LIN"))
    return Sections(beginning, _of_section(whole)[1:], lines, whole)


def _of_section(group: Group) -> tuple[Segment, ...]:
    own = group.segments[1:] if group.tag else group.segments
    opening = [inner.segments[0] for inner in group.groups if inner.segments and inner.tag not in ("LIN", "CPS")]
    dates = [
        segment
        for inner in group.groups
        if inner.tag in _WITHOUT_DELIVERY
        for segment in inner.own("DTM")
        if is_delivery_date(segment.value(0)) or segment.value(0) == "137"
    ]
    return (*own, *opening, *dates)


def heading_order(parts: Sections) -> OrderReference | None:
    """The order that the heading names, None where it names none."""
    orders = [segment for segment in _references(parts.group) if segment.value(0) == "ON"]
    named = [order_reference(segment) for segment in orders]
    if len(set(named)) > 1:
        raise unreadable("contradiction", orders[0], "the heading names several orders")
    return named[0] if named else None


def _references(group: Group) -> list[Segment]:
    """The references of a section, those behind a party included, each once."""
    found: dict[tuple[tuple[str, ...], ...], Segment] = {}
    for inner in group.groups:
        references = [inner] if inner.tag == "RFF" else inner.within("RFF") if inner.tag == "NAD" else []
        for reference in references:
            found.setdefault(reference.segments[0].elements, reference.segments[0])
    return list(found.values())


def line_reference(group: LineGroup, heading: OrderReference | None) -> LineReference:
    """The order, line and revision that a LIN refers to; they must not contradict the heading."""
    references = _references(group.group)
    named = [(segment, order_reference(segment)) for segment in references if segment.value(0) == "ON"]
    if heading:
        named.insert(0, (group.lin, heading))
    if not named:
        raise unreadable("unknown_order", group.lin, "neither the line nor the heading names an order", _ASK_ORDER)
    order = _agreed(group.lin, "orders", {reference.order for _, reference in named})
    revision = _agreed(group.lin, "revisions", {reference.revision for _, reference in named} - {None})
    line = _agreed(
        group.lin, "order lines", {reference.line for _, reference in named} | _by_line_reference(references, order)
    )
    if order is None:
        raise AssertionError("unreachable: every reference names an order")
    if line is not None:
        return LineReference(order, line, revision, by_reference=True)
    return LineReference(order, _own_number(group.lin), revision)


def _by_line_reference(references: list[Segment], order: str | None) -> set[int | None]:
    lines: set[int | None] = {None}
    for segment in references:
        if segment.value(0) != "LI":
            continue
        text = segment.value(0, 1)
        prefixed = re.fullmatch(re.escape(order or "") + r"[/-](\d{1,6})", text, re.ASCII)
        lines.add(line_number(segment, prefixed.group(1) if prefixed else text))
    return lines


def _own_number(lin: Segment) -> int:
    if not lin.value(0):
        raise unreadable("unknown_line", lin, "neither LIN nor a reference names the order line", _ASK_LINE)
    return line_number(lin, lin.value(0))


def our_item(group: LineGroup) -> str | None:
    """Our number of the item (LIN or PIA, 7143 = BP or IN); None where the line does not give it."""
    named = [(group.lin, group.lin.value(2), group.lin.value(2, 1))]
    for segment in group.tagged("PIA"):
        if segment.value(0) not in _SUBSTITUTES:
            named += [(segment, segment.value(place), segment.value(place, 1)) for place in range(1, 6)]
    ours = [(segment, item) for segment, item, kind in named if item and kind in _OURS]
    for segment, item in ours:
        if item != ours[0][1]:
            raise unreadable("contradiction", segment, f"it is item {item}, and item {ours[0][1]} as well", _ASK_ITEM)
        if len(item) > 60 or not item.isprintable():
            raise unreadable("bad_value", segment, f"{item[:40]!r} is not an item number", _ASK_ITEM)
    return ours[0][1] if ours else None


def substitutes(group: LineGroup) -> bool:
    """Whether the line names a substitute (PIA 4347)."""
    return any(segment.value(0) in _SUBSTITUTES for segment in group.tagged("PIA"))


def remarks(segments: tuple[Segment, ...]) -> tuple[str, ...]:
    """What a section says in words and reason codes (FTX, ALI, QVR), for a person to read."""
    said: list[str] = []
    for segment in segments:
        if segment.tag == "FTX":
            said.append(_code("reason code", segment.value(2)))
            said.append(" ".join(part.strip() for part in (segment.elements[3] if len(segment.elements) > 3 else ())))
        elif segment.tag == "ALI":
            said += [_code("condition code", segment.value(place)) for place in range(2, 7)]
        elif segment.tag in ("QVR", "QVA"):
            said.append(_code("discrepancy code", segment.value(1)))
            said.append(segment.value(2, 3) or _code("reason code", segment.value(2)))
    return kept_texts(said)


def _code(kind: str, code: str) -> str:
    return f"{kind} {code}" if code else ""


def _agreed(lin: Segment, of_what: str, detail: set[_T | None]) -> _T | None:
    distinct = detail - {None}
    if len(distinct) > 1:
        listed = ", ".join(sorted(map(str, distinct)))
        raise unreadable("contradiction", lin, f"its references name different {of_what}: {listed}")
    return next(iter(distinct), None)


def _refuse_sub_line(lin: Segment) -> None:
    if lin.value(3) or lin.value(3, 1):
        raise unreadable("unsupported", lin, "it is a sub-line (C829); sub-lines are not read")
