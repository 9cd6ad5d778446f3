"""A line of a PurchaseOrder: whom it serves, what supplier and ERP hold of it, and what people edited in the ERP."""

import datetime as dt
from decimal import ROUND_UP, Decimal

from pydantic import BaseModel, JsonValue

from canonical.base import Criticality
from canonical.identity import RequirementId, requirement_reference
from canonical.order import ComponentLine, DeliveryLine, DocumentLine, EditedField, WrittenLine
from canonical.supply import ScheduleLine, ScheduleLineState, SupplyRequest
from decisions.ordering import AnswerRank

UNKNOWN_EDITOR = "unknown"
"""What the ERP's adapter says where the ERP does not tell who edited."""
_FINEST = Decimal("0.000001")


class LineEdit(BaseModel):
    """A person's edit of one field in the ERP, not decided yet; values as canonical.order.edited_value spells them."""

    field: EditedField
    old: str
    new: str
    edited_by: str
    effective_at: dt.datetime
    deliveries: tuple[DeliveryLine, ...] = ()
    """All of the line's deliveries, where they were found together with the edit."""


class DecidedEdit(BaseModel):
    """An edit that was adopted or undone: told again from before that moment, it is nothing new."""

    new: str
    decided_at: dt.datetime


class LineAllocation(BaseModel):
    """What a requirement has of a line that several share."""

    request: SupplyRequest
    """As granted."""
    allocated: Decimal


