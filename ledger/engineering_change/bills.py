"""Bills of material as revised by engineering changes, and which revisions are new (R10).

Decided here: how a revision relates to earlier records of it. Not here: where components are used (where_used).
"""

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from canonical.base import Model
from canonical.bom import BomRevised, ComponentUse
from canonical.identity import ChangeId
from canonical.records import ChangeSnapshot, ChangeStage
from ledger.database import transaction
from ledger.engineering_change.tables import BomLineRow
from ledger.engineering_change.where_used import where_used
from ledger.events.chains import counts
from ledger.snapshots.tables import ChangeRecord


class BomNewness(StrEnum):
    """How a revision relates to earlier records of it."""

    NEW = "news"
    REOPEN = "reopen"
    """The change has ended, and its revision has different content now."""
    UNCHANGED = "unchanged"
    STALE = "stale"
    SUPERSEDED = "superseded"
    """Another revision has replaced it."""


class BomClassification(Model):
    """The classification; for a reopening also the position where the audit events of the former run ended."""

    outcome: BomNewness
    next_sequence: int = 1


class Bills:
    """Classifies, records and looks up revisions."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def classify(self, revised: BomRevised) -> BomClassification:
        """Classify a revision: R10 first, then whether its content differs."""
        record = ChangeRecord
        async with transaction(self._engine) as connection:
            if await _superseded_by(connection, revised.plant, revised.assembly, revised.revision) is not None:
                return BomClassification(outcome=BomNewness.SUPERSEDED)
            query = select(record.registered, record.snapshot, record.closed).where(record.id == revised.id)
            row = (await connection.execute(query)).one_or_none()
            known = _newest(row.registered, row.snapshot) if row is not None else None
            if known is None:
                return BomClassification(outcome=BomNewness.NEW)
            if revised.stated.rank <= known.stated.rank:
                return BomClassification(outcome=BomNewness.STALE)
            if known.model_copy(update={"stated": revised.stated}) == revised:
                return BomClassification(outcome=BomNewness.UNCHANGED)
            if row is None or not row.closed:
                return BomClassification(outcome=BomNewness.NEW)
            counted = await counts(connection, [revised.id])
            return BomClassification(outcome=BomNewness.REOPEN, next_sequence=counted[revised.id] + 1)

    async def register(self, revised: BomRevised) -> None:
        """Record a revision as delivered, with its lines; one older than the recorded one changes nothing."""
        record = ChangeRecord
        async with transaction(self._engine) as connection:
            place = {"id": revised.id, "plant": revised.plant, "assembly": revised.assembly}
            await connection.execute(insert(record).values(**place).on_conflict_do_nothing())
            query = select(record.registered).where(record.id == revised.id).with_for_update()
            registered = (await connection.execute(query)).scalar_one()
            if registered is not None and revised.stated.rank <= registered.stated.rank:
                return
            await connection.execute(
                insert(record)
                .values(**place, registered=revised)
                .on_conflict_do_update(index_elements=[record.id], set_={"registered": revised})
            )
            await _write_lines(connection, revised)
            if revised.superseded is not None:
                await _forget_lines(connection, revised)

    async def superseded_by(self, plant: str, assembly: str, revision: str) -> ChangeId | None:
        """The change whose revision replaces this one (LedgerPort)."""
        async with transaction(self._engine) as connection:
            return await _superseded_by(connection, plant, assembly, revision)

    async def where_used(
        self, plant: str, assembly: str, revision: str, components: Sequence[str]
    ) -> list[ComponentUse]:
        """Open requirements and open supply of the components, and their other users; in the order given."""
        async with transaction(self._engine) as connection:
            return await where_used(connection, plant, assembly, revision, components)

    async def change(self, change_id: str) -> ChangeSnapshot | None:
        """An engineering change as last recorded; None where it has recorded nothing yet."""
        async with transaction(self._engine) as connection:
            query = select(ChangeRecord.snapshot).where(ChangeRecord.id == change_id)
            return (await connection.execute(query)).scalar_one_or_none()


def _newest(registered: BomRevised | None, snapshot: ChangeSnapshot | None) -> BomRevised | None:
    known = [each for each in (registered, snapshot.revised if snapshot else None) if each is not None]
    return max(known, key=lambda each: each.stated.rank, default=None)


async def _superseded_by(connection: AsyncConnection, plant: str, assembly: str, revision: str) -> ChangeId | None:
    """Of several revisions the newest recorded. A linear search: an assembly has few revisions."""
    record = ChangeRecord
    query = select(record.registered).where(
        record.plant == plant, record.assembly == assembly, record.registered.is_not(None)
    )
    reported = (await connection.execute(query)).scalars()
    found = [registered for registered in reported if registered is not None and registered.supersedes == revision]
    return max(found, key=lambda registered: registered.stated.rank).id if found else None


async def _forget_lines(connection: AsyncConnection, revised: BomRevised) -> None:
    """Delete the lines of a revision that never took effect, which don't show who uses a component; those of a revision
    that was carried out stay.
    """
    record, row = ChangeRecord, BomLineRow
    query = select(record.stage).where(record.id == revised.superseded)
    if (await connection.execute(query)).scalar_one_or_none() == ChangeStage.CARRIED_OUT:
        return
    place = (row.plant == revised.plant, row.assembly == revised.assembly, row.revision == revised.supersedes)
    await connection.execute(delete(row).where(*place))


async def _write_lines(connection: AsyncConnection, revised: BomRevised) -> None:
    row = BomLineRow
    place = (row.plant == revised.plant, row.assembly == revised.assembly, row.revision == revised.revision)
    await connection.execute(delete(row).where(*place))
    await connection.execute(
        insert(row),
        [
            {
                "plant": revised.plant,
                "assembly": revised.assembly,
                "revision": revised.revision,
                "component": line.component,
                "quantity": line.quantity,
                "unit": line.unit,
                "change": line.change,
                "effective_from": revised.effective_from,
            }
            for line in revised.lines
        ],
    )


__all__ = ["Bills", "BomClassification", "BomNewness"]
