"""R12, shared decrease: the new quantity of an order line when one of the requirements that share it needs less.

Decided here: the line's new quantity; nobody else's allocation moves. Not here: whether the line may still be
cut (R3: state of the document, frozen zone, what is shipped) and what an increase does (R3, R5).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from canonical.identity import RequirementId
from canonical.reason import Reason, figure
from decisions.lots import size_lots

_NOTHING = Decimal(0)


class SharedDecrease(NamedTuple):
    """The line after the decrease, in the order unit."""

    quantity: Decimal
    """The quantity to order; 0: cancel the line."""
    surplus: Decimal
    """The unallocated part of the quantity."""
    allocations: dict[RequirementId, Decimal]
    """The allocations of the remaining requirements, reduced only for those that need less."""
    ordered: Decimal
    """The line's quantity before."""
    minimum: Decimal
    multiple: Decimal
    rule: str = "R12"

    @property
    def cut(self) -> Decimal:
        """By how much the line shrinks."""
        return self.ordered - self.quantity

    @property
    def why(self) -> str:
        """The arithmetic, in one line."""
        left = " + ".join(figure(quantity) for quantity in self.allocations.values()) or "nothing"
        if not self.cut:
            return f"{left} remains allocated; lots leave the {figure(self.ordered)} ordered as they are"
        return f"{left} remains allocated: {figure(self.quantity)} ordered, {figure(self.surplus)} surplus"

    def reason(self, policy_version: str) -> Reason:
        """The outcome for trace and audit; the terms are master data, not policy."""
        return Reason(
            rule=self.rule,
            why=self.why,
            inputs={
                "ordered": str(self.ordered),
                "allocations": {name: str(quantity) for name, quantity in self.allocations.items()},
                "minimum_quantity": str(self.minimum),
                "multiple": str(self.multiple),
            },
            policy_version=policy_version,
        )


def decrease_shared_line(
    ordered: Decimal,
    allocations: Mapping[RequirementId, Decimal],
    requested: Mapping[RequirementId, Decimal],
    minimum: Decimal,
    multiple: Decimal,
    together: Decimal | None = None,
) -> SharedDecrease:
    """R12: the new quantity is R5 of what remains allocated; those that are not in `requested` keep what they have.

    `requested`: the new quantity of each requirement that needs less, 0 for a withdrawn one. All in the order unit.
    `together`: what remains, where it was summed in other units and rounded once (`lots.needed_together`); None: the
    sum of the allocations. Never more than is ordered: where lots would need more (terms that changed meanwhile) the
    line stays as it is. Raises ValueError for a requirement that asks for more than it has, or has no allocation.
    """
    for requirement, quantity in requested.items():
        if quantity > allocations.get(requirement, _NOTHING):
            held = figure(allocations.get(requirement, _NOTHING))
            raise ValueError(f"{requirement} has {held} of the line and wants {figure(quantity)}: that is no decrease")
    now = {requirement: requested.get(requirement, held) for requirement, held in allocations.items()}
    remaining = {requirement: quantity for requirement, quantity in now.items() if quantity}
    needed = sum(remaining.values(), _NOTHING)
    quantity = min(ordered, size_lots(needed if together is None else together, minimum, multiple, None).total)
    return SharedDecrease(quantity, quantity - needed, remaining, ordered, minimum, multiple)
