"""Histories: what happened to a requirement or an order, day by day, as it is known now or was known at a moment."""

import datetime as dt
import zoneinfo
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from canonical.audit_event import AuditEvent
from gateway.access.prices import record_seen, without_prices
from gateway.access.principal import Principal, PrincipalPart, Right
from gateway.pages import orders, requirements
from gateway.pages.links import address, name_of, page_of
from gateway.pages.requirements import worded
from gateway.pages.shell import quantity, render
from gateway.parts import Parts, PartsPart
from gateway.problems import Refusal
from gateway.trace.kinds import Tone
from gateway.trace.people import subjects_in, with_names
from gateway.trace.standing import standing_of
from gateway.trace.timeline import bars_of, days_of
from gateway.trace.trace import OrderTrace, Trace, order_trace_of, trace_of
from gateway.views.changes import ChangeTrace
from ledger.ledger import Ledger

MARKS: dict[str, tuple[str, str]] = {
    Tone.GOOD: ("✓", "good"),
    Tone.CARE: ("!", "attention"),
    Tone.BAD: ("✗", "problem"),
    Tone.PLAIN: ("•", ""),
    Tone.QUIET: ("·", "without effect"),
}
"""A tone's sign and word, since colour alone tells nobody."""

routes = APIRouter(include_in_schema=False)


class Shown:
    """What of a history is shown: the zone of its times, the moment of knowledge, and one entity or all."""

    def __init__(self, parts: Parts, principal: Principal, plant: str, zone: str, as_known_on: str, only: str) -> None:
        self.calendar, _ = requirements.measured_by(parts, plant)
        self.zone_name = zone.strip() or self.calendar.zone
        self.zone = _zone(self.zone_name)
        self.known_on = _moment(as_known_on, self.zone)
        self.only = only
        self.principal = principal
        self.ledger = parts.ledger
        policies = [parts.policies.effective(each) for each in principal.only(sorted(parts.policies.plants))]
        zones = [self.calendar.zone, "UTC", *(policy.calendar.zone for policy in policies if policy), self.zone_name]
        self.zones = list(dict.fromkeys(zones))

    @property
    def query(self) -> dict[str, str]:
        """Its address's parameters."""
        known = self.known_on.astimezone(self.zone).strftime("%Y-%m-%dT%H:%M") if self.known_on else ""
        return {
            "zone": "" if self.zone_name == self.calendar.zone else self.zone_name,
            "as_known_on": known,
            "only": self.only,
        }


async def _shown(
    parts: PartsPart,
    principal: PrincipalPart,
    plant: str,
    as_known_on: Annotated[str, Query(max_length=60)] = "",
    zone: Annotated[str, Query(max_length=60)] = "",
    only: Annotated[str, Query(max_length=600)] = "",
) -> Shown:
    return Shown(parts, principal, plant, zone, as_known_on, only)


ShownPart = Annotated[Shown, Depends(_shown)]


@routes.get("/requirements/{plant}/{item}/{key}/trace")
async def read_requirement_trace(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    plant: str,
    item: str,
    key: str,
    shown: ShownPart,
) -> HTMLResponse:
    """The history of a requirement, its orders and the questions about them."""
    row = await requirements.found(parts, principal, f"requirement/{plant}/{item}/{key}")
    trace = await trace_of(parts.ledger, row.snapshot.id, known_on=shown.known_on)
    assert trace is not None
    need = row.snapshot.need
    names = {row.snapshot.id: "the requirement"} | {
        order.id: f"order {order.order_number}" if order.order_number else name_of(order.id) for order in trace.orders
    }
    title = f"{need.item} at plant {need.plant}: {quantity(need.quantity, need.unit)} needed by {need.required_date}"
    more = {
        "stage": requirements.STAGES[row.snapshot.stage],
        "reason": worded(principal, row.snapshot.reason),
        "bars": bars_of(trace.audit_events, need.required_date, shown.calendar, shown.zone),
        "need_date": need.required_date,
    }
    return await history(request, shown, row.snapshot.id, title, trace, names, more)


