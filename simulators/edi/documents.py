"""The documents of the trade in EDIFACT D.96A: orders, changes and reminders read, answers and despatches written.

Decided here: which segments carry what (the package's docstring lists them). Not decided here: what a supplier answers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from simulators.edi.syntax import BadInterchange, Message, Segment, Written


@dataclass(frozen=True)
class OrderLine:
    """A line as the buyer has it."""

    line: int
    item: str
    quantity: Decimal
    unit: str
    date: date
    price: Decimal | None
    price_unit: str
    deleted: bool = False


@dataclass(frozen=True)
class OrderText:
    """An ORDERS or ORDCHG, read."""

    order: str
    revision: int
    supplier: str
    plant: str
    currency: str
    lines: tuple[OrderLine, ...]
    expedite: bool
    is_change: bool = False
    """It came as an ORDCHG."""


@dataclass(frozen=True)
class ScheduleLine:
    """A part of a line that the supplier promises for a day; no day: backordered."""

    quantity: Decimal
    date: date | None


@dataclass(frozen=True)
class LinePromise:
    """What the supplier answers to a line."""

    line: OrderLine
    schedule_lines: tuple[ScheduleLine, ...] = ()
    rejected: bool = False
    price: Decimal | None = field(default=None)
    """Where it is not the ordered one."""

    @property
    def as_ordered(self) -> bool:
        """The line is confirmed as it was ordered."""
        whole = (ScheduleLine(self.line.quantity, self.line.date),)
        return not self.rejected and not self.line.deleted and self.schedule_lines == whole and self.price is None

    @property
    def action(self) -> str:
        """LIN 1229."""
        if self.line.deleted:
            return "2"
        if self.rejected:
            return "7"
        return "5" if self.as_ordered else "3"


def read_order(message: Message) -> OrderText:
    """Read an ORDERS or ORDCHG; BadInterchange names what is missing."""
    beginning, reference = message.first("BGM"), message.first("RFF", "ON")
    order = (reference.get(0, 1) if reference else "") or (beginning.get(1) if beginning else "")
    if not order:
        raise BadInterchange(f"{message.kind} names no order (BGM 1004, RFF+ON)")
    revision = reference.get(0, 3) if reference else ""
    if message.kind == "ORDCHG" and not revision:
        raise BadInterchange(f"ORDCHG of order {order} names no revision (RFF+ON, 4000)")
    lines = tuple(_read_line(order, group) for group in _line_groups(message))
    if not lines:
        raise BadInterchange(f"order {order} has no line")
    count = message.first("CNT", "2")
    if count and _number(count, 0, 1) != len(lines):
        raise BadInterchange(f"CNT+2 counts {count.get(0, 1)} lines, there are {len(lines)}")
    supplier, plant, currency = message.first("NAD", "SU"), message.first("NAD", "BY"), message.first("CUX")
    if supplier is None:
        raise BadInterchange(f"order {order} names no supplier (NAD+SU)")
    return OrderText(
        order=order,
        revision=int(revision or 1),
        supplier=supplier.get(1),
        plant=plant.get(1) if plant else "",
        currency=currency.get(0, 1) if currency else "",
        lines=lines,
        is_change=message.kind == "ORDCHG",
        expedite=any(s.tag == "FTX" and "EXPEDITE" in str(s.elements).upper() for s in message.segments),
    )


def read_reminder(message: Message) -> str:
    """Return the number of the order that an OSTENQ asks about."""
    reference = message.first("RFF", "ON")
    if reference is None or not reference.get(0, 1):
        raise BadInterchange("OSTENQ names no order (RFF+ON)")
    return reference.get(0, 1)


def answer(
    number: str,
    order: OrderText,
    promises: Sequence[LinePromise],
    now: datetime,
    heading_only: bool = False,
    own_line_numbers: bool = False,
) -> list[Written]:
    """Return the segments of an ORDRSP; `heading_only` leaves the lines out, `own_line_numbers` counts them anew."""
    coding = ("29", "AP") if all(promise.as_ordered for promise in promises) else ("4", "AC")
    if promises and all(promise.rejected for promise in promises):
        coding = ("27", "RE")
    named = () if heading_only else promises
    return [
        ("BGM", "231", number, *coding),
        *_heading(order, now),
        ("CUX", ("2", order.currency, "9")),
        *(
            segment
            for place, promise in enumerate(named, 1)
            for segment in _answer_line(promise, place if own_line_numbers else promise.line.line)
        ),
        ("UNS", "S"),
        ("CNT", ("2", str(len(named)))),
    ]


def despatch(
    number: str, order: OrderText, lines: Sequence[tuple[OrderLine, Decimal]], arrives: date, now: datetime
) -> list[Written]:
    """Return the segments of a DESADV."""
    written: list[Written] = [
        ("BGM", "351", number, "9"),
        ("DTM", ("17", f"{arrives:%Y%m%d}", "102")),
        *_heading(order, now),
        ("CPS", "1"),
    ]
    for line, quantity in lines:
        written += [
            ("LIN", str(line.line), "", (line.item, "BP")),
            ("QTY", ("12", plain(quantity), line.unit)),
            ("RFF", ("ON", order.order, str(line.line))),
        ]
    return [*written, ("CNT", ("2", str(len(lines))))]


def control(reference: str, sender: str, recipient: str, *, taken: bool) -> list[Written]:
    """Return the segments of a CONTRL on an interchange."""
    return [("UCI", reference, sender, recipient, *(("7",) if taken else ("4", "12")))]


def application_error(number: str, order: OrderText, text: str, now: datetime) -> list[Written]:
    """Return the segments of an APERAK that rejects an order."""
    return [
        ("BGM", "313", number, "27"),
        ("DTM", ("137", f"{now:%Y%m%d%H%M%S}", "204")),
        ("RFF", ("ON", order.order)),
        ("NAD", "SU", (order.supplier, "", "92")),
        ("ERC", "42"),
        ("FTX", "AAO", "", "", text),
    ]


def plain(number: Decimal) -> str:
    """Return a number without exponent and trailing zeros."""
    return f"{number.normalize():f}"


def _heading(order: OrderText, now: datetime) -> list[Written]:
    return [
        ("DTM", ("137", f"{now:%Y%m%d%H%M%S}", "204")),
        ("RFF", ("ON", order.order, "", str(order.revision))),
        ("NAD", "SU", (order.supplier, "", "92")),
        ("NAD", "BY", (order.plant, "", "92")),
    ]


def _answer_line(promise: LinePromise, number: int) -> Iterator[Written]:
    line = promise.line
    yield ("LIN", str(number), promise.action, (line.item, "BP"))
    if line.deleted:
        return
    yield ("QTY", ("21", plain(line.quantity), line.unit))
    if promise.rejected:
        return
    dated = [part for part in promise.schedule_lines if part.date]
    backordered = [part for part in promise.schedule_lines if part.date is None]
    scheduled = len(dated) > 1
    if not scheduled:
        yield from (("QTY", ("113", plain(part.quantity), line.unit)) for part in dated)
        yield from (("QTY", ("83", plain(part.quantity), line.unit)) for part in backordered)
    yield ("DTM", ("2", f"{line.date:%Y%m%d}", "102"))
    if not scheduled:
        yield from (("DTM", ("67", f"{part.date:%Y%m%d}", "102")) for part in dated)
    price = promise.price if promise.price is not None else line.price
    if price is not None:
        yield ("PRI", ("AAA", plain(price), "", "", line.price_unit, line.unit if line.price_unit else ""))
    if scheduled:
        for part in dated:
            yield ("SCC", "1")
            yield ("QTY", ("113", plain(part.quantity), line.unit))
            yield ("DTM", ("67", f"{part.date:%Y%m%d}", "102"))
        for part in backordered:
            yield ("SCC", "1")
            yield ("QTY", ("83", plain(part.quantity), line.unit))


def _line_groups(message: Message) -> list[list[Segment]]:
    groups: list[list[Segment]] = []
    for segment in message.segments:
        if segment.tag == "UNS":
            break
        if segment.tag == "LIN":
            groups.append([segment])
        elif groups:
            groups[-1].append(segment)
    return groups


def _read_line(order: str, group: Sequence[Segment]) -> OrderLine:
    lin = group[0]

    def one(tag: str, qualifier: str) -> Segment | None:
        return next((s for s in group if s.tag == tag and s.get(0) == qualifier), None)

    where = f"line {lin.get(0)} of order {order}"
    quantity, day, price = one("QTY", "21"), one("DTM", "2"), one("PRI", "AAA")
    deleted = lin.get(1) == "2"
    if not lin.get(0).isdigit() or quantity is None or day is None:
        raise BadInterchange(f"{where}: number (LIN), quantity (QTY+21) and date (DTM+2) are needed")
    try:
        requested = datetime.strptime(day.get(0, 1)[:8], "%Y%m%d").date()  # noqa: DTZ007  (a day, no instant)
    except ValueError as error:
        raise BadInterchange(f"{where}: {day.get(0, 1)!r} is not a date") from error
    number = _number(quantity, 0, 1)
    return OrderLine(
        line=int(lin.get(0)),
        item=lin.get(2),
        quantity=number,
        unit=quantity.get(0, 2),
        date=requested,
        price=_number(price, 0, 1) if price else None,
        price_unit=price.get(0, 4) if price else "",
        deleted=deleted or number == 0,
    )


def _number(segment: Segment, element: int, component: int) -> Decimal:
    text = segment.get(element, component)
    try:
        return Decimal(text.replace(",", "."))
    except InvalidOperation as error:
        raise BadInterchange(f"{segment.tag}: {text!r} is not a number") from error
