"""Questions that several requirements share: one exception, decided once, however many wait for it.

Decided here: who asks it, who waits for it, and that nobody joins a question that is being closed. Not here: what it is
about (decisions.master_data) and the exception itself (workflows.exception).
"""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.identity import ExceptionId
from ledger.database import transaction
from ledger.questions.tables import SharedQuestionRow, WaitingRow

# The update without effect returns the row that is there and locks it: whoever closes the question waits for us.
_ASK = text("""
INSERT INTO shared_question (plant, item, digest, exception_id) VALUES (:plant, :item, :digest, :exception_id)
    ON CONFLICT (plant, item, digest) DO UPDATE SET exception_id = shared_question.exception_id
RETURNING exception_id
""")
_WAIT = text("""
INSERT INTO waiting_for_decision (exception_id, requirement_id) VALUES (:exception_id, :requirement_id)
    ON CONFLICT DO NOTHING
""")
_QUESTION = SharedQuestionRow.exception_id == bindparam("exception_id")
_LOCK = select(SharedQuestionRow.exception_id).where(_QUESTION).with_for_update()
_CLOSE = delete(SharedQuestionRow).where(_QUESTION)
_LEAVE = delete(WaitingRow).where(
    WaitingRow.exception_id == bindparam("exception_id"),
    WaitingRow.requirement_id == bindparam("requirement_id"),
)
_LEFT = select(func.count()).select_from(WaitingRow).where(WaitingRow.exception_id == bindparam("exception_id"))
_NEXT = (
    select(WaitingRow.requirement_id)
    .where(WaitingRow.exception_id == bindparam("exception_id"))
    .order_by(WaitingRow.requirement_id)
    .limit(bindparam("most"))
)
_TOLD = text("""
DELETE FROM waiting_for_decision WHERE exception_id = :exception_id AND requirement_id = ANY(:requirements)
""")


class SharedQuestions:
    """Shared questions and who waits for them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def join(self, plant: str, item: str, digest: str, asking: str, requirement: str) -> ExceptionId:
        """Wait for the open question of this digest; where there is none, `asking` is it. Returns the one that is."""
        async with transaction(self._engine) as connection:
            asked = {"plant": plant, "item": item, "digest": digest, "exception_id": asking}
            held = await connection.scalar(_ASK, asked)
            await connection.execute(_WAIT, {"exception_id": held, "requirement_id": requirement})
        return ExceptionId(str(held))

    async def leave(self, exception: str, requirement: str) -> int:
        """Wait no more; returns how many others do. Where nobody does, nobody joins any more."""
        async with transaction(self._engine) as connection:
            await connection.execute(_LOCK, {"exception_id": exception})
            await connection.execute(_LEAVE, {"exception_id": exception, "requirement_id": requirement})
            others = int(await connection.scalar(_LEFT, {"exception_id": exception}) or 0)
            if not others:
                await connection.execute(_CLOSE, {"exception_id": exception})
        return others

    async def close(self, exception: str, most: int) -> Sequence[str]:
        """From now on nobody joins; some of those who wait, until they are `told`. Empty: nobody waits."""
        async with transaction(self._engine) as connection:
            await connection.execute(_CLOSE, {"exception_id": exception})
            found = await connection.scalars(_NEXT, {"exception_id": exception, "most": most})
            return list(found)

    async def told(self, exception: str, requirements: Sequence[str]) -> None:
        """These have received the decision."""
        async with transaction(self._engine) as connection:
            await connection.execute(_TOLD, {"exception_id": exception, "requirements": list(requirements)})


__all__ = ["SharedQuestions"]
