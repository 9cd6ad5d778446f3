"""The tables of people: their names, their sessions, and what of theirs is recorded.

Names and addresses of persons stand in `person` alone (and in open sessions, which end with it); everything else names
the subject, so that a person can be forgotten without a change to what is recorded.
"""

import datetime as dt

from sqlalchemy import BigInteger, Identity, Index, Text, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import Base


class PersonRow(Base):
    """A person or program that has called, as its issuer last described it."""

    __tablename__ = "person"

    subject: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    first_seen_at: Mapped[dt.datetime]
    last_seen_at: Mapped[dt.datetime]


class SessionRow(Base):
    """An open session of a browser."""

    __tablename__ = "session"

    id_sha256: Mapped[bytes] = mapped_column(primary_key=True)
    """Of the cookie's value, which is nowhere else: whoever reads the table can't use it."""
    subject: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    email: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    offices: Mapped[list[str]] = mapped_column(ARRAY(Text))
    known_as: Mapped[list[str]] = mapped_column(ARRAY(Text))
    plants: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """None: all."""
    id_token: Mapped[str]
    """The issuer's, which it wants to see at the log-out."""
    refresh_token: Mapped[str]
    """The issuer's, sealed; empty: it gave none."""
    issuer_session: Mapped[str] = mapped_column(index=True)
    """The issuer's id of its own session (`sid`); empty: it stated none."""
    roles_read_at: Mapped[dt.datetime]
    """When the issuer last stated name, roles and plants."""
    roles_asked_at: Mapped[dt.datetime]
    """When it was last asked for them, with or without an answer."""
    opened_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime] = mapped_column(index=True)


class AccessRow(Base):
    """One access that is recorded: prices seen, or a decision made."""

    __tablename__ = "access_log"

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    subject: Mapped[str]
    kind: Mapped[str]
    """`saw_prices` or `decided`."""
    entities: Mapped[list[str]] = mapped_column(ARRAY(Text))
    detail: Mapped[str]

    __table_args__ = (
        Index("ix_access_log_subject", "subject", "number"),
        Index("ix_access_log_entities", "entities", postgresql_using="gin"),
    )


__all__ = ["AccessRow", "PersonRow", "SessionRow"]
