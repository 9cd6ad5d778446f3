"""Exceptions of all kinds: the question to a person, with the context needed to decide it."""

import hashlib
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from canonical.base import Code, Criticality, Instant, LineNumber, Model, Money, PersonName, Quantity, SentQuantity
from canonical.bom import ChangeDisposition
from canonical.identity import ExceptionId
from canonical.need import Peg
from canonical.reason import Reason
from canonical.sourcing import MasterDataDefect
from canonical.substitution import Substitution
from canonical.supply import ScheduleLine


class ExceptionKind(StrEnum):
    """The kind of decision."""

    SHORTAGE = "shortage"
    CHANGE_PROPOSAL = "change_proposal"
    MASTER_DATA = "master_data"
    NO_ANSWER = "no_answer"
    EARLY_WARNING = "early_warning"
    """A confirmed line that is likely to be late."""
    OVERDUE = "overdue"
    AMBIGUOUS_MATCH = "ambiguous_match"
    ENGINEERING_CHANGE = "engineering_change"


class Choice(StrEnum):
    """What a person may decide; the proposal's alternatives show which choices are open."""

    ACCEPT = "accept"
    """Shortage: accept the late or missing quantity."""
    SPLIT = "split"
    """Shortage: order the short quantity from a second source."""
    EXPEDITE = "expedite"
    """Shortage: ask the supplier for the pegged date, at a surcharge."""
    TRANSFER = "transfer"
    """Shortage: move the short quantity from the free stock of another plant."""
    RESCHEDULE = "reschedule"
    """Shortage: propose to the planner to move the demand to the day on which it can be met."""
    SUBSTITUTE = "substitute"
    """Shortage: propose to the planner to use a substitute item for what is short."""
    APPROVE = "approve"
    """Change proposal: change the order. Shortage: order what the plan states now, whatever the dampener says.
    Engineering change: as proposed, or otherwise line by line.
    """
    DECLINE = "decline"
    """Change proposal: leave the order as it is."""
    RETRY = "retry"
    """Master data or refused write: it has been fixed, try again."""
    WAIT = "wait"
    """No answer: give the supplier another SLA. Overdue: give the supplier more days. Early warning: take the risk."""
    CANCEL = "cancel"
    """No answer, early warning, overdue or refused write: give up the order; its requirements look elsewhere.
    Engineering change: cancel the orders for quantities without use; a line that does not offer that, or one of the
    choices below, gets what is proposed.
    """
    USE_UP = "use_up"
    """Engineering change: quantities without use are kept and used up elsewhere."""
    RETURN = "return"
    """Engineering change: they go back to the suppliers."""
    SCRAP = "scrap"
    """Engineering change: they are scrapped."""
    REWORK = "rework"
    """Engineering change: they are reworked."""


class Alternative(Model):
    """One way out, with what it costs and when the need is met."""

    choice: Choice
    supplier: Code | None = None
    substitute: Substitution | None = None
    """Of a substitute item: which, and how much of it."""
    quantity: Quantity | None = None
    available_on: date | None = None
    working_days_late: int = 0
    extra_cost: Money = Decimal(0)
    currency: str = ""
    note: str = ""


