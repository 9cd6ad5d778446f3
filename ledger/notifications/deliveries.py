"""Deliveries: what is due to a subscriber, what became of it, and what is replayed.

Decided here: that the notifications about one entity reach a subscriber in their order: while one waits, the later ones
wait behind it. Not here: when an attempt is repeated and when it is given up (gateway.notifications.sender).
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import aliased

from canonical.base import Instant, Model
from canonical.notification import Digest, NotificationType, QuestionNotice
from canonical.records import ExceptionSnapshot, ExceptionState
from ledger.database import autocommit, of_plants, transaction
from ledger.notifications.outbox import DueNotice, question_fields, store
from ledger.notifications.tables import DeliveryRow, DigestRow, NotificationRow, SwitchedOffRow
from ledger.paging import BadCursor, Page, cursor, key_of
from ledger.snapshots.tables import ExceptionRecord

_DIGEST_LISTS = 50


class DeliveryState(StrEnum):
    """What has become of a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up; it can be replayed."""


class DueDelivery(Model):
    """A notification on its way to a subscriber, or arrived."""

    id: int
    subscription: str
    event_id: str
    type: NotificationType
    entity: str
    sequence: int
    plant: str
    occurred_at: Instant
    data: dict[str, Any]
    state: DeliveryState
    attempts: int
    due_at: Instant
    detail: str
    created_at: Instant
    settled_at: Instant | None


class SwitchedOff(Model):
    """A subscriber that is not sent to: its address has answered that it is gone."""

    subscription: str
    address: str
    since: Instant
    reason: str


class Deliveries:
    """Serves the sender and the operators."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    # -- the sender

    async def subscribers_with_due(self) -> list[str]:
        """The subscriptions to which something is due."""
        query = select(DeliveryRow.subscription).where(_WAITING, DeliveryRow.due_at <= func.now()).distinct()
        async with autocommit(self._engine) as connection:
            return list((await connection.scalars(query)).all())

    async def due(self, subscription: str, limit: int) -> list[DueDelivery]:
        """What is due to it, the oldest first; of each entity only the first that waits."""
        earlier = aliased(DeliveryRow)
        behind = exists().where(
            earlier.subscription == DeliveryRow.subscription,
            earlier.entity == DeliveryRow.entity,
            earlier.state == DeliveryState.WAITING,
            earlier.id < DeliveryRow.id,
        )
        query = _deliveries().where(
            _WAITING, DeliveryRow.subscription == subscription, DeliveryRow.due_at <= func.now(), ~behind
        )
        async with autocommit(self._engine) as connection:
            rows = await connection.execute(query.order_by(DeliveryRow.id).limit(limit))
            return [DueDelivery.model_validate(row._mapping) for row in rows]

    async def delivered(self, delivery: DueDelivery, detail: str = "") -> None:
        """It has arrived."""
        await self._settle(delivery, state=DeliveryState.DELIVERED, detail=detail, settled_at=func.now())

    async def failed(self, delivery: DueDelivery, detail: str, wait: dt.timedelta) -> None:
        """It is tried again after so long."""
        await self._settle(delivery, due_at=func.now() + wait, detail=detail)

    async def postponed(self, delivery: DueDelivery, wait: dt.timedelta) -> None:
        """It was not tried, and is not for so long."""
        later = update(DeliveryRow).where(*_as_read(delivery)).values(due_at=func.now() + wait)
        async with autocommit(self._engine) as connection:
            await connection.execute(later)

    async def given_up(self, delivery: DueDelivery, detail: str) -> None:
        """It is not tried again unless somebody replays it."""
        await self._settle(delivery, state=DeliveryState.DEAD, detail=detail, settled_at=func.now())

    async def _settle(self, delivery: DueDelivery, **values: Any) -> None:
        """Record an attempt, unless another process has recorded one meanwhile."""
        changed = update(DeliveryRow).where(*_as_read(delivery)).values(attempts=delivery.attempts + 1, **values)
        async with autocommit(self._engine) as connection:
            await connection.execute(changed)

    async def give_up_all(self, subscription: str, detail: str) -> None:
        """Give up everything that waits for this subscription."""
        waiting = update(DeliveryRow).where(_WAITING, DeliveryRow.subscription == subscription)
        async with autocommit(self._engine) as connection:
            await connection.execute(waiting.values(state=DeliveryState.DEAD, detail=detail, settled_at=func.now()))

    async def forget(self, age: dt.timedelta) -> None:
        """Delete what arrived longer ago than this, and notifications that nobody waits for any more."""
        old = func.now() - age
        gone = delete(DeliveryRow).where(DeliveryRow.state == DeliveryState.DELIVERED, DeliveryRow.settled_at < old)
        left = exists().where(DeliveryRow.notification_id == NotificationRow.id)
        async with transaction(self._engine) as connection:
            await connection.execute(gone)
            await connection.execute(delete(NotificationRow).where(NotificationRow.created_at < old, ~left))

    # -- subscribers that are gone

    async def switched_off(self) -> list[SwitchedOff]:
        """The subscribers that are not sent to."""
        async with autocommit(self._engine) as connection:
            rows = await connection.execute(select(SwitchedOffRow.__table__).order_by(SwitchedOffRow.subscription))
            return [SwitchedOff.model_validate(row._mapping) for row in rows]

    async def switch_off(self, subscription: str, address: str, reason: str) -> None:
        """Send nothing to this address any more."""
        row = insert(SwitchedOffRow).values(subscription=subscription, address=address, reason=reason)
        row = row.on_conflict_do_update(
            index_elements=[SwitchedOffRow.subscription], set_={"address": address, "reason": reason}
        )
        async with autocommit(self._engine) as connection:
            await connection.execute(row)

    async def switch_on(self, subscription: str) -> None:
        """Send to it again; harmless where it was on."""
        async with autocommit(self._engine) as connection:
            await connection.execute(delete(SwitchedOffRow).where(SwitchedOffRow.subscription == subscription))

    # -- digests

    async def digest_made(self, subscription: str, plant: str, day: dt.date) -> bool:
        """Whether the digest of this day was made."""
        made = exists().where(DigestRow.subscription == subscription, DigestRow.plant == plant, DigestRow.day == day)
        async with autocommit(self._engine) as connection:
            return bool(await connection.scalar(select(made)))

    async def make_digest(
        self, subscription: str, plant: str, day: dt.date, roles: Collection[str], at: dt.datetime
    ) -> int:
        """Store the digest of a day, once, where anything waits; returns how many questions do (0: or it was made)."""
        row = insert(DigestRow).values(subscription=subscription, plant=plant, day=day)
        async with transaction(self._engine) as connection:
            first = await connection.scalar(row.on_conflict_do_nothing().returning(DigestRow.day))
            if first is None:
                return 0
            found = (await connection.execute(_waiting_for(plant, roles))).all()
            if not found:
                return 0
            notice = Digest(
                plant=plant,
                day=day,
                questions=tuple(QuestionNotice(**question_fields(row.snapshot)) for row in found),
                waiting=found[0].waiting,
            )
            entity = f"digest/{subscription}/{plant}"
            event = {
                "entity_id": entity,
                "sequence": day.toordinal(),
                "business_time": at,
                "kind": "digest",
                "data": {},
            }
            await store(connection, DueNotice(NotificationType.DIGEST, event, notice), [subscription])
        return notice.waiting

    # -- operators

    async def list(
        self,
        *,
        state: DeliveryState | None = None,
        subscription: str | None = None,
        plants: Collection[str] | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[DueDelivery]:
        """Deliveries, the newest first; `plants` None: of all plants."""
        query = _deliveries().order_by(DeliveryRow.id.desc()).limit(limit + 1)
        if state is not None:
            query = query.where(DeliveryRow.state == state)
        if subscription is not None:
            query = query.where(DeliveryRow.subscription == subscription)
        query = query.where(*of_plants(NotificationRow.plant, plants))
        if after is not None:
            (number,) = key_of(after, 1)
            if not (number.isdecimal() and number.isascii()) or len(number) > 18:
                raise BadCursor(f"{after!r} is not a cursor of the deliveries")
            query = query.where(DeliveryRow.id < int(number))
        async with autocommit(self._engine) as connection:
            rows = (await connection.execute(query)).all()
        return Page[DueDelivery](
            items=tuple(DueDelivery.model_validate(row._mapping) for row in rows[:limit]),
            next=cursor(str(rows[limit - 1].id)) if len(rows) > limit else None,
        )

    async def find(self, id: int) -> DueDelivery | None:
        """One delivery."""
        async with autocommit(self._engine) as connection:
            row = (await connection.execute(_deliveries().where(DeliveryRow.id == id))).one_or_none()
        return None if row is None else DueDelivery.model_validate(row._mapping)

    async def replay(self, id: int) -> None:
        """Send it anew, with all attempts; harmless where it waits anyway."""
        again = update(DeliveryRow).where(DeliveryRow.id == id, DeliveryRow.state != DeliveryState.WAITING)
        again = again.values(
            state=DeliveryState.WAITING, attempts=0, due_at=func.now(), detail="replayed", settled_at=None
        )
        async with autocommit(self._engine) as connection:
            await connection.execute(again)

    async def counts(self) -> Mapping[tuple[str, DeliveryState], int]:
        """How many wait and how many were given up, by subscription."""
        query = (
            select(DeliveryRow.subscription, DeliveryRow.state, func.count().label("count"))
            .where(DeliveryRow.state.in_([DeliveryState.WAITING, DeliveryState.DEAD]))
            .group_by(DeliveryRow.subscription, DeliveryRow.state)
        )
        async with autocommit(self._engine) as connection:
            rows = await connection.execute(query)
            return {(row.subscription, DeliveryState(row.state)): row._mapping["count"] for row in rows}


_WAITING = DeliveryRow.state == DeliveryState.WAITING


def _deliveries() -> Select[Any]:
    ours = [getattr(DeliveryRow, name) for name in ("id", "subscription", "entity", "state", "attempts", "due_at")]
    theirs = [NotificationRow.event_id, NotificationRow.type, NotificationRow.sequence, NotificationRow.plant]
    return select(
        *ours,
        DeliveryRow.detail,
        DeliveryRow.settled_at,
        *theirs,
        NotificationRow.occurred_at,
        NotificationRow.data,
        NotificationRow.created_at,
    ).join(NotificationRow, NotificationRow.id == DeliveryRow.notification_id)


def _as_read(delivery: DueDelivery) -> Sequence[Any]:
    return _WAITING, DeliveryRow.id == delivery.id, DeliveryRow.attempts == delivery.attempts


def _waiting_for(plant: str, roles: Collection[str]) -> Select[ExceptionSnapshot, int]:
    """The open questions at the plant that the roles are asked, by latest safe date, with the count of all."""
    latest_safe = ExceptionRecord.snapshot["proposal"]["latest_safe_date"].astext
    query = select(ExceptionRecord.snapshot, func.count().over().label("waiting")).where(
        ExceptionRecord.state == ExceptionState.OPEN, ExceptionRecord.plant == plant
    )
    if roles:
        for_another = ExceptionRecord.snapshot["on_behalf_of"].astext
        query = query.where(or_(ExceptionRecord.assignee.in_(roles), for_another.in_(roles)))
    return query.order_by(latest_safe.asc().nulls_last(), ExceptionRecord.opened_at).limit(_DIGEST_LISTS)
