"""Promises learned: how likely an open line misses the day it is needed, from how its supplier has kept promises.

Decided here: which receipts are looked at (the supplier's of that item class, with enough of them; else the supplier's,
else the class's, else all), how far few receipts are trusted, and the sentence that explains it. A promise is kept on
the day on which the whole promised quantity is in; one that never came whole is later than any day. Not here: where the
receipts come from, and in which calendar their lateness was counted (the plant's working days).
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import NamedTuple

ENOUGH = 20
"""Receipts from which a supplier's or a class's own record counts."""
WEIGHT = 10
"""The wider record counts as so many receipts beside a narrower one."""
NEVER = None
"""The lateness of a promise that never came whole."""


class SettledPromise(NamedTuple):
    """Promises of one supplier and item class that have come true or not: `promises` of them, equally late."""

    supplier: str
    item_class: str
    days_late: int | None
    """Working days after the promised day; below 0: before it; None: it never came whole."""
    promises: int = 1


class PromiseRecord(NamedTuple):
    """How promises were kept: how many, by working days late."""

    by_days: Mapping[int | None, int]

    @property
    def total(self) -> int:
        """All promises."""
        return sum(self.by_days.values())

    def later_than(self, days: int) -> int:
        """Those that came more working days late than this, or never whole."""
        return sum(count for late, count in self.by_days.items() if late is None or late > days)


class PromiseRecords(NamedTuple):
    """All records: by supplier and class, by supplier, by class, and of all."""

    by_both: Mapping[tuple[str, str], PromiseRecord]
    by_supplier: Mapping[str, PromiseRecord]
    by_class: Mapping[str, PromiseRecord]
    of_all: PromiseRecord


class Chance(NamedTuple):
    """How likely a line misses its day, and by which receipts that is said."""

    missing: Decimal
    """0 to 1, to four decimals."""
    slack: int
    """Working days between the promised day and the one by which it is needed."""
    missed: int
    looked_at: int
    whose: str
    days_past: int
    """Working days that the promise is open past its day."""

    @property
    def percent(self) -> str:
        """As people write it."""
        return f"{(self.missing * 100).quantize(Decimal(1), ROUND_HALF_UP)} %"

    @property
    def record(self) -> str:
        """What the figure is taken from."""
        past = f" that were still open {_working_days(self.days_past)} after their day" if self.days_past else ""
        if self.slack < 0:
            came = f"did not come {_working_days(-self.slack)} early"
        elif self.slack == 0:
            came = "came late or not whole"
        else:
            came = f"came more than {_working_days(self.slack)} late or not whole"
        return f"{self.missed} of {self.looked_at} receipts {self.whose}{past} {came}"

    @property
    def why(self) -> str:
        """The explanation, in one sentence."""
        if self.days_past > max(self.slack, 0):
            return "The day by which it is needed has passed."
        if self.slack < 0:
            has = f"this line is promised {_working_days(-self.slack)} too late"
        else:
            has = f"this line has {self.slack or 'none to spare'}"
        return f"{self.record}; {has}."


def records_of(settled: Iterable[SettledPromise]) -> PromiseRecords:
    """The records of all promises that are settled."""
    both: dict[tuple[str, str], dict[int | None, int]] = {}
    suppliers: dict[str, dict[int | None, int]] = {}
    classes: dict[str, dict[int | None, int]] = {}
    everything: dict[int | None, int] = {}
    for each in settled:
        for counts in (
            both.setdefault((each.supplier, each.item_class), {}),
            suppliers.setdefault(each.supplier, {}),
            classes.setdefault(each.item_class, {}),
            everything,
        ):
            counts[each.days_late] = counts.get(each.days_late, 0) + each.promises
    return PromiseRecords(
        {key: PromiseRecord(counts) for key, counts in both.items()},
        {key: PromiseRecord(counts) for key, counts in suppliers.items()},
        {key: PromiseRecord(counts) for key, counts in classes.items()},
        PromiseRecord(everything),
    )


def chance_of_missing(
    records: PromiseRecords, supplier: str, item_class: str, slack: int, days_past: int = 0
) -> Chance | None:
    """How likely a promise of the supplier comes more than `slack` working days late; None: too few receipts at all.

    `days_past`: working days that have passed since the promised day, the goods still missing: only promises that were
    as late as that by then are compared.
    """
    none = PromiseRecord({})
    levels = [
        (records.of_all, "of all suppliers", 1),
        (records.by_class.get(item_class, none) if item_class else none, f"of class {item_class}", ENOUGH),
        (records.by_supplier.get(supplier, none), f"of {supplier}", ENOUGH),
        (
            records.by_both.get((supplier, item_class), none) if item_class else none,
            f"of {supplier} in class {item_class}",
            ENOUGH,
        ),
    ]
    if records.of_all.total < ENOUGH:
        return None
    chance: Fraction | None = None
    told = (0, 0, "")
    for record, whose, enough in levels:
        if record.total < enough:
            continue
        # By the start of today, those promises were still open.
        open_then = record.later_than(days_past - 1) if days_past else record.total
        missed = min(record.later_than(slack), open_then)
        if not open_then:
            continue
        wider = chance if chance is not None else Fraction(missed, open_then)
        chance = (missed + WEIGHT * wider) / (open_then + WEIGHT)
        told = (missed, open_then, whose)
    if days_past > max(slack, 0):
        chance = Fraction(1)
    if chance is None:
        return None
    missing = (Decimal(chance.numerator) / Decimal(chance.denominator)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    return Chance(missing, slack, *told, days_past)


def _working_days(days: int) -> str:
    return "a working day" if days == 1 else f"{days} working days"
