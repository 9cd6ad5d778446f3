"""The tables of shared questions: a question that several requirements have, and who waits for its decision."""

from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import Base


class SharedQuestionRow(Base):
    """An open question, by what it is about."""

    __tablename__ = "shared_question"

    plant: Mapped[str] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    exception_id: Mapped[str]


class WaitingRow(Base):
    """A requirement that waits for the decision of an exception."""

    __tablename__ = "waiting_for_decision"

    exception_id: Mapped[str] = mapped_column(primary_key=True)
    requirement_id: Mapped[str] = mapped_column(primary_key=True)


__all__ = ["SharedQuestionRow", "WaitingRow"]
