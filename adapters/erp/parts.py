"""Orders of ERPs whose line has one quantity and one date: a line of ours is one of theirs, or several. Pure: no I/O.

Decided here:
- A delivery schedule of several days is a line a day, all of them parts of one line of ours.
- Every write carries in words what is wanted and what was found. New parts come first and removals last, so that a
  schedule that was written by half holds only parts of the old and of the new one: it is unfinished, and no edit.
- A part of which goods were received keeps at least what was received; it is never removed. To complete or to cancel
  such a line is to lower it to what was received.
- A line that is not there any more was deleted by a person, if we ever wrote it.
- A price is written only where the line records what was last written: a different price is then an edit to undo.
Not decided here: which lines are parts of which (each dialect), what an edit is (edits.py).
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from adapters.erp.remote import RemoteItem, RemoteScheduleLine
from canonical.order import DocumentLine, LineSchedule, Refused, WrittenLine

LINE_GONE = "line_gone"
_NOTHING = Decimal(0)


@dataclass(frozen=True)
class LinePart:
    """One of the ERP's lines; `state` is what tells that nobody has changed it since (an ETag, a time of change)."""

    key: str
    number: int
    date: dt.date | None
    quantity: Decimal
    received: Decimal = _NOTHING
    price: Decimal = _NOTHING
    """For one unit."""
    state: str = ""
    material: str = ""
    unit: str = ""


Parts = Mapping[int, Sequence[LinePart]]
"""By the number of our line, the parts in the ERP's order; parts of nothing are left out."""


@dataclass(frozen=True)
class PartWrite:
    """A write; `part` None: a new one like the others of its line. None: the value stays as it is."""

    line: int
    part: LinePart | None
    told: str
    quantity: Decimal | None = None
    date: dt.date | None = None
    price: Decimal | None = None
    remove: bool = False


_Delivery = tuple[dt.date, Decimal]


def items_of(
    order: str, parts: Parts, lines: Iterable[tuple[int, WrittenLine | None, Decimal | None]]
) -> dict[int, RemoteItem]:
    """The lines as items; of each is given its number, what was last written, and the quantity asked for.

    A line that was written and has no part is a deleted one. One that holds no more than was received, and less than
    anybody of ours has written or asked for, is completed.
    """
    found: dict[int, RemoteItem] = {}
    for number, written, asked in lines:
        own = parts.get(number, ())
        if not own:
            if written is not None:
                found[number] = RemoteItem(order, number, _NOTHING, True, False, "")
            continue
        quantity, received = quantity_of(own), received_of(own)
        known = {asked} | ({written.quantity} if written else set())
        found[number] = RemoteItem(
            order=order,
            number=number,
            quantity=quantity,
            deleted=False,
            completed=bool(received) and quantity <= received and quantity not in known,
            requisition="",
            schedule=tuple(RemoteScheduleLine(one.number, one.date, one.quantity, _NOTHING) for one in own),
            price=own[0].price,
            material=own[0].material,
            unit=own[0].unit,
        )
    return found


def quantity_of(parts: Iterable[LinePart]) -> Decimal:
    """The quantity of all parts."""
    return sum((one.quantity for one in parts), _NOTHING)


def received_of(parts: Iterable[LinePart]) -> Decimal:
    """What was received of all parts."""
    return sum((one.received for one in parts), _NOTHING)


def unfinished(parts: Sequence[LinePart], written: WrittenLine | None, wanted: Sequence[_Delivery]) -> bool:
    """Whether these are the parts of a schedule that was written by half: each is one of the old or of the new
    schedule, and at least one is new.
    """
    if written is None:
        return False
    old = {(one.date, one.quantity) for one in written.schedule if one.quantity} or {
        (written.delivery_date, written.quantity)
    }
    new = set(wanted) - old
    held = {(one.date, one.quantity) for one in parts}
    return len(old) + len(wanted) > 2 and bool(held & new) and held <= old | new


def of_lines(
    parts: Parts, lines: Iterable[DocumentLine], *, system: str, price_of: Callable[[DocumentLine], Decimal]
) -> list[PartWrite] | Refused:
    """The writes that bring these lines to quantity, date, price and cancellation.

    `price_of`: a line's price for one unit, as the ERP holds it; raises NotWritable.
    """
    writes: list[PartWrite] = []
    for line in lines:
        own = parts.get(line.line, ())
        if line.cancelled:
            writes += _closing(line.line, own, "cancellation")
        elif not own:
            return _gone(system, line.line)
        else:
            price = price_of(line) if line.written is not None else None
            writes += _matching(line.line, own, [(line.delivery_date, line.quantity)], price)
    return _in_order(writes)


