"""The uses and the supply of components, for engineering changes (R13).

Decided here: which requirements and order lines hold a component, and how each line is allocated. Not here: which of
the demand belongs to the changed assembly, and the dispositions (decisions).

Every open order line of the component counts, whether or not a requirement still requests it, and so do the supply
requests of an order still consolidating. Of received quantities, those for an open requirement count; the rest is the
plant's stock.
"""

from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal

from sqlalchemy import and_, or_, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.bom import BomLineChange, ComponentUse, SuppliedBy, UsedBy
from canonical.identity import OrderId, RequirementId
from canonical.records import OrderLineSnapshot, OrderSnapshot, OrderStage
from canonical.supply import ScheduleLineState
from ledger.consolidation.tables import SupplyRequestRow
from ledger.engineering_change.tables import BomLineRow
from ledger.snapshots.tables import OrderLineRow, OrderRecord, RequirementRecord
from ledger.stock.stock import available_to_promise

_UNSENT = frozenset({OrderStage.CONSOLIDATING, OrderStage.PLACING, OrderStage.UNSENT})
_NOTHING = Decimal(0)


async def where_used(
    connection: AsyncConnection, plant: str, assembly: str, revision: str, components: Sequence[str]
) -> list[ComponentUse]:
    """Open requirements and supply of the components, and their other users; in the order given."""
    users = await _users(connection, plant, components)
    supply = await _supply(connection, plant, components, {user.requirement_id for of in users.values() for user in of})
    others, before = await _assemblies(connection, plant, assembly, revision, components)
    stock = await available_to_promise(connection, plant, components)
    return [
        ComponentUse(
            component=component,
            requirements=tuple(users.get(component, ())),
            supply=tuple(supply.get(component, ())),
            other_assemblies=tuple(sorted(others.get(component, ()))),
            quantity_before=before.get(component),
            stock=max(_NOTHING, stock[component].available_to_promise) if component in stock else _NOTHING,
            stock_unit=stock[component].unit if component in stock else "",
        )
        for component in components
    ]


async def _users(connection: AsyncConnection, plant: str, components: Sequence[str]) -> dict[str, list[UsedBy]]:
    record = RequirementRecord
    query = (
        select(record.item, record.snapshot)
        .where(record.plant == plant, record.item.in_(components), record.closed.is_(False))
        .order_by(record.id)
    )
    found: dict[str, list[UsedBy]] = {}
    for row in await connection.execute(query):
        need = row.snapshot.need
        user = UsedBy(
            requirement_id=row.snapshot.id,
            revision=need.revision,
            unit=need.unit,
            quantity=need.quantity,
            pegs=need.pegs,
        )
        found.setdefault(row.item, []).append(user)
    return found


async def _supply(
    connection: AsyncConnection, plant: str, components: Sequence[str], open_requirements: Collection[RequirementId]
) -> dict[str, list[SuppliedBy]]:
    record = RequirementRecord
    of_item = select(record.id).where(record.plant == plant, record.item.in_(components))
    # The first requirement of a shared line is of the same item, so that it finds the line for all of them.
    lined = select(OrderLineRow.order_id).where(OrderLineRow.requirement_id.in_(of_item))
    still_open = of_item.where(record.closed.is_(False))
    served = union(
        select(OrderLineRow.order_id).where(OrderLineRow.requirement_id.in_(still_open)),
        select(SupplyRequestRow.order_id).where(SupplyRequestRow.requirement_id.in_(still_open)),
    )
    query = select(OrderRecord.snapshot).where(
        or_(and_(OrderRecord.closed.is_(False), OrderRecord.id.in_(lined)), OrderRecord.id.in_(served))
    )
    found: dict[str, list[SuppliedBy]] = {}
    for order in (await connection.execute(query.order_by(OrderRecord.id))).scalars():
        for line in order.lines:
            if order.plant == plant and line.item in components:
                found.setdefault(line.item, []).extend(pieces_of(order, line, open_requirements))
    for item, piece in await _consolidating_supply(connection, plant, components):
        found.setdefault(item, []).append(piece)
    return found


