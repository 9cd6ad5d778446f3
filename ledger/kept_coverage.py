"""What a requirement that has ended keeps when the plan wants it again: the goods it has received.

Decided here: of which order each received quantity counts. Not here: what it means for the new need (R2).
"""

from collections.abc import Sequence
from decimal import Decimal

from canonical.records import OrderSnapshot, RequirementSnapshot
from canonical.supply import CoverageChanged, ScheduleLine, ScheduleLineState


def kept_coverage(snapshot: RequirementSnapshot, orders: Sequence[OrderSnapshot]) -> tuple[CoverageChanged, ...]:
    """The received schedule lines of the requirement's last cover, order by order; `orders`: those that serve or
    served it.

    The quantity is what the requirement was told; the orders' books only say whose it is, since a lot's surplus went
    to stock and is netted there. `sequence` 0: whatever an order states later replaces it.
    """
    left = [part for part in snapshot.coverage if part.state is ScheduleLineState.RECEIVED]
    kept: list[CoverageChanged] = []
    for order in orders:
        room = None if order is orders[-1] else _received_of(order, snapshot)
        taken, left = _take(left, room)
        if taken:
            kept.append(
                CoverageChanged(
                    order_id=order.id,
                    sequence=0,
                    as_of=snapshot.need.revision.effective_at,
                    supplier=order.supplier,
                    order_number=order.order_number,
                    order_revision=order.revision,
                    request_revision=snapshot.request_revision,
                    schedule_lines=tuple(taken),
                    closed=order.closed,
                )
            )
    return tuple(kept)


def _received_of(order: OrderSnapshot, snapshot: RequirementSnapshot) -> Decimal:
    return sum((line.received_for(snapshot.id) for line in order.lines), Decimal(0))


def _take(schedule_lines: list[ScheduleLine], room: Decimal | None) -> tuple[list[ScheduleLine], list[ScheduleLine]]:
    """The schedule lines that fit into the room (None: all), and what is left of them."""
    taken: list[ScheduleLine] = []
    left: list[ScheduleLine] = []
    for part in schedule_lines:
        quantity = part.quantity if room is None else min(part.quantity, room)
        if quantity > 0:
            taken.append(part.model_copy(update={"quantity": quantity}))
        if part.quantity > quantity:
            left.append(part.model_copy(update={"quantity": part.quantity - quantity}))
        room = None if room is None else room - quantity
    return taken, left
