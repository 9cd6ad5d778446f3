"""Reads of the latency map: how long each step of the planning-to-procure cycle takes, and where it waits for a person.

Decided here: the steps, who holds each, and which requirements count: those that ended the step in the period. The
figures of a step are exact nearest ranks.
"""

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from canonical.base import Model
from canonical.kpi import Dimension, PlantPeriod
from ledger.database import autocommit
from ledger.kpis.reads import PERIODS, in_hours, periods_as_json


class Holder(StrEnum):
    """Who holds a requirement during a step."""

    PLANNING = "planning system"
    PEGLINE = "Pegline"
    ERP = "ERP"
    SUPPLIER = "supplier"
    CARRIER = "supplier and carrier"


class CycleStep(NamedTuple):
    """A step of the cycle, between two milestones."""

    name: str
    label: str
    start: str
    end: str
    holder: Holder
    works: bool
    """Somebody works on it; else it waits."""


STEPS: tuple[CycleStep, ...] = (
    CycleStep("signal", "Plan published → signal received", "planned_at", "signal_at", Holder.PLANNING, False),
    CycleStep("decide", "Signal received → decided", "signal_at", "decided_at", Holder.PEGLINE, True),
    CycleStep("consolidate", "Decided → requisition approved", "decided_at", "approved_at", Holder.PEGLINE, False),
    CycleStep("place", "Requisition approved → order", "approved_at", "placed_at", Holder.ERP, True),
    CycleStep("send", "Order → sent", "placed_at", "sent_at", Holder.PEGLINE, True),
    CycleStep("answer", "Sent → answered", "sent_at", "answered_at", Holder.SUPPLIER, False),
    CycleStep("confirm", "Answered → confirmed", "answered_at", "confirmed_at", Holder.SUPPLIER, False),
    CycleStep("ship", "Confirmed → shipped", "confirmed_at", "shipped_at", Holder.SUPPLIER, True),
    CycleStep("receive", "Shipped → received", "shipped_at", "received_at", Holder.CARRIER, True),
)


class StepFigures(Model):
    """A step in figures; hours by the clock."""

    step: str
    group: str | None = None
    count: int
    p50: Decimal | None
    p90: Decimal | None
    total: Decimal
    """Of all requirements together."""
    questions: int = 0
    """Questions to people that were open during the step."""
    hand_offs: int = 0
    """To the first person asked, and to each further one."""
    with_people: Decimal = Decimal(0)
    """Hours of the total during which a person was asked."""


class LatencyMap(Model):
    """The cycle, and what people did by hand in it."""

    steps: tuple[StepFigures, ...]
    groups: tuple[StepFigures, ...]
    edits: int
    """Edits of documents outside Pegline: data entered twice."""
    duplicates: int


Grouped = Literal["plant", "supplier", "planner"]


class LatencyReads:
    """The latency map, from the measures."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def read(
        self, periods: Sequence[PlantPeriod], by: Grouped, filters: Mapping[Dimension, str] | None = None
    ) -> LatencyMap:
        """The steps of the requirements with these dimensions, and the same by plant, supplier or planner."""
        given = {"periods": periods_as_json(periods), **{name.value: value for name, value in (filters or {}).items()}}
        where = " AND ".join(f"m.{name.value} = :{name.value}" for name in filters or {}) or "true"
        (whole,), groups, asked, (by_hand,) = await asyncio.gather(
            self._rows(_steps("''", where), given),
            self._rows(_steps(f"m.{by}", where), given),
            self._rows(_questions(where), given),
            self._rows(_by_hand(filters or {}), given),
        )
        of_people = {row["step"]: row for row in asked}
        return LatencyMap(
            steps=tuple(_figures(step, whole, None, of_people.get(step.name)) for step in STEPS),
            groups=tuple(_figures(step, row, row["grouped"]) for row in groups for step in STEPS),
            edits=by_hand["edits"] or 0,
            duplicates=by_hand["duplicates"] or 0,
        )

    async def _rows(self, query: str, given: Mapping[str, object]) -> list[Any]:
        async with autocommit(self._engine) as connection:
            return list((await connection.execute(text(query), dict(given))).mappings())


def _steps(group: str, where: str) -> str:
    columns = []
    for step in STEPS:
        ended = f"FILTER (WHERE m.{step.start} IS NOT NULL AND m.{step.end} >= d.since AND m.{step.end} < d.until)"
        took = f"greatest(0, m.{step.end} - m.{step.start})"
        columns += [
            f"count(*) {ended} AS {step.name}_count",
            f"percentile_disc(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY {took}) {ended} AS {step.name}",
            f"sum({took}) {ended} AS {step.name}_total",
        ]
    grouping = "" if group == "''" else " GROUP BY 1 ORDER BY count(*) DESC LIMIT 40"
    return (
        f"WITH {PERIODS} SELECT {group} AS grouped, {', '.join(columns)} FROM kpi_requirement AS m "
        f"JOIN d ON d.plant = m.plant WHERE {where}{grouping}"
    )


def _questions(where: str) -> str:
    """By step, the questions about its requirements that were open during it, and for how long."""
    ends = ", ".join(f"('{step.name}', m.{step.start}, m.{step.end})" for step in STEPS)
    overlap = "greatest(0, least(coalesce(q.closed_at, d.at), step.ends) - greatest(q.opened_at, step.starts))"
    return (
        f"WITH {PERIODS} SELECT step.name AS step, count(*) AS questions, sum(q.hand_offs) AS hand_offs, "
        f"sum({overlap}) AS seconds FROM kpi_question AS q JOIN d ON d.plant = q.plant "
        "LEFT JOIN LATERAL (SELECT requirement_id FROM kpi_line WHERE order_id = q.raised_by ORDER BY line LIMIT 1) "
        "AS l ON true JOIN kpi_requirement AS m ON m.id = coalesce(l.requirement_id, q.raised_by) "
        f"CROSS JOIN LATERAL (VALUES {ends}) AS step(name, starts, ends) "
        f"WHERE {where} AND step.ends >= d.since AND step.ends < d.until AND q.opened_at < step.ends "
        "AND coalesce(q.closed_at, d.at) > step.starts GROUP BY 1"
    )


def _by_hand(filters: Mapping[Dimension, str]) -> str:
    known = [name for name in filters if name in (Dimension.SUPPLIER, Dimension.ROUTE, Dimension.POLICY_VERSION)]
    where = " AND ".join(f"m.{name.value} = :{name.value}" for name in known) or "true"
    return (
        f"WITH {PERIODS} SELECT sum(m.edits) FILTER (WHERE m.edited_at >= d.since AND m.edited_at < d.until) AS edits, "
        "sum(m.duplicates_created) FILTER (WHERE m.placed_at >= d.since AND m.placed_at < d.until) AS duplicates "
        f"FROM kpi_order AS m JOIN d ON d.plant = m.plant WHERE {where}"
    )


def _figures(step: CycleStep, row: Mapping[str, Any], group: str | None, people: Any = None) -> StepFigures:
    p50, p90 = row[step.name] or (None, None)
    return StepFigures(
        step=step.name,
        group=group,
        count=row[f"{step.name}_count"],
        p50=None if p50 is None else in_hours(p50),
        p90=None if p90 is None else in_hours(p90),
        total=in_hours(row[f"{step.name}_total"] or 0),
        questions=people["questions"] if people else 0,
        hand_offs=(people["hand_offs"] or 0) if people else 0,
        with_people=in_hours(people["seconds"] or 0) if people else Decimal(0),
    )
