"""The table of bills of material, by revision."""

import datetime as dt
from decimal import Decimal

from sqlalchemy import (
    Index,
)
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import Base


class BomLineRow(Base):
    """A component of an assembly in a revision (R13: its other users, and their quantities)."""

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
