"""What a record says that was known: the state of a requirement or an order, from its audit events up to a moment.

The ledger keeps the present state only; an earlier one is told from the events that had been recorded by then. Decided
here: which events tell it. Not here: their wording (`gateway.trace.phrases`).
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from canonical.audit_event import AuditEvent
from gateway.trace.phrases import Data, amount, amount_of, day, number, schedule_lines

_NEED = ("requirement.opened", "requirement.changed", "requirement.change_suppressed")
_ASKED = ("exception.raised", "exception.joined")
_ANSWERED = ("exception.decided", "exception.left", "exception.overtaken", "exception.closed")
_ENDED = {
    "requirement.fulfilled": "fulfilled",
    "requirement.withdrawn": "withdrawn",
    "order.closed": "all received",
    "order.cancelled": "cancelled",
    "change.carried_out": "carried out",
    "change.declined": "declined",
    "change.superseded": "superseded",
}
_ORDER = {"order.placed": "placed in the ERP", "order.sent": "sent to the supplier", "order.answered": "answered"}


def standing_of(audit_events: Sequence[AuditEvent], entity: str) -> list[tuple[str, str]]:
    """What was known of the entity, as labels and texts; `audit_events`: its trace, by business time.

    In the order of recording, since the last that was recorded is what was known.
    """
    recorded = sorted(audit_events, key=lambda each: each.processing_time)
    if not recorded:
        return [("State", "nothing was recorded yet")]
    facts = [("State", _state(recorded, entity))]
    if need := _last(recorded, _NEED):
        version = f" by plan version {need['plan_version']}" if need.get("plan_version") is not None else ""
        facts.append(("Needed", f"{amount(need)} by {day(need.get('required_date'))}{version}".strip()))
    facts += [("Coverage", text) for text in _coverage(recorded)]
    if orders := _orders(recorded):
        facts.append(("Orders", "; ".join(orders)))
    if not entity.startswith("change/"):
        facts.append(("Received", _received(recorded)))
    questions = _open_questions(recorded)
    facts.append(("Open questions", "; ".join(questions) or "none"))
    return facts


def _state(recorded: Sequence[AuditEvent], entity: str) -> str:
    own = [each for each in recorded if each.entity_id == entity]
    if not own:
        return "nothing was recorded yet"
    # A change's end is checked and reported after it; a requirement or an order goes on with whatever comes after it.
    ends = own if entity.startswith("change/") else own[-1:]
    if told := [_ENDED[each.kind] for each in ends if each.kind in _ENDED]:
        return told[-1]
    if _open_questions(recorded):
        return "waited for a decision"
    if entity.startswith("change/"):
        return "being judged"
    if entity.startswith("order/"):
        told = [_ORDER[each.kind] for each in own if each.kind in _ORDER]
        return told[-1] if told else "collecting lines"
    if any(each.kind == "coverage.changed" for each in own):
        return "covered by orders, as they had reported"
    return "ordered" if any(each.kind == "supply_request.sent" for each in own) else "being assessed"


def _last(recorded: Sequence[AuditEvent], kinds: Sequence[str]) -> Data | None:
    found = [each.data for each in recorded if each.kind in kinds]
    return found[-1] if found else None


def _coverage(recorded: Sequence[AuditEvent]) -> list[str]:
    by_order: dict[str, str] = {}
    for each in recorded:
        if each.kind in ("coverage.changed", "order.answered"):
            order = str(each.data.get("order_id") or each.entity_id)
            by_order[order] = schedule_lines(each.data) or "nothing"
    return list(by_order.values())


def _orders(recorded: Sequence[AuditEvent]) -> list[str]:
    names: dict[str, str] = {}
    stages: dict[str, str] = {}
    for each in recorded:
        if each.kind == "order.placed":
            names[each.entity_id] = str(each.data.get("order_number") or "")
        if each.kind in _ORDER:
            revision = each.data.get("revision")
            stages[each.entity_id] = _ORDER[each.kind] + (f", revision {revision}" if isinstance(revision, int) else "")
        elif each.kind in _ENDED and each.entity_id.startswith("order/"):
            stages[each.entity_id] = _ENDED[each.kind]
    return [f"{names.get(order) or 'no number yet'} {stage}" for order, stage in stages.items()]


def _received(recorded: Sequence[AuditEvent]) -> str:
    total, unit = Decimal(0), ""
    for each in recorded:
        if each.kind not in ("goods.received", "goods.taken_back"):
            continue
        listed: Any = each.data.get("receipts")
        for receipt in listed if isinstance(listed, list) else [each.data]:
            if isinstance(receipt, dict):
                total += amount_of(receipt) if each.kind == "goods.received" else -abs(amount_of(receipt))
                unit = str(receipt.get("unit") or unit)
    return f"{number(total)} {unit}".strip() if total else "nothing"


def _open_questions(recorded: Sequence[AuditEvent]) -> list[str]:
    waiting: dict[str, str] = {}
    for each in recorded:
        question = str(
            each.data.get("exception_id") or (each.entity_id if each.entity_id.startswith("exception/") else "")
        )
        if not question:
            continue
        if each.kind in (*_ASKED, "exception.opened", "exception.changed"):
            text = each.data.get("summary") or str(each.data.get("kind") or "").replace("_", " ")
            waiting[question] = str(text or waiting.get(question, "a question"))
        elif each.kind in _ANSWERED:
            waiting.pop(question, None)
    return list(waiting.values())


__all__ = ["standing_of"]
