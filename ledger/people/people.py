"""People: their names by subject, what they saw and decided, and how they are forgotten.

Decided here: what remains of a person who is erased: the subject, as audit events, decisions and the access log name
it. Not here: who may do what (gateway.access).
"""

import datetime as dt
from collections.abc import Collection, Sequence
from enum import StrEnum

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.base import Instant, Model
from ledger.database import autocommit, transaction
from ledger.people.tables import AccessRow, PersonRow, SessionRow

_ENTITIES_MAX = 200


class Person(Model):
    """A person or program, as its issuer last described it."""

    subject: str
    name: str
    email: str
    first_seen_at: Instant
    last_seen_at: Instant


class AccessKind(StrEnum):
    """What of a person's doings is recorded."""

    SAW_PRICES = "saw_prices"
    DECIDED = "decided"


class RecordedAccess(Model):
    """One recorded access."""

    number: int
    at: Instant
    subject: str
    kind: AccessKind
    entities: tuple[str, ...]
    """What was seen or decided; of a long list the first 200."""
    detail: str


class People:
    """Persons and the access log."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def met(self, subject: str, name: str, email: str, now: dt.datetime) -> None:
        """Keep the person's name as the issuer states it now."""
        row = upsert(PersonRow).values(subject=subject, name=name, email=email, first_seen_at=now, last_seen_at=now)
        row = row.on_conflict_do_update(
            index_elements=[PersonRow.subject], set_={"name": name, "email": email, "last_seen_at": now}
        )
        async with autocommit(self._engine) as connection:
            await connection.execute(row)

    async def names(self, subjects: Collection[str]) -> dict[str, str]:
        """The names of these subjects; one who was erased, or never called, goes by the subject."""
        wanted = sorted(set(subjects))
        query = select(PersonRow.subject, PersonRow.name).where(PersonRow.subject.in_(wanted))
        async with autocommit(self._engine) as connection:
            known = {subject: name for subject, name in await connection.execute(query)}
        return {subject: known.get(subject) or subject for subject in wanted}

    async def find(self, subject: str) -> Person | None:
        """One person; None where erased or never met."""
        query = select(PersonRow.__table__).where(PersonRow.subject == subject)
        async with autocommit(self._engine) as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else Person.model_validate(row._mapping)

    async def erase(self, subject: str) -> bool:
        """Forget name and address, and end the sessions; False where there was nothing to forget.

        The subject remains where it is: audit events are chained by hashes and stay as they were recorded.
        """
        async with transaction(self._engine) as connection:
            sessions = await connection.execute(delete(SessionRow).where(SessionRow.subject == subject))
            person = await connection.execute(delete(PersonRow).where(PersonRow.subject == subject))
        return bool(sessions.rowcount or person.rowcount)

    async def record(self, subject: str, kind: AccessKind, entities: Sequence[str], detail: str = "") -> None:
        """Record that the subject saw prices of these entities, or decided them."""
        row = insert(AccessRow).values(
            subject=subject, kind=kind, entities=list(entities[:_ENTITIES_MAX]), detail=detail[:500]
        )
        async with autocommit(self._engine) as connection:
            await connection.execute(row)

    async def accesses(
        self, subject: str | None = None, entity: str | None = None, limit: int = 100
    ) -> list[RecordedAccess]:
        """Recorded accesses, the newest first: of a person, or to an entity."""
        query = select(AccessRow.__table__).order_by(AccessRow.number.desc()).limit(limit)
        if subject is not None:
            query = query.where(AccessRow.subject == subject)
        if entity is not None:
            query = query.where(AccessRow.entities.contains([entity]))
        async with autocommit(self._engine) as connection:
            return [RecordedAccess.model_validate(row._mapping) for row in await connection.execute(query)]


__all__ = ["AccessKind", "People", "Person", "RecordedAccess"]
