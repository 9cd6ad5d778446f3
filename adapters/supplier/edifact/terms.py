"""The quantities, dates and price of an ORDRSP line, before any action code is considered.

Decided here: which date belongs to which quantity, by the segment groups, and which values contradict each other. Which
codes are an answer, which repeat the order and which are irrelevant: codes. A quantity outside its lists is unreadable,
since it may contradict the others (a quantity on hand, a quantity short).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date as Date
from datetime import datetime as Moment
from decimal import Decimal
from typing import Literal

from adapters.supplier.edifact.codes import (
    BACKORDERED,
    CANCELLED,
    COMING,
    DESPATCH,
    ESTIMATED,
    FIRM,
    OF_NO_CONCERN,
    ORDERED,
    REQUESTED,
    SHORT,
    SPLIT,
    is_unplaced_date,
)
from adapters.supplier.edifact.groups import Group
from adapters.supplier.edifact.sections import LineGroup
from adapters.supplier.edifact.syntax import Header, Segment, unreadable
from adapters.supplier.edifact.values import day, moment_with_zone, number, unit

_SCHEDULES = ("SCC", "LOC", "NAD")
"""Groups that split a line: by delivery, by place, by party."""
_SCHEDULES_MAX = 1_000
_ASK = "Ask the supplier which is meant; then fix the document and replay it."
_ASK_DATE = "Ask the supplier for the delivery date as DTM+67 or 69."
_PRICE_NET = "AAA"
_NOTHING: tuple[Decimal, str | None] = (Decimal(0), None)

Fate = Literal["coming", "backordered", "cancelled"]


@dataclass(frozen=True)
class Dates:
    """The dates of one place in a document; `promised` is the supplier's, `requested` repeats ours."""

    promised: Date | None = None
    promised_at: Moment | None = None
    """The moment of the promise, if it names one with its zone."""
    requested: Date | None = None
    despatch: bool = False
    unplaced: Segment | None = None
    """A date of delivery that may be a promise, beside none that is one."""

    def over(self, wider: "Dates") -> "Dates":
        """These dates, with those of the enclosing place where there are none."""
        promised = self.promised or wider.promised
        promised_at = self.promised_at if self.promised else wider.promised_at
        unplaced = None if promised else self.unplaced or wider.unplaced
        requested, despatch = self.requested or wider.requested, self.despatch or wider.despatch
        return Dates(promised, promised_at, requested, despatch, unplaced)

    @property
    def day(self) -> Date | None:
        """The day to use."""
        return self.promised or self.requested

    @property
    def later(self) -> bool:
        """Promised later than requested."""
        return self.promised is not None and self.requested is not None and self.promised > self.requested


@dataclass(frozen=True)
class AnsweredQuantity:
    """A quantity of the line, and what becomes of it."""

    fate: Fate
    quantity: Decimal
    unit: str | None
    dates: Dates

    @property
    def at(self) -> Moment | None:
        """The moment of delivery, if the supplier names one with its zone."""
        return self.dates.promised_at

    @property
    def date(self) -> Date | None:
        """The day of delivery; a request is no promise for what is backordered."""
        return self.dates.day if self.fate == "coming" else self.dates.promised


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
        return sum((part.quantity for part in self.parts if part.fate != "cancelled"), Decimal(0))

    @property
    def later_than_requested(self) -> bool:
        """The line, or a part of it, comes later than requested."""
        return self.dates.later or any(part.dates.later for part in self.parts)

    @property
    def only_despatch_date(self) -> bool:
        """It gives when the goods leave, and no day of delivery."""
        return self.dates.despatch and self.date is None and all(part.date is None for part in self.parts)

    @property
    def unplaced_date(self) -> Segment | None:
        """A date of delivery whose meaning is not known, where no promise stands beside it."""
        return next(
            (dates.unplaced for dates in (self.dates, *(part.dates for part in self.parts)) if dates.unplaced), None
        )

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
        return any(code != ORDERED for code in self.quantities)


def heading_dates(heading: Sequence[Segment]) -> Dates:
    """The delivery dates that a heading gives for all its lines."""
    return _dates([segment for segment in heading if segment.tag == "DTM"])


