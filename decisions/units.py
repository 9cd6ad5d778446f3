"""Units: conversion of a quantity from the need's unit to the order unit (R5) and back.

Decided here: which conversion applies (the item's own before physics) and that no quantity is ever lost. Not
here: the units themselves (canonical.units) and lots.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from canonical.need import Peg
from canonical.sourcing import ItemAtPlant, Source
from canonical.supply import OtherUnit, in_need_unit
from canonical.units import (
    NEED_DECIMALS,
    SAME,
    SHARE_DECIMALS,
    UNITS,
    PerUnit,
    exactly,
    is_whole,
    physical_ratio,
    rescale,
)

__all__ = [
    "conversion",
    "in_need_unit",
    "in_order_unit",
    "other_units",
    "pegs_in_order_unit",
    "per_order_unit",
    "per_supplied_unit",
    "per_unit",
    "share_of_order_unit",
    "source_conversion",
    "to_need_unit",
    "to_order_unit",
]

_LEAST = Decimal(1).scaleb(-SHARE_DECIMALS)


def conversion(need_unit: str, order_unit: str, item: ItemAtPlant) -> PerUnit | None:
    """(numerator, denominator): so many need units are one order unit; None where nothing converts them.

    The item's master data wins over physics; physics leads from a unit that master data does not name to one that it
    does (grams to kilograms, where so many kilograms are a carton).
    """
    if need_unit == order_unit:
        return SAME
    need, order = _in_base_units(need_unit, item), _in_base_units(order_unit, item)
    ratio = order / need if need and order else physical_ratio(need_unit, order_unit)
    return None if ratio is None else exactly(ratio)


def source_conversion(need_unit: str, source: Source, item: ItemAtPlant) -> PerUnit | None:
    """`conversion` to the order unit of a source, whose own content wins over the item's.

    Even in a unit of one name: boxes of 12 that are needed are not the boxes of 10 that this supplier sells.
    """
    if source.base_units is None:
        return conversion(need_unit, source.unit, item)
    need = _in_base_units(need_unit, item)
    if need is None:
        return conversion(need_unit, source.unit, item)
    ratio = Fraction(source.base_units[0]) / Fraction(source.base_units[1]) / need
    return SAME if ratio == 1 else exactly(ratio)


def per_unit(unit: str, of: str, item: ItemAtPlant | None) -> PerUnit | None:
    """(numerator, denominator): so many `unit` are one `of`; without the item, by physics only."""
    if unit == of:
        return SAME
    if item is not None:
        return conversion(unit, of, item)
    ratio = physical_ratio(unit, of)
    return None if ratio is None else exactly(ratio)


def other_units(source: Source, item: ItemAtPlant) -> tuple[OtherUnit, ...]:
    """The item's units besides the source's order unit, as many as convert to it."""
    units = dict.fromkeys((item.base_unit, *(known.unit for known in item.conversions)))
    ratios = ((unit, source_conversion(unit, source, item)) for unit in units if unit != source.unit)
    return tuple(OtherUnit(unit=unit, per_order_unit=ratio) for unit, ratio in ratios if ratio is not None)


def per_order_unit(unit: str, order_unit: str, others: Sequence[OtherUnit]) -> PerUnit | None:
    """How many of the unit are one order unit: by the item's own units, by physics, or by physics from one of them.

    Pieces, ones and eaches are the same. None where nothing converts them, or a unit is not known.
    """
    if unit == order_unit:
        return SAME
    known = next((other.per_order_unit for other in others if other.unit == unit), None)
    if known is not None or unit not in UNITS:
        return known
    ratio = physical_ratio(unit, order_unit)
    if ratio is not None:
        return exactly(ratio)
    for other in others:
        step = physical_ratio(unit, other.unit)
        if step is not None:
            return exactly(step * Fraction(other.per_order_unit[0]) / Fraction(other.per_order_unit[1]))
    return None


def in_order_unit(quantity: Decimal, unit: str | None, order_unit: str, others: Sequence[OtherUnit]) -> Decimal | None:
    """The quantity in the order unit; `unit` None: it is in it. None where nothing converts it.

    Nor is what would not be exact, or a fraction of what is counted: 65 pieces are no number of boxes of 12. Masses,
    lengths and volumes are rounded to six decimals.
    """
    if unit is None or unit == order_unit:
        return quantity
    ratio = per_order_unit(unit, order_unit, others)
    if ratio is None:
        return None
    converted = rescale(quantity, (ratio[1], ratio[0]), NEED_DECIMALS, "nearest")
    exact = Fraction(converted) * Fraction(ratio[0]) / Fraction(ratio[1]) == Fraction(quantity)
    measured = UNITS[order_unit].decimals > 0
    return converted if (exact or measured) and is_whole(converted, order_unit) else None


def per_supplied_unit(unit: str, supplier: str, order_unit: str, item: ItemAtPlant | None) -> PerUnit | None:
    """(numerator, denominator): so many `unit` are one order unit as this supplier sells it."""
    sources = item.sources if item is not None else ()
    own = (source for source in sources if (source.supplier, source.unit) == (supplier, order_unit))
    source = next((source for source in own if source.base_units is not None), None)
    if source is None or item is None:
        return per_unit(unit, order_unit, item)
    return source_conversion(unit, source, item)


def _in_base_units(unit: str, item: ItemAtPlant) -> Fraction | None:
    """How many of the item's base units are one of the unit."""
    if unit == item.base_unit:
        return Fraction(1)
    for known in item.conversions:
        if known.unit == unit:
            return Fraction(known.numerator) / Fraction(known.denominator)
    ratio = physical_ratio(item.base_unit, unit)
    if ratio is not None:
        return ratio
    for known in item.conversions:
        ratio = physical_ratio(known.unit, unit)
        if ratio is not None:
            return ratio * Fraction(known.numerator) / Fraction(known.denominator)
    return None


