"""Reads of KPIs: figures of a period from the measures, and the entities behind each figure.

Decided here: which rows a figure counts (docs/kpis.md says it in words). Percentiles are exact nearest ranks
(percentile_disc); business time is subtracted by the same table as in decisions.kpis. One scan of each table gives all
its KPIs.
"""

import asyncio
import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.base import Model
from canonical.kpi import DEFINITIONS, Dimension, Kpi, KpiFigure, PlantPeriod, Spread
from ledger.database import autocommit, json_text
from ledger.paging import BadCursor, Page, cursor, key_of

_HOUR = 3600
_AT_ONCE = 4
"""Queries that a process has running: more would only take connections from others."""
_KEPT_SECONDS = 60.0
_CHOICES_KEPT = 100
_CHOICES_FROM = {"buyer": "kpi_question"}


class KpiEntity(Model):
    """A requirement, order, question or incident behind a figure."""

    id: str
    line: int | None = None
    """Of an order line; of an order revision, the revision."""
    plant: str
    supplier: str = ""
    item: str = ""
    started_at: int | None
    """Unix seconds."""
    ended_at: int | None
    value: Decimal
    """In the KPI's unit; of a share, hours from start to end or until now, or how much it counts."""


class _Sum(NamedTuple):
    """A sum over rows: of `value`, where the condition holds. `distinct`: how many different values."""

    condition: str
    value: str = "1"
    distinct: bool = False


@dataclass(frozen=True)
class _Measured:
    """How a KPI is computed from one table; SQL over `m` (the measures) and `d` (the plant's period)."""

    table: str
    start: str
    end: str
    ended: str = "NULL::bigint"
    within: str = ""
    """Which rows are of the period; empty: those that ended in it."""
    counted: _Sum | None = None
    """The numerator of a share, ratio or sum."""
    of: _Sum | None = None
    """Its denominator; None: there is none."""
    apart: _Sum | None = None
    listed: str = "true"
    """Which rows of the period the numerator counts."""
    weight: str = ""
    """How much a row counts; empty: by its duration."""
    opens: bool = True
    open: str = "true"
    """Which rows may be open at all."""
    open_since: str = ""
    number: str = "NULL::integer"
    item: str = "''"
    supplier: str = "m.supplier"
    identity: str = "m.id"
    second: str = "0"
    """Tells rows of one entity apart."""
    joined: str = ""
    business: bool = False
    by: tuple[str, str, str] | None = None
    """Of what is no duration: the column of its period, and its bounds."""
    only: str = ""
    """Of the open ones: the condition of their partial index."""

    @property
    def is_duration(self) -> bool:
        return self.counted is None

    @property
    def closed(self) -> str:
        if self.within:
            return self.within
        return f"{self.start} IS NOT NULL AND {self.end} >= d.since AND {self.end} < d.until"

    @property
    def relevant(self) -> list[str]:
        """Conditions of which a row of the period, or one open at its end, meets one; each is a range of an index."""
        found = [f"({self.by[0]} >= {self.by[1]} AND {self.by[0]} {self.by[2]})"] if self.by else []
        if self.is_duration:
            found.append(f"({self.end} >= d.since AND {self.end} < d.until)")
        if self.opens:
            since = self.open_since or self.start
            found += [f"({self.end} >= d.at AND {since} < d.at{self.only})", f"({self.end} IS NULL{self.only})"]
        return found

    @property
    def value(self) -> str:
        return self._seconds(self.start, self.end)

    @property
    def age(self) -> str:
        return self._seconds(self.open_since or self.start, "d.at")

    @property
    def is_open(self) -> str:
        since = self.open_since or self.start
        return (
            f"{self.open} AND {since} < d.at AND ({self.end} IS NULL OR {self.end} >= d.at) "
            f"AND ({self.ended} IS NULL OR {self.ended} >= d.at)"
        )

    def _seconds(self, start: str, end: str) -> str:
        if self.business:
            return f"greatest(0, {_reading(end)} - {_reading(start)})"
        return f"greatest(0, {end} - {start})"


