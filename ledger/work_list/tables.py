"""The table of saved views of the work list. The list itself is read from the exceptions' own table."""

import datetime as dt

from sqlalchemy import BigInteger, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import Base


class WorkViewRow(Base):
    """Filters, order and columns that a person keeps under a name."""

    __tablename__ = "work_view"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    owner: Mapped[str]
    """The person's subject."""
    name: Mapped[str]
    query: Mapped[str]
    """As in the page's address."""
    shared: Mapped[bool]
    """Everybody sees it in their list of views; it never shows more than they may see."""
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        UniqueConstraint("owner", "name", name="uq_work_view_owner"),
        Index("ix_work_view_shared", "name", postgresql_where=text("shared")),
    )


__all__ = ["WorkViewRow"]