def to_order_unit(quantity: Decimal, per_order_unit: PerUnit, order_unit: str) -> Decimal:
    """R5: the need's quantity in the order unit, rounded up to the decimals that the order unit is traded in."""
    numerator, denominator = per_order_unit
    return rescale(quantity, (denominator, numerator), UNITS[order_unit].decimals, "up")


def share_of_order_unit(quantity: Decimal, per_order_unit: PerUnit) -> Decimal:
    """The need's quantity in the order unit, not rounded to what is traded: 4 of a pack of 100 are 0.04 packs.

    Rounded down, so that the shares of a lot never add up to more than the lot, but never to nothing.
    """
    numerator, denominator = per_order_unit
    share = rescale(quantity, (denominator, numerator), SHARE_DECIMALS, "down")
    return max(share, _LEAST) if quantity > 0 else share


def to_need_unit(quantity: Decimal, per_order_unit: PerUnit) -> Decimal:
    """A quantity of the order unit in the need's unit, rounded down to its six decimals.

    For the result of `to_order_unit` it is never less than the need, since a need has no more decimals.
    """
    return rescale(quantity, per_order_unit, NEED_DECIMALS, "down")


def pegs_in_order_unit(pegs: Sequence[Peg], per_order_unit: PerUnit) -> tuple[Peg, ...]:
    """The pegs, by date, in the order unit; on each day their sum is rounded down to six decimals.

    So the share of the need (`share_of_order_unit`) serves them all. A peg that is too small for that is left out.
    """
    converted, pegged, reached = [], Decimal(0), Decimal(0)
    for peg in pegs:
        pegged += peg.quantity
        until = rescale(pegged, (per_order_unit[1], per_order_unit[0]), NEED_DECIMALS, "down")
        if until > reached:
            converted.append(peg.model_copy(update={"quantity": until - reached}))
        reached = until
    return tuple(converted)