def _reading(moment: str) -> str:
    """Business seconds of the plant's table until a moment, as in decisions.kpis."""
    place = f"width_bucket({moment}, d.opens)"
    return f"coalesce(d.elapsed[{place}] + least({moment} - d.opens[{place}], d.lengths[{place}]), 0)"


_SENT_LINE = "m.sent_at >= d.since AND m.sent_at < d.until"
_DUE = (
    "m.required_on BETWEEN d.first_day AND d.last_day AND m.signal_at IS NOT NULL "
    "AND (m.ended_at IS NULL OR m.received_at IS NOT NULL)"
)
_LATE = "(coalesce(cardinality(m.late_on), 0) > 0 OR (m.ended_at IS NULL AND m.required_on < d.day))"
_APPROVED = "m.approved_at >= d.since AND m.approved_at < d.until AND (m.placed_at IS NOT NULL OR m.ended_at IS NULL)"
_PLACED = "m.placed_at >= d.since AND m.placed_at < d.until"
_FIRST_SENT = "m.revision = 1 AND m.sent_at >= d.since AND m.sent_at < d.until"
_IN_TIME = f"m.confirmed_at <= d.at AND {_reading('m.confirmed_at')} - {_reading('m.sent_at')} <= d.sla"
_SLA_ENDED = f"({_reading('d.at')} - {_reading('m.sent_at')} > d.sla OR ({_IN_TIME}))"
_CHANGED = "m.at >= d.since AND m.at < d.until"
_WORKING_DAYS_LATE = (
    "(SELECT coalesce(sum(part.quantity * (width_bucket(part.day, d.days) - width_bucket(m.required_on, d.days))), 0) "
    "FROM unnest(m.late_on, m.late_quantities) AS part(day, quantity))"
)

_BY_DUE = ("m.required_on", "d.first_day", "<= d.last_day")


def _by(column: str) -> tuple[str, str, str]:
    return (column, "d.since", "< d.until")


