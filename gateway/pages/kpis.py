"""The KPI pages: figures of a period beside the period before, what is still open, and the entities behind a figure."""

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from pydantic import BeforeValidator, Field

from canonical.kpi import DEFINITIONS, Dimension, Kpi, KpiDefinition, KpiFigure, KpiUnit, Spread
from decisions.kpis import period_before
from gateway.access.principal import Principal, PrincipalPart, Right
from gateway.pages.charts import Bar, bars
from gateway.pages.links import page_of
from gateway.pages.shell import moment, quantity, render
from gateway.paging import After
from gateway.parts import Parts, PartsPart
from gateway.views.kpis import FiltersPart, at, period_of, plant_periods, require_dimensions, uncounted_minutes
from ledger.kpis.reads import KpiEntity

routes = APIRouter(include_in_schema=False)


def _set(value: object) -> object:
    """A form sends the fields that nobody filled in, too."""
    return None if value == "" else value


From = Annotated[dt.date | None, BeforeValidator(_set), Query(alias="from")]
To = Annotated[dt.date | None, BeforeValidator(_set), Query()]
Value = Annotated[Annotated[str, Field(max_length=200)] | None, BeforeValidator(_set), Query()]

LABELS: dict[Dimension, str] = {
    Dimension.PLANT: "Plant",
    Dimension.ITEM_CLASS: "Item class",
    Dimension.SUPPLIER: "Supplier",
    Dimension.BUYER: "Decided by",
    Dimension.CRITICALITY: "Criticality",
    Dimension.CHANNEL: "Channel",
    Dimension.ROUTE: "Route",
    Dimension.POLICY_VERSION: "Policy version",
}
SECTIONS: tuple[tuple[str, tuple[Kpi, ...]], ...] = (
    (
        "From plan to order",
        (
            Kpi.REQUIREMENT_TO_REQUISITION,
            Kpi.PLAN_TO_REQUISITION,
            Kpi.REQUIREMENT_TO_ORDER,
            Kpi.REQUISITION_TO_ORDER,
            Kpi.LINES_ON_ORDER,
        ),
    ),
    (
        "Suppliers' answers",
        (Kpi.ACKNOWLEDGMENT_LATENCY, Kpi.CONFIRMATION_LATENCY, Kpi.ACKNOWLEDGMENT_TIMELINESS),
    ),
    ("People and incidents", (Kpi.AUTOMATED, Kpi.QUESTION_AGEING, Kpi.INCIDENT_AGEING)),
    ("Shortage", (Kpi.LATE_DEMANDS, Kpi.QUANTITY_DAYS_LATE)),
    (
        "Quality of documents",
        (Kpi.DUPLICATE_RATE, Kpi.MANUAL_CORRECTION, Kpi.REVISIONS_PER_LINE, Kpi.QUANTITY_NERVOUSNESS),
    ),
)
_GROUPS_SHOWN = 12
_CHOICES = 60


class KpiQuery(NamedTuple):
    """What a page was asked for."""

    first: dt.date
    last: dt.date
    plant: str | None
    filters: dict[Dimension, str]
    group_by: Dimension | None = None

    def query(self, **more: object) -> str:
        """The page's query with changes; an empty value leaves the field out."""
        fields: dict[str, object] = {
            "from": self.first,
            "to": self.last,
            "plant": self.plant,
            **{name.value: value for name, value in self.filters.items()},
            "group_by": self.group_by.value if self.group_by else None,
        } | more
        return urlencode({name: str(value) for name, value in fields.items() if value not in (None, "")})


class Card(NamedTuple):
    """One KPI as the page shows it."""

    kpi: Kpi
    definition: KpiDefinition
    rows: list["FigureRow"]
    """Now, the period before, then the groups."""
    chart: Markup
    behind: str
    """Address of what the figure counts."""
    behind_open: str


class FigureRow(NamedTuple):
    """A row of a KPI's table, as text."""

    label: str
    cells: list[str]
    address: str = ""


