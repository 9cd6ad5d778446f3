"""The snapshots that entities record: the read model of lists, traces and questions.

Decided here: that a snapshot never goes back in time, and how an order's lines become supply: the requirements that a
line serves, its confirmed quantity, and its unallocated quantity.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar, assert_never

from sqlalchemy import Numeric, Table, Text, Update, any_, bindparam, delete, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningInsert

from canonical.base import LAST_DAY
from canonical.exception import Proposal
from canonical.records import (
    ChangeSnapshot,
    ExceptionSnapshot,
    OrderLineSnapshot,
    OrderSnapshot,
    RequirementSnapshot,
    Snapshot,
    StockSnapshot,
)
from canonical.supply import ScheduleLine, ScheduleLineState
from ledger.consolidation.tables import SupplyRequestRow
from ledger.database import Base
from ledger.events.chains import Standing
from ledger.promises.promises import write_promises
from ledger.snapshots.search import words_in
from ledger.snapshots.tables import (
    ChangeRecord,
    EndedRow,
    ExceptionRecord,
    OrderLineRow,
    OrderRecord,
    RequirementRecord,
)
from ledger.stock.tables import StockRow

_COMING = frozenset({ScheduleLineState.CONFIRMED, ScheduleLineState.SHIPPED})
_DUE = _COMING | {ScheduleLineState.ORDERED}
_NOTHING = Decimal(0)

_KEPT = ("order_number", "requisition_number")
"""Once known, an order is found by them for good."""

Place = TypeVar("Place")
"""Order and line."""


async def write_snapshots(connection: AsyncConnection, standing: Iterable[Standing]) -> None:
    """Write the newest state of each entity, unless a newer one is recorded."""
    newest: dict[str, Standing] = {}
    for each in standing:
        kept = newest.get(each.audit_batch.snapshot.id)
        if kept is None or each.position >= kept.position:
            newest[each.audit_batch.snapshot.id] = each
    tables: tuple[type[Base], ...] = (RequirementRecord, OrderRecord, ExceptionRecord, ChangeRecord, StockRow)
    rows: dict[type[Base], list[dict[str, Any]]] = {table: [] for table in tables}
    # In the order of ids and of tables, so that concurrent calls wait for each other without a deadlock.
    for _, each in sorted(newest.items()):
        table, columns = _row(each.audit_batch.snapshot, each.position)
        rows[table].append(columns)
    for table, given in rows.items():
        written = await _write_newer(connection, table, given)
        if table is OrderRecord:
            orders = [row["snapshot"] for row in given if row["id"] in written]
            await _write_lines(connection, orders)
            await write_promises(connection, orders)
        if table is ExceptionRecord and written:
            await connection.execute(_ASKED_FOR, {"ids": sorted(written)})
    await _write_ended(connection, [each for _, each in sorted(newest.items())])


async def _write_ended(connection: AsyncConnection, standing: Iterable[Standing]) -> None:
    """Keep the whole state of requirements and orders that have ended."""
    rows = [
        {"id": each.audit_batch.snapshot.id, "position": each.position, "state": each.audit_batch.final_state}
        for each in standing
        if isinstance(each.audit_batch.snapshot, RequirementSnapshot | OrderSnapshot)
        and each.audit_batch.final_state is not None
    ]
    if rows:
        await connection.execute(_ENDED, rows)


def _ended_upsert() -> Insert:
    statement = insert(EndedRow)
    return statement.on_conflict_do_update(
        index_elements=[EndedRow.id],
        set_={"position": statement.excluded.position, "state": statement.excluded.state},
        where=EndedRow.position <= statement.excluded.position,
    )


_ENDED = _ended_upsert()


def _row(snapshot: Snapshot, position: int) -> tuple[type[Base], dict[str, Any]]:
    """A snapshot's table and columns; `position`: of the event that led to it."""
    common = {"id": snapshot.id, "position": position, "snapshot": snapshot}
    match snapshot:
        case RequirementSnapshot(need=need):
            return RequirementRecord, common | {
                "plant": need.plant,
                "item": need.item,
                "source": need.source,
                "demand_reference": need.demand_reference,
                "stage": snapshot.stage,
                "required_date": need.required_date,
                "closed": snapshot.closed,
                "quantity": snapshot.needed,
                "unit": need.unit,
                "from_stock": snapshot.from_stock,
                "received": received_of(snapshot.coverage),
                "planner": need.planner,
                "words": words_in(
                    need.item,
                    need.demand_reference,
                    need.planner,
                    snapshot.id.rpartition("/")[2],
                    snapshot.correlation_id,
                    *(peg.demand for peg in need.pegging),
                ),
            }
        case OrderSnapshot():
            return OrderRecord, common | {
                "plant": snapshot.plant,
                "supplier": snapshot.supplier,
                "erp": snapshot.erp,
                "order_number": snapshot.order_number,
                "requisition_number": snapshot.requisition_number,
                "stage": snapshot.stage,
                "closed": snapshot.closed,
                "sent_references": list(snapshot.sent_references),
                "due_on": due_on(snapshot) or LAST_DAY,
                "words": words_in(
                    snapshot.order_number,
                    snapshot.requisition_number,
                    snapshot.supplier,
                    snapshot.supplier_name,
                    snapshot.id.rpartition("/")[2],
                    snapshot.correlation_id,
                    *(line.item for line in snapshot.lines),
                ),
            }
        case ExceptionSnapshot():
            return ExceptionRecord, common | {
                "raised_by": snapshot.raised_by,
                "plant": snapshot.proposal.plant,
                "kind": snapshot.proposal.kind,
                "state": snapshot.state,
                "assignee": snapshot.assignee,
                "on_behalf_of": snapshot.on_behalf_of,
                "opened_at": snapshot.opened_at,
                "reminders": snapshot.reminders,
                "escalations": snapshot.escalations,
                "digest": snapshot.digest,
                **_asked(snapshot.proposal),
                **_closing(snapshot),
            }
        case ChangeSnapshot(revised=revised):
            return ChangeRecord, common | {
                "plant": revised.plant,
                "assembly": revised.assembly,
                "stage": snapshot.stage,
                "closed": snapshot.closed,
            }
        case StockSnapshot(figure=figure):
            return StockRow, common | {
                "plant": figure.plant,
                "item": figure.item,
                "unit": figure.unit,
                "stage": snapshot.stage,
                "closed": snapshot.closed,
            }
        case _:
            assert_never(snapshot)


