"""The lists of requirements and orders that people work through, and who serves whom.

Decided here: that what is open comes first, by date. Every read is held to the plants that its reader may see.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    true,
    tuple_,
    type_coerce,
    union,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.base import LAST_DAY, Instant, Model
from canonical.exception import ExceptionKind
from canonical.identity import OrderId, RequirementId
from canonical.records import OrderLineSnapshot, OrderSnapshot, OrderStage, RequirementStage
from canonical.supply import SupplyRequest
from ledger.consolidation.tables import SupplyRequestRow
from ledger.database import Document, autocommit, of_plants
from ledger.paging import BadCursor, Page, cursor, key_of
from ledger.snapshots.reads import OrderRow, RequirementRow
from ledger.snapshots.search import mentions
from ledger.snapshots.tables import ExceptionRecord, OrderLineRow, OrderRecord, RequirementRecord

COUNTED_MAX = 5_000
"""More rows than this of a stage are not counted: "5,000 or more" is as good an answer, and much quicker."""


class Order(StrEnum):
    """How a list is sorted."""

    DUE = "due"
    """What is open first, by the date it is needed or due."""
    ID = "id"


class OrderCondition(StrEnum):
    """Which orders a buyer asks for."""

    OPEN = "open"
    OVERDUE = "overdue"
    """A date of it has passed without the goods."""
    UNANSWERED = "unanswered"
    """Sent, and the supplier has not answered all of it."""
    UNSENT = "unsent"
    """The supplier has not got it yet."""
    ALL = "all"


class OrderHeading(OrderRow):
    """An order as last recorded, its snapshot without lines."""

    lines: int
    due_on: dt.date
    """The calendar's last day: nothing is to come, or it has no firm date."""

    @property
    def next_due(self) -> dt.date | None:
        """The earliest date of what is still to come."""
        return self.due_on if self.due_on < LAST_DAY else None


class ServingLine(Model):
    """An order line that serves a requirement, with its order's heading."""

    requirement_id: RequirementId
    order_id: OrderId
    order_number: str | None
    supplier: str
    supplier_name: str
    stage: OrderStage
    closed: bool
    line: OrderLineSnapshot | None
    """None: the order is still consolidating and has no lines."""
    request: SupplyRequest | None
    """What the requirement asks of the order; None: it asks for nothing any more, or the order never consolidated."""


class WaitingQuestion(Model):
    """A question that waits for a person."""

    id: str
    raised_by: str
    kind: ExceptionKind
    summary: str
    assignee: str
    opened_at: Instant


@dataclass(frozen=True)
class RequirementFilter:
    """Which requirements; None: all."""

    plants: Collection[str] | None = None
    """Those that the reader may see."""
    plant: str | None = None
    item: str | None = None
    stage: RequirementStage | None = None
    open_only: bool = False
    planner: str | None = None
    order: str | None = None
    """Our id or the ERP's number."""
    q: str = ""
    """The beginnings of words of its item, references, demands and planner."""

    def conditions(self, *, but_stage: bool = False) -> list[ColumnElement[bool]]:
        """As SQL."""
        record = RequirementRecord
        found: list[ColumnElement[bool]] = [record.stage.is_not(None), *of_plants(record.plant, self.plants)]
        if self.plant is not None:
            found.append(record.plant == self.plant)
        if self.item is not None:
            found.append(record.item == self.item)
        if self.planner is not None:
            found.append(record.planner == self.planner)
        if self.order is not None:
            found.append(record.id.in_(_requirements_of(self.order)))
        if self.q.strip():
            found.append(mentions(record.words, self.q))
        if not but_stage:
            if self.stage is not None:
                found.append(record.stage == self.stage)
            if self.open_only:
                found.append(record.closed.is_(False))
        return found


