"""R5, lot sizing: how much to order so that the need is met and the supplier's lots are kept.

Decided here: quantities, always rounded up, in the order unit. Needs that share a line are summed exactly and rounded
once: 4 and 96 pieces are one pack of 100. Not here: which conversion holds (units), from whom it is ordered (sourcing)
and whether the lot terms make sense at all (`has_legal_lot`, called by the master-data check).
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from canonical.reason import JsonValue, Reason, figure
from canonical.units import NEED_DECIMALS, SAME, UNITS, PerUnit, exactly, rescale
from decisions.units import share_of_order_unit

_NOTHING = Decimal(0)


class InNeedUnit(NamedTuple):
    """Need and surplus in the unit of the need, where that is not the order unit."""

    needed: Decimal
    surplus: Decimal
    unit: str
    order_unit: str


class LotSizing(NamedTuple):
    """The lots to order, a line each, and their surplus over the need; all in the order unit."""

    lots: tuple[Decimal, ...]
    surplus: Decimal
    needed: Decimal
    """In another unit than the need's rounded down (`units.share_of_order_unit`): all shares must fit into the lots."""
    minimum: Decimal
    multiple: Decimal
    maximum: Decimal | None
    in_need_unit: InNeedUnit | None = None
    rule: str = "R5"

    @property
    def total(self) -> Decimal:
        """Σ lots."""
        return self.lots[0] if len(self.lots) == 1 else sum(self.lots, Decimal(0))

    @property
    def why(self) -> str:
        """The arithmetic, in one line."""
        if not self.lots:
            return "nothing is needed"
        terms = f"minimum {figure(self.minimum)}, multiple {figure(self.multiple)}"
        if self.maximum is not None:
            terms += f", maximum {figure(self.maximum)}"
        ordered = figure(self.lots[0]) if len(self.lots) == 1 else f"{len(self.lots)} lots"
        why = f"{figure(self.needed)} needed, {ordered} ordered, {figure(self.surplus)} surplus ({terms})"
        if (need := self.in_need_unit) is not None:
            ordered = f"{figure(self.total)} {need.order_unit}"
            why = (
                f"{figure(need.needed)} {need.unit} needed, {ordered} ordered, {figure(need.surplus)} {need.unit} "
                f"surplus ({terms})"
            )
        if not has_legal_lot(self.minimum, self.multiple, self.maximum):
            why += "; the maximum is below the smallest lot and is not kept"
        return why

    def reason(self, policy_version: str) -> Reason:
        """The outcome for trace and audit; the terms are master data, not policy."""
        inputs: dict[str, JsonValue] = {
            "needed": str(self.needed),
            "minimum_quantity": str(self.minimum),
            "multiple": str(self.multiple),
            "maximum_quantity": None if self.maximum is None else str(self.maximum),
        }
        if (need := self.in_need_unit) is not None:
            inputs["surplus"] = f"{figure(need.surplus)} {need.unit}"
        return Reason(rule=self.rule, why=self.why, inputs=inputs, policy_version=policy_version)


def smallest_lot(minimum: Decimal, multiple: Decimal) -> Decimal:
    """The smallest multiple that is not below the minimum."""
    return max(_round_up(minimum, multiple), multiple)


def largest_lot(multiple: Decimal, maximum: Decimal) -> Decimal:
    """The largest multiple that is not above the maximum; 0 where there is none."""
    return maximum // multiple * multiple


def has_legal_lot(minimum: Decimal, multiple: Decimal, maximum: Decimal | None) -> bool:
    """Whether any quantity keeps minimum, multiple and maximum at once."""
    return maximum is None or smallest_lot(minimum, multiple) <= maximum


def lots_requested(needed: Decimal, multiple: Decimal, maximum: Decimal | None) -> int:
    """The most lots the need can take; checked before sizing, since a tiny maximum makes a million lines."""
    if needed <= 0 or maximum is None:
        return int(needed > 0)
    largest = largest_lot(multiple, maximum)
    return int(_round_up(needed, largest) / largest) if largest else 0


def size_lots(needed: Decimal, minimum: Decimal, multiple: Decimal, maximum: Decimal | None) -> LotSizing:
    """R5: the total rounded up, split at the maximum, a tail below the minimum raised to it.

    Never less than the need, and less than one smallest lot more. Nothing needed: no lots. Where no lot can be legal
    (`has_legal_lot`; master data changed under a running order) the maximum is ignored, and `why` says so.
    """
    if needed <= 0:
        return LotSizing((), _NOTHING, needed, minimum, multiple, maximum)
    smallest = smallest_lot(minimum, multiple)
    total = max(_round_up(needed, multiple), smallest)
    lots: tuple[Decimal, ...] = (total,)
    ordered = total
    if maximum is not None and smallest <= maximum < total:
        largest = largest_lot(multiple, maximum)
        full, tail = int(total // largest), total % largest
        lots = (largest,) * full + ((max(tail, smallest),) if tail else ())
        ordered = sum(lots, _NOTHING)
    return LotSizing(lots, ordered - needed, needed, minimum, multiple, maximum)


def size_needs(
    needs: Sequence[tuple[Decimal, PerUnit]],
    unit: str,
    need_unit: str,
    minimum: Decimal,
    multiple: Decimal,
    maximum: Decimal | None,
) -> LotSizing:
    """R5 for needs together: their exact sum in the order unit, rounded up once.

    Each need is a quantity and how many of its units are one order unit. `need_unit`: theirs; empty: they have several,
    or that of the order.
    """
    if all(per_order_unit == SAME for _, per_order_unit in needs):
        return size_lots(needed_together(needs, unit), minimum, multiple, maximum)
    sizing = size_lots(needed_together(needs, unit), minimum, multiple, maximum)
    shares = sum((share_of_order_unit(quantity, per_order_unit) for quantity, per_order_unit in needs), _NOTHING)
    stated = None
    ratios = {per_order_unit for _, per_order_unit in needs}
    if need_unit not in ("", unit) and len(ratios) == 1:
        asked = sum((quantity for quantity, _ in needs), _NOTHING)
        stated = InNeedUnit(asked, rescale(sizing.total, ratios.pop(), NEED_DECIMALS, "down") - asked, need_unit, unit)
    return sizing._replace(needed=shares, surplus=sizing.total - shares, in_need_unit=stated)


def needed_together(needs: Sequence[tuple[Decimal, PerUnit]], unit: str) -> Decimal:
    """The exact sum of needs in the order unit, rounded up once to the decimals that it is traded in.

    Needs in the order unit itself are not rounded.
    """
    if all(per_order_unit == SAME for _, per_order_unit in needs):
        return sum((quantity for quantity, _ in needs), _NOTHING)
    exact = sum((_in_order_unit(quantity, per_order_unit) for quantity, per_order_unit in needs), Fraction(0))
    return rescale(Decimal(1), exactly(exact), UNITS[unit].decimals, "up") if exact else _NOTHING


def _in_order_unit(quantity: Decimal, per_order_unit: PerUnit) -> Fraction:
    numerator, denominator = per_order_unit
    return Fraction(quantity) * Fraction(denominator) / Fraction(numerator)


def _round_up(quantity: Decimal, multiple: Decimal) -> Decimal:
    # By remainder, not by division: a quotient that the context rounds down would order too little.
    return quantity if not quantity % multiple else (quantity // multiple + 1) * multiple
