"""The quantities, dates and price of an ORDRSP line, before any action code is considered.

Decided here: which quantity and date qualifiers are an answer, which only repeat the order, which are irrelevant, and
which date belongs to which quantity. A qualifier outside the tables is unreadable, since it may contradict the others
(a quantity on hand, a quantity short).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date as Date
from decimal import Decimal

from adapters.supplier.edifact.sections import LineGroup
from adapters.supplier.edifact.syntax import Header, Segment, unreadable
from adapters.supplier.edifact.values import day, number, unit

_ORDERED = "21"
_BACKORDERED = "83"
_CONFIRMED = ("113", "12")
"""To be delivered, despatched: two qualifiers for a coming quantity; both at once must agree."""
_ZERO_ONLY = "85"
"""Previous order quantity to be cancelled: harmless where it is zero."""
_OF_NO_CONCERN = frozenset({"47", "52", "53", "54", "59"})
"""Invoiced; per pack; minimum and maximum order; consumer units in the traded unit."""

_REQUESTED = "2"
_FIRM = ("67", "69")
"""Current schedule, promised for."""
_WEAKER = ("17", "61", "63")
"""Estimated, not after, latest: used where there is no firm date, in this order."""
_DESPATCH = frozenset({"10", "11", "79"})
"""Shipment requested, despatch, shipment promised: when goods leave is not when they arrive."""
_OTHER_PROMISES = frozenset({"65", "72", "75", "76", "191"})
"""Other delivery dates that our table does not interpret: unreadable where they are the only ones."""
_ASK = "Ask the supplier which is meant; then fix the document and replay it."
_PRICE_NET = "AAA"


@dataclass(frozen=True)
class Dates:
    """The dates of one place in a document; `promised` is the supplier's, `requested` repeats ours."""

    promised: Date | None = None
    requested: Date | None = None
    despatch: bool = False

    def over(self, wider: "Dates") -> "Dates":
        """These dates, with those of the enclosing place where there are none."""
        return Dates(
            self.promised or wider.promised, self.requested or wider.requested, self.despatch or wider.despatch
        )

    @property
    def day(self) -> Date | None:
        """The day to use."""
        return self.promised or self.requested


@dataclass(frozen=True)
class AnsweredQuantity:
    """A quantity that will come, or is backordered."""

    quantity: Decimal
    unit: str | None
    date: Date | None
    backordered: bool
    later_than_requested: bool


@dataclass(frozen=True)
class LineTerms:
    """The content of one LIN; `ordered` is the order's quantity as the supplier repeats it."""

    parts: tuple[AnsweredQuantity, ...]
    ordered: Decimal | None
    ordered_unit: str | None
    dates: Dates

    @property
    def date(self) -> Date | None:
        """The day of the whole line."""
        return self.dates.day

    @property
    def answered(self) -> Decimal:
        """Σ of the coming and backordered quantities."""
        return sum((allocation.quantity for allocation in self.parts), Decimal(0))

    @property
    def later_than_requested(self) -> bool:
        """Some of it is promised for a day after the requested one that the line repeats."""
        return _later(self.dates) or any(allocation.later_than_requested for allocation in self.parts)

    @property
    def only_despatch_date(self) -> bool:
        """There is a despatch date but no arrival date."""
        return self.dates.despatch and self.date is None and all(allocation.date is None for allocation in self.parts)

    def says_what(self, group: LineGroup) -> bool:
        """There is a quantity, a date, or a price in the line."""
        prices = any(segment.value(0) == _PRICE_NET for segment in group.tagged("PRI"))
        return bool(self.parts) or self.ordered is not None or self.date is not None or prices


@dataclass
class _Run:
    """Adjacent quantities, with the dates that follow them."""

    quantities: dict[str, tuple[Decimal, str | None]] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)
    dates: Dates = Dates()
    scheduled: bool = False

    @property
    def answers(self) -> bool:
        return any(qualifier in self.quantities for qualifier in (*_CONFIRMED, _BACKORDERED))


def heading_dates(heading: Sequence[Segment]) -> Dates:
    """The delivery dates that a heading gives for all its lines."""
    return _dates([segment for segment in heading if segment.tag == "DTM"])


def line_terms(group: LineGroup, heading: Dates, header: Header) -> LineTerms:
    """The quantities and dates of a LIN.

    Dates after a coming quantity are its own; dates elsewhere are the whole line's. Where a schedule (SCC) or
    places of delivery (LOC) split the line, a quantity before them is the total and must be the sum.
    """
    runs = _runs(group, header)
    whole = Dates()
    for run in runs:
        if not run.answers:
            whole = run.dates.over(whole)
    whole = whole.over(heading)
    answering = _without_total(group, [run for run in runs if run.answers])
    parts = tuple(part for run in answering for part in _parts(group, run, whole))
    dates = answering[0].dates.over(whole) if len(answering) == 1 else whole
    ordered = [run.quantities[_ORDERED] for run in runs if _ORDERED in run.quantities]
    if len(set(ordered)) > 1:
        raise unreadable("contradiction", group.lin, "the line repeats different ordered quantities (QTY+21)", _ASK)
    quantity, its_unit = ordered[0] if ordered else (None, None)
    return LineTerms(parts, quantity, its_unit, dates)


