"""The tables of consolidation batches and their supply requests."""

import datetime as dt
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from canonical.supply import SupplyRequest
from ledger.database import Base, Document


class ConsolidationBatchRow(Base):
    """An order's consolidation batch; `consolidates` False: it never consolidated, its only supply request is its
    opener's.
    """

    __tablename__ = "consolidation_batch"

    order_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    """The order in which batches were opened."""
    plant: Mapped[str]
    supplier: Mapped[str]
    currency: Mapped[str]
    terms: Mapped[str]
    route: Mapped[str] = mapped_column(server_default="direct")
    opened_by: Mapped[str]
    """The requirement whose supply request opened it."""
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
    """A requirement's supply request in an order's consolidation batch; `arrival` is their order of arrival."""

    __tablename__ = "supply_request"

    order_id: Mapped[str] = mapped_column(ForeignKey("consolidation_batch.order_id"), primary_key=True)
    requirement_id: Mapped[str] = mapped_column(primary_key=True, index=True)
    arrival: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    request_revision: Mapped[int]
    lines: Mapped[int]
    """0: the supply request was withdrawn while the order was consolidating."""
    dock_date: Mapped[dt.date]
    plant: Mapped[str]
    item: Mapped[str]
    supplier: Mapped[str]
    unit: Mapped[str]
    """Of the need."""
    asked: Mapped[Decimal]
    """R14, in the need's unit: the quantity that the order requests from the supplier for it; from the supply request's
    lots until the order has lines, from then on by those lines.
    """
    request: Mapped[SupplyRequest] = mapped_column(Document(SupplyRequest))

    __table_args__ = (
        Index("ix_supply_request_asked", "plant", "item", "supplier", postgresql_include=["unit", "asked"]),
    )
