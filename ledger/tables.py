"""The ledger's tables.

Real columns for what is filtered, joined or compared; JSONB for snapshots that are only read back; bytea for what
came in. Not decided here: who writes what (entries, sheets, inbox, dead_letters, registry). The migrations create
these tables; a test compares both.
"""

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from canonical.bom import BomRevised
from canonical.records import ChangeSnapshot, ExceptionSnapshot, OrderSnapshot, RequirementSnapshot
from canonical.supply import SupplyRequest
from ledger.columns import Document, Words


class Base(DeclarativeBase):
    """Names constraints the same on every server, so that migrations can name them too."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        str: Words(),
        int: Integer(),
        bytes: LargeBinary(),
        Decimal: Numeric(),
        bool: Boolean(),
        dt.date: Date(),
        dt.datetime: DateTime(timezone=True),
    }


class InboxRow(Base):
    """A message from outside, as it came, and what became of it."""

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
    partition: Mapped[str] = mapped_column(server_default=text("''"))
    """What is delivered beside the others: a plant's requirements each, and all that is of no plan."""
    received_at: Mapped[dt.datetime]
    status: Mapped[str] = mapped_column(server_default=text("'stored'"))
    detail: Mapped[str] = mapped_column(server_default=text("''"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str | None]
    not_before: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    settled_at: Mapped[dt.datetime | None]
    message: Mapped[str | None]
    """What it says, as JSON: a canonical message, or what a supplier's document was read as."""

    __table_args__ = (
        UniqueConstraint("source", "event_id"),
        Index("ix_inbox_undelivered", "id", postgresql_where=text("status = 'stored'")),
        Index("ix_inbox_undelivered_partition", "partition", "id", postgresql_where=text("status = 'stored'")),
        Index("ix_inbox_undelivered_entity", "entity", "id", postgresql_where=text("status = 'stored'")),
        Index("ix_inbox_entity", "entity", "id"),
    )


class LeaseRow(Base):
    """What one process at a time may do, and which; see ledger.inbox.lease."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    fence: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[dt.datetime]


class DeadLetterRow(Base):
    """What could not be understood or addressed; its id is made of what makes it unique."""

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


class RequirementRecord(Base):
    """A requirement: the newest revision noted of it (registry) and its present state (read model).

    Either half may come first: a need is noted by who delivered it, the state is recorded by the entity.
    """

    __tablename__ = "requirement"

    id: Mapped[str] = mapped_column(primary_key=True)
    plant: Mapped[str]
    item: Mapped[str]
    source: Mapped[str]
    demand_reference: Mapped[str]
    registered_plan_version: Mapped[Decimal | None]
    registered_source_revision: Mapped[Decimal | None]
    registered_effective_at: Mapped[dt.datetime | None]
    registered_event_id: Mapped[str | None] = mapped_column(Words(collation="C"))
    """Collated by code point, as Revision.rank compares it."""
    registered_content: Mapped[str | None]
    """Digest of the newest need's content; None: only a withdrawal was ever noted."""
    registered_withdrawn: Mapped[bool | None]
    registered_at: Mapped[dt.datetime | None]
    sequence: Mapped[int | None]
    stage: Mapped[str | None]
    required_date: Mapped[dt.date | None]
    closed: Mapped[bool | None]
    quantity: Mapped[Decimal | None]
    """What is needed, in `unit`, with what is met from stock and what is received of it; 0: withdrawn."""
    unit: Mapped[str | None]
    from_stock: Mapped[Decimal | None]
    received: Mapped[Decimal | None]
    snapshot: Mapped[RequirementSnapshot | None] = mapped_column(Document(RequirementSnapshot))
    recorded_at: Mapped[dt.datetime | None]

    __table_args__ = (
        Index("ix_requirement_plant_item", "plant", "item", "id"),
        Index("ix_requirement_item", "item", "id"),
        Index("ix_requirement_open", "plant", "item", postgresql_where=text("NOT closed")),
        Index("ix_requirement_stage", "stage", "id"),
    )


class OrderRecord(Base):
    """An order's present state."""

    __tablename__ = "purchase_order"

    id: Mapped[str] = mapped_column(primary_key=True)
    plant: Mapped[str]
    supplier: Mapped[str]
    order_number: Mapped[str | None]
    requisition_number: Mapped[str | None]
    stage: Mapped[str]
    closed: Mapped[bool]
    sequence: Mapped[int]
    snapshot: Mapped[OrderSnapshot] = mapped_column(Document(OrderSnapshot))
    recorded_at: Mapped[dt.datetime]

    __table_args__ = (
        Index(
            "uq_purchase_order_order_number",
            "order_number",
            unique=True,
            postgresql_where=text("order_number IS NOT NULL"),
        ),
    )


class OrderLineRow(Base):
    """Where a requirement is used: which order line serves it."""

    __tablename__ = "order_line"

    order_id: Mapped[str] = mapped_column(ForeignKey("purchase_order.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    requirement_id: Mapped[str] = mapped_column(index=True)
    quantity: Mapped[Decimal]
    """In the order unit; 0: cancelled."""
    plant: Mapped[str | None]
    item: Mapped[str | None]
    unit: Mapped[str | None]
    coming: Mapped[bool] = mapped_column(server_default=text("false"))
    """Something is confirmed or on the way that is not received yet."""
    confirmed: Mapped[Decimal] = mapped_column(server_default=text("0"))
    """What of that needs claim."""
    spare: Mapped[list[list[str]] | None] = mapped_column(JSON(none_as_null=True))
    """What of it nobody claims, by dock date: [date, quantity]; the last to come."""

    __table_args__ = (Index("ix_order_line_coming", "plant", "item", postgresql_where=text("coming")),)


class ConsolidationBatchRow(Base):
    """What an order collects; `consolidates` False: it never did, its only want is its opener's."""

    __tablename__ = "consolidation_batch"

    order_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    """Which was opened first."""
    plant: Mapped[str]
    supplier: Mapped[str]
    currency: Mapped[str]
    terms: Mapped[str]
    route: Mapped[str] = mapped_column(server_default="direct")
    opened_by: Mapped[str]
    """The requirement whose want opened it."""
    consolidates: Mapped[bool]
    closed_at: Mapped[dt.datetime | None]
    """None: still collecting."""
    opened_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        Index(
            "ix_consolidation_batch_open",
            "plant",
            "supplier",
            "currency",
            "terms",
            "route",
            "number",
            postgresql_where=text("closed_at IS NULL"),
        ),
    )


class SupplyRequestRow(Base):
    """A requirement's supply request in an order's consolidation batch; `arrival` is the order in which they came."""

    __tablename__ = "supply_request"

    order_id: Mapped[str] = mapped_column(ForeignKey("consolidation_batch.order_id"), primary_key=True)
    requirement_id: Mapped[str] = mapped_column(primary_key=True, index=True)
    arrival: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    request_revision: Mapped[int]
    lines: Mapped[int]
    """0: the supply request was withdrawn while the order collected."""
    dock_date: Mapped[dt.date]
    plant: Mapped[str]
    item: Mapped[str]
    supplier: Mapped[str]
    unit: Mapped[str]
    """Of the need."""
    asked: Mapped[Decimal]
    """R14, in the need's unit: what the order asks the supplier for on its account; the supply request's lots until
    the order has
    lines, from then on those lines."""
    request: Mapped[SupplyRequest] = mapped_column(Document(SupplyRequest))

    __table_args__ = (
        Index("ix_supply_request_asked", "plant", "item", "supplier", postgresql_include=["unit", "asked"]),
    )


class ExceptionRecord(Base):
    """An exception's present state."""

    __tablename__ = "shortage_exception"

    id: Mapped[str] = mapped_column(primary_key=True)
    raised_by: Mapped[str]
    plant: Mapped[str]
    kind: Mapped[str]
    state: Mapped[str]
    assignee: Mapped[str]
    opened_at: Mapped[dt.datetime]
    sequence: Mapped[int]
    snapshot: Mapped[ExceptionSnapshot] = mapped_column(Document(ExceptionSnapshot))
    recorded_at: Mapped[dt.datetime]

    __table_args__ = (
        Index("ix_shortage_exception_newest", "opened_at", "id"),
        Index("ix_shortage_exception_assignee", "assignee", "state", "opened_at", "id"),
        Index("ix_shortage_exception_state", "state", "opened_at", "id"),
        Index("ix_shortage_exception_raised_by", "raised_by"),
    )


class BomLineRow(Base):
    """A component of an assembly, as a revision told it (R13: who uses it too, and how much of it)."""

    __tablename__ = "bom_line"

    plant: Mapped[str] = mapped_column(primary_key=True)
    assembly: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[str] = mapped_column(primary_key=True)
    component: Mapped[str] = mapped_column(primary_key=True)
    quantity: Mapped[Decimal]
    unit: Mapped[str]
    change: Mapped[str]
    effective_from: Mapped[dt.date]

    __table_args__ = (Index("ix_bom_line_component", "plant", "component"),)


class ChangeRecord(Base):
    """An engineering change: the newest that was noted of it, and its present state; either may come first."""

    __tablename__ = "engineering_change"

    id: Mapped[str] = mapped_column(primary_key=True)
    plant: Mapped[str]
    assembly: Mapped[str]
    registered: Mapped[BomRevised | None] = mapped_column(Document(BomRevised))
    stage: Mapped[str | None]
    closed: Mapped[bool | None]
    sequence: Mapped[int | None]
    snapshot: Mapped[ChangeSnapshot | None] = mapped_column(Document(ChangeSnapshot))
    recorded_at: Mapped[dt.datetime | None]

    __table_args__ = (Index("ix_engineering_change_plant_assembly", "plant", "assembly"),)


class AuditEventRow(Base):
    """An audit event, exactly as it was hashed.

    `data` is JSON and not JSONB, and the times keep their offsets: JSONB rewrites numbers (1e16) and timestamptz
    forgets the sender's offset, and either would break the hash chain on reading back.
    """

    __tablename__ = "audit_event"

    entity_id: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    business_time: Mapped[dt.datetime]
    business_offset_seconds: Mapped[int]
    processing_time: Mapped[dt.datetime]
    processing_offset_seconds: Mapped[int]
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous_hash: Mapped[str]
    hash: Mapped[str]
    recorded_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index("ix_audit_event_kind", "kind", "processing_time"),)


class SupersededAuditEventRow(Base):
    """An audit event of an attempt that a later one replaced (ledger.attempts): kept for the audit, read by nobody
    else."""

    __tablename__ = "superseded_audit_event"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    entity_id: Mapped[str]
    sequence: Mapped[int]
    kind: Mapped[str]
    business_time: Mapped[dt.datetime]
    business_offset_seconds: Mapped[int]
    processing_time: Mapped[dt.datetime]
    processing_offset_seconds: Mapped[int]
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous_hash: Mapped[str]
    hash: Mapped[str]
    superseded_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index("ix_superseded_audit_event_entity", "entity_id", "sequence"),)


__all__ = [
    "AuditEventRow",
    "Base",
    "BomLineRow",
    "ChangeRecord",
    "ConsolidationBatchRow",
    "DeadLetterRow",
    "ExceptionRecord",
    "InboxRow",
    "OrderLineRow",
    "OrderRecord",
    "RequirementRecord",
    "SupersededAuditEventRow",
    "SupplyRequestRow",
]
