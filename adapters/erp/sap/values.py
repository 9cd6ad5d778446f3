"""SAP's formats: dates as /Date(ms)/, decimals as strings of a fixed scale, padded numbers, short texts.

Nothing is rounded or cut silently, except descriptive texts: a value that SAP can't hold is a `DoesNotFit`.
"""

import datetime as dt
import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from adapters.erp.remote import NotWritable

_DATE = re.compile(r"^/Date\((-?\d+)(?:[+-]\d{4})?\)/$")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_QUANTITY_DIGITS, _QUANTITY_SCALE = 13, 3
_PRICE_DIGITS, _PRICE_SCALE = 12, 2
_PRICE_UNIT_MAX = 99_999
_DIGITS_MAX = 31
"""The most digits of a decimal in SAP."""


class DoesNotFit(NotWritable):
    """A value that a field of SAP can't hold; the message names value and field."""

    code = "does_not_fit"


def read_json(content: bytes) -> Any:
    """JSON with exact numbers. Raises ValueError for anything else, endless nesting included."""
    try:
        return json.loads(content, parse_float=Decimal, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _no_number(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


def write_date(day: dt.date) -> str:
    """Midnight UTC in milliseconds: /Date(1470268800000)/."""
    midnight = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
    return f"/Date({(midnight - _EPOCH) // dt.timedelta(milliseconds=1)})/"


def read_moment(text: str | None) -> dt.datetime | None:
    """The instant of /Date(ms+0000)/, which SAP states in UTC; None for an empty field. Raises ValueError."""
    if not text:
        return None
    found = _DATE.match(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"not an OData V2 date: {str(text)[:60]!r}")
    try:
        return _EPOCH + dt.timedelta(milliseconds=int(found.group(1)))
    except OverflowError:
        raise ValueError(f"a date beyond the calendar: {text[:60]!r}") from None


def read_date(text: str | None) -> dt.date | None:
    """The day of /Date(ms)/; None for an empty field. Raises ValueError for anything else."""
    moment = read_moment(text)
    return moment.date() if moment else None


def write_quantity(quantity: Decimal, field: str) -> str:
    """Three decimals, at most thirteen digits. Raises DoesNotFit where that would change the quantity."""
    return _fixed(quantity, _QUANTITY_DIGITS, _QUANTITY_SCALE, field)


def read_decimal(value: Any) -> Decimal:
    """A decimal as SAP sends it: a string, empty where initial. Raises ValueError for what no field can hold."""
    if value is None or value == "":
        return Decimal(0)
    try:
        number = Decimal(value) if isinstance(value, str | int) else value
    except InvalidOperation:
        number = None
    if not isinstance(number, Decimal) or isinstance(value, bool):
        raise ValueError(f"not a decimal: {str(value)[:60]!r}")
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or len(digits) > _DIGITS_MAX or not -_DIGITS_MAX <= exponent <= _DIGITS_MAX:
        raise ValueError(f"a decimal beyond SAP's digits: {str(value)[:60]!r}")
    return number


def write_price(price: Decimal, price_unit: Decimal, field: str) -> tuple[str, str]:
    """The amount with two decimals and the quantity it buys, as a whole number.

    A price with fractions of a cent is written for ten, a hundred, … times as many: 0.1234 for 1 is 12.34 for 100.
    """
    amount, per = price, price_unit
    while _scale(amount) > _PRICE_SCALE or _scale(per) > 0:
        amount, per = amount * 10, per * 10
        if per > _PRICE_UNIT_MAX:
            raise DoesNotFit(f"{field}: {price} for {price_unit} can't be stated in cents for up to {_PRICE_UNIT_MAX}")
    return _fixed(amount, _PRICE_DIGITS, _PRICE_SCALE, field), _fixed(per, 5, 0, field)


def write_number(number: int, digits: int, field: str) -> str:
    """A document's item or schedule line, padded with zeros: 00010."""
    if number >= 10**digits:
        raise DoesNotFit(f"{field}: {number} has more than {digits} digits")
    return f"{number:0{digits}d}"


def write_code(text: str, length: int, field: str) -> str:
    """A code, which must fit as it is. Raises DoesNotFit."""
    if len(text) > length:
        raise DoesNotFit(f"{field}: {text!r} has more than {length} characters")
    return text


def write_text(text: str, length: int) -> str:
    """A descriptive text, cut to what the field holds."""
    return text[:length].rstrip()


def _fixed(value: Decimal, digits: int, scale: int, field: str) -> str:
    if _scale(value) > scale:
        raise DoesNotFit(f"{field}: {value} has more than {scale} decimals")
    if abs(value) >= Decimal(10) ** (digits - scale):
        raise DoesNotFit(f"{field}: {value} has more than {digits - scale} digits before the point")
    return f"{value:.{scale}f}"


def _scale(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
