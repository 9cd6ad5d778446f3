"""The tables of available stock: the reports, the resulting figure, and the master data of an item at a plant."""

import datetime as dt
from decimal import Decimal

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from canonical.records import StockSnapshot
from canonical.sourcing import Assessment
from ledger.database import Base, Document, Words


class StockReportRow(Base):
    """A stock report as received; kept permanently, stale ones too."""

    __tablename__ = "stock_report"

    source: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(Words(collation="C"), primary_key=True)
    plant: Mapped[str]
    item: Mapped[str]
    kind: Mapped[str]
    quantity: Mapped[Decimal]
    unit: Mapped[str]
    counted: Mapped[Decimal]
    """In the unit of the stock."""
    reason: Mapped[str]
    effective_at: Mapped[dt.datetime]
    sequence: Mapped[Decimal]

    __table_args__ = (Index("ix_stock_report_newest", "plant", "item", "kind", "effective_at"),)


class StockRow(Base):
    """An item's stock available to promise at a plant (None where never stated), and its balance's present state."""

    __tablename__ = "stock"

    id: Mapped[str] = mapped_column(primary_key=True)
    plant: Mapped[str]
    item: Mapped[str]
    unit: Mapped[str]
    available_to_promise: Mapped[Decimal | None]
    reported_at: Mapped[dt.datetime | None]
    as_of: Mapped[dt.datetime | None]
    reason: Mapped[str] = mapped_column(server_default=text("''"))
    revision: Mapped[int] = mapped_column(server_default=text("0"))
    reported_revision: Mapped[int] = mapped_column(server_default=text("0"))
    """The newest figure that the balance was started with or notified of."""
    stage: Mapped[str | None]
    closed: Mapped[bool | None]
    position: Mapped[int | None]
    snapshot: Mapped[StockSnapshot | None] = mapped_column(Document(StockSnapshot))
    recorded_at: Mapped[dt.datetime | None]


class StockReadingRow(Base):
    """What an ERP was last read to have available of an item at a plant; a report where it differed."""

    __tablename__ = "stock_reading"

    plant: Mapped[str] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True)
    system: Mapped[str]
    quantity: Mapped[Decimal]
    unit: Mapped[str]
    sequence: Mapped[int] = mapped_column(server_default=text("1"))
    """Rises with every reading that differed."""
    read_at: Mapped[dt.datetime]


class ItemRow(Base):
    """Master data and policy of an item at a plant, as last used to decide a need."""

    __tablename__ = "item_at_plant"

    plant: Mapped[str] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True)
    assessment: Mapped[Assessment] = mapped_column(Document(Assessment))
    registered_at: Mapped[dt.datetime]


__all__ = ["ItemRow", "StockReadingRow", "StockReportRow", "StockRow"]
