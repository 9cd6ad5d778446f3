"""The tables of plan runs: a plan's lines, and the net change to deliver.

Only a number of runs are kept (policy `plan.runs_kept`): the inbox and the audit events keep what a plan changed.
"""

import datetime as dt
from typing import Any

from sqlalchemy import ARRAY, JSON, BigInteger, ForeignKey, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import Base


class PlanRunRow(Base):
    """A plan version of a source for a plant; `stage` is `receiving` until its last line has come.

    A dry run is one that is received whole (it has a digest) and not accepted: it counts as little as one that is
    still being received, and is forgotten like one that broke off.
    """

    __tablename__ = "plan_run"

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    source: Mapped[str]
    plant: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    partial: Mapped[bool]
    stage: Mapped[str]
    detail: Mapped[str] = mapped_column(server_default=text("''"))
    content_sha256: Mapped[bytes | None]
    lines: Mapped[int] = mapped_column(server_default=text("0"))
    refused: Mapped[int] = mapped_column(server_default=text("0"))
    unreadable: Mapped[int] = mapped_column(server_default=text("0"))
    past_due: Mapped[int] = mapped_column(server_default=text("0"))
    ignored: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    """Names in the lines that the sender had ignored."""
    known: Mapped[int] = mapped_column(server_default=text("0"))
    kept: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    """Requirements that could be one of several lines (R1): they stay as they are."""
    inbox_mark: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """The newest message that had arrived by the plan's arrival: the net change is against the state after it."""
    received_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]

    __table_args__ = (
        Index(
            "uq_plan_run_version",
            "source",
            "plant",
            "version",
            unique=True,
            postgresql_where=text("stage <> 'receiving'"),
        ),
    )


class PlanLineRow(Base):
    """A line as parsed; `outcome` None: unchanged, once the run is matched."""

    __tablename__ = "plan_line"

    run: Mapped[int] = mapped_column(BigInteger, ForeignKey("plan_run.number", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    item: Mapped[str | None]
    demand_reference: Mapped[str | None]
    requirement_id: Mapped[str | None]
    required_date: Mapped[dt.date | None]
    criticality: Mapped[str | None]
    content: Mapped[str | None]
    """Digest of the need's content, as the registry records it."""
    body: Mapped[str | None]
    outcome: Mapped[str | None]
    past_due: Mapped[bool] = mapped_column(server_default=text("false"))
    field: Mapped[str | None]
    detail: Mapped[str | None]
    original: Mapped[str | None]
    """Of a refused line: the line as it was sent, shortened."""

    __table_args__ = (Index("ix_plan_line_requirement", "run", "requirement_id"),)


class PlanChangeRow(Base):
    """One change to deliver, in the order of delivery; `line` None: the need is withdrawn."""

    __tablename__ = "plan_change"

    run: Mapped[int] = mapped_column(BigInteger, ForeignKey("plan_run.number", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    requirement_id: Mapped[str]
    item: Mapped[str]
    demand_reference: Mapped[str]
    line: Mapped[int | None]
    inbox_id: Mapped[int | None] = mapped_column(BigInteger)
    """The message that carries it; None: not handed over yet."""
    kept: Mapped[bool] = mapped_column(server_default=text("false"))
    """A person decided not to withdraw it."""

    __table_args__ = (
        UniqueConstraint("run", "requirement_id"),
        Index("ix_plan_change_waiting", "run", "place", postgresql_where=text("inbox_id IS NULL AND NOT kept")),
    )


class PlanUploadRow(Base):
    """A file that somebody uploaded and has not started as a plan; kept for a day."""

    __tablename__ = "plan_upload"

    id: Mapped[str] = mapped_column(primary_key=True)
    """Random: who has it may read the file."""
    person: Mapped[str]
    source: Mapped[str]
    plant: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    partial: Mapped[bool]
    name: Mapped[str]
    body: Mapped[bytes]
    mapping: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """How its person last had it read; None: nobody has said."""
    run: Mapped[int | None] = mapped_column(BigInteger)
    """The plan as it was last shown in a dry run."""
    uploaded_at: Mapped[dt.datetime]


class PlanMappingRow(Base):
    """How a source's files are read, as somebody last confirmed it."""

    __tablename__ = "plan_mapping"

    source: Mapped[str] = mapped_column(primary_key=True)
    mapping: Mapped[dict[str, Any]] = mapped_column(JSON)
    confirmed_by: Mapped[str]
    confirmed_at: Mapped[dt.datetime]


__all__ = ["PlanChangeRow", "PlanLineRow", "PlanMappingRow", "PlanRunRow", "PlanUploadRow"]
