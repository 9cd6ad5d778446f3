"""A line of a PurchaseOrder: its states and transitions, its allocations, and what supplier and ERP hold.

No other module sets its fields. Whether a change is made at all is decided elsewhere (R3 in changes, R10 in answers
and edits); a transition that TRANSITIONS does not name is a programming error.
"""

import bisect
import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from decimal import ROUND_UP, Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, Field, JsonValue

from canonical.base import Criticality
from canonical.identity import RequirementId, requirement_reference
from canonical.order import (
    ComponentLine,
    DeliveryLine,
    DocumentLine,
    EditedField,
    LineAnswer,
    OrderAnswer,
    WrittenLine,
)
from canonical.supply import ScheduleLine, ScheduleLineState, SupplyRequest
from decisions.answers import ReadAnswer
from decisions.ordering import AnswerRank
from decisions.overdue import OverdueStep

RECENT_KEPT = 50
"""The movements that are remembered one by one; older ones only by their sum."""
_ZERO = Decimal(0)


class Movements(BaseModel):
    """What moved so far; below zero: what is taken back was reported before what it takes back."""

    total: Decimal = _ZERO
    older: Decimal = _ZERO
    """The sum of those no longer remembered one by one."""
    recent: list[tuple[dt.datetime, Decimal]] = []
    """By time."""

    def add(self, at: dt.datetime, quantity: Decimal) -> None:
        """Add a movement; below zero: something is taken back."""
        self.total += quantity
        bisect.insort(self.recent, (at, quantity))
        if len(self.recent) > RECENT_KEPT:
            self.older += self.recent.pop(0)[1]

    def until(self, at: dt.datetime | None) -> Decimal:
        """What had moved by then; None: nothing is asked about, so nothing had."""
        if at is None:
            return _ZERO
        return self.older + sum((quantity for moved_at, quantity in self.recent if moved_at <= at), _ZERO)

    def most_since(self, at: dt.datetime) -> Decimal:
        """The highest sum from then on."""
        reached = most = self.until(at)
        for moved_at, quantity in self.recent:
            if moved_at > at:
                reached += quantity
                most = max(most, reached)
        return most

    def cut_to(self, total: Decimal) -> None:
        """Take the newest movements away until the sum is no more than this."""
        while self.total > total:
            at, quantity = self.recent.pop() if self.recent else (None, self.older)
            taken = min(quantity, self.total - total) if quantity > 0 else quantity
            self.total -= taken
            if at is None:
                self.older -= taken
            elif quantity > taken:
                self.recent.append((at, quantity - taken))


UNKNOWN_EDITOR = "unknown"
"""The editor that the ERP's adapter reports if the ERP does not name one."""
_FINEST = Decimal("0.000001")
NOT_FIRM = (ScheduleLineState.RECEIVED, ScheduleLineState.BACKORDERED)
"""The states in which nothing is waited for by its date."""


class LineStatus(StrEnum):
    """The status of a line; derived from its fields, never set."""

    AWAITED = "awaited"
    """Open; the supplier has not answered its current version."""
    APPROVING = "approving"
    """The same, while people of another system have to approve that version: the supplier does not have it."""
    CONFIRMED = "confirmed"
    DELIVERING = "delivering"
    """Answered, and some of it is shipped or received."""
    RECEIVED = "received"
    """All of it is received, or all that will come: delivery is completed."""
    CANCELLING = "cancelling"
    """Cancelled; the supplier has not answered that."""
    CANCELLED = "cancelled"
    NEVER_SENT = "never_sent"
    """Cancelled before it was sent to the supplier."""


class LineEvent(StrEnum):
    """What can happen to a line."""

    REVISE = "revise"
    ANSWER = "answer"
    CANCEL = "cancel"
    SHIP = "ship"
    RECEIVE = "receive"
    TAKE_BACK = "take_back"
    """A receipt is reversed, or goods are returned to the supplier."""
    CLOSE = "close"
    """Delivery is completed: nothing more comes."""
    REOPEN = "reopen"
    """It is not, after all."""
    COMPLETE = "complete"
    """A cancellation is settled."""
    ADOPT = "adopt"
    UNDO = "undo"
    SUBMIT = "submit"
    """Another system holds it, as it is now, until its people approve it."""
    APPROVE = "approve"
    """They have: that system now holds it as it was submitted."""
    WITHDRAW = "withdraw"
    """They have not, or it was taken back: nothing waits any more."""
    KEEP = "keep"
    """A change that they refused is given up: the line is as it was before."""


_S = LineStatus
_OPEN = frozenset({_S.AWAITED, _S.APPROVING, _S.CONFIRMED, _S.DELIVERING})
_CLOSED = frozenset({_S.RECEIVED, _S.CANCELLED, _S.NEVER_SENT})


def _to(*statuses: LineStatus) -> frozenset[LineStatus]:
    return frozenset(statuses)


