"""The tables of incoming messages, dead letters and leases."""

import datetime as dt
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import Base


class InboxRow(Base):
    """An incoming message as received, and its status."""

    __tablename__ = "inbox"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    source: Mapped[str]
    event_id: Mapped[str]
    type: Mapped[str]
    subject: Mapped[str | None]
    body: Mapped[bytes]
    body_sha256: Mapped[bytes]
    content_type: Mapped[str]
    correlation_id: Mapped[str]
    traceparent: Mapped[str | None]
    entity: Mapped[str | None]
    order_id: Mapped[str | None]
    """Of a delivered message to an order's number: the order that was meant, since two ERPs may use the same one."""
    partition: Mapped[str] = mapped_column(server_default=text("''"))
    """The unit of concurrent delivery: one for each plant's requirements, and one for all other messages."""
    received_at: Mapped[dt.datetime]
    status: Mapped[str] = mapped_column(server_default=text("'stored'"))
    detail: Mapped[str] = mapped_column(server_default=text("''"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str | None]
    not_before: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    settled_at: Mapped[dt.datetime | None]
    message: Mapped[str | None]
    """Its content as JSON: a canonical message, or a supplier's document as it was parsed."""

    __table_args__ = (
        UniqueConstraint("source", "event_id"),
        Index("ix_inbox_undelivered", "id", postgresql_where=text("status = 'stored'")),
        Index("ix_inbox_undelivered_partition", "partition", "id", postgresql_where=text("status = 'stored'")),
        Index("ix_inbox_undelivered_entity", "entity", "id", postgresql_where=text("status = 'stored'")),
        Index("ix_inbox_entity", "entity", "id"),
    )


class LeaseRow(Base):
    """A task for one process at a time, and its holder; see ledger.inbox.lease."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    fence: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[dt.datetime]


class CallSlotRow(Base):
    """The next free moment for a call to a counterpart; see ledger.inbox.call_slots."""

    __tablename__ = "call_slot"

    counterpart: Mapped[str] = mapped_column(primary_key=True)
    free_at: Mapped[dt.datetime]


class DeadLetterRow(Base):
    """A message that could not be understood or delivered; its id is a digest of what makes it unique."""

    __tablename__ = "dead_letter"

    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    channel: Mapped[str]
    source: Mapped[str]
    code: Mapped[str]
    detail: Mapped[str]
    next_step: Mapped[str]
    body: Mapped[bytes]
    content_type: Mapped[str]
    context: Mapped[dict[str, Any]] = mapped_column(JSON)
    inbox_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("inbox.id"))
    state: Mapped[str] = mapped_column(server_default=text("'open'"))
    outcome: Mapped[str] = mapped_column(server_default=text("''"))
    kept_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    settled_at: Mapped[dt.datetime | None]

    __table_args__ = (Index("ix_dead_letter_state", "state", "number"),)


class DeadLetterActionRow(Base):
    """What somebody did with a dead letter: kept also where the letter comes again."""

    __tablename__ = "dead_letter_action"

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    letter: Mapped[str] = mapped_column(ForeignKey("dead_letter.id"), index=True)
    by: Mapped[str]
    action: Mapped[str]
    reason: Mapped[str]
    at: Mapped[dt.datetime]
