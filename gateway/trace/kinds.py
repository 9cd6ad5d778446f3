"""The kinds of audit events in the time line: each in a buyer's words, with who did it.

Decided here: the wording. Not here: which events are left out, and their order (`gateway.trace.words`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from gateway.trace.phrases import (
    USUAL,
    Data,
    amount,
    amount_of,
    day,
    join,
    number,
    rule_of,
    schedule_lines,
    schedule_lines_of,
    statement,
)


class Lane(StrEnum):
    """Who does it."""

    PLAN = "Plan"
    CHANGE = "Engineering change"
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
class Description:
    """An audit event in words."""

    lane: Lane
    title: str
    detail: str = ""
    tone: Tone = Tone.PLAIN


Describe = Callable[[Data], Description]


def _need(title: str, tone: Tone) -> Describe:
    def description(data: Data) -> Description:
        version = statement(data, "plan_version", " v{}") or ""
        when = statement(data, "required_date", "by {}", day)
        requested = " ".join(filter(None, [amount(data), when]))
        why = join(statement(data, "why", "{}"), rule_of(data), statement(data, "policy_version", "policy {}"))
        return Description(Lane.PLAN, title.format(version), join(requested, why), tone)

    return description


def _assessed(data: Data) -> Description:
    return Description(
        Lane.REQUIREMENT,
        f"Source: {data.get('supplier') or 'none found'}",
        join(statement(data, "lead_time_days", "lead time {} days")),
        Tone.PLAIN if data.get("supplier") else Tone.BAD,
    )


def _requested(data: Data) -> Description:
    if number(data.get("quantity", 0)) == "0":
        return Description(Lane.REQUIREMENT, "Asks for nothing any more", rule_of(data) or "", Tone.QUIET)
    return Description(
        Lane.REQUIREMENT,
        f"Asks for {amount(data)}",
        join(
            statement(data, "supplier", "from {}"),
            statement(data, "dock_date", "at the dock {}", day),
            "expedite" if data.get("expedite") else None,
            rule_of(data),
        ),
        Tone.CARE if data.get("expedite") else Tone.PLAIN,
    )


def _chosen(data: Data) -> Description:
    outcome = data.get("outcome")
    chosen: Data = outcome if isinstance(outcome, Mapping) else {}
    route = chosen.get("route")
    return Description(
        Lane.REQUIREMENT,
        f"Decides: {chosen.get('supplier') or 'nothing to order'}",
        join(
            None if route in (None, "direct") else str(route),
            statement(data, "why", "{}"),
            statement(data, "policy_version", "policy {}"),
        ),
    )


def _stated(data: Data) -> Description:
    refused = statement(data, "refused", "not granted: {}")
    return Description(
        Lane.REQUIREMENT,
        "Coverage now",
        join(schedule_lines(data), refused) or "nothing",
        Tone.CARE if refused else Tone.PLAIN,
    )


def _short(data: Data) -> Description:
    return Description(
        Lane.REQUIREMENT,
        f"Short: {amount(data, 'short_quantity')}".rstrip(": "),
        join(
            statement(data, "available_on", "available {}", day),
            statement(data, "working_days_late", "{} working days late"),
            rule_of(data),
        ),
        Tone.BAD,
    )


def _exception(title: str, tone: Tone) -> Describe:
    def description(data: Data) -> Description:
        kind = str(data.get("kind") or "").replace("_", " ")
        return Description(Lane.EXCEPTION, f"{title}: {kind}".rstrip(": "), str(data.get("summary") or ""), tone)

    return description


def _decided(data: Data) -> Description:
    return Description(
        Lane.EXCEPTION,
        f"Decided: {data.get('choice') or 'overtaken'}",
        join(
            statement(data, "supplier", "with {}"),
            statement(data, "decided_by", "by {}"),
            statement(data, "comment", "“{}”"),
        ),
        Tone.GOOD,
    )


def _placed(data: Data) -> Description:
    order = statement(data, "order_number", "Order {}") or "Order placed"
    return Description(Lane.ORDER, order, join(statement(data, "requisition_number", "from requisition {}")))


def _answered(data: Data) -> Description:
    outcomes = {str(part.get("outcome") or part.get("state")) for part in schedule_lines_of(data)}
    bad, care = outcomes & {"rejected", "deleted"}, outcomes - USUAL
    return Description(
        Lane.SUPPLIER,
        f"Answer{statement(data, 'answer_number', ' {}') or ''}",
        join(statement(data, "revision", "to revision {}"), schedule_lines(data)),
        Tone.BAD if bad else Tone.CARE if care else Tone.GOOD,
    )


def _acknowledged(data: Data) -> Description:
    rejected = data.get("outcome") == "rejected"
    document = statement(data, "document", "the {}")
    remarks = data.get("remarks")
    said = "; ".join(str(each) for each in remarks) if isinstance(remarks, list) else None
    return Description(
        Lane.SUPPLIER,
        "Document rejected by the supplier's system" if rejected else "Document acknowledged",
        join(document, statement(data, "revision", "revision {}"), said or None),
        Tone.BAD if rejected else Tone.QUIET,
    )


def _received(data: Data) -> Description:
    given = data.get("receipts")
    receipts = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else [data]
    total = sum((amount_of(each) for each in receipts), Decimal(0))
    unit = next((str(each["unit"]) for each in receipts if each.get("unit")), "")
    papers = ", ".join(dict.fromkeys(str(each["receipt_number"]) for each in receipts if each.get("receipt_number")))
    title = f"Received {number(total)} {unit}".strip() if total else "Goods received"
    return Description(Lane.WAREHOUSE, title, f"receipt {papers}" if papers else "", Tone.GOOD)


def _judged(data: Data) -> Description:
    lines = data.get("lines")
    judged = [each for each in lines if isinstance(each, Mapping)] if isinstance(lines, list) else []
    if all(each.get("accepted") is True for each in judged):
        return Description(Lane.ORDER, "Answer within tolerance", rule_of(data) or "", Tone.QUIET)
    why = [statement(each, "reason", "{}") for each in judged if each.get("accepted") is not True]
    asked = "a person is asked" if any(each.get("asked") is True for each in judged) else None
    return Description(Lane.ORDER, "Answer outside tolerance", join(*why, asked, rule_of(data)), Tone.CARE)


def _edit(title: str, tone: Tone) -> Describe:
    def description(data: Data) -> Description:
        changed = join(
            statement(data, "field", "{}"), statement(data, "old", "from {}"), statement(data, "new", "to {}")
        )
        people = (statement(data, "edited_by", "by {}"), statement(data, "decided_by", "decided by {}"))
        return Description(Lane.ORDER, title, join(changed, *people, statement(data, "why", "{}")), tone)

    return description


def _plain(lane: Lane, title: str, tone: Tone = Tone.PLAIN, *fields: tuple[str, str]) -> Describe:
    def description(data: Data) -> Description:
        return Description(lane, title, join(*(statement(data, field, words) for field, words in fields)), tone)

    return description


def _changed(data: Data) -> Description:
    title = f"Change order{statement(data, 'revision', ', revision {}') or ''}"
    return Description(Lane.ORDER, title, join(schedule_lines(data)), Tone.CARE)


def _revision(title: str, tone: Tone) -> Describe:
    def description(data: Data) -> Description:
        lines = data.get("lines")
        named = [each for each in lines if isinstance(each, Mapping)] if isinstance(lines, list) else []
        changes = [f"{each.get('component')} {each.get('change')}" for each in named]
        return Description(
            Lane.CHANGE,
            title,
            join(statement(data, "effective_from", "from {}", day), ", ".join(changes) or None),
            tone,
        )

    return description


def _checked(data: Data) -> Description:
    if data.get("complete") is True:
        return Description(Lane.CHANGE, "Checked: every quantity has a fate", rule_of(data) or "", Tone.QUIET)
    left = data.get("unaccounted")
    said = "; ".join(str(each) for each in left) if isinstance(left, list) else None
    return Description(Lane.CHANGE, "Checked: quantities without a fate", join(said, rule_of(data)), Tone.BAD)


KINDS: dict[str, Describe] = {
    "requirement.opened": _need("Plan{} needs it", Tone.PLAIN),
    "requirement.changed": _need("Plan{} changes the need", Tone.CARE),
    "requirement.change_suppressed": _need("Plan{}: too small to act on", Tone.QUIET),
    "requirement.stale": _need("Old plan{}, ignored", Tone.QUIET),
    "requirement.overtaken": _need("Plan{} overtaken by a newer one", Tone.QUIET),
    "withdrawal.received": _need("Plan{} no longer needs it", Tone.CARE),
    "bom.changed": _plain(
        Lane.PLAN, "Engineering change", Tone.CARE, ("quantity", "still needs {}"), ("decided_by", "by {}")
    ),
    "stock.allocated": _plain(
        Lane.PLAN,
        "Met from available stock",
        Tone.GOOD,
        ("quantity", "{}"),
        ("unit", "{}"),
        ("before", "before {}"),
        ("reason", "{}"),
    ),
    "stock.overtaken": _plain(Lane.PLAN, "Available stock, netted by a later plan", Tone.QUIET, ("quantity", "{}")),
    "stock.without_effect": _plain(
        Lane.PLAN, "Available stock, netted by the plan already", Tone.QUIET, ("quantity", "{}")
    ),
    "stock.stale": _plain(Lane.PLAN, "Old word of available stock, ignored", Tone.QUIET, ("quantity", "{}")),
    "bom.overtaken": _plain(Lane.PLAN, "Engineering change, overtaken by the plan", Tone.QUIET, ("change_id", "{}")),
    "sourcing.assessed": _assessed,
    "sourcing.decided": _chosen,
    "sourcing.refused": _plain(
        Lane.REQUIREMENT, "Can't be ordered", Tone.BAD, ("why", "{}"), ("policy_version", "policy {}")
    ),
    "supply_request.sent": _requested,
    "coverage.changed": _stated,
    "shortage.found": _short,
    "exception.raised": _exception("Raised", Tone.BAD),
    "exception.opened": _exception("Opened", Tone.BAD),
    "exception.escalated": _plain(Lane.EXCEPTION, "Escalated", Tone.CARE, ("to", "to {}")),
    "exception.decided": _decided,
    "exception.closed": _decided,
    "requirement.fulfilled": _plain(Lane.REQUIREMENT, "Requirement met", Tone.GOOD, ("reason", "{}")),
    "requirement.withdrawn": _plain(Lane.REQUIREMENT, "Ended: withdrawn", Tone.QUIET, ("reason", "{}")),
    "order.opened": _plain(Lane.ORDER, "Order opened", Tone.PLAIN, ("supplier", "with {}")),
    "order.placed": _placed,
    "order.sent": _plain(Lane.ORDER, "Sent to supplier", Tone.PLAIN, ("revision", "revision {}")),
    "order.changed": _changed,
    "order.moved": _plain(Lane.ORDER, "Goes to the plant's new ERP", Tone.PLAIN, ("erp", "{}")),
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
    "answer.refused": _plain(
        Lane.SUPPLIER, "Answer of another party, not taken", Tone.BAD, ("answer_number", "{}"), ("why", "{}")
    ),
    "document.acknowledged": _acknowledged,
    "acknowledgement.refused": _plain(
        Lane.SUPPLIER,
        "Acknowledgement of another party, not taken",
        Tone.CARE,
        ("acknowledgement_number", "{}"),
        ("why", "{}"),
    ),
    "coverage.written": _plain(Lane.ORDER, "ERP and APS told", Tone.QUIET),
    "reminder.asked": _plain(
        Lane.ORDER, "Reminder asked for", Tone.PLAIN, ("asked_by", "by {}"), ("about", "of the {}")
    ),
    "reminder.needless": _plain(
        Lane.ORDER, "Reminder no longer needed", Tone.QUIET, ("asked_by", "asked by {}"), ("why", "{}")
    ),
    "reminder.sent": _plain(Lane.ORDER, "Supplier reminded", Tone.CARE, ("reminder", "reminder {}")),
    "reminder.refused": _plain(Lane.ORDER, "Reminder not possible", Tone.CARE, ("reason", "{}")),
    "promise.risky": _plain(Lane.ORDER, "Likely to be late", Tone.CARE, ("promised", "promised for {}")),
    "promise.safe": _plain(Lane.ORDER, "No longer likely to be late", Tone.QUIET, ("why", "{}")),
    "delivery.overdue": _plain(Lane.ORDER, "Not delivered by its date", Tone.BAD, ("promised", "promised for {}")),
    "delivery.reminded": _plain(Lane.ORDER, "Supplier reminded of delivery", Tone.CARE, ("reminder", "reminder {}")),
    "shipment.announced": _plain(Lane.SUPPLIER, "Shipped", Tone.GOOD, ("despatch_number", "despatch {}")),
    "shipment.refused": _plain(
        Lane.SUPPLIER, "Despatch of another party, not taken", Tone.BAD, ("despatch_number", "{}"), ("why", "{}")
    ),
    "shipment.unclear": _plain(Lane.SUPPLIER, "Despatch unclear", Tone.BAD, ("despatch_number", "{}"), ("why", "{}")),
    "shipment.cancelled": _plain(Lane.SUPPLIER, "Despatch cancelled", Tone.CARE, ("takes_back", "{}")),
    "goods.taken_back": _plain(
        Lane.WAREHOUSE,
        "Receipt taken back",
        Tone.CARE,
        ("quantity", "{}"),
        ("takes_back", "of receipt {}"),
        ("received", "received now {}"),
    ),
    "delivery.completed": _plain(
        Lane.WAREHOUSE, "Delivery completed", Tone.CARE, ("missing", "without {}"), ("why", "{}")
    ),
    "delivery.reopened": _plain(Lane.WAREHOUSE, "Delivery no longer completed", Tone.CARE, ("edited_by", "by {}")),
    "message.set_aside": _plain(Lane.ORDER, "Message set aside", Tone.BAD, ("type", "{}"), ("reason", "{}")),
    "announcement.settled": _plain(Lane.SUPPLIER, "Announced quantity settled", Tone.QUIET, ("decided_by", "by {}")),
    "shipment.repeated": _plain(Lane.SUPPLIER, "Despatch repeated", Tone.QUIET, ("despatch_number", "{}")),
    "goods.received": _received,
    "receipt.repeated": _plain(Lane.WAREHOUSE, "Receipt repeated", Tone.QUIET, ("receipt_number", "{}")),
    "receipt.unclear": _plain(Lane.WAREHOUSE, "Receipt unclear", Tone.BAD, ("receipt_number", "{}"), ("why", "{}")),
    "answer.repeat": _plain(Lane.SUPPLIER, "Answer repeated", Tone.QUIET, ("answer_number", "{}")),
    "answer.unknown_revision": _plain(
        Lane.SUPPLIER, "Answer to no revision we sent", Tone.CARE, ("answer_number", "{}"), ("revision", "revision {}")
    ),
    "exception.changed": _plain(Lane.EXCEPTION, "Picture changed", Tone.CARE, ("summary", "{}")),
    "exception.joined": _plain(Lane.EXCEPTION, "Waits for a question already asked", Tone.BAD, ("summary", "{}")),
    "exception.assigned": _plain(
        Lane.EXCEPTION, "Handed on", Tone.CARE, ("to", "to {}"), ("assigned_by", "by {}"), ("comment", "“{}”")
    ),
    "exception.reopened": _plain(
        Lane.EXCEPTION, "Decision taken back", Tone.CARE, ("choice", "{}"), ("taken_back_by", "by {}")
    ),
    "exception.left": _plain(Lane.EXCEPTION, "Needs no answer any more", Tone.QUIET, ("why", "{}")),
    "exception.overtaken": _plain(Lane.EXCEPTION, "Gone by itself", Tone.GOOD, ("why", "{}")),
    "decision.overtaken": _plain(Lane.EXCEPTION, "Decision came too late", Tone.QUIET, ("choice", "{}")),
    "decision.without_effect": _plain(
        Lane.EXCEPTION, "Decision without effect", Tone.CARE, ("choice", "{}"), ("why", "{}")
    ),
    "supply_request.changed": _plain(
        Lane.ORDER,
        "Asked to change",
        Tone.PLAIN,
        ("quantity", "to {}"),
        ("dock_date", "dock {}"),
        ("decided_by", "by {}"),
    ),
    "supply_request.stale": _plain(Lane.ORDER, "Old wish, ignored", Tone.QUIET),
    "change.floored": _plain(Lane.ORDER, "Change limited", Tone.CARE, ("why", "{}"), ("rule", "rule {}")),
    "share.changed": _plain(
        Lane.ORDER, "Shared line changed", Tone.PLAIN, ("quantity", "now {}"), ("why", "{}"), ("rule", "rule {}")
    ),
    "lines.given_up": _plain(Lane.ORDER, "Lines given up", Tone.BAD, ("why", "{}"), ("decided_by", "by {}")),
    "order.refused": _plain(Lane.ORDER, "ERP refused the order", Tone.BAD, ("reason", "{}"), ("code", "{}")),
    "order.observed": _plain(
        Lane.ORDER,
        "Only observed: nothing was written",
        Tone.QUIET,
        ("would_have", "would have {}"),
        ("system", "in {}"),
    ),
    "approval.awaited": _plain(Lane.ORDER, "Waits for approval", Tone.CARE, ("system", "in {}"), ("document", "{}")),
    "approval.given": _plain(Lane.ORDER, "Approved", Tone.GOOD, ("system", "in {}"), ("document", "{}")),
    "approval.refused": _plain(Lane.ORDER, "Not approved", Tone.BAD, ("system", "in {}"), ("reason", "{}")),
    "approval.withdrawn": _plain(
        Lane.ORDER, "Taken back before its approval", Tone.CARE, ("system", "from {}"), ("document", "{}")
    ),
    "approval.kept": _plain(Lane.ORDER, "Could not be taken back", Tone.CARE, ("document", "{}"), ("reason", "{}")),
    "approval.overdue": _plain(Lane.ORDER, "Approval takes long", Tone.CARE, ("system", "in {}"), ("document", "{}")),
    "approval.waits": _plain(Lane.ORDER, "Approval is waited for on", Tone.QUIET, ("decided_by", "{}")),
    "change.kept": _plain(Lane.ORDER, "Order left as it was", Tone.CARE, ("why", "{}")),
    "order.cancelled": _plain(Lane.ORDER, "Order cancelled", Tone.CARE),
    "write.refused": _plain(Lane.ORDER, "Write refused", Tone.BAD, ("system", "by {}"), ("reason", "{}")),
    "coverage.refused": _plain(Lane.ORDER, "APS refused the coverage", Tone.CARE, ("reason", "{}")),
    "incident.opened": _plain(Lane.ORDER, "Technical incident", Tone.CARE, ("call", "{}"), ("error", "{}")),
    "transfer.answered": lambda data: Description(
        Lane.REQUIREMENT,
        "Answers the transfer",
        join(statement(data, "revision", "revision {}"), schedule_lines(data)),
        Tone.GOOD,
    ),
    "coverage.unknown": _plain(Lane.REQUIREMENT, "Coverage of an order it never asked", Tone.QUIET, ("order_id", "{}")),
    "reschedule.proposed": _plain(
        Lane.EXCEPTION,
        "Planner asked to move the demand",
        Tone.CARE,
        ("available_on", "to {}"),
        ("decided_by", "proposed by {}"),
    ),
    "reschedule.settled": lambda data: Description(
        Lane.EXCEPTION,
        "Planner moves the demand" if data.get("approved") is True else "Planner keeps the date",
        join(statement(data, "decided_by", "by {}")),
        Tone.GOOD if data.get("approved") is True else Tone.CARE,
    ),
    "substitution.proposed": _plain(
        Lane.EXCEPTION,
        "Planner asked for a substitute item",
        Tone.CARE,
        ("item", "{}"),
        ("quantity", "{}"),
        ("replaces", "instead of {}"),
        ("decided_by", "proposed by {}"),
    ),
    "substitution.settled": lambda data: Description(
        Lane.EXCEPTION,
        "Planner uses the substitute item" if data.get("approved") is True else "Planner keeps the item",
        join(statement(data, "item", "{}"), statement(data, "decided_by", "by {}")),
        Tone.GOOD if data.get("approved") is True else Tone.CARE,
    ),
    "substitution.ended": _plain(
        Lane.REQUIREMENT, "Waits for the substitute item no longer", Tone.CARE, ("item", "{}"), ("why", "{}")
    ),
    "substitution.reported": lambda data: Description(
        Lane.ORDER,
        "Substitute item reported to planning" if data.get("item") else "Planning told that the item stays",
        join(statement(data, "item", "{}"), statement(data, "quantity", "{}")),
        Tone.PLAIN,
    ),
    "substitution.stale": _plain(Lane.ORDER, "Older report of a substitute item ignored", Tone.QUIET),
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
    "needs.published": _plain(Lane.ORDER, "States what it needs itself", Tone.PLAIN, ("revision", "revision {}")),
    "coverage.stale": _plain(Lane.REQUIREMENT, "Old cover, ignored", Tone.QUIET),
    "change.opened": _revision("Revision stated", Tone.PLAIN),
    "change.revised": _revision("Revision stated again, otherwise", Tone.CARE),
    "change.stale": _plain(Lane.CHANGE, "Old statement of the revision, ignored", Tone.QUIET),
    "change.proposal_changed": _plain(Lane.CHANGE, "Proposal changed", Tone.CARE),
    "change.reported": _plain(Lane.CHANGE, "Requirements told what they keep", Tone.PLAIN, ("decided_by", "by {}")),
    "change.needs_published": _plain(Lane.CHANGE, "New components' needs stated", Tone.PLAIN),
    "change.carried_out": _plain(Lane.CHANGE, "Carried out", Tone.GOOD, ("decided_by", "by {}")),
    "change.declined": _plain(Lane.CHANGE, "Declined", Tone.QUIET, ("decided_by", "by {}")),
    "change.superseded": _plain(Lane.CHANGE, "Superseded by a later revision", Tone.QUIET, ("by", "{}")),
    "supersession.overtaken": _plain(Lane.CHANGE, "Superseded too late, without effect", Tone.QUIET, ("by", "{}")),
    "change.checked": _checked,
}
