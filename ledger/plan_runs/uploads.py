"""Files that people upload as plans, until they are started, and how each source's files are read.

Decided here: that an upload that nobody starts is forgotten after a day. Not here: what a file holds and what a mapping
says (gateway.plan_runs).
"""

import datetime as dt
import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.base import Instant, Model
from ledger.database import transaction
from ledger.plan_runs.tables import PlanMappingRow, PlanRunRow, PlanUploadRow

KEPT = dt.timedelta(days=1)
PENDING_MAX = 5
"""Files that one person may have waiting; of more, the oldest is forgotten."""


class PlanUpload(Model):
    """A file, and the plan it is to be."""

    id: str
    person: str
    source: str
    plant: str
    version: int
    partial: bool
    name: str
    body: bytes
    mapping: dict[str, Any] | None
    run: int | None
    uploaded_at: Instant


class PlanUploads:
    """Keeps uploads and mappings."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def keep(
        self,
        person: str,
        source: str,
        plant: str,
        version: int,
        *,
        partial: bool,
        name: str,
        body: bytes,
        now: dt.datetime,
    ) -> str:
        """Keep a file; returns its id. Forgets files that were abandoned."""
        upload_id = secrets.token_hex(16)
        row = insert(PlanUploadRow).values(
            id=upload_id,
            person=person,
            source=source,
            plant=plant,
            version=version,
            partial=partial,
            name=name,
            body=body,
            uploaded_at=now,
        )
        mine = select(PlanUploadRow.id).where(PlanUploadRow.person == person)
        too_many = mine.order_by(PlanUploadRow.uploaded_at.desc()).offset(PENDING_MAX)
        async with transaction(self._engine) as connection:
            await connection.execute(delete(PlanUploadRow).where(PlanUploadRow.uploaded_at < now - KEPT))
            await connection.execute(row)
            await connection.execute(delete(PlanUploadRow).where(PlanUploadRow.id.in_(too_many)))
        return upload_id

    async def find(self, upload_id: str) -> PlanUpload | None:
        """One upload; None where it is forgotten."""
        async with transaction(self._engine) as connection:
            found = await connection.execute(select(PlanUploadRow.__table__).where(PlanUploadRow.id == upload_id))
            row = found.one_or_none()
        return None if row is None else PlanUpload.model_validate(row._mapping)

    async def of_run(self, number: int) -> str | None:
        """The upload that a held plan was made of."""
        async with transaction(self._engine) as connection:
            found = await connection.execute(select(PlanUploadRow.id).where(PlanUploadRow.run == number))
            return found.scalar_one_or_none()

    async def read_as(self, upload_id: str, mapping: Mapping[str, Any], *, run: int | None = None) -> None:
        """Record how its person has it read, and the plan that it is held as; discards the one it was held as."""
        async with transaction(self._engine) as connection:
            before = await connection.scalar(
                select(PlanUploadRow.run).where(PlanUploadRow.id == upload_id).with_for_update()
            )
            await connection.execute(
                update(PlanUploadRow).where(PlanUploadRow.id == upload_id).values(mapping=dict(mapping), run=run)
            )
            if before is not None and before != run:
                await connection.execute(
                    delete(PlanRunRow).where(PlanRunRow.number == before, PlanRunRow.stage == "receiving")
                )

    async def forget(self, upload_id: str) -> None:
        """Discard a file, and the plan it was held as."""
        async with transaction(self._engine) as connection:
            run = await connection.scalar(
                delete(PlanUploadRow).where(PlanUploadRow.id == upload_id).returning(PlanUploadRow.run)
            )
            if run is not None:
                await connection.execute(
                    delete(PlanRunRow).where(PlanRunRow.number == run, PlanRunRow.stage == "receiving")
                )

    async def mapping_of(self, source: str) -> dict[str, Any] | None:
        """How the source's files were last read; None where nobody has said."""
        async with transaction(self._engine) as connection:
            found = await connection.execute(select(PlanMappingRow.mapping).where(PlanMappingRow.source == source))
            return found.scalar_one_or_none()

    async def confirm_mapping(self, source: str, mapping: Mapping[str, Any], person: str) -> None:
        """Keep a mapping for the source's next files."""
        row = insert(PlanMappingRow).values(
            source=source, mapping=dict(mapping), confirmed_by=person, confirmed_at=func.now()
        )
        row = row.on_conflict_do_update(
            index_elements=[PlanMappingRow.source],
            set_={name: row.excluded[name] for name in ("mapping", "confirmed_by", "confirmed_at")},
        )
        async with transaction(self._engine) as connection:
            await connection.execute(row)


__all__ = ["KEPT", "PlanUpload", "PlanUploads"]
