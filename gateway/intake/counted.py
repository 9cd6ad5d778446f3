"""Quantities of units that are counted are whole: 1.2 pieces are a thousand and two hundred, read wrongly.

Decided here: where messages from outside name such quantities. A bill of material's quantities are a use in one
assembly, which may be a fraction.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import assert_never

from canonical.bom import BomRevised
from canonical.need import Need, Withdrawal
from canonical.order import (
    ApprovalDecision,
    DocumentAcknowledged,
    DocumentEdit,
    GoodsReceipt,
    OrderAnswer,
    ShipmentAnnounced,
)
from canonical.stock import StockReport
from canonical.units import fraction_of_a_count, is_whole

Counted = tuple[str, Decimal | None, str | None]
"""Where it stands, the quantity, its unit."""
Stated = (
    Need
    | Withdrawal
    | OrderAnswer
    | ShipmentAnnounced
    | DocumentAcknowledged
    | GoodsReceipt
    | DocumentEdit
    | ApprovalDecision
    | BomRevised
    | StockReport
)
"""What a message from outside becomes."""


def fractions(message: Stated) -> Iterator[tuple[str, Decimal, str]]:
    """The counted quantities of a message that are not whole: (field, quantity, what is wrong)."""
    for name, quantity, unit in _quantities(message):
        if quantity is not None and unit is not None and not is_whole(quantity, unit):
            yield name, quantity, fraction_of_a_count(quantity, unit)


def _quantities(message: Stated) -> Iterator[Counted]:
    match message:
        case Need():
            yield "quantity", message.quantity, message.unit
            for index, peg in enumerate(message.pegging):
                yield f"pegging[{index}].quantity", peg.quantity, message.unit
        case GoodsReceipt() | StockReport():
            yield "quantity", message.quantity, message.unit
        case ShipmentAnnounced(lines=[line]):
            yield "quantity", line.quantity, line.unit
        case ShipmentAnnounced():
            for index, line in enumerate(message.lines):
                yield f"lines[{index}].quantity", line.quantity, line.unit
        case OrderAnswer():
            for index, answer in enumerate(message.lines):
                for place, part in enumerate(answer.schedule_lines):
                    yield f"lines[{index}].schedule_lines[{place}].quantity", part.quantity, part.unit
        case BomRevised():
            for index, one in enumerate(message.lines):
                yield f"lines[{index}].stock", one.stock, one.unit
        case Withdrawal() | DocumentEdit() | ApprovalDecision() | DocumentAcknowledged():
            return
        case _:
            assert_never(message)


__all__ = ["fractions"]