def asked_for(
    parts: Parts,
    principal: Principal,
    since: dt.date | None,
    to: dt.date | None,
    plant: str | None,
    filters: dict[Dimension, str],
) -> KpiQuery:
    """The query of a KPI page, checked. Raises Refusal (403, 422)."""
    principal.require(Right.READ, plant)
    first, last = period_of(parts, since, to)
    return KpiQuery(first, last, plant, filters)


async def _asked(
    parts: PartsPart,
    principal: PrincipalPart,
    filters: FiltersPart,
    since: From = None,
    to: To = None,
    plant: Value = None,
) -> KpiQuery:
    return asked_for(parts, principal, since, to, plant, filters)


QueryPart = Annotated[KpiQuery, Depends(_asked)]
GroupBy = Annotated[str | None, Query(pattern=f"^({'|'.join(each.value for each in Dimension)})?$")]


@routes.get("/kpis")
async def read_kpis_page(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    query: QueryPart,
    group_by: GroupBy = None,
) -> HTMLResponse:
    asked = query._replace(group_by=Dimension(group_by) if group_by else None)
    earlier = period_before(asked.first, asked.last)
    reads = parts.ledger.kpis
    periods = plant_periods(parts, principal, asked.first, asked.last, asked.plant)
    before = plant_periods(parts, principal, *earlier, asked.plant)
    now, past, groups, offered = await asyncio.gather(
        reads.figures(periods, filters=asked.filters),
        reads.figures(before, filters=asked.filters),
        _grouped(parts, principal, asked),
        choices(parts, principal),
    )
    group_names = await named_groups(parts, asked.group_by, groups)
    cards = {card.kpi: card for card in _cards(asked, now, past, groups, group_names)}
    values = {
        "asked": asked,
        "earlier": earlier,
        "sections": [(title, [cards[kpi] for kpi in kpis if kpi in cards]) for title, kpis in SECTIONS],
        "left_out": [definition.label for kpi, definition in DEFINITIONS.items() if kpi not in cards],
        "choices": offered,
        "labels": {name.value: label for name, label in LABELS.items()},
        "buyers": await parts.ledger.people.names(offered["buyer"]),
        "chosen": {"plant": asked.plant or "", **{name.value: value for name, value in asked.filters.items()}},
        "zones": sorted({period.zone for period in periods}),
        "heads": heads,
        "uncounted": await uncounted_minutes(parts),
    }
    return render(request, "kpis.html", principal, values)


async def _grouped(parts: Parts, principal: Principal, asked: KpiQuery) -> list[KpiFigure]:
    if asked.group_by is None:
        return []
    periods = plant_periods(parts, principal, asked.first, asked.last, asked.plant)
    return await parts.ledger.kpis.figures(periods, filters=asked.filters, group_by=asked.group_by)


async def named_groups(parts: Parts, group_by: Dimension | None, groups: Sequence[KpiFigure]) -> Mapping[str, str]:
    """What a page calls the groups, where that is not what they are grouped by: people have names."""
    if group_by is not Dimension.BUYER:
        return {}
    return await parts.ledger.people.names({figure.group for figure in groups if figure.group})


async def choices(parts: Parts, principal: Principal) -> dict[str, list[str]]:
    """What the filters offer: only what the caller's plants have."""
    plants = sorted(principal.only(parts.policies.plants))
    names = (Dimension.ITEM_CLASS, Dimension.SUPPLIER, Dimension.BUYER, Dimension.CHANNEL, Dimension.POLICY_VERSION)
    found = await parts.ledger.kpis.choices(names, plants, _CHOICES)
    return {
        "plant": plants,
        **{name.value: values for name, values in found.items()},
        "criticality": ["A", "B", "C"],
        "route": ["direct", "transfer", "subcontract"],
    }


