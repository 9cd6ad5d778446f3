"""What people say about a question, beside the question itself: comments with attached files.

Nothing is decided here, and no workflow knows of it: a comment changes no question.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.base import Instant, Model
from ledger.conversation.tables import AttachmentRow, CommentRow
from ledger.database import autocommit, transaction


class NewAttachment(Model):
    """A file as somebody attaches it."""

    name: str
    media_type: str
    content: bytes


class Attachment(Model):
    """A kept file, without its content."""

    id: int
    name: str
    media_type: str
    size: int


class Comment(Model):
    """A comment with its files."""

    id: int
    author: str
    text: str
    written_at: Instant
    attachments: tuple[Attachment, ...] = ()


class Conversation:
    """Comments and attachments by question."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(
        self,
        exception_id: str,
        *,
        event_id: str,
        author: str,
        text: str,
        written_at: Instant,
        attachments: Sequence[NewAttachment] = (),
    ) -> int | None:
        """Keep a comment with its files; None where the event id was kept before."""
        async with transaction(self._engine) as connection:
            kept = insert(CommentRow).values(
                exception_id=exception_id, event_id=event_id, author=author, text=text, written_at=written_at
            )
            number: int | None = await connection.scalar(kept.on_conflict_do_nothing().returning(CommentRow.id))
            if number is not None and attachments:
                await connection.execute(insert(AttachmentRow), [_row(number, each) for each in attachments])
        return number

    async def of(self, exception_id: str) -> tuple[Comment, ...]:
        """The question's comments, the oldest first."""
        async with autocommit(self._engine) as connection:
            comments = (
                await connection.execute(
                    select(CommentRow.__table__).where(CommentRow.exception_id == exception_id).order_by(CommentRow.id)
                )
            ).all()
            if not comments:
                return ()
            files = await connection.execute(
                select(
                    AttachmentRow.comment_id,
                    AttachmentRow.id,
                    AttachmentRow.name,
                    AttachmentRow.media_type,
                    AttachmentRow.size,
                )
                .where(AttachmentRow.comment_id.in_([row.id for row in comments]))
                .order_by(AttachmentRow.id)
            )
            by_comment: dict[int, list[Attachment]] = defaultdict(list)
            for row in files:
                by_comment[row.comment_id].append(Attachment.model_validate(row._mapping))
        return tuple(
            Comment(
                id=row.id,
                author=row.author,
                text=row.text,
                written_at=row.written_at,
                attachments=tuple(by_comment[row.id]),
            )
            for row in comments
        )

    async def attachment(self, exception_id: str, number: int) -> NewAttachment | None:
        """A file of the question, whole; None where it has none of this number."""
        query = (
            select(AttachmentRow.name, AttachmentRow.media_type, AttachmentRow.content)
            .join(CommentRow, CommentRow.id == AttachmentRow.comment_id)
            .where(AttachmentRow.id == number, CommentRow.exception_id == exception_id)
        )
        async with autocommit(self._engine) as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else NewAttachment.model_validate(row._mapping)


def _row(comment: int, attachment: NewAttachment) -> dict[str, object]:
    return {
        "comment_id": comment,
        "name": attachment.name,
        "media_type": attachment.media_type,
        "size": len(attachment.content),
        "sha256": hashlib.sha256(attachment.content).digest(),
        "content": attachment.content,
    }


__all__ = ["Attachment", "Comment", "Conversation", "NewAttachment"]
