"""Attempts: audit events that two attempts of one workflow task left at the same place of a chain.

A local activity runs inside the workflow task that decided it. When that task is not accepted in the end (a message
came in between, the worker died), Temporal has the workflow decide again, at a later moment and perhaps on more
messages: the ledger then holds audit events of an attempt that never happened. Decided here: the later attempt holds,
and what
it replaces is kept aside, never lost. Two audit events of the same moment are two writers, and that is loud.
"""

import logging
from collections.abc import Sequence

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.errors import PermanentError
from canonical.audit_event import FIRST_HASH, AuditEvent
from canonical.records import AuditBatch
from ledger.stock.tables import StockRow
from ledger.tables import AuditEventRow, ExceptionRecord, OrderRecord, RequirementRecord, SupersededAuditEventRow

log = logging.getLogger("pegline.ledger")


class AuditEventConflict(PermanentError):
    """Two writers claim the same place in an entity's chain; one of them must not exist."""

    def __init__(self, entity_id: str, sequence: int, kept: str, given: str) -> None:
        super().__init__(
            "ledger",
            f"audit event {sequence} of {entity_id} is recorded with hash {kept} and was given again with {given}: two "
            "writers of one entity; compare both runs of its workflow and end the one that should not exist",
        )
        self.entity_id = entity_id
        self.sequence = sequence


async def settle_attempts(connection: AsyncConnection, audit_batches: Sequence[AuditBatch]) -> list[AuditBatch]:
    """The entries that hold; makes room where a later attempt replaces an earlier one. Raises AuditEventConflict."""
    return [audit_batch for audit_batch in audit_batches if await _holds(connection, audit_batch)]


async def _holds(connection: AsyncConnection, audit_batch: AuditBatch) -> bool:
    if not audit_batch.audit_events:
        return True
    entity_id = audit_batch.audit_events[0].entity_id
    existing = await connection.execute(
        select(AuditEventRow.sequence, AuditEventRow.hash, AuditEventRow.processing_time)
        .where(AuditEventRow.entity_id == entity_id, AuditEventRow.sequence >= audit_batch.audit_events[0].sequence - 1)
        .with_for_update()
    )
    kept = {row.sequence: row for row in existing}
    fork = next(
        (
            audit_event
            for audit_event in audit_batch.audit_events
            if audit_event.sequence in kept and kept[audit_event.sequence].hash != audit_event.hash
        ),
        None,
    )
    if fork is None:
        return True
    other = kept[fork.sequence]
    if fork.processing_time < other.processing_time:
        log.warning(
            "%s: audit events from %s on are of an attempt that was given up; ignored", entity_id, fork.sequence
        )
        return False
    before = kept[fork.sequence - 1].hash if fork.sequence - 1 in kept else FIRST_HASH
    if fork.processing_time == other.processing_time or before != fork.previous_hash:
        raise AuditEventConflict(entity_id, fork.sequence, other.hash, fork.hash)
    await _set_aside(connection, fork)
    return True


async def _set_aside(connection: AsyncConnection, fork: AuditEvent) -> None:
    """Keep the audit events of the earlier attempt apart, and let the later one's snapshot in."""
    log.warning("%s: a later attempt replaces the audit events from %s on", fork.entity_id, fork.sequence)
    replaced = (AuditEventRow.entity_id == fork.entity_id) & (AuditEventRow.sequence >= fork.sequence)
    columns = [column for column in AuditEventRow.__table__.columns if column.name != "recorded_at"]
    await connection.execute(
        insert(SupersededAuditEventRow).from_select(
            [column.name for column in columns], select(*columns).where(replaced)
        )
    )
    await connection.execute(delete(AuditEventRow).where(replaced))
    for record in (RequirementRecord, OrderRecord, ExceptionRecord, StockRow):
        await connection.execute(
            update(record)
            .where(record.id == fork.entity_id, record.sequence >= fork.sequence)
            .values(sequence=fork.sequence - 1)
        )