_UNANSWERED = _to(_S.AWAITED, _S.APPROVING)
_REVISED = _UNANSWERED | {_S.RECEIVED}
_ANSWERED = _to(_S.CONFIRMED, _S.DELIVERING, _S.RECEIVED, _S.CANCELLED)
_CANCELLED = _to(_S.CANCELLING, _S.CANCELLED)
_ADOPTED = _REVISED | _CANCELLED
_OPENED = _to(_S.AWAITED, _S.APPROVING, _S.CONFIRMED, _S.DELIVERING, _S.RECEIVED)


def _waiting_elsewhere(status: LineStatus) -> Mapping[LineEvent, frozenset[LineStatus]]:
    """What waits for another system's approval, and what becomes of that, leaves this status as it is."""
    return dict.fromkeys((LineEvent.SUBMIT, LineEvent.APPROVE, LineEvent.WITHDRAW), _to(status))


TRANSITIONS: Mapping[LineStatus, Mapping[LineEvent, frozenset[LineStatus]]] = MappingProxyType(
    {
        _S.AWAITED: {
            LineEvent.REVISE: _to(_S.AWAITED, _S.RECEIVED),
            LineEvent.ANSWER: _ANSWERED,
            LineEvent.CANCEL: _CANCELLED,
            LineEvent.SHIP: _to(_S.AWAITED),
            LineEvent.RECEIVE: _to(_S.AWAITED, _S.RECEIVED),
            LineEvent.TAKE_BACK: _to(_S.AWAITED),
            LineEvent.CLOSE: _to(_S.AWAITED, _S.RECEIVED),
            LineEvent.REOPEN: _to(_S.AWAITED),
            LineEvent.ADOPT: _to(_S.AWAITED, _S.RECEIVED, _S.CANCELLING, _S.CANCELLED),
            LineEvent.UNDO: _to(_S.AWAITED),
            LineEvent.SUBMIT: _to(_S.APPROVING),
            LineEvent.KEEP: _to(_S.AWAITED, _S.CONFIRMED, _S.DELIVERING, _S.RECEIVED),
        },
        _S.APPROVING: {
            LineEvent.REVISE: _to(_S.APPROVING, _S.RECEIVED),
            LineEvent.ANSWER: _ANSWERED,
            LineEvent.CANCEL: _CANCELLED,
            LineEvent.SHIP: _to(_S.APPROVING),
            LineEvent.RECEIVE: _to(_S.APPROVING, _S.RECEIVED),
            LineEvent.TAKE_BACK: _to(_S.APPROVING),
            LineEvent.CLOSE: _to(_S.APPROVING, _S.RECEIVED),
            LineEvent.REOPEN: _to(_S.APPROVING),
            LineEvent.ADOPT: _to(_S.APPROVING, _S.RECEIVED, _S.CANCELLING, _S.CANCELLED),
            LineEvent.UNDO: _to(_S.APPROVING),
            LineEvent.APPROVE: _to(_S.AWAITED),
            LineEvent.WITHDRAW: _to(_S.AWAITED),
        },
        _S.CONFIRMED: {
            LineEvent.REVISE: _UNANSWERED,
            LineEvent.ANSWER: _to(_S.CONFIRMED, _S.CANCELLED),
            LineEvent.CANCEL: _CANCELLED,
            LineEvent.SHIP: _to(_S.DELIVERING),
            LineEvent.RECEIVE: _to(_S.CONFIRMED, _S.DELIVERING, _S.RECEIVED),
            LineEvent.TAKE_BACK: _to(_S.CONFIRMED),
            LineEvent.CLOSE: _to(_S.CONFIRMED),
            LineEvent.REOPEN: _to(_S.CONFIRMED),
            LineEvent.ADOPT: _UNANSWERED | _CANCELLED,
            LineEvent.UNDO: _to(_S.CONFIRMED),
            **_waiting_elsewhere(_S.CONFIRMED),
        },
        _S.DELIVERING: {
            LineEvent.REVISE: _REVISED,
            LineEvent.ANSWER: _to(_S.DELIVERING, _S.RECEIVED, _S.CANCELLED),
            LineEvent.CANCEL: _CANCELLED,
            LineEvent.SHIP: _to(_S.CONFIRMED, _S.DELIVERING),
            LineEvent.RECEIVE: _to(_S.DELIVERING, _S.RECEIVED),
            LineEvent.TAKE_BACK: _to(_S.CONFIRMED, _S.DELIVERING),
            LineEvent.CLOSE: _to(_S.DELIVERING, _S.RECEIVED),
            LineEvent.REOPEN: _to(_S.DELIVERING),
            LineEvent.ADOPT: _ADOPTED,
            LineEvent.UNDO: _to(_S.DELIVERING),
            **_waiting_elsewhere(_S.DELIVERING),
        },
        _S.RECEIVED: {
            LineEvent.SHIP: _to(_S.RECEIVED),
            LineEvent.RECEIVE: _to(_S.RECEIVED),
            LineEvent.TAKE_BACK: _OPENED,
            LineEvent.CLOSE: _to(_S.RECEIVED),
            LineEvent.REOPEN: _to(_S.AWAITED, _S.APPROVING, _S.DELIVERING, _S.RECEIVED),
            LineEvent.ADOPT: _ADOPTED,
            LineEvent.UNDO: _to(_S.RECEIVED),
            LineEvent.KEEP: _to(_S.AWAITED, _S.DELIVERING, _S.RECEIVED),
            **_waiting_elsewhere(_S.RECEIVED),
        },
        _S.CANCELLING: {
            LineEvent.SHIP: _to(_S.CANCELLING),
            LineEvent.RECEIVE: _to(_S.CANCELLING),
            LineEvent.TAKE_BACK: _to(_S.CANCELLING),
            LineEvent.COMPLETE: _to(_S.CANCELLED),
            LineEvent.ADOPT: _REVISED | {_S.CANCELLING},
            LineEvent.UNDO: _to(_S.CANCELLING),
            LineEvent.KEEP: _to(_S.AWAITED, _S.CONFIRMED, _S.DELIVERING, _S.RECEIVED),
            **_waiting_elsewhere(_S.CANCELLING),
        },
        _S.CANCELLED: {
            LineEvent.SHIP: _to(_S.CANCELLED),
            LineEvent.RECEIVE: _to(_S.CANCELLED),
            LineEvent.TAKE_BACK: _to(_S.CANCELLED),
            LineEvent.COMPLETE: _to(_S.CANCELLED, _S.NEVER_SENT),
            LineEvent.ADOPT: _ADOPTED,
            LineEvent.UNDO: _to(_S.CANCELLED),
            **_waiting_elsewhere(_S.CANCELLED),
        },
        _S.NEVER_SENT: {
            LineEvent.SHIP: _to(_S.NEVER_SENT),
            LineEvent.RECEIVE: _to(_S.NEVER_SENT),
            LineEvent.TAKE_BACK: _to(_S.NEVER_SENT),
            LineEvent.COMPLETE: _to(_S.NEVER_SENT),
        },
    }
)
"""The events allowed in each status of a line, with the statuses that may follow.

Another system can hold a line for its people's approval, and decide, at any time. Goods can arrive and be taken back at
any time. A closed line opens again by an adopted edit, by goods taken back, or
where delivery is not completed after all.
"""


