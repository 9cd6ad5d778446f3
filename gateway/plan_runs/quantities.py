"""How a plan may write a quantity, so that 27.000 never becomes 27 and 1.200 never 1.2.

Decided here: which spellings have one meaning in every country. Not here: how large a quantity may be (canonical.base).
"""

import re
from collections.abc import Mapping
from typing import Any

from canonical.plan import LineFault
from canonical.units import UNITS

_PLAIN = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_EITHER = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")
"""A point before three digits may part thousands or decimals."""


def misreadable(fields: Mapping[str, Any], *, table: bool) -> list[LineFault]:
    """The quantities of a line that could be read in two ways.

    In a `table` all values are text that some spreadsheet wrote by its country's habits. In JSON a number has a decimal
    point by definition; text is doubted where its unit is counted, since no piece has three decimals.
    """
    written = [("quantity", fields.get("quantity"))]
    pegs = fields.get("pegging")
    for index, peg in enumerate(pegs if isinstance(pegs, list) else ()):
        if isinstance(peg, dict):
            written.append((f"pegging[{index}].quantity", peg.get("quantity")))
    doubtful = [(name, value) for name, value in written if isinstance(value, str) and not _is_digits(value)]
    if not doubtful:
        return []
    unit = fields.get("unit")
    counted = isinstance(unit, str) and unit in UNITS and UNITS[unit].decimals == 0
    reasons = ((name, _doubt(value, table=table, counted=counted)) for name, value in doubtful)
    return [LineFault(field=name, reason=reason) for name, reason in reasons if reason]


def _is_digits(text: str) -> bool:
    return text.isdecimal() and text.isascii()


def _doubt(text: str, *, table: bool, counted: bool) -> str:
    if _EITHER.fullmatch(text):
        if not (table or counted):
            return ""
        whole, decimals = text.split(".")
        shorter = f"{whole}.{decimals}".rstrip("0").rstrip(".")
        as_decimal = shorter if not _EITHER.fullmatch(shorter) else f"{text}0"
        return f"{text!r} can be {as_decimal} or {whole}{decimals}: write {as_decimal} or {whole}{decimals}"
    if _PLAIN.fullmatch(text) or not table:
        return ""
    if "," in text:
        return f"{text[:40]!r} has a comma: write a decimal point (12.5), and nothing between thousands (1200)"
    return f"{text[:40]!r} is no plain number: write 1200 or 12.5, with a decimal point and nothing between thousands"


__all__ = ["misreadable"]