def _cards(
    asked: KpiQuery,
    now: Sequence[KpiFigure],
    past: Sequence[KpiFigure],
    groups: Sequence[KpiFigure],
    names: Mapping[str, str],
) -> list[Card]:
    before = {figure.kpi: figure for figure in past}
    of_groups: dict[Kpi, list[KpiFigure]] = {}
    for figure in groups:
        of_groups.setdefault(figure.kpi, []).append(figure)
    known = [figure for figure in now if asked.group_by is None or asked.group_by in DEFINITIONS[figure.kpi].dimensions]
    return [_card(asked, figure, before.get(figure.kpi), of_groups.get(figure.kpi, []), names) for figure in known]


def _card(
    asked: KpiQuery,
    now: KpiFigure,
    before: KpiFigure | None,
    groups: Sequence[KpiFigure],
    names: Mapping[str, str],
) -> Card:
    kpi, definition = now.kpi, DEFINITIONS[now.kpi]
    rows = [FigureRow("This period", cells(now))]
    if before is not None:
        rows.append(FigureRow("Period before", cells(before)))
    shown = sorted(groups, key=_weight, reverse=True)[:_GROUPS_SHOWN]
    for figure in shown:
        assert asked.group_by is not None
        only = asked.query(**{asked.group_by.value: figure.group, "group_by": None})
        rows.append(FigureRow(_called(figure, names), cells(figure), f"/kpis?{only}" if figure.group else ""))
    behind = f"/kpis/{kpi}?{asked.query(group_by=None)}"
    chart = _chart(kpi, definition, now, before, shown, names)
    return Card(kpi, definition, rows, chart, behind, f"{behind}&open=true")


def _called(figure: KpiFigure, names: Mapping[str, str]) -> str:
    return names.get(figure.group, figure.group) if figure.group else "(none)"


def _weight(figure: KpiFigure) -> Decimal:
    """By which groups are ordered: how much stands behind them."""
    if figure.closed is not None:
        return Decimal(figure.closed.count + (figure.open.count if figure.open else 0))
    return figure.of if figure.of is not None else figure.counted or Decimal(0)


def _chart(
    kpi: Kpi,
    definition: KpiDefinition,
    now: KpiFigure,
    before: KpiFigure | None,
    groups: Sequence[KpiFigure],
    names: Mapping[str, str],
) -> Markup:
    unit = definition.unit
    drawn: list[Bar] = []
    for figure, tone, name in ((now, "now", "now"), (before, "before", "before")):
        if figure is None:
            continue
        if figure.closed is not None:
            closed = figure.closed
            for label, value in (("p50", closed.p50), ("p90", closed.p90), ("p95", closed.p95)):
                drawn.append(Bar(f"{label} {name}", value, amount(value, unit), tone))
        else:
            drawn.append(Bar(name, figure.value, amount(figure.value, unit), tone))
    for figure in groups[:6]:
        value = figure.closed.p90 if figure.closed is not None else figure.value
        drawn.append(Bar(_called(figure, names), value, amount(value, unit), "group"))
    drawn.sort(key=lambda bar: (bar.tone == "group", bar.label.split()[0] if bar.tone != "group" else ""))
    description = f"{definition.formula}; " + "; ".join(f"{bar.label}: {bar.shown}" for bar in drawn)
    return bars(kpi.value, definition.label, description, drawn)


def heads(definition: KpiDefinition) -> list[str]:
    """The columns of a KPI's table after the label."""
    if definition.unit in (KpiUnit.HOURS, KpiUnit.BUSINESS_HOURS):
        return ["Ended", "p50", "p90", "p95", "Longest", "Open", "Open p50", "Open p90", "Oldest open"]
    ending = ["Open", "Open p50", "Open p90", "Oldest open"]
    return ["Figure", "Counted", "Of", definition.apart.capitalize() or "Apart", *ending]


def cells(figure: KpiFigure) -> list[str]:
    """A figure as the cells of its row."""
    unit = DEFINITIONS[figure.kpi].unit
    if figure.closed is not None:
        return [str(figure.closed.count), *_ranks(figure.closed, unit), *_open(figure, unit)]
    apart = "–" if figure.apart is None else str(figure.apart)
    counted = [quantity(figure.counted), quantity(figure.of), apart]
    return [amount(figure.value, unit), *counted, *_open(figure, KpiUnit.HOURS)]


