"""Writes the measures of KPIs from audit events: the new ones of some entities, or all of them again.

Decided here: how a row of facts is merged with what is measured already. A milestone keeps its earliest moment, a count
adds up, a dimension is the newest known; since each event is read once, nothing counts twice. Where a later attempt
replaces recorded events, the measures of their entity are folded again from the events in force.
"""

import json
import logging
import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Select, Table, Text, TextClause, any_, bindparam, delete, func, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.records import Snapshot
from ledger.consolidation.tables import SupplyRequestRow
from ledger.database import Base, json_text
from ledger.events.tables import AuditEventRow
from ledger.kpis.facts import KINDS, Facts, LinesAsked, LinesRevised, RecordedKind, Row, facts_of
from ledger.kpis.tables import (
    ChangeMeasure,
    IncidentMeasure,
    LineMeasure,
    MeasuredRow,
    OrderMeasure,
    QuestionMeasure,
    RequirementMeasure,
    SendingMeasure,
)
from ledger.snapshots.tables import ChangeRecord, ExceptionRecord, OrderRecord, RequirementRecord
from ledger.stock.tables import StockRow

log = logging.getLogger("pegline.ledger")

_AT_ONCE = 500
"""Entities that are folded together when everything is measured again."""
TABLES: tuple[type[Base], ...] = (
    RequirementMeasure,
    LineMeasure,
    SendingMeasure,
    OrderMeasure,
    QuestionMeasure,
    IncidentMeasure,
    ChangeMeasure,
)
_RECORDS: tuple[type[Base], ...] = (RequirementRecord, OrderRecord, ExceptionRecord, ChangeRecord, StockRow)
"""Requirements first: lines and changes take class and criticality from them."""


async def measure(connection: AsyncConnection, entity_ids: Sequence[str], replaced: Collection[str] = ()) -> None:
    """Merge what these entities' events after the measured ones say; the `replaced`, of which a later attempt replaced
    measured events, are measured again.
    """
    snapshots = await _snapshots_of(connection, entity_ids)
    new = [entity_id for entity_id in entity_ids if entity_id in snapshots and entity_id not in replaced]
    facts = Facts()
    for entity_id, events in (await _taken(connection, new, _NEW)).items():
        _fold(facts, snapshots[entity_id], events)
    await write(connection, facts)
    for entity_id in sorted(replaced):
        if entity_id in snapshots:
            await _again(connection, snapshots[entity_id])


async def write(connection: AsyncConnection, facts: Facts) -> None:
    """Merge the rows into the measures, requirements first."""
    merging = _Merging(connection)
    await merging.rows(_REQUIREMENTS, [facts.requirements[key] for key in sorted(facts.requirements)])
    for step in facts.steps:
        match step:
            case LinesAsked(rows=rows):
                await merging.rows(_ASKED, rows)
            case LinesRevised(order_id=order_id, lines=lines):
                await merging.add(_REVISED, {"order_id": order_id, "lines": lines})
    await merging.rows(_LINES, [facts.lines[key] for key in sorted(facts.lines)])
    for row in facts.sendings:
        if "answered" in row:
            await merging.add(_ANSWERED, row)
        else:
            await merging.rows(_SENDINGS, [row])
    await merging.rows(_ORDERS, [facts.orders[key] for key in sorted(facts.orders)])
    for row in facts.orders.values():
        if "ended_at" in row or row["closed"] is False:
            await merging.add(_END_LINES, {"order_id": row["id"], "at": row.get("ended_at")})
            await merging.add(_END_SENDINGS, {"order_id": row["id"], "at": row.get("ended_at")})
    await merging.rows(_QUESTIONS, [facts.questions[key] for key in sorted(facts.questions)])
    for row in facts.incidents:
        await merging.add(_OPENED if row["closed_at"] is None else _CLOSED, row)
    for row in facts.changes:
        if "about" in row:
            asked, decided = row.get("asked"), row.get("decided")
            await merging.add(_ABOUT, {"about": row["about"], "asked": asked, "decided": decided})
        else:
            await merging.rows(_CHANGES, [row])
    await merging.finish()


class _Merge(NamedTuple):
    """A statement, the table that it writes, and those that it reads."""

    sql: str
    table: str
    reads: frozenset[str] = frozenset()


