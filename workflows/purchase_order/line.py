"""A line of a PurchaseOrder: its states and transitions, its allocations, and what supplier and ERP hold.

No other module sets its fields. Whether a change is made at all is decided elsewhere (R3 in changes, R10 in messages
and edits); a transition that TRANSITIONS does not name is a programming error.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from decimal import ROUND_UP, Decimal
from enum import StrEnum
from types import MappingProxyType

from pydantic import BaseModel, JsonValue

from canonical.base import Criticality
from canonical.identity import RequirementId, requirement_reference
from canonical.order import ComponentLine, DeliveryLine, DocumentLine, EditedField, WrittenLine
from canonical.supply import ScheduleLine, ScheduleLineState, SupplyRequest
from decisions.answers import ReadAnswer
from decisions.ordering import AnswerRank
from decisions.overdue import OverdueStep

UNKNOWN_EDITOR = "unknown"
"""The editor that the ERP's adapter reports if the ERP does not name one."""
_FINEST = Decimal("0.000001")
_ZERO = Decimal(0)
NOT_FIRM = (ScheduleLineState.RECEIVED, ScheduleLineState.BACKORDERED)
"""The states in which nothing is waited for by its date."""


class LineStatus(StrEnum):
    """The status of a line; derived from its fields, never set."""

    AWAITED = "awaited"
    """Open; the supplier has not answered its current version."""
    CONFIRMED = "confirmed"
    DELIVERING = "delivering"
    """Answered, and some of it is shipped or received."""
    RECEIVED = "received"
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
    COMPLETE = "complete"
    ADOPT = "adopt"
    UNDO = "undo"


_S = LineStatus
_OPEN = frozenset({_S.AWAITED, _S.CONFIRMED, _S.DELIVERING})
_CLOSED = frozenset({_S.RECEIVED, _S.CANCELLED, _S.NEVER_SENT})


def _to(*statuses: LineStatus) -> frozenset[LineStatus]:
    return frozenset(statuses)


_REVISED = _to(_S.AWAITED, _S.RECEIVED)
_ANSWERED = _to(_S.CONFIRMED, _S.DELIVERING, _S.RECEIVED, _S.CANCELLED)
_CANCELLED = _to(_S.CANCELLING, _S.CANCELLED)
_ADOPTED = _to(_S.AWAITED, _S.RECEIVED, _S.CANCELLING, _S.CANCELLED)

