"""JSON with exact numbers: decimals are written as they are, and read without passing through a float."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_DIGITS_MAX = 40


def dumps(value: Any) -> bytes:
    """The JSON of a value that may hold decimals. Raises TypeError for what has none."""
    return _text(value).encode()


def _text(value: Any) -> str:
    match value:
        case Decimal():
            return f"{value.normalize() + 0:f}"
        case float():
            raise TypeError("a float is not exact")
        case Mapping():
            return "{" + ",".join(f"{json.dumps(str(name))}:{_text(each)}" for name, each in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_text, value)) + "]"
    return json.dumps(value)


def loads(content: bytes) -> Any:
    """The value, numbers with a point as Decimal. Raises ValueError for anything else, endless nesting included."""
    try:
        return json.loads(content, parse_float=Decimal, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _no_number(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


def number(value: Any) -> Decimal:
    """A number as it stands in JSON, or in a string. Raises ValueError for what no field can hold."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise ValueError(f"not a number: {str(value)[:60]!r}")
    try:
        read = Decimal(value)
    except ArithmeticError:
        raise ValueError(f"not a number: {str(value)[:60]!r}") from None
    _, digits, exponent = read.as_tuple()
    if not isinstance(exponent, int) or len(digits) > _DIGITS_MAX or not -_DIGITS_MAX <= exponent <= _DIGITS_MAX:
        raise ValueError(f"a number beyond all fields: {str(value)[:60]!r}")
    return read


def decimals(value: Decimal) -> int:
    """How many decimals a number has, without zeros behind."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


__all__ = ["decimals", "dumps", "loads", "number"]
