"""The tables of the entities' last snapshots: the read model of lists and traces."""

import datetime as dt
from decimal import Decimal

from sqlalchemy import (
    ForeignKey,
    Index,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlalchemy.orm import Mapped, mapped_column

from canonical.bom import BomRevised
from canonical.records import ChangeSnapshot, ExceptionSnapshot, OrderSnapshot, RequirementSnapshot
from ledger.database import Base, Document, Words
from ledger.snapshots.search import Searchable


class RequirementRecord(Base):
    """A requirement: its newest registered revision (registry) and its present state (read model).

    Either half may come first: the relay registers a need that it delivered, the entity records its state.
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
    """Digest of the newest need's content; None: only a withdrawal was ever registered."""
    registered_withdrawn: Mapped[bool | None]
    registered_at: Mapped[dt.datetime | None]
    position: Mapped[int | None]
    stage: Mapped[str | None]
    required_date: Mapped[dt.date | None]
    closed: Mapped[bool | None]
    quantity: Mapped[Decimal | None]
    """The needed quantity, in `unit`, beside those met from stock and received; 0: withdrawn."""
    unit: Mapped[str | None]
    from_stock: Mapped[Decimal | None]
    received: Mapped[Decimal | None]
    planner: Mapped[str | None]
    words: Mapped[frozenset[str] | None] = mapped_column(Searchable())
    """What it is searched by."""
    snapshot: Mapped[RequirementSnapshot | None] = mapped_column(Document(RequirementSnapshot))
    recorded_at: Mapped[dt.datetime | None]

    __table_args__ = (
        Index("ix_requirement_due", "closed", "required_date", "id"),
        Index("ix_requirement_plant_due", "plant", "closed", "required_date", "id"),
        Index("ix_requirement_planner_due", "planner", "closed", "required_date", "id"),
        Index("ix_requirement_plant_stage", "plant", "stage"),
        Index("ix_requirement_words", "words", postgresql_using="gin"),
        Index("ix_requirement_plant_item", "plant", "item", "id"),
        Index("ix_requirement_item", "item", "id"),
        Index("ix_requirement_open", "plant", "item", postgresql_where=text("NOT closed")),
        Index("ix_requirement_stage", "stage", "closed", "required_date", "id"),
    )


UNIQUE_NUMBER = "uq_purchase_order_order_number"
"""Of two orders with one number in one ERP, neither receipts nor suppliers' answers could be told apart."""


class OrderRecord(Base):
    """An order's present state."""

    __tablename__ = "purchase_order"

    id: Mapped[str] = mapped_column(primary_key=True)
    plant: Mapped[str]
    supplier: Mapped[str]
    erp: Mapped[str] = mapped_column(server_default=text("'erp'"))
    """The system of the landscape that holds it; two of them may use the same numbers."""
    order_number: Mapped[str | None]
    requisition_number: Mapped[str | None]
    stage: Mapped[str]
    closed: Mapped[bool]
    sent_references: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """Of its documents to the supplier, by which acknowledgements find it."""
    due_on: Mapped[dt.date]
    """The earliest date of what is still to come; the calendar's last day: nothing is, or it has no firm date."""
    words: Mapped[frozenset[str] | None] = mapped_column(Searchable())
    """What it is searched by."""
    position: Mapped[int]
    snapshot: Mapped[OrderSnapshot] = mapped_column(Document(OrderSnapshot))
    recorded_at: Mapped[dt.datetime]

    __table_args__ = (
        Index(
            UNIQUE_NUMBER,
            "order_number",
            "erp",
            unique=True,
            postgresql_where=text("order_number IS NOT NULL"),
        ),
        Index("ix_purchase_order_sent_references", "sent_references", postgresql_using="gin"),
        Index("ix_purchase_order_requisition_number", "requisition_number"),
        Index("ix_purchase_order_due", "closed", "due_on", "id"),
        Index("ix_purchase_order_plant_due", "plant", "closed", "due_on", "id"),
        Index("ix_purchase_order_supplier_due", "supplier", "closed", "due_on", "id"),
        Index("ix_purchase_order_plant_stage", "plant", "stage"),
        Index("ix_purchase_order_words", "words", postgresql_using="gin"),
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
    """Whether something is confirmed or on the way and not yet received."""
    confirmed: Mapped[Decimal] = mapped_column(server_default=text("0"))
    """The quantity of that which is allocated to needs."""
    spare: Mapped[list[list[str]] | None] = mapped_column(JSON(none_as_null=True))
    """The unallocated quantity, by dock date: [date, quantity]; the last to come."""

    __table_args__ = (Index("ix_order_line_coming", "plant", "item", postgresql_where=text("coming")),)


class EndedRow(Base):
    """The whole state of a requirement or order that has ended, to go on with where what it ended by is taken back."""

    __tablename__ = "ended_entity"

    id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    state: Mapped[str]
    """As JSON; empty: nothing can be taken back."""


class ExceptionRecord(Base):
    """An exception's present state, with what the list of questions is filtered and ordered by."""

    __tablename__ = "shortage_exception"

    id: Mapped[str] = mapped_column(primary_key=True)
    raised_by: Mapped[str]
    plant: Mapped[str]
    kind: Mapped[str]
    state: Mapped[str]
    assignee: Mapped[str]
    on_behalf_of: Mapped[str | None]
    opened_at: Mapped[dt.datetime]
    item: Mapped[str | None]
    supplier: Mapped[str | None]
    order_number: Mapped[str | None]
    summary: Mapped[str]
    digest: Mapped[str]
    latest_safe_date: Mapped[dt.date | None]
    value: Mapped[Decimal]
    """In `currency`, as R15 compares it."""
    currency: Mapped[str]
    short_quantity: Mapped[Decimal | None]
    """In `unit`."""
    unit: Mapped[str]
    working_days_late: Mapped[int]
    criticality: Mapped[str]
    reminders: Mapped[int]
    escalations: Mapped[int]
    choices: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """The ways out that are offered, the best first."""
    demands: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """The pegged demands by date; of a question that names none, those of the requirements that it is about."""
    planners: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    """The planner codes of the requirements that it is about, as far as they were known when it was recorded."""
    choice: Mapped[str | None]
    """What was decided."""
    decided_by: Mapped[str | None]
    closing_reason: Mapped[str]
    """Why it was overtaken, or the decider's comment."""
    risk: Mapped[Decimal | None]
    """The chance, 0 to 1, that a pegged date is missed; None: it can't be told."""
    risk_why: Mapped[str] = mapped_column(server_default=text("''"))
    rated_at: Mapped[dt.datetime | None]
    position: Mapped[int]
    snapshot: Mapped[ExceptionSnapshot] = mapped_column(Document(ExceptionSnapshot))
    recorded_at: Mapped[dt.datetime]

    __table_args__ = (
        Index("ix_shortage_exception_newest", "opened_at", "id"),
        Index("ix_shortage_exception_assignee", "assignee", "state", "opened_at", "id"),
        Index("ix_shortage_exception_state", "state", "opened_at", "id"),
        Index("ix_shortage_exception_raised_by", "raised_by"),
        Index("ix_shortage_exception_open", "plant", "latest_safe_date", "id", postgresql_where=text("state = 'open'")),
        Index("ix_shortage_exception_item", "item", "state"),
        Index("ix_shortage_exception_supplier", "supplier", "state"),
        Index("ix_shortage_exception_recorded_at", "recorded_at"),
    )


class ChangeRecord(Base):
    """An engineering change: its newest registered revision, and its present state; either may come first."""

    __tablename__ = "engineering_change"

    id: Mapped[str] = mapped_column(primary_key=True)
    plant: Mapped[str]
    assembly: Mapped[str]
    registered: Mapped[BomRevised | None] = mapped_column(Document(BomRevised))
    stage: Mapped[str | None]
    closed: Mapped[bool | None]
    position: Mapped[int | None]
    snapshot: Mapped[ChangeSnapshot | None] = mapped_column(Document(ChangeSnapshot))
    recorded_at: Mapped[dt.datetime | None]

    __table_args__ = (Index("ix_engineering_change_plant_assembly", "plant", "assembly"),)
