"""DESADV as announced shipments, one for each order that the advice names.

Decided here: which quantities are despatched, which date is the arrival, and which advice a cancellation or replacement
takes back: the one that RFF+AAK or RFF+ACW names, else the one of its own number. Not decided here: whether the
shipment fits the order.
"""

import datetime as dt
from collections.abc import Iterable, Mapping

from adapters.supplier.edifact.answers import our_supplier
from adapters.supplier.edifact.sections import (
    LineGroup,
    LineReference,
    Sections,
    heading_order,
    line_reference,
    our_item,
    sections,
)
from adapters.supplier.edifact.syntax import Message, Segment, unreadable
from adapters.supplier.edifact.values import day, document_number, effective_at, number, require_line_count, unit
from canonical.order import DespatchFunction, ShipmentAnnounced, ShippedLine

_DOCUMENTS = ("351",)
_FUNCTIONS: Mapping[str, DespatchFunction] = {
    "": "original",
    "9": "original",
    "1": "cancellation",
    "5": "replacement",
}
"""By BGM 1225."""
_FORMER = ("AAK", "ACW")
"""RFF 1153: despatch advice number, reference number to a previous message."""
_ARRIVALS = ("17", "132", "2")
"""DTM 2005, the first one present: delivery estimated, arrival estimated, delivery requested."""
_DESPATCHED = "12"
_NEXT = "Ask the supplier to correct the despatch advice; or fix and replay it."


def read_despatch(message: Message, shared_numbers: Iterable[str]) -> tuple[ShipmentAnnounced, ...]:
    """The shipments of a DESADV; lines of one order line (several packages) are added up."""
    parts = sections(message, _DOCUMENTS)
    function = _FUNCTIONS.get(parts.beginning.value(2))
    if function is None:
        detail = f"message function {parts.beginning.value(2)!r} (1225): originals, cancellations (1) and "
        raise unreadable("unknown_code", parts.beginning, f"{detail}replacements (5) are read", _NEXT)
    cancels = function == "cancellation"
    require_line_count(message, len(parts.lines))
    heading = heading_order(parts)
    shipped: dict[str, dict[tuple[int, str | None], ShippedLine]] = {}
    arrivals: dict[str, set[dt.date | None]] = {}
    for group in parts.lines:
        reference = line_reference(group, heading)
        line = _shipped_line(group, reference, message)
        of_order = shipped.setdefault(reference.order, {})
        arrivals.setdefault(reference.order, set()).add(_arrival(group.tagged("DTM")))
        if line is not None:
            of_order[line.line, line.item] = _added(group.lin, of_order.get((line.line, line.item)), line)
    by_heading = _arrival([segment for segment in parts.heading if segment.tag == "DTM"])
    if cancels and heading is not None:
        shipped.setdefault(heading.order, {})
        arrivals.setdefault(heading.order, set())
    if not (shipped if cancels else any(shipped.values())):
        raise unreadable("missing_segment", parts.beginning, "no line has a despatched quantity (QTY+12)", _NEXT)
    announced = []
    for order, lines in shipped.items():
        dates = {date or by_heading for date in arrivals[order]}
        if len(dates) > 1:
            detail = f"the lines of order {order} arrive on different days; an advice is of one shipment"
            raise unreadable("contradiction", parts.beginning, detail, _NEXT)
        if lines or cancels:
            announced.append(
                ShipmentAnnounced(
                    order_number=order,
                    despatch_number=document_number(message, parts.beginning, {order, *shared_numbers}),
                    function=function,
                    takes_back=None if function == "original" else _former(parts),
                    arrives_on=next(iter(dates), None),
                    lines=tuple(lines.values()),
                    effective_at=effective_at(message),
                    supplier=our_supplier(parts),
                    sender=message.header.sender[:35] or None,
                )
            )
    return tuple(announced)


def _former(parts: Sections) -> str | None:
    named = {
        segment.value(0, 1)
        for segment in parts.heading
        if segment.tag == "RFF" and segment.value(0) in _FORMER and segment.value(0, 1)
    }
    if len(named) > 1:
        raise unreadable("contradiction", parts.beginning, "it takes back several despatch advices", _NEXT)
    return next(iter(named), None)


def _shipped_line(group: LineGroup, reference: LineReference, message: Message) -> ShippedLine | None:
    """The despatched quantity of a LIN; None where it is 0."""
    despatched = [segment for segment in group.tagged("QTY") if segment.value(0) == _DESPATCHED]
    if len(despatched) != 1:
        detail = f"{len(despatched)} despatched quantities (QTY+12) where one is due"
        raise unreadable("missing_segment", group.lin, detail, _NEXT)
    quantity = number(despatched[0], 0, 1, message.header)
    if quantity == 0:
        return None
    return ShippedLine(
        line=reference.line or 0,
        by_reference=reference.by_reference,
        item=our_item(group),
        quantity=quantity,
        unit=unit(despatched[0], 0, 2),
    )


def _added(lin: Segment, before: ShippedLine | None, line: ShippedLine) -> ShippedLine:
    if before is None:
        return line
    if before.unit != line.unit:
        raise unreadable("contradiction", lin, f"order line {line.line} is despatched in different units", _NEXT)
    return before.model_copy(update={"quantity": before.quantity + line.quantity})


def _arrival(dates: Iterable[Segment]) -> dt.date | None:
    detail: dict[str, dt.date] = {}
    for segment in dates:
        if segment.value(0) in _ARRIVALS:
            written = day(segment)
            if detail.setdefault(segment.value(0), written) != written:
                raise unreadable("contradiction", segment, "another date of the same kind is beside it", _NEXT)
    return next((detail[qualifier] for qualifier in _ARRIVALS if qualifier in detail), None)