@routes.get("/orders/{plant}/{supplier}/{key}/trace")
async def read_order_trace(
    request: Request,
    parts: PartsPart,
    principal: PrincipalPart,
    plant: str,
    supplier: str,
    key: str,
    shown: ShownPart,
) -> HTMLResponse:
    """The history of an order and of the questions about it."""
    row = await orders.found(parts, principal, f"order/{plant}/{supplier}/{key}")
    trace = await order_trace_of(parts.ledger, row.snapshot.id, known_on=shown.known_on)
    assert trace is not None
    order = row.snapshot
    who = order.supplier_name or order.supplier
    title = (
        f"Order {order.order_number} from {who}" if order.order_number else f"Order from {who}, without a number yet"
    )
    more = {
        "stage": orders.STAGES[order.stage],
        "reason": worded(principal, order.reason),
        "bars": None,
        "need_date": None,
    }
    return await history(request, shown, order.id, title, trace, {order.id: "the order"}, more)


def _zone(name: str) -> dt.tzinfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise Refusal(
            422,
            "unknown_zone",
            f"there is no time zone {name!r}",
            "take a name such as Europe/Berlin, America/Los_Angeles or UTC",
            field="zone",
            value=name,
        ) from None


def _moment(text: str, zone: dt.tzinfo) -> dt.datetime | None:
    """A moment: with its offset, else by the clocks of the zone; a day alone is known at its end."""
    text = text.strip()
    if not text:
        return None
    try:
        if len(text) == len("2026-06-15"):
            day = dt.date.fromisoformat(text)
            return dt.datetime.combine(day, dt.time.max, zone).astimezone(dt.UTC)
        moment = dt.datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        moment = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
        # A form gives minutes: all that was recorded in that minute was known.
        moment += (
            dt.timedelta(seconds=59, microseconds=999_999) if len(text) == len("2026-06-15T10:30") else dt.timedelta()
        )
        return moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise Refusal(
            422,
            "invalid_moment",
            f"{text!r} is no moment",
            "write a day such as 2026-06-15, or a moment such as 2026-06-15T10:30",
            field="as_known_on",
            value=text,
        ) from None


async def history(
    request: Request,
    shown: Shown,
    entity: str,
    title: str,
    trace: Trace | OrderTrace | ChangeTrace,
    names: dict[str, str],
    more: dict[str, Any],
) -> HTMLResponse:
    """A history as a page; `names`: what its reader calls the entities."""
    names = names | {question: f"question {number}" for number, question in enumerate(trace.exceptions, 1)}
    await record_seen(shown.ledger, shown.principal, [entity], "history")
    audit_events = await told_to(shown.ledger, shown.principal, trace.audit_events)
    events = _of(audit_events, shown.only)
    known_on = shown.known_on.astimezone(shown.zone) if shown.known_on else None
    return render(
        request,
        "trace.html",
        shown.principal,
        {
            "title": title,
            "entity": entity,
            "names": names,
            "days": days_of(events, shown.zone),
            "entries": len(events),
            "marks": MARKS,
            "chains": trace.chains,
            "broken": [chain for chain in trace.chains if not chain.intact],
            "recorded": sum(chain.audit_events for chain in trace.chains),
            "messages": trace.messages,
            "shown": shown,
            "known_on": known_on,
            "standing": standing_of(audit_events, entity) if known_on else [],
            "now": address(page_of(entity, "trace"), shown.query, as_known_on=""),
            "api": f"/v1{page_of(entity, 'trace')}",
            **more,
        },
    )


async def told_to(ledger: Ledger, principal: Principal, audit_events: Sequence[AuditEvent]) -> list[AuditEvent]:
    """The events as the reader may see them: people by their names, prices only where the reader may see them."""
    subjects = subjects_in(audit_events)
    names = await ledger.people.names(subjects) if subjects else {}
    told = []
    for event in audit_events:
        data = with_names(event.data, names)
        if not principal.may(Right.SEE_PRICES):
            data = without_prices(data)
        told.append(event.model_copy(update={"data": data}))
    return told


def _of(audit_events: Sequence[AuditEvent], only: str) -> Sequence[AuditEvent]:
    return [each for each in audit_events if each.entity_id == only] if only else audit_events


__all__ = ["ShownPart", "history", "routes"]
