"""KPIs: figures of a period, and the entities behind each of them."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from canonical.base import Code
from canonical.kpi import DEFINITIONS, Dimension, Kpi, KpiFigure, KpiUnit, PlantPeriod
from decisions.kpis import plant_period
from gateway.access.principal import Principal, PrincipalPart, Right
from gateway.paging import After, Limit, Listed, listed
from gateway.parts import Parts, PartsPart
from gateway.problems import Refusal, problem_responses
from gateway.requests import PlainRoute
from ledger.kpis.reads import KpiEntity

DAYS_MAX = 731
DAYS_USUAL = 28

From = Annotated[dt.date | None, Query(alias="from", description="First day of the period, of the plant; 28 days")]
To = Annotated[dt.date | None, Query(alias="to", description="Last day, included; today where left out")]
Value = Annotated[str | None, Query(max_length=200)]


class KpiView(KpiFigure):
    """A KPI's figures. Durations are in `unit`, by nearest rank; shares are between 0 and 1."""

    label: str
    unit: KpiUnit
    formula: str


class KpisView(BaseModel):
    """The KPIs of a period. Beside what ended in it stands the age of what was still open at its end."""

    model_config = {"populate_by_name": True}

    since: dt.date = Field(alias="from", description="First day, of each plant's own calendar")
    to: dt.date = Field(description="Last day, included")
    plants: list[str]
    group_by: Dimension | None
    items: list[KpiView]
    left_out: list[Kpi] = Field(description="KPIs that do not have the dimensions filtered or grouped by")
    measured_until: dt.datetime | None = Field(
        description="Recorded later, and not counted yet; null: everything recorded is counted"
    )


class KpiEntityView(BaseModel):
    """What a figure counts: a requirement, an order (line or revision), a question or an entity with an incident."""

    id: str
    line: int | None = Field(description="Of an order: its line or revision")
    plant: str
    supplier: str
    item: str
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    value: str = Field(description="In the KPI's unit; of a share, hours from start to end, or how much it counts")


async def _filters(
    item_class: Value = None,
    supplier: Value = None,
    buyer: Annotated[str | None, Query(max_length=200, description="Who decided")] = None,
    criticality: Value = None,
    channel: Annotated[str | None, Query(max_length=200, description="The system whose plan states the need")] = None,
    route: Value = None,
    policy_version: Value = None,
) -> dict[Dimension, str]:
    return filters_of(
        item_class=item_class,
        supplier=supplier,
        buyer=buyer,
        criticality=criticality,
        channel=channel,
        route=route,
        policy_version=policy_version,
    )


FiltersPart = Annotated[dict[Dimension, str], Depends(_filters)]

routes = APIRouter(prefix="/v1/kpis", tags=["KPIs"], route_class=PlainRoute)


@routes.get("", summary="KPIs of a period, by plant, supplier and more", responses=problem_responses(403, 422))
async def read_kpis(
    parts: PartsPart,
    principal: PrincipalPart,
    filters: FiltersPart,
    since: From = None,
    to: To = None,
    plant: Code | None = None,
    group_by: Dimension | None = None,
) -> KpisView:
    """Percentiles are exact nearest ranks. A KPI appears only where it has all dimensions asked for: an order has no
    item class. Periods are days of each plant's own calendar.
    """
    principal.require(Right.READ, plant)
    first, last = period_of(parts, since, to)
    periods = plant_periods(parts, principal, first, last, plant)
    waiting = await parts.ledger.unmeasured.waiting()  # first: the figures have at least what did not wait then
    figures = await parts.ledger.kpis.figures(periods, filters=filters, group_by=group_by)
    asked = {*filters, *((group_by,) if group_by else ())}
    return KpisView.model_validate(
        {
            "from": first,
            "to": last,
            "plants": [period.plant for period in periods],
            "group_by": group_by,
            "items": [_view(figure) for figure in figures],
            "left_out": [kpi for kpi in Kpi if not asked <= DEFINITIONS[kpi].dimensions],
            "measured_until": None if waiting is None else waiting.since,
        }
    )


