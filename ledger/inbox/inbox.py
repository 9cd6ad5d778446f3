"""The inbox: every incoming message is stored here first, unique by (source, event id), then delivered.

Decided here: which messages are duplicates, and which may be delivered next without overtaking another of the same
entity. Not here: a message's meaning and recipient, and when a failed delivery is tried again.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    Text,
    all_,
    any_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.orm import aliased

from canonical.base import Instant, Model
from ledger.database import advisory_key, autocommit, transaction
from ledger.inbox.lease import fenced
from ledger.inbox.tables import InboxRow

UNDELIVERED = "stored"
_PARTITIONS = text("""
WITH RECURSIVE partition (name) AS (
       (SELECT partition FROM inbox WHERE status = 'stored' ORDER BY partition LIMIT 1)
        UNION ALL
        SELECT (SELECT inbox.partition FROM inbox WHERE status = 'stored' AND inbox.partition > partition.name
                 ORDER BY partition LIMIT 1)
          FROM partition WHERE name IS NOT NULL)
SELECT name FROM partition
 WHERE EXISTS (SELECT FROM inbox WHERE status = 'stored' AND inbox.partition = partition.name AND not_before <= now())
 ORDER BY name
""")


class Arrival(Model):
    """A message as received; `entity` groups messages whose order must be kept (a requirement, an order number)."""

    source: str
    event_id: str
    type: str
    subject: str | None = None
    body: bytes
    content_type: str
    correlation_id: str
    traceparent: str | None = None
    entity: str | None = None
    received_at: Instant
    message: str | None = None
    """Its content as JSON, so that it is parsed only once; None: it is parsed from the body."""


class Waiting(Arrival):
    """A message awaiting delivery."""

    id: int
    attempts: int = 0


class InboxMessage(Waiting):
    """A message and its status, which is `stored` until it is delivered."""

    status: str
    detail: str
    error: str | None
    not_before: Instant
    settled_at: Instant | None


class Outcome(StrEnum):
    """The outcome of storing a message."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    """The same source and event id was stored with another body; the first one holds."""


class Stored(Model):
    """The inbox's answer to an arrival."""

    id: int
    outcome: Outcome
    status: str
    detail: str


class Inbox:
    """Stores arrivals and hands them out in order."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def store(self, messages: Sequence[Arrival]) -> list[Stored]:
        """Store each message once; one answer per message, in the given order."""
        if not messages:
            return []
        async with (transaction if len(messages) > 1 else autocommit)(self._engine) as connection:
            return await store_in(connection, messages)

    async def partitions(self) -> list[str]:
        """The partitions with a message due, by name; takes one index lookup per partition."""
        async with autocommit(self._engine) as connection:
            return list((await connection.scalars(_PARTITIONS)).all())

    async def undelivered(
        self, limit: int, partition: str | None = None, besides: Sequence[Waiting] = ()
    ) -> list[Waiting]:
        """The oldest due messages, by id; none that would overtake another of its entity.

        `partition`: only from this one. `besides`: messages under way, which are left out, as are others of their
        entities.
        """
        query = _due(partition is not None, bool(besides))
        given: dict[str, object] = {"most": limit}
        if partition is not None:
            given["partition"] = partition
        if besides:
            given["ids"] = [row.id for row in besides]
            given["entities"] = [row.entity for row in besides if row.entity is not None]
        async with autocommit(self._engine) as connection:
            return [Waiting.model_validate(row._mapping) for row in await connection.execute(query, given)]

    async def delivered(
        self,
        ids: Sequence[int],
        outcome: str,
        detail: str = "",
        *,
        fence: int | None = None,
        orders: Sequence[str | None] = (),
    ) -> None:
        """Settle messages: `delivered`, `unchanged`, `stale`, `superseded` or `dead_letter`; a replay settles again.

        `fence`: of the lease under which they were delivered; nothing is written where another process now holds it.
        `orders`: for each message, the order that it was about; None: another entity, or none.
        """
        if outcome == UNDELIVERED:
            raise ValueError(f"{outcome!r} is what a message is before it is settled; name what became of it")
        async with autocommit(self._engine) as connection:
            given: dict[str, object] = {"ids": list(ids), "outcome": outcome, "said": detail, "fence": fence}
            await connection.execute(_SETTLE, given | {"about": list(orders), "these": list(ids)})

    async def postponed(self, ids: Sequence[int], error: str, wait: timedelta, *, fence: int | None = None) -> None:
        """Postpone messages and count the attempt; later messages of their entities wait with them.

        `wait` is measured by the database's clock. `fence` as for `delivered`.
        """
        async with autocommit(self._engine) as connection:
            await connection.execute(
                update(InboxRow)
                .where(InboxRow.id.in_(list(ids)), InboxRow.status == UNDELIVERED, fenced())
                .values(attempts=InboxRow.attempts + 1, error=error[:2000], not_before=func.now() + wait),
                {"fence": fence},
            )

    async def longest_due(self) -> timedelta:
        """How long the oldest due message that nothing blocks has been due; zero where there is none.

        A failed delivery makes its message due later, so that undeliverable messages do not count.
        """
        since = case((InboxRow.attempts == 0, InboxRow.received_at), else_=InboxRow.not_before)
        due = _due(False, False).with_only_columns(func.max(func.now() - since), maintain_column_froms=True)
        async with autocommit(self._engine) as connection:
            return await connection.scalar(due.order_by(None).limit(None)) or timedelta(0)

    async def find(self, message_id: int) -> InboxMessage | None:
        """One message, whole."""
        async with autocommit(self._engine) as connection:
            found = await connection.execute(message_query().where(InboxRow.id == message_id))
            row = found.one_or_none()
        return None if row is None else InboxMessage.model_validate(row._mapping)

    async def ids_of(self, source: str, event_ids: Sequence[str]) -> list[int]:
        """The numbers of a source's messages, in the order in which they were stored."""
        query = select(InboxRow.id).where(InboxRow.source == source, InboxRow.event_id.in_(event_ids))
        async with autocommit(self._engine) as connection:
            return list((await connection.scalars(query.order_by(InboxRow.id))).all())


