"""R2, netting: how much of a need nobody has been asked for yet.

What is decided here: what an allocation counts for. Not here: stock and receipts (the plan nets stock before it states
a need) and dates (R7).
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from canonical.reason import Reason, figure
from canonical.supply import OrderCoverage, ScheduleLine, ScheduleLineState

_ZERO = Decimal(0)
_BROUGHT = frozenset({ScheduleLineState.RECEIVED})
_CONFIRMED = _BROUGHT | {ScheduleLineState.ORDERED, ScheduleLineState.CONFIRMED, ScheduleLineState.SHIPPED}
"""Of a statement, what the supplier has not taken back; a part that it has not answered yet counts as ordered."""


class Allocation(NamedTuple):
    """What one document holds for a requirement; `confirmed` None: nothing confirmed."""

    ordered: Decimal
    confirmed: Decimal | None = None
    acknowledged: bool = False


class Netting(NamedTuple):
    """What is left to ask for, and of what it is left."""

    need: Decimal
    counted: tuple[tuple[str, Decimal], ...]
    """By document, what it counts for."""
    uncovered: Decimal
    rule: str = "R2"

    @property
    def why(self) -> str:
        """The sum, in one line."""
        held = "".join(f", {name} holds {figure(quantity)}" for name, quantity in self.counted)
        return f"{figure(self.need)} needed{held}: {figure(self.uncovered)} uncovered"

    def reason(self, policy_version: str) -> Reason:
        """The outcome for trace and audit."""
        held = {name: str(quantity) for name, quantity in self.counted}
        return Reason(
            rule=self.rule, why=self.why, inputs={"need": str(self.need), **held}, policy_version=policy_version
        )


def counted(allocation: Allocation) -> Decimal:
    """The confirmed quantity once acknowledged, else the ordered quantity."""
    if allocation.acknowledged:
        return allocation.confirmed or _ZERO
    return allocation.ordered


def uncovered(need: Decimal, allocations: Iterable[Allocation]) -> Decimal:
    """R2: what is left to ask for; never negative."""
    return max(_ZERO, need - sum(map(counted, allocations), _ZERO))


def allocation_of(coverage: OrderCoverage) -> Allocation:
    """What an order holds for the requirement, in the need's unit.

    Acknowledged once the order has answered the newest supply request: what it backordered or refused is then not
    confirmed. Of
    one that has ended only what it brought counts, and a balance (R3) until it is ordered anew, which is asked apart.
    Never less than it has brought: an order that is asked to let go keeps what is on stock.
    """
    if coverage.reported is None or coverage.pending:
        return Allocation(ordered=max(coverage.needed, coverage.received))
    counts = _BROUGHT if coverage.closed else _CONFIRMED
    confirmed = sum((part.quantity for part in coverage.supply if part.state in counts), coverage.open_quantity)
    return Allocation(ordered=coverage.needed, confirmed=confirmed, acknowledged=True)


def left_to_order(need: Decimal, coverages: Iterable[OrderCoverage], kept: Iterable[ScheduleLine] = ()) -> Netting:
    """R2: what of the need, in its unit, no order holds; `kept` is what was received in a former run."""
    allocations = [(str(coverage.order_id), allocation_of(coverage)) for coverage in coverages]
    stock = sum((part.quantity for part in kept), _ZERO)
    if stock:
        allocations.insert(0, ("stock", Allocation(ordered=stock)))
    missing = uncovered(need, (allocation for _, allocation in allocations))
    return Netting(need, tuple((name, counted(allocation)) for name, allocation in allocations), missing)
