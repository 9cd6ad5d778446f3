"""What OData V4 spells in another way than V2: JSON numbers, exact, and ISO dates."""

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from adapters.erp.sap.values import DoesNotFit, read_json, write_price, write_quantity

_PRICE_DIGITS = 11
"""The digits of an amount of an order item, decimals included."""


def read_date(value: Any) -> dt.date | None:
    """The day of an Edm.Date; None: none. Raises ValueError for anything else."""
    if value in (None, "", "0000-00-00"):
        return None
    if not isinstance(value, str):
        raise ValueError(f"not a date: {str(value)[:60]!r}")
    return dt.date.fromisoformat(value)


def read_moment(value: Any) -> dt.datetime | None:
    """The instant of an Edm.DateTimeOffset; None: none, or without a zone. Raises ValueError for anything else."""
    if value in (None, ""):
        return None
    if not isinstance(value, str):
        raise ValueError(f"not a time: {str(value)[:60]!r}")
    moment = dt.datetime.fromisoformat(value)
    return moment if moment.tzinfo else None


def number(value: Decimal, field: str) -> Decimal:
    """A quantity with at most three decimals. Raises DoesNotFit."""
    return Decimal(write_quantity(value, field))


def price(amount: Decimal, per: Decimal, amount_field: str) -> tuple[Decimal, Decimal]:
    """The amount and the quantity it buys. Raises DoesNotFit."""
    text, unit = write_price(amount, per, amount_field)
    if len(text.replace(".", "").lstrip("0")) > _PRICE_DIGITS:
        raise DoesNotFit(f"{amount_field}: {amount} has more than {_PRICE_DIGITS} digits")
    return Decimal(text), Decimal(unit)


def dump(body: Mapping[str, Any]) -> bytes:
    """JSON with every Decimal as a number, digit for digit."""
    return _dumped(body).encode()


def _dumped(value: Any) -> str:
    match value:
        case Decimal():
            return f"{value:f}"
        case Mapping():
            return "{" + ",".join(f"{_quoted(str(name))}:{_dumped(each)}" for name, each in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_dumped, value)) + "]"
        case _:
            return _quoted(value)


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


__all__ = ["DoesNotFit", "dump", "number", "price", "read_date", "read_json", "read_moment"]
