"""The tables of notifications and their deliveries."""

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import Base


class NotificationRow(Base):
    """Something that subscribers are told of; written with the audit event that it reports."""

    __tablename__ = "notification"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    event_id: Mapped[str] = mapped_column(unique=True)
    """The CloudEvents id: of an entity's audit event, whatever attempt records it."""
    type: Mapped[str]
    entity: Mapped[str]
    sequence: Mapped[int]
    """The entity's own count of its audit events."""
    plant: Mapped[str]
    occurred_at: Mapped[dt.datetime]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index("ix_notification_created_at", "created_at"),)


class DeliveryRow(Base):
    """A notification on its way to one subscriber."""

    __tablename__ = "notification_delivery"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    notification_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("notification.id"))
    subscription: Mapped[str]
    entity: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'waiting'"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    """Since it was written, or replayed."""
    due_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    detail: Mapped[str] = mapped_column(server_default=text("''"))
    """How the last attempt ended."""
    settled_at: Mapped[dt.datetime | None]

    __table_args__ = (
        UniqueConstraint("notification_id", "subscription"),
        Index("ix_notification_delivery_due", "subscription", "due_at", postgresql_where=text("state = 'waiting'")),
        Index(
            "ix_notification_delivery_entity",
            "subscription",
            "entity",
            "id",
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_notification_delivery_state", "state", "id"),
    )


class DigestRow(Base):
    """A digest that was made, or that had nothing to say, on a day."""

    __tablename__ = "notification_digest"

    subscription: Mapped[str] = mapped_column(primary_key=True)
    plant: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True)


class SwitchedOffRow(Base):
    """A subscriber whose address has answered that it is gone; at another address it is on again."""

    __tablename__ = "notification_switched_off"

    subscription: Mapped[str] = mapped_column(primary_key=True)
    address: Mapped[str]
    since: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    reason: Mapped[str]
