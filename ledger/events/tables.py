"""The table of audit events."""

import datetime as dt
from typing import Any

from sqlalchemy import (
    Index,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import Base


class AuditEventRow(Base):
    """An audit event, exactly as it was hashed; only `superseded` ever changes.

    `data` is JSON and not JSONB, and the times keep their offsets: JSONB rewrites numbers (1e16) and timestamptz
    forgets the sender's offset, and either would break the hash chain on reading back.
    """

    __tablename__ = "audit_event"

    entity_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int]
    kind: Mapped[str]
    business_time: Mapped[dt.datetime]
    business_offset_seconds: Mapped[int]
    processing_time: Mapped[dt.datetime]
    processing_offset_seconds: Mapped[int]
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    writer: Mapped[str]
    previous_hash: Mapped[str]
    hash: Mapped[str]
    superseded: Mapped[bool] = mapped_column(server_default=text("false"))
    """A later attempt replaces it: kept for the audit only. Derived from what is hashed."""
    recorded_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index("ix_audit_event_kind", "kind", "processing_time"),)
