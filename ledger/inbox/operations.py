"""What operators look after: messages that are not delivered, dead letters by reason, leases and the pace of calls.

Decided here: what is shown of each, and that every settling of a dead letter is recorded with who did it and why. Not
here: incidents of workflows (Temporal keeps them) and the replay itself (gateway.intake).
"""

import datetime as dt
from collections.abc import Collection, Sequence

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.base import Instant, Model
from ledger.database import autocommit, of_plants, transaction
from ledger.inbox.dead_letters import KeptLetter, LetterState, kept_letter
from ledger.inbox.tables import DeadLetterActionRow, DeadLetterRow

_PLANT = """
CASE WHEN strpos(entity, '/') > 0 THEN split_part(entity, '/', 2)
     ELSE (SELECT plant FROM purchase_order WHERE order_number = entity ORDER BY erp LIMIT 1) END
"""
_MINE = "(CAST(:plants AS text[]) IS NULL OR plant = ANY(:plants))"
_WAITING = f"""
SELECT id, source, event_id, type, entity, {_PLANT} AS plant, received_at, attempts, coalesce(error, '') AS error,
       not_before
  FROM inbox WHERE status = 'stored'
"""
_UNDELIVERED = text(f"""
SELECT * FROM ({_WAITING} AND (NOT :failing OR attempts > 0) AND id > :after) AS waiting WHERE {_MINE}
 ORDER BY id LIMIT :limit
""")
_BACKLOG = text(f"""
SELECT count(*) AS waiting, count(*) FILTER (WHERE attempts > 0) AS failing, min(received_at) AS oldest
  FROM ({_WAITING}) AS waiting WHERE {_MINE}
""")
_DUE_NOW = text(f"""
UPDATE inbox SET not_before = now()
 WHERE id IN (SELECT id FROM ({_WAITING} AND attempts > 0) AS waiting WHERE {_MINE}) RETURNING id
""")
_LETTER_PLANT = "(context ->> 'plant')"
_LETTERS_MINE = f"(CAST(:plants AS text[]) IS NULL OR {_LETTER_PLANT} = ANY(:plants))"
_REASONS = text(f"""
SELECT channel, code, count(*) AS letters, min(kept_at) AS oldest, min(detail) AS example
  FROM dead_letter WHERE state = 'open' AND {_LETTERS_MINE}
 GROUP BY channel, code ORDER BY count(*) DESC, channel, code LIMIT 100
""")
_SETTLE = text("""
UPDATE dead_letter SET state = :state, outcome = :outcome, settled_at = now()
 WHERE id = :letter AND state = 'open' RETURNING id
""")
_LEASES = text(
    "SELECT name, holder, fence, expires_at, expires_at > clock_timestamp() AS held FROM lease ORDER BY name"
)
_SLOTS = text("""
SELECT counterpart, greatest(0, extract(epoch FROM free_at - clock_timestamp())) AS seconds
  FROM call_slot ORDER BY counterpart
""")
_ACTIONS = text("SELECT * FROM dead_letter_action WHERE letter = :letter ORDER BY number")


class Undelivered(Model):
    """A message that is not delivered yet."""

    id: int
    source: str
    event_id: str
    type: str
    entity: str | None
    plant: str | None
    received_at: Instant
    attempts: int
    error: str
    """Of the last attempt; empty: there was none, or none failed."""
    not_before: Instant
    """When it is due."""


class Backlog(Model):
    """How much is not delivered."""

    waiting: int
    failing: int
    """Of them, those of which an attempt failed."""
    oldest: Instant | None


class LetterReason(Model):
    """Open dead letters of one channel with one reason."""

    channel: str
    code: str
    letters: int
    oldest: Instant
    example: str


class LeaseState(Model):
    """A task for one process at a time."""

    name: str
    holder: str
    fence: int
    expires_at: Instant
    held: bool


class CallPace(Model):
    """How far the calls to a counterpart are booked ahead, in seconds."""

    counterpart: str
    seconds: float


