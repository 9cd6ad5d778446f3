"""R2, netting: how much of a need has not been requested from anybody yet.

Decided here: how much an allocation counts. Not here: stock and receipts (the plan nets stock before it states a need)
and dates (R7).
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from canonical.reason import Reason, figure
from canonical.supply import OrderCoverage, ScheduleLine, ScheduleLineState

_ZERO = Decimal(0)
_BROUGHT = frozenset({ScheduleLineState.RECEIVED})
_CONFIRMED = _BROUGHT | {ScheduleLineState.ORDERED, ScheduleLineState.CONFIRMED, ScheduleLineState.SHIPPED}
"""The states that count as confirmed: the supplier has not withdrawn them; unanswered quantities count as ordered."""


class Allocation(NamedTuple):
    """A document's allocation to a requirement; `confirmed` None: nothing confirmed."""

    ordered: Decimal
    confirmed: Decimal | None = None
    acknowledged: bool = False


class Netting(NamedTuple):
    """The uncovered quantity, and how it was calculated."""

    need: Decimal
    counted: tuple[tuple[str, Decimal], ...]
    """The counted quantity of each document."""
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
    """R2: the uncovered quantity; never negative."""
    return max(_ZERO, need - sum(map(counted, allocations), _ZERO))


def allocation_of(coverage: OrderCoverage) -> Allocation:
    """An order's allocation to the requirement, in the need's unit.

    Acknowledged once the order has answered the newest supply request: backordered or refused quantities are then not
    confirmed. Of a closed order only the received quantity counts, and its open quantity (R3) until that is ordered
    again by a request of its own. Never less than the received quantity: an order that is released keeps what is on
    stock.
    """
    if coverage.reported is None or coverage.pending:
        return Allocation(ordered=max(coverage.needed, coverage.received))
    counts = _BROUGHT if coverage.closed else _CONFIRMED
    confirmed = sum((part.quantity for part in coverage.supply if part.state in counts), coverage.open_quantity)
    return Allocation(ordered=coverage.needed, confirmed=confirmed, acknowledged=True)


def left_to_order(need: Decimal, coverages: Iterable[OrderCoverage], kept: Iterable[ScheduleLine] = ()) -> Netting:
    """R2: the part of the need, in its unit, that no order covers; `kept` was received in an earlier run."""
    allocations = [(str(coverage.order_id), allocation_of(coverage)) for coverage in coverages]
    stock = sum((part.quantity for part in kept), _ZERO)
    if stock:
        allocations.insert(0, ("stock", Allocation(ordered=stock)))
    missing = uncovered(need, (allocation for _, allocation in allocations))
    return Netting(need, tuple((name, counted(allocation)) for name, allocation in allocations), missing)
