"""The tables of measures: what KPIs are computed from, and what of the audit events they do not have yet.

Moments are Unix seconds, so that a difference is a subtraction and a hundred thousand of them are ranked in
milliseconds. A row is a projection of its entities' audit events in force: it can be dropped and made again.
"""

import datetime as dt
from decimal import Decimal
from typing import Annotated

from sqlalchemy import BigInteger, Date, Identity, Index, Integer, Numeric, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import Base, Words

Moment = Annotated[int | None, mapped_column(BigInteger)]
Word = Annotated[str, mapped_column(Words(), server_default=text("''"))]
Number = Annotated[int, mapped_column(server_default=text("0"))]
Amount = Annotated[Decimal, mapped_column(server_default=text("0"))]
Flag = Annotated[bool, mapped_column(server_default=text("false"))]


class RequirementMeasure(Base):
    """A requirement's milestones; those of its orders are of the first order that reached them."""

    __tablename__ = "kpi_requirement"

    id: Mapped[str] = mapped_column(primary_key=True)
    plant: Mapped[Word]
    item: Mapped[Word]
    item_class: Mapped[Word]
    supplier: Mapped[Word]
    planner: Mapped[Word]
    buyer: Mapped[Word]
    criticality: Mapped[Word]
    channel: Mapped[Word]
    route: Mapped[Word]
    policy_version: Mapped[Word]
    planned_at: Mapped[Moment]
    signal_at: Mapped[Moment]
    decided_at: Mapped[Moment]
    approved_at: Mapped[Moment]
    placed_at: Mapped[Moment]
    sent_at: Mapped[Moment]
    answered_at: Mapped[Moment]
    confirmed_at: Mapped[Moment]
    shipped_at: Mapped[Moment]
    received_at: Mapped[Moment]
    ended_at: Mapped[Moment]
    """None: it has not ended, or goes on."""
    closed: Mapped[bool | None]
    required_on: Mapped[dt.date | None]
    demands: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    """The demands that it serves, hashed: counting them is counting numbers."""
    late_on: Mapped[list[dt.date] | None] = mapped_column(ARRAY(Date))
    """The days after the required date on which something of it comes or came."""
    late_quantities: Mapped[list[Decimal] | None] = mapped_column(ARRAY(Numeric))
    """How much on each."""

    __table_args__ = (
        Index("ix_kpi_requirement_placed", "plant", "placed_at", "signal_at"),
        Index("ix_kpi_requirement_sent", "plant", "sent_at", "signal_at"),
        Index("ix_kpi_requirement_required", "plant", "required_on"),
    )


class LineMeasure(Base):
    """An order line: what the supplier was asked, how often it changed, what it confirmed and what came."""

    __tablename__ = "kpi_line"

    order_id: Mapped[str] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    requirement_id: Mapped[Word]
    """The first that it serves, whose class, criticality and source are the line's."""
    plant: Mapped[Word]
    item: Mapped[Word]
    item_class: Mapped[Word]
    supplier: Mapped[Word]
    buyer: Mapped[Word]
    criticality: Mapped[Word]
    channel: Mapped[Word]
    route: Mapped[Word]
    policy_version: Mapped[Word]
    approved_at: Mapped[Moment]
    placed_at: Mapped[Moment]
    sent_at: Mapped[Moment]
    answered_at: Mapped[Moment]
    confirmed_at: Mapped[Moment]
    shipped_at: Mapped[Moment]
    received_at: Mapped[Moment]
    ended_at: Mapped[Moment]
    first_quantity: Mapped[Amount]
    quantity: Mapped[Amount]
    """As the supplier has it."""
    next_quantity: Mapped[Decimal | None]
    """Of a revision that is not sent yet."""
    revisions: Mapped[Number]
    """After the first."""
    quantity_changed: Mapped[Amount]
    received: Mapped[Amount]
    first_promised_on: Mapped[dt.date | None]
    promised_on: Mapped[dt.date | None]
    received_on: Mapped[dt.date | None]
    """The day of the last receipt."""

    __table_args__ = (
        Index("ix_kpi_line_supplier", "supplier", "sent_at"),
        Index("ix_kpi_line_sent", "plant", "sent_at", "approved_at"),
        Index("ix_kpi_line_placed", "plant", "placed_at", "approved_at"),
        Index("ix_kpi_line_approved", "plant", "approved_at"),
    )


