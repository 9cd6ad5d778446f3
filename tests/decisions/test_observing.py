"""What Pegline would have ordered beside what people did."""

import datetime as dt
from decimal import Decimal

from canonical.observing import LineCompared
from decisions.observing import compare

JUNE_1 = dt.date(2026, 6, 1)


def line(item: str, quantity: str = "100", **changes: object) -> LineCompared:
    fields = {"order": "o", "line": 10, "supplier": "V-100", "unit": "EA", "delivery_date": JUNE_1, **changes}
    return LineCompared.model_validate({"item": item, "quantity": quantity, **fields})


def test_items_are_compared_by_supplier_quantity_and_date() -> None:
    would = [line("A"), line("B"), line("C"), line("D", supplier="V-1"), line("GONE", "0")]
    did = [
        line("A", "60"),
        line("A", "40"),
        line("B", "120", supplier="0000V-100"),
        line("D", supplier="V-2", delivery_date=dt.date(2026, 6, 8)),
        line("E"),
    ]
    assert [(each.item, each.causes) for each in compare(would, did)] == [
        ("A", ("agrees",)),
        ("B", ("quantity",)),
        ("C", ("only Pegline would have ordered",)),
        ("D", ("supplier", "date")),
        ("E", ("only people ordered",)),
    ]
    assert [one.quantity for one in compare(would, did)[0].did] == [Decimal(60), Decimal(40)]
