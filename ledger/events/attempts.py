"""Attempts: facts that two attempts of one workflow task left at the same place of a chain.

A local activity runs inside the workflow task that decided it. When that task is not accepted in the end (a message
came in between, the worker died), Temporal has the workflow decide again, at a later moment and perhaps on more
messages: the ledger then holds facts of an attempt that never happened. Decided here: the later attempt holds, and what
it replaces is kept aside, never lost. Two facts of the same moment are two writers, and that is loud.
"""

import logging
from collections.abc import Sequence

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.errors import PermanentError
from canonical.facts import FIRST_HASH, Fact
from canonical.records import Entry
from ledger.stock.tables import StockRow
from ledger.tables import ExceptionRecord, FactRow, FactSupersededRow, OrderRecord, RequirementRecord

log = logging.getLogger("pegline.ledger")


class FactConflict(PermanentError):
    """Two writers claim the same place in an entity's chain; one of them must not exist."""

    def __init__(self, entity_id: str, sequence: int, kept: str, given: str) -> None:
        super().__init__(
            "ledger",
            f"fact {sequence} of {entity_id} is recorded with hash {kept} and was given again with {given}: two "
            "writers of one entity; compare both runs of its workflow and end the one that should not exist",
        )
        self.entity_id = entity_id
        self.sequence = sequence


async def settle_attempts(connection: AsyncConnection, entries: Sequence[Entry]) -> list[Entry]:
    """The entries that hold; makes room where a later attempt replaces an earlier one. Raises FactConflict."""
    return [entry for entry in entries if await _holds(connection, entry)]


async def _holds(connection: AsyncConnection, entry: Entry) -> bool:
    if not entry.facts:
        return True
    entity_id = entry.facts[0].entity_id
    standing = await connection.execute(
        select(FactRow.sequence, FactRow.hash, FactRow.processing_time)
        .where(FactRow.entity_id == entity_id, FactRow.sequence >= entry.facts[0].sequence - 1)
        .with_for_update()
    )
    kept = {row.sequence: row for row in standing}
    fork = next((fact for fact in entry.facts if fact.sequence in kept and kept[fact.sequence].hash != fact.hash), None)
    if fork is None:
        return True
    other = kept[fork.sequence]
    if fork.processing_time < other.processing_time:
        log.warning("%s: facts from %s on are of an attempt that was given up; ignored", entity_id, fork.sequence)
        return False
    before = kept[fork.sequence - 1].hash if fork.sequence - 1 in kept else FIRST_HASH
    if fork.processing_time == other.processing_time or before != fork.previous_hash:
        raise FactConflict(entity_id, fork.sequence, other.hash, fork.hash)
    await _set_aside(connection, fork)
    return True


async def _set_aside(connection: AsyncConnection, fork: Fact) -> None:
    """Keep the facts of the earlier attempt apart, and let the later one's snapshot in."""
    log.warning("%s: a later attempt replaces the facts from %s on", fork.entity_id, fork.sequence)
    replaced = (FactRow.entity_id == fork.entity_id) & (FactRow.sequence >= fork.sequence)
    columns = [column for column in FactRow.__table__.columns if column.name != "recorded_at"]
    await connection.execute(
        insert(FactSupersededRow).from_select([column.name for column in columns], select(*columns).where(replaced))
    )
    await connection.execute(delete(FactRow).where(replaced))
    for record in (RequirementRecord, OrderRecord, ExceptionRecord, StockRow):
        await connection.execute(
            update(record)
            .where(record.id == fork.entity_id, record.sequence >= fork.sequence)
            .values(sequence=fork.sequence - 1)
        )
