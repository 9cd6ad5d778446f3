"""A line of a PurchaseOrder: whom it serves, what supplier and ERP hold of it, and what people edited in the ERP."""

import datetime as dt
from decimal import ROUND_UP, Decimal

from pydantic import BaseModel, JsonValue

from canonical.base import Criticality
from canonical.cover import SliceState, SupplySlice, Want
from canonical.identity import RequirementId, requirement_reference
from canonical.order import ComponentLine, DocumentLine, EditedField, ScheduleLine, WrittenLine
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
    deliveries: tuple[ScheduleLine, ...] = ()
    """All of the line's deliveries, where they were found together with the edit."""


class DecidedEdit(BaseModel):
    """An edit that was adopted or undone: told again from before that moment, it is nothing new."""

    new: str
    decided_at: dt.datetime


class Part(BaseModel):
    """What a requirement has of a line that several share."""

    want: Want
    """As granted."""
    claim: Decimal


class Line(BaseModel):
    """An order line; quantities in the order unit."""

    number: int
    want: Want
    """The want it serves, as granted; of a shared line, that of the first requirement in R11's order as it was made."""
    quantity: Decimal
    claim: Decimal
    """What of the quantity the requirement needs; the rest is the others' or surplus of the lot."""
    sharers: list[Part] = []
    """The other requirements that share it, in that order."""
    former: list[Want] = []
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
    promised: tuple[SupplySlice, ...] = ()
    """The supplier's answer, as slices (R9)."""
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
    def parts(self) -> list[Part]:
        """What each requirement has of it, the first one's first."""
        return [Part(want=self.want, claim=self.claim), *self.sharers]

    @property
    def requirements(self) -> list[RequirementId]:
        """Those that it serves."""
        return [self.want.requirement_id, *(part.want.requirement_id for part in self.sharers)]

    def serves(self, requirement: RequirementId) -> bool:
        """Whether the requirement has a part of it."""
        return self.want.requirement_id == requirement or (bool(self.sharers) and requirement in self.requirements)

    @property
    def whose(self) -> dict[str, JsonValue]:
        """Whom a fact of the line concerns; of a shared one it is told to all of them."""
        if self.sharers:
            return {"requirement_ids": [*self.requirements]}
        return {"requirement_id": self.want.requirement_id}

    @property
    def criticality(self) -> Criticality:
        """Of the most critical requirement."""
        return min((self.want.criticality, *(part.want.criticality for part in self.sharers)))

    def want_of(self, requirement: RequirementId) -> Want:
        """The requirement's want, as granted."""
        return next((part.want for part in self.sharers if part.want.requirement_id == requirement), self.want)

    def claim_of(self, requirement: RequirementId) -> Decimal:
        """What of the quantity the requirement needs."""
        return next((part.claim for part in self.sharers if part.want.requirement_id == requirement), self.claim)

    def set_claim(self, requirement: RequirementId, claim: Decimal) -> None:
        """So much of the quantity is the requirement's."""
        for part in self.sharers:
            if part.want.requirement_id == requirement:
                part.claim = claim
                return
        self.claim = claim

    def grant(self, want: Want) -> None:
        """The requirement has this want of the line now."""
        if self.sharers and self.received:
            # What has been received is not handed round again: R11 serves in the order it did.
            served = self.want_of(want.requirement_id)
            order = {"criticality": served.criticality, "required_date": served.required_date}
            want = want.model_copy(update=order)
        for part in self.sharers:
            if part.want.requirement_id == want.requirement_id:
                part.want = want
                return
        self.want = want

    def let_go(self, want: Want) -> None:
        """The requirement leaves the others the line; where it was the first, the next one is."""
        self.former.append(want)
        parts = [part for part in self.parts if part.want.requirement_id != want.requirement_id]
        self.want, self.claim, self.sharers = parts[0].want, parts[0].claim, parts[1:]

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
    def supply(self) -> tuple[SupplySlice, ...]:
        """What comes of it: received and shipped parts first, then what was promised, else what was ordered."""
        if self.cancelled and self.received == 0:
            return ()
        pieces = self.promised
        if not self.answered_in:
            pieces = (SupplySlice(quantity=self.quantity, date=self.delivery_date, state=SliceState.ORDERED),)
        supply: list[SupplySlice] = []
        if self.received:
            supply.append(SupplySlice(quantity=self.received, date=self.received_on, state=SliceState.RECEIVED))
        arrived, moving = self.received, max(Decimal(0), self.shipped - self.received)
        for piece in sorted(pieces, key=lambda part: (part.date is None, part.date or dt.date.max)):
            taken = min(arrived, piece.quantity)
            arrived -= taken
            left = piece.quantity - taken
            under_way = min(moving, left)
            moving -= under_way
            if under_way:
                supply.append(piece.model_copy(update={"quantity": under_way, "state": SliceState.SHIPPED}))
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

    def is_scheduled(self, schedule: tuple[ScheduleLine, ...]) -> None:
        """The ERP was brought to these deliveries; it holds their sum to be the quantity."""
        quantity = sum((row.quantity for row in schedule), Decimal(0))
        if self.written is not None and quantity:
            self.written = self.written.model_copy(update={"quantity": quantity, "schedule": schedule})

    def document(self, for_erp: bool = False) -> DocumentLine:
        """The line as ERP and supplier are asked to hold it; only the ERP is told what we know it to hold."""
        want = self.want
        return DocumentLine(
            line=self.number,
            item=want.item,
            description=want.description,
            material_group=want.material_group,
            quantity=self.quantity,
            unit=want.unit,
            delivery_date=self.delivery_date,
            price=self.price,
            price_unit=want.price_unit,
            requirement_reference=requirement_reference(want.requirement_id),
            info_record=want.info_record,
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
        for part in self.want.components:
            known = given.get(part.item)
            quantity = (self.quantity * part.per_unit).quantize(_FINEST, ROUND_UP)
            given[part.item] = ComponentLine(
                item=part.item,
                quantity=quantity + (known.quantity if known else 0),
                unit=part.unit,
                date=min(part.date, known.date) if known else part.date,
            )
        return tuple(given.values())