@routes.get("/{kpi}/entities", summary="What a figure counts", responses=problem_responses(400, 403, 422))
async def list_kpi_entities(
    parts: PartsPart,
    principal: PrincipalPart,
    kpi: Kpi,
    filters: FiltersPart,
    since: From = None,
    to: To = None,
    plant: Code | None = None,
    open: Annotated[bool, Query(description="Those still open at the period's end, the oldest first")] = False,
    limit: Limit = 50,
    after: After = None,
) -> Listed[KpiEntityView]:
    """Those that count most come first."""
    principal.require(Right.READ, plant)
    first, last = period_of(parts, since, to)
    require_dimensions(kpi, filters)
    page = await parts.ledger.kpis.entities(
        kpi,
        plant_periods(parts, principal, first, last, plant),
        still_open=open,
        filters=filters,
        limit=limit,
        after=after,
    )
    query = {
        "from": first,
        "to": last,
        "plant": plant,
        **{name.value: value for name, value in filters.items()},
        "open": "true" if open else None,
        "limit": limit,
    }
    return listed(f"/v1/kpis/{kpi}/entities", query, [_entity_view(entity) for entity in page.items], page.next)


async def uncounted_minutes(parts: Parts) -> int:
    """Of how many minutes the newest events are not counted yet; 0: at most of one."""
    waiting = await parts.ledger.unmeasured.waiting()
    return 0 if waiting is None else int(waiting.age.total_seconds() // 60)


def period_of(parts: Parts, since: dt.date | None, to: dt.date | None) -> tuple[dt.date, dt.date]:
    """The period asked for, else the usual one that ends today. Raises Refusal (422)."""
    last = to or parts.now().date()
    if not dt.date(2000, 1, 1) <= last <= dt.date(2200, 1, 1):
        raise _refused("to", last, f"{last} is no day of a plan", "take a day between 2000 and 2200")
    first = since or last - dt.timedelta(days=DAYS_USUAL - 1)
    if first > last:
        raise _refused("from", first, f"the period begins on {first}, after it ends on {last}", "exchange the days")
    if (last - first).days >= DAYS_MAX:
        raise _refused("from", first, f"the period has more than {DAYS_MAX} days", "ask for a shorter one")
    return first, last


def _refused(field: str, value: object, detail: str, next_step: str) -> Refusal:
    return Refusal(422, "bad_period", detail, next_step, field=field, value=value)


def plant_periods(
    parts: Parts, principal: Principal, first: dt.date, last: dt.date, plant: str | None = None
) -> list[PlantPeriod]:
    """The period at each plant that the caller sees, or at one of them."""
    found = []
    for name in sorted(principal.only(parts.policies.plants)):
        policy = parts.policies.effective(name) if plant in (None, name) else None
        if policy is not None:
            hours = policy.escalation.sla_hours
            found.append(plant_period(name, policy.calendar, policy.office, hours, first, last, parts.now()))
    return found


def filters_of(**given: str | None) -> dict[Dimension, str]:
    """The filters that are set; an empty one is not."""
    return {Dimension(name): value for name, value in given.items() if value}


def require_dimensions(kpi: Kpi, filters: Mapping[Dimension, str]) -> None:
    """Raise Refusal (422) for a filter that the KPI does not have."""
    known = DEFINITIONS[kpi].dimensions
    for name, value in filters.items():
        if name not in known:
            raise Refusal(
                422,
                "unknown_dimension",
                f"{DEFINITIONS[kpi].label} is not known by {name.value}",
                f"leave it out; there are: {', '.join(sorted(each.value for each in known))}",
                field=name.value,
                value=value,
            )


def _view(figure: KpiFigure) -> KpiView:
    definition = DEFINITIONS[figure.kpi]
    return KpiView(**dict(figure), label=definition.label, unit=definition.unit, formula=definition.formula)


def _entity_view(entity: KpiEntity) -> KpiEntityView:
    return KpiEntityView(
        id=entity.id,
        line=entity.line,
        plant=entity.plant,
        supplier=entity.supplier,
        item=entity.item,
        started_at=at(entity.started_at),
        ended_at=at(entity.ended_at),
        value=str(entity.value),
    )


def at(seconds: int | None) -> dt.datetime | None:
    """Unix seconds as a moment."""
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC)


__all__ = [
    "FiltersPart",
    "KpiEntityView",
    "KpiView",
    "KpisView",
    "at",
    "filters_of",
    "period_of",
    "plant_periods",
    "require_dimensions",
    "routes",
]
