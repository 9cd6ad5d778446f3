"""The state of a ShortageException: the question, whom it is assigned to, and the escalation level reached."""

from datetime import datetime, timedelta

from canonical.base import Instant
from canonical.exception import Assignment, Decision, DecisionTakenBack, Proposal
from canonical.messages import ExceptionRaised, ProposalChanged
from canonical.policy import PlantPolicy
from canonical.reason import Reason
from canonical.records import ExceptionState
from decisions.delegation import Assignee, who_is_asked
from decisions.escalation import BUYER_NOTIFIED
from workflows.event_log import EventLog
from workflows.memory import EntityState, RunInput

_REASONS_KEPT = 50
_MESSAGES_KNOWN = 50


class ExceptionMemory(EntityState):
    """The state of an exception."""

    raised: ExceptionRaised
    policy: PlantPolicy
    """As of the last escalation level."""
    proposal: Proposal
    first_asked: str
    """The role that was asked before any escalation."""
    roles: list[str]
    """The roles that the question has been assigned to, the current one last."""
    assignee: str
    opened_at: Instant
    sla_started_at: Instant
    reached: int = 0
    """The height of the last escalation level that was reached."""
    reminders: int = 0
    escalations: int = 0
    reasons: list[Reason] = []
    state: ExceptionState = ExceptionState.OPEN
    assignment: Assignment | None = None
    """The last time that a person handed it on."""
    decision: Decision | None = None
    undo_until: Instant | None = None
    """Until when the decision waits to be taken back; None: there is none, or it is carried out."""
    taken_back: int = 0
    """How many decisions were taken back."""
    taken_back_by: list[str] = []
    """Ids of the last messages that did."""
    closing_reason: str = ""
    """Why it was overtaken."""

    @classmethod
    def of(cls, raised: ExceptionRaised, now: datetime) -> "ExceptionMemory":
        """The state of an exception that opens."""
        role = first_asked(raised.proposal, raised.assignee)
        return cls(
            raised=raised,
            event_log=EventLog(),
            policy=raised.policy,
            proposal=raised.proposal,
            first_asked=role,
            roles=[role],
            assignee=role,
            opened_at=now,
            sla_started_at=raised.sla_started_at or now,
            # The supplier's escalation has already reached the buyer; the question continues from there.
            reached=BUYER_NOTIFIED if raised.sla_started_at else 0,
        )

    @property
    def role(self) -> str:
        """The role that the question is assigned to."""
        return self.roles[-1]

    @property
    def on_behalf_of(self) -> str | None:
        """The role that the assignee stands in for."""
        return None if self.assignee == self.role else self.role

    def ask(self, role: str, now: datetime) -> Assignee:
        """Assign the question to the role, or to its delegate of today."""
        if self.role != role:
            # Each role once: after months of moving back and forth only the roles matter, not how often.
            self.roles = [*(each for each in self.roles if each != role), role]
        return self._assign(who_is_asked(role, self.policy, now))

    def ask_again(self, now: datetime) -> Assignee:
        """Keep the assignee, unless absent by now; a return from absence moves no question."""
        return self._assign(who_is_asked(self.assignee, self.policy, now)._replace(role=self.role))

    def decide(self, decision: Decision, now: datetime) -> None:
        """Decided; carried out once it can't be taken back any more."""
        self.decision, self.state = decision, ExceptionState.DECIDED
        minutes = self.policy.questions.undo_minutes
        self.undo_until = now + timedelta(minutes=minutes) if minutes else None

    def undecide(self, state: ExceptionState = ExceptionState.OPEN) -> None:
        """The decision does not hold: nobody was told of it."""
        self.decision, self.undo_until, self.state = None, None, state

    def take_back(self, taken_back: DecisionTakenBack) -> None:
        """The decider takes the decision back."""
        self.undecide()
        self.taken_back += 1
        self.taken_back_by = [*self.taken_back_by, taken_back.event_id][-_MESSAGES_KNOWN:]

    def add_reason(self, reason: Reason) -> None:
        """Add the reason for the current assignee; older reasons remain in the audit events."""
        self.reasons = [*self.reasons, reason][-_REASONS_KEPT:]

    def _assign(self, asked: Assignee) -> Assignee:
        if asked.away:
            self.add_reason(asked.reason(self.policy.version))
        self.assignee = asked.assignee
        return asked


ExceptionMessage = ProposalChanged | Decision | Assignment | DecisionTakenBack
ExceptionInput = RunInput[ExceptionRaised, ExceptionMemory, ExceptionMessage]


def first_asked(proposal: Proposal, otherwise: str) -> str:
    """The first of the approvers."""
    return proposal.approvers[0] if proposal.approvers else otherwise


def reported(asked: Assignee) -> dict[str, str]:
    """The assignee as audit event data."""
    if asked.on_behalf_of is None:
        return {"to": asked.assignee}
    return {"to": asked.assignee, "on_behalf_of": asked.on_behalf_of, "why": asked.why}
