"""R13: an open requirement's supply of an outgoing component, and the demand that the revision leaves it.

Decided here: which demand is the changed assembly's and how much of it ends. Not here: what becomes of the
supply (component_use).

A peg belongs to the assembly that it names. One that names none belongs to the changed assembly unless another assembly
of the plant is known to use the component: demand that may be another's is kept.
"""

from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

from canonical.bom import BomLine, BomLineChange, BomRevised, ComponentUse, UsedBy
from canonical.need import Peg
from canonical.sourcing import ItemAtPlant
from canonical.units import NEED_DECIMALS, PerUnit, rescale
from decisions.units import per_supplied_unit

_NOTHING = Decimal(0)
_LAST_PLACE = Decimal("0.000001")


class RemainingDemand(NamedTuple):
    """The remainder of an open requirement of the component after the revision; quantities in the need's unit."""

    user: UsedBy
    kept: tuple[Peg, ...]
    """All its demand that keeps the component, what is received for it included."""
    gone: Decimal
    received: Decimal
    supply: Decimal
    """Still to come for it."""
    idle: Decimal = _NOTHING
    """Received for demand that has ended: the requirement keeps it, nobody uses it."""


def share_gone(line: BomLine, use: ComponentUse) -> Decimal | None:
    """The share of the assembly's demand for the component that ends; below zero it grows; None: unknown."""
    if line.change is BomLineChange.REMOVED:
        return Decimal(1)
    before = quantity_before(line, use)
    return None if before is None else (before - line.quantity) / before


def remaining_demand(
    revised: BomRevised, user: UsedBy, use: ComponentUse, share: Decimal, item: ItemAtPlant | None
) -> RemainingDemand:
    """`share`: how much of the assembly's demand ends."""
    coming = received = idle = _NOTHING
    for piece in use.supply:
        factor = per_supplied_unit(user.unit, piece.supplier, piece.unit, item)
        if piece.requirement_id != user.requirement_id or factor is None:
            continue
        quantity = rescaled(piece.quantity, factor)
        received, coming = (received + quantity, coming) if piece.received else (received, coming + quantity)
    kept: list[Peg] = []
    there = received
    for peg in sorted(user.pegs, key=lambda each: (each.date, each.demand)):
        of_it = min(there, peg.quantity)
        there -= of_it
        idle += _ended(revised, use, peg, share, of_it)
        ends = _ended(revised, use, peg, share, peg.quantity - of_it)
        if peg.quantity > ends:
            kept.append(peg.model_copy(update={"quantity": peg.quantity - ends}))
    before = sum((peg.quantity for peg in user.pegs), _NOTHING)
    gone = before - sum((peg.quantity for peg in kept), _NOTHING)
    return RemainingDemand(user, tuple(kept), gone, received, coming, idle)


def _ended(revised: BomRevised, use: ComponentUse, peg: Peg, share: Decimal, quantity: Decimal) -> Decimal:
    if peg.date < revised.effective_from or not is_of_assembly(revised, use, peg):
        return _NOTHING
    return quantity - (quantity * (1 - share)).quantize(_LAST_PLACE, ROUND_CEILING)


def is_of_assembly(revised: BomRevised, use: ComponentUse, peg: Peg) -> bool:
    """Whether the demand is the changed assembly's."""
    return not use.other_assemblies if peg.assembly is None else peg.assembly == revised.assembly


def without_earliest(pegs: tuple[Peg, ...], quantity: Decimal) -> tuple[Peg, ...]:
    """The pegs less this quantity, taken from the earliest first, since existing supply serves those first."""
    left: list[Peg] = []
    for peg in sorted(pegs, key=lambda peg: (peg.date, peg.demand)):
        taken = min(max(quantity, _NOTHING), peg.quantity)
        quantity -= taken
        if peg.quantity > taken:
            left.append(peg.model_copy(update={"quantity": peg.quantity - taken}))
    return tuple(left)


def quantity_before(line: BomLine, use: ComponentUse) -> Decimal | None:
    """In one assembly, before the revision; None: unknown."""
    return line.quantity if line.change is BomLineChange.REMOVED else line.quantity_before or use.quantity_before


def rescaled(quantity: Decimal, factor: PerUnit) -> Decimal:
    """In the other unit, rounded up at the last decimal that a need has."""
    return rescale(quantity, factor, NEED_DECIMALS, "up")