_MEASURED: dict[Kpi, _Measured] = {
    Kpi.REQUIREMENT_TO_REQUISITION: _Measured("kpi_requirement", "m.signal_at", "m.placed_at", "m.ended_at"),
    Kpi.PLAN_TO_REQUISITION: _Measured("kpi_requirement", "m.planned_at", "m.placed_at", "m.ended_at"),
    Kpi.REQUIREMENT_TO_ORDER: _Measured("kpi_requirement", "m.signal_at", "m.sent_at", "m.ended_at"),
    Kpi.LATE_DEMANDS: _Measured(
        "kpi_requirement",
        "m.signal_at",
        "m.received_at",
        within=_DUE,
        by=_BY_DUE,
        counted=_Sum(f"{_DUE} AND {_LATE}", "demand", distinct=True),
        of=_Sum(_DUE, "demand", distinct=True),
        listed=_LATE,
        opens=False,
        joined=f"LEFT JOIN LATERAL unnest(CASE WHEN {_DUE} THEN m.demands END) AS demand ON true",
    ),
    Kpi.QUANTITY_DAYS_LATE: _Measured(
        "kpi_requirement",
        "m.signal_at",
        "m.received_at",
        within=_DUE,
        by=_BY_DUE,
        counted=_Sum(f"{_DUE} AND coalesce(cardinality(m.late_on), 0) > 0", _WORKING_DAYS_LATE),
        listed="coalesce(cardinality(m.late_on), 0) > 0",
        weight=_WORKING_DAYS_LATE,
        opens=False,
    ),
    Kpi.REQUISITION_TO_ORDER: _Measured("kpi_line", "m.approved_at", "m.sent_at", "m.ended_at"),
    Kpi.LINES_ON_ORDER: _Measured(
        "kpi_line",
        "m.approved_at",
        "m.placed_at",
        "m.ended_at",
        within=_APPROVED,
        by=_by("m.approved_at"),
        counted=_Sum(f"{_APPROVED} AND m.placed_at <= d.at"),
        of=_Sum(_APPROVED),
        listed="m.placed_at <= d.at",
    ),
    Kpi.REVISIONS_PER_LINE: _Measured(
        "kpi_line",
        "m.sent_at",
        "m.confirmed_at",
        within=_SENT_LINE,
        by=_by("m.sent_at"),
        counted=_Sum(_SENT_LINE, "m.revisions"),
        of=_Sum(_SENT_LINE),
        listed="m.revisions > 0",
        weight="m.revisions",
        opens=False,
    ),
    Kpi.QUANTITY_NERVOUSNESS: _Measured(
        "kpi_line",
        "m.sent_at",
        "m.confirmed_at",
        within=_SENT_LINE,
        by=_by("m.sent_at"),
        counted=_Sum(_SENT_LINE, "m.quantity_changed"),
        of=_Sum(_SENT_LINE, "m.first_quantity"),
        listed="m.quantity_changed > 0",
        weight="m.quantity_changed",
        opens=False,
    ),
    Kpi.ACKNOWLEDGMENT_LATENCY: _Measured("kpi_sending", "m.sent_at", "m.answered_at", "m.ended_at"),
    Kpi.CONFIRMATION_LATENCY: _Measured("kpi_sending", "m.sent_at", "m.confirmed_at", "m.ended_at"),
    Kpi.ACKNOWLEDGMENT_TIMELINESS: _Measured(
        "kpi_sending",
        "m.sent_at",
        "m.confirmed_at",
        "m.ended_at",
        within=f"{_FIRST_SENT} AND {_SLA_ENDED}",
        by=_by("m.sent_at"),
        counted=_Sum(f"{_FIRST_SENT} AND {_IN_TIME}"),
        of=_Sum(f"{_FIRST_SENT} AND {_SLA_ENDED}"),
        listed=_IN_TIME,
        open="m.revision = 1",
    ),
    Kpi.DUPLICATE_RATE: _Measured(
        "kpi_order",
        "m.placed_at",
        "m.ended_at",
        within=_PLACED,
        by=_by("m.placed_at"),
        counted=_Sum(_PLACED, "m.duplicates_created"),
        of=_Sum(_PLACED),
        apart=_Sum(_PLACED, "m.duplicates_prevented"),
        listed="m.duplicates_created > 0",
        weight="m.duplicates_created",
        opens=False,
    ),
    Kpi.MANUAL_CORRECTION: _Measured(
        "kpi_order",
        "m.placed_at",
        "m.edited_at",
        within=_PLACED,
        by=_by("m.placed_at"),
        counted=_Sum(f"{_PLACED} AND m.edits > 0"),
        of=_Sum(_PLACED),
        listed="m.edits > 0",
        weight="m.edits",
        opens=False,
    ),
    Kpi.AUTOMATED: _Measured(
        "kpi_change",
        "m.at",
        "m.decided_at",
        within=f"{_CHANGED} AND NOT m.suppressed AND (m.asked_at IS NULL OR m.decided_at IS NOT NULL)",
        by=_by("m.at"),
        only=" AND m.asked_at IS NOT NULL",
        counted=_Sum(f"{_CHANGED} AND NOT m.suppressed AND m.asked_at IS NULL"),
        of=_Sum(f"{_CHANGED} AND NOT m.suppressed AND (m.asked_at IS NULL OR m.decided_at IS NOT NULL)"),
        apart=_Sum(f"{_CHANGED} AND m.suppressed"),
        listed="m.asked_at IS NULL",
        open="m.asked_at IS NOT NULL AND NOT m.suppressed",
        open_since="m.asked_at",
    ),
    Kpi.QUESTION_AGEING: _Measured("kpi_question", "m.opened_at", "m.closed_at", business=True, item="m.item"),
    Kpi.INCIDENT_AGEING: _Measured(
        "kpi_incident",
        "m.opened_at",
        "m.closed_at",
        business=True,
        identity="m.entity_id",
        second="m.sequence",
        supplier="''",
    ),
}
_OF_TABLE: dict[str, dict[str, str]] = {
    "kpi_requirement": {"item": "m.item"},
    "kpi_line": {"item": "m.item", "identity": "m.order_id", "number": "m.line", "second": "m.line"},
    "kpi_sending": {"identity": "m.order_id", "number": "m.revision", "second": "m.revision"},
    "kpi_change": {"identity": "m.requirement_id", "second": "m.sequence"},
}
_BY_CLOCK = frozenset({Kpi.ACKNOWLEDGMENT_TIMELINESS, Kpi.QUESTION_AGEING, Kpi.INCIDENT_AGEING})
_PERIOD_FIELDS = (
    "plant text, since bigint, until bigint, at bigint, day date, first_day date, last_day date, sla bigint, "
    "opens bigint[], lengths bigint[], elapsed bigint[], days date[]"
)
PERIODS = f"d AS MATERIALIZED (SELECT * FROM jsonb_to_recordset(CAST(:periods AS jsonb)) AS d({_PERIOD_FIELDS}))"