class SendingMeasure(Base):
    """A revision of an order as sent, and its answers."""

    __tablename__ = "kpi_sending"

    order_id: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    plant: Mapped[Word]
    supplier: Mapped[Word]
    buyer: Mapped[Word]
    route: Mapped[Word]
    policy_version: Mapped[Word]
    sent_at: Mapped[Moment]
    answered_at: Mapped[Moment]
    confirmed_at: Mapped[Moment]
    ended_at: Mapped[Moment]
    unconfirmed: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    """Its lines that are not confirmed yet."""

    __table_args__ = (
        Index("ix_kpi_sending_supplier", "supplier", "sent_at"),
        Index("ix_kpi_sending_sent", "plant", "sent_at"),
        Index("ix_kpi_sending_answered", "plant", "answered_at", "sent_at"),
        Index("ix_kpi_sending_confirmed", "plant", "confirmed_at", "sent_at"),
    )


class OrderMeasure(Base):
    """An order's documents."""

    __tablename__ = "kpi_order"

    id: Mapped[str] = mapped_column(primary_key=True)
    plant: Mapped[Word]
    supplier: Mapped[Word]
    buyer: Mapped[Word]
    route: Mapped[Word]
    policy_version: Mapped[Word]
    placed_at: Mapped[Moment]
    ended_at: Mapped[Moment]
    closed: Mapped[bool | None]
    edited_at: Mapped[Moment]
    edits: Mapped[Number]
    duplicates_created: Mapped[Number]
    duplicates_prevented: Mapped[Number]

    __table_args__ = (Index("ix_kpi_order_placed", "plant", "placed_at"),)


class QuestionMeasure(Base):
    """A question to a person."""

    __tablename__ = "kpi_question"

    id: Mapped[str] = mapped_column(primary_key=True)
    plant: Mapped[Word]
    supplier: Mapped[Word]
    item: Mapped[Word]
    buyer: Mapped[Word]
    criticality: Mapped[Word]
    kind: Mapped[Word]
    raised_by: Mapped[Word]
    opened_at: Mapped[Moment]
    closed_at: Mapped[Moment]
    closed: Mapped[bool | None]
    hand_offs: Mapped[Number]
    """To the first person asked, and to each further one."""

    __table_args__ = (
        Index("ix_kpi_question_supplier", "supplier", "opened_at"),
        Index("ix_kpi_question_closed", "plant", "closed_at", "opened_at"),
    )


class IncidentMeasure(Base):
    """A technical incident of an entity."""

    __tablename__ = "kpi_incident"

    entity_id: Mapped[str] = mapped_column(primary_key=True)
    call: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    plant: Mapped[Word]
    opened_at: Mapped[Moment]
    closed_at: Mapped[Moment]


class ChangeMeasure(Base):
    """A change of a requirement by the plan or an engineering change."""

    __tablename__ = "kpi_change"

    requirement_id: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    plant: Mapped[Word]
    item_class: Mapped[Word]
    supplier: Mapped[Word]
    buyer: Mapped[Word]
    criticality: Mapped[Word]
    channel: Mapped[Word]
    route: Mapped[Word]
    policy_version: Mapped[Word]
    at: Mapped[Moment]
    suppressed: Mapped[Flag]
    asked_at: Mapped[Moment]
    """A person is or was asked because of it."""
    decided_at: Mapped[Moment]

    __table_args__ = (
        Index("ix_kpi_change_at", "plant", "at"),
        Index("ix_kpi_change_asked", "plant", "decided_at", postgresql_where=text("asked_at IS NOT NULL")),
    )


class MeasuredRow(Base):
    """Up to which of its events an entity is measured."""

    __tablename__ = "kpi_measured"

    entity_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]


class DueRow(Base):
    """A note that an entity has recorded events."""

    __tablename__ = "kpi_due"

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    entity_id: Mapped[str]
    replaced: Mapped[Flag]
    """Some of them replace earlier ones."""
    recorded_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
