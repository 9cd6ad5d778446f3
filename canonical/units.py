"""The units of measure that Pegline uses: UN/ECE Recommendation 20 and 21 codes.

Decided here: which codes are known, how many decimals each is traded in, and the exact sizes of those that are
physical. Not here: a system's own codes (each adapter maps its own) and which conversion holds for an item
(decisions.units: master data's own come first).
"""

from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NamedTuple

_WIDE = Context(prec=200)

NEED_DECIMALS = 6
"""The decimals that a need's quantity can hold (canonical.base.Quantity)."""
SHARE_DECIMALS = 12
"""The decimals of a need's share of an order line: so many that it converts back to exactly the need."""


class Unit(NamedTuple):
    """A unit of measure; units of one dimension convert into each other by their sizes, the others by no rule."""

    name: str
    decimals: int
    """The decimals it is traded in: lots and conversions are rounded up to these."""
    dimension: Literal["", "count", "mass", "length", "area", "volume"] = ""
    size: Fraction = Fraction(1)
    """In pieces, kilograms, metres, square metres or cubic metres; exact."""


_POUND = Fraction("0.45359237")
_INCH = Fraction("0.0254")

# Sizes: UN/ECE Recommendation 20, annex I (conversion factors to SI); pound, inch and US gallon (231 cubic inches) are
# exact by definition (NIST SP 811, appendix B). Packages and sets have none: master data defines their content. Hours
# and days have none either: a day that is bought is a working day, whose hours a contract says.
UNITS: dict[str, Unit] = {
    "C62": Unit("one", 0, "count"),
    "EA": Unit("each", 0, "count"),
    "H87": Unit("piece", 0, "count"),
    "PR": Unit("pair", 0, "count", Fraction(2)),
    "SET": Unit("set", 0),
    "DZN": Unit("dozen", 0, "count", Fraction(12)),
    "BX": Unit("box", 0),
    "CT": Unit("carton", 0),
    "PK": Unit("pack", 0),
    "BG": Unit("bag", 0),
    "BO": Unit("bottle", 0),
    "CA": Unit("can", 0),
    "PF": Unit("pallet", 0),
    "RO": Unit("roll", 0),
    "GRM": Unit("gram", 3, "mass", Fraction(1, 1000)),
    "KGM": Unit("kilogram", 3, "mass"),
    "TNE": Unit("tonne", 3, "mass", Fraction(1000)),
    "LBR": Unit("pound", 3, "mass", _POUND),
    "ONZ": Unit("ounce", 3, "mass", _POUND / 16),
    "MMT": Unit("millimetre", 3, "length", Fraction(1, 1000)),
    "CMT": Unit("centimetre", 3, "length", Fraction(1, 100)),
    "MTR": Unit("metre", 3, "length"),
    "INH": Unit("inch", 3, "length", _INCH),
    "FOT": Unit("foot", 3, "length", _INCH * 12),
    "MTK": Unit("square metre", 3, "area"),
    "CMK": Unit("square centimetre", 3, "area", Fraction(1, 10_000)),
    "MLT": Unit("millilitre", 3, "volume", Fraction(1, 1_000_000)),
    "LTR": Unit("litre", 3, "volume", Fraction(1, 1000)),
    "MTQ": Unit("cubic metre", 3, "volume"),
    "GLL": Unit("gallon (US)", 3, "volume", _INCH**3 * 231),
    "HUR": Unit("hour", 3),
    "DAY": Unit("day", 3),
}

KNOWN_UNITS: dict[str, str] = {code: unit.name for code, unit in UNITS.items()}
_OLD_CODES = {"PCE": "H87", "NAR": "H87", "NPR": "PR"}
"""Codes that Recommendation 20 has replaced and that partners still write: piece, number of articles, of pairs."""

Rounding = Literal["up", "down", "nearest"]

PerUnit = tuple[Decimal, Decimal]
"""(numerator, denominator): so many of one unit are one of the other."""

SAME: PerUnit = (Decimal(1), Decimal(1))


def known_unit(code: str) -> str | None:
    """The code as Recommendation 20 now has it; None where Pegline does not know it."""
    current = _OLD_CODES.get(code, code)
    return current if current in KNOWN_UNITS else None


def require_known_unit(code: str) -> str:
    """Return the code, or raise ValueError naming it and what to do."""
    if code not in KNOWN_UNITS:
        raise ValueError(
            f"unit {code!r} is not a UN/ECE Rec 20 code that Pegline knows; "
            "send one of " + ", ".join(sorted(KNOWN_UNITS))
        )
    return code


def is_whole(quantity: Decimal, unit: str) -> bool:
    """Whether the quantity is one that the unit can have: of what is counted, such as pieces and boxes, no fraction."""
    known = UNITS.get(unit)
    return known is None or known.decimals > 0 or quantity == quantity.to_integral_value()


def fraction_of_a_count(quantity: Decimal, unit: str) -> str:
    """What is wrong with a quantity that is not whole, in words."""
    return (
        f"{quantity:f} {unit}: {UNITS[unit].name} is counted and takes no fraction; was a mark between thousands meant?"
    )


@lru_cache(maxsize=1024)
def physical_ratio(unit: str, of: str) -> Fraction | None:
    """How many of the one unit are one of the other, exactly; None where physics does not define it."""
    one, other = UNITS[unit], UNITS[of]
    if unit == of:
        return Fraction(1)
    if not one.dimension or one.dimension != other.dimension:
        return None
    return other.size / one.size


def exactly(ratio: Fraction) -> PerUnit:
    """The ratio as numerator and denominator, so that no digit of it is rounded away."""
    return (Decimal(ratio.numerator), Decimal(ratio.denominator))


def rescale(quantity: Decimal, by: PerUnit, decimals: int, rounding: Rounding) -> Decimal:
    """quantity × numerator / denominator, exact until it is rounded once to so many decimals; no zeros behind."""
    of, parts = quantity.as_integer_ratio()
    numerator, numerator_parts = by[0].as_integer_ratio()
    denominator, denominator_parts = by[1].as_integer_ratio()
    above = of * numerator * denominator_parts * 10**decimals
    below = parts * numerator_parts * denominator
    match rounding:
        case "down":
            whole = above // below
        case "up":
            whole = -(-above // below)
        case "nearest":
            whole = (2 * above + below) // (2 * below)
    while decimals and not whole % 10:
        whole, decimals = whole // 10, decimals - 1
    return Decimal(whole).scaleb(-decimals, _WIDE)
