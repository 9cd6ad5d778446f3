"""What an order does when others keep it waiting: it reminds a silent supplier (R16) and asks people.

When to remind and what to ask is decided in decisions.escalation and order_questions.
"""

from datetime import date, timedelta

from temporalio import workflow

from canonical.identity import exception_id
from canonical.messages import ExceptionRaised, ProposalChanged
from canonical.policy import RouteKind
from decisions.escalation import BUYER_NOTIFIED, EscalationLevel, next_escalation, supplier_schedule
from workflows.material_requirement.state import OpenException
from workflows.policy_now import policy_now
from workflows.purchase_order.questions import questions
from workflows.purchase_order.sending import OrderDocuments
from workflows.questions import change_proposal, raise_exception

MOMENT = timedelta(milliseconds=1)


class OrderFollowUp(OrderDocuments):
    """The part of a PurchaseOrder that follows up on what it waits for."""

    @property
    def _first_due(self) -> date | None:
        """The first day for which the supplier owes an answer."""
        return min((line.delivery_date for line in self.state.awaited), default=None)

    @property
    def _next_escalation_level(self) -> EscalationLevel | None:
        state = self.state
        if state.asked_at is None or not state.awaited or state.refusal is not None:
            return None
        # A plant of ours that serves a transfer is asked by its own requirement's exceptions, not by reminders.
        remind = state.terms.route is not RouteKind.TRANSFER
        levels = supplier_schedule(state.asked_at, state.policy, self._first_due, remind=remind)
        return next_escalation(levels, state.levels_reached)

    @property
    def overdue(self) -> bool:
        """The SLA is over: the buyer is asked."""
        state = self.state
        return bool(state.awaited) and state.refusal is None and state.levels_reached >= BUYER_NOTIFIED

    def restart_escalation(self) -> None:
        """The supplier was asked, or is given another SLA."""
        self.state.asked_at, self.state.levels_reached = workflow.now(), 0

    def patience(self) -> timedelta | None:
        """How long until the next escalation level; None: there is none to wait for."""
        level = self._next_escalation_level
        return None if level is None else max(level.at - workflow.now(), MOMENT)

    async def escalate(self) -> None:
        """Remind the supplier at the first escalation level; at the next the buyer is asked. By the policy as it is
        then."""
        state, now = self.state, workflow.now()
        if (level := self._next_escalation_level) is None or level.at > now:
            return
        state.policy = await policy_now(self, state.policy, supplier=state.terms.supplier)
        while (level := self._next_escalation_level) is not None and level.at <= now:
            state.levels_reached = level.height
            reason = level.reason(state.policy.version).model_dump(mode="json")
            self.record("answer.awaited", action=level.action, to=level.role, rule=level.rule, reason=reason)
            if level.action == "remind_supplier":
                state.reminders += 1
                await self.send_reminder()

    async def ask_people(self, *, answer_overdue: bool) -> None:
        """Open, change or overtake the order's questions so that they say what is so."""
        state = self.state
        requested = questions(state, workflow.now().date(), answer_overdue=answer_overdue)
        for purpose in [known for known in state.questions if known not in requested]:
            question = state.questions.pop(purpose)
            self.record("exception.overtaken", exception_id=question.id)
            await change_proposal(question.id, ProposalChanged(proposal=None, reason="it has been settled meanwhile"))
        for purpose, proposal in requested.items():
            question_open = state.questions.get(purpose)
            if question_open is not None and question_open.digest == proposal.digest:
                continue
            if question_open is not None:
                await change_proposal(question_open.id, ProposalChanged(proposal=proposal))
                identity = question_open.id
            else:
                state.questions_raised += 1
                identity = exception_id(state.id, state.questions_raised)
                self.record("exception.raised", exception_id=identity, kind=proposal.kind, summary=proposal.summary)
                silent = purpose == "no_answer" and answer_overdue
                await raise_exception(
                    ExceptionRaised(
                        exception_id=identity,
                        raised_by=state.id,
                        proposal=proposal,
                        policy=state.policy,
                        assignee=state.policy.buyer,
                        raised_at=workflow.now(),
                        sla_started_at=state.asked_at if silent else None,
                        latest_safe_date=self._first_due if silent else None,
                        correlation_id=state.correlation_id,
                    )
                )
            state.questions[purpose] = OpenException(id=identity, kind=proposal.kind, digest=proposal.digest)
