"""The tables of landscapes that were in force, and of how far their ERPs were asked for changes."""

import datetime as dt

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import Base


class LandscapeRow(Base):
    """A version of the landscape, and the kind of each of its systems."""

    __tablename__ = "landscape"

    version: Mapped[str] = mapped_column(primary_key=True)
    systems: Mapped[dict[str, str]] = mapped_column(JSON)
    said: Mapped[str]
    """Where it was read from, and what it said, without secrets."""
    first_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    """When a worker first took it up."""


class ChangeFeedRow(Base):
    """How far an ERP was asked for changes."""

    __tablename__ = "change_feed"

    system: Mapped[str] = mapped_column(primary_key=True)
    client_state: Mapped[str]
    since: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    next_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


__all__ = ["ChangeFeedRow", "LandscapeRow"]
