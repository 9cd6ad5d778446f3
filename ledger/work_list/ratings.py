"""The risk of open questions, kept beside them so that a list can be ordered by it.

Decided here: which questions are to be rated again. Not here: the risk itself (decisions.risk).
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Text, bindparam, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.base import Model
from ledger.database import autocommit, transaction
from ledger.snapshots.tables import ExceptionRecord

REQUIREMENTS_MAX = 200
"""Requirements that are looked at for one question."""

_ABOUT = text("""
SELECT asked.id AS question, served.requirement_id AS requirement
FROM shortage_exception AS asked
CROSS JOIN LATERAL (
    SELECT requirement_id FROM (
        SELECT asked.raised_by AS requirement_id
        UNION SELECT requirement_id FROM order_line WHERE order_id = asked.raised_by
        UNION SELECT requirement_id FROM waiting_for_decision WHERE exception_id = asked.id
    ) AS every
    WHERE requirement_id LIKE 'requirement/%' ORDER BY 1 LIMIT :most
) AS served
WHERE asked.id = ANY(:ids)
""").bindparams(bindparam("ids", type_=ARRAY(Text)), bindparam("most", REQUIREMENTS_MAX))


class QuestionToRate(Model):
    """An open question whose risk is not known, or may be another by now."""

    id: str
    plant: str
    pegged: tuple[str, ...]
    """The demands that it names; none: all of its requirements'."""


class Rating(Model):
    """What is known of a question's risk now."""

    id: str
    risk: Decimal | None
    """None: it can't be told."""
    why: str = ""


class Ratings:
    """Reads and writes the risk of questions."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def due(self, older_than: dt.timedelta, limit: int) -> list[QuestionToRate]:
        """Open questions never rated, recorded since, or rated longer ago than this; those never rated first."""
        record = ExceptionRecord
        pegs = func.jsonb_path_query_array(
            func.jsonb_extract_path(func.to_jsonb(record.snapshot), "proposal", "pegs"), text("'$[*].demand'")
        )
        query = (
            select(record.id, record.plant, pegs.label("pegged"))
            .where(record.state == "open")
            .where(
                or_(
                    record.rated_at.is_(None),
                    record.rated_at < record.recorded_at,
                    record.rated_at < func.now() - older_than,
                )
            )
            .order_by(record.rated_at.nulls_first(), record.id)
            .limit(limit)
        )
        async with autocommit(self._engine) as connection:
            return [QuestionToRate.model_validate(row._mapping) for row in await connection.execute(query)]

    async def requirements_of(self, ids: Collection[str]) -> Mapping[str, Sequence[str]]:
        """By question, the requirements that it is about."""
        found: dict[str, list[str]] = {}
        async with autocommit(self._engine) as connection:
            for row in await connection.execute(_ABOUT, {"ids": list(ids)}):
                found.setdefault(row.question, []).append(row.requirement)
        return found

    async def rate(self, ratings: Sequence[Rating]) -> None:
        """Keep them; the questions do not count as changed."""
        if not ratings:
            return
        rows: list[dict[str, Any]] = [{"rated": each.id, "found": each.risk, "told": each.why} for each in ratings]
        table = ExceptionRecord.__table__.c
        statement = (
            update(ExceptionRecord.__table__)  # type: ignore[arg-type]
            .where(table.id == bindparam("rated"))
            .values(risk=bindparam("found"), risk_why=bindparam("told"), rated_at=func.now())
        )
        async with transaction(self._engine) as connection:
            await connection.execute(statement, sorted(rows, key=lambda row: str(row["rated"])))


__all__ = ["QuestionToRate", "Rating", "Ratings"]
