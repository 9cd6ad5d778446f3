"""The list of questions that people work through: filters, orders, pages, counts, changes.

Decided here: what a filter and an order mean. Not here: who may see what; a caller names the plants.
"""

import datetime as dt
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Text, and_, any_, cast, false, func, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.base import Criticality, Instant, Model
from canonical.exception import Choice, ExceptionKind
from canonical.records import ExceptionState
from ledger.database import autocommit, of_plants
from ledger.paging import BadCursor, Page, cursor, key_of
from ledger.questions.tables import WaitingRow
from ledger.snapshots.reads import ExceptionRow, exception_query
from ledger.snapshots.tables import ExceptionRecord

_NO_RISK = -1
_NO_DAY, _BEFORE_ALL_DAYS = dt.date(9999, 1, 1), dt.date(1900, 1, 1)  # the very last and first would be infinite
_VALUES_OFFERED = 500


class WorkOrder(StrEnum):
    """What the list can be ordered by."""

    SAFE_DATE = "safe_date"
    """The latest safe date; questions without one come last."""
    VALUE = "value"
    CRITICALITY = "criticality"
    ESCALATION = "escalation"
    RISK = "risk"
    """The chance that a pegged date is missed; questions whose risk can't be told count as none."""
    LATE = "late"
    """Working days late."""
    OPENED = "opened"
    ITEM = "item"
    SUPPLIER = "supplier"
    PLANT = "plant"
    KIND = "kind"
    PLANNER = "planner"
    ASSIGNEE = "assignee"
    DEMAND = "demand"


class WorkFilter(Model):
    """Which questions are listed. Texts must be equal; an asterisk stands for any characters."""

    plants: frozenset[str] | None
    """The plants that the reader sees; None: all."""
    plant: str | None = None
    item: str | None = None
    supplier: str | None = None
    order: str | None = None
    """The ERP's order number."""
    demand: str | None = None
    """One of the pegged demands."""
    kind: ExceptionKind | None = None
    planner: str | None = None
    state: ExceptionState | None = None
    assignee: str | None = None
    asked: tuple[str, ...] | None = None
    """Questions that are put to one of these, or to whoever stands in for one of them; None: to anybody."""

    def holds(self, item: "WorkItem") -> bool:
        """Whether the list would show the question."""
        texts = (
            (self.plant, (item.plant,)),
            (self.item, (item.item,)),
            (self.supplier, (item.supplier,)),
            (self.order, (item.order_number,)),
            (self.demand, item.demands),
            (self.planner, item.planners),
            (self.kind, (item.kind,)),
            (self.state, (item.state,)),
            (self.assignee, (item.assignee,)),
        )
        return (
            (self.plants is None or item.plant in self.plants)
            and (self.asked is None or not _folded(self.asked).isdisjoint(_folded((item.assignee, item.on_behalf_of))))
            and all(wanted is None or any(_is_like(wanted, one) for one in found) for wanted, found in texts)
        )


def _folded(names: Iterable[str | None]) -> set[str]:
    return {name.strip().lower() for name in names if name}


def _is_like(wanted: str, found: str | None) -> bool:
    if found is None or "*" not in wanted:
        return found == wanted
    return re.fullmatch(".*".join(map(re.escape, wanted.split("*"))), found, re.DOTALL) is not None


class WorkItem(Model):
    """A question as a list shows it."""

    id: str
    raised_by: str
    plant: str
    kind: ExceptionKind
    state: ExceptionState
    summary: str
    digest: str
    assignee: str
    on_behalf_of: str | None
    opened_at: Instant
    item: str | None
    supplier: str | None
    order_number: str | None
    latest_safe_date: dt.date | None
    value: Decimal
    currency: str
    short_quantity: Decimal | None
    unit: str
    working_days_late: int
    criticality: Criticality
    reminders: int
    escalations: int
    demands: tuple[str, ...]
    planners: tuple[str, ...]
    choices: tuple[Choice, ...]
    """The ways out that are offered, the best first."""
    choice: Choice | None
    """What was decided."""
    decided_by: str | None
    closing_reason: str
    """Why it was overtaken, or the decider's comment."""
    risk: Decimal | None
    """The chance, 0 to 1, that a pegged date is missed; None: it can't be told."""
    risk_why: str
    """The explanation, in a sentence."""
    waiting: int = 0
    """Requirements that wait for the decision, where several share the question."""
    position: int
    recorded_at: Instant

    @property
    def name(self) -> str:
        """The id as addresses carry it."""
        return self.id.removeprefix("exception/")


class WorkCounts(Model):
    """How many questions a filter finds, its kind and who is asked left aside."""

    asked: dict[ExceptionKind, int] = {}
    """Put to the reader, by kind."""
    all: dict[ExceptionKind, int] = {}


class WorkValues(Model):
    """What the open questions are about, as filters offer it."""

    plants: tuple[str, ...]
    suppliers: tuple[str, ...]
    planners: tuple[str, ...]


class _Key(NamedTuple):
    expression: ColumnElement[Any]
    read: Callable[[str], Any]
    """Its value from PostgreSQL's text."""
    descending: bool = False