TRANSITIONS: Mapping[LineStatus, Mapping[LineEvent, frozenset[LineStatus]]] = MappingProxyType(
    {
        _S.AWAITED: {
            LineEvent.REVISE: _REVISED,
            LineEvent.ANSWER: _ANSWERED,
            LineEvent.CANCEL: _CANCELLED,
            LineEvent.SHIP: _to(_S.AWAITED),
            LineEvent.RECEIVE: _to(_S.AWAITED, _S.RECEIVED),
            LineEvent.ADOPT: _ADOPTED,
            LineEvent.UNDO: _to(_S.AWAITED),
        },
        _S.CONFIRMED: {
            LineEvent.REVISE: _to(_S.AWAITED),
            LineEvent.ANSWER: _to(_S.CONFIRMED, _S.CANCELLED),
            LineEvent.CANCEL: _CANCELLED,
            LineEvent.SHIP: _to(_S.DELIVERING),
            LineEvent.RECEIVE: _to(_S.DELIVERING, _S.RECEIVED),
            LineEvent.ADOPT: _to(_S.AWAITED, _S.CANCELLING, _S.CANCELLED),
            LineEvent.UNDO: _to(_S.CONFIRMED),
        },
        _S.DELIVERING: {
            LineEvent.REVISE: _REVISED,
            LineEvent.ANSWER: _to(_S.DELIVERING, _S.RECEIVED, _S.CANCELLED),
            LineEvent.CANCEL: _CANCELLED,
            LineEvent.SHIP: _to(_S.DELIVERING),
            LineEvent.RECEIVE: _to(_S.DELIVERING, _S.RECEIVED),
            LineEvent.ADOPT: _ADOPTED,
            LineEvent.UNDO: _to(_S.DELIVERING),
        },
        _S.RECEIVED: {
            LineEvent.SHIP: _to(_S.RECEIVED),
            LineEvent.RECEIVE: _to(_S.RECEIVED),
            LineEvent.ADOPT: _ADOPTED,
            LineEvent.UNDO: _to(_S.RECEIVED),
        },
        _S.CANCELLING: {
            LineEvent.SHIP: _to(_S.CANCELLING),
            LineEvent.RECEIVE: _to(_S.CANCELLING),
            LineEvent.COMPLETE: _to(_S.CANCELLED),
            LineEvent.ADOPT: _to(_S.AWAITED, _S.RECEIVED, _S.CANCELLING),
            LineEvent.UNDO: _to(_S.CANCELLING),
        },
        _S.CANCELLED: {
            LineEvent.SHIP: _to(_S.CANCELLED),
            LineEvent.RECEIVE: _to(_S.CANCELLED),
            LineEvent.COMPLETE: _to(_S.CANCELLED, _S.NEVER_SENT),
            LineEvent.ADOPT: _ADOPTED,
            LineEvent.UNDO: _to(_S.CANCELLED),
        },
        _S.NEVER_SENT: {
            LineEvent.SHIP: _to(_S.NEVER_SENT),
            LineEvent.RECEIVE: _to(_S.NEVER_SENT),
            LineEvent.COMPLETE: _to(_S.NEVER_SENT),
        },
    }
)
"""The events allowed in each status of a line, with the statuses that may follow.

Goods can arrive at any time. Only an adopted edit reopens a closed line.
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


class DecidedEdit(BaseModel):
    """An edit that was adopted or undone; reports of it that are older than the decision are duplicates."""

    new: str
    decided_at: dt.datetime


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
    rejected: Decimal = _ZERO
    """The requested quantity that the supplier's answer refused."""
    refused_by_supplier: bool = False
    answered_price: Decimal | None = None
    answered_price_unit: Decimal | None = None
    answered_currency: str | None = None
    shipped: Decimal = _ZERO
    """The total quantity that the supplier has announced."""
    surplus_expected: Decimal = _ZERO
    """The quantity of it beyond the order that a person expects to arrive."""
    received: Decimal = _ZERO
    received_on: dt.date | None = None
    answered_at: dt.datetime | None = None
    """When the supplier last answered it."""
    answered_on: dt.date | None = None
    """The plant's day at that time."""
    received_before_answer: Decimal = _ZERO
    """The quantity received by then: an answer for less than was ordered refers to the rest."""
    received_since: list[tuple[dt.datetime, Decimal]] = []
    """Receipts after it: time and quantity."""
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
            return LineStatus.AWAITED
        return LineStatus.DELIVERING if self.shipped or self.received else LineStatus.CONFIRMED

    @property
    def awaited(self) -> bool:
        """The supplier has not answered it yet."""
        return self.status in (LineStatus.AWAITED, LineStatus.CANCELLING)

    @property
    def closed(self) -> bool:
        """Nothing more is expected."""
        return self.status in _CLOSED

    @property
    def open(self) -> bool:
        """It may still be changed."""
        return self.status in _OPEN

    @property
    def counted_shipped(self) -> Decimal:
        """The announced quantity that counts: the same goods may be announced twice."""
        if self.cancelled:
            return self.shipped
        return min(self.shipped, self.quantity + self.surplus_expected)

    @property
    def over_announced(self) -> bool:
        """More is announced than was ordered, and nobody has confirmed yet whether it is coming."""
        return self.open and self.shipped > self.counted_shipped

    @property
    def in_transit(self) -> Decimal:
        """Shipped and not received yet."""
        return max(_ZERO, self.counted_shipped - self.received)

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

    def revise(self, revision: int, quantity: Decimal, delivery_date: dt.date) -> None:
        """Change it in this revision; if nothing differs, it is sent again.

        The price follows the price breaks, unless somebody has agreed on another one.
        """
        self._admit(LineEvent.REVISE)
        if self.price == self.request.price_of(self.quantity):
            self.price = self.request.price_of(quantity)
        self.quantity, self.delivery_date, self.rejected = quantity, delivery_date, _ZERO
        self._ask_in(revision)

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
        known = [each for each in self.received_since if each[0] <= self.answered_at]
        self.received_before_answer += sum((quantity for _, quantity in known), _ZERO)
        self.received_since = [each for each in self.received_since if each not in known]
        self.answered_price, self.answered_price_unit, self.answered_currency = price, price_unit, currency
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

    def ship(self, quantity: Decimal) -> None:
        """Add an announced quantity."""
        self._admit(LineEvent.SHIP)
        self.shipped += quantity

    def settle_announcement(self, *, coming: bool) -> None:
        """Settle an announcement beyond the order: it is coming, or the same goods were announced twice."""
        self._admit(LineEvent.SHIP)
        if coming:
            self.surplus_expected = max(_ZERO, self.shipped - self.quantity)
        else:
            self.shipped = self.counted_shipped

    def receive(self, quantity: Decimal, date: dt.date, effective_at: dt.datetime) -> None:
        """Add a received quantity."""
        self._admit(LineEvent.RECEIVE)
        self.received += quantity
        if self.answered_at is not None and effective_at <= self.answered_at:
            self.received_before_answer += quantity
        else:
            self.received_since.append((effective_at, quantity))
        self.received_on = max(date, self.received_on or date)

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
        self, revision: int, erp: WrittenLine, edits: Collection[LineEdit], decided_at: dt.datetime, *, sent: bool
    ) -> None:
        """Change it to what people edited in the ERP; `sent`: the supplier has the line and must answer the change."""
        self._admit(LineEvent.ADOPT)
        fields = {edit.field for edit in edits}
        revived = self.cancelled and not erp.deleted
        self.rejected = _ZERO
        if "quantity" in fields or revived:
            self.quantity = erp.quantity
        if "delivery_date" in fields:
            self.delivery_date = erp.delivery_date
        if "price" in fields:
            self.price = erp.price
        if revived:
            self.refused_by_supplier = False
        self.cancelled = erp.deleted or self.quantity <= 0
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
        moving = self.in_transit
        for piece in self._still_to_come(pieces):
            under_way = min(moving, piece.quantity)
            moving -= under_way
            if under_way:
                supply.append(piece.model_copy(update={"quantity": under_way, "state": ScheduleLineState.SHIPPED}))
            if piece.quantity > under_way and not self.cancelled:
                supply.append(piece.model_copy(update={"quantity": piece.quantity - under_way}))
        return tuple(supply)

    def _still_to_come(self, pieces: Iterable[ScheduleLine]) -> list[ScheduleLine]:
        """The promise minus received quantities, by date.

        Goods received before the answer are not part of a promise for a later date if the answer left any quantity
        without a date: it then refers to the rest.
        """
        by_date = sorted(pieces, key=lambda part: (part.date is None, part.date or dt.date.max))
        left = [piece.quantity for piece in by_date]
        answered_on = self.answered_on or dt.date.max
        past_first = sorted(
            range(len(left)),
            key=lambda place: (by_date[place].date or answered_on) > answered_on,
        )
        before = min(self.received_before_answer, self.received)
        for arrived, places in ((before, past_first), (self.received - before, range(len(left)))):
            for place in places:
                taken = min(arrived, left[place])
                left[place] -= taken
                arrived -= taken
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
        return self.written is None or self.written.model_copy(update={"schedule": ()}) != self.as_asked

    def mark_in_erp(self) -> None:
        """Note that the ERP now holds the line as requested."""
        self.written, self.adopted = self.as_asked, False

    def mark_scheduled(self, schedule: tuple[DeliveryLine, ...]) -> None:
        """Note that the ERP now holds these deliveries, and their sum as the quantity."""
        quantity = sum((row.quantity for row in schedule), _ZERO)
        if self.written is not None and quantity:
            self.written = self.written.model_copy(update={"quantity": quantity, "schedule": schedule})

    def mark_sent(self) -> None:
        """Note that the supplier has its current version."""
        self.adopted = False

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