@cache
def _due(in_partition: bool, besides: bool) -> Select[Any]:
    """Messages due, of `partition` or of all; built once: building it costs more than running it."""
    postponed = aliased(InboxRow)
    blocked = exists().where(
        postponed.status == UNDELIVERED,
        postponed.entity == InboxRow.entity,
        postponed.id < InboxRow.id,
        postponed.not_before > func.now(),
    )
    query = (
        select(*(getattr(InboxRow, name) for name in Waiting.model_fields))
        .where(InboxRow.status == UNDELIVERED, InboxRow.not_before <= func.now())
        .where(or_(InboxRow.entity.is_(None), ~blocked))
        .order_by(InboxRow.id)
        .limit(bindparam("most"))
    )
    if besides:
        ids, entities = bindparam("ids", type_=ARRAY(BigInteger)), bindparam("entities", type_=ARRAY(Text))
        query = query.where(InboxRow.id != all_(ids))
        query = query.where(or_(InboxRow.entity.is_(None), InboxRow.entity != all_(entities)))
    return query.where(InboxRow.partition == bindparam("partition")) if in_partition else query


_SETTLE = (
    update(InboxRow)
    .where(InboxRow.id == any_(bindparam("ids", type_=ARRAY(BigInteger))), fenced())
    .values(
        status=bindparam("outcome"),
        detail=bindparam("said"),
        settled_at=func.now(),
        order_id=text("coalesce((CAST(:about AS text[]))[array_position(CAST(:these AS bigint[]), id)], order_id)"),
    )
)
"""Built once, like the statements below: building it costs as much as running it."""
_KEPT = (
    InboxRow.source,
    InboxRow.event_id,
    InboxRow.id,
    InboxRow.status,
    InboxRow.body_sha256,
    InboxRow.received_at,
)
_ONCE = insert(InboxRow).on_conflict_do_nothing(index_elements=[InboxRow.source, InboxRow.event_id]).returning(*_KEPT)


async def store_in(connection: AsyncConnection, messages: Sequence[Arrival]) -> list[Stored]:
    """Store each message once in the caller's transaction; one answer per message, in the given order."""
    firsts: dict[tuple[str, str], Arrival] = {}
    for message in messages:
        firsts.setdefault(_key(message), message)
    if len(firsts) > 1:
        await _keep_batches_apart(connection, {source for source, _ in firsts})
    inserted = await connection.execute(
        _ONCE, [{**_columns(message), "body_sha256": _digest(message)} for message in firsts.values()]
    )
    rows = {(row.source, row.event_id): row for row in inserted}
    new = set(rows)
    if known := [key for key in firsts if key not in new]:
        kept = await connection.execute(select(*_KEPT).where(tuple_(InboxRow.source, InboxRow.event_id).in_(known)))
        rows |= {(row.source, row.event_id): row for row in kept}
    answers = []
    for message in messages:
        key = _key(message)
        row = rows[key]
        if row.body_sha256 != _digest(message):
            detail = f"event {key[1]!r} of {key[0]!r} came with another body at {row.received_at.isoformat()}"
            answers.append(Stored(id=row.id, outcome=Outcome.CONFLICT, status=row.status, detail=detail))
        else:
            outcome = Outcome.STORED if key in new else Outcome.DUPLICATE
            answers.append(Stored(id=row.id, outcome=outcome, status=row.status, detail=""))
            new.discard(key)
    return answers


def message_query() -> Select[*tuple[Any, ...]]:
    """The columns of an InboxMessage."""
    return select(*(getattr(InboxRow, name) for name in InboxMessage.model_fields))


async def _keep_batches_apart(connection: AsyncConnection, sources: set[str]) -> None:
    """Two batches with the same events in different order would deadlock."""
    for key in sorted(advisory_key("inbox", source) for source in sources):
        await connection.execute(select(func.pg_advisory_xact_lock(key)))


def _columns(message: Arrival) -> dict[str, object]:
    return {name: getattr(message, name) for name in Arrival.model_fields} | {"partition": _partition(message.entity)}


def _partition(entity: str | None) -> str:
    """The plant of a requirement's message, empty for any other message. No entity is in two partitions."""
    kind, _, rest = (entity or "").partition("/")
    return rest.partition("/")[0].replace("\0", "\ufffd") if kind == "requirement" else ""


def _key(message: Arrival) -> tuple[str, str]:
    """As the database stores it (ledger.database.Words)."""
    return message.source.replace("\0", "\ufffd"), message.event_id.replace("\0", "\ufffd")


def _digest(message: Arrival) -> bytes:
    return hashlib.sha256(message.body).digest()