class _Merging:
    """Executes merges in their order, as many at a time as do not depend on each other: a round trip is most of one."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._waiting: list[tuple[_Merge, Mapping[str, Any]]] = []

    async def rows(self, merge: _Merge, rows: Sequence[Row]) -> None:
        """Merge rows, if there are any."""
        if rows:
            await self.add(merge, {"rows": json_text(json.dumps(rows, default=str))})

    async def add(self, merge: _Merge, values: Mapping[str, Any]) -> None:
        """Merge by this statement after those before it."""
        written = {each.table for each, _ in self._waiting}
        if written & {merge.table, *merge.reads}:
            await self.finish()
        self._waiting.append((merge, values))

    async def finish(self) -> None:
        """Execute what waits."""
        if not self._waiting:
            return
        statement = _together(tuple(merge for merge, _ in self._waiting))
        given = {
            f"{name}_{place}": value
            for place, (_, values) in enumerate(self._waiting)
            for name, value in values.items()
        }
        self._waiting = []
        await self._connection.execute(statement, given)


@cache
def _together(merges: tuple[_Merge, ...]) -> TextClause:
    """One statement of several, each with parameters of its own; none of them sees what another one writes."""
    numbered = [re.sub(r"(?<!:):(\w+)", rf":\1_{place}", merge.sql) for place, merge in enumerate(merges)]
    if len(numbered) == 1:
        return text(numbered[0])
    *parts, last = numbered
    return text(f"WITH {', '.join(f'm{place} AS ({part})' for place, part in enumerate(parts))} {last}")


async def measure_again(connection: AsyncConnection) -> int:
    """Measure everything again from the events in force; returns how many entities."""
    measured = 0
    tables: tuple[type[Base], ...] = (*TABLES, MeasuredRow)
    for table in tables:
        await connection.execute(delete(table))
    for record in _RECORDS:
        async for snapshots in _snapshots(connection, record):
            facts = Facts()
            events = await _taken(connection, list(snapshots), _IN_FORCE)
            for entity_id, snapshot in snapshots.items():
                _fold(facts, snapshot, events.get(entity_id, []))
            await write(connection, facts)
            measured += len(snapshots)
    return measured


def _fold(facts: Facts, snapshot: Snapshot, events: Sequence[RecordedKind]) -> None:
    """Add what the events say. A defect here must not hold up the others: figures can be rebuilt."""
    try:
        more = facts_of(snapshot, events)
    except Exception:
        log.exception("%s: its events could not be measured; python cli.py kpis rebuild measures them", snapshot.id)
        return
    for identity, row in more.requirements.items():
        facts.requirements[identity] = _joined(facts.requirements.get(identity), row)
    facts.lines |= more.lines
    facts.orders |= more.orders
    facts.questions |= more.questions
    facts.steps += more.steps
    facts.sendings += more.sendings
    facts.incidents += more.incidents
    facts.changes += more.changes


def _joined(row: Row | None, other: Row) -> Row:
    """Two rows of one requirement: the earliest of each moment, else the later value."""
    if row is None:
        return other
    joined = row | other
    for name in row.keys() & other.keys():
        if name.endswith("_at"):
            joined[name] = min(row[name], other[name])
    return joined


async def _taken(
    connection: AsyncConnection, entity_ids: Sequence[str], query: Select[Any]
) -> dict[str, list[RecordedKind]]:
    """The events by entity, each in its order; from now on they count as measured."""
    found: dict[str, list[RecordedKind]] = {}
    upto: dict[str, int] = {}
    for row in await connection.execute(query, {"ids": entity_ids}):
        found.setdefault(row.entity_id, []).append(_event(row))
        upto[row.entity_id] = row.position
    if upto:
        await connection.execute(_MEASURED, [{"entity_id": each, "position": upto[each]} for each in sorted(upto)])
    return found


def _event(row: Any) -> RecordedKind:
    return RecordedKind(row.sequence, row.kind, row.business_time, row.processing_time, row.data)


async def _snapshots_of(connection: AsyncConnection, entity_ids: Sequence[str]) -> dict[str, Snapshot]:
    """The newest states of these entities."""
    found: dict[str, Snapshot] = {}
    for record in _RECORDS:
        if rest := [entity_id for entity_id in entity_ids if entity_id not in found]:
            columns: Any = record
            query = select(columns.id, columns.snapshot).where(columns.id.in_(rest), columns.snapshot.is_not(None))
            found |= {row.id: row.snapshot for row in await connection.execute(query)}
    return found


async def _snapshots(connection: AsyncConnection, record: type[Base]) -> AsyncIterator[dict[str, Snapshot]]:
    """All entities of a kind with their newest states, some at a time."""
    last = ""
    columns: Any = record
    while True:
        query = (
            select(columns.id, columns.snapshot)
            .where(columns.id > last, columns.snapshot.is_not(None))
            .order_by(columns.id)
            .limit(_AT_ONCE)
        )
        rows = (await connection.execute(query)).all()
        if not rows:
            return
        yield {row.id: row.snapshot for row in rows}
        last = rows[-1].id


async def _again(connection: AsyncConnection, snapshot: Snapshot) -> None:
    """Measure an entity again from its events in force, and its requirements from all their orders."""
    entity_id: str = snapshot.id
    served: list[str] = [entity_id]
    if entity_id.startswith("order/"):
        lines = select(LineMeasure.requirement_id).where(LineMeasure.order_id == entity_id)
        asked = select(SupplyRequestRow.requirement_id).where(SupplyRequestRow.order_id == entity_id)
        found = [*(await connection.scalars(lines)).all(), *(await connection.scalars(asked)).all()]
        served = sorted(set(map(str, found)))
    await connection.execute(_FORGET_MILESTONES, {"ids": served})
    for statement in _FORGET:
        await connection.execute(statement, {"id": entity_id})
    facts = Facts()
    _fold(facts, snapshot, (await _taken(connection, [entity_id], _IN_FORCE)).get(entity_id, []))
    orders = select(SupplyRequestRow.order_id).where(SupplyRequestRow.requirement_id.in_(served)).distinct()
    others = [other for other in (await connection.scalars(orders)).all() if other != entity_id]
    events: dict[str, list[RecordedKind]] = {}
    for event in await connection.execute(_IN_FORCE, {"ids": others}):
        events.setdefault(event.entity_id, []).append(_event(event))
    query = select(OrderRecord.id, OrderRecord.snapshot).where(OrderRecord.id.in_(others)).order_by(OrderRecord.id)
    for row in await connection.execute(query):
        of_requirements = facts_of(row.snapshot, events.get(row.id, [])).requirements
        for identity, given in of_requirements.items():
            if identity in served:
                facts.requirements[identity] = _joined(facts.requirements.get(identity), given)
    await write(connection, facts)


# -- statements


def _measured_kinds() -> Select[Any]:
    """The events in force that are measured, of the entities `ids`, with the position up to which each is measured."""
    event = AuditEventRow
    return (
        select(
            event.entity_id,
            event.position,
            event.sequence,
            event.kind,
            event.business_time,
            event.processing_time,
            event.data,
        )
        .outerjoin(MeasuredRow, MeasuredRow.entity_id == event.entity_id)
        .where(
            event.entity_id == any_(bindparam("ids", type_=ARRAY(Text))),
            event.kind.in_(sorted(KINDS)),
            ~event.superseded,
        )
        .order_by(event.entity_id, event.position)
    )


def _measured_upsert() -> Insert:
    statement = insert(MeasuredRow)
    return statement.on_conflict_do_update(
        index_elements=[MeasuredRow.entity_id], set_={"position": statement.excluded.position}
    )


_IN_FORCE = _measured_kinds()
_NEW = _IN_FORCE.where(AuditEventRow.position > func.coalesce(MeasuredRow.position, 0))
_MEASURED = _measured_upsert()

_EARLIEST = "least({t}.{c}, excluded.{c})"
_LATEST = "greatest({t}.{c}, excluded.{c})"
_NEWEST = "coalesce(excluded.{c}, {t}.{c})"
_NEWEST_WORD = "coalesce(nullif(excluded.{c}, ''), {t}.{c})"
_KEPT = "coalesce({t}.{c}, excluded.{c})"
_SUM = "{t}.{c} + excluded.{c}"
_ENDED = (
    "CASE WHEN excluded.closed THEN coalesce(excluded.{c}, {t}.{c}) WHEN NOT excluded.closed THEN NULL ELSE {t}.{c} END"
)
_ASKED_FIRST = "CASE WHEN {t}.approved_at IS NULL THEN excluded.{c} ELSE {t}.{c} END"

_WORDS = dict.fromkeys(
    (
        "plant",
        "item",
        "item_class",
        "supplier",
        "planner",
        "buyer",
        "criticality",
        "channel",
        "route",
        "policy_version",
        "requirement_id",
        "kind",
        "raised_by",
    ),
    _NEWEST_WORD,
)
_MOMENTS = dict.fromkeys(
    (
        "planned_at",
        "signal_at",
        "decided_at",
        "approved_at",
        "placed_at",
        "sent_at",
        "answered_at",
        "confirmed_at",
        "shipped_at",
        "received_at",
        "edited_at",
        "opened_at",
    ),
    _EARLIEST,
)
_RULES = _WORDS | _MOMENTS


def _upsert(
    measured: type[Base], rules: Mapping[str, str], *, joined: str = "", values: Mapping[str, str] | None = None
) -> _Merge:
    """The merge of rows, given as a JSON array in `rows`; `joined`: a join; `values`: expressions instead of fields."""
    table = measured.__table__
    assert isinstance(table, Table)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    types = {column.name: column.type.compile(dialect) for column in table.columns}
    keys = [column.name for column in table.primary_key]
    names = [*keys, *(name for name in rules if name not in keys)]
    given = {name: f"g.{name}" for name in names} | dict(values or {})
    defaults = {
        column.name: str(column.server_default.arg.text)
        for column in table.columns
        if column.server_default is not None
    }
    selected = [f"coalesce({given[name]}, {defaults[name]})" if name in defaults else given[name] for name in names]
    fields = ", ".join(f"{name} {types[name]}" for name in names)
    sets = ", ".join(
        f"{name} = {rule.format(t=table.name, c=name)}" for name, rule in rules.items() if name not in keys
    )
    sql = (
        f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {', '.join(selected)} "
        f"FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS g({fields}) {joined} "
        f"ORDER BY {', '.join(str(place + 1) for place in range(len(keys)))} "
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sets}"
    )
    return _Merge(sql, table.name, frozenset({"kpi_requirement"}) if joined else frozenset())


def _of(measured: type[Base], **others: str) -> dict[str, str]:
    """The usual rules of a table's columns, and others."""
    table = measured.__table__
    assert isinstance(table, Table)
    names = [column.name for column in table.columns]
    return {name: _RULES[name] for name in names if name in _RULES} | others


