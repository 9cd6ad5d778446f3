"""The KPI pages' figures as CSV files, with the same filters in their addresses, in the KPI's unit and not rounded."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from canonical.kpi import DEFINITIONS, Dimension, Kpi, KpiFigure, Spread
from decisions.kpis import period_before
from gateway.access.principal import PrincipalPart, Right, needs
from gateway.pages.kpis import GroupBy, QueryPart, named_groups
from gateway.pages.links import page_of
from gateway.pages.tables_out import Value, csv_file
from gateway.parts import PartsPart
from gateway.views.kpis import at, plant_periods, require_dimensions

ROWS_MAX = 10_000
_PAGE = 500
_SPREAD = ("number", "p50", "p90", "p95", "longest")

routes = APIRouter(include_in_schema=False, dependencies=[needs(Right.READ)])


@routes.get("/kpis.csv")
async def export_figures(
    parts: PartsPart, principal: PrincipalPart, asked: QueryPart, group_by: GroupBy = None
) -> Response:
    """All figures of the period and of the one before, and those of the groups."""
    grouped = Dimension(group_by) if group_by else None
    reads, spans = parts.ledger.kpis, [(asked.first, asked.last), period_before(asked.first, asked.last)]
    periods = [plant_periods(parts, principal, first, last, asked.plant) for first, last in spans]
    now, before, groups = await asyncio.gather(
        reads.figures(periods[0], filters=asked.filters),
        reads.figures(periods[1], filters=asked.filters),
        reads.figures(periods[0], filters=asked.filters, group_by=grouped) if grouped else _none(),
    )
    names = await named_groups(parts, grouped, groups)
    headings = ["KPI", "What", "From", "To", "Group", "Unit", "Value", "Counted", "Of", "Apart"]
    headings += [f"{ended} {name}" for ended in ("Ended", "Open") for name in _SPREAD]
    rows = [
        [figure.kpi, DEFINITIONS[figure.kpi].label, *span, names.get(figure.group or "", figure.group), *_cells(figure)]
        for span, figures in ((spans[0], now), (spans[1], before), (spans[0], groups))
        for figure in figures
    ]
    return csv_file(f"kpis-{asked.first}-{asked.last}", headings, rows)


@routes.get("/kpis/{kpi}/entities.csv")
async def export_entities(
    parts: PartsPart,
    principal: PrincipalPart,
    kpi: Kpi,
    asked: QueryPart,
    open: Annotated[bool, Query(description="Those still open at the period's end")] = False,
) -> Response:
    """What stands behind a figure, up to a bound."""
    require_dimensions(kpi, asked.filters)
    periods = plant_periods(parts, principal, asked.first, asked.last, asked.plant)
    rows: list[list[Value]] = []
    after: str | None = ""
    while after is not None and len(rows) < ROWS_MAX:
        page = await parts.ledger.kpis.entities(
            kpi, periods, still_open=open, filters=asked.filters, limit=_PAGE, after=after or None
        )
        rows += [
            [
                one.id,
                one.line,
                page_of(one.id),
                one.plant,
                one.item,
                one.supplier,
                at(one.started_at),
                at(one.ended_at),
                one.value,
            ]
            for one in page.items
        ]
        after = page.next
    headings = ["Which", "Line", "Address", "Plant", "Item", "Supplier", "From", "Until", DEFINITIONS[kpi].unit]
    return csv_file(f"{kpi}-{'open-' if open else ''}{asked.first}-{asked.last}", headings, rows)


async def _none() -> list[KpiFigure]:
    return []


def _cells(figure: KpiFigure) -> list[Value]:
    own: list[Value] = [DEFINITIONS[figure.kpi].unit, figure.value, figure.counted, figure.of, figure.apart]
    return own + [value for spread in (figure.closed, figure.open) for value in _of_spread(spread)]


def _of_spread(spread: Spread | None) -> list[Value]:
    if spread is None:
        return [None] * len(_SPREAD)
    return [spread.count, spread.p50, spread.p90, spread.p95, spread.longest]


__all__ = ["ROWS_MAX", "routes"]