def stated_price(groups: Iterable[LineGroup], header: Header) -> tuple[Decimal | None, Decimal | None]:
    """The net price (PRI+AAA) of an order line and the quantity it buys, None where not given."""
    detail: set[tuple[Decimal, Decimal | None]] = set()
    for group in groups:
        for segment in group.tagged("PRI"):
            if segment.value(0) == _PRICE_NET:
                basis = number(segment, 0, 4, header) if segment.value(0, 4) else None
                if basis == 0:
                    raise unreadable("bad_value", segment, "a price for a quantity of 0 (5284)", _ASK)
                detail.add((number(segment, 0, 1, header), basis))
                if len(detail) > 1:
                    raise unreadable("contradiction", segment, "the order line has several net prices", _ASK)
    return next(iter(detail), (None, None))


def _runs(group: LineGroup, header: Header) -> list[_Run]:
    runs = [_Run()]
    scheduled = False
    for segment in group.segments:
        if segment.tag in ("SCC", "LOC"):
            scheduled = True
            runs.append(_Run(scheduled=True))
        elif segment.tag == "QTY":
            if any(earlier.tag == "DTM" for earlier in runs[-1].segments):
                runs.append(_Run(scheduled=scheduled))
            _take_quantity(runs[-1], segment, header)
        elif segment.tag == "DTM":
            runs[-1].segments.append(segment)
    for run in runs:
        run.dates = _dates([segment for segment in run.segments if segment.tag == "DTM"])
    return runs


def _take_quantity(run: _Run, segment: Segment, header: Header) -> None:
    qualifier = segment.value(0)
    if qualifier in _OF_NO_CONCERN:
        return
    quantity = number(segment, 0, 1, header)
    if qualifier == _ZERO_ONLY and quantity == 0:
        return
    if qualifier not in (_ORDERED, _BACKORDERED, *_CONFIRMED):
        raise unreadable("unknown_code", segment, f"quantity qualifier {qualifier!r} (6063) is not in our table", _ASK)
    detail = (quantity, unit(segment, 0, 2))
    if run.quantities.setdefault(qualifier, detail) != detail:
        raise unreadable("contradiction", segment, f"there is another QTY+{qualifier} beside it", _ASK)
    run.segments.append(segment)


def _parts(group: LineGroup, run: _Run, whole: Dates) -> list[AnsweredQuantity]:
    confirmed = [run.quantities[qualifier] for qualifier in _CONFIRMED if qualifier in run.quantities]
    if len({quantity for quantity, _ in confirmed}) > 1:
        raise unreadable("contradiction", group.lin, "QTY+113 and QTY+12 differ", _ASK)
    dates = run.dates.over(whole)
    parts: list[AnsweredQuantity] = []
    backorder, its_unit = run.quantities.get(_BACKORDERED, (Decimal(0), None))
    if confirmed and (confirmed[0][0] > 0 or backorder == 0):
        parts.append(AnsweredQuantity(*confirmed[0], dates.day, False, _later(dates)))
    if backorder > 0:
        # Beside a coming quantity the date belongs to that one: the backorder has none.
        alone = not parts
        parts.append(
            AnsweredQuantity(backorder, its_unit, dates.promised if alone else None, True, alone and _later(dates))
        )
    return parts


def _without_total(group: LineGroup, answering: list[_Run]) -> list[_Run]:
    scheduled = [run for run in answering if run.scheduled]
    totals = [run for run in answering if not run.scheduled]
    if not scheduled or not totals:
        return answering
    for qualifier in (*_CONFIRMED, _BACKORDERED):
        nothing: tuple[Decimal, str | None] = (Decimal(0), None)
        total = sum((run.quantities[qualifier][0] for run in totals if qualifier in run.quantities), Decimal(0))
        split = sum((run.quantities.get(qualifier, nothing)[0] for run in scheduled), Decimal(0))
        if total and total != split:
            detail = f"QTY+{qualifier} is {total}, but its schedule comes to {split}"
            raise unreadable("contradiction", group.lin, detail, _ASK)
    return scheduled


def _dates(segments: Sequence[Segment]) -> Dates:
    by_qualifier: dict[str, Date] = {}
    for segment in segments:
        qualifier = segment.value(0)
        if qualifier in (_REQUESTED, *_FIRM, *_WEAKER):
            detail = day(segment)
            if by_qualifier.setdefault(qualifier, detail) != detail:
                raise unreadable("contradiction", segment, f"there is another DTM+{qualifier} for the same", _ASK)
    firm = [by_qualifier[qualifier] for qualifier in _FIRM if qualifier in by_qualifier]
    if len(set(firm)) > 1:
        raise unreadable("contradiction", segments[0], "DTM+67 and DTM+69 differ", _ASK)
    weaker = [by_qualifier[qualifier] for qualifier in _WEAKER if qualifier in by_qualifier]
    promised = next(iter([*firm, *weaker]), None)
    other = next((segment for segment in segments if segment.value(0) in _OTHER_PROMISES), None)
    if promised is None and other is not None:
        said_by = f"date qualifier {other.value(0)!r} (2005) is not in our table"
        raise unreadable("unknown_code", other, said_by, "Ask the supplier for the delivery date as DTM+67 or 69.")
    return Dates(promised, by_qualifier.get(_REQUESTED), any(segment.value(0) in _DESPATCH for segment in segments))


def _later(dates: Dates) -> bool:
    return dates.promised is not None and dates.requested is not None and dates.promised > dates.requested