class TransitionError(Exception):
    """The line's status does not allow this event."""


class LineEdit(BaseModel):
    """A person's undecided edit of one field in the ERP; values in the format of canonical.order.edited_value."""

    field: EditedField
    old: str
    new: str
    edited_by: str
    effective_at: dt.datetime
    deliveries: tuple[DeliveryLine, ...] = ()
    """All deliveries of the line, if they were found together with the edit."""
    found_at: dt.datetime | None = None
    """When a write found it in the ERP; None: it was reported."""
    receipts_awaited: bool = False
    """Of a completed delivery: receipts may still be on their way here, so nobody is asked."""


class DecidedEdit(BaseModel):
    """An edit that was adopted or undone; reports of it that are older than the decision are duplicates."""

    new: str
    decided_at: dt.datetime


class Statement(BaseModel):
    """A supplier's last answer to a line as it was given: read again when goods that it knew of are reported later."""

    answer: LineAnswer | None
    """None: the header speaks for the line."""
    header: Literal["accepted", "rejected", "per_line"]
    revision: int
    effective_at: dt.datetime
    heard_on: dt.date
    """The plant's day on which it arrived."""
    currency: str | None = None

    @classmethod
    def of(cls, answer: OrderAnswer, answered: LineAnswer | None, revision: int, today: dt.date) -> "Statement":
        """What an answer says about a line."""
        return cls(
            answer=answered,
            header=answer.header,
            revision=revision,
            effective_at=answer.effective_at,
            heard_on=today,
            currency=answer.currency,
        )


class LineAllocation(BaseModel):
    """A requirement's allocation of a shared line."""

    request: SupplyRequest
    """As granted."""
    allocated: Decimal


