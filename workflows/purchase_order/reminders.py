"""Reminders by hand: a person has the supplier reminded of an answer or a delivery before the order does (R16).

Decided here: what there is to remind of. The order's own reminders go on as if nobody had asked.
"""

import datetime as dt
from typing import Any

from temporalio import workflow

from canonical.messages import ReminderAsked, ReminderDue
from canonical.policy import RouteKind
from decisions.overdue import has_passed
from workflows.entity import Entity
from workflows.purchase_order.documents import OrderDocuments
from workflows.purchase_order.state import OrderState

CLICKS_KEPT = 20


def reminder_due(state: OrderState, today: dt.date) -> ReminderDue | str:
    """What the supplier can be reminded of today, an unanswered revision first; else why of nothing."""
    if state.terms.route is RouteKind.TRANSFER:
        return "it goes to a plant of ours, which gets no documents; look at that plant's own requirement"
    if state.unsent or state.to_be_placed:
        return "the supplier does not have the order yet"
    if state.refusal is not None or state.rejection is not None:
        return "its document was refused; decide the question about that first"
    if state.approval is not None:
        return f"its newest revision waits for approval in {state.approval.system}, and the supplier does not have it"
    if state.awaited:
        return ReminderDue(about="answer", lines=tuple(line.number for line in state.awaited))
    late = [
        line.number for line in state.lines if (due := line.due_on) and has_passed(due, today, state.policy.calendar)
    ]
    if late:
        return ReminderDue(about="delivery", lines=tuple(late))
    return "nothing is awaited: the supplier has answered, and no day that it confirmed has passed"


def take_reminder(state: OrderState, asked: ReminderAsked) -> None:
    """Remember the click until the order acts."""
    if asked.event_id not in state.clicks:
        state.clicks = [*state.clicks, asked.event_id][-CLICKS_KEPT:]
        state.reminder_asked = asked


class RemindersByHand:
    """Sends what people ask for."""

    def __init__(self, state: OrderState, entity: Entity[OrderState, Any], documents: OrderDocuments) -> None:
        self._state, self._entity, self._documents = state, entity, documents

    async def go_on(self) -> None:
        """Send the reminder that was asked for, unless what it is about has come meanwhile."""
        state = self._state
        asked, state.reminder_asked = state.reminder_asked, None
        if asked is None:
            return
        due = reminder_due(state, state.policy.calendar.day_of(workflow.now()))
        if isinstance(due, str):
            self._entity.record("reminder.needless", asked.asked_at, asked_by=asked.asked_by, why=due)
            return
        self._entity.record(
            "reminder.asked", asked.asked_at, asked_by=asked.asked_by, about=due.about, lines=[*due.lines]
        )
        if due.about == "answer":
            state.reminders += 1
            await self._documents.send_reminder()
        else:
            state.delivery_reminders += 1
            await self._documents.send_delivery_reminder(due.lines)