def of_schedules(parts: Parts, lines: Iterable[LineSchedule], *, system: str) -> list[PartWrite] | Refused:
    """The writes that bring these lines to the confirmed and delivered quantities; where nothing will be delivered,
    the line stays as it was ordered.
    """
    writes: list[PartWrite] = []
    for line in lines:
        own = parts.get(line.line, ())
        if line.completed:
            writes += _closing(line.line, own, "no further delivery")
        elif not own:
            return _gone(system, line.line)
        elif wanted := deliveries(line):
            writes += _matching(line.line, own, wanted, None)
    return _in_order(writes)


def deliveries(line: LineSchedule) -> list[_Delivery]:
    """The deliveries of a line, those of one day together."""
    days: dict[dt.date, Decimal] = {}
    for one in line.schedule:
        if one.quantity:
            days[one.date] = days.get(one.date, _NOTHING) + one.quantity
    return sorted(days.items())


def _in_order(writes: list[PartWrite]) -> list[PartWrite]:
    return sorted(writes, key=lambda one: 0 if one.part is None else 2 if one.remove else 1)


def _gone(system: str, line: int) -> Refused:
    return Refused(
        system=system, code=LINE_GONE, reason=f"line {line}: the order in the ERP has no such line", line=line
    )


def _closing(line: int, parts: Sequence[LinePart], why: str) -> list[PartWrite]:
    writes = []
    for part in parts:
        told = f"line {line}: {why} wanted, {_held(part)} found"
        if not part.received:
            writes.append(PartWrite(line, part, told, remove=True))
        elif part.quantity > part.received:
            told += f", of which {_plain(part.received)} were received"
            writes.append(PartWrite(line, part, told, quantity=part.received, date=part.date))
    return writes


def _matching(
    line: int, parts: Sequence[LinePart], wanted: Sequence[_Delivery], price: Decimal | None
) -> list[PartWrite]:
    pairs, missing, surplus = _matched(parts, wanted)
    writes = [
        PartWrite(
            line,
            None,
            f"line {line}: delivery of {_plain(quantity)} on {day} wanted, none found",
            quantity=quantity,
            date=day,
            price=parts[0].price if price is None else price,
        )
        for day, quantity in missing
    ]
    writes += [
        write
        for part, delivery in pairs
        if (write := _difference(line, part, delivery, price, len(parts) > 1)) is not None
    ]
    for part in surplus:
        told = f"line {line}, part {part.number}: no delivery wanted, {_held(part)} found"
        if part.received:
            if part.quantity > part.received:
                writes.append(PartWrite(line, part, told, quantity=part.received, date=part.date))
        else:
            writes.append(PartWrite(line, part, told, remove=True))
    return writes


def _difference(line: int, part: LinePart, delivery: _Delivery, price: Decimal | None, named: bool) -> PartWrite | None:
    day, quantity = delivery
    told = []
    if part.quantity != quantity:
        told.append(f"quantity {_plain(quantity)} wanted, {_plain(part.quantity)} found")
    if part.date != day:
        told.append(f"date {day} wanted, {part.date or 'none'} found")
    repriced = price is not None and part.price != price
    if price is not None and repriced:
        told.append(f"price {_plain(price)} wanted, {_plain(part.price)} found")
    if not told:
        return None
    of = f"line {line}, part {part.number}" if named else f"line {line}"
    return PartWrite(line, part, f"{of}: {', '.join(told)}", quantity, day, price if repriced else None)


def _matched(
    parts: Sequence[LinePart], wanted: Sequence[_Delivery]
) -> tuple[list[tuple[LinePart, _Delivery]], list[_Delivery], list[LinePart]]:
    """Pairs of parts and deliveries: equal ones first, then of the same day, then what holds the received, then in
    order; and the rest of both.
    """
    free, left = list(parts), list(wanted)
    pairs: list[tuple[LinePart, _Delivery]] = []

    def pair(fits: Callable[[LinePart, _Delivery], bool]) -> None:
        for delivery in list(left):
            match = next((part for part in free if fits(part, delivery)), None)
            if match is not None:
                pairs.append((match, delivery))
                free.remove(match)
                left.remove(delivery)

    pair(lambda part, delivery: (part.date, part.quantity) == delivery)
    pair(lambda part, delivery: part.date == delivery[0] and part.received <= delivery[1])
    pair(lambda part, delivery: _NOTHING < part.received <= delivery[1])
    pair(lambda part, delivery: part.received <= delivery[1])
    return pairs, left, free


def _held(part: LinePart) -> str:
    return f"{_plain(part.quantity)} on {part.date or 'no day'}"


def _plain(number: Decimal) -> str:
    return f"{number.normalize() + 0:f}"


__all__ = [
    "LINE_GONE",
    "LinePart",
    "PartWrite",
    "Parts",
    "deliveries",
    "items_of",
    "of_lines",
    "of_schedules",
    "quantity_of",
    "received_of",
    "unfinished",
]
