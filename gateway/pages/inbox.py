"""The inbox: what waits for somebody, the most pressing first; saved views and exports of it.

Decided here: what the page reads. Not here: what an address says (`gateway.pages.work_query`), what a column shows
(`gateway.pages.work_columns`), how rows change while they are looked at (`gateway.pages.inbox_events`).
"""

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from canonical.exception import ExceptionKind
from gateway.access.held_roles import held_roles
from gateway.access.prices import record_seen
from gateway.access.principal import Principal, PrincipalPart, Right, needs
from gateway.pages.question_words import KINDS
from gateway.pages.shell import form_of, render, see
from gateway.pages.tables_out import Value, csv_file, xlsx_file
from gateway.pages.work_columns import COLUMNS, Column, Names
from gateway.pages.work_query import Scope, WorkQuery
from gateway.pages.work_rows import names_of, row_values, sentence
from gateway.paging import After
from gateway.parts import Parts, PartsPart
from gateway.problems import Refusal
from ledger.work_list.views import VIEWS_MAX, TooManyViews
from ledger.work_list.work_list import WorkCounts, WorkItem

PAGE_ROWS = 50
EXPORT_ROWS_MAX = 10_000
_NAME_LENGTH_MAX = 80

routes = APIRouter(include_in_schema=False, dependencies=[needs(Right.READ)])
ViewPart = Annotated[WorkQuery, Query()]


@routes.get("/inbox")
async def read_inbox(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    view: ViewPart,
    after: After = None,
    selected: str = "",
    done: str = "",
) -> Response:
    """A form that left filters empty leads to the address without them: that is the one to keep and to send."""
    if any(not value for _, value in request.query_params.multi_items()):
        return RedirectResponse(view.address(more=_kept(after, selected)), 303)
    names = asked_names(parts, principal)
    filter = view.filter_for(principal, names)
    order, descending = view.sort_for(principal)
    work_list = parts.ledger.work_list
    newest, page, counts, offered, views = await asyncio.gather(
        work_list.newest(),
        work_list.items(filter, order, descending=descending, limit=PAGE_ROWS, after=after),
        work_list.counts(filter, names),
        work_list.values(principal.plants),
        parts.ledger.work_views.seen_by(principal.subject),
    )
    if Column.VALUE in view.columns_for(principal):
        await record_seen(parts.ledger, principal, [item.id for item in page.items], "inbox")
    values = {
        **row_values(view, principal, await names_of(parts, page.items)),
        "items": page.items,
        "kinds": _kinds(view, counts, principal),
        "scopes": _scopes(view, counts, principal),
        "found": _found(view, counts, principal),
        "first_page": after is None,
        "next": view.address(more=[("after", page.next)]) if page.next else "",
        "headings": _headings(view, principal),
        "all_columns": [(each, COLUMNS[each].label) for each in Column if _may_show(each, principal)],
        "offered": offered,
        "views": views,
        "selected": selected == "all",
        "select_all": view.address(more=[*_kept(after, ""), ("selected", "all")]),
        "export_rows_max": EXPORT_ROWS_MAX,
        "kind_names": KINDS,
        "since": newest.isoformat() if newest else "",
        "notice": {"saved": "The view is saved.", "removed": "The view is removed."}.get(done, ""),
        "may_decide": principal.may(Right.DECIDE),
    }
    return render(request, "inbox.html", principal, values)


def asked_names(parts: Parts, principal: Principal) -> tuple[str, ...]:
    """The names under which the plants' policies ask the principal."""
    plants = principal.only(list(parts.policies.plants))
    names = [name for plant in plants for name in held_roles(principal, parts.policies.effective(plant))]
    return tuple(dict.fromkeys(names))


def _kept(after: str | None, selected: str) -> list[tuple[str, str]]:
    return [(name, value) for name, value in (("after", after), ("selected", selected)) if value]


def _found(view: WorkQuery, counts: WorkCounts, principal: Principal) -> str:
    """How many questions the view holds, in words."""
    mine = view.scope_of(principal) is Scope.MINE
    by_kind = counts.asked if mine else counts.all
    number = by_kind.get(view.kind, 0) if view.kind is not None else sum(by_kind.values())
    what = {None: "open", "decided": "decided", "overtaken": "overtaken", "any": "in all states"}[view.state]
    whose = " for you" if mine else ""
    figure = f"{number:,}".replace(",", "\u202f")
    return f"{figure} question{'' if number == 1 else 's'}{whose}, {what}"


def _scopes(view: WorkQuery, counts: WorkCounts, principal: Principal) -> list[tuple[str, str, int, bool]]:
    present = view.scope_of(principal)
    labels = ((Scope.MINE, "For me", counts.asked), (Scope.ALL, "All I may see", counts.all))
    return [
        (view.address(scope=scope), label, _of_kind(view, by_kind), scope is present)
        for scope, label, by_kind in labels
        if scope is Scope.ALL or principal.may(Right.DECIDE)
    ]


def _of_kind(view: WorkQuery, by_kind: dict[ExceptionKind, int]) -> int:
    return sum(by_kind.values()) if view.kind is None else by_kind.get(view.kind, 0)