def line_terms(group: LineGroup, heading: Dates, header: Header) -> LineTerms:
    """The quantities and dates of a LIN.

    Dates after a coming quantity are its own; dates elsewhere are the whole line's. Where a schedule (SCC), places
    (LOC), parties (NAD) or split quantities (QTY+11) divide the line, a quantity before them is the total and must be
    the sum.
    """
    quantities = sum(segment.tag == "QTY" for segment in group.segments) + len(group.group.groups)
    if quantities > _SCHEDULES_MAX:
        detail = f"the line has more than {_SCHEDULES_MAX} quantities and groups"
        raise unreadable("too_many_schedule_lines", group.lin, detail, "Ask the supplier to send fewer for a line.")
    runs = _runs(group, header)
    whole = Dates()
    for run in runs:
        if not run.answers:
            whole = run.dates.over(whole)
    whole = whole.over(heading)
    answering = _without_total(group, [run for run in runs if run.answers])
    parts = tuple(part for run in answering for part in _parts(group, run, whole))
    dates = answering[0].dates.over(whole) if len(answering) == 1 else whole
    ordered = [run.quantities[ORDERED] for run in runs if ORDERED in run.quantities and not run.scheduled]
    if len(set(ordered)) > 1:
        raise unreadable("contradiction", group.lin, "the line repeats different ordered quantities (QTY+21)", _ASK)
    quantity, its_unit = ordered[0] if ordered else (None, None)
    return LineTerms(parts, quantity, its_unit, dates)


@dataclass(frozen=True)
class StatedPrice:
    """The net price of a line; `basis` and `measure`: of which quantity and unit, None where not given."""

    amount: Decimal | None = None
    basis: Decimal | None = None
    measure: str | None = None
    """The unit as the sender writes it, known to us or not."""


def is_net_price(segment: Segment) -> bool:
    """Whether a PRI is the net price, which alone is compared with the order's."""
    return segment.value(0) == _PRICE_NET


def stated_price(groups: Iterable[LineGroup], header: Header) -> StatedPrice:
    """The net price (PRI+AAA) of an order line."""
    found: set[StatedPrice] = set()
    for group in groups:
        for segment in group.tagged("PRI"):
            if is_net_price(segment):
                basis = number(segment, 0, 4, header) if segment.value(0, 4) else None
                if basis == 0:
                    raise unreadable("bad_value", segment, "a price for a quantity of 0 (5284)", _ASK)
                found.add(StatedPrice(number(segment, 0, 1, header), basis, segment.value(0, 5)[:8] or None))
                if len(found) > 1:
                    raise unreadable("contradiction", segment, "the order line has several net prices", _ASK)
    return next(iter(found), StatedPrice())


def _runs(group: LineGroup, header: Header) -> list[_Run]:
    runs = _read_runs(group.segments, header, scheduled=False)
    for inner in group.group.groups:
        if inner.tag in _SCHEDULES:
            runs += _schedule_runs(inner, header)
    return runs


def _schedule_runs(group: Group, header: Header) -> list[_Run]:
    """The runs of a schedule; its own date is that of its quantities that have none."""
    own = _read_runs(group.segments, header, scheduled=True)
    nested = [_read_runs(inner.segments, header, scheduled=True) for inner in group.within("QTY")]
    for run in (run for runs in nested for run in runs):
        run.dates = run.dates.over(own[-1].dates)
    return [run for runs in nested for run in runs] or own


def _read_runs(segments: Iterable[Segment], header: Header, *, scheduled: bool) -> list[_Run]:
    runs = [_Run(scheduled=scheduled)]
    for segment in segments:
        if segment.tag == "QTY":
            split = segment.value(0) == SPLIT
            if split or any(earlier.tag == "DTM" for earlier in runs[-1].segments):
                runs.append(_Run(scheduled=scheduled or split))
            _take_quantity(runs[-1], segment, header)
        elif segment.tag == "DTM":
            runs[-1].segments.append(segment)
    for run in runs:
        run.dates = _dates([segment for segment in run.segments if segment.tag == "DTM"])
    return runs


def _take_quantity(run: _Run, segment: Segment, header: Header) -> None:
    code = segment.value(0)
    if code in OF_NO_CONCERN:
        return
    quantity = number(segment, 0, 1, header)
    if code in (SHORT, *CANCELLED) and quantity == 0:
        return
    if code not in (ORDERED, SPLIT, BACKORDERED, SHORT, *CANCELLED, *COMING):
        raise unreadable("unknown_code", segment, f"quantity qualifier {code!r} (6063) is not in our table", _ASK)
    detail = (quantity, unit(segment, 0, 2))
    if run.quantities.setdefault(code, detail) != detail:
        raise unreadable("contradiction", segment, f"there is another QTY+{code} beside it", _ASK)
    run.segments.append(segment)


