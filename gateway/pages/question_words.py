"""A question in a buyer's words: its kind, its ways out, what each moves and leads to, who has said what.

Decided here: the wording. Not here: which ways there are (decisions) and how a page shows
them.
"""

from collections.abc import Mapping
from decimal import Decimal

from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.order import AnswerOutcome
from canonical.reason import figure
from gateway.pages.shell import begun, money

KINDS: Mapping[ExceptionKind, str] = {
    ExceptionKind.SHORTAGE: "Shortage",
    ExceptionKind.CHANGE_PROPOSAL: "Change to approve",
    ExceptionKind.MASTER_DATA: "Master data to fix",
    ExceptionKind.NO_ANSWER: "Supplier's answer missing or unclear",
    ExceptionKind.EARLY_WARNING: "Likely to be late",
    ExceptionKind.OVERDUE: "Overdue delivery",
    ExceptionKind.AMBIGUOUS_MATCH: "Plan lines that fit several needs",
    ExceptionKind.ENGINEERING_CHANGE: "Engineering change",
}
OUTCOMES: Mapping[AnswerOutcome, str] = {
    AnswerOutcome.ACCEPTED: "accepted",
    AnswerOutcome.CHANGED: "changed",
    AnswerOutcome.BACKORDERED: "backordered",
    AnswerOutcome.SUBSTITUTED: "another item instead",
    AnswerOutcome.ON_HOLD: "on hold",
    AnswerOutcome.DATE_PENDING: "date to follow",
    AnswerOutcome.REJECTED: "rejected",
    AnswerOutcome.DELETED: "deleted",
}
ESCALATIONS: Mapping[str, str] = {
    "remind_supplier": "the supplier is reminded",
    "remind_assignee": "{role} is reminded",
    "notify_buyer": "{role} is asked",
    "notify_manager": "{role} is asked",
}
_TITLES: Mapping[Choice, str] = {
    Choice.ACCEPT: "Accept",
    Choice.SPLIT: "Order from {supplier}",
    Choice.EXPEDITE: "Expedite at {supplier}",
    Choice.TRANSFER: "Transfer from the stock of plant {supplier}",
    Choice.SUBSTITUTE: "Propose to use {item} instead",
    Choice.RESCHEDULE: "Propose to move the demand",
    Choice.APPROVE: "Approve",
    Choice.DECLINE: "Decline",
    Choice.RETRY: "Try again",
    Choice.WAIT: "Wait",
    Choice.CANCEL: "Cancel",
    Choice.USE_UP: "Use it up",
    Choice.RETURN: "Return it",
    Choice.SCRAP: "Scrap it",
    Choice.REWORK: "Rework it",
}
_AFTER: Mapping[tuple[ExceptionKind, Choice], str] = {
    (ExceptionKind.SHORTAGE, Choice.EXPEDITE): "The order is changed and the supplier asked for the earlier day. The "
    "answer is tested against the demand again; if it does not hold, you are asked once more.",
    (ExceptionKind.SHORTAGE, Choice.SPLIT): "The missing quantity is ordered there, and the late orders are reduced by "
    "what is then too much. The supplier's answer is tested against the demand again.",
    (
        ExceptionKind.SHORTAGE,
        Choice.TRANSFER,
    ): "The stock is no longer free for anybody else, a transfer is ordered, and "
    "the late orders are reduced by what is then too much. If the stock is gone by then, you are asked again.",
    (
        ExceptionKind.SHORTAGE,
        Choice.SUBSTITUTE,
    ): "The planner is asked. Approved, planning is told, and the requirement waits for the plan; declined, or without "
    "a plan that follows, you are asked again.",
    (
        ExceptionKind.SHORTAGE,
        Choice.RESCHEDULE,
    ): "The planner is asked. Approved, the requirement waits until that day; "
    "declined, you are asked again for another way out.",
    (ExceptionKind.SHORTAGE, Choice.APPROVE): "The order is changed to what the plan states now, and sent.",
    (ExceptionKind.MASTER_DATA, Choice.RETRY): "Master data is read again at once. What is still wrong comes back as a "
    "question.",
    (ExceptionKind.MASTER_DATA, Choice.CANCEL): "The order is given up, and its requirements look for another source.",
    (ExceptionKind.NO_ANSWER, Choice.WAIT): "The supplier's time starts again; the next reminder follows by itself.",
    (ExceptionKind.NO_ANSWER, Choice.CANCEL): "The lines are cancelled at the ERP and the supplier, and their "
    "requirements look for another source.",
    (ExceptionKind.NO_ANSWER, Choice.RETRY): "The document is sent again.",
    (ExceptionKind.EARLY_WARNING, Choice.WAIT): "Nothing changes. You are asked again only where the supplier promises "
    "another day that is as risky, or once the day has passed.",
    (ExceptionKind.EARLY_WARNING, Choice.CANCEL): "What is at risk is cancelled, and its requirements look for another "
    "source.",
    (ExceptionKind.OVERDUE, Choice.WAIT): "The line waits some more days; if nothing has come by then, you are asked "
    "again.",
    (ExceptionKind.OVERDUE, Choice.CANCEL): "What has not come is cancelled, and its requirements look for another "
    "source.",
    (ExceptionKind.AMBIGUOUS_MATCH, Choice.ACCEPT): "The known requirements stay as they are.",
    (ExceptionKind.ENGINEERING_CHANGE, Choice.DECLINE): "Requirements and orders stay as they are.",
}


