"""Sessions of browsers, kept on the server: the cookie holds a random id, the ledger its digest.

Decided here: when a session has ended. Not here: who may have one (gateway.access.login).
"""

import datetime as dt
import hashlib
from typing import NamedTuple

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.base import Instant, Model
from ledger.database import autocommit
from ledger.people.tables import SessionRow

_TOUCHED_EVERY = dt.timedelta(minutes=1)
"""The last use is written this often at most: not with every request."""


class SessionLimits(NamedTuple):
    """How long a session lasts unused, and at all."""

    idle: dt.timedelta
    longest: dt.timedelta


class Session(Model):
    """An open session: who it belongs to, as the issuer last described them."""

    subject: str
    name: str
    email: str
    roles: tuple[str, ...]
    offices: tuple[str, ...]
    known_as: tuple[str, ...]
    plants: tuple[str, ...] | None
    id_token: str
    refresh_token: str
    issuer_session: str
    roles_read_at: Instant
    roles_asked_at: Instant
    opened_at: Instant
    used_at: Instant


class Sessions:
    """Opens, finds and ends sessions."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def open(self, session_id: str, session: Session, limits: SessionLimits) -> None:
        """Keep a new session, and drop those that have ended."""
        now = session.opened_at
        values = {**session.model_dump(), "id_sha256": _digest(session_id)}
        ended = or_(SessionRow.used_at < now - limits.idle, SessionRow.opened_at < now - limits.longest)
        async with autocommit(self._engine) as connection:
            await connection.execute(delete(SessionRow).where(ended))
            await connection.execute(insert(SessionRow).values(**values))

    async def find(
        self, session_id: str, now: dt.datetime, limits: SessionLimits, *, used: bool = True
    ) -> Session | None:
        """The session; None where it has ended or never was. `used`: by its person, which keeps it open."""
        query = select(SessionRow.__table__).where(SessionRow.id_sha256 == _digest(session_id))
        async with autocommit(self._engine) as connection:
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                return None
            session = Session.model_validate(row._mapping)
            if now - session.used_at > limits.idle or now - session.opened_at > limits.longest:
                return None
            if used and now - session.used_at > _TOUCHED_EVERY:
                await connection.execute(
                    update(SessionRow).where(SessionRow.id_sha256 == _digest(session_id)).values(used_at=now)
                )
        return session

    async def ask_again(self, session_id: str, now: dt.datetime, before: dt.datetime) -> bool:
        """Whether this caller is to ask the issuer for the roles again: one at a time, and none asked since `before`.

        A refresh token may be good for one use: two that use it at once would end the session.
        """
        mine = update(SessionRow).where(
            SessionRow.id_sha256 == _digest(session_id), SessionRow.roles_asked_at <= before
        )
        async with autocommit(self._engine) as connection:
            return (await connection.execute(mine.values(roles_asked_at=now))).rowcount > 0

    async def describe(self, session_id: str, session: Session) -> None:
        """Keep what the issuer says of the person now; how the session is used stays as it is."""
        values = session.model_dump(exclude={"subject", "opened_at", "used_at", "roles_asked_at"})
        async with autocommit(self._engine) as connection:
            await connection.execute(
                update(SessionRow).where(SessionRow.id_sha256 == _digest(session_id)).values(**values)
            )

    async def end_of(self, subject: str, issuer_session: str) -> int:
        """End the sessions of a person, or of one session at the issuer; how many. Empty: whichever."""
        ended = delete(SessionRow)
        if subject:
            ended = ended.where(SessionRow.subject == subject)
        if issuer_session:
            ended = ended.where(SessionRow.issuer_session == issuer_session)
        if not (subject or issuer_session):
            return 0
        async with autocommit(self._engine) as connection:
            return (await connection.execute(ended)).rowcount

    async def end(self, session_id: str) -> str:
        """End a session; the issuer's id token of it, empty where there was none."""
        row = delete(SessionRow).where(SessionRow.id_sha256 == _digest(session_id)).returning(SessionRow.id_token)
        async with autocommit(self._engine) as connection:
            return str(await connection.scalar(row) or "")


def _digest(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode()).digest()


__all__ = ["Session", "SessionLimits", "Sessions"]
