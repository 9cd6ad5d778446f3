"""Dead letters: messages that could not be understood or delivered, kept whole with the reason until an operator
settles them.
"""

import hashlib
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.base import Instant, Model
from canonical.identity import short_hash
from canonical.records import DeadLetter
from ledger.database import of_plants, transaction
from ledger.inbox.tables import DeadLetterRow
from ledger.paging import BadCursor, Page, cursor, key_of


class LetterState(StrEnum):
    """Open until an operator replays or drops it."""

    OPEN = "open"
    REPLAYED = "replayed"
    DROPPED = "dropped"


class KeptLetter(Model):
    """A dead letter and its outcome."""

    id: str
    letter: DeadLetter
    inbox_id: int | None
    state: LetterState
    outcome: str
    kept_at: Instant
    settled_at: Instant | None

    @property
    def plant(self) -> str | None:
        """The plant that it names, by its context; None: it names none that could be read."""
        found = self.letter.context.get("plant")
        return found if isinstance(found, str) else None


class DeadLetters:
    """Stores dead letters, once each."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def keep(self, letter: DeadLetter, inbox_id: int | None) -> str:
        """Store the letter once by (channel, source, body, code); returns its id.

        A letter that recurs after a replay is reopened; one that was dropped stays dropped.
        """
        letter_id = letter_identity(letter)
        row = insert(DeadLetterRow).values(
            id=letter_id, inbox_id=inbox_id, **{name: getattr(letter, name) for name in DeadLetter.model_fields}
        )
        row = row.on_conflict_do_update(
            index_elements=[DeadLetterRow.id],
            set_={
                "state": LetterState.OPEN,
                "settled_at": None,
                "inbox_id": func.coalesce(row.excluded.inbox_id, DeadLetterRow.inbox_id),
            },
            where=DeadLetterRow.state == LetterState.REPLAYED,
        )
        async with transaction(self._engine) as connection:
            await connection.execute(row)
        return letter_id

    async def list(
        self,
        state: LetterState | None = None,
        limit: int = 50,
        after: str | None = None,
        *,
        plants: Collection[str] | None = None,
    ) -> Page[KeptLetter]:
        """Letters in the order they were stored; `plants`: those that name one of these plants alone."""
        query = select(DeadLetterRow.__table__).order_by(DeadLetterRow.number).limit(limit + 1)
        if state is not None:
            query = query.where(DeadLetterRow.state == state)
        query = query.where(*of_plants(func.json_extract_path_text(DeadLetterRow.context, "plant"), plants))
        if after is not None:
            (number,) = key_of(after, 1)
            if not number.isdecimal():
                raise BadCursor(f"{after!r} is not a cursor of the dead letters")
            query = query.where(DeadLetterRow.number > int(number))
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(query)).all()
        return Page[KeptLetter](
            items=tuple(kept_letter(row._mapping) for row in rows[:limit]),
            next=cursor(str(rows[limit - 1].number)) if len(rows) > limit else None,
        )

    async def find(self, letter_id: str) -> KeptLetter | None:
        """One letter, whole."""
        async with transaction(self._engine) as connection:
            found = await connection.execute(select(DeadLetterRow.__table__).where(DeadLetterRow.id == letter_id))
            row = found.one_or_none()
        return None if row is None else kept_letter(row._mapping)


def letter_identity(letter: DeadLetter) -> str:
    """The identity of a letter: a digest of channel, source, body and the code of its defect; and of the order where
    one message is about several.
    """
    body, order = hashlib.sha256(letter.body).hexdigest(), str(letter.context.get("order", ""))
    return "dead-letter-" + short_hash(letter.channel, letter.source, body, letter.code, order, length=20)


def kept_letter(row: Mapping[Any, Any]) -> KeptLetter:
    """A row as a KeptLetter."""
    return KeptLetter.model_validate({**row, "letter": DeadLetter.model_validate(row)})