def _few_periods(number: int) -> str:
    """The same, where the planner is to know how few they are: else it reads whole tables."""
    return f"{PERIODS[:-1]} LIMIT {number})"


class _Scan(NamedTuple):
    """KPIs that one query computes."""

    table: str
    kpis: tuple[Kpi, ...]
    joined: str


def _scans(kpis: Collection[Kpi]) -> list[_Scan]:
    """A query for each table; a join that multiplies rows stands alone."""
    found: dict[tuple[str, str], list[Kpi]] = {}
    for kpi in kpis:
        found.setdefault((_MEASURED[kpi].table, _MEASURED[kpi].joined), []).append(kpi)
    return [_Scan(table, tuple(each), joined) for (table, joined), each in found.items()]


class KpiReads:
    """KPIs, from the measures."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._choices: dict[tuple[str, ...], tuple[float, dict[Dimension, list[str]]]] = {}

    async def figures(
        self,
        periods: Sequence[PlantPeriod],
        *,
        kpis: Collection[Kpi] = tuple(Kpi),
        filters: Mapping[Dimension, str] | None = None,
        group_by: Dimension | None = None,
    ) -> list[KpiFigure]:
        """The figures of each KPI that has the dimensions filtered and grouped by; a group by its value."""
        asked = {*(filters or {}), *((group_by,) if group_by else ())}
        known = [kpi for kpi in Kpi if kpi in kpis and asked <= DEFINITIONS[kpi].dimensions]
        if not periods:
            return []
        scans = _scans(known)
        rows = await asyncio.gather(*(self._scan(scan, periods, filters or {}, group_by) for scan in scans))
        found = [
            _figure(kpi, row, group_by is not None)
            for scan, answered in zip(scans, rows, strict=True)
            for row in answered
            for kpi in scan.kpis
        ]
        return sorted(found, key=lambda figure: (tuple(Kpi).index(figure.kpi), figure.group or ""))

    async def _scan(
        self,
        scan: _Scan,
        periods: Sequence[PlantPeriod],
        filters: Mapping[Dimension, str],
        group_by: Dimension | None,
    ) -> list[Any]:
        group = f'm.{group_by.value} COLLATE "C"' if group_by else "''"
        aggregates = [each for kpi in scan.kpis for each in _aggregates(kpi)]
        columns = ", ".join(column for each in aggregates for column in each.over)
        given_by_rows = ", ".join(f"{each.given} AS {each.name}" for each in aggregates)
        wheres = " AND ".join(f"m.{name.value} = :{name.value}" for name in filters) or "true"
        relevant = " OR ".join(dict.fromkeys(part for kpi in scan.kpis for part in _MEASURED[kpi].relevant))
        # OFFSET: aggregates over rows of numbers alone; each sort would else carry the plant's calendar along.
        query = text(
            f"WITH {_few_periods(len(periods))} SELECT {'grouped, ' if group_by else ''}{columns} "
            f"FROM (SELECT {group} AS grouped, {given_by_rows} "
            f"FROM {scan.table} AS m JOIN d ON d.plant = m.plant AND ({relevant}) {scan.joined} "
            f"WHERE {wheres} OFFSET 0) AS rows{' GROUP BY 1 ORDER BY 1' if group_by else ''}"
        )
        values = {name.value: value for name, value in filters.items()}
        given = {"periods": periods_as_json(periods, scan.kpis), **values}
        async with self._turns, autocommit(self._engine) as connection:
            return list((await connection.execute(query, given)).mappings())

    async def entities(
        self,
        kpi: Kpi,
        periods: Sequence[PlantPeriod],
        *,
        still_open: bool = False,
        filters: Mapping[Dimension, str] | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[KpiEntity]:
        """The entities that a figure counts, those that count most first: closed in the period, or still open."""
        measured, filters = _MEASURED[kpi], filters or {}
        of = _OF_TABLE.get(measured.table, {})
        identity, second = of.get("identity", measured.identity), of.get("second", measured.second)
        value = measured.age if still_open else (measured.weight or measured.value)
        condition = measured.is_open if still_open else f"{measured.closed} AND {measured.listed}"
        if still_open and not measured.opens:
            return Page[KpiEntity](items=())
        wheres = [condition, *(f"m.{name.value} = :{name.value}" for name in filters)]
        query = text(
            f"WITH {_few_periods(len(periods))}, found AS (SELECT {identity} AS id, {second} AS second, "
            f"{of.get('number', measured.number)} AS line, m.plant, {measured.supplier} AS supplier, "
            f"{of.get('item', measured.item)} AS item, {measured.start} AS started_at, {measured.end} AS ended_at, "
            f"coalesce({value}, 0)::numeric AS value FROM {measured.table} AS m JOIN d ON d.plant = m.plant "
            f"AND ({' OR '.join(measured.relevant)}) "
            f"WHERE {' AND '.join(wheres)}) SELECT * FROM found "
            "WHERE CAST(:value AS numeric) IS NULL OR value < CAST(:value AS numeric) "
            "OR (value = CAST(:value AS numeric) AND (id, second) > (CAST(:id AS text), CAST(:second AS integer))) "
            "ORDER BY value DESC, id, second LIMIT :limit"
        )
        given = {
            "periods": periods_as_json(periods, (kpi,)),
            "limit": limit + 1,
            **_place(after),
            **{name.value: asked for name, asked in filters.items()},
        }
        async with autocommit(self._engine) as connection:
            rows = list((await connection.execute(query, given)).mappings()) if periods else []
        last = rows[limit - 1] if len(rows) > limit else None
        return Page[KpiEntity](
            items=tuple(_entity(kpi, row, still_open) for row in rows[:limit]),
            next=cursor(str(last["value"]), last["id"], str(last["second"])) if last else None,
        )

    async def choices(
        self, dimensions: Sequence[Dimension], plants: Collection[str], most: int
    ) -> dict[Dimension, list[str]]:
        """The values that the dimensions have, the frequent ones, for a filter's choices; kept for a minute."""
        names = [dimension.value for dimension in dimensions]
        key = (*names, "", *sorted(plants))
        kept = self._choices.get(key)
        if kept is not None and time.monotonic() - kept[0] < _KEPT_SECONDS:
            return kept[1]
        query = " UNION ALL ".join(
            f"(SELECT '{name}' AS name, {name} AS value FROM {_CHOICES_FROM.get(name, 'kpi_requirement')} "
            f"WHERE plant = ANY(CAST(:plants AS text[])) AND {name} <> '' "
            "GROUP BY 2 ORDER BY count(*) DESC LIMIT :most)"
            for name in names
        )
        found: dict[Dimension, list[str]] = {dimension: [] for dimension in dimensions}
        async with autocommit(self._engine) as connection:
            for row in await connection.execute(text(query), {"plants": list(plants), "most": most}):
                found[Dimension(row.name)].append(row.value)
        found = {dimension: sorted(values) for dimension, values in found.items()}
        if len(self._choices) > _CHOICES_KEPT:
            self._choices.clear()
        self._choices[key] = (time.monotonic(), found)
        return found


