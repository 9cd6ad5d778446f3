"""R5 within R13: how much can be cancelled of an order line that is sold in lots.

A line is cut to the lots that the remaining quantity needs (R12 for a shared line): the surplus of those lots still
arrives, so it must not be reported as cancelled.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from canonical.bom import ChangeDisposition
from canonical.units import NEED_DECIMALS, PerUnit, rescale
from decisions.lots import size_lots

_NOTHING = Decimal(0)
_CENT = Decimal("0.01")


class LineLots(NamedTuple):
    """How the supplier of a line sells, in the order unit."""

    minimum: Decimal
    multiple: Decimal
    order_units: PerUnit
    """(numerator, denominator): so many order units are one of the dispositions' unit."""

    def to_keep(self, quantity: Decimal) -> Decimal:
        """The lots needed to supply the quantity, in the dispositions' unit."""
        ordered = rescale(quantity, self.order_units, NEED_DECIMALS, "up")
        lots = size_lots(ordered, self.minimum, self.multiple, None).total
        return rescale(lots, (self.order_units[1], self.order_units[0]), NEED_DECIMALS, "up")


def keep_whole_lots(
    dispositions: Iterable[ChangeDisposition],
    lots: Mapping[str, LineLots],
    line_of: Callable[[ChangeDisposition], str],
    cancelled: Callable[[ChangeDisposition], bool],
    kept: Callable[[ChangeDisposition], ChangeDisposition],
) -> list[ChangeDisposition]:
    """The dispositions, with the fate `kept` instead of cancelled for the quantity that a lot keeps on its line.

    The lot's own surplus is kept first, then the supply used last. Received quantities can't be cut.
    """
    found = list(dispositions)
    for line in dict.fromkeys(line_of(one) for one in found):
        own = [one for one in found if line_of(one) == line and not one.on_stock]
        off = [one for one in own if cancelled(one)]
        if line not in lots or not off:
            continue
        stays = total(one for one in own if not cancelled(one))
        too_much = min(total(own), lots[line].to_keep(stays)) - stays
        for one in sorted(reversed(off), key=lambda each: each.requirement_id is not None):
            held = min(too_much, one.quantity)
            if held > 0:
                too_much -= held
                place = found.index(one)
                rest, part = split(one, one.quantity - held)
                found[place : place + 1] = [*([rest] if rest.quantity else []), kept(part)]
    return found


def split(one: ChangeDisposition, quantity: Decimal) -> tuple[ChangeDisposition, ChangeDisposition]:
    """The disposition of this quantity and that of the rest; value and cost are divided to the cent without loss."""
    share = quantity / one.quantity
    value, cost = ((amount * share).quantize(_CENT, ROUND_HALF_UP) for amount in (one.value, one.cost))
    rest = {"quantity": one.quantity - quantity, "value": one.value - value, "cost": one.cost - cost}
    return (
        one.model_copy(update={"quantity": quantity, "value": value, "cost": cost}),
        one.model_copy(update=rest),
    )


def total(dispositions: Iterable[ChangeDisposition]) -> Decimal:
    """All in one unit."""
    return sum((one.quantity for one in dispositions), _NOTHING)


__all__: Sequence[str] = ["LineLots", "keep_whole_lots", "split", "total"]