def pieces_of(
    order: OrderSnapshot, line: OrderLineSnapshot, open_requirements: Collection[RequirementId]
) -> Iterator[SuppliedBy]:
    """The quantity that the line delivered for open requirements, and all that it will still deliver while its order is
    open.
    """
    whole = SuppliedBy(
        order_id=order.id,
        order_number=order.order_number,
        supplier=order.supplier,
        line=line.line,
        unit=line.unit,
        quantity=line.quantity - min(line.quantity, line.received),
        date=line.delivery_date,
        unsent=order.stage in _UNSENT,
    )
    days = [
        part.date for part in line.schedule_lines if part.state is ScheduleLineState.RECEIVED and part.date is not None
    ]
    came_on = max(days, default=line.delivery_date)
    served = [share.requirement_id for share in line.shares] or [line.requirement_id]
    for requirement in served:
        came = line.received_for(requirement)
        if came and requirement in open_requirements:
            brought = {"requirement_id": requirement, "quantity": came, "received": True, "date": came_on}
            yield whole.model_copy(update=brought)
    if order.closed or line.cancelled:
        return
    parts = [part for part in line.schedule_lines if part.state is not ScheduleLineState.RECEIVED]
    coming = [
        whole.model_copy(
            update={"quantity": part.quantity, "date": part.date, "shipped": part.state is ScheduleLineState.SHIPPED}
        )
        for part in parts
    ]
    yield from _dealt(line, coming if line.schedule_lines else [whole])


def _dealt(line: OrderLineSnapshot, coming: Sequence[SuppliedBy]) -> Iterator[SuppliedBy]:
    """The line's quantity by requirement; a shared line's firmest quantities are allocated first, in the line's own
    order.

    That order is R11's: the line serves one date, and the order sorts its allocations by criticality and id. The
    unallocated rest is the surplus of the lot.
    """
    if not line.shares:
        yield from (piece.model_copy(update={"requirement_id": line.requirement_id}) for piece in coming)
        return
    allocations = [
        (share.requirement_id, share.quantity - min(share.quantity, share.received)) for share in line.shares
    ]
    for piece in sorted(coming, key=lambda each: (each.date is None, each.date, not each.shipped)):
        left = piece.quantity
        for place, (requirement, still_allocated) in enumerate(allocations):
            taken = min(left, still_allocated)
            if taken:
                allocations[place] = (requirement, still_allocated - taken)
                left -= taken
                yield piece.model_copy(update={"requirement_id": requirement, "quantity": taken})
        if left:
            yield piece.model_copy(update={"quantity": left})


async def _consolidating_supply(
    connection: AsyncConnection, plant: str, components: Sequence[str]
) -> list[tuple[str, SuppliedBy]]:
    """By item, the supply requests of orders that have no lines yet."""
    row = SupplyRequestRow
    query = (
        select(row.item, row.order_id, row.supplier, row.request, OrderRecord.snapshot)
        .outerjoin(OrderRecord, OrderRecord.id == row.order_id)
        .where(row.plant == plant, row.item.in_(components), row.lines > 0)
        .where(or_(OrderRecord.id.is_(None), OrderRecord.closed.is_(False)))
        .order_by(row.order_id, row.arrival)
    )
    found = []
    for item, order, supplier, request, snapshot in await connection.execute(query):
        if snapshot is not None and snapshot.lines:
            continue
        piece = SuppliedBy(
            order_id=OrderId(order),
            order_number=None,
            supplier=supplier,
            line=0,
            requirement_id=request.requirement_id,
            unit=request.unit,
            quantity=sum(request.lots, _NOTHING),
            date=request.dock_date,
            unsent=True,
        )
        found.append((item, piece))
    return found


async def _assemblies(
    connection: AsyncConnection, plant: str, assembly: str, revision: str, components: Sequence[str]
) -> tuple[dict[str, set[str]], dict[str, Decimal]]:
    """By component, the other assemblies whose newest revision keeps it, and the quantity that this assembly used
    before.
    """
    row = BomLineRow
    query = (
        select(row.assembly, row.revision, row.component, row.quantity, row.change)
        .where(row.plant == plant, row.component.in_(components))
        .order_by(row.effective_from, row.revision)
    )
    newest: dict[tuple[str, str], tuple[str, Decimal]] = {}
    for found in await connection.execute(query):
        if (found.assembly, found.revision) != (assembly, revision):
            newest[found.component, found.assembly] = (found.change, found.quantity)
    others: dict[str, set[str]] = {}
    before: dict[str, Decimal] = {}
    for (component, of), (change, quantity) in newest.items():
        if change == BomLineChange.REMOVED:
            continue
        if of == assembly:
            before[component] = quantity
        else:
            others.setdefault(component, set()).add(of)
    return others, before


__all__ = ["pieces_of", "where_used"]