class _Aggregate(NamedTuple):
    """What a row gives to an aggregate, and the aggregates over what the rows give."""

    name: str
    given: str
    over: tuple[str, ...]


def _aggregates(kpi: Kpi) -> list[_Aggregate]:
    """The aggregates of a KPI, by names of their own."""
    measured, name = _MEASURED[kpi], kpi.value
    found = []
    if measured.is_duration:
        found.append(_spread(f"{name}_closed", measured.value, measured.closed))
    for part, total in (("counted", measured.counted), ("of", measured.of), ("apart", measured.apart)):
        if total is not None:
            found.append(_total(f"{name}_{part}", total))
    if measured.opens:
        found.append(_spread(f"{name}_open", measured.age, measured.is_open))
    return found


def _total(name: str, total: _Sum) -> _Aggregate:
    over = f"count(DISTINCT {name})" if total.distinct else f"sum({name})"
    return _Aggregate(name, f"CASE WHEN {total.condition} THEN {total.value} END", (f"{over} AS {name}",))


def _spread(name: str, value: str, condition: str) -> _Aggregate:
    return _Aggregate(
        name,
        f"CASE WHEN {condition} THEN {value} END",
        (
            f"count({name}) AS {name}_count",
            f"percentile_disc(ARRAY[0.5, 0.9, 0.95, 1]) WITHIN GROUP (ORDER BY {name}) AS {name}",
        ),
    )


