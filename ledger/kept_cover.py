"""What a requirement that has ended keeps when the plan wants it again: the goods it has received.

Decided here: of which order each received quantity counts. Not here: what it means for the new need (R2).
"""

from collections.abc import Sequence
from decimal import Decimal

from canonical.cover import CoverageChanged, SliceState, SupplySlice
from canonical.records import OrderSnapshot, RequirementSnapshot


def kept_cover(snapshot: RequirementSnapshot, orders: Sequence[OrderSnapshot]) -> tuple[CoverageChanged, ...]:
    """The received slices of the requirement's last cover, order by order; `orders`: those that serve or served it.

    The quantity is what the requirement was told; the orders' books only say whose it is, since a lot's surplus went
    to stock and is netted there. `sequence` 0: whatever an order states later replaces it.
    """
    left = [part for part in snapshot.cover if part.state is SliceState.RECEIVED]
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
                    need_revision=snapshot.need_revision,
                    slices=tuple(taken),
                    closed=order.closed,
                )
            )
    return tuple(kept)


def _received_of(order: OrderSnapshot, snapshot: RequirementSnapshot) -> Decimal:
    return sum((line.received_for(snapshot.id) for line in order.lines), Decimal(0))


def _take(slices: list[SupplySlice], room: Decimal | None) -> tuple[list[SupplySlice], list[SupplySlice]]:
    """The slices that fit into the room (None: all), and what is left of them."""
    taken: list[SupplySlice] = []
    left: list[SupplySlice] = []
    for part in slices:
        quantity = part.quantity if room is None else min(part.quantity, room)
        if quantity > 0:
            taken.append(part.model_copy(update={"quantity": quantity}))
        if part.quantity > quantity:
            left.append(part.model_copy(update={"quantity": part.quantity - quantity}))
        room = None if room is None else room - quantity
    return taken, left
