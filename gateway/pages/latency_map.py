"""The latency map: the planning-to-procure cycle step by step, who holds each step, and where it is held up."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from canonical.kpi import KpiUnit
from decisions.kpis import is_hotspot
from gateway.access.principal import Principal, PrincipalPart, Right, needs
from gateway.pages.charts import Bar, bars
from gateway.pages.kpis import LABELS, From, KpiQuery, To, Value, amount, asked_for, choices
from gateway.pages.shell import render
from gateway.pages.tables_out import Value as Cell
from gateway.pages.tables_out import csv_file
from gateway.parts import Parts, PartsPart
from gateway.views.kpis import filters_of, plant_periods, uncounted_minutes
from ledger.kpis.latency import STEPS, Holder, LatencyMap, StepFigures

routes = APIRouter(include_in_schema=False, dependencies=[needs(Right.READ)])

By = Literal["plant", "supplier", "planner"]
_TONES = {
    Holder.PLANNING: "before",
    Holder.PEGLINE: "system",
    Holder.ERP: "system",
    Holder.SUPPLIER: "supplier",
    Holder.CARRIER: "supplier",
}


class StepRow(NamedTuple):
    """A step as the page shows it."""

    label: str
    holder: str
    kind: str
    requirements: int
    p50: str
    p90: str
    share: str
    questions: int
    hand_offs: int
    with_people: str


class GroupRow(NamedTuple):
    """A plant, supplier or planner: its p90 of each step, and which of them are hot."""

    name: str
    cells: list[tuple[str, bool]]
    hot: int


async def _asked(
    parts: PartsPart,
    principal: PrincipalPart,
    since: From = None,
    to: To = None,
    plant: Value = None,
    item_class: Value = None,
    supplier: Value = None,
    criticality: Value = None,
    route: Value = None,
) -> KpiQuery:
    filters = filters_of(item_class=item_class, supplier=supplier, criticality=criticality, route=route)
    return asked_for(parts, principal, since, to, plant, filters)


QueryPart = Annotated[KpiQuery, Depends(_asked)]


@routes.get("/kpis/latency-map")
async def read_latency_map(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    asked: QueryPart,
    by: By = "plant",
) -> HTMLResponse:
    found = await _read(parts, principal, asked, by)
    total = sum((step.total for step in found.steps), Decimal(0))
    rows = [_row(step, total) for step in found.steps]
    offered = await choices(parts, principal)
    labels = {name.value: label for name, label in LABELS.items()}
    shown = ("plant", "item_class", "supplier", "criticality", "route")
    values = {
        "asked": asked,
        "by": by,
        "rows": rows,
        "chart": _chart(found.steps),
        "groups": _groups(found),
        "steps": [step.label for step in STEPS],
        "edits": found.edits,
        "duplicates": found.duplicates,
        "hand_offs": sum(step.hand_offs for step in found.steps),
        "questions": sum(step.questions for step in found.steps),
        "with_people": amount(sum((step.with_people for step in found.steps), Decimal(0)), KpiUnit.HOURS),
        "choices": {name: offered[name] for name in shown},
        "labels": labels,
        "chosen": {"plant": asked.plant or "", **{name.value: value for name, value in asked.filters.items()}},
        "csv": f"/kpis/latency-map.csv?{asked.query(by=by)}",
        "uncounted": await uncounted_minutes(parts),
    }
    return render(request, "latency_map.html", principal, values)


@routes.get("/kpis/latency-map.csv")
async def export_latency_map(
    parts: PartsPart,
    principal: PrincipalPart,
    asked: QueryPart,
    by: By = "plant",
) -> Response:
    found = await _read(parts, principal, asked, by)
    headings = (
        "step",
        by,
        "held by",
        "working",
        "count",
        "p50 hours",
        "p90 hours",
        "total hours",
        "questions",
        "hand-offs",
    )
    steps = {step.name: step for step in STEPS}
    rows: list[list[Cell]] = []
    for each in (*found.steps, *found.groups):
        step = steps[each.step]
        group = "all" if each.group is None else each.group
        people = ["", ""] if each.group is not None else [each.questions, each.hand_offs]
        works = "yes" if step.works else "no"
        rows.append([step.label, group, step.holder, works, each.count, each.p50, each.p90, each.total, *people])
    return csv_file(f"latency-map-{asked.first}-{asked.last}", headings, rows)


async def _read(parts: Parts, principal: Principal, asked: KpiQuery, by: By) -> LatencyMap:
    periods = plant_periods(parts, principal, asked.first, asked.last, asked.plant)
    return await parts.ledger.latency.read(periods, by, asked.filters)


def _row(figures: StepFigures, total: Decimal) -> StepRow:
    step = next(step for step in STEPS if step.name == figures.step)
    return StepRow(
        label=step.label,
        holder=step.holder.value,
        kind="working" if step.works else "waiting",
        requirements=figures.count,
        p50=amount(figures.p50, KpiUnit.HOURS),
        p90=amount(figures.p90, KpiUnit.HOURS),
        share=amount(figures.total / total if total else None, KpiUnit.SHARE),
        questions=figures.questions,
        hand_offs=figures.hand_offs,
        with_people=amount(figures.with_people, KpiUnit.HOURS),
    )


def _chart(steps: Sequence[StepFigures]) -> object:
    known = {step.name: step for step in STEPS}
    drawn = []
    for figures in steps:
        step = known[figures.step]
        label = step.label.partition("→")[2].strip().capitalize()
        mean = figures.total / figures.count if figures.count else None
        drawn.append(Bar(label, mean, amount(mean, KpiUnit.HOURS), _TONES[step.holder]))
    description = "; ".join(f"until {bar.label.lower()}: {bar.shown}" for bar in drawn)
    return bars("latency-map", "Mean time of each step", description, drawn)


def _groups(found: LatencyMap) -> list[GroupRow]:
    overall = {figures.step: figures.p90 for figures in found.steps}
    rows: dict[str, list[tuple[str, bool]]] = {}
    for figures in found.groups:
        hot = is_hotspot(figures.p90, overall[figures.step], figures.count)
        rows.setdefault(figures.group or "", []).append((amount(figures.p90, KpiUnit.HOURS), hot))
    made = [GroupRow(name or "(none)", cells, sum(hot for _, hot in cells)) for name, cells in rows.items()]
    return sorted(made, key=lambda row: (-row.hot, row.name))


__all__ = ["routes"]
