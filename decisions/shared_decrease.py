"""R12, shared decrease: what is left of an order line when one of the requirements that share it wants less.

What is decided here: the line's new quantity; nobody else's allocation moves. Not here: whether the line may still be
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
    """The line as it is to be, in the order unit."""

    quantity: Decimal
    """What is to be ordered; 0: the line is to be cancelled."""
    surplus: Decimal
    """What of it nobody is allocated."""
    allocations: dict[RequirementId, Decimal]
    """What each requirement that stays has of it, as before but for those that wanted less."""
    ordered: Decimal
    """What the line was."""
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
) -> SharedDecrease:
    """R12: the new quantity is R5 of what remains allocated; those that are not in `wanted` keep what they have.

    `wanted`: what each requirement that wants less wants now, 0 for one that is withdrawn. All in the order unit. Never
    more than is ordered: where lots would ask for more (terms that changed meanwhile) the line stays as it is. Raises
    ValueError for a requirement that wants more than it has, or has nothing of the line.
    """
    for requirement, quantity in requested.items():
        if quantity > allocations.get(requirement, _NOTHING):
            held = figure(allocations.get(requirement, _NOTHING))
            raise ValueError(f"{requirement} has {held} of the line and wants {figure(quantity)}: that is no decrease")
    now = {requirement: requested.get(requirement, held) for requirement, held in allocations.items()}
    remaining = {requirement: quantity for requirement, quantity in now.items() if quantity}
    needed = sum(remaining.values(), _NOTHING)
    quantity = min(ordered, size_lots(needed, minimum, multiple, None).total)
    return SharedDecrease(quantity, quantity - needed, remaining, ordered, minimum, multiple)
