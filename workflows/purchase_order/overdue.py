"""Deliveries that did not come by their date: the requirements test their coverage again, the supplier is reminded, the
buyer is asked (R16).

A receipt, a new answer or a cancellation ends that. decisions.overdue decides when; the question is in questions.
"""

import datetime as dt
from typing import Any

from temporalio import workflow

from canonical.policy import RouteKind
from decisions.overdue import OverdueLevel, OverdueStep, overdue_schedule
from workflows.entity import MOMENT, Entity
from workflows.purchase_order.documents import OrderDocuments
from workflows.purchase_order.line import Line
from workflows.purchase_order.state import OrderState


class OverdueDeliveries:
    """Follows the dates of one order's lines."""

    def __init__(self, state: OrderState, entity: Entity[OrderState, Any], documents: OrderDocuments) -> None:
        self._state = state
        self._entity = entity
        self._documents = documents

    @property
    def time_to_next(self) -> dt.timedelta | None:
        """Time until the next level of any line; None: there is none to wait for."""
        moments = [level.at for line in self._followed if (level := self._next(line)) is not None]
        return max(min(moments) - workflow.now(), MOMENT) if moments else None

    @property
    def _followed(self) -> list[Line]:
        state = self._state
        return [] if state.to_be_placed or state.finished or state.unsent else state.lines

    def _next(self, line: Line) -> OverdueLevel | None:
        """The first level that is above the one reached for the line's present date."""
        state, due = self._state, line.due_on
        if due is None:
            return None
        levels = overdue_schedule(
            due,
            state.policy,
            answered=not line.awaited,
            remind=state.terms.route is not RouteKind.TRANSFER,
            waited_since=line.waited_since,
        )
        reached = line.overdue_step if line.overdue_since == due else OverdueStep.NOT_DUE
        return next((level for level in levels if level.step > reached), None)

    async def go_on(self) -> None:
        """Take every step that is due, by the policy current at that time."""
        state, now = self._state, workflow.now()
        for line in state.lines:
            line.follow_date()
        if not any(self._is_due(line, now) for line in self._followed):
            return
        state.policy = await self._entity.policy_now(state.policy, supplier=state.terms.supplier)
        to_remind: list[int] = []
        for line in self._followed:
            while (level := self._next(line)) is not None and level.at <= now:
                line.reach_overdue(level.promised, level.step)
                state.as_of = max(state.as_of, level.at)
                self._record(line, level)
                if level.step is OverdueStep.REMIND_SUPPLIER:
                    to_remind.append(line.number)
        if to_remind:
            state.delivery_reminders += 1
            await self._documents.send_delivery_reminder(to_remind)

    def _is_due(self, line: Line, now: dt.datetime) -> bool:
        level = self._next(line)
        return level is not None and level.at <= now

    def _record(self, line: Line, level: OverdueLevel) -> None:
        self._entity.record(
            "delivery.overdue",
            level.at,
            line=line.number,
            **line.whose,
            promised=level.promised.isoformat(),
            step=level.step.name.lower(),
            rule=level.rule,
            reason=level.reason(self._state.policy.version).model_dump(mode="json"),
        )