def _parts(group: LineGroup, run: _Run, whole: Dates) -> list[AnsweredQuantity]:
    coming, backordered, cancelled = _fates(group, run)
    dates = run.dates.over(whole)
    parts: list[AnsweredQuantity] = []
    if coming is not None and (coming[0] > 0 or not (backordered or cancelled)):
        parts.append(AnsweredQuantity("coming", *coming, dates))
    if backordered:
        # Beside a coming quantity the date belongs to that one: the backorder has none.
        parts.append(AnsweredQuantity("backordered", *backordered, Dates() if parts else dates))
    if cancelled:
        parts.append(AnsweredQuantity("cancelled", *cancelled, Dates()))
    return parts


_Amount = tuple[Decimal, str | None]


def _fates(group: LineGroup, run: _Run) -> tuple[_Amount | None, _Amount | None, _Amount | None]:
    """What comes, what is backordered and what is cancelled; None: not said, or nothing."""
    coming = _one(group, run, (*COMING, SPLIT))
    backordered = run.quantities.get(BACKORDERED, _NOTHING)
    cancelled = _one(group, run, CANCELLED)
    short = run.quantities.get(SHORT)
    if short is not None:
        explained = backordered[0] + (cancelled[0] if cancelled else 0)
        if explained and explained != short[0]:
            detail = f"QTY+119 is {short[0]}, but {explained} are backordered or cancelled"
            raise unreadable("contradiction", group.lin, detail, _ASK)
        backordered = backordered if explained else short
    return coming, backordered if backordered[0] > 0 else None, cancelled


def _one(group: LineGroup, run: _Run, codes: Sequence[str]) -> _Amount | None:
    found = {code: run.quantities[code] for code in codes if code in run.quantities}
    if len({quantity for quantity, _ in found.values()}) > 1:
        raise unreadable("contradiction", group.lin, f"QTY+{' and QTY+'.join(found)} differ", _ASK)
    return next(iter(found.values()), None)


def _without_total(group: LineGroup, answering: list[_Run]) -> list[_Run]:
    scheduled = [run for run in answering if run.scheduled]
    totals = [run for run in answering if not run.scheduled]
    if not scheduled or not totals:
        return answering
    for place, what in enumerate(("comes", "is backordered", "is cancelled")):
        total = sum(((_fates(group, run)[place] or _NOTHING)[0] for run in totals), Decimal(0))
        split = sum(((_fates(group, run)[place] or _NOTHING)[0] for run in scheduled), Decimal(0))
        if total and total != split:
            raise unreadable("contradiction", group.lin, f"{total} {what}, but its schedule comes to {split}", _ASK)
    return scheduled


def _dates(segments: Sequence[Segment]) -> Dates:
    by_code: dict[str, Date] = {}
    moments: dict[str, Moment | None] = {}
    for segment in segments:
        code = segment.value(0)
        if code in (REQUESTED, *FIRM, *ESTIMATED):
            detail, moments[code] = day(segment), moment_with_zone(segment)
            if by_code.setdefault(code, detail) != detail:
                raise unreadable("contradiction", segment, f"there is another DTM+{code} for the same", _ASK)
    firm = {code: by_code[code] for code in FIRM if code in by_code}
    if len(set(firm.values())) > 1:
        raise unreadable("contradiction", segments[0], f"DTM+{' and DTM+'.join(firm)} differ", _ASK)
    promise = next((code for code in (*FIRM, *ESTIMATED) if code in by_code), "")
    promised = by_code.get(promise)
    unplaced = next((segment for segment in segments if is_unplaced_date(segment.value(0))), None)
    return Dates(
        promised,
        moments.get(promise),
        by_code.get(REQUESTED),
        any(segment.value(0) in DESPATCH for segment in segments),
        None if promised else unplaced,
    )


def unplaced(segment: Segment) -> Exception:
    """The error for a date of delivery whose meaning is not known, and that no promise explains."""
    detail = f"date qualifier {segment.value(0)!r} (2005) is not in our table, and no promise stands beside it"
    return unreadable("unknown_code", segment, detail, _ASK_DATE)