def _asked(proposal: Proposal) -> dict[str, Any]:
    """What the list of questions shows of the proposal."""
    return {
        "item": proposal.item,
        "supplier": proposal.supplier,
        "order_number": proposal.order_number,
        "summary": proposal.summary,
        "latest_safe_date": proposal.latest_safe_date,
        "value": proposal.value,
        "currency": proposal.currency,
        "short_quantity": proposal.short_quantity,
        "unit": proposal.unit,
        "working_days_late": proposal.working_days_late,
        "criticality": proposal.criticality,
        "choices": list(dict.fromkeys(each.choice.value for each in proposal.alternatives)),
        "demands": [_stored(demand) for demand in dict.fromkeys(peg.demand for peg in proposal.pegs)],
    }


def _closing(snapshot: ExceptionSnapshot) -> dict[str, Any]:
    decision = snapshot.decision
    if decision is None:
        return {"choice": None, "decided_by": None, "closing_reason": snapshot.closing_reason}
    return {"choice": decision.choice, "decided_by": decision.decided_by, "closing_reason": decision.comment}


def _stored(text: str) -> str:
    """In an array, where `Words` does not reach."""
    return text.replace("\0", "\ufffd")


_ASKED_FOR = text("""
WITH concerned AS (
    SELECT asked.id, requirement.demand_reference, requirement.snapshot -> 'need' AS need
    FROM shortage_exception AS asked
    CROSS JOIN LATERAL (
        SELECT asked.raised_by AS requirement_id
        UNION SELECT requirement_id FROM order_line WHERE order_id = asked.raised_by
        UNION SELECT requirement_id FROM waiting_for_decision WHERE exception_id = asked.id
    ) AS served
    JOIN requirement ON requirement.id = served.requirement_id
    WHERE asked.id = ANY(:ids)
), pegged AS (
    SELECT id, coalesce(peg ->> 'demand', demand_reference) AS demand, min(peg ->> 'date') AS date
    FROM concerned LEFT JOIN LATERAL jsonb_array_elements(need -> 'pegging') AS peg ON true
    GROUP BY 1, 2
)
UPDATE shortage_exception AS asked SET
    planners = ARRAY(
        SELECT DISTINCT need ->> 'planner' FROM concerned
        WHERE concerned.id = asked.id AND need ->> 'planner' IS NOT NULL ORDER BY 1
    ),
    demands = CASE WHEN asked.demands <> '{}' THEN asked.demands ELSE ARRAY(
        SELECT demand FROM pegged WHERE pegged.id = asked.id ORDER BY date NULLS LAST, demand LIMIT 200
    ) END
WHERE asked.id = ANY(:ids)
""").bindparams(bindparam("ids", type_=ARRAY(Text)))
"""A question's planners and, where it names no pegs, its demands: those of the requirements that it is about."""


