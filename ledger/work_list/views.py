"""Saved views: a name for filters, order and columns of the work list, a person's own or shared with everybody."""

from sqlalchemy import delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.base import Model
from ledger.database import autocommit, transaction
from ledger.work_list.tables import WorkViewRow

VIEWS_MAX = 50
"""How many a person may keep."""
_SHARED_SHOWN = 200


class TooManyViews(Exception):
    """The person keeps as many views as allowed."""


class WorkView(Model):
    """A saved view."""

    id: int
    owner: str
    name: str
    query: str
    shared: bool


class WorkViews:
    """Keeps the saved views."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def save(self, owner: str, name: str, query: str, *, shared: bool) -> None:
        """Keep a view; one of the same owner and name is replaced. Raises TooManyViews."""
        row = WorkViewRow
        others = select(func.count()).where(row.owner == owner, row.name != name)
        statement = insert(row).values(owner=owner, name=name, query=query, shared=shared)
        async with transaction(self._engine) as connection:
            if (await connection.execute(others)).scalar_one() >= VIEWS_MAX:
                raise TooManyViews
            await connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[row.owner, row.name],
                    set_={"query": statement.excluded.query, "shared": statement.excluded.shared},
                )
            )

    async def remove(self, owner: str, id: int) -> bool:
        """Forget a view of this owner; whether there was one."""
        statement = delete(WorkViewRow).where(WorkViewRow.id == id, WorkViewRow.owner == owner)
        async with transaction(self._engine) as connection:
            return bool((await connection.execute(statement.returning(WorkViewRow.id))).scalars().all())

    async def seen_by(self, owner: str) -> list[WorkView]:
        """The owner's views by name, then those that others share."""
        row = WorkViewRow
        query = (
            select(row.id, row.owner, row.name, row.query, row.shared)
            .where(or_(row.owner == owner, row.shared))
            .order_by(row.owner != owner, row.name, row.id)
            .limit(VIEWS_MAX + _SHARED_SHOWN)
        )
        async with autocommit(self._engine) as connection:
            return [WorkView.model_validate(dict(found._mapping)) for found in await connection.execute(query)]


__all__ = ["VIEWS_MAX", "TooManyViews", "WorkView", "WorkViews"]
