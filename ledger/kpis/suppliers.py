"""Reads of suppliers: how soon they answer, how far they keep what they confirm, and how often we change our minds.

Decided here: which lines and revisions a supplier's figures count. A line counts as kept where all of it was received
by the day first confirmed; a day is the plant's.
"""

import asyncio
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.base import Model
from canonical.kpi import PlantPeriod
from ledger.database import autocommit
from ledger.kpis.reads import PERIODS, in_hours, periods_as_json

ANSWER_HOURS = (4, 8, 24, 48, 120)
"""The upper bounds by which answers are counted; the last group has no bound."""
DAYS_LATE = (0, 2, 5, 10)
"""The upper bounds, in calendar days, by which deliveries are counted."""
_OPEN_LINE = "m.sent_at IS NOT NULL AND m.ended_at IS NULL AND m.received < m.quantity"
_COMPLETE = (
    "m.quantity > 0 AND m.received >= m.quantity AND m.first_promised_on IS NOT NULL "
    "AND m.received_on BETWEEN d.first_day AND d.last_day"
)


class SupplierFigures(Model):
    """A supplier in the plants seen; hours by the clock."""

    supplier: str
    name: str = ""
    open_lines: int = 0
    overdue_lines: int = 0
    """Open ones whose last confirmed day has passed."""
    open_questions: int = 0
    answered: int = 0
    answer_p50: Decimal | None = None
    answer_p90: Decimal | None = None
    unanswered: int = 0
    completed_lines: int = 0
    kept: int = 0
    """Of them by the day first confirmed."""
    kept_last: int = 0
    """Of them by the day last confirmed."""
    lines_sent: int = 0
    revisions: int = 0
    quantity_changed_share: Decimal | None = None


class OpenOrder(Model):
    """An order of the supplier with open lines."""

    id: str
    open_lines: int
    overdue_lines: int
    next_day: dt.date | None
    """The first day confirmed for an open line."""
    revisions: int


class OpenQuestionRow(Model):
    """A question about the supplier or one of its orders."""

    id: str
    kind: str
    item: str
    opened_at: int


class NervousLine(Model):
    """A line whose supplier was sent revisions."""

    order_id: str
    line: int
    item: str
    revisions: int
    quantity_changed: Decimal


class SupplierDetail(Model):
    """One supplier's figures with what stands behind them."""

    figures: SupplierFigures
    answers: tuple[int, ...]
    """How many answers came within each of ANSWER_HOURS, and later."""
    days_late: tuple[int, ...]
    """How many completed lines came within each of DAYS_LATE after the day first confirmed, and later."""
    orders: tuple[OpenOrder, ...]
    questions: tuple[OpenQuestionRow, ...]
    lines: tuple[NervousLine, ...]