async def _write_newer(connection: AsyncConnection, record: type[Base], rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Upsert snapshots unless a newer one is stored; returns the ids that were written."""
    if not rows:
        return set()
    written = await connection.execute(_newer(record, tuple(rows[0])), rows)
    return set(written.scalars())


@cache
def _newer(record: type[Base], columns: tuple[str, ...]) -> ReturningInsert[str]:
    """The upsert of a record's snapshots; built once: building it costs as much as running it."""
    table = record.__table__
    assert isinstance(table, Table)
    statement = insert(table).values(recorded_at=func.now())
    written: dict[str, Any] = {name: statement.excluded[name] for name in (*columns, "recorded_at") if name != "id"}
    # A call that is made again brings the state from before the first one, which may have placed and sent the order.
    written |= {name: func.coalesce(written[name], table.c[name]) for name in _KEPT if name in written}
    statement = statement.on_conflict_do_update(
        index_elements=[table.c.id],
        set_=written,
        where=func.coalesce(table.c.position, 0) <= statement.excluded.position,
    )
    return statement.returning(table.c.id)


async def _write_lines(connection: AsyncConnection, orders: Sequence[OrderSnapshot]) -> None:
    """Update order_line, and the requested quantities of the consolidation batches, from the snapshots; their orders'
    rows are already locked.
    """
    if not orders:
        return
    requested: dict[tuple[str, int], dict[str, Any]] = {
        (order.id, line.line): line_columns(order, line) for order in orders for line in order.lines
    }
    row = OrderLineRow
    found = await connection.execute(_LINES_OF, {"orders": [order.id for order in orders]})
    kept = {(each.order_id, each.line): dict(each._mapping) for each in found}
    if gone := [place for place in kept if place not in requested]:
        await connection.execute(delete(row).where(tuple_(row.order_id, row.line).in_(gone)))
    if changed := [columns for place, columns in requested.items() if kept.get(place) != columns]:
        await connection.execute(_LINES, changed)
    asked_before, asked = asked_of(kept), asked_of(requested)
    new = {place for place, line in asked.items() if asked_before.get(place) != line}
    outdated = {place for place, line in asked_before.items() if asked.get(place) != line}
    touched = {(place[0], asked_before[place][0]) for place in outdated} | {
        (place[0], asked[place][0]) for place in new
    }
    # A shared line's requested quantity counts once, with its first requirement; the others count zero.
    touched |= {
        (order.id, share.requirement_id)
        for order in orders
        for line in order.lines
        if (order.id, line.line) in new
        for share in line.shares
    }
    if touched:
        await _write_asked(connection, touched)


def _lines_upsert() -> Insert:
    statement = insert(OrderLineRow)
    return statement.on_conflict_do_update(
        index_elements=[OrderLineRow.order_id, OrderLineRow.line],
        set_={column.name: column for column in statement.excluded if column.name not in ("order_id", "line")},
    )


_LINES = _lines_upsert()
_LINES_OF = select(OrderLineRow.__table__).where(OrderLineRow.order_id == any_(bindparam("orders", type_=ARRAY(Text))))


async def _write_asked(connection: AsyncConnection, served: Collection[tuple[str, str]]) -> None:
    """R14: once an order has lines, its requested quantities are those of its lines, in the need's unit."""
    await connection.execute(_ASKED, {"served": sorted(served)})


def _asked_by_lines() -> Update:
    factor = SupplyRequestRow.request["per_order_unit"]
    lines = (
        select(func.coalesce(func.sum(OrderLineRow.quantity), 0))
        .where(OrderLineRow.order_id == SupplyRequestRow.order_id)
        .where(OrderLineRow.requirement_id == SupplyRequestRow.requirement_id)
        .scalar_subquery()
    )
    place = tuple_(SupplyRequestRow.order_id, SupplyRequestRow.requirement_id)
    return (
        update(SupplyRequestRow)
        .where(place.in_(bindparam("served", expanding=True)))
        .values(asked=lines * factor[0].astext.cast(Numeric) / factor[1].astext.cast(Numeric))
    )


_ASKED = _asked_by_lines()


def line_columns(order: OrderSnapshot, line: OrderLineSnapshot) -> dict[str, Any]:
    """The row of a line. Confirmed supply meets the allocations first; the last to come is surplus."""
    coming = (
        [] if order.closed else [part for part in line.schedule_lines if part.state in _COMING and part.quantity > 0]
    )
    total = _sum(coming)
    confirmed = min(total, max(_NOTHING, line.allocated - line.received))
    spare = _last(coming, total - confirmed)
    return {
        "order_id": order.id,
        "line": line.line,
        "requirement_id": line.requirement_id,
        "quantity": _NOTHING if line.cancelled else line.quantity,
        "plant": order.plant,
        "item": line.item,
        "unit": line.unit,
        "coming": bool(coming),
        "confirmed": confirmed,
        "spare": spare or None,
    }


def asked_of(rows: Mapping[Place, Mapping[str, Any]]) -> dict[Place, tuple[str, Decimal]]:
    """R14: the quantity that each line requests from the supplier, by requirement."""
    return {place: (row["requirement_id"], row["quantity"]) for place, row in rows.items()}


def due_on(order: OrderSnapshot) -> dt.date | None:
    """The earliest date of what is still to come; None: nothing is, or it has no firm date."""
    if order.closed:
        return None
    dates = (part.date for line in order.lines for part in line.schedule_lines if part.state in _DUE and part.quantity)
    return min((day for day in dates if day is not None), default=None)


def received_of(coverage: Iterable[ScheduleLine]) -> Decimal:
    """The quantity of a requirement's coverage that is on stock."""
    return _sum(part for part in coverage if part.state is ScheduleLineState.RECEIVED)


def _last(coming: Iterable[ScheduleLine], spare: Decimal) -> list[list[str]]:
    """The last quantities to come, up to so much; undated ones come last, and nobody can rely on them."""
    parts = list(coming)
    dated = [(part.date, part.quantity) for part in parts if part.date is not None]
    spare -= _sum(part for part in parts if part.date is None)
    found: list[list[str]] = []
    for date, quantity in sorted(dated, reverse=True):
        taken = min(spare, quantity)
        if taken > 0:
            found.insert(0, [date.isoformat(), str(taken)])
            spare -= taken
    return found


def _sum(parts: Iterable[ScheduleLine]) -> Decimal:
    return sum((part.quantity for part in parts), _NOTHING)