@dataclass(frozen=True)
class OrderFilter:
    """Which orders; None: all."""

    plants: Collection[str] | None = None
    """Those that the reader may see."""
    plant: str | None = None
    supplier: str | None = None
    stage: OrderStage | None = None
    number: str | None = None
    """The ERP's number of the order or its requisition."""
    condition: OrderCondition = OrderCondition.ALL
    q: str = ""
    """The beginnings of words of its numbers, supplier and items."""

    def conditions(self, today: Mapping[str, dt.date], *, but_stage: bool = False) -> list[ColumnElement[bool]]:
        """As SQL; `today`: the day that it is at each plant, by which a date has passed."""
        record = OrderRecord
        found = of_plants(record.plant, self.plants)
        if self.plant is not None:
            found.append(record.plant == self.plant)
        if self.supplier is not None:
            found.append(record.supplier == self.supplier)
        if self.number is not None:
            found.append(or_(record.order_number == self.number, record.requisition_number == self.number))
        if self.q.strip():
            found.append(mentions(record.words, self.q))
        if not but_stage:
            if self.stage is not None:
                found.append(record.stage == self.stage)
            found += self._condition(today)
        return found

    def _condition(self, today: Mapping[str, dt.date]) -> list[ColumnElement[bool]]:
        record = OrderRecord
        match self.condition:
            case OrderCondition.ALL:
                return []
            case OrderCondition.OPEN:
                return [record.closed.is_(False)]
            case OrderCondition.UNANSWERED:
                return [record.closed.is_(False), record.stage == OrderStage.SENT]
            case OrderCondition.UNSENT:
                return [record.closed.is_(False), record.stage.in_(_UNSENT)]
            case OrderCondition.OVERDUE:
                by_day: dict[dt.date, list[str]] = {}
                for plant, day in today.items():
                    by_day.setdefault(day, []).append(plant)
                passed = [and_(record.plant.in_(plants), record.due_on < day) for day, plants in by_day.items()]
                return [record.closed.is_(False), or_(*passed) if passed else ~true()]


class Counts(Model):
    """How many rows of each stage there are."""

    by_stage: dict[str, int]
    more: frozenset[str] = frozenset()
    """Stages of which there are more than were counted."""

    @property
    def total(self) -> int:
        """All that were counted."""
        return sum(self.by_stage.values())


