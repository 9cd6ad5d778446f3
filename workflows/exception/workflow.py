"""ShortageException: a question to a person, kept up to date until it is decided or overtaken.

It holds the context, follows the escalation schedule (R16) and accepts one decision that matches the current proposal
(R15). The entity that raised it acts on the decision.

R16 for a question: it is first assigned to the first of its approvers (for master data, to the owner), and its SLA
starts then; a question about a silent supplier continues the supplier's SLA. At each escalation level the policy is
read again, and an assignee who is absent is replaced by the delegate; a return from absence moves no question. A person
may hand it to another role that may decide; the schedule goes on as it was.

Where policy lets a decision be taken back, the entity that raised the question is told only after that time.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NoReturn

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.internal import InternalActivities
from canonical.calls import CloseExceptionCall
from canonical.exception import (
    Assignment,
    Decision,
    DecisionTakenBack,
    ExceptionDecided,
    NextEscalation,
    Proposal,
)
from canonical.messages import ProposalChanged
from canonical.records import ExceptionSnapshot, ExceptionState
from decisions.approval import assignable, entitled_roles, may_decide, may_decide_as
from decisions.delegation import who_is_asked
from decisions.engineering_change.choices import fault_of
from decisions.escalation import BUYER_NOTIFIED, EscalationLevel, next_escalation, question_schedule
from workflows.entity import Entity
from workflows.exception.state import ExceptionInput, ExceptionMemory, ExceptionMessage, first_asked, reported


@workflow.defn(name="ShortageException")
class ShortageException(Entity[ExceptionMemory, ExceptionMessage]):
    """One question to a person."""

    @workflow.init
    def __init__(self, given: ExceptionInput) -> None:
        super().__init__(given, given.state or ExceptionMemory.of(given.opening, workflow.now()))
        self._closed = False
        if given.state is None:
            self._open()

    @workflow.run
    async def run(self, given: ExceptionInput) -> str:
        """Wait for a decision while following the escalation schedule; end when decided or when the cause is gone."""
        await self.live()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.state.state

    def _open(self) -> None:
        state = self.state
        asked = state.ask(state.role, workflow.now())
        self.record(
            "exception.opened",
            kind=state.proposal.kind,
            summary=state.proposal.summary,
            rule=state.proposal.rule,
            **reported(asked),
        )

    # -- messages: handlers only put them into the inbox

    @workflow.update(name="decide")
    def decide(self, decision: Decision) -> ExceptionSnapshot:
        """Accept a person's decision. An update, since the person waits for the confirmation."""
        taken = self._taken or decision
        if self._taken is None:
            self.inbox.append(decision)
        proposal, minutes = self._newest_proposal or self.state.proposal, self.state.policy.questions.undo_minutes
        undo_until = self.state.undo_until or (workflow.now() + timedelta(minutes=minutes) if minutes else None)
        return self.snapshot().model_copy(
            update={
                "proposal": proposal,
                "digest": proposal.digest,
                "decision": taken,
                "state": ExceptionState.DECIDED,
                "next_escalation": None,
                "undo_until": undo_until,
                "closed": undo_until is None,
            }
        )

    @decide.validator
    def _may_be_decided(self, decision: Decision) -> None:
        state, taken, proposal = self.state, self._taken, self._newest_proposal
        if taken is not None:
            if taken.event_id == decision.event_id:
                return
            _refuse("already_decided", f"{taken.decided_by} has decided {taken.choice} already")
        if state.state is not ExceptionState.OPEN or proposal is None:
            _refuse("already_decided", "what this was about went away; there is nothing left to decide")
        if decision.digest != proposal.digest:
            _refuse(
                "digest_out_of_date",
                f"the proposal has changed; read it again and decide on digest {proposal.digest}",
                proposal.digest,
            )
        if not may_decide(proposal.proposed_by, decision.decided_by):
            _refuse(
                "proposer_is_approver", f"{decision.decided_by} made this proposal; somebody else has to decide (R15)"
            )
        entitled = self._entitled(proposal)
        if decision.role is not None and not may_decide_as(decision.role, entitled):
            _refuse("not_an_approver", f"{decision.role} may not decide this (R15); {' or '.join(entitled)} may")
        offered = {alternative.choice for alternative in proposal.alternatives}
        if decision.choice not in offered:
            _refuse("choice_not_offered", f"{decision.choice} is not offered here; choose one of {sorted(offered)}")
        substitutes = [way.substitute.item for way in proposal.alternatives if way.substitute is not None]
        if decision.substitute is not None and decision.substitute not in substitutes:
            known = ", ".join(substitutes) or "none"
            _refuse("choice_not_offered", f"{decision.substitute} is no substitute item here; there is: {known}")
        if (fault := fault_of(proposal, decision)) is not None:
            _refuse("lines_not_possible", fault)

    @workflow.update(name="assign")
    def assign(self, assignment: Assignment) -> ExceptionSnapshot:
        """Hand the question to another role, or to its delegate."""
        if not self._is_known(assignment.event_id):
            self.inbox.append(assignment)
        asked = who_is_asked(self._role_named(assignment.to), self.state.policy, workflow.now())
        changes = {"assignee": asked.assignee, "on_behalf_of": asked.on_behalf_of, "assignment": assignment}
        return self.snapshot().model_copy(update=changes)

    @assign.validator
    def _may_be_assigned(self, assignment: Assignment) -> None:
        if self._is_known(assignment.event_id):
            return
        state, proposal = self.state, self._newest_proposal
        if self._taken is not None or state.state is not ExceptionState.OPEN or proposal is None:
            _refuse("already_decided", "it is decided, or what it was about went away; nobody is asked any more")
        roles = self._assignable(proposal)
        if not may_decide_as(assignment.to, roles):
            _refuse("not_an_approver", f"{assignment.to} may not decide this (R15); {' or '.join(roles)} may")
        if may_decide_as(assignment.to, (state.assignee,)):
            _refuse("already_asked", f"{state.assignee} is asked already")

    def _assignable(self, proposal: Proposal) -> tuple[str, ...]:
        state = self.state
        asked = (*state.roles, state.assignee)
        return assignable(proposal.approvers, asked, state.policy, workflow.now(), proposed_by=proposal.proposed_by)

    def _role_named(self, name: str) -> str:
        """The role as policy writes it."""
        roles = self._assignable(self._newest_proposal or self.state.proposal)
        return next((role for role in roles if may_decide_as(name, (role,))), name)

    def _is_known(self, event_id: str) -> bool:
        """Whether an assignment, or the taking back of a decision, is here already: a person sends it again."""
        known = self.state.assignment
        if event_id in self.state.taken_back_by or (known is not None and known.event_id == event_id):
            return True
        waiting = (each for each in self.inbox if isinstance(each, Assignment | DecisionTakenBack))
        return any(each.event_id == event_id for each in waiting)

    @workflow.update(name="take_back")
    def take_back(self, taken_back: DecisionTakenBack) -> ExceptionSnapshot:
        """Take the decision back, which nobody was told of yet."""
        if not self._is_known(taken_back.event_id):
            self.inbox.append(taken_back)
        changes = {"decision": None, "undo_until": None, "state": ExceptionState.OPEN}
        return self.snapshot().model_copy(update=changes)

    @take_back.validator
    def _may_be_taken_back(self, taken_back: DecisionTakenBack) -> None:
        state = self.state
        if self._is_known(taken_back.event_id):
            return
        if state.decision is None or state.undo_until is None or state.undo_until <= workflow.now():
            _refuse("nothing_to_take_back", "no decision can be taken back here (any more): it is carried out")
        if may_decide(state.decision.decided_by, taken_back.taken_back_by):
            _refuse("not_the_decider", f"only {state.decision.decided_by}, who decided it, can take it back")

    @property
    def _taken(self) -> Decision | None:
        """The decision, processed or not."""
        waiting = (message for message in self.inbox if isinstance(message, Decision))
        return self.state.decision or next(waiting, None)

    @property
    def _newest_proposal(self) -> Proposal | None:
        """The latest proposal, including one in the inbox that arrived together with a decision."""
        changes = [message for message in self.inbox if isinstance(message, ProposalChanged)]
        return changes[-1].proposal if changes else self.state.proposal

    def _entitled(self, proposal: Proposal) -> tuple[str, ...]:
        """The roles that may decide under the known policy: approvers, everybody asked so far, and their delegates."""
        roles = [*proposal.approvers, *self.state.roles, self.state.assignee]
        return entitled_roles(roles, self.state.policy, workflow.now())

    @workflow.signal(name="proposal_changed")
    def proposal_changed(self, changed: ProposalChanged) -> None:
        """The entity that raised the question changed or withdrew its proposal."""
        self.inbox.append(changed)

    @workflow.query(name="status")
    def status(self) -> ExceptionSnapshot:
        """The current state."""
        return self.snapshot()

    async def take(self, messages: Sequence[ExceptionMessage]) -> None:
        """Apply the messages that arrived, in this order; messages after the end change nothing."""
        for message in messages:
            if self.ended:
                return
            match message:
                case Decision():
                    self.state.decide(message, workflow.now())
                    self.record("exception.closed", choice=message.choice, decided_by=message.decided_by)
                case Assignment():
                    self._take_assignment(message)
                case DecisionTakenBack():
                    self._take_back(message)
                case ProposalChanged(proposal=None):
                    self.state.undecide(ExceptionState.OVERTAKEN)
                    self.state.closing_reason = message.reason
                    self.record("exception.overtaken", why=message.reason)
                case ProposalChanged(proposal=proposal):
                    assert proposal is not None
                    self._take_change(proposal)

    def _take_assignment(self, assignment: Assignment) -> None:
        if self.state.state is not ExceptionState.OPEN:
            return
        self.state.assignment = assignment
        asked = self.state.ask(self._role_named(assignment.to), workflow.now())
        self.record(
            "exception.assigned",
            assignment.assigned_at,
            assigned_by=assignment.assigned_by,
            comment=assignment.why,
            **reported(asked),
        )

    def _take_back(self, taken_back: DecisionTakenBack) -> None:
        decision, until = self.state.decision, self.state.undo_until
        if decision is None or until is None:
            return
        self.state.take_back(taken_back)
        self.record(
            "exception.reopened",
            taken_back.taken_back_at,
            choice=decision.choice,
            taken_back_by=taken_back.taken_back_by,
        )

    def _take_change(self, proposal: Proposal) -> None:
        """Replace the proposal; if it has other approvers and the buyer was not notified yet, reassign it to them.

        A decision that waits to be taken back was made on the other proposal (R15); where a person handed the question
        on, it stays there.
        """
        state = self.state
        if state.decision is not None and state.decision.digest != proposal.digest:
            self.record("decision.void", choice=state.decision.choice, rule="R15")
            state.undecide()
        state.proposal = proposal
        first, moved = first_asked(proposal, state.role), {}
        handed_on = state.assignment is not None
        if state.reached < BUYER_NOTIFIED and not handed_on and state.role not in (first, *proposal.approvers):
            state.first_asked = first
            moved = reported(state.ask(first, workflow.now()))
        self.record("exception.changed", summary=proposal.summary, digest=proposal.digest, **moved)

    # -- the escalation schedule (R16)

    @property
    def _levels(self) -> Sequence[EscalationLevel]:
        state = self.state
        latest_safe = state.proposal.latest_safe_date or state.raised.latest_safe_date
        return question_schedule(state.sla_started_at, state.policy, state.first_asked, latest_safe)

    @property
    def _next_escalation_level(self) -> EscalationLevel | None:
        return next_escalation(self._levels, self.state.reached)

    def time_to_wait(self) -> timedelta | None:
        """Until the next escalation level; once decided, until the decision can't be taken back any more."""
        if self.state.undo_until is not None:
            return self.state.undo_until - workflow.now()
        level = self._next_escalation_level
        return None if level is None else level.at - workflow.now()

    async def act(self) -> None:
        """Escalate through the levels that are due under the current policy; close the question once it has ended."""
        now, level = workflow.now(), self._next_escalation_level
        if self.state.undo_until is not None and self.state.undo_until <= now:
            self.state.undo_until = None
        if self.state.state is ExceptionState.OPEN and level is not None and level.at <= now:
            await self._take_up_policy()
            # A message that arrived meanwhile comes first.
            if not self.inbox:
                self._escalate(now)
        if self.ended and not self._closed:
            await self._close()
            self._closed = True

    @property
    def ended(self) -> bool:
        """It is decided for good, or its cause is gone."""
        return self.state.state is not ExceptionState.OPEN and self.state.undo_until is None

    async def _take_up_policy(self) -> None:
        """Read the policy as the raising entity does: an order by its supplier, a requirement by its item."""
        state, proposal = self.state, self.state.proposal
        if state.raised.raised_by.startswith("order/"):
            state.policy = await self.policy_now(state.policy, supplier=proposal.supplier or "")
        else:
            state.policy = await self.policy_now(
                state.policy, item_class=state.raised.item_class, item=proposal.item or ""
            )

    def _escalate(self, now: datetime) -> None:
        """Take all escalation levels that are due under the current policy, which may have moved them."""
        state = self.state
        while (level := self._next_escalation_level) is not None and level.at <= now:
            reason = level.reason(state.policy.version)
            state.reached = level.height
            state.add_reason(reason)
            if level.action == "remind_assignee":
                state.reminders += 1
                kind, asked = "exception.reminded", state.ask_again(now)
            else:
                state.escalations += 1
                kind, asked = "exception.escalated", state.ask(level.role, now)
            self.record(kind, **reported(asked), rule=level.rule, reason=reason.model_dump(mode="json"))

    # -- closing and reports

    async def _close(self) -> None:
        state = self.state
        decided = None
        if state.decision is not None:
            decided = ExceptionDecided(
                exception_id=state.raised.exception_id, digest=state.decision.digest, decision=state.decision
            )
        self.show()
        call = CloseExceptionCall(
            audit_batch=self.audit_batch(),
            exception_id=state.raised.exception_id,
            raised_by=state.raised.raised_by,
            decided=decided,
            closed_at=workflow.now(),
            digest=state.proposal.digest,
        )
        await self.recorded(InternalActivities.close_exception, call)

    def snapshot(self) -> ExceptionSnapshot:
        """The current state, for the ledger's reads."""
        state = self.state
        level = self._next_escalation_level if state.state is ExceptionState.OPEN else None
        return ExceptionSnapshot(
            id=state.raised.exception_id,
            raised_by=state.raised.raised_by,
            proposal=state.proposal,
            digest=state.proposal.digest,
            state=state.state,
            assignee=state.assignee,
            on_behalf_of=state.on_behalf_of,
            opened_at=state.opened_at,
            reminders=state.reminders,
            escalations=state.escalations,
            next_escalation=None
            if level is None
            else NextEscalation(action=level.action, role=level.role, at=level.at),
            reasons=tuple(state.reasons),
            assignment=state.assignment,
            decision=state.decision,
            undo_until=state.undo_until,
            taken_back=state.taken_back,
            closing_reason=state.closing_reason,
            correlation_id=state.raised.correlation_id,
            closed=self.ended,
        )

    def details(self) -> str:
        """The question and its alternatives, for Temporal's UI."""
        state = self.state
        if state.decision is not None:
            return f"**{state.decision.choice}**, decided by {state.decision.decided_by}: {state.decision.comment}"
        if state.state is ExceptionState.OVERTAKEN:
            return f"Overtaken: what it was about went away. {state.closing_reason}".strip()
        ways = "\n".join(
            f"- **{way.choice}** {way.supplier or ''} {way.note} "
            f"(available {way.available_on or 'never'}, {way.working_days_late} working days late, "
            f"extra cost {way.extra_cost} {way.currency})"
            for way in state.proposal.alternatives
        )
        deputy = f" (for {state.on_behalf_of}, out of office)" if state.on_behalf_of else ""
        return f"**Waits for {state.assignee}**{deputy}: {state.proposal.summary}\n\n{ways}"


def _refuse(code: str, detail: str, *more: str) -> NoReturn:
    raise ApplicationError(detail, *more, type=code, non_retryable=True)
