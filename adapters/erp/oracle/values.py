"""Values as Oracle's REST resources write them: exact JSON numbers, ISO days, `q` expressions.

Nothing is rounded or cut: a value that Oracle can't hold is a BeyondOracle.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from adapters.erp.remote import NotWritable
from adapters.exact_json import dumps
from adapters.exact_json import number as exact_number


class BeyondOracle(NotWritable):
    """A value that an attribute of Oracle's can't hold; the message names both."""

    code = "does_not_fit"


def write_json(value: Any) -> bytes:
    """The JSON of a body; days and instants as Oracle takes them."""
    return dumps(_plain(value))


def _plain(value: Any) -> Any:
    match value:
        case dt.datetime():
            return value.astimezone(dt.UTC).isoformat(timespec="milliseconds")
        case dt.date():
            return value.isoformat()
        case Mapping():
            return {name: _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
    return value


def number(value: Any) -> Decimal:
    """A number as Oracle sends it; none is zero. Raises ValueError."""
    return Decimal(0) if value in (None, "") else exact_number(value)


def day(value: Any) -> dt.date | None:
    """The day of a date, or of a moment as it is written (Oracle shows days with a time in some releases)."""
    if value in (None, ""):
        return None
    if not isinstance(value, str):
        raise ValueError(f"not a day: {str(value)[:60]!r}")
    return dt.date.fromisoformat(value[:10])


def moment(value: Any) -> dt.datetime | None:
    """An instant with its offset; None for none. Raises ValueError."""
    if value in (None, ""):
        return None
    found = dt.datetime.fromisoformat(str(value))
    if found.tzinfo is None:
        raise ValueError(f"{str(value)[:60]!r} names no time zone")
    return found


def unit_price(price: Decimal, price_unit: Decimal) -> Decimal:
    """The price of one unit: Oracle has no price for a quantity. Raises BeyondOracle where it has no end."""
    one = price / price_unit
    if one * price_unit != price or one != round(one, 10):
        raise BeyondOracle(f"Price: {price} for {price_unit} is no exact price of one unit")
    return one


def code(text: str, length: int, attribute: str) -> str:
    """A text that must fit as it is. Raises BeyondOracle."""
    if len(text) > length:
        raise BeyondOracle(f"{attribute}: {text!r} has more than {length} characters")
    return text


def quoted(text: str) -> str:
    """A text as an operand of `q`."""
    return "'" + text.replace("'", "''") + "'"


def equals(**attributes: str) -> str:
    """The `q` expression of rows that hold these texts (version 2 and later of the framework)."""
    return " and ".join(f"{name}={quoted(value)}" for name, value in attributes.items())


__all__ = [
    "BeyondOracle",
    "code",
    "day",
    "equals",
    "moment",
    "number",
    "quoted",
    "unit_price",
    "write_json",
]