def _figure(kpi: Kpi, row: Mapping[str, Any], grouped: bool) -> KpiFigure:
    measured, name = _MEASURED[kpi], kpi.value
    group = row["grouped"] if grouped else None
    still_open = _spread_of(row, f"{name}_open") if measured.opens else None
    if measured.is_duration:
        return KpiFigure(kpi=kpi, group=group, closed=_spread_of(row, f"{name}_closed"), open=still_open)
    counted = Decimal(row[f"{name}_counted"] or 0)
    of = Decimal(row[f"{name}_of"] or 0) if measured.of else None
    value = counted if of is None else (counted / of if of else None)
    return KpiFigure(
        kpi=kpi,
        group=group,
        value=None if value is None else round(value, 4),
        counted=counted,
        of=of,
        apart=int(row[f"{name}_apart"] or 0) if measured.apart else None,
        open=still_open,
    )


def _spread_of(row: Mapping[str, Any], name: str) -> Spread:
    ranks = row[name] or [None] * 4
    p50, p90, p95, longest = (None if rank is None else in_hours(rank) for rank in ranks)
    return Spread(count=row[f"{name}_count"], p50=p50, p90=p90, p95=p95, longest=longest)


def in_hours(seconds: int) -> Decimal:
    """Hours to two decimals, as all figures are given."""
    return round(Decimal(seconds) / _HOUR, 2)


def _entity(kpi: Kpi, row: Any, still_open: bool) -> KpiEntity:
    measured = _MEASURED[kpi]
    in_seconds = still_open or not measured.weight
    value = in_hours(row["value"]) if in_seconds else round(row["value"], 4)
    return KpiEntity(
        id=row["id"],
        line=row["line"],
        plant=row["plant"],
        supplier=row["supplier"],
        item=row["item"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        value=value,
    )


def _place(after: str | None) -> dict[str, Any]:
    if after is None:
        return {"value": None, "id": "", "second": 0}
    value, identity, second = key_of(after, 3)
    try:
        return {"value": Decimal(value), "id": identity, "second": int(second)}
    except (ArithmeticError, ValueError):
        raise BadCursor(f"{after!r} is not a cursor of this list; take `next` of the page before") from None


def periods_as_json(periods: Sequence[PlantPeriod], kpis: Collection[Kpi] = ()) -> str:
    """The periods as JSON, with the calendars only where a KPI counts in them."""
    clock = any(kpi in _BY_CLOCK for kpi in kpis)
    days = Kpi.QUANTITY_DAYS_LATE in kpis
    return json_text(
        json.dumps(
            [
                {
                    "plant": period.plant,
                    "since": period.since,
                    "until": period.until,
                    "at": period.at,
                    "day": period.day.isoformat(),
                    "first_day": period.first_day.isoformat(),
                    "last_day": period.last_day.isoformat(),
                    "sla": period.sla_seconds,
                    "opens": period.clock.opens if clock else (),
                    "lengths": period.clock.lengths if clock else (),
                    "elapsed": period.clock.elapsed if clock else (),
                    "days": [day.isoformat() for day in period.working_days] if days else [],
                }
                for period in periods
            ]
        )
    )
