"""What a ShortageException remembers: the question, whose it is, and how far the escalation schedule has been
climbed."""

from datetime import datetime

from canonical.base import Instant
from canonical.exception import Decision, Proposal
from canonical.messages import ExceptionRaised, ProposalChanged
from canonical.policy import PlantPolicy
from canonical.reason import Reason
from canonical.records import ExceptionState
from decisions.delegation import Assignee, who_is_asked
from decisions.escalation import BUYER_NOTIFIED
from workflows.event_log import EventLog
from workflows.memory import EntityState, RunInput

_REASONS_KEPT = 50


class ExceptionMemory(EntityState):
    """The exception's memory."""

    raised: ExceptionRaised
    policy: PlantPolicy
    """As it was at the last escalation level."""
    proposal: Proposal
    first_asked: str
    """The role that the question was put to before it was escalated."""
    roles: list[str]
    """Whose question it has been, the present one last."""
    assignee: str
    opened_at: Instant
    sla_started_at: Instant
    reached: int = 0
    """The height of the last escalation level."""
    reminders: int = 0
    escalations: int = 0
    reasons: list[Reason] = []
    state: ExceptionState = ExceptionState.OPEN
    decision: Decision | None = None

    @classmethod
    def of(cls, raised: ExceptionRaised, now: datetime) -> "ExceptionMemory":
        """The memory of an exception that opens."""
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
            # The supplier's escalation schedule led up to the buyer; the question goes on from there.
            reached=BUYER_NOTIFIED if raised.sla_started_at else 0,
        )

    @property
    def role(self) -> str:
        """Whose question it is."""
        return self.roles[-1]

    @property
    def on_behalf_of(self) -> str | None:
        """The role that the assignee stands in for."""
        return None if self.assignee == self.role else self.role

    def ask(self, role: str, now: datetime) -> Assignee:
        """The question is the role's, and whoever stands in for it today gets it."""
        if self.role != role:
            # Once each: a question that goes to and fro for months remembers whose it has been, not how often.
            self.roles = [*(each for each in self.roles if each != role), role]
        return self._assign(who_is_asked(role, self.policy, now))

    def ask_again(self, now: datetime) -> Assignee:
        """Who is asked stays so, unless away by now: coming back moves no question."""
        return self._assign(who_is_asked(self.assignee, self.policy, now)._replace(role=self.role))

    def add_reason(self, reason: Reason) -> None:
        """Why it is with whom it is; the audit events keep the older ones."""
        self.reasons = [*self.reasons, reason][-_REASONS_KEPT:]

    def _assign(self, asked: Assignee) -> Assignee:
        if asked.away:
            self.add_reason(asked.reason(self.policy.version))
        self.assignee = asked.assignee
        return asked


ExceptionMessage = ProposalChanged | Decision
ExceptionInput = RunInput[ExceptionRaised, ExceptionMemory, ExceptionMessage]


def first_asked(proposal: Proposal, otherwise: str) -> str:
    """The first of those who may decide it."""
    return proposal.approvers[0] if proposal.approvers else otherwise


def reported(asked: Assignee) -> dict[str, str]:
    """Who is asked, as an audit event says it."""
    if asked.on_behalf_of is None:
        return {"to": asked.assignee}
    return {"to": asked.assignee, "on_behalf_of": asked.on_behalf_of, "why": asked.why}
