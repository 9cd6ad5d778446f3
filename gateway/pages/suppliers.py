"""The supplier pages: how a supplier answers and delivers, what is open with it, and how often we changed our minds."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from canonical.kpi import KpiUnit
from decisions.kpis import over_budget
from gateway.access.principal import PrincipalPart, Right
from gateway.pages.charts import Bar, bars
from gateway.pages.kpis import From, To, Value, address_of_entity, amount
from gateway.pages.shell import moment, render
from gateway.parts import Parts, PartsPart
from gateway.problems import not_found
from gateway.views.kpis import at, period_of, plant_periods, uncounted_minutes
from ledger.kpis.suppliers import ANSWER_HOURS, DAYS_LATE, SupplierFigures

routes = APIRouter(include_in_schema=False)

_USUAL = dt.timedelta(days=89)


def _period(parts: Parts, since: dt.date | None, to: dt.date | None) -> tuple[dt.date, dt.date]:
    """A supplier is looked at over a quarter."""
    first, last = period_of(parts, since, to)
    return (first if since else last - _USUAL), last


def _shown(figures: SupplierFigures, budget: Decimal) -> dict[str, Any]:
    revisions = Decimal(figures.revisions) / figures.lines_sent if figures.lines_sent else None
    return {
        "code": figures.supplier,
        "name": figures.name,
        "address": f"/suppliers/{quote(figures.supplier, safe='')}",
        "open_lines": figures.open_lines,
        "overdue_lines": figures.overdue_lines,
        "open_questions": figures.open_questions,
        "answered": figures.answered,
        "unanswered": figures.unanswered,
        "p50": amount(figures.answer_p50, KpiUnit.HOURS),
        "p90": amount(figures.answer_p90, KpiUnit.HOURS),
        "completed": figures.completed_lines,
        "kept": _share(figures.kept, figures.completed_lines),
        "kept_last": _share(figures.kept_last, figures.completed_lines),
        "lines_sent": figures.lines_sent,
        "revisions": amount(revisions, KpiUnit.RATIO),
        "changed": amount(figures.quantity_changed_share, KpiUnit.SHARE),
        "budget": amount(budget, KpiUnit.RATIO),
        "over": over_budget(figures.revisions, figures.lines_sent, budget),
    }


def _share(part: int, whole: int) -> str:
    return amount(Decimal(part) / whole if whole else None, KpiUnit.SHARE)


def _budget(parts: Parts, plants: Sequence[str], supplier: str) -> Decimal:
    """The change budget of a supplier: at several plants, the strictest."""
    policies = [parts.policies.effective(plant, supplier=supplier) for plant in plants]
    return min((policy.suppliers.revisions_per_line_max for policy in policies if policy), default=Decimal(0))


@routes.get("/suppliers")
async def list_suppliers(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    since: From = None,
    to: To = None,
    plant: Value = None,
) -> HTMLResponse:
    principal.require(Right.READ, plant)
    first, last = _period(parts, since, to)
    periods = plant_periods(parts, principal, first, last, plant)
    plants = [period.plant for period in periods]
    found = await parts.ledger.suppliers.overview(periods)
    values = {
        "rows": [_shown(each, _budget(parts, plants, each.supplier)) for each in found],
        "first": first,
        "last": last,
        "plant": plant or "",
        "plants": sorted(principal.only(parts.policies.plants)),
        "uncounted": await uncounted_minutes(parts),
    }
    return render(request, "suppliers.html", principal, values)


@routes.get("/suppliers/{code}")
async def read_supplier(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    code: str,
    since: From = None,
    to: To = None,
) -> HTMLResponse:
    principal.require(Right.READ)
    first, last = _period(parts, since, to)
    periods = plant_periods(parts, principal, first, last)
    detail = await parts.ledger.suppliers.one(code, periods) if periods else None
    if detail is None:
        raise not_found("supplier", code, "take a supplier of the list: /suppliers")
    plants = [period.plant for period in periods]
    policies = [policy for plant in plants if (policy := parts.policies.effective(plant)) is not None]
    zone = policies[0].calendar.tzinfo if policies else dt.UTC
    answers = _bars("answers", "Answers by time", _bounds(ANSWER_HOURS, "h"), detail.answers)
    days_late = _bars("days-late", "Deliveries by days after the first promise", _late_bounds(), detail.days_late)
    values = {
        "figures": _shown(detail.figures, _budget(parts, plants, code)),
        "first": first,
        "last": last,
        "answers": answers,
        "answer_rows": list(zip(_bounds(ANSWER_HOURS, "h"), detail.answers, strict=True)),
        "days_late": days_late,
        "late_rows": list(zip(_late_bounds(), detail.days_late, strict=True)),
        "orders": [(*address_of_entity(each.id), each) for each in detail.orders],
        "questions": [
            {
                "label": f"{each.kind.replace('_', ' ').capitalize()}{f' of {each.item}' if each.item else ''}",
                "address": address_of_entity(each.id)[1],
                "opened": moment(at(each.opened_at), zone),
            }
            for each in detail.questions
        ],
        "lines": [(*address_of_entity(each.order_id, each.line), each) for each in detail.lines],
        "uncounted": await uncounted_minutes(parts),
    }
    return render(request, "supplier.html", principal, values)


def _bounds(bounds: Sequence[int], unit: str) -> list[str]:
    return [*(f"within {bound} {unit}" for bound in bounds), f"later than {bounds[-1]} {unit}"]


def _late_bounds() -> list[str]:
    return ["in time", *(f"up to {bound} days late" for bound in DAYS_LATE[1:]), f"more than {DAYS_LATE[-1]} days late"]


def _bars(name: str, title: str, labels: Sequence[str], counted: Sequence[int]) -> object:
    drawn = [Bar(label, Decimal(count), str(count)) for label, count in zip(labels, counted, strict=True)]
    return bars(name, title, "; ".join(f"{bar.label}: {bar.shown}" for bar in drawn), drawn)


__all__ = ["routes"]