class WorkList:
    """Reads the questions."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def items(
        self,
        filter: WorkFilter,
        order: WorkOrder = WorkOrder.SAFE_DATE,
        *,
        descending: bool = False,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[WorkItem]:
        """A page of the list. BadCursor where `after` is of another list or order."""
        rows, next = await self._page(_item_query(), filter, order, descending, limit, after)
        return Page[WorkItem](items=tuple(_item(row) for row in rows), next=next)

    async def questions(
        self,
        filter: WorkFilter,
        order: WorkOrder = WorkOrder.OPENED,
        *,
        descending: bool = True,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[ExceptionRow]:
        """The same with each question as a whole."""
        rows, next = await self._page(exception_query(), filter, order, descending, limit, after)
        return Page[ExceptionRow](items=tuple(ExceptionRow.model_validate(row) for row in rows), next=next)

    async def _page(
        self,
        query: Select[*tuple[Any, ...]],
        filter: WorkFilter,
        order: WorkOrder,
        descending: bool,
        limit: int,
        after: str | None,
    ) -> tuple[list[Any], str | None]:
        keys = _keys(order, descending)
        query = query.where(*_conditions(filter))
        if after is not None:
            query = query.where(_beyond(keys, _read_cursor(after, order, descending, len(keys))))
        query = query.order_by(*(key.expression.desc() if key.descending else key.expression for key in keys))
        query = query.add_columns(*(cast(key.expression, Text).label(f"key{n}") for n, key in enumerate(keys)))
        async with autocommit(self._engine) as connection:
            rows = [row._mapping for row in await connection.execute(query.limit(limit + 1))]
        if len(rows) <= limit:
            return rows, None
        last = [rows[limit - 1][f"key{n}"] for n in range(len(keys))]
        return rows[:limit], cursor(order, str(int(descending)), *last)

    async def counts(self, filter: WorkFilter, asked: Sequence[str]) -> WorkCounts:
        """How many there are of each kind, put to these names and to anybody; `filter`'s own are left aside."""
        record = ExceptionRecord
        every = filter.model_copy(update={"kind": None, "asked": None})
        query = (
            select(
                record.kind,
                func.count().filter(_put_to(asked)).label("asked"),
                func.count().label("all"),
            )
            .where(*_conditions(every))
            .group_by(record.kind)
        )
        async with autocommit(self._engine) as connection:
            rows = (await connection.execute(query)).all()
        return WorkCounts(
            asked={ExceptionKind(row.kind): row.asked for row in rows},
            all={ExceptionKind(row.kind): row.all for row in rows},
        )

    async def values(self, plants: Collection[str] | None) -> WorkValues:
        """What the open questions at these plants are about."""
        record = ExceptionRecord
        open_here = [record.state == ExceptionState.OPEN, *of_plants(record.plant, plants)]

        def distinct(expression: Any) -> Any:
            found = select(expression.label("value")).where(*open_here).distinct().order_by("value")
            return func.array(found.limit(_VALUES_OFFERED).scalar_subquery())

        query = select(
            distinct(record.plant).label("plants"),
            distinct(record.supplier).label("suppliers"),
            distinct(func.unnest(record.planners)).label("planners"),
        )
        async with autocommit(self._engine) as connection:
            row = (await connection.execute(query)).one()
        return WorkValues(**{name: tuple(value for value in values if value) for name, values in row._mapping.items()})

    async def of(self, ids: Collection[str], plants: Collection[str] | None) -> dict[str, ExceptionRow]:
        """These questions as a whole, by id, without those at other plants."""
        query = exception_query().where(ExceptionRecord.id.in_(list(ids)), *of_plants(ExceptionRecord.plant, plants))
        async with autocommit(self._engine) as connection:
            rows = [ExceptionRow.model_validate(row._mapping) for row in await connection.execute(query)]
        return {row.snapshot.id: row for row in rows}

    async def newest(self) -> dt.datetime | None:
        """When the state of a question was last recorded."""
        async with autocommit(self._engine) as connection:
            return await connection.scalar(select(func.max(ExceptionRecord.recorded_at)))

    async def item(self, id: str) -> WorkItem | None:
        """One question; None where it has recorded nothing."""
        async with autocommit(self._engine) as connection:
            row = (await connection.execute(_item_query().where(ExceptionRecord.id == id))).one_or_none()
        return None if row is None else _item(row._mapping)

    async def recorded_since(self, moment: dt.datetime, limit: int) -> list[WorkItem]:
        """Questions whose state was recorded after the moment, the oldest first."""
        record = ExceptionRecord
        query = _item_query().where(record.recorded_at > moment).order_by(record.recorded_at, record.id).limit(limit)
        async with autocommit(self._engine) as connection:
            return [_item(row._mapping) for row in await connection.execute(query)]


_LISTED = tuple(name for name in WorkItem.model_fields if name != "waiting")


