"""The tables of what people say about a question: comments, and the files that they attach."""

import datetime as dt

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ledger.database import Base


class CommentRow(Base):
    """A comment on a question; nobody changes or deletes it."""

    __tablename__ = "question_comment"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    exception_id: Mapped[str]
    event_id: Mapped[str]
    """Of the form that sent it: sent twice, it is one comment."""
    author: Mapped[str]
    """The person's subject."""
    text: Mapped[str]
    written_at: Mapped[dt.datetime]

    __table_args__ = (
        UniqueConstraint("exception_id", "event_id"),
        Index("ix_question_comment_exception_id", "exception_id", "id"),
    )


class AttachmentRow(Base):
    """A file attached to a comment, whole."""

    __tablename__ = "question_attachment"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    comment_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("question_comment.id"), index=True)
    name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[bytes]
    content: Mapped[bytes]


__all__ = ["AttachmentRow", "CommentRow"]