class Lists:
    """Answers the gateway's lists and pages."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def requirements(
        self, which: RequirementFilter, *, order: Order = Order.ID, limit: int = 50, after: str | None = None
    ) -> Page[RequirementRow]:
        """A page of them."""
        record = RequirementRecord
        query = select(record.snapshot, record.position, record.recorded_at).where(*which.conditions())
        place = tuple_(record.closed, record.required_date, record.id)
        if order is Order.ID:
            query = query.order_by(record.id)
            if after is not None:
                query = query.where(record.id > key_of(after, 1)[0])
        else:
            query = query.order_by(record.closed, record.required_date, record.id)
            if after is not None:
                query = query.where(place > tuple_(*_due_key(after)))
        rows = [RequirementRow.model_validate(row) for row in await self._all(query.limit(limit + 1))]
        last = rows[limit - 1].snapshot if len(rows) > limit else None
        following = None
        if last is not None:
            due = (_flag(last.closed), last.need.required_date.isoformat())
            following = cursor(*(() if order is Order.ID else due), last.id)
        return Page[RequirementRow](items=tuple(rows[:limit]), next=following)

    async def requirement_counts(self, which: RequirementFilter) -> Counts:
        """How many there are of each stage, whatever stage is asked for."""
        conditions = which.conditions(but_stage=True)
        return await self._counts(RequirementRecord.stage, RequirementStage, conditions, searched=bool(which.q.strip()))

    async def requirements_by_id(self, ids: Collection[str]) -> dict[str, RequirementRow]:
        """Those of the ids that have recorded something."""
        record = RequirementRecord
        query = select(record.snapshot, record.position, record.recorded_at).where(
            record.id == any_(_list(ids)), record.position.is_not(None)
        )
        rows = [RequirementRow.model_validate(row) for row in await self._all(query)]
        return {row.snapshot.id: row for row in rows}

    async def orders(
        self,
        which: OrderFilter,
        today: Mapping[str, dt.date],
        *,
        order: Order = Order.ID,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[OrderRow]:
        """A page of them; `today`: the day that it is at each plant."""
        found = await self._orders(OrderRecord.snapshot, which, today, order, limit, after)
        rows = [OrderRow.model_validate(row) for row in found[:limit]]
        return Page[OrderRow](items=tuple(rows), next=_following(found, limit, order))

    async def order_headings(
        self, which: OrderFilter, today: Mapping[str, dt.date], *, order: Order, limit: int = 50, after: str | None
    ) -> Page[OrderHeading]:
        """A page of them without their lines: an order may have two thousand."""
        heading = type_coerce(
            func.to_jsonb(OrderRecord.snapshot).op("-")(literal_column("'lines'")), Document(OrderSnapshot)
        )
        found = await self._orders(heading.label("snapshot"), which, today, order, limit, after)
        rows = [OrderHeading.model_validate(row) for row in found[:limit]]
        return Page[OrderHeading](items=tuple(rows), next=_following(found, limit, order))

    async def _orders(
        self,
        snapshot: Any,
        which: OrderFilter,
        today: Mapping[str, dt.date],
        order: Order,
        limit: int,
        after: str | None,
    ) -> list[Any]:
        """One row more than the limit, if there is one."""
        record = OrderRecord
        lines = func.jsonb_array_length(func.jsonb_extract_path(func.to_jsonb(record.snapshot), "lines"))
        query = select(
            snapshot, record.position, record.recorded_at, record.due_on, record.id, record.closed, lines.label("lines")
        )
        query = query.where(*which.conditions(today))
        if order is Order.ID:
            query = query.order_by(record.id)
            if after is not None:
                query = query.where(record.id > key_of(after, 1)[0])
        else:
            query = query.order_by(record.closed, record.due_on, record.id)
            if after is not None:
                query = query.where(tuple_(record.closed, record.due_on, record.id) > tuple_(*_due_key(after)))
        return await self._all(query.limit(limit + 1))

    async def order_counts(self, which: OrderFilter) -> Counts:
        """How many there are of each stage, whatever stage or condition is asked for."""
        conditions = which.conditions({}, but_stage=True)
        return await self._counts(OrderRecord.stage, OrderStage, conditions, searched=bool(which.q.strip()))

    async def orders_by_number(self, number: str) -> list[OrderRow]:
        """The orders with this number, one in each ERP at most; else those of a requisition with it."""
        record = OrderRecord
        query = (
            select(record.snapshot, record.position, record.recorded_at)
            .where(or_(record.order_number == number, record.requisition_number == number))
            .order_by((record.order_number == number).desc().nulls_last(), record.closed, record.id)
            .limit(_OF_ONE_NUMBER)
        )
        found = [OrderRow.model_validate(row) for row in await self._all(query)]
        return [row for row in found if row.snapshot.order_number == number] or found

    async def serving_lines(self, requirement_ids: Collection[str]) -> list[ServingLine]:
        """The order lines that serve these requirements, and the orders that have no lines for them yet."""
        async with autocommit(self._engine) as connection:
            rows = (await connection.execute(_SERVING, {"ids": list(requirement_ids)})).mappings().all()
        return [ServingLine.model_validate(dict(row)) for row in rows]

    async def open_questions(self, raised_by: Sequence[str], ids: Collection[str] = ()) -> list[WaitingQuestion]:
        """The questions of these entities, and those of these ids, that wait for a person; the oldest first."""
        record = ExceptionRecord
        proposal = func.to_jsonb(record.snapshot)
        query = (
            select(
                record.id,
                record.raised_by,
                record.kind,
                func.jsonb_extract_path_text(proposal, "proposal", "summary").label("summary"),
                record.assignee,
                record.opened_at,
            )
            .where(or_(record.raised_by == any_(_list(raised_by)), record.id == any_(_list(ids))))
            .where(record.state == "open")
            .order_by(record.opened_at, record.id)
        )
        return [WaitingQuestion.model_validate(row) for row in await self._all(query)]

    async def _counts(
        self, stage: Any, stages: Iterable[str], conditions: list[ColumnElement[bool]], *, searched: bool
    ) -> Counts:
        """`searched`: a search is made once for all stages, since making it is what takes the time."""
        if searched:
            hits = select(stage.label("stage")).where(*conditions).limit(COUNTED_MAX + 1).subquery()
            query = select(hits.c.stage, func.count().label("rows")).group_by(hits.c.stage)
            met: dict[str, int] = {row["stage"]: row["rows"] for row in await self._all(query)}
            return Counts(by_stage=met, more=frozenset(met if sum(met.values()) > COUNTED_MAX else ()))
        parts = []
        for name in stages:
            counted = select(literal(1)).where(stage == name, *conditions).limit(COUNTED_MAX + 1).subquery()
            rows = select(func.count()).select_from(counted).scalar_subquery()
            parts.append(select(literal(name).label("stage"), rows.label("rows")))
        found: dict[str, int] = {row["stage"]: row["rows"] for row in await self._all(union_all(*parts))}
        return Counts(
            by_stage={name: min(found[name], COUNTED_MAX) for name in found if found[name]},
            more=frozenset(name for name in found if found[name] > COUNTED_MAX),
        )

    async def _all(self, query: Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]]) -> list[Any]:
        async with autocommit(self._engine) as connection:
            return [row._mapping for row in await connection.execute(query)]


_OF_ONE_NUMBER = 50
_UNSENT = (OrderStage.CONSOLIDATING, OrderStage.PLACING, OrderStage.UNSENT)

_SERVING = text("""
WITH served AS (
    SELECT order_id, requirement_id FROM order_line WHERE requirement_id = ANY(:ids)
    UNION SELECT order_id, requirement_id FROM supply_request WHERE requirement_id = ANY(:ids)
)
SELECT served.requirement_id, served.order_id, o.order_number, coalesce(o.supplier, r.supplier) AS supplier,
       coalesce(o.snapshot->>'supplier_name', '') AS supplier_name, coalesce(o.stage, 'consolidating') AS stage,
       coalesce(o.closed, false) AS closed, one.line, r.request
  FROM served
  LEFT JOIN purchase_order AS o ON o.id = served.order_id
  LEFT JOIN supply_request AS r ON r.order_id = served.order_id AND r.requirement_id = served.requirement_id
  LEFT JOIN LATERAL (
      SELECT line FROM jsonb_array_elements(o.snapshot->'lines') AS line
       WHERE line->>'requirement_id' = served.requirement_id
          OR line->'shares' @> jsonb_build_array(jsonb_build_object('requirement_id', served.requirement_id))
  ) AS one ON true
 WHERE one.line IS NOT NULL OR (r.lines > 0 AND coalesce(o.stage, 'consolidating') IN ('consolidating', 'placing'))
 ORDER BY served.requirement_id, o.order_number NULLS LAST, served.order_id, (one.line->>'line')::int
