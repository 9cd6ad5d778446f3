"""The texts of the time line: each audit event in a buyer's words.

Decided here: which audit events it shows, and how an order is named. Not here: the wording of a kind
(`gateway.trace.kinds`). Audit events of unknown kinds appear under the kind's name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from canonical.audit_event import AuditEvent
from gateway.trace.kinds import KINDS, Description, Lane, Tone
from gateway.trace.phrases import Data, as_date, day, join, number, schedule_lines_of


def describe(audit_events: Sequence[AuditEvent]) -> list[tuple[AuditEvent, Description]]:
    """The audit events that a history shows, by business time; those that another describes better are left out."""
    statement = {(audit_event.kind, _concerned(audit_event)) for audit_event in audit_events}
    orders = _order_names(audit_events)
    reported = [
        (audit_event, _named(_description(audit_event), audit_event, orders))
        for audit_event in audit_events
        if (_SAID_BETTER_BY.get(audit_event.kind), _concerned(audit_event)) not in statement
        and audit_event.kind not in SILENT
    ]
    reported = [
        (audit_event, replace(description, lane=Lane.REQUIREMENT) if _own_incident(audit_event) else description)
        for audit_event, description in reported
    ]
    return sorted(reported, key=lambda each: (each[0].business_time, each[0].processing_time, each[0].sequence))


def _own_incident(audit_event: AuditEvent) -> bool:
    return audit_event.kind == "incident.opened" and audit_event.entity_id.startswith("requirement/")


_OF_A_STOCK = {
    "stock.opened",
    "stock.changed",
    "stock.judged",
    "stock.short",
    "stock.short_no_more",
    "stock.undelivered",
    "stock.settled",
}
"""Kinds of a stock balance, which no history shows; a requirement has `stock.allocated` instead."""
SILENT = frozenset({"consolidation.closed", "incident.closed", *_OF_A_STOCK})
"""Kinds without interest to a reader."""
_SAID_BETTER_BY = {
    "order.opened": "order.placed",
    "exception.raised": "exception.opened",
    "exception.closed": "exception.decided",
}


def _concerned(audit_event: AuditEvent) -> str:
    """The exception that an audit event is about, whichever entity recorded it; else the entity itself."""
    return str(audit_event.data.get("exception_id") or audit_event.entity_id)


def _order_names(audit_events: Sequence[AuditEvent]) -> dict[str, str]:
    """The names of the orders where there are several; a single order needs none."""
    orders = {audit_event.entity_id for audit_event in audit_events if audit_event.entity_id.startswith("order/")}
    placed = {
        audit_event.entity_id: audit_event.data for audit_event in audit_events if audit_event.kind == "order.placed"
    }
    return {each: str(placed.get(each, {}).get("order_number") or "") for each in orders} if len(orders) > 1 else {}


def _named(description: Description, audit_event: AuditEvent, orders: Mapping[str, str]) -> Description:
    name = orders.get(audit_event.entity_id)
    if not name or name in description.title:
        return description
    return replace(description, detail=join(description.detail, f"order {name}"))


def _description(audit_event: AuditEvent) -> Description:
    describe = KINDS.get(audit_event.kind)
    if describe is not None:
        return describe(audit_event.data)
    words = audit_event.kind.replace(".", " ").replace("_", " ").capitalize()
    scalars = [
        f"{key.replace('_', ' ')} {value}" for key, value in audit_event.data.items() if isinstance(value, str | int)
    ]
    by_entity = {"order": Lane.ORDER, "exception": Lane.EXCEPTION, "change": Lane.CHANGE}
    return Description(
        by_entity.get(audit_event.entity_id.partition("/")[0], Lane.REQUIREMENT), words, join(*scalars[:3])
    )


__all__ = ["SILENT", "Data", "Description", "Lane", "Tone", "as_date", "day", "describe", "number", "schedule_lines_of"]
