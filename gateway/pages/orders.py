"""Orders for people: the list, the way to one by its number, and one with its lines and the demands it endangers."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from canonical.audit_event import AuditEvent
from canonical.landscape import MaintenanceNotice, Systems
from canonical.records import OrderLineSnapshot, OrderSnapshot, OrderStage, RequirementSnapshot
from gateway.access.prices import record_seen
from gateway.access.principal import Principal, PrincipalPart, Right
from gateway.pages.links import address, page_of
from gateway.pages.requirements import SUPPLY_STATES, asked_of, measured_by, worded
from gateway.pages.shell import HEADERS, form_of, render, see
from gateway.parts import LedgerPart, Parts, PartsPart
from gateway.problems import Refusal
from gateway.views.coverage import Coverage, ServedDemand, SupplyPortion, coverage_of
from gateway.views.orders import days_of, remind
from ledger.snapshots.lists import Order, OrderCondition, OrderFilter, RequirementFilter, ServingLine
from ledger.snapshots.reads import OrderRow
from ledger.snapshots.snapshots import due_on

STAGES: dict[str, tuple[str, str]] = {
    OrderStage.CONSOLIDATING: ("collecting lines", "plain"),
    OrderStage.PLACING: ("being placed", "care"),
    OrderStage.UNSENT: ("placed, not sent", "care"),
    OrderStage.SENT: ("sent, not answered", "care"),
    OrderStage.ACKNOWLEDGED: ("answered", "good"),
    OrderStage.DELIVERING: ("delivering", "good"),
    OrderStage.CLOSED: ("all received", "plain"),
    OrderStage.CANCELLED: ("cancelled", "plain"),
}
"""Each stage in words, with its tone."""
CONDITIONS: dict[str, str] = {
    OrderCondition.OPEN: "all open ones",
    OrderCondition.OVERDUE: "overdue",
    OrderCondition.UNANSWERED: "unanswered",
    OrderCondition.UNSENT: "not sent yet",
    OrderCondition.ALL: "all, ended ones too",
}
_ROWS, _LINES = 50, 100
_DOCUMENTS_SHOWN = 200

routes = APIRouter(include_in_schema=False)
Text = Annotated[str, Query(max_length=200)]


@routes.get("/orders")
async def list_orders(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    plant: Text = "",
    supplier: Text = "",
    number: Text = "",
    show: OrderCondition = OrderCondition.OPEN,
    stage: Annotated[str, Query(pattern=f"^({'|'.join(OrderStage)})?$")] = "",
    q: Text = "",
    sort: Order = Order.DUE,
    after: Annotated[str, Query(max_length=600)] = "",
) -> HTMLResponse:
    """The list; what is open comes first, by the next date on which goods are due."""
    principal.require(Right.READ)
    today = days_of(parts)
    which = OrderFilter(
        plants=principal.plants,
        plant=plant.strip() or None,
        supplier=supplier.strip() or None,
        stage=OrderStage(stage) if stage else None,
        number=number.strip() or None,
        condition=show,
        q=q,
    )
    page = await parts.ledger.lists.order_headings(which, today, order=sort, limit=_ROWS, after=after or None)
    counts = await parts.ledger.lists.order_counts(which)
    query = {"plant": plant, "supplier": supplier, "number": number, "show": show, "stage": stage, "q": q, "sort": sort}
    return render(
        request,
        "orders.html",
        principal,
        {
            "rows": [
                (
                    row,
                    row.next_due,
                    _passed(row.next_due, row.snapshot.plant, today),
                    worded(principal, row.snapshot.reason),
                )
                for row in page.items
            ],
            "counts": counts,
            "stages": STAGES,
            "conditions": CONDITIONS,
            "query": query,
            "tabs": [(name, address("/orders", {**query, "show": "all"}, stage=name)) for name in STAGES],
            "first": address("/orders", query) if after else "",
            "next": address("/orders", query, after=page.next) if page.next else "",
        },
    )


@routes.get("/orders/by-number/{number:path}")
async def find_order(ledger: LedgerPart, principal: PrincipalPart, number: str, plant: Text = "") -> RedirectResponse:
    """To the order with this number in the ERP, or of its requisition: a link that other systems can carry.

    Where ERPs use the same number, and no plant is given, to the list of them.
    """
    principal.require(Right.READ)
    rows = await ledger.lists.orders_by_number(number)
    found = [row for row in rows if principal.sees(row.snapshot.plant) and plant in ("", row.snapshot.plant)]
    if not found:
        raise Refusal(
            404,
            "not_found",
            f"there is no order or requisition {number!r} at your plants",
            "check the number; Pegline knows only orders that it placed itself",
            field="path",
            value=number,
        )
    one = page_of(found[0].snapshot.id)
    where = one if len(found) == 1 else address("/orders", {"number": number, "show": "all"})
    return RedirectResponse(where, 307, headers=HEADERS)


@routes.get("/orders/{plant}/{supplier}/{key}")
async def read_order(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    plant: str,
    supplier: str,
    key: str,
    line: Annotated[int, Query(ge=0, le=1_000_000, description="The first line shown")] = 0,
    reminded: Annotated[Literal["", "answer", "delivery"], Query()] = "",
) -> HTMLResponse:
    """One order: its lines, what each serves and endangers, the documents, and the questions about it."""
    row = await found(parts, principal, f"order/{plant}/{supplier}/{key}")
    order = row.snapshot
    own = sorted(order.lines, key=lambda one: one.line)
    shown = [one for one in own if one.line >= line][:_LINES]
    rest = [one for one in own if shown and one.line > shown[-1].line]
    ids = list(dict.fromkeys(each for one in shown for each in served_by(one)))
    lists = parts.ledger.lists
    found_open = await lists.open_questions([order.id], [order.exception_id] if order.exception_id else [])
    questions = asked_of(principal, found_open)
    await record_seen(parts.ledger, principal, [order.id], "page of an order")
    served = await _served(parts, ids)
    events = await parts.ledger.reads.audit_events_of_kind([order.id], list(_DOCUMENTS))
    calendar, _ = measured_by(parts, plant)
    lines = [_line(one, order, served, events) for one in shown]
    chances = await parts.promises.reader(plant)
    return render(
        request,
        "order.html",
        principal,
        {
            "row": row,
            "order": order,
            "away": _away(parts, order),
            "observed": _is_observed(parts, order),
            "one_of_each": parts.landscape is None,
            "reason": worded(principal, order.reason),
            "stage": STAGES[order.stage],
            "lines": lines,
            "endangered": [(one, each) for one in lines for each in one.serves if each.endangered],
            "consolidating": await _asked(parts, order) if not own else [],
            "following": address(page_of(order.id), {}, line=rest[0].line) if rest else "",
            "first": page_of(order.id) if own and shown and shown[0].line != own[0].line else "",
            "questions": questions,
            "documents": documents_of(events)[-_DOCUMENTS_SHOWN:],
            "messages": await parts.ledger.reads.inbox_of(order.order_number, order.id) if order.order_number else [],
            "prices": principal.may(Right.SEE_PRICES, plant),
            "supply_states": SUPPLY_STATES,
            "chance_of": chances.of,
            "reminded": reminded,
            "may_remind": not order.closed and principal.may(Right.DECIDE, plant),
            "click": uuid4().hex,
            "next_due": due_on(order),
            "overdue": _passed(due_on(order), plant, {plant: parts.today(plant)}),
            "zone": calendar.tzinfo,
            "zone_name": calendar.zone,
        },
    )


@routes.post("/orders/{plant}/{supplier}/{key}/remind")
async def remind_supplier(
    request: Request, parts: PartsPart, principal: PrincipalPart, plant: str, supplier: str, key: str
) -> RedirectResponse:
    """Have the supplier reminded, once for a page however often its button is pressed."""
    principal.require(Right.DECIDE)
    fields = await form_of(request, principal)
    click = str(fields.get("click", ""))
    identity = f"order/{plant}/{supplier}/{key}"
    by = principal.name if principal.named_by_body else None
    due = await remind(parts, principal, identity, click if _CLICK.fullmatch(click) else uuid4().hex, by)
    return see(address(page_of(identity), {}, reminded=due.about))


_CLICK = re.compile(r"[0-9a-f]{32}")


async def found(parts: Parts, principal: Principal, identity: str) -> OrderRow:
    """The order; 404 where there is none that the caller may see."""
    principal.require(Right.READ)
    row = await parts.ledger.reads.order(identity)
    if row is None or not principal.sees(row.snapshot.plant):
        raise Refusal(
            404,
            "not_found",
            "there is no such order at your plants",
            "look for it by its number or its supplier in the list of orders",
            field="path",
            value=identity,
        )
    return row


def served_by(line: OrderLineSnapshot) -> list[str]:
    """The requirements that a line serves, or served."""
    return [share.requirement_id for share in line.shares] or [line.requirement_id]


# -- which demand each line serves


@dataclass(frozen=True)
class Served:
    """A requirement that a line serves, and what the line brings to which of its demands."""

    id: str
    requirement: RequirementSnapshot | None
    """None: it has recorded nothing yet."""
    quantity: Decimal
    """Allocated, in the order unit."""
    brings: Sequence[tuple[ServedDemand, SupplyPortion]]

    @property
    def endangered(self) -> bool:
        """A demand is late, or has no date, by what this line brings."""
        return any(portion.late for _, portion in self.brings)


@dataclass(frozen=True)
class ShownLine:
    """A line, the revisions that changed and answered it, and whom it serves."""

    line: OrderLineSnapshot
    sent_revision: int
    """0: it was never sent."""
    answered_revision: int
    """0: never answered."""
    serves: Sequence[Served]


async def _served(parts: Parts, ids: Sequence[str]) -> dict[str, tuple[RequirementSnapshot, Coverage]]:
    """The requirements and their coverage by all their orders."""
    rows = await parts.ledger.lists.requirements_by_id(ids)
    by_requirement: dict[str, list[ServingLine]] = {}
    for one in await parts.ledger.lists.serving_lines(list(rows)):
        by_requirement.setdefault(one.requirement_id, []).append(one)
    covered = {}
    for identity, row in rows.items():
        plant = row.snapshot.need.plant
        calendar, receipt_days = measured_by(parts, plant)
        serving = by_requirement.get(identity, [])
        coverage = coverage_of(row.snapshot, serving, calendar, parts.today(plant), receipt_days=receipt_days)
        covered[identity] = (row.snapshot, coverage)
    return covered


def _line(
    line: OrderLineSnapshot,
    order: OrderSnapshot,
    served: Mapping[str, tuple[RequirementSnapshot, Coverage]],
    events: Sequence[AuditEvent],
) -> ShownLine:
    quantities = {share.requirement_id: share.quantity for share in line.shares} or {
        line.requirement_id: line.allocated
    }
    serves = []
    for identity, quantity in quantities.items():
        requirement, coverage = served.get(identity, (None, None))
        ended = requirement is not None and requirement.closed
        brings = coverage.portions_of(order.id, line.line) if coverage and not ended else []
        serves.append(Served(identity, requirement, quantity, brings))
    return ShownLine(line, _sent(line.line, events), _answered(line.line, events), serves)


def _sent(line: int, events: Iterable[AuditEvent]) -> int:
    """The newest revision that was sent with the line; without a list of lines, a revision has all of them."""
    found = 0
    for event in events:
        if event.kind == "order.sent":
            changed = event.data.get("changed")
            if not isinstance(changed, list) or not changed or line in changed:
                found = max(found, _number(event.data.get("revision")))
    return found


def _answered(line: int, events: Iterable[AuditEvent]) -> int:
    found = 0
    for event in events:
        lines = event.data.get("lines")
        if event.kind == "order.answered" and isinstance(lines, list):
            named = any(isinstance(each, dict) and each.get("line") == line for each in lines)
            found = max(found, _number(event.data.get("revision"))) if named else found
    return found


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


async def _asked(parts: Parts, order: OrderSnapshot) -> list[RequirementSnapshot]:
    """The requirements that an order without lines is collecting for."""
    page = await parts.ledger.lists.requirements(RequirementFilter(order=order.id), limit=_LINES)
    return [row.snapshot for row in page.items]


# -- documents


@dataclass(frozen=True)
class ExchangedDocument:
    """A document sent or received."""

    at: dt.datetime
    outgoing: bool
    what: str
    number: str
    detail: str
    bad: bool = False


_DOCUMENTS: dict[str, tuple[bool, str, str]] = {
    "order.placed": (True, "Order placed in the ERP", "order_number"),
    "order.sent": (True, "Order sent to the supplier", ""),
    "reminder.sent": (True, "Reminder of the answer", ""),
    "delivery.reminded": (True, "Reminder of the delivery", ""),
    "requisition.cancelled": (True, "Requisition cancelled", ""),
    "order.cancelled": (True, "Order cancelled", ""),
    "order.answered": (False, "Answer", "answer_number"),
    "answer.refused": (False, "Answer of another party, not taken", "answer_number"),
    "answer.stale": (False, "Old answer, without effect", "answer_number"),
    "document.acknowledged": (False, "Acknowledgement of receipt", "acknowledgement_number"),
    "shipment.announced": (False, "Despatch advice", "despatch_number"),
    "shipment.cancelled": (False, "Despatch advice cancelled", "despatch_number"),
    "shipment.refused": (False, "Despatch advice of another party, not taken", "despatch_number"),
    "goods.received": (False, "Goods receipt", "receipt_number"),
    "goods.taken_back": (False, "Goods receipt taken back", "takes_back"),
}
"""Kinds of audit events that tell of a document: whether we sent it, what it is, and where its number is."""
_BAD = frozenset({"answer.refused", "shipment.refused"})


def documents_of(events: Sequence[AuditEvent]) -> list[ExchangedDocument]:
    """The documents exchanged about an order, the oldest first."""
    found = []
    for event in sorted(events, key=lambda each: (each.business_time, each.position)):
        outgoing, what, field = _DOCUMENTS[event.kind]
        rejected = event.data.get("outcome") == "rejected"
        if event.kind == "order.sent" and _number(event.data.get("revision")) > 1:
            what = "Change order sent to the supplier"
        if rejected:
            what = "Rejected by the supplier's system"
        found.append(
            ExchangedDocument(
                event.business_time,
                outgoing,
                what,
                ", ".join(_numbers(event.data, field)),
                _detail(event.data),
                rejected or event.kind in _BAD,
            )
        )
    return found


def _numbers(data: Mapping[str, Any], field: str) -> list[str]:
    listed = data.get("receipts")
    given = [each.get(field) for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return list(dict.fromkeys(str(each) for each in [data.get(field), *given] if each)) if field else []


def _detail(data: Mapping[str, Any]) -> str:
    revision, document, why = data.get("revision"), data.get("document"), data.get("why")
    remarks = data.get("remarks")
    said = "; ".join(str(each) for each in remarks) if isinstance(remarks, list) else ""
    words = [
        f"requisition {data['requisition_number']}" if data.get("requisition_number") else "",
        f"revision {revision}" if isinstance(revision, int) else "",
        f"of the {document}" if isinstance(document, str) else "",
        str(why) if isinstance(why, str) else "",
        said,
    ]
    return ", ".join(word for word in words if word)


# -- dates


def _away(parts: Parts, order: OrderSnapshot) -> list[MaintenanceNotice]:
    """Which of the order's systems are in maintenance: what is to be written there waits."""
    if parts.landscape is None or order.closed:
        return []
    found = parts.landscape.systems_of(order.plant, order.supplier, order.route)
    others = [found.channel, found.planning] if isinstance(found, Systems) else []
    return list(parts.landscape.maintenance([order.erp, *others]))


def _is_observed(parts: Parts, order: OrderSnapshot) -> bool:
    """Whether Pegline only observes where the order is, though it placed it."""
    if parts.landscape is None or order.closed or order.order_number is None:
        return False
    classes = {line.item_class for line in order.lines} or {""}
    return any(parts.landscape.mode(order.plant, each, order.erp) == "observe" for each in classes)


def _passed(due: dt.date | None, plant: str, today: Mapping[str, dt.date]) -> bool:
    return due is not None and plant in today and due < today[plant]


__all__ = ["STAGES", "documents_of", "found", "routes", "served_by"]