class Proposal(Model):
    """The subject of a decision. The decision carries its digest; a material change makes another digest (R15)."""

    kind: ExceptionKind
    summary: str
    """One sentence in the buyer's words."""
    plant: Code
    supplier: Code | None = None
    item: Code | None = None
    order_number: str | None = None
    quantity: Quantity | None = None
    unit: str = ""
    short_quantity: Quantity | None = None
    pegs: tuple[Peg, ...] = ()
    coverage: tuple[ScheduleLine, ...] = ()
    available_on: date | None = None
    working_days_late: int = 0
    criticality: Criticality = Criticality.B
    value: Money = Decimal(0)
    currency: str = ""
    defects: tuple[MasterDataDefect, ...] = ()
    alternatives: tuple[Alternative, ...]
    dispositions: tuple[ChangeDisposition, ...] = ()
    """For an engineering change: the dispositions of stock and supply of its outgoing components."""
    approvers: tuple[str, ...] = ()
    """R15: the roles that may decide; all of them are named, one decision by any closes it."""
    latest_safe_date: date | None = None
    proposed_by: str = "pegline"
    rule: str = ""
    """The rule that asked for a person, e.g. R7."""
    reasons: tuple[Reason, ...] = ()
    """Why a person is asked: what was compared with which thresholds. Not in the digest: another policy version that
    leads to the same proposal does not change the subject of the decision.
    """

    @property
    def digest(self) -> str:
        """Sixteen hex digits over the subject of the decision: the ETag of GET, the If-Match of the decision."""
        left_out: dict[str, Any] = {"reasons": True, "pegs": {"__all__": {"assembly", "customer"}}}
        if not any(way.substitute for way in self.alternatives):
            left_out["alternatives"] = {"__all__": {"substitute"}}
        if not self.dispositions:
            left_out["dispositions"] = True
        elif not any(one.number for one in self.dispositions):
            left_out["dispositions"] = {"__all__": _OF_A_CHOICE}
        return hashlib.sha256(self.model_dump_json(exclude=left_out).encode()).hexdigest()[:16]


_OF_A_CHOICE = {"order_id", "line", "on_stock", "number", "options", "proposed", "by_hand", "cost"}
"""Fields of a disposition that came later: where nothing is to be chosen line by line, its digest is what it was."""


class LineChoice(Model):
    """Engineering change: a choice other than the proposed one for a disposition, or for a part of it."""

    line: LineNumber
    """The disposition's number in the proposal."""
    choice: Choice
    """One of its candidates."""
    quantity: SentQuantity | None = None
    """In the disposition's unit; None: all the rest of it. A line may be named several times."""


class Decision(Model):
    """What a person decided, on which proposal."""

    event_id: Annotated[str, Field(min_length=1, max_length=100)]
    digest: str
    choice: Choice
    supplier: Code | None = None
    """For a split or a transfer: the second source or supplying plant; if left out, the proposal's best."""
    substitute: Code | None = None
    """For a substitute item: which; if left out, the first that the proposal names."""
    decided_by: Annotated[str, Field(min_length=1, max_length=255)]
    """The person: the issuer's lasting identifier of whoever logged in."""
    lines: Annotated[tuple[LineChoice, ...], Field(max_length=1000)] = ()
    """For an approved engineering change: the lines that deviate from the proposal."""
    role: str | None = None
    """The decider's role; where given, it must be one that may decide (R15)."""
    comment: str = ""
    decided_at: Instant


_EventId = Annotated[str, Field(min_length=1, max_length=100)]
_Person = Annotated[str, Field(min_length=1, max_length=255)]


class Assignment(Model):
    """A person hands a question to a role that may decide it, or to its delegate."""

    event_id: _EventId
    to: PersonName
    assigned_by: _Person
    why: Annotated[str, Field(max_length=2000)] = ""
    assigned_at: Instant


class DecisionTakenBack(Model):
    """Who decided takes the decision back, before it is carried out."""

    event_id: _EventId
    taken_back_by: _Person
    taken_back_at: Instant


EscalationAction = Literal["remind_supplier", "remind_assignee", "notify_buyer", "notify_manager"]
"""R16: the action of an escalation level."""


class NextEscalation(Model):
    """R16: what happens next where nobody decides."""

    action: EscalationAction
    role: str
    """The role that it notifies."""
    at: Instant


class ExceptionDecided(Model):
    """The exception's message to the entity that raised it."""

    exception_id: ExceptionId
    digest: str
    decision: Decision


class DecisionRefused(Exception):
    """The exception understood the decision (or assignment) and refused it (R15); `detail` explains why to the person.

    Codes: digest_out_of_date, already_decided, proposer_is_approver, not_an_approver, choice_not_offered,
    lines_not_possible, not_found; of an assignment also already_asked; of a decision that is to be taken back
    nothing_to_take_back, not_the_decider.
    """

    def __init__(self, code: str, detail: str, digest: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.digest = digest
        """For an out-of-date decision: the digest of the current proposal."""