def title_of(kind: ExceptionKind, way: Alternative) -> str:
    """The way out in a few words."""
    if kind is ExceptionKind.SHORTAGE and way.choice is Choice.ACCEPT:
        return "Accept the later date" if way.available_on else "Go without the missing quantity"
    if kind is ExceptionKind.SHORTAGE and way.choice is Choice.APPROVE:
        return "Change the order to the plan"
    if kind is ExceptionKind.AMBIGUOUS_MATCH and way.choice is Choice.ACCEPT:
        return "Leave the known needs as they are"
    if kind is ExceptionKind.ENGINEERING_CHANGE:
        every = {Choice.APPROVE: "As proposed, or line by line", Choice.CANCEL: "Cancel what can be cancelled"}
        return every.get(way.choice) or _TITLES[way.choice]
    item = way.substitute.item if way.substitute is not None else "a substitute item"
    return _TITLES[way.choice].format(supplier=way.supplier or "another source", item=item)


def after(kind: ExceptionKind, way: Alternative) -> str:
    """What happens once it is decided."""
    if kind is ExceptionKind.SHORTAGE and way.choice is Choice.ACCEPT:
        if way.available_on is None:
            return "The requirement goes without it, and orders that have no date for it are reduced."
        return f"The requirement waits until {way.available_on}. You are asked again only if it gets later still."
    known = _AFTER.get((kind, way.choice))
    return known or f"{begun(way.note)}.".replace("..", ".")


def short_of(proposal: Proposal) -> str:
    """What is missing of how much; empty where the question is not about a quantity."""
    if proposal.short_quantity is None:
        return ""
    whole = f" of {figure(proposal.quantity)}" if proposal.quantity is not None else ""
    return f"{figure(proposal.short_quantity)}{whole} {proposal.unit}".strip()


def late(working_days: int, *, dated: bool) -> str:
    """How late something is."""
    if not dated:
        return "no date"
    if not working_days:
        return "in time"
    return f"{working_days} working day{'s' if working_days != 1 else ''} late"


def days_left(days: int) -> str:
    """How many working days are left to decide."""
    if days < 0:
        return f"{-days} working day{'s' if days != -1 else ''} ago"
    return "today" if not days else f"{days} working day{'s' if days != 1 else ''} left"


def cost_of(way: Alternative) -> str:
    """The extra cost in words that sort well beside each other."""
    if way.extra_cost == Decimal(0):
        return "none"
    return money(way.extra_cost, way.currency)


__all__ = [
    "ESCALATIONS",
    "KINDS",
    "OUTCOMES",
    "after",
    "cost_of",
    "days_left",
    "late",
    "short_of",
    "title_of",
]