def _kinds(view: WorkQuery, counts: WorkCounts, principal: Principal) -> list[tuple[str, str, int, bool]]:
    by_kind = counts.asked if view.scope_of(principal) is Scope.MINE else counts.all
    found = [(view.address(kind=None), "All kinds", sum(by_kind.values()), view.kind is None)]
    return found + [
        (view.address(kind=kind), KINDS[kind], by_kind.get(kind, 0), kind is view.kind)
        for kind in ExceptionKind
        if by_kind.get(kind, 0) or kind is view.kind
    ]


def _headings(view: WorkQuery, principal: Principal) -> list[dict[str, Any]]:
    """Each column's heading: its label, and where a click on it leads."""
    order, descending = view.sort_for(principal)
    found = []
    for each in view.columns_for(principal):
        described = COLUMNS[each]
        present = described.order is order
        name = described.order
        turned = present and descending is described.highest_first
        found.append(
            {
                "label": described.label,
                "number": described.number,
                "sorted": ("descending" if descending else "ascending") if present else "",
                "address": ""
                if name is None
                else view.address(sort=f"{'-' if described.highest_first is not turned else ''}{name}"),
            }
        )
    return found


def _may_show(column: Column, principal: Principal) -> bool:
    return column is not Column.VALUE or principal.may(Right.SEE_PRICES)


# -- saved views


@routes.post("/inbox/views")
async def save_view(request: Request, parts: PartsPart, principal: PrincipalPart) -> Response:
    """Keep the filters, order and columns of the form's `query` under its `name`."""
    fields = await form_of(request, principal)
    name = " ".join(str(fields.get("name", "")).split())
    view = _view_of(str(fields.get("query", "")))
    if not name or len(name) > _NAME_LENGTH_MAX:
        raise Refusal(
            422,
            "invalid_field",
            "a view has a name" if not name else f"the name has {len(name)} characters",
            f"give it one of up to {_NAME_LENGTH_MAX} characters",
            field="name",
            value=name,
        )
    query = view.address("").removeprefix("?")
    try:
        await parts.ledger.work_views.save(principal.subject, name, query, shared=fields.get("shared") == "yes")
    except TooManyViews:
        raise Refusal(
            409, "too_many_views", f"you keep {VIEWS_MAX} views already", "remove one first", field="name", value=name
        ) from None
    return see(view.address(more=[("done", "saved")]))


@routes.post("/inbox/views/{id}/removal")
async def remove_view(request: Request, parts: PartsPart, principal: PrincipalPart, id: int) -> Response:
    """Forget one of the principal's own views."""
    fields = await form_of(request, principal)
    if not 0 < id < 2**63 or not await parts.ledger.work_views.remove(principal.subject, id):
        raise Refusal(404, "not_found", f"you keep no view {id}", "reload the inbox", field="path", value=str(id))
    return see(_view_of(str(fields.get("query", ""))).address(more=[("done", "removed")]))


def _view_of(query: str) -> WorkQuery:
    """The view that an address's query states."""
    stated = parse_qs(query[:4_000])
    try:
        return WorkQuery.model_validate(
            {name: values if name == "column" else values[-1] for name, values in stated.items()}
        )
    except ValidationError as invalid:
        raise Refusal(
            422, "invalid_field", "these filters can't be read", "open the inbox and set them again", field="query"
        ) from invalid


# -- exports


@routes.get("/inbox.csv")
async def export_csv(parts: PartsPart, principal: PrincipalPart, view: ViewPart) -> Response:
    headings, rows = await _exported(parts, principal, view)
    return csv_file(_file_name(parts.now()), headings, rows)


@routes.get("/inbox.xlsx")
async def export_xlsx(parts: PartsPart, principal: PrincipalPart, view: ViewPart) -> Response:
    headings, rows = await _exported(parts, principal, view)
    return xlsx_file(_file_name(parts.now()), headings, rows)


def _file_name(now: dt.datetime) -> str:
    return f"questions-{now:%Y-%m-%d}"


async def _exported(parts: Parts, principal: Principal, view: WorkQuery) -> tuple[list[str], list[list[Value]]]:
    """All rows of the view up to the bound, with every column that the reader may see."""
    order, descending = view.sort_for(principal)
    filter = view.filter_for(principal, asked_names(parts, principal))
    page = await parts.ledger.work_list.items(filter, order, descending=descending, limit=EXPORT_ROWS_MAX)
    await record_seen(parts.ledger, principal, [item.id for item in page.items], "export of the inbox")
    names = await names_of(parts, page.items)
    cells = [cell for each in Column if _may_show(each, principal) for cell in COLUMNS[each].exported]
    return (
        ["Question", "Address", *(heading for heading, _ in cells)],
        [_exported_row(item, principal, names, [read for _, read in cells]) for item in page.items],
    )


def _exported_row(item: WorkItem, principal: Principal, names: Names, cells: Sequence[Any]) -> list[Value]:
    return [sentence(item, principal), f"/questions/{item.name}", *(read(item, names) for read in cells)]


__all__ = ["EXPORT_ROWS_MAX", "PAGE_ROWS", "asked_names", "routes"]