def _ranks(spread: Spread, unit: KpiUnit) -> list[str]:
    return [amount(value, unit) for value in (spread.p50, spread.p90, spread.p95, spread.longest)]


def _open(figure: KpiFigure, unit: KpiUnit) -> list[str]:
    if figure.open is None:
        return ["–"] * 4
    spread = figure.open
    return [str(spread.count), *(amount(value, unit) for value in (spread.p50, spread.p90, spread.longest))]


def amount(value: Decimal | None, unit: KpiUnit) -> str:
    """A figure in words that need no unit beside them: 36 min, 5.2 h, 3.1 d, 42.0 %."""
    if value is None:
        return "–"
    if unit is KpiUnit.SHARE:
        return f"{value * 100:.1f} %"
    if unit is KpiUnit.RATIO:
        return f"{value:.2f}"
    if unit is KpiUnit.QUANTITY_DAYS:
        return quantity(round(value, 1))
    if unit is KpiUnit.HOURS and value >= 48:
        return f"{value / 24:.1f} d"
    return f"{value:.1f} h" if value >= 1 or value == 0 else f"{value * 60:.0f} min"


# -- what stands behind a figure


@routes.get("/kpis/{kpi}")
async def read_kpi_entities(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    kpi: Kpi,
    asked: QueryPart,
    open: bool = False,
    after: After = None,
) -> HTMLResponse:
    require_dimensions(kpi, asked.filters)
    periods = plant_periods(parts, principal, asked.first, asked.last, asked.plant)
    page = await parts.ledger.kpis.entities(
        kpi, periods, still_open=open, filters=asked.filters, limit=100, after=after
    )
    zones = {period.plant: period for period in periods}
    definition = DEFINITIONS[kpi]
    more: dict[str, object] = {"open": "true"} if open else {}
    values = {
        "asked": asked,
        "csv": f"/kpis/{kpi}/entities.csv?{asked.query(group_by=None, **more)}",
        "kpi": kpi,
        "definition": definition,
        "still_open": open,
        "rows": [_row(entity, definition, parts, zones[entity.plant].plant) for entity in page.items],
        "next": f"/kpis/{kpi}?{asked.query(**more, after=page.next)}" if page.next else None,
        "other": f"/kpis/{kpi}?{asked.query(**({} if open else {'open': 'true'}))}",
        "back": f"/kpis?{asked.query()}",
        "uncounted": await uncounted_minutes(parts),
    }
    return render(request, "kpi_entities.html", principal, values)


class EntityRow(NamedTuple):
    """An entity behind a figure."""

    name: str
    address: str
    plant: str
    item: str
    supplier: str
    started: str
    ended: str
    value: str


def _row(entity: KpiEntity, definition: KpiDefinition, parts: Parts, plant: str) -> EntityRow:
    zone = parts.zone_of(plant)
    name, address = address_of_entity(entity.id, entity.line)
    unit = definition.unit if definition.unit is not KpiUnit.SHARE else KpiUnit.HOURS
    return EntityRow(
        name,
        address,
        entity.plant,
        entity.item,
        entity.supplier,
        moment(at(entity.started_at), zone),
        moment(at(entity.ended_at), zone),
        amount(entity.value, unit),
    )


def address_of_entity(identity: str, line: int | None = None) -> tuple[str, str]:
    """An entity's name and its page; empty where it has none."""
    kind, _, rest = identity.partition("/")
    if kind not in _NAMES:
        return identity, ""
    return f"{_NAMES[kind]} {rest}{f', line {line}' if line is not None else ''}", page_of(identity)


_NAMES = {"requirement": "Requirement", "order": "Order", "exception": "Question"}


__all__ = [
    "LABELS",
    "From",
    "GroupBy",
    "KpiQuery",
    "QueryPart",
    "To",
    "Value",
    "address_of_entity",
    "amount",
    "asked_for",
    "choices",
    "named_groups",
    "routes",
]
