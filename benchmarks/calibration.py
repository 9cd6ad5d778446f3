"""A fixed amount of work of the kind that a decision is: validated models, decimals, dates, calls and comparisons.

It measures how fast the machine is at this moment. It must stay as it is and use nothing of the product: figures are
multiples of it, so a change here changes them all.
"""

import datetime as dt
from decimal import ROUND_CEILING, Decimal

from pydantic import BaseModel, ConfigDict

LINES = 40
_START = dt.date(2026, 5, 4)
_HOLIDAYS = frozenset(_START + dt.timedelta(days=17 * number) for number in range(20))


class _Delivery(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    quantity: Decimal
    date: dt.date


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    item: str
    unit: str
    quantity: Decimal
    price: Decimal | None
    deliveries: tuple[_Delivery, ...]


def unit() -> Decimal:
    """One unit of work: some lines scheduled on working days, rounded to lots, validated, priced and compared."""
    lines = [_scheduled(number) for number in range(LINES)]
    lines.sort(key=lambda line: (line.deliveries[0].date, -line.quantity))
    return sum((line.quantity * (line.price or Decimal(0)) for line in lines), Decimal(0))


def _scheduled(number: int) -> _Line:
    ordered, lot = Decimal(100 + 37 * number), Decimal(25)
    quantity = (ordered / lot).to_integral_value(ROUND_CEILING) * lot
    first = quantity / 2
    return _Line.model_validate(
        {
            "item": f"CH-{number:04}",
            "unit": "EA",
            "quantity": quantity,
            "price": Decimal("2.50") if number % 3 else None,
            "deliveries": (
                {"quantity": first, "date": _working_day(_START + dt.timedelta(days=number))},
                {"quantity": quantity - first, "date": _working_day(_START + dt.timedelta(days=2 * number))},
            ),
        }
    )


def _working_day(day: dt.date) -> dt.date:
    while day.weekday() > 4 or day in _HOLIDAYS:
        day += dt.timedelta(days=1)
    return day