""").bindparams(bindparam("ids", type_=ARRAY(Text)))


def _list(ids: Collection[str]) -> Any:
    return bindparam(None, list(ids), type_=ARRAY(Text))


def _requirements_of(order: str) -> Any:
    """Requirements with a line of the order, or a supply request in it while it is consolidating."""
    orders = select(OrderRecord.id).where(or_(OrderRecord.id == order, OrderRecord.order_number == order))
    return union(
        select(OrderLineRow.requirement_id).where(OrderLineRow.order_id.in_(orders)),
        select(SupplyRequestRow.requirement_id).where(
            or_(SupplyRequestRow.order_id == order, SupplyRequestRow.order_id.in_(orders))
        ),
    )


def _following(found: list[Any], limit: int, order: Order) -> str | None:
    """The cursor of the page after the first `limit` rows; None: there is none."""
    if len(found) <= limit:
        return None
    last = found[limit - 1]
    due = (_flag(last["closed"]), last["due_on"].isoformat())
    return cursor(*(() if order is Order.ID else due), last["id"])


def _flag(value: bool) -> str:
    return "1" if value else "0"


def _due_key(after: str) -> tuple[bool, dt.date, str]:
    closed, day, identity = key_of(after, 3)
    try:
        return closed == "1", dt.date.fromisoformat(day), identity
    except ValueError:
        raise BadCursor(f"{after!r} is not a cursor of this list; take `next` of the page before") from None


__all__ = [
    "COUNTED_MAX",
    "Counts",
    "Lists",
    "Order",
    "OrderCondition",
    "OrderFilter",
    "OrderHeading",
    "RequirementFilter",
    "ServingLine",
    "WaitingQuestion",
]
