"""Promises: kept beside each order line as it is recorded, and read as counts of those that are settled.

Decided here: which day a supplier has promised: the first one confirmed for the whole of what is asked now. A later
answer that moves it does not make it kept. Not here: how late that is in working days, and what it says of the next
promise (decisions.promises).
"""

import datetime as dt
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import case, func, or_, select
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.base import Model
from canonical.exception import ExceptionKind
from canonical.records import ExceptionState, OrderLineSnapshot, OrderSnapshot
from canonical.supply import ScheduleLineState
from ledger.database import autocommit
from ledger.promises.tables import PromiseRow
from ledger.snapshots.tables import ExceptionRecord, OrderRecord

_FIRM = frozenset({ScheduleLineState.CONFIRMED, ScheduleLineState.SHIPPED})


class SettledPromises(Model):
    """Promises that came true or not, equally late: `count` of them."""

    plant: str
    supplier: str
    item_class: str
    promised_on: dt.date
    received_on: dt.date | None
    lacking: Decimal
    """The share of the quantity that never came."""
    count: int


class Promises:
    """Reads the settled promises."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def settled(self, since: dt.date) -> list[SettledPromises]:
        """Those promised for this day or later."""
        row = PromiseRow
        lacking = func.round(func.greatest(row.quantity - row.received, 0) / row.quantity, 3).label("lacking")
        columns = (row.plant, row.supplier, row.item_class, row.promised_on, row.received_on, lacking)
        query = select(*columns, func.count().label("count")).where(
            row.done, row.promised_on >= since, row.quantity > 0
        )
        async with autocommit(self._engine) as connection:
            rows = await connection.execute(query.group_by(*columns))
            return [SettledPromises.model_validate(found._mapping) for found in rows]

    async def open_orders(
        self, plants: Collection[str], warned: Collection[str], after: str, limit: int
    ) -> list[OrderSnapshot]:
        """Open orders with a promise at these plants that is not settled, and these orders; by id, after this one."""
        row, record = PromiseRow, OrderRecord
        waited = select(row.order_id).where(~row.done, row.plant.in_(list(plants)), row.promised_on.is_not(None))
        query = (
            select(record.snapshot)
            .where(or_(record.id.in_(waited), record.id.in_(list(warned))), ~record.closed, record.id > after)
            .order_by(record.id)
            .limit(limit)
        )
        async with autocommit(self._engine) as connection:
            return list((await connection.scalars(query)).all())

    async def warned_orders(self) -> list[str]:
        """Orders that ask about a promise at risk."""
        record = ExceptionRecord
        query = select(record.raised_by).where(
            record.state == ExceptionState.OPEN, record.kind == ExceptionKind.EARLY_WARNING
        )
        async with autocommit(self._engine) as connection:
            return sorted(set((await connection.scalars(query)).all()))


async def write_promises(connection: AsyncConnection, orders: Iterable[OrderSnapshot]) -> None:
    """Keep what the orders' suppliers have promised and brought; the orders' rows are already locked."""
    rows = [columns for order in orders for line in order.lines if (columns := promise_columns(order, line))]
    if rows:
        await connection.execute(_UPSERT, rows)


def promise_columns(order: OrderSnapshot, line: OrderLineSnapshot) -> dict[str, Any] | None:
    """The row of a line's promise; None while nothing is promised and nothing has come."""
    firm = [part for part in line.schedule_lines if part.state in _FIRM and part.date is not None]
    if line.quantity <= 0 or not (firm or line.received):
        return None
    whole = sum((part.quantity for part in firm), line.received) >= line.quantity
    came = [part.date for part in line.schedule_lines if part.state is ScheduleLineState.RECEIVED]
    return {
        "order_id": order.id,
        "line": line.line,
        "plant": order.plant,
        "supplier": order.supplier,
        "item": line.item,
        "item_class": line.item_class,
        "asked_for": line.delivery_date,
        "promised_on": max((part.date for part in firm if part.date), default=None) if whole else None,
        "quantity": line.quantity,
        "received": line.received,
        "received_on": max((day for day in came if day), default=None),
        "done": not line.cancelled and (order.closed or line.received >= line.quantity),
    }


def _upsert() -> Insert:
    row, statement = PromiseRow, insert(PromiseRow)
    new = statement.excluded
    first = func.coalesce(row.promised_on, new.promised_on)
    changed = ("asked_for", "quantity", "received", "received_on", "done")
    return statement.on_conflict_do_update(
        index_elements=[row.order_id, row.line],
        set_={name: new[name] for name in changed}
        | {
            "promised_on": case(
                (row.asked_for == new.asked_for, first), else_=func.coalesce(new.promised_on, row.promised_on)
            )
        },
        where=or_(row.promised_on.is_(None), *(getattr(row, name).is_distinct_from(new[name]) for name in changed)),
    )


_UPSERT = _upsert()
