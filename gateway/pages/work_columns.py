"""The columns of the list of questions: on the page, in exports, and what each can be ordered by."""

import datetime as dt
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import NamedTuple

from canonical.exception import Choice
from canonical.records import ExceptionState
from gateway.pages.question_words import KINDS
from gateway.pages.shell import day, money, quantity
from ledger.work_list.work_list import WorkItem, WorkOrder

Value = str | int | Decimal | dt.date | dt.datetime | None
"""What a cell of an export holds."""

CHOICES: dict[Choice, str] = {
    Choice.ACCEPT: "Accept",
    Choice.SPLIT: "Second source",
    Choice.EXPEDITE: "Expedite",
    Choice.TRANSFER: "Transfer from stock",
    Choice.SUBSTITUTE: "Substitute item",
    Choice.RESCHEDULE: "Move the demand",
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
_REFUSALS = (Choice.DECLINE, Choice.CANCEL)


class Column(StrEnum):
    """A column that can be chosen; the question itself is always the first."""

    SAFE_DATE = "safe_date"
    VALUE = "value"
    DEMAND = "demand"
    RISK = "risk"
    ESCALATION = "escalation"
    SHORT = "short"
    LATE = "late"
    ITEM = "item"
    SUPPLIER = "supplier"
    ORDER = "order"
    KIND = "kind"
    CRITICALITY = "criticality"
    PLANNER = "planner"
    PLANT = "plant"
    ASSIGNEE = "assignee"
    OPENED = "opened"
    WAITING = "waiting"
    STATE = "state"


DEFAULT = (
    Column.SAFE_DATE,
    Column.VALUE,
    Column.RISK,
    Column.DEMAND,
    Column.ESCALATION,
    Column.ITEM,
    Column.SUPPLIER,
    Column.KIND,
)


class Names(NamedTuple):
    """What a row is written with, besides the question itself."""

    moment: Callable[[dt.datetime, str], str]
    """A moment by the clocks of a plant."""
    person: Callable[[str], str]
    """The name of a person by subject."""


class Described(NamedTuple):
    """How a column is shown and exported."""

    label: str
    shown: Callable[[WorkItem, Names], str]
    exported: tuple[tuple[str, Callable[[WorkItem, Names], Value]], ...]
    """Headings and typed values."""
    order: WorkOrder | None = None
    number: bool = False
    explained: Callable[[WorkItem], str] | None = None
    """A sentence that says where the figure comes from."""
    highest_first: bool = False
    """A click on the heading begins with the highest."""


def _plain(
    label: str, read: Callable[[WorkItem], Value], order: WorkOrder | None = None, *, number: bool = False
) -> Described:
    """A column whose cell is one value."""
    return Described(
        label,
        lambda item, _: "–" if (value := read(item)) in (None, "") else str(value),
        ((label, lambda item, _: read(item)),),
        order,
        number,
    )


COLUMNS: dict[Column, Described] = {
    Column.SAFE_DATE: Described(
        "Latest safe date",
        lambda item, _: day(item.latest_safe_date),
        (("Latest safe date", lambda item, _: item.latest_safe_date),),
        WorkOrder.SAFE_DATE,
    ),
    Column.VALUE: Described(
        "Value",
        lambda item, _: money(item.value, item.currency) if item.value else "–",
        (("Value", lambda item, _: item.value), ("Currency", lambda item, _: item.currency)),
        WorkOrder.VALUE,
        number=True,
    ),
    Column.DEMAND: Described(
        "Demand hit",
        lambda item, _: _some(item.demands),
        (("Demands hit", lambda item, _: ", ".join(item.demands)),),
        WorkOrder.DEMAND,
    ),
    Column.RISK: Described(
        "Risk",
        lambda item, _: percent(item.risk),
        (
            ("Risk of missing the date", lambda item, _: item.risk),
            ("Risk explained", lambda item, _: item.risk_why),
        ),
        WorkOrder.RISK,
        number=True,
        explained=lambda item: item.risk_why,
        highest_first=True,
    ),
    Column.ESCALATION: Described(
        "Escalation",
        lambda item, _: escalation(item),
        (
            ("Escalations", lambda item, _: item.escalations),
            ("Reminders", lambda item, _: item.reminders),
        ),
        WorkOrder.ESCALATION,
    ),
    Column.SHORT: Described(
        "Short",
        lambda item, _: quantity(item.short_quantity, item.unit),
        (("Short", lambda item, _: item.short_quantity), ("Unit", lambda item, _: item.unit)),
        number=True,
    ),
    Column.LATE: _plain("Working days late", lambda item: item.working_days_late, WorkOrder.LATE, number=True),
    Column.ITEM: _plain("Item", lambda item: item.item, WorkOrder.ITEM),
    Column.SUPPLIER: _plain("Supplier", lambda item: item.supplier, WorkOrder.SUPPLIER),
    Column.ORDER: _plain("Order", lambda item: item.order_number),
    Column.KIND: _plain("Kind", lambda item: KINDS[item.kind], WorkOrder.KIND),
    Column.CRITICALITY: _plain("Class", lambda item: item.criticality.value, WorkOrder.CRITICALITY),
    Column.PLANNER: _plain("Planner", lambda item: ", ".join(item.planners), WorkOrder.PLANNER),
    Column.PLANT: _plain("Plant", lambda item: item.plant, WorkOrder.PLANT),
    Column.ASSIGNEE: _plain("Asked", lambda item: asked(item), WorkOrder.ASSIGNEE),
    Column.OPENED: Described(
        "Asked since",
        lambda item, names: names.moment(item.opened_at, item.plant),
        (("Asked since", lambda item, _: item.opened_at),),
        WorkOrder.OPENED,
    ),
    Column.WAITING: _plain("Needs waiting", lambda item: item.waiting or None, number=True),
    Column.STATE: Described(
        "State",
        lambda item, names: outcome(item, names),
        (
            ("State", lambda item, _: item.state.value),
            ("Decision", lambda item, _: item.choice),
            ("Decided by", lambda item, names: names.person(item.decided_by) if item.decided_by else None),
            ("Reason", lambda item, _: item.closing_reason),
        ),
    ),
}


def asked(item: WorkItem) -> str:
    """Who is asked, and for whom."""
    return f"{item.assignee} for {item.on_behalf_of}" if item.on_behalf_of else item.assignee


def escalation(item: WorkItem) -> str:
    """How far its escalation has come, in words."""
    if item.escalations:
        return f"escalated to {item.assignee}"
    return "reminded" if item.reminders else "–"


def outcome(item: WorkItem, names: Names) -> str:
    """Whether it is open, and if not, why."""
    if item.state is ExceptionState.OPEN:
        return "open"
    because = f": {item.closing_reason}" if item.closing_reason else ""
    if item.state is ExceptionState.OVERTAKEN:
        return f"no longer needed{because}"
    by = names.person(item.decided_by) if item.decided_by else "somebody"
    return f"decided ({CHOICES[item.choice].lower() if item.choice else '–'}) by {by}{because}"


def first_way(item: WorkItem) -> Choice | None:
    """The best way out that is offered and is no refusal."""
    return next((choice for choice in item.choices if choice not in _REFUSALS), None)


def refusal(item: WorkItem) -> Choice | None:
    """The choice that refuses what is proposed, where there is one."""
    return next((choice for choice in item.choices if choice in _REFUSALS), None)


def percent(share: Decimal | None) -> str:
    """A share of one as people write it."""
    return "–" if share is None else f"{(share * 100).quantize(Decimal(1), ROUND_HALF_UP)} %"


def _some(texts: tuple[str, ...]) -> str:
    return ", ".join(texts[:2]) + (f" and {len(texts) - 2} more" if len(texts) > 2 else "") if texts else "–"


__all__ = [
    "CHOICES",
    "COLUMNS",
    "DEFAULT",
    "Column",
    "Described",
    "Names",
    "Value",
    "asked",
    "escalation",
    "first_way",
    "outcome",
    "percent",
    "refusal",
]
