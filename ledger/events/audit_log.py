"""What entities leave in the ledger: audit events for the audit and snapshots for the reads, in one transaction.

Decided here: that an audit event is written once and never rewritten, and that a snapshot never goes back in time. Not
here: what the audit events say; the hash chain is the entity's.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, assert_never

from sqlalchemy import Numeric, Table, Text, Update, any_, bindparam, delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.dml import ReturningInsert

from canonical.audit_event import AuditEvent
from canonical.records import (
    AuditBatch,
    ChangeSnapshot,
    ExceptionSnapshot,
    OrderSnapshot,
    RequirementSnapshot,
    StockSnapshot,
)
from ledger.database import transaction
from ledger.events.attempts import AuditEventConflict, settle_attempts
from ledger.line_columns import asked_of, line_columns, received_of
from ledger.stock.tables import StockRow
from ledger.tables import (
    AuditEventRow,
    Base,
    ChangeRecord,
    ExceptionRecord,
    OrderLineRow,
    OrderRecord,
    RequirementRecord,
    SupplyRequestRow,
)


class AuditLog:
    """Records entries (LedgerPort.record)."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def record(self, audit_batches: Sequence[AuditBatch]) -> None:
        """Write audit events once by (entity, sequence) and snapshots where newer; AuditEventConflict writes nothing
        at all.

        Where an earlier attempt of the same workflow task left other audit events, the later attempt holds.
        """
        try:
            async with transaction(self._engine) as connection:
                await _write(connection, audit_batches)
        except AuditEventConflict:
            async with transaction(self._engine) as connection:
                await _write(connection, await settle_attempts(connection, audit_batches))


async def _write(connection: AsyncConnection, audit_batches: Sequence[AuditBatch]) -> None:
    audit_events = _by_place(audit_event for audit_batch in audit_batches for audit_event in audit_batch.audit_events)
    newest: dict[str, AuditBatch] = {}
    for audit_batch in audit_batches:
        if (kept := newest.get(audit_batch.snapshot.id)) is None or audit_batch.sequence >= kept.sequence:
            newest[audit_batch.snapshot.id] = audit_batch
    tables: tuple[type[Base], ...] = (RequirementRecord, OrderRecord, ExceptionRecord, ChangeRecord, StockRow)
    rows: dict[type[Base], list[dict[str, Any]]] = {table: [] for table in tables}
    # In the order of ids and of tables, so that two calls that meet wait for each other and never in a circle.
    for _, audit_batch in sorted(newest.items()):
        table, columns = _row(audit_batch)
        rows[table].append(columns)
    await _write_audit_events(connection, audit_events)
    for table, given in rows.items():
        written = await _write_newer(connection, table, given)
        if table is OrderRecord:
            await _write_lines(connection, [row["snapshot"] for row in given if row["id"] in written])


def _by_place(audit_events: Iterable[AuditEvent]) -> list[AuditEvent]:
    """Each (entity, sequence) once, in that order."""
    places: dict[tuple[str, int], AuditEvent] = {}
    for audit_event in audit_events:
        first = places.setdefault((audit_event.entity_id, audit_event.sequence), audit_event)
        if first.hash != audit_event.hash:
            raise AuditEventConflict(audit_event.entity_id, audit_event.sequence, first.hash, audit_event.hash)
    return [places[place] for place in sorted(places)]


_AUDIT_EVENTS_ONCE = (
    insert(AuditEventRow)
    # DO UPDATE rather than DO NOTHING: it answers with the hash that stands, also where another writer was faster.
    .on_conflict_do_update(
        index_elements=[AuditEventRow.entity_id, AuditEventRow.sequence], set_={"hash": AuditEventRow.hash}
    )
    .returning(AuditEventRow.entity_id, AuditEventRow.sequence, AuditEventRow.hash)
)


async def _write_audit_events(connection: AsyncConnection, audit_events: Sequence[AuditEvent]) -> None:
    if not audit_events:
        return
    existing = await connection.execute(
        _AUDIT_EVENTS_ONCE, [_audit_event_row(audit_event) for audit_event in audit_events]
    )
    hashes = {(entity_id, sequence): kept for entity_id, sequence, kept in existing}
    for audit_event in audit_events:
        kept = hashes[audit_event.entity_id, audit_event.sequence]
        if kept != audit_event.hash:
            raise AuditEventConflict(audit_event.entity_id, audit_event.sequence, kept, audit_event.hash)


def _audit_event_row(audit_event: AuditEvent) -> dict[str, Any]:
    return {
        "entity_id": audit_event.entity_id,
        "sequence": audit_event.sequence,
        "kind": audit_event.kind,
        "business_time": audit_event.business_time,
        "business_offset_seconds": _offset_seconds(audit_event.business_time),
        "processing_time": audit_event.processing_time,
        "processing_offset_seconds": _offset_seconds(audit_event.processing_time),
        "data": audit_event.data,
        "previous_hash": audit_event.previous_hash,
        "hash": audit_event.hash,
    }


def _offset_seconds(instant: datetime) -> int:
    offset = instant.utcoffset()
    return 0 if offset is None else round(offset.total_seconds())


def _row(audit_batch: AuditBatch) -> tuple[type[Base], dict[str, Any]]:
    """The table and the columns of an entry's snapshot."""
    snapshot = audit_batch.snapshot
    common = {"id": snapshot.id, "sequence": audit_batch.sequence, "snapshot": snapshot}
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
            }
        case OrderSnapshot():
            return OrderRecord, common | {
                "plant": snapshot.plant,
                "supplier": snapshot.supplier,
                "order_number": snapshot.order_number,
                "requisition_number": snapshot.requisition_number,
                "stage": snapshot.stage,
                "closed": snapshot.closed,
            }
        case ExceptionSnapshot():
            return ExceptionRecord, common | {
                "raised_by": snapshot.raised_by,
                "plant": snapshot.proposal.plant,
                "kind": snapshot.proposal.kind,
                "state": snapshot.state,
                "assignee": snapshot.assignee,
                "opened_at": snapshot.opened_at,
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


async def _write_newer(connection: AsyncConnection, record: type[Base], rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Upsert snapshots unless a newer one stands; the ids that were written."""
    if not rows:
        return set()
    written = await connection.execute(_newer(record, tuple(rows[0])), rows)
    return set(written.scalars())


@cache
def _newer(record: type[Base], columns: tuple[str, ...]) -> ReturningInsert[str]:
    """The upsert of a record's snapshots; built once, which costs as much as running it."""
    table = record.__table__
    assert isinstance(table, Table)
    statement = insert(table).values(recorded_at=func.now())
    statement = statement.on_conflict_do_update(
        index_elements=[table.c.id],
        set_={name: statement.excluded[name] for name in (*columns, "recorded_at") if name != "id"},
        where=func.coalesce(table.c.sequence, 0) <= statement.excluded.sequence,
    )
    return statement.returning(table.c.id)


async def _write_lines(connection: AsyncConnection, orders: Sequence[OrderSnapshot]) -> None:
    """Bring order_line, and what the consolidation batches say was asked, to the snapshots; their orders' rows are
    locked by now."""
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
    # What a shared line asks for is told once, with its first requirement; the others ask for nothing beside it.
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
    """R14: from the first line on, what an order asks for is what its lines say, in the need's unit."""
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