class Line(BaseModel):
    """An order line; quantities in the order unit."""

    number: int
    request: SupplyRequest
    """The supply request it serves, as granted; of a shared line, that of the first requirement in R11's order as it
    was made."""
    quantity: Decimal
    allocated: Decimal
    """What of the quantity the requirement needs; the rest is the others' or surplus of the lot."""
    other_allocations: list[LineAllocation] = []
    """The other requirements that share it, in that order."""
    released: list[SupplyRequest] = []
    """Of requirements that shared it and have left."""
    delivery_date: dt.date
    price: Decimal
    cancelled: bool = False
    never_sent: bool = False
    """Cancelled before the supplier heard of it."""
    changed_in: int = 1
    """The revision that last changed it."""
    answered_in: int = 0
    """The newest revision that the supplier answered it in."""
    promised: tuple[ScheduleLine, ...] = ()
    """The supplier's answer, as schedule lines (R9)."""
    answer_rank: AnswerRank | None = None
    """R10: where the answer stands that the supplier last gave it."""
    rejected: Decimal = Decimal(0)
    """What the supplier's answer takes off the quantity that was asked."""
    refused_by_supplier: bool = False
    answered_price: Decimal | None = None
    answered_price_unit: Decimal | None = None
    answered_currency: str | None = None
    shipped: Decimal = Decimal(0)
    received: Decimal = Decimal(0)
    received_on: dt.date | None = None
    written: WrittenLine | None = None
    """What the ERP holds as far as we know: as last written, adopted, or to be undone."""
    adopted: bool = False
    """The ERP holds what a person edited and another adopted; the supplier is to be told, the ERP is not."""
    edits: dict[EditedField, LineEdit] = {}
    """Edits that wait for a person."""
    edit_ranks: dict[EditedField, tuple[dt.datetime, str]] = {}
    """R10: the newest edit of each field, by effective time and id."""
    edits_decided: dict[EditedField, DecidedEdit] = {}

    # -- whom it serves

    @property
    def allocations(self) -> list[LineAllocation]:
        """What each requirement has of it, the first one's first."""
        return [LineAllocation(request=self.request, allocated=self.allocated), *self.other_allocations]

    @property
    def requirements(self) -> list[RequirementId]:
        """Those that it serves."""
        return [
            self.request.requirement_id,
            *(allocation.request.requirement_id for allocation in self.other_allocations),
        ]

    def serves(self, requirement: RequirementId) -> bool:
        """Whether the requirement has a part of it."""
        return self.request.requirement_id == requirement or (
            bool(self.other_allocations) and requirement in self.requirements
        )

    @property
    def whose(self) -> dict[str, JsonValue]:
        """Whom an audit event of the line concerns; of a shared one it is told to all of them."""
        if self.other_allocations:
            return {"requirement_ids": [*self.requirements]}
        return {"requirement_id": self.request.requirement_id}

    @property
    def criticality(self) -> Criticality:
        """Of the most critical requirement."""
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
        """What of the quantity the requirement needs."""
        return next(
            (
                allocation.allocated
                for allocation in self.other_allocations
                if allocation.request.requirement_id == requirement
            ),
            self.allocated,
        )

    def set_allocated(self, requirement: RequirementId, allocated: Decimal) -> None:
        """So much of the quantity is the requirement's."""
        for allocation in self.other_allocations:
            if allocation.request.requirement_id == requirement:
                allocation.allocated = allocated
                return
        self.allocated = allocated

    def grant(self, request: SupplyRequest) -> None:
        """The requirement has this supply request of the line now."""
        if self.other_allocations and self.received:
            # What has been received is not handed round again: R11 serves in the order it did.
            served = self.request_of(request.requirement_id)
            order = {"criticality": served.criticality, "required_date": served.required_date}
            request = request.model_copy(update=order)
        for allocation in self.other_allocations:
            if allocation.request.requirement_id == request.requirement_id:
                allocation.request = request
                return
        self.request = request

    def let_go(self, request: SupplyRequest) -> None:
        """The requirement leaves the others the line; where it was the first, the next one is."""
        self.released.append(request)
        allocations = [
            allocation for allocation in self.allocations if allocation.request.requirement_id != request.requirement_id
        ]
        self.request, self.allocated, self.other_allocations = (
            allocations[0].request,
            allocations[0].allocated,
            allocations[1:],
        )

    # -- where the talk about it is

    @property
    def awaited(self) -> bool:
        """The supplier owes an answer to it."""
        return self.answered_in < self.changed_in and not self.complete

    @property
    def complete(self) -> bool:
        """Nothing more is expected of it."""
        if self.never_sent:
            return True
        if self.cancelled:
            return self.answered_in >= self.changed_in or self.refused_by_supplier
        return self.quantity > 0 and self.received >= self.quantity

    @property
    def answer(self) -> tuple[object, ...]:
        """What the supplier last said of it."""
        price = (self.answered_price, self.answered_price_unit, self.answered_currency)
        return (self.answered_in, self.promised, price)

    def answered_after(self, rank: AnswerRank) -> bool:
        """R10: the answer it has is not older than that of this rank."""
        return self.answer_rank is not None and rank <= self.answer_rank

    @property
    def open(self) -> bool:
        """It may still be changed."""
        return not self.cancelled and not self.complete

    @property
    def supply(self) -> tuple[ScheduleLine, ...]:
        """What comes of it: received and shipped parts first, then what was promised, else what was ordered."""
        if self.cancelled and self.received == 0:
            return ()
        pieces = self.promised
        if not self.answered_in:
            pieces = (ScheduleLine(quantity=self.quantity, date=self.delivery_date, state=ScheduleLineState.ORDERED),)
        supply: list[ScheduleLine] = []
        if self.received:
            supply.append(ScheduleLine(quantity=self.received, date=self.received_on, state=ScheduleLineState.RECEIVED))
        arrived, moving = self.received, max(Decimal(0), self.shipped - self.received)
        for piece in sorted(pieces, key=lambda part: (part.date is None, part.date or dt.date.max)):
            taken = min(arrived, piece.quantity)
            arrived -= taken
            left = piece.quantity - taken
            under_way = min(moving, left)
            moving -= under_way
            if under_way:
                supply.append(piece.model_copy(update={"quantity": under_way, "state": ScheduleLineState.SHIPPED}))
            if left > under_way and not self.cancelled:
                supply.append(piece.model_copy(update={"quantity": left - under_way}))
        return tuple(supply)

    # -- what the ERP holds

    @property
    def as_asked(self) -> WrittenLine:
        """The line as the ERP is to hold it."""
        return WrittenLine(
            quantity=self.quantity, delivery_date=self.delivery_date, price=self.price, deleted=self.cancelled
        )

    @property
    def differs_from_erp(self) -> bool:
        """The ERP holds something else, as far as we know."""
        return self.written is None or self.written.model_copy(update={"schedule": ()}) != self.as_asked

    def is_in_erp(self) -> None:
        """The ERP was brought to what the line says."""
        self.written, self.adopted = self.as_asked, False

    def is_scheduled(self, schedule: tuple[DeliveryLine, ...]) -> None:
        """The ERP was brought to these deliveries; it holds their sum to be the quantity."""
        quantity = sum((row.quantity for row in schedule), Decimal(0))
        if self.written is not None and quantity:
            self.written = self.written.model_copy(update={"quantity": quantity, "schedule": schedule})

    def document(self, for_erp: bool = False) -> DocumentLine:
        """The line as ERP and supplier are asked to hold it; only the ERP is told what we know it to hold."""
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
            cancelled=self.cancelled,
            components=self.components,
            written=self.written if for_erp else None,
        )

    @property
    def components(self) -> tuple[ComponentLine, ...]:
        """What a subcontractor is given for the whole line, an entry an item."""
        if self.quantity <= 0:
            return ()
        given: dict[str, ComponentLine] = {}
        for part in self.request.components:
            known = given.get(part.item)
            quantity = (self.quantity * part.per_unit).quantize(_FINEST, ROUND_UP)
            given[part.item] = ComponentLine(
                item=part.item,
                quantity=quantity + (known.quantity if known else 0),
                unit=part.unit,
                date=min(part.date, known.date) if known else part.date,
            )
        return tuple(given.values())