class SupplierReads:
    """Suppliers, from the measures."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def overview(self, periods: Sequence[PlantPeriod], supplier: str | None = None) -> list[SupplierFigures]:
        """All suppliers with lines or questions at the plants, by code; or one of them."""
        given = {"periods": periods_as_json(periods), "supplier": supplier}
        names, *parts = await asyncio.gather(*(self._rows(query, given) for query in (_NAMES, *_LIST)))
        found: dict[str, dict[str, Any]] = {}
        for rows in parts:
            for row in rows:
                found.setdefault(row["supplier"], {}).update(row)
        known = {row["supplier"]: row["name"] or "" for row in names}
        return [_figures(code, found[code], known.get(code, "")) for code in sorted(found) if code]

    async def one(self, supplier: str, periods: Sequence[PlantPeriod]) -> SupplierDetail | None:
        """One supplier; None where the plants have nothing of it."""
        given = {"periods": periods_as_json(periods), "supplier": supplier}
        known, answers, late, orders, questions, lines = await asyncio.gather(
            self.overview(periods, supplier), *(self._rows(query, given) for query in _ONE)
        )
        if not known:
            return None
        return SupplierDetail(
            figures=known[0],
            answers=_counted(answers, len(ANSWER_HOURS)),
            days_late=_counted(late, len(DAYS_LATE)),
            orders=tuple(OpenOrder.model_validate(row) for row in orders),
            questions=tuple(OpenQuestionRow.model_validate(row) for row in questions),
            lines=tuple(NervousLine.model_validate(row) for row in lines),
        )

    async def _rows(self, query: str, given: Mapping[str, object]) -> Sequence[Any]:
        async with autocommit(self._engine) as connection:
            rows = (await connection.execute(text(query), dict(given))).mappings()
            return [dict(row) for row in rows]


_FROM = "JOIN d ON d.plant = m.plant WHERE (CAST(:supplier AS text) IS NULL OR m.supplier = CAST(:supplier AS text))"
_SENT = "m.sent_at >= d.since AND m.sent_at < d.until"
_ANSWERED = "m.answered_at >= d.since AND m.answered_at < d.until"
_LIST = (
    f"WITH {PERIODS} SELECT m.supplier, count(*) FILTER (WHERE {_OPEN_LINE}) AS open_lines, "
    f"count(*) FILTER (WHERE {_OPEN_LINE} AND m.promised_on < d.day) AS overdue_lines, "
    f"count(*) FILTER (WHERE {_COMPLETE}) AS completed_lines, "
    f"count(*) FILTER (WHERE {_COMPLETE} AND m.received_on <= m.first_promised_on) AS kept, "
    f"count(*) FILTER (WHERE {_COMPLETE} AND m.received_on <= m.promised_on) AS kept_last, "
    f"count(*) FILTER (WHERE {_SENT}) AS lines_sent, sum(m.revisions) FILTER (WHERE {_SENT}) AS revisions, "
    f"sum(m.quantity_changed) FILTER (WHERE {_SENT}) / nullif(sum(m.first_quantity) FILTER (WHERE {_SENT}), 0) "
    f"AS quantity_changed_share FROM kpi_line AS m {_FROM} GROUP BY 1",
    f"WITH {PERIODS} SELECT m.supplier, count(*) FILTER (WHERE {_ANSWERED}) AS answered, "
    "count(*) FILTER (WHERE m.answered_at IS NULL AND m.ended_at IS NULL) AS unanswered, "
    "percentile_disc(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY greatest(0, m.answered_at - m.sent_at)) "
    f"FILTER (WHERE {_ANSWERED}) AS ranks FROM kpi_sending AS m {_FROM} GROUP BY 1",
    f"WITH {PERIODS} SELECT m.supplier, count(*) AS open_questions FROM kpi_question AS m {_FROM} "
    "AND m.closed_at IS NULL AND m.supplier <> '' GROUP BY 1",
)
_NAMES = (
    f"WITH {PERIODS}, newest AS (SELECT m.supplier, max(m.id) AS id FROM kpi_order AS m {_FROM} GROUP BY 1) "
    "SELECT n.supplier, o.snapshot ->> 'supplier_name' AS name FROM newest AS n JOIN purchase_order AS o ON o.id = n.id"
)


def _bounds(bounds: Sequence[int], unit: int) -> str:
    """For width_bucket: a value equal to a bound lies within it."""
    return f"CAST(ARRAY{json.dumps([bound * unit + 1 for bound in bounds])} AS bigint[])"


_ONE = (
    f"WITH {PERIODS} SELECT width_bucket(greatest(0, m.answered_at - m.sent_at), {_bounds(ANSWER_HOURS, 3600)}) "
    f"AS place, count(*) AS counted FROM kpi_sending AS m {_FROM} AND {_ANSWERED} GROUP BY 1",
    f"WITH {PERIODS} SELECT width_bucket(CAST(m.received_on - m.first_promised_on AS bigint), {_bounds(DAYS_LATE, 1)}) "
    f"AS place, count(*) AS counted FROM kpi_line AS m {_FROM} AND {_COMPLETE} GROUP BY 1",
    f"WITH {PERIODS} SELECT m.order_id AS id, count(*) AS open_lines, "
    "count(*) FILTER (WHERE m.promised_on < d.day) AS overdue_lines, min(m.promised_on) AS next_day, "
    f"sum(m.revisions) AS revisions FROM kpi_line AS m {_FROM} AND {_OPEN_LINE} "
    "GROUP BY 1 ORDER BY 3 DESC, 4 NULLS LAST, 1 LIMIT 100",
    f"WITH {PERIODS} SELECT m.id, m.kind, m.item, m.opened_at FROM kpi_question AS m {_FROM} "
    "AND m.closed_at IS NULL AND m.opened_at IS NOT NULL ORDER BY m.opened_at, m.id LIMIT 100",
    f"WITH {PERIODS} SELECT m.order_id, m.line, m.item, m.revisions, m.quantity_changed FROM kpi_line AS m {_FROM} "
    f"AND m.revisions > 0 AND {_SENT} ORDER BY m.revisions DESC, m.order_id, m.line LIMIT 20",
)


def _figures(code: str, row: Mapping[str, Any], name: str) -> SupplierFigures:
    p50, p90 = row.get("ranks") or (None, None)
    share = row.get("quantity_changed_share")
    return SupplierFigures(
        supplier=code,
        name=name,
        **{
            field: row.get(field) or 0
            for field in (
                "open_lines",
                "overdue_lines",
                "open_questions",
                "answered",
                "unanswered",
                "completed_lines",
                "kept",
                "kept_last",
                "lines_sent",
                "revisions",
            )
        },
        answer_p50=None if p50 is None else in_hours(p50),
        answer_p90=None if p90 is None else in_hours(p90),
        quantity_changed_share=None if share is None else round(share, 4),
    )


def _counted(rows: Sequence[Mapping[str, Any]], bounds: int) -> tuple[int, ...]:
    counted = {row["place"]: row["counted"] for row in rows}
    return tuple(counted.get(place, 0) for place in range(bounds + 1))