_OF_REQUIREMENT = "LEFT JOIN kpi_requirement AS r ON r.id = g.requirement_id"
_REQUIREMENTS = _upsert(
    RequirementMeasure,
    _of(
        RequirementMeasure,
        received_at=_NEWEST,
        ended_at=_ENDED,
        closed=_NEWEST,
        required_on=_NEWEST,
        demands=_NEWEST,
        late_on=_NEWEST,
        late_quantities=_NEWEST,
    ),
)
_OF_FIRST = {name: f"r.{name}" for name in ("item_class", "criticality", "channel")}
_ASKED = _upsert(
    LineMeasure,
    _of(
        LineMeasure,
        approved_at=_EARLIEST,
        first_quantity=_ASKED_FIRST,
        quantity=_ASKED_FIRST,
        next_quantity="CASE WHEN {t}.approved_at IS NULL THEN NULL ELSE excluded.first_quantity END",
    ),
    joined=_OF_REQUIREMENT,
    values={**_OF_FIRST, "first_quantity": "g.quantity", "next_quantity": "CAST(NULL AS numeric)"},
)
_REVISED = _Merge(
    "UPDATE kpi_line SET revisions = revisions + 1, "
    "quantity_changed = quantity_changed + abs(next_quantity - quantity), "
    "quantity = next_quantity, next_quantity = NULL "
    "WHERE order_id = :order_id AND line = ANY(CAST(:lines AS integer[])) AND next_quantity IS NOT NULL",
    "kpi_line",
)
_LINES = _upsert(
    LineMeasure,
    _of(
        LineMeasure,
        received_at=_LATEST,
        received=_SUM,
        first_promised_on=_KEPT,
        promised_on=_NEWEST,
        received_on=_LATEST,
    ),
    joined=_OF_REQUIREMENT,
    values=_OF_FIRST,
)
_SENDINGS = _upsert(SendingMeasure, _of(SendingMeasure, unconfirmed=_KEPT))
_ANSWERED = _Merge(
    "UPDATE kpi_sending AS s SET answered_at = least(s.answered_at, CAST(:at AS bigint)), "
    "unconfirmed = left_over.lines, "
    "confirmed_at = CASE WHEN s.confirmed_at IS NULL AND cardinality(left_over.lines) = 0 "
    "THEN CAST(:at AS bigint) ELSE s.confirmed_at END "
    "FROM kpi_sending AS o CROSS JOIN LATERAL (SELECT coalesce(array_agg(n), '{}') AS lines FROM unnest(o.unconfirmed) "
    "AS n WHERE n <> ALL(CAST(:confirmed AS integer[]))) AS left_over "
    "WHERE o.order_id = s.order_id AND o.revision = s.revision AND s.order_id = :order_id "
    "AND (CAST(:answers AS integer) IS NULL OR s.revision <= CAST(:answers AS integer)) "
    "AND s.unconfirmed && CAST(:answered AS integer[])",
    "kpi_sending",
)
_ORDERS = _upsert(
    OrderMeasure,
    _of(
        OrderMeasure,
        ended_at=_ENDED,
        closed=_NEWEST,
        edits=_SUM,
        duplicates_created=_SUM,
        duplicates_prevented=_SUM,
    ),
)
_END_LINES = _Merge(
    "UPDATE kpi_line SET ended_at = CAST(:at AS bigint) WHERE order_id = :order_id",
    "kpi_line",
)
_END_SENDINGS = _Merge(
    "UPDATE kpi_sending SET ended_at = CAST(:at AS bigint) WHERE order_id = :order_id",
    "kpi_sending",
)
_QUESTIONS = _upsert(QuestionMeasure, _of(QuestionMeasure, closed_at=_ENDED, closed=_NEWEST, hand_offs=_SUM))
_OPENED = _Merge(
    "INSERT INTO kpi_incident (entity_id, call, sequence, plant, opened_at) "
    "VALUES (:entity_id, :call, :sequence, :plant, :opened_at) ON CONFLICT DO NOTHING",
    "kpi_incident",
)
_CLOSED = _Merge(
    "UPDATE kpi_incident SET closed_at = :closed_at "
    "WHERE entity_id = :entity_id AND call = :call AND closed_at IS NULL",
    "kpi_incident",
)
_CHANGES = _upsert(
    ChangeMeasure,
    _of(ChangeMeasure, at=_EARLIEST, suppressed=_NEWEST, asked_at=_NEWEST, decided_at=_NEWEST),
    joined=_OF_REQUIREMENT,
    values={name: f"r.{name}" for name in ("item_class", "supplier", "buyer", "route")},
)
_ABOUT = _Merge(
    "UPDATE kpi_change SET decided_at = coalesce(CAST(:decided AS bigint), decided_at), "
    "asked_at = CASE WHEN decided_at IS NOT NULL OR CAST(:decided AS bigint) IS NOT NULL "
    "THEN coalesce(asked_at, CAST(:decided AS bigint)) ELSE CAST(:asked AS bigint) END "
    "WHERE requirement_id = :about AND sequence = (SELECT max(sequence) FROM kpi_change "
    "WHERE requirement_id = :about AND NOT suppressed)",
    "kpi_change",
)
_FORGET_MILESTONES = text(
    "UPDATE kpi_requirement SET approved_at = NULL, placed_at = NULL, sent_at = NULL, answered_at = NULL, "
    "confirmed_at = NULL, shipped_at = NULL WHERE id = ANY(CAST(:ids AS text[]))"
)
_FORGET = tuple(
    text(f"DELETE FROM {table} WHERE {column} = :id")
    for table, column in (
        ("kpi_requirement", "id"),
        ("kpi_change", "requirement_id"),
        ("kpi_line", "order_id"),
        ("kpi_sending", "order_id"),
        ("kpi_order", "id"),
        ("kpi_question", "id"),
        ("kpi_incident", "entity_id"),
    )
)