class Line(BaseModel):
    """An order line; quantities in the order unit."""

    number: int
    request: SupplyRequest
    """The supply request it serves, as granted; for a shared line, that of the first requirement in R11's order when
    the line was made."""
    quantity: Decimal
    allocated: Decimal
    """The quantity that the requirement needs; the rest is allocated to others or surplus of the lot."""
    other_allocations: list[LineAllocation] = []
    """The other requirements that share it, in R11's order."""
    released: list[SupplyRequest] = []
    """Requests of requirements that no longer share it."""
    delivery_date: dt.date
    price: Decimal
    cancelled: bool = False
    never_sent: bool = False
    """Cancelled before it was sent to the supplier."""
    changed_in: int = 1
    """The revision that last changed it."""
    answered_in: int = 0
    """The newest revision that the supplier answered it in."""
    promised: tuple[ScheduleLine, ...] = ()
    """The supplier's answer, as schedule lines (R9)."""
    answer_rank: AnswerRank | None = None
    """R10: the rank of the supplier's last answer to it."""
    sent_in: int = 1
    """The newest revision sent to the supplier that changed it; 1 before the first sending."""
    submitted: WrittenLine | None = None
    """The line as another system holds it until its people approve it; None: nothing of it waits there."""
    rejected: Decimal = _ZERO
    """The requested quantity that the supplier's answer refused."""
    refused_by_supplier: bool = False
    answered_price: Decimal | None = None
    answered_price_unit: Decimal | None = None
    answered_currency: str | None = None
    despatched: Movements = Field(default_factory=Movements)
    """The quantities that the supplier has announced."""
    doubtful: Decimal = _ZERO
    """The announced quantity that may be the same goods announced again."""
    surplus_expected: Decimal = _ZERO
    """The announced quantity beyond the order that a person expects to arrive."""
    arrivals: Movements = Field(default_factory=Movements)
    """Receipts, less those taken back."""
    returned: Movements = Field(default_factory=Movements)
    """The quantities of it that went back to the supplier, who owes them without a date until the next answer."""
    received_on: dt.date | None = None
    completed_at: dt.datetime | None = None
    """When delivery was completed, though not all had come."""
    undelivered: Decimal = _ZERO
    """The ordered quantity that does not come because of that; no longer part of `quantity`."""
    answered_at: dt.datetime | None = None
    """When the supplier last answered it."""
    answered_on: dt.date | None = None
    """The plant's day at that time."""
    statement: Statement | None = None
    """The last answer to its current version as the supplier gave it."""
    overdue_since: dt.date | None = None
    """R16: the date of its earliest open quantity, once it has passed."""
    overdue_step: OverdueStep = OverdueStep.NOT_DUE
    """What has been done about that."""
    waited_since: dt.date | None = None
    """The day on which the buyer gave the supplier more time for it."""
    written: WrittenLine | None = None
    """The line as the ERP is known to hold it: as last written, adopted, or to be undone."""
    adopted: bool = False
    """An edit was adopted: the change must be sent to the supplier, but not to the ERP."""
    edits: dict[EditedField, LineEdit] = {}
    """Edits that wait for a person."""
    edit_ranks: dict[EditedField, tuple[dt.datetime, str]] = {}
    """R10: the newest edit of each field, by effective time and id."""
    edits_decided: dict[EditedField, DecidedEdit] = {}

    # -- its allocations

    @property
    def allocations(self) -> list[LineAllocation]:
        """The allocation of each requirement, the first one's first."""
        return [LineAllocation(request=self.request, allocated=self.allocated), *self.other_allocations]

    @property
    def requirements(self) -> list[RequirementId]:
        """The requirements that it serves."""
        return [
            self.request.requirement_id,
            *(allocation.request.requirement_id for allocation in self.other_allocations),
        ]

    def serves(self, requirement: RequirementId) -> bool:
        """Whether the requirement has an allocation of it."""
        return self.request.requirement_id == requirement or (
            bool(self.other_allocations) and requirement in self.requirements
        )

    @property
    def whose(self) -> dict[str, JsonValue]:
        """The requirements that an audit event of the line concerns; for a shared line, all of them."""
        if self.other_allocations:
            return {"requirement_ids": [*self.requirements]}
        return {"requirement_id": self.request.requirement_id}

    @property
    def criticality(self) -> Criticality:
        """The criticality of its most critical requirement."""
        return min(
            (self.request.criticality, *(allocation.request.criticality for allocation in self.other_allocations))
        )

    def request_of(self, requirement: RequirementId) -> SupplyRequest:
        """The requirement's supply request, as granted."""
        return next(
            (
                allocation.request
                for allocation in self.other_allocations
                if allocation.request.requirement_id == requirement
            ),
            self.request,
        )

    def allocated_to(self, requirement: RequirementId) -> Decimal:
        """The quantity allocated to the requirement."""
        return next(
            (
                allocation.allocated
                for allocation in self.other_allocations
                if allocation.request.requirement_id == requirement
            ),
            self.allocated,
        )

    def set_allocated(self, requirement: RequirementId, allocated: Decimal) -> None:
        """Set the quantity allocated to the requirement."""
        for allocation in self.other_allocations:
            if allocation.request.requirement_id == requirement:
                allocation.allocated = allocated
                return
        self.allocated = allocated

    def grant(self, request: SupplyRequest) -> None:
        """Replace the requirement's supply request on the line."""
        if self.other_allocations and self.received:
            # Received goods are not reallocated: R11 keeps its order.
            served = self.request_of(request.requirement_id)
            order = {"criticality": served.criticality, "required_date": served.required_date}
            request = request.model_copy(update=order)
        for allocation in self.other_allocations:
            if allocation.request.requirement_id == request.requirement_id:
                allocation.request = request
                return
        self.request = request

    def let_go(self, request: SupplyRequest) -> None:
        """Remove the requirement from the shared line; if it was the first, the next one takes its place."""
        self.released.append(request)
        allocations = [
            allocation for allocation in self.allocations if allocation.request.requirement_id != request.requirement_id
        ]
        self.request, self.allocated, self.other_allocations = (
            allocations[0].request,
            allocations[0].allocated,
            allocations[1:],
        )

    # -- its state

    @property
    def status(self) -> LineStatus:
        """The current status."""
        if self.never_sent:
            return LineStatus.NEVER_SENT
        answered = self.answered_in >= self.changed_in
        if self.cancelled:
            return LineStatus.CANCELLED if answered or self.refused_by_supplier else LineStatus.CANCELLING
        if 0 < self.quantity <= self.received:
            return LineStatus.RECEIVED
        if not answered:
            return LineStatus.AWAITED if self.submitted is None else LineStatus.APPROVING
        return LineStatus.DELIVERING if self.shipped or self.received else LineStatus.CONFIRMED

    @property
    def awaited(self) -> bool:
        """The supplier has not answered it yet."""
        return self.status in (LineStatus.AWAITED, LineStatus.APPROVING, LineStatus.CANCELLING)

    @property
    def closed(self) -> bool:
        """Nothing more is expected."""
        return self.status in _CLOSED

    @property
    def open(self) -> bool:
        """It may still be changed."""
        return self.status in _OPEN

    @property
    def received(self) -> Decimal:
        """The quantity received and not taken back."""
        return max(_ZERO, self.arrivals.total)

    @property
    def overdrawn(self) -> Decimal:
        """The quantity taken back whose receipt was not reported yet."""
        return max(_ZERO, -self.arrivals.total)

    @property
    def shipped(self) -> Decimal:
        """The total quantity that the supplier has announced."""
        return max(_ZERO, self.despatched.total)

    def delivered_by(self, at: dt.datetime) -> tuple[Decimal, Decimal]:
        """The quantities despatched or received, and received, by then: what an answer of that time knew of."""
        received = max(_ZERO, self.arrivals.until(at))
        gone = self.despatched.until(at) - self.returned.until(at)
        return min(max(received, gone), self.asked_quantity), min(received, self.asked_quantity)

    @property
    def counted_shipped(self) -> Decimal:
        """The announced quantity that counts: the same goods may be announced twice."""
        sure = self.shipped - self.doubtful
        if not self.cancelled:
            sure = min(sure, self.quantity + self.surplus_expected)
        return max(sure, min(self.received, self.shipped))

    @property
    def over_announced(self) -> bool:
        """More is announced than can be counted on, and nobody has confirmed yet whether it is coming."""
        return self.open and self.shipped > self.counted_shipped

    @property
    def in_transit(self) -> Decimal:
        """Shipped and not received yet."""
        return max(_ZERO, self.counted_shipped - self.received - max(_ZERO, self.returned.total))

    @property
    def last_answer(self) -> tuple[object, ...]:
        """The supplier's last answer, for comparison."""
        price = (self.answered_price, self.answered_price_unit, self.answered_currency)
        return (self.answered_in, self.promised, price)

    def answered_after(self, rank: AnswerRank) -> bool:
        """R10: whether its last answer is at least as new as this rank."""
        return self.answer_rank is not None and rank <= self.answer_rank

    # -- its transitions

    def _admit(self, event: LineEvent) -> None:
        if event not in TRANSITIONS[self.status]:
            raise TransitionError(f"line {self.number} is {self.status}: {event} is not possible")

    def _ask_in(self, revision: int) -> None:
        """Request the line in this revision, which is not answered yet."""
        self.changed_in, self.answered_in = revision, min(self.answered_in, revision - 1)
        self.statement = None

    def revise(self, revision: int, quantity: Decimal, delivery_date: dt.date) -> None:
        """Change it in this revision; if nothing differs, it is sent again.

        The price follows the price breaks, unless somebody has agreed on another one.
        """
        self._admit(LineEvent.REVISE)
        if self.price == self.request.price_of(self.quantity):
            self.price = self.request.price_of(quantity)
        self.quantity, self.delivery_date, self.rejected = quantity, delivery_date, _ZERO
        self.completed_at, self.undelivered = None, _ZERO
        self._ask_in(revision)

    def hear(self, statement: Statement) -> None:
        """Note what the supplier said about it; `answer` applies what that means."""
        self.statement = statement

    def answer(
        self,
        revision: int,
        reading: ReadAnswer,
        answered_at: dt.datetime,
        answered_on: dt.date,
        price: Decimal | None = None,
        price_unit: Decimal | None = None,
        currency: str | None = None,
    ) -> bool:
        """Apply the supplier's answer to this revision; returns whether that changes the quantity.

        `answered_on`: the plant's day at `answered_at`.
        """
        self._admit(LineEvent.ANSWER)
        self.promised, self.answered_in = reading.schedule_lines, revision
        self.answered_at = max(answered_at, self.answered_at or answered_at)
        self.answered_on = max(answered_on, self.answered_on or answered_on)
        self.answered_price, self.answered_price_unit, self.answered_currency = price, price_unit, currency
        self.completed_at = None  # the supplier speaks of what is expected again since
        if reading.rejected == self.rejected:
            return False
        self.quantity, self.rejected = self.asked_quantity - reading.rejected, reading.rejected
        self.refused_by_supplier = self.rejected > 0
        self.cancelled = self.quantity <= 0
        return True

    @property
    def asked_quantity(self) -> Decimal:
        """The quantity requested from the supplier, including any that was refused."""
        return self.quantity + self.rejected

    def rank_answer(self, rank: AnswerRank) -> None:
        """R10: note that an answer of this rank named the line."""
        self.answer_rank = rank

    def cancel(self, revision: int) -> None:
        """Cancel it from this revision on: nobody needs it any more."""
        self._admit(LineEvent.CANCEL)
        self.quantity, self.rejected, self.cancelled = _ZERO, _ZERO, True
        self.completed_at, self.undelivered = None, _ZERO
        self._ask_in(revision)

    def ask_again(self, revision: int) -> None:
        """Request it in this revision as it is, since the document that requested it was rejected."""
        if not self.never_sent and self.status is not LineStatus.RECEIVED:
            self._ask_in(revision)

    def give_up(self, revision: int | None) -> None:
        """Cancel it on a person's decision, whatever the supplier answers; None: this needs no revision."""
        self._admit(LineEvent.CANCEL)
        self.cancelled = self.refused_by_supplier = True
        self.changed_in = self.changed_in if revision is None else revision

    def ship(self, quantity: Decimal, at: dt.datetime, *, doubtful: bool = False) -> None:
        """Add an announced quantity; `doubtful`: the same goods may have been announced before."""
        self._admit(LineEvent.SHIP)
        self.despatched.add(at, quantity)
        self.doubtful += quantity if doubtful else _ZERO

    def unship(self, quantity: Decimal, at: dt.datetime) -> None:
        """Take an announcement back that was made then: its despatch advice is cancelled or replaced."""
        self._admit(LineEvent.SHIP)
        self.despatched.add(at, -quantity)
        self.doubtful = min(self.doubtful, self.shipped)

    def settle_announcement(self, *, coming: bool) -> None:
        """Settle what was announced beyond what counts: it is coming, or the same goods were announced twice."""
        self._admit(LineEvent.SHIP)
        if coming:
            self.doubtful = _ZERO
            self.surplus_expected = max(_ZERO, self.shipped - self.quantity)
        else:
            self.despatched.cut_to(self.counted_shipped)
            self.doubtful = _ZERO

    @property
    def observed(self) -> dict[str, str]:
        """What an order that is only observed would bring."""
        date = self.delivery_date.isoformat()
        quantity = "0" if self.cancelled else str(self.quantity)
        unit, item = self.request.unit, self.request.item
        return {"line": str(self.number), "item": item, "quantity": quantity, "unit": unit, "delivery_date": date}

    def receive(self, quantity: Decimal, date: dt.date, effective_at: dt.datetime) -> None:
        """Add a received quantity."""
        self._admit(LineEvent.RECEIVE)
        self.arrivals.add(effective_at, quantity)
        self.received_on = max(date, self.received_on or date)
        self._count_completed()

    def take_back(self, quantity: Decimal, effective_at: dt.datetime, *, returned: bool) -> None:
        """Deduct a received quantity; `returned`: it went back to the supplier, else its receipt was a mistake."""
        self._admit(LineEvent.TAKE_BACK)
        self.arrivals.add(effective_at, -quantity)
        if returned:
            self.returned.add(effective_at, quantity)
        self._count_completed()

    def close(self, at: dt.datetime, revision: int) -> None:
        """Delivery was completed then: the line is for what has come. `revision`: the newest one sent.

        A change that the supplier never received is void. Without a receipt this has no effect until there is one.
        """
        self._admit(LineEvent.CLOSE)
        self.completed_at = max(at, self.completed_at or at)
        self._count_completed()
        if self.status is LineStatus.RECEIVED:
            self.changed_in = min(self.changed_in, revision)

    def reopen(self) -> None:
        """Delivery is not completed after all."""
        self._admit(LineEvent.REOPEN)
        self.quantity, self.undelivered, self.completed_at = self.quantity + self.undelivered, _ZERO, None

    def _count_completed(self) -> None:
        """Once delivery is completed, the line is for the most that was there at a time since.

        So receipts that are reported late still count, and what is returned afterwards is expected again.
        """
        if self.cancelled or self.completed_at is None:
            return
        ordered, came = self.quantity + self.undelivered, self.arrivals.most_since(self.completed_at)
        self.quantity = min(ordered, came) if came > 0 else ordered
        self.undelivered = ordered - self.quantity

    def complete(self, *, nothing_comes: bool = False) -> None:
        """Settle its cancellation; `nothing_comes`: its promised quantities are cancelled as well."""
        self._admit(LineEvent.COMPLETE)
        self.answered_in = self.changed_in
        if nothing_comes:
            self.promised = ()

    def complete_unsent(self) -> None:
        """Settle its cancellation: it was never sent to the supplier."""
        self._admit(LineEvent.COMPLETE)
        self.never_sent = True

    def adopt(
        self,
        revision: int,
        erp: WrittenLine,
        edits: Collection[LineEdit],
        decided_at: dt.datetime,
        *,
        sent: bool,
        given_up: bool = False,
    ) -> None:
        """Change it to what people edited in the ERP; `sent`: the supplier has the line and must answer the change.

        `given_up`: it is cancelled, though the ERP still has it.
        """
        self._admit(LineEvent.ADOPT)
        fields = {edit.field for edit in edits}
        revived = self.cancelled and not (erp.deleted or given_up)
        self.rejected = _ZERO
        if "quantity" in fields or revived:
            self.quantity = erp.quantity
            self.completed_at, self.undelivered = None, _ZERO
        if "delivery_date" in fields:
            self.delivery_date = erp.delivery_date
        if "price" in fields:
            self.price = erp.price
        if revived:
            self.refused_by_supplier = False
        self.cancelled = erp.deleted or given_up or self.quantity <= 0
        self.written, self.adopted = erp, True
        self._ask_in(revision)
        if self.cancelled and not sent:
            self.answered_in = revision
        self._close_edits(edits, decided_at)

    def undo(self, erp: WrittenLine, edits: Collection[LineEdit], decided_at: dt.datetime) -> None:
        """Keep it unchanged; the ERP, which holds something else, must be corrected."""
        self._admit(LineEvent.UNDO)
        self.written = erp
        self._close_edits(edits, decided_at)

    # -- approval by people of another system

    def submit(self) -> None:
        """Another system holds it, as it is now, until its people approve it."""
        self._admit(LineEvent.SUBMIT)
        self.submitted = self.as_asked

    def approve(self) -> None:
        """They have approved it: the ERP holds it as it was submitted, whatever it has become since."""
        if self.submitted is not None:
            self._admit(LineEvent.APPROVE)
            self.written, self.submitted, self.adopted = self.submitted, None, False

    def withdraw(self) -> None:
        """Nothing of it waits any more, and nothing was approved."""
        if self.submitted is not None:
            self._admit(LineEvent.WITHDRAW)
            self.submitted = None

    @property
    def changed_since_sent(self) -> bool:
        """It has changed, and the ERP still holds what the supplier last got."""
        alive = self.written is not None and not self.written.deleted and self.written.quantity > 0
        return alive and self.changed_in > self.sent_in and not (self.cancelled and self.closed)

    def keep(self) -> None:
        """Give up a change that was not approved: the line is as the ERP holds it and the supplier last got it."""
        self._admit(LineEvent.KEEP)
        held = self.written or self.as_asked
        self.quantity, self.delivery_date, self.price = held.quantity, held.delivery_date, held.price
        self.cancelled, self.rejected, self.adopted = held.deleted or held.quantity <= 0, _ZERO, False
        self.changed_in = self.sent_in

    # -- edits that wait for a person

    def rank_edit(self, field: EditedField, rank: tuple[dt.datetime, str]) -> None:
        """R10: note the rank of an edit."""
        self.edit_ranks[field] = max(rank, self.edit_ranks.get(field, rank))

    def hold_edit(self, edit: LineEdit) -> None:
        """Let the edit wait for a person's decision."""
        self.edits[edit.field] = edit

    def name_editor(self, field: EditedField, new: str, edited_by: str) -> None:
        """Add the editor to a known edit, since nobody may decide their own (R15)."""
        waiting = self.edits.get(field)
        if waiting is not None and waiting.new == new and waiting.edited_by == UNKNOWN_EDITOR:
            self.edits[field] = waiting.model_copy(update={"edited_by": edited_by})

    def take_back_edit(self, field: EditedField) -> bool:
        """Drop the waiting edit of the field; returns whether there was one."""
        return self.edits.pop(field, None) is not None

    def _close_edits(self, edits: Collection[LineEdit], decided_at: dt.datetime) -> None:
        for edit in edits:
            self.edits.pop(edit.field, None)
            self.edits_decided[edit.field] = DecidedEdit(new=edit.new, decided_at=decided_at)

    # -- its supply

    @property
    def supply(self) -> tuple[ScheduleLine, ...]:
        """Its schedule lines: received and shipped quantities first, then those promised, else those ordered."""
        if self.cancelled and self.received == 0:
            return ()
        pieces = self.promised
        if not self.answered_in:
            pieces = (ScheduleLine(quantity=self.quantity, date=self.delivery_date, state=ScheduleLineState.ORDERED),)
        supply: list[ScheduleLine] = []
        if self.received:
            supply.append(ScheduleLine(quantity=self.received, date=self.received_on, state=ScheduleLineState.RECEIVED))
        if self.status is LineStatus.RECEIVED:
            return tuple(supply)
        moving, owed = self.in_transit, self._owed
        for piece in self._still_to_come(pieces, owed):
            under_way = min(moving, piece.quantity)
            moving -= under_way
            if under_way:
                supply.append(piece.model_copy(update={"quantity": under_way, "state": ScheduleLineState.SHIPPED}))
            if piece.quantity > under_way and not self.cancelled:
                state = ScheduleLineState.CONFIRMED if piece.state is ScheduleLineState.SHIPPED else piece.state
                supply.append(piece.model_copy(update={"quantity": piece.quantity - under_way, "state": state}))
        if owed and not self.cancelled:
            supply.append(ScheduleLine(quantity=owed, date=None, state=ScheduleLineState.BACKORDERED))
        return tuple(supply)

    @property
    def _owed(self) -> Decimal:
        """Returned to the supplier since the last answer: nobody has said when it comes again."""
        if self.cancelled:
            return _ZERO
        since = self.returned.total - self.returned.until(self.answered_at)
        return max(_ZERO, min(since, self.quantity - self.received))

    def _still_to_come(self, pieces: Iterable[ScheduleLine], owed: Decimal) -> list[ScheduleLine]:
        """The promise minus what came of it, by date.

        Goods that came before the answer are the part of it that was despatched by then, and no part of what it
        promises for later if it left any quantity without a date.
        """
        by_date = sorted(
            pieces,
            key=lambda part: (
                part.state is not ScheduleLineState.SHIPPED,
                part.date is None,
                part.date or dt.date.max,
            ),
        )
        left = [piece.quantity for piece in by_date]
        answered_on = self.answered_on or dt.date.max
        past_first = sorted(
            range(len(left)),
            key=lambda place: (
                by_date[place].state is not ScheduleLineState.SHIPPED,
                (by_date[place].date or answered_on) > answered_on,
            ),
        )
        came = self.received + owed
        before = min(max(_ZERO, self.arrivals.until(self.answered_at)), came)
        for arrived, places in ((before, past_first), (came - before, range(len(left)))):
            for place in places:
                taken = min(arrived, left[place])
                left[place] -= taken
                arrived -= taken
        if self.undelivered:
            beyond = sum(left, _ZERO) - max(_ZERO, self.quantity - came)
            for place in reversed(range(len(left))):
                taken = min(max(_ZERO, beyond), left[place])
                left[place] -= taken
                beyond -= taken
        return [piece.model_copy(update={"quantity": rest}) for piece, rest in zip(by_date, left, strict=True) if rest]

    # -- its dates

    @property
    def due_on(self) -> dt.date | None:
        """The earliest date of what is still to come; None: nothing is, or it has no firm date."""
        if not self.open:
            return None
        still = (part.date for part in self.supply if part.state not in NOT_FIRM)
        return min((day for day in still if day is not None), default=None)

    def follow_date(self) -> None:
        """Forget that it was overdue, once a receipt, a new date or a cancellation has ended that."""
        if self.overdue_since is not None and self.overdue_since != self.due_on:
            self.overdue_since, self.overdue_step, self.waited_since = None, OverdueStep.NOT_DUE, None

    def reach_overdue(self, day: dt.date, step: OverdueStep) -> None:
        """Note what has been done about its date, which has passed."""
        self.overdue_since, self.overdue_step = day, step

    def wait_for_delivery(self, since: dt.date) -> None:
        """Give the supplier more time for what is overdue: it is reminded again first."""
        self.waited_since, self.overdue_step = since, min(self.overdue_step, OverdueStep.TEST_AGAIN)

    # -- what the ERP holds

    @property
    def as_asked(self) -> WrittenLine:
        """The line as the ERP should hold it."""
        return WrittenLine(
            quantity=self.quantity, delivery_date=self.delivery_date, price=self.price, deleted=self.cancelled
        )

    @property
    def differs_from_erp(self) -> bool:
        """Whether the ERP is known to hold something else."""
        if self.written is None:
            return True
        held = self.written.model_copy(update={"schedule": (), "completed": False, "blocked": False})
        return held != self.as_asked

    def mark_in_erp(self) -> None:
        """Note that the ERP now holds the line as requested."""
        self.written, self.adopted = self.as_asked, False

    def mark_scheduled(self, schedule: tuple[DeliveryLine, ...], *, completed: bool) -> None:
        """Note that the ERP now holds these deliveries, and their sum as the quantity; or that it has completed the
        delivery, upon which nothing else was written.
        """
        quantity = sum((row.quantity for row in schedule), _ZERO)
        if self.written is None or not quantity:
            return
        changes = {"completed": True} if completed else {"quantity": quantity, "schedule": schedule, "completed": False}
        self.written = self.written.model_copy(update=changes)

    def mark_sent(self) -> None:
        """Note that the supplier has its current version."""
        self.adopted, self.sent_in = False, self.changed_in

    def document(self, for_erp: bool = False) -> DocumentLine:
        """The line for the documents; only the ERP's also has the values that the ERP is known to hold."""
        request = self.request
        return DocumentLine(
            line=self.number,
            item=request.item,
            description=request.description,
            material_group=request.material_group,
            quantity=self.quantity,
            unit=request.unit,
            delivery_date=self.delivery_date,
            price=self.price,
            price_unit=request.price_unit,
            requirement_reference=requirement_reference(request.requirement_id),
            info_record=request.info_record,
            agreement=request.agreement,
            cancelled=self.cancelled,
            rejected=self.cancelled and self.refused_by_supplier,
            components=self.components,
            written=self.written if for_erp else None,
        )

    @property
    def components(self) -> tuple[ComponentLine, ...]:
        """The components provided to a subcontractor for the whole line, one entry per item."""
        if self.quantity <= 0:
            return ()
        given: dict[str, ComponentLine] = {}
        for part in self.request.components:
            known = given.get(part.item)
            units = Decimal(1) if part.fixed else self.quantity
            quantity = (units * part.per_unit).quantize(_FINEST, ROUND_UP)
            given[part.item] = ComponentLine(
                item=part.item,
                quantity=quantity + (known.quantity if known else 0),
                unit=part.unit,
                date=min(part.date, known.date) if known else part.date,
            )
        return tuple(given.values())
