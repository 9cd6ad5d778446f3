"""What an order does when others keep it waiting: it reminds a silent supplier (R16) and asks people.

When to remind and what to ask is decided in decisions.escalation and order_questions.
"""

from datetime import date, timedelta

from temporalio import workflow

from canonical.identity import exception_id
from canonical.messages import ExceptionRaised, ProposalChanged
from canonical.policy import RouteKind
from decisions.escalation import BUYER_TOLD, Rung, next_rung, supplier_ladder
from workflows.entity import MOMENT
from workflows.material_requirement.state import OpenException
from workflows.purchase_order.desk import OrderDesk
from workflows.purchase_order.questions import questions
from workflows.questions import change_proposal, raise_exception


class OrderFollowUp(OrderDesk):
    """The part of a PurchaseOrder that follows up on what it waits for."""

    @property
    def _first_due(self) -> date | None:
        """The first day for which the supplier owes an answer."""
        return min((line.delivery_date for line in self.state.awaited), default=None)

    @property
    def _next_rung(self) -> Rung | None:
        state = self.state
        if state.asked_at is None or not state.awaited or state.refusal is not None:
            return None
        # A plant of ours that serves a transfer is asked by its own requirement's exceptions, not by reminders.
        remind = state.terms.route is not RouteKind.TRANSFER
        rungs = supplier_ladder(state.asked_at, state.policy, self._first_due, remind=remind)
        return next_rung(rungs, state.rungs_climbed)

    @property
    def overdue(self) -> bool:
        """The SLA is over: the buyer is asked."""
        state = self.state
        return bool(state.awaited) and state.refusal is None and state.rungs_climbed >= BUYER_TOLD

    def restart_ladder(self) -> None:
        """The supplier was asked, or is given another SLA."""
        self.state.asked_at, self.state.rungs_climbed = workflow.now(), 0

    def patience(self) -> timedelta | None:
        """How long until the next rung; None: there is none to wait for."""
        rung = self._next_rung
        return None if rung is None else max(rung.at - workflow.now(), MOMENT)

    async def climb_ladder(self) -> None:
        """Remind the supplier at the first rung; at the next the buyer is asked. By the policy as it is then."""
        state, now = self.state, workflow.now()
        if (rung := self._next_rung) is None or rung.at > now:
            return
        state.policy = await self.policy_now(state.policy, supplier=state.terms.supplier)
        while (rung := self._next_rung) is not None and rung.at <= now:
            state.rungs_climbed = rung.height
            reason = rung.reason(state.policy.version).model_dump(mode="json")
            self.note("answer.awaited", action=rung.action, to=rung.role, rule=rung.rule, reason=reason)
            if rung.action == "remind_supplier":
                state.reminders += 1
                await self.send_reminder()

    async def ask_people(self, *, answer_overdue: bool) -> None:
        """Open, change or overtake the order's questions so that they say what is so."""
        state = self.state
        wanted = questions(state, workflow.now().date(), answer_overdue=answer_overdue)
        for purpose in [known for known in state.questions if known not in wanted]:
            question = state.questions.pop(purpose)
            self.note("exception.overtaken", exception_id=question.id)
            await change_proposal(question.id, ProposalChanged(proposal=None, reason="it has been settled meanwhile"))
        for purpose, proposal in wanted.items():
            question_open = state.questions.get(purpose)
            if question_open is not None and question_open.digest == proposal.digest:
                continue
            if question_open is not None:
                await change_proposal(question_open.id, ProposalChanged(proposal=proposal))
                identity = question_open.id
            else:
                state.questions_raised += 1
                identity = exception_id(state.id, state.questions_raised)
                self.note("exception.raised", exception_id=identity, kind=proposal.kind, summary=proposal.summary)
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
