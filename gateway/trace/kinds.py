"""The kinds of facts that the trace picture knows: each as a buyer would tell it, in its lane.

What is decided here: the words. Not here: which of them are left out and in which order they stand (`trace_words`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from gateway.trace.phrases import USUAL, Data, amount, amount_of, day, join, number, rule_of, said, slices, slices_of


class Lane(StrEnum):
    """Who does it."""

    PLAN = "Plan"
    REQUIREMENT = "Requirement"
    EXCEPTION = "Exception"
    ORDER = "Order in ERP"
    SUPPLIER = "Supplier"
    WAREHOUSE = "Warehouse"


class Tone(StrEnum):
    """How it is meant."""

    PLAIN = "plain"
    GOOD = "good"
    CARE = "care"
    BAD = "bad"
    QUIET = "quiet"


@dataclass(frozen=True)
class Telling:
    """A fact in words."""

    lane: Lane
    title: str
    detail: str = ""
    tone: Tone = Tone.PLAIN


Teller = Callable[[Data], Telling]


def _need(title: str, tone: Tone) -> Teller:
    def telling(data: Data) -> Telling:
        version = said(data, "plan_version", " v{}") or ""
        when = said(data, "required_date", "by {}", day)
        wanted = " ".join(filter(None, [amount(data), when]))
        why = join(said(data, "why", "{}"), rule_of(data), said(data, "policy_version", "policy {}"))
        return Telling(Lane.PLAN, title.format(version), join(wanted, why), tone)

    return telling


def _assessed(data: Data) -> Telling:
    return Telling(
        Lane.REQUIREMENT,
        f"Source: {data.get('supplier') or 'none found'}",
        join(said(data, "lead_time_days", "lead time {} days")),
        Tone.PLAIN if data.get("supplier") else Tone.BAD,
    )


def _wanted(data: Data) -> Telling:
    if number(data.get("quantity", 0)) == "0":
        return Telling(Lane.REQUIREMENT, "Asks for nothing any more", rule_of(data) or "", Tone.QUIET)
    return Telling(
        Lane.REQUIREMENT,
        f"Asks for {amount(data)}",
        join(
            said(data, "supplier", "from {}"),
            said(data, "dock_date", "at the dock {}", day),
            "expedite" if data.get("expedite") else None,
            rule_of(data),
        ),
        Tone.CARE if data.get("expedite") else Tone.PLAIN,
    )


def _chosen(data: Data) -> Telling:
    outcome = data.get("outcome")
    chosen: Data = outcome if isinstance(outcome, Mapping) else {}
    route = chosen.get("route")
    return Telling(
        Lane.REQUIREMENT,
        f"Decides: {chosen.get('supplier') or 'nothing to order'}",
        join(
            None if route in (None, "direct") else str(route),
            said(data, "why", "{}"),
            said(data, "policy_version", "policy {}"),
        ),
    )


def _stated(data: Data) -> Telling:
    refused = said(data, "refused", "not granted: {}")
    return Telling(
        Lane.REQUIREMENT, "Cover now", join(slices(data), refused) or "nothing", Tone.CARE if refused else Tone.PLAIN
    )


def _short(data: Data) -> Telling:
    return Telling(
        Lane.REQUIREMENT,
        f"Short: {amount(data, 'short_quantity')}".rstrip(": "),
        join(
            said(data, "available_on", "available {}", day),
            said(data, "working_days_late", "{} working days late"),
            rule_of(data),
        ),
        Tone.BAD,
    )


def _exception(title: str, tone: Tone) -> Teller:
    def telling(data: Data) -> Telling:
        kind = str(data.get("kind") or "").replace("_", " ")
        return Telling(Lane.EXCEPTION, f"{title}: {kind}".rstrip(": "), str(data.get("summary") or ""), tone)

    return telling


def _decided(data: Data) -> Telling:
    return Telling(
        Lane.EXCEPTION,
        f"Decided: {data.get('choice') or 'overtaken'}",
        join(
            said(data, "supplier", "with {}"),
            said(data, "decided_by", "by {}"),
            said(data, "comment", "“{}”"),
        ),
        Tone.GOOD,
    )


def _placed(data: Data) -> Telling:
    order = said(data, "order_number", "Order {}") or "Order placed"
    return Telling(Lane.ORDER, order, join(said(data, "requisition_number", "from requisition {}")))


def _answered(data: Data) -> Telling:
    outcomes = {str(part.get("outcome") or part.get("state")) for part in slices_of(data)}
    bad, care = outcomes & {"rejected", "deleted"}, outcomes - USUAL
    return Telling(
        Lane.SUPPLIER,
        f"Answer{said(data, 'answer_number', ' {}') or ''}",
        join(said(data, "revision", "to revision {}"), slices(data)),
        Tone.BAD if bad else Tone.CARE if care else Tone.GOOD,
    )


def _received(data: Data) -> Telling:
    given = data.get("receipts")
    receipts = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else [data]
    total = sum((amount_of(each) for each in receipts), Decimal(0))
    unit = next((str(each["unit"]) for each in receipts if each.get("unit")), "")
    papers = ", ".join(dict.fromkeys(str(each["receipt_number"]) for each in receipts if each.get("receipt_number")))
    title = f"Received {number(total)} {unit}".strip() if total else "Goods received"
    return Telling(Lane.WAREHOUSE, title, f"receipt {papers}" if papers else "", Tone.GOOD)


def _judged(data: Data) -> Telling:
    lines = data.get("lines")
    judged = [each for each in lines if isinstance(each, Mapping)] if isinstance(lines, list) else []
    if all(each.get("accepted") is True for each in judged):
        return Telling(Lane.ORDER, "Answer within tolerance", rule_of(data) or "", Tone.QUIET)
    why = [said(each, "reason", "{}") for each in judged if each.get("accepted") is not True]
    asked = "a person is asked" if any(each.get("asked") is True for each in judged) else None
    return Telling(Lane.ORDER, "Answer outside tolerance", join(*why, asked, rule_of(data)), Tone.CARE)


def _edit(title: str, tone: Tone) -> Teller:
    def telling(data: Data) -> Telling:
        changed = join(said(data, "field", "{}"), said(data, "old", "from {}"), said(data, "new", "to {}"))
        people = (said(data, "edited_by", "by {}"), said(data, "decided_by", "decided by {}"))
        return Telling(Lane.ORDER, title, join(changed, *people, said(data, "why", "{}")), tone)

    return telling


def _plain(lane: Lane, title: str, tone: Tone = Tone.PLAIN, *fields: tuple[str, str]) -> Teller:
    def telling(data: Data) -> Telling:
        return Telling(lane, title, join(*(said(data, field, words) for field, words in fields)), tone)

    return telling


def _changed(data: Data) -> Telling:
    title = f"Change order{said(data, 'revision', ', revision {}') or ''}"
    return Telling(Lane.ORDER, title, join(slices(data)), Tone.CARE)


KINDS: dict[str, Teller] = {
    "need.stated": _need("Plan{} needs it", Tone.PLAIN),
    "need.changed": _need("Plan{} changes the need", Tone.CARE),
    "need.damped": _need("Plan{}: too small to act on", Tone.QUIET),
    "need.stale": _need("Old plan{}, ignored", Tone.QUIET),
    "need.overtaken": _need("Plan{} overtaken by a newer one", Tone.QUIET),
    "need.withdrawn": _need("Plan{} no longer needs it", Tone.CARE),
    "bom.changed": _plain(
        Lane.PLAN, "Engineering change", Tone.CARE, ("quantity", "still needs {}"), ("decided_by", "by {}")
    ),
    "stock.allotted": _plain(
        Lane.PLAN,
        "Met from free stock",
        Tone.GOOD,
        ("quantity", "{}"),
        ("unit", "{}"),
        ("before", "before {}"),
        ("reason", "{}"),
    ),
    "stock.overtaken": _plain(Lane.PLAN, "Free stock, netted by a later plan", Tone.QUIET, ("quantity", "{}")),
    "stock.without_effect": _plain(Lane.PLAN, "Free stock, netted by the plan already", Tone.QUIET, ("quantity", "{}")),
    "stock.stale": _plain(Lane.PLAN, "Old word of free stock, ignored", Tone.QUIET, ("quantity", "{}")),
    "bom.overtaken": _plain(Lane.PLAN, "Engineering change, overtaken by the plan", Tone.QUIET, ("change_id", "{}")),
    "sourcing.assessed": _assessed,
    "cover.decided": _chosen,
    "cover.refused": _plain(
        Lane.REQUIREMENT, "Can't be ordered", Tone.BAD, ("why", "{}"), ("policy_version", "policy {}")
    ),
    "cover.wanted": _wanted,
    "cover.stated": _stated,
    "shortage.found": _short,
    "exception.raised": _exception("Raised", Tone.BAD),
    "exception.opened": _exception("Opened", Tone.BAD),
    "exception.escalated": _plain(Lane.EXCEPTION, "Escalated", Tone.CARE, ("to", "to {}")),
    "exception.decided": _decided,
    "exception.closed": _decided,
    "requirement.fulfilled": _plain(Lane.REQUIREMENT, "Need met", Tone.GOOD, ("reason", "{}")),
    "requirement.withdrawn": _plain(Lane.REQUIREMENT, "Ended: withdrawn", Tone.QUIET, ("reason", "{}")),
    "order.opened": _plain(Lane.ORDER, "Order opened", Tone.PLAIN, ("supplier", "with {}")),
    "order.placed": _placed,
    "order.sent": _plain(Lane.ORDER, "Sent to supplier", Tone.PLAIN, ("revision", "revision {}")),
    "order.changed": _changed,
    "order.closed": _plain(Lane.ORDER, "Order closed", Tone.QUIET, ("reason", "{}")),
    "order.answered": _answered,
    "answer.stale": _plain(
        Lane.SUPPLIER,
        "Old answer, ignored",
        Tone.QUIET,
        ("answer_number", "{}"),
        ("revision", "to revision {}"),
    ),
    "answer.outside_tolerance": _plain(
        Lane.ORDER, "Answer outside tolerance", Tone.CARE, ("field", "{}"), ("rule", "rule {}")
    ),
    "coverage.written": _plain(Lane.ORDER, "ERP and APS told", Tone.QUIET),
    "reminder.sent": _plain(Lane.ORDER, "Supplier reminded", Tone.CARE, ("reminder", "reminder {}")),
    "shipment.announced": _plain(Lane.SUPPLIER, "Shipped", Tone.GOOD, ("despatch_number", "despatch {}")),
    "shipment.repeated": _plain(Lane.SUPPLIER, "Despatch repeated", Tone.QUIET, ("despatch_number", "{}")),
    "goods.received": _received,
    "receipt.repeated": _plain(Lane.WAREHOUSE, "Receipt repeated", Tone.QUIET, ("receipt_number", "{}")),
    "receipt.unclear": _plain(Lane.WAREHOUSE, "Receipt unclear", Tone.BAD, ("receipt_number", "{}"), ("why", "{}")),
    "answer.repeat": _plain(Lane.SUPPLIER, "Answer repeated", Tone.QUIET, ("answer_number", "{}")),
    "answer.unknown_revision": _plain(
        Lane.SUPPLIER, "Answer to no revision we sent", Tone.CARE, ("answer_number", "{}"), ("revision", "revision {}")
    ),
    "exception.changed": _plain(Lane.EXCEPTION, "Picture changed", Tone.CARE, ("summary", "{}")),
    "exception.overtaken": _plain(Lane.EXCEPTION, "Gone by itself", Tone.GOOD, ("why", "{}")),
    "decision.overtaken": _plain(Lane.EXCEPTION, "Decision came too late", Tone.QUIET, ("choice", "{}")),
    "decision.without_effect": _plain(
        Lane.EXCEPTION, "Decision without effect", Tone.CARE, ("choice", "{}"), ("why", "{}")
    ),
    "want.changed": _plain(
        Lane.ORDER,
        "Asked to change",
        Tone.PLAIN,
        ("quantity", "to {}"),
        ("dock_date", "dock {}"),
        ("decided_by", "by {}"),
    ),
    "want.stale": _plain(Lane.ORDER, "Old wish, ignored", Tone.QUIET),
    "change.floored": _plain(Lane.ORDER, "Change limited", Tone.CARE, ("why", "{}"), ("rule", "rule {}")),
    "share.changed": _plain(
        Lane.ORDER, "Shared line changed", Tone.PLAIN, ("quantity", "now {}"), ("why", "{}"), ("rule", "rule {}")
    ),
    "lines.given_up": _plain(Lane.ORDER, "Lines given up", Tone.BAD, ("why", "{}"), ("decided_by", "by {}")),
    "order.refused": _plain(Lane.ORDER, "ERP refused the order", Tone.BAD, ("reason", "{}"), ("code", "{}")),
    "order.cancelled": _plain(Lane.ORDER, "Order cancelled", Tone.CARE),
    "write.refused": _plain(Lane.ORDER, "Write refused", Tone.BAD, ("system", "by {}"), ("reason", "{}")),
    "coverage.refused": _plain(Lane.ORDER, "APS refused the cover", Tone.CARE, ("reason", "{}")),
    "incident.opened": _plain(Lane.ORDER, "Technical incident", Tone.CARE, ("call", "{}"), ("error", "{}")),
    "transfer.answered": lambda data: Telling(
        Lane.REQUIREMENT,
        "Answers the transfer",
        join(said(data, "revision", "revision {}"), slices(data)),
        Tone.GOOD,
    ),
    "cover.unknown": _plain(Lane.REQUIREMENT, "Cover of an order it never asked", Tone.QUIET, ("order_id", "{}")),
    "decision.void": _plain(Lane.EXCEPTION, "Decision void: the picture changed", Tone.CARE, ("choice", "{}")),
    "exception.reminded": _plain(Lane.EXCEPTION, "Reminded", Tone.CARE, ("to", "{}"), ("reason", "{}")),
    "answer.judged": _judged,
    "answer.awaited": _plain(Lane.ORDER, "Still no answer", Tone.CARE, ("to", "{}"), ("reason", "{}")),
    "change.judged": _plain(
        Lane.ORDER, "Change judged", Tone.PLAIN, ("reason", "{}"), ("approval", "{}"), ("decided_by", "by {}")
    ),
    "policy.changed": _plain(
        Lane.ORDER, "Policy changed", Tone.QUIET, ("before", "from version {}"), ("version", "to {}")
    ),
    "requisition.cancelled": _plain(Lane.ORDER, "Requisition cancelled", Tone.CARE),
    "document.edited": _edit("Edited in the ERP", Tone.CARE),
    "edit.adopted": _edit("Edit adopted", Tone.GOOD),
    "edit.undone": _edit("Edit undone", Tone.CARE),
    "edit.repeated": _edit("Edit told again", Tone.QUIET),
    "edit.stale": _edit("Old edit, ignored", Tone.QUIET),
    "edit.unclear": _edit("Edit unclear", Tone.BAD),
    "needs.stated": _plain(Lane.ORDER, "States what it needs itself", Tone.PLAIN, ("revision", "revision {}")),
    "cover.stale": _plain(Lane.REQUIREMENT, "Old cover, ignored", Tone.QUIET),
}