def _item_query() -> Select[*tuple[Any, ...]]:
    columns = ExceptionRecord.__table__.c
    waiting = select(func.count()).where(WaitingRow.exception_id == ExceptionRecord.id).scalar_subquery()
    return select(*(columns[name] for name in _LISTED), waiting.label("waiting"))


def _item(row: Any) -> WorkItem:
    return WorkItem.model_validate(dict(row))


def _conditions(filter: WorkFilter) -> list[ColumnElement[bool]]:
    record = ExceptionRecord
    found = of_plants(record.plant, filter.plants)
    texts = (
        (record.plant, filter.plant),
        (record.item, filter.item),
        (record.supplier, filter.supplier),
        (record.order_number, filter.order),
    )
    found += [_matches(column, text) for column, text in texts if text is not None]
    for column, text in ((record.planners, filter.planner), (record.demands, filter.demand)):
        if text is not None:
            found.append(literal(text, Text) == any_(column) if "*" not in text else _some_match(column, text))
    if filter.kind is not None:
        found.append(record.kind == filter.kind)
    if filter.state is not None:
        found.append(record.state == filter.state)
    if filter.assignee is not None:
        found.append(record.assignee == filter.assignee)
    if filter.asked is not None:
        found.append(_put_to(filter.asked))
    return found


def _put_to(names: Sequence[str]) -> ColumnElement[bool]:
    """Names are compared as R15 compares them: without case."""
    folded = sorted(_folded(names))
    record = ExceptionRecord
    return or_(func.lower(record.assignee).in_(folded), func.lower(record.on_behalf_of).in_(folded))


def _matches(column: Any, text: str) -> ColumnElement[bool]:
    text = text.replace("\0", "\ufffd")
    return column.like(_pattern(text), escape="\\") if "*" in text else column == text  # type: ignore[no-any-return]


def _some_match(column: Any, text: str) -> ColumnElement[bool]:
    each = func.unnest(column).column_valued("each")
    return select(each).where(each.like(_pattern(text.replace("\0", "\ufffd")), escape="\\")).exists()


def _pattern(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")


_ORDERS: dict[WorkOrder, tuple[str, Callable[[str], Any]]] = {
    WorkOrder.SAFE_DATE: ("latest_safe_date", dt.date.fromisoformat),
    WorkOrder.VALUE: ("value", Decimal),
    WorkOrder.CRITICALITY: ("criticality", str),
    WorkOrder.ESCALATION: ("escalations", int),
    WorkOrder.RISK: ("risk", Decimal),
    WorkOrder.LATE: ("working_days_late", int),
    WorkOrder.OPENED: ("opened_at", dt.datetime.fromisoformat),
    WorkOrder.ITEM: ("item", str),
    WorkOrder.SUPPLIER: ("supplier", str),
    WorkOrder.PLANT: ("plant", str),
    WorkOrder.KIND: ("kind", str),
    WorkOrder.PLANNER: ("planners", str),
    WorkOrder.ASSIGNEE: ("assignee", str),
    WorkOrder.DEMAND: ("demands", str),
}


def _keys(order: WorkOrder, descending: bool) -> list[_Key]:
    """What to order by: the chosen column, then the most pressing first, then the id."""
    keys = [_key(order, descending)]
    keys += [_key(other) for other in (WorkOrder.SAFE_DATE, WorkOrder.CRITICALITY) if other is not order]
    return [*keys, _Key(ExceptionRecord.__table__.c.id, str)]


def _key(order: WorkOrder, descending: bool = False) -> _Key:
    name, read = _ORDERS[order]
    column: ColumnElement[Any] = ExceptionRecord.__table__.c[name]
    if isinstance(column.type, ARRAY):
        column = column[1]
    if order is WorkOrder.SAFE_DATE:
        column = func.coalesce(column, _BEFORE_ALL_DAYS if descending else _NO_DAY)
    elif order is WorkOrder.RISK:
        column = func.coalesce(column, _NO_RISK)
    elif read is str:
        column = func.coalesce(column, "")
    return _Key(column, read, descending)


def _beyond(keys: Sequence[_Key], values: Sequence[str]) -> ColumnElement[bool]:
    """The rows that come after the one with these values."""
    beyond: ColumnElement[bool] = false()
    for key, text in zip(reversed(keys), reversed(values), strict=True):
        value = literal(_read(text, key), key.expression.type)
        further = key.expression < value if key.descending else key.expression > value
        beyond = or_(further, and_(key.expression == value, beyond))
    return beyond


def _read_cursor(after: str, order: WorkOrder, descending: bool, keys: int) -> tuple[str, ...]:
    named, direction, *values = key_of(after, keys + 2)
    if (named, direction) != (order, str(int(descending))):
        raise BadCursor(f"{after!r} is a cursor of another order; take `next` of the page before, or leave it out")
    return tuple(values)


def _read(text: str, key: _Key) -> Any:
    try:
        return key.read(text)
    except (ValueError, InvalidOperation):
        raise BadCursor(f"{text[:60]!r} is not the key of a row; take `next` of the page before") from None


__all__ = ["WorkCounts", "WorkFilter", "WorkItem", "WorkList", "WorkOrder", "WorkValues"]