class LetterAction(Model):
    """What somebody did with a dead letter."""

    at: Instant
    by: str
    """The subject."""
    action: LetterState
    reason: str
    """The reason of a drop, the outcome of a replay."""


class Operations:
    """Reads and settles for operators. `plants`: only what is known to be of these; None: everything."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def backlog(self, plants: Collection[str] | None) -> Backlog:
        """The number of undelivered messages."""
        async with autocommit(self._engine) as connection:
            found = await connection.execute(_BACKLOG, {"plants": _listed(plants)})
            return Backlog.model_validate(found.one()._mapping)

    async def undelivered(
        self, plants: Collection[str] | None, *, failing: bool = False, after: int = 0, limit: int = 50
    ) -> list[Undelivered]:
        """Undelivered messages, the oldest first; `failing`: only those of which an attempt failed."""
        asked = {"plants": _listed(plants), "failing": failing, "after": after, "limit": limit}
        async with autocommit(self._engine) as connection:
            return [Undelivered.model_validate(row._mapping) for row in await connection.execute(_UNDELIVERED, asked)]

    async def make_due(self, plants: Collection[str] | None) -> int:
        """Let messages whose delivery failed be delivered now instead of after their pause; returns how many."""
        async with transaction(self._engine) as connection:
            return len((await connection.execute(_DUE_NOW, {"plants": _listed(plants)})).all())

    async def reasons(self, plants: Collection[str] | None) -> list[LetterReason]:
        """Open dead letters by channel and reason, the most frequent first."""
        async with autocommit(self._engine) as connection:
            rows = await connection.execute(_REASONS, {"plants": _listed(plants)})
            return [LetterReason.model_validate(row._mapping) for row in rows]

    async def letters(
        self,
        plants: Collection[str] | None,
        *,
        state: LetterState | None = None,
        channel: str | None = None,
        code: str | None = None,
        after: int = 0,
        limit: int = 50,
    ) -> list[tuple[int, KeptLetter]]:
        """Dead letters with their numbers, in the order they were stored."""
        row = DeadLetterRow
        query = select(row.__table__).where(row.number > after).order_by(row.number).limit(limit)
        for column, value in ((row.state, state), (row.channel, channel), (row.code, code)):
            if value is not None:
                query = query.where(column == value)
        query = query.where(*of_plants(func.json_extract_path_text(row.context, "plant"), plants))
        async with autocommit(self._engine) as connection:
            return [(each.number, kept_letter(each._mapping)) for each in await connection.execute(query)]

    async def settle(self, letter: str, action: LetterState, reason: str, by: str) -> bool:
        """Settle an open letter and record who did it and why; False: it was not open any more."""
        async with transaction(self._engine) as connection:
            asked = {"letter": letter, "state": action, "outcome": reason}
            if (await connection.execute(_SETTLE, asked)).one_or_none() is None:
                return False
            await connection.execute(
                insert(DeadLetterActionRow).values(
                    letter=letter, by=by, action=action, reason=reason, at=dt.datetime.now(dt.UTC)
                )
            )
            return True

    async def actions(self, letter: str) -> list[LetterAction]:
        """What was done with a letter, the oldest first."""
        async with autocommit(self._engine) as connection:
            rows = await connection.execute(_ACTIONS, {"letter": letter})
            return [LetterAction.model_validate(row._mapping) for row in rows]

    async def leases(self) -> list[LeaseState]:
        """All leases."""
        async with autocommit(self._engine) as connection:
            return [LeaseState.model_validate(row._mapping) for row in await connection.execute(_LEASES)]

    async def call_pace(self) -> list[CallPace]:
        """How far ahead the calls to each counterpart are booked."""
        async with autocommit(self._engine) as connection:
            rows = await connection.execute(_SLOTS)
            return [CallPace(counterpart=row.counterpart, seconds=float(row.seconds)) for row in rows]


def _listed(plants: Collection[str] | None) -> Sequence[str] | None:
    return None if plants is None else sorted(plants)


__all__ = [
    "Backlog",
    "CallPace",
    "LeaseState",
    "LetterAction",
    "LetterReason",
    "Operations",
    "Undelivered",
]
