"""The table of promises: what a supplier confirmed of an order line, and when it came."""

import datetime as dt
from decimal import Decimal

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import Base


class PromiseRow(Base):
    """An order line's promise: the day first confirmed for what is asked now, and what came of it."""

    __tablename__ = "promise"

    order_id: Mapped[str] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    plant: Mapped[str]
    supplier: Mapped[str]
    item: Mapped[str]
    item_class: Mapped[str]
    asked_for: Mapped[dt.date]
    """The day that we ask for; when it changes, the supplier promises anew."""
    promised_on: Mapped[dt.date | None]
    """The day by which the whole quantity was promised; None: it never was."""
    quantity: Mapped[Decimal]
    received: Mapped[Decimal]
    received_on: Mapped[dt.date | None]
    """The day of the last receipt."""
    done: Mapped[bool]
    """Nothing more is waited for, and nobody has cancelled it."""

    __table_args__ = (
        Index("ix_promise_done", "promised_on", postgresql_where=text("done")),
        Index("ix_promise_open", "plant", "order_id", postgresql_where=text("NOT done")),
    )
