"""Promises learned: whose receipts count, what they say of a line, and whether that is better than to trust everybody.

adventureworks_promises.csv is made of figures of Microsoft's AdventureWorks OLTP sample database (MIT licence): its
8,845 order lines by month due, vendor and the first word of the product's name, with how many brought less than was
ordered (received short or rejected). It has no day of receipt, so what is scored is whether the whole quantity came.
"""

import csv
import random
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from decisions.promises import ENOUGH, Chance, PromiseRecords, SettledPromise, chance_of_missing, records_of


class Month(NamedTuple):
    """Lines that were due in a month."""

    month: str
    supplier: str
    item_class: str
    lines: int
    missed: int


def adventureworks() -> list[Month]:
    with (Path(__file__).parent / "adventureworks_promises.csv").open(encoding="utf-8") as file:
        rows = [
            Month(row["month"], row["supplier"], row["class"], int(row["lines"]), int(row["not_whole"]))
            for row in csv.DictReader(file)
        ]
    assert sum(row.lines for row in rows) == 8845
    return rows


def chance(records: PromiseRecords, supplier: str, item_class: str, slack: int, days_past: int = 0) -> Chance:
    found = chance_of_missing(records, supplier, item_class, slack, days_past)
    assert found is not None
    return found


LITWARE = [
    SettledPromise("Litware", "A", 0, 20),
    SettledPromise("Litware", "A", 2, 5),
    SettledPromise("Litware", "A", 4, 6),
    SettledPromise("Litware", "A", None, 3),
    SettledPromise("Other", "A", 0, 66),
]


def test_promises_of_a_line_with_2_days_to_spare() -> None:
    found = chance(records_of(LITWARE), "Litware", "A", slack=2)
    assert (found.missed, found.looked_at) == (9, 34)
    # of all 9/100; class A the same; Litware (9 + 0.9) / 44; Litware in class A (9 + 10 × 0.225) / 44
    assert found.missing == Decimal("0.2557")
    assert found.percent == "26 %"
    assert found.why == (
        "9 of 34 receipts of Litware in class A came more than 2 working days late or not whole; this line has 2."
    )


def test_with_too_few_receipts_of_its_own_a_supplier_is_taken_as_its_class() -> None:
    few = [
        SettledPromise("New", "A", 9, ENOUGH - 1),
        SettledPromise("Old", "A", 0, 81),
        SettledPromise("Old", "B", None, 100),
    ]
    found = chance(records_of(few), "New", "A", slack=0)
    assert (found.whose, found.missed, found.looked_at) == ("of class A", 19, 100)
    unknown = chance(records_of(few), "Unknown", "", slack=0)
    assert (unknown.whose, unknown.missed, unknown.looked_at) == ("of all suppliers", 119, 200)
    assert chance_of_missing(records_of(few[:1]), "New", "A", slack=0) is None


def test_a_promise_that_is_open_past_its_day_is_compared_with_those_that_were_too() -> None:
    records = records_of(LITWARE)
    before, after = chance(records, "Litware", "A", 2), chance(records, "Litware", "A", 2, days_past=2)
    # 14 of Litware's were still open 2 working days after their day, and 9 of them came later or never.
    assert (after.missed, after.looked_at) == (9, 14)
    assert after.missing > before.missing
    assert "that were still open 2 working days after their day" in after.why
    gone = chance(records, "Litware", "A", 2, days_past=3)
    assert (gone.missing, gone.why) == (Decimal(1), "The day by which it is needed has passed.")


@pytest.mark.parametrize(
    ("slack", "why"),
    [
        (0, "14 of 34 receipts of Litware in class A came late or not whole; this line has none to spare."),
        (1, "14 of 34 receipts of Litware in class A came more than a working day late or not whole; this line has 1."),
        (
            -1,
            "34 of 34 receipts of Litware in class A did not come a working day early; "
            "this line is promised a working day too late.",
        ),
    ],
)
def test_the_sentence_says_what_is_compared(slack: int, why: str) -> None:
    assert chance(records_of(LITWARE), "Litware", "A", slack).why == why


def test_more_to_spare_is_never_riskier_and_nothing_is_certain_of_few() -> None:
    records = records_of(LITWARE)
    chances = [chance(records, "Litware", "A", slack).missing for slack in range(6)]
    assert chances == sorted(chances, reverse=True)
    perfect = records_of([SettledPromise("Good", "A", 0, 20), SettledPromise("Bad", "A", 5, 20)])
    assert chance(perfect, "Good", "A", 0).missing > 0


Forecast = Callable[[PromiseRecords, Month], Decimal]


def brier(months: list[Month], forecast: Forecast) -> Decimal:
    """The mean squared error of the chance of missing, each month forecast from the months before it alone."""
    error, lines = Decimal(0), 0
    settled: list[SettledPromise] = []
    for month in dict.fromkeys(row.month for row in months):
        records = records_of(settled)
        due = [row for row in months if row.month == month]
        for row in due if records.of_all.total >= ENOUGH else []:
            said = forecast(records, row)
            error += row.missed * (1 - said) ** 2 + (row.lines - row.missed) * said**2
            lines += row.lines
        settled.extend(each for row in due for each in outcomes(row))
    return error / lines


def outcomes(row: Month) -> Iterator[SettledPromise]:
    yield SettledPromise(row.supplier, row.item_class, None, row.missed)
    yield SettledPromise(row.supplier, row.item_class, 0, row.lines - row.missed)


def test_what_is_learned_is_better_than_to_trust_or_to_mistrust_everybody() -> None:
    months = adventureworks()
    trusting = brier(months, lambda records, row: Decimal(0))
    alike = brier(months, lambda records, row: Decimal(records.of_all.later_than(0)) / records.of_all.total)
    learned = brier(months, lambda records, row: chance(records, row.supplier, row.item_class, 0).missing)
    assert [round(each, 4) for each in (trusting, alike, learned)] == [
        Decimal("0.1062"),
        Decimal("0.0951"),
        Decimal("0.0873"),
    ]


def test_days_late_are_forecast_better_than_on_time() -> None:
    """By the ranked probability score: the squared error of the chance of each lateness up to a fortnight."""
    dice = random.Random(7)
    habits = {"prompt": (0, 0, 0, 0, 1), "slow": (0, 1, 3, 5, 8), "early": (-2, -1, 0, 0, 0)}

    def drawn(count: int) -> Iterable[tuple[str, int]]:
        for _ in range(count):
            supplier = dice.choice(list(habits))
            yield supplier, dice.choice(habits[supplier])

    records = records_of(SettledPromise(supplier, "", late) for supplier, late in drawn(300))
    learned = trusting = Decimal(0)
    for supplier, late in drawn(300):
        for slack in range(10):
            missed = Decimal(late > slack)
            learned += (chance(records, supplier, "", slack).missing - missed) ** 2
            trusting += missed
    assert learned < trusting * Decimal("0.7")
