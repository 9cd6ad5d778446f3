"""Purchase orders: the document sent to ERP and supplier, and the supplier's answers."""

import datetime as dt
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from canonical.base import (
    FIRST_DAY,
    LAST_DAY,
    Code,
    Count,
    Day,
    DayOrNone,
    DocumentNumber,
    Instant,
    Label,
    LineNumber,
    Model,
    Money,
    OrderNumber,
    PartnerUnit,
    PersonName,
    PositiveQuantity,
    Quantity,
    SentQuantity,
    SentQuantityOrZero,
    SentSignedQuantity,
    Text,
    UnitCode,
)
from canonical.identity import OrderId
from canonical.policy import RouteKind
from canonical.sourcing import AgreementReference

LINES_MAX = 2_000
"""The most lines of an order, and of any message about one."""
REMARKS_MAX, REMARK_LENGTH = 10, 200
"""The most remarks that are kept of a line or a heading, and the longest."""
Remark = Annotated[str, Field(min_length=1, max_length=REMARK_LENGTH, pattern=r"^[^\p{Cc}\p{Zl}\p{Zp}]*$")]
"""What a supplier says in words, or a reason code of its own: for a person, decided on by nobody else."""
StatedCode = Annotated[str, Field(max_length=10, pattern=r"^[^\p{Cc}\p{Zl}\p{Zp}]*$")]
"""A code of a supplier's, known to us or not."""
Remarks = Annotated[tuple[Remark, ...], Field(max_length=REMARKS_MAX)]


class AnswerOutcome(StrEnum):
    """A supplier's answer to a line, whatever the dialect."""

    ACCEPTED = "accepted"
    CHANGED = "changed"
    BACKORDERED = "backordered"
    SUBSTITUTED = "substituted"
    ON_HOLD = "on_hold"
    DATE_PENDING = "date_pending"
    REJECTED = "rejected"
    DELETED = "deleted"


class AnswerScheduleLine(Model):
    """One schedule line of a line's answer, as the supplier gave it; None where it gave no value."""

    outcome: AnswerOutcome
    quantity: SentQuantityOrZero | None = None
    unit: PartnerUnit | None = None
    date: DayOrNone = None
    at: Instant | None = None
    """The moment, if the supplier named one with its zone: its day at the plant replaces `date`."""

    @model_validator(mode="before")
    @classmethod
    def _without_a_date(cls, statement: Any) -> Any:
        """9999-12-31 confirms for no day; a missing date confirms the requested day."""
        if not isinstance(statement, dict) or not _is_no_date(statement.get("date")):
            return statement
        promised = statement.get("outcome") in (AnswerOutcome.ACCEPTED, AnswerOutcome.CHANGED)
        return {**statement, "date": None} | ({"outcome": AnswerOutcome.DATE_PENDING} if promised else {})


def _is_no_date(value: object) -> bool:
    if isinstance(value, dt.date):
        return value.year > LAST_DAY.year
    return isinstance(value, str) and value[:4].isdecimal() and int(value[:4]) > LAST_DAY.year


class LineAnswer(Model):
    """The supplier's answer to one order line: one schedule line or several."""

    line: LineNumber
    by_reference: bool = True
    """The number is that of our line; False: it may be the supplier's own count, and the item decides."""
    item: Label | None = None
    """Our number of the item, as the supplier gave it; None: it gave none."""
    schedule_lines: Annotated[tuple[AnswerScheduleLine, ...], Field(min_length=1, max_length=200)]
    price: Money | None = None
    price_unit: SentQuantity | None = None
    """The quantity that `price` buys, as the supplier gave it; None: as ordered."""
    price_measure: StatedCode | None = None
    """The unit of that quantity, as the supplier wrote it, known to us or not; None: as ordered."""
    remarks: Remarks = ()
    objection: str = ""
    """Why it can't be compared with the order (decisions.placing); empty: it can."""


class OrderAnswer(Model):
    """A supplier's answer to an order, canonical.

    `answers_all`: lines that are not named are answered by the header (accepted or rejected); otherwise
    they are not answered. `order_revision` None: the document does not say which revision it answers.
    """

    order_number: OrderNumber
    order_revision: Count | None = None
    answer_number: DocumentNumber
    header: Literal["accepted", "rejected", "per_line"] = "per_line"
    lines: Annotated[tuple[LineAnswer, ...], Field(max_length=LINES_MAX)] = ()
    effective_at: Instant
    supplier: Label | None = None
    """Our number of the supplier, as the document gave it."""
    sender: Label | None = None
    """The address from which the document was sent; None: the channel has none."""
    currency: StatedCode | None = None
    """The currency of the prices, as the supplier gave it; None: as ordered."""
    remarks: Remarks = ()


class ShippedLine(Model):
    """A line of a despatch advice."""

    line: LineNumber
    by_reference: bool = True
    """As in LineAnswer."""
    item: Label | None = None
    """As in LineAnswer."""
    quantity: SentQuantity
    unit: PartnerUnit | None = None


DespatchFunction = Literal["original", "cancellation", "replacement"]


class ShipmentAnnounced(Model):
    """A supplier's despatch advice for an order; `despatch_number` makes it unique."""

    order_number: OrderNumber
    despatch_number: DocumentNumber
    function: DespatchFunction = "original"
    takes_back: DocumentNumber | None = None
    """The despatch advice that it cancels or replaces; None: the one of its own number."""
    arrives_on: DayOrNone = None
    lines: Annotated[tuple[ShippedLine, ...], Field(max_length=LINES_MAX)]
    effective_at: Instant
    supplier: Label | None = None
    """As in OrderAnswer."""
    sender: Label | None = None
    """As in OrderAnswer."""

    @property
    def rank(self) -> tuple[dt.datetime, int]:
        """The key that orders two messages about one despatch advice (R10)."""
        return (self.effective_at, get_args(DespatchFunction).index(self.function))


class AcknowledgementOutcome(StrEnum):
    """What the recipient of one of our documents says of it."""

    TAKEN = "taken"
    RECEIVED = "received"
    """It arrived; whether it can be processed is not said."""
    REJECTED = "rejected"


class DocumentAcknowledged(Model):
    """A supplier's technical acknowledgement of an order, change or reminder that we sent; no answer to its content."""

    order_number: OrderNumber | None = None
    """None: the document is known by `reference` alone."""
    reference: OrderNumber
    """The reference of our document (identity.document_reference), or what the sender names in its place."""
    acknowledgement_number: DocumentNumber
    outcome: AcknowledgementOutcome
    effective_at: Instant
    sender: Label | None = None
    """As in OrderAnswer."""
    remarks: Remarks = ()


class GoodsReceipt(Model):
    """Goods posted into stock against an order line, or taken back; with the sign, `receipt_number` makes it unique."""

    order_number: OrderNumber
    line: LineNumber
    quantity: SentSignedQuantity
    """Below zero: goods taken back."""
    unit: PartnerUnit
    date: Day
    receipt_number: DocumentNumber
    reverses: DocumentNumber | None = None
    """Of goods taken back: the receipt that was a mistake; None: the goods went back to the supplier."""
    final: bool = False
    """Delivery is completed with it: nothing more of the line comes."""
    effective_at: Instant


class ComponentLine(Model):
    """A component provided to a subcontractor for an order line."""

    item: Code
    quantity: PositiveQuantity
    unit: UnitCode
    date: dt.date
    """The day it must be on stock to be provided in time."""


class DeliveryLine(Model):
    """A delivery of an order line on a day; `committed` is what the supplier confirmed of it."""

    date: Day
    quantity: Quantity
    committed: Quantity


class WrittenLine(Model):
    """A line as we last wrote it to the ERP, or as a person's edit of it was adopted or is to be undone."""

    quantity: Quantity
    delivery_date: dt.date
    """The date of a single delivery; `schedule` takes precedence."""
    price: Money
    """For the line's own price unit."""
    schedule: tuple[DeliveryLine, ...] = ()
    """The schedule last written by write_schedule, with edits adopted since; empty: a single delivery."""
    deleted: bool = False
    """A person has deleted it, and we know."""
    blocked: bool = False
    """A person has blocked it, and another has decided to give it up."""
    completed: bool = False
    """Its delivery is completed there, and we know."""


EditedField = Literal["quantity", "delivery_date", "price", "deleted", "blocked", "delivery_completed"]
FLAGS: frozenset[EditedField] = frozenset({"deleted", "blocked", "delivery_completed"})
"""Fields that are `true` or `false`. A blocked line is not deleted: nothing is delivered on it until that is lifted."""


def edited_value(field: str, text: str) -> str:
    """The canonical spelling of an edited value, so that the same edit looks the same from every source.

    A quantity or price is a plain decimal without needless zeros, a date ISO, a deletion, block or completed delivery
    `true` or `false`. Raises ValueError naming what is expected.
    """
    match field:
        case "delivery_date":
            try:
                day = dt.date.fromisoformat(text)
            except ValueError:
                raise ValueError(f"{text!r} is not an ISO date such as 2026-06-15") from None
            if not FIRST_DAY <= day <= LAST_DAY:
                raise ValueError(f"{day} does not lie between {FIRST_DAY} and {LAST_DAY}")
            return day.isoformat()
        case "deleted" | "blocked" | "delivery_completed":
            if text not in ("true", "false"):
                raise ValueError(f'{field} is given as "true" or "false"')
            return text
    try:
        if not text.isascii() or any(mark in text for mark in "_ \t\r\n"):
            raise InvalidOperation  # Decimal takes 1_200 and digits of other scripts
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a decimal") from None
    if not number.is_finite() or number < 0 or number >= _BEYOND or round(number, 6) != number:
        raise ValueError("a quantity or price is zero or more, of at most twelve digits and six decimals")
    return f"{number.normalize() + 0:f}"


_BEYOND = Decimal(10) ** 12


class DocumentEdit(Model):
    """A person changed a line of one of our orders in the ERP; `old` and `new` as `edited_value` spells them."""

    order_number: OrderNumber
    line: Annotated[int, Field(gt=0)]
    field: EditedField
    old: str
    new: str
    price_unit: PositiveQuantity | None = None
    """The quantity that an edited price buys; None: as ordered."""
    deliveries: tuple[DeliveryLine, ...] = ()
    """All deliveries of the line as read from the ERP; empty: they were not read."""
    edited_by: PersonName
    effective_at: Instant

    @property
    def lifts(self) -> bool:
        """Whether a deletion, a block or a completed delivery is lifted."""
        return self.field in FLAGS and self.new == "false"

    def priced_for(self, price_unit: Decimal) -> "DocumentEdit":
        """The same edit with its prices for the line's own price unit; unchanged where they are already."""
        if self.field != "price" or self.price_unit in (None, price_unit):
            return self
        factor = price_unit / (self.price_unit or price_unit)
        old, new = (edited_value("price", str(round(Decimal(text) * factor, 6))) for text in (self.old, self.new))
        return self.model_copy(update={"old": old, "new": new, "price_unit": price_unit})


class ApprovalDecision(Model):
    """People of another system decided on a document of ours that waited for them; what they decided is read there."""

    order_number: DocumentNumber
    """The order's number there or, before it has one, its requisition's."""
    document: DocumentNumber
    """What waited: the requisition, the change, the order."""
    changed: bool = False
    """Nothing is known to be decided: the order itself changed there, by us or by people."""
    effective_at: Instant


class DocumentLine(Model):
    """An order line as ERP and supplier are asked to hold it."""

    line: Annotated[int, Field(gt=0)]
    item: Code
    description: str = ""
    material_group: str = ""
    quantity: Quantity
    unit: UnitCode
    delivery_date: dt.date
    price: Money
    price_unit: PositiveQuantity = Decimal(1)
    requirement_reference: str
    """identity.requirement_reference: ten characters; for a shared line, that of the first requirement in R11's order.
    """
    info_record: str | None = None
    agreement: AgreementReference | None = None
    """The item of an outline agreement that the line calls off."""
    cancelled: bool = False
    rejected: bool = False
    """It is cancelled since the supplier refused it."""
    components: tuple[ComponentLine, ...] = ()
    """For a subcontract: the components given to the supplier for the whole line."""
    written: WrittenLine | None = None
    """The state we last wrote to the ERP's line; where the ERP holds something else, a person edited it."""


OBSERVED = "observed"
"""The code of the refusal of a write that was not made, since Pegline only observes there (the landscape's mode)."""


class OrderDocument(Model):
    """A whole order at one revision; `reference` (identity.external_reference) is how we find it again."""

    order_id: OrderId
    reference: str
    plant: Code
    company_code: str
    purchasing_organization: str
    purchasing_group: str
    supplier: Code
    """For a transfer: the supplying plant."""
    supplier_address: str = ""
    """Its interchange address; empty: its number."""
    directory: str = "96A"
    """The EDIFACT directory of the documents sent to it."""
    route: RouteKind = RouteKind.DIRECT
    currency: str
    order_date: dt.date
    revision: int = 1
    order_number: str | None = None
    requisition_number: str | None = None
    lines: tuple[DocumentLine, ...]
    expedite: bool = False
    """Asks the supplier to deliver earlier than confirmed, at the agreed surcharge."""
    changed_lines: tuple[int, ...] = ()
    """For a change: the lines that differ from the previous revision."""
    item_classes: tuple[str, ...] = ()
    """Of the items of its lines, by which the landscape says whether anything is written."""
    awaiting: DocumentNumber | None = None
    """The number of what waits for approval at the counterpart (AwaitingApproval.document): the call writes nothing,
    but reads what has become of it. None: nothing waits.
    """


class Refused(Model):
    """A counterpart understood the call and refused it: a business outcome, never retried unchanged."""

    result: Literal["refused"] = "refused"
    system: str
    code: Text
    reason: Text
    line: int | None = None


class Placed(Model):
    """The ERP holds one requisition and one order for the document."""

    result: Literal["placed"] = "placed"
    requisition_number: OrderNumber
    order_number: OrderNumber
    found_existing: bool = False
    """An earlier attempt had already written it."""
    duplicates: tuple[str, ...] = ()
    """Other documents of the same reference, found by the sweep and cancelled."""
    unreleased: Text = ""
    """Why the ERP has not released the order yet, so that it must not go to its supplier; empty: it may."""


class AwaitingApproval(Model):
    """The counterpart took the document and holds it until one of its own people approves it: nothing is refused, and
    nothing may go to the supplier yet.

    The same call with `OrderDocument.awaiting` reads later what has become of it.
    """

    result: Literal["awaiting_approval"] = "awaiting_approval"
    system: PersonName
    """As people call it: Coupa."""
    document: DocumentNumber
    """The counterpart's number of what waits: a requisition, a change."""
    since: Instant | None = None
    """When the waiting began; None: the counterpart does not say."""
    approver: Text = ""
    """Whom it waits for; empty: the counterpart does not say."""
    requisition_number: OrderNumber | None = None
    observed: Text = ""
    """Nobody has to approve it: Pegline only observes, and would have done this; empty: people approve."""


class DuplicateDocuments(Model):
    """Living documents of one reference, of which only one should be there; the lowest number first."""

    kind: Literal["order", "requisition"]
    reference: str
    numbers: tuple[str, ...]


class Written(Model):
    """The counterpart holds the requested state."""

    result: Literal["written"] = "written"
    reference: str = ""
    writes: int = 0
    """How many writes were needed; 0: it already held it."""
    unreleased: Text = ""
    """As in Placed, after the change."""


class Edited(Model):
    """The ERP's document is not as we last wrote it: a person edited it, and nothing was written over the edit."""

    result: Literal["edited"] = "edited"
    edits: Annotated[tuple[DocumentEdit, ...], Field(min_length=1)]


PlaceOutcome = Annotated[Placed | AwaitingApproval | Refused, Field(discriminator="result")]
WriteOutcome = Annotated[Written | Refused, Field(discriminator="result")]
OrderChangeOutcome = Annotated[Written | AwaitingApproval | Refused | Edited, Field(discriminator="result")]
ChangeOutcome = Annotated[Written | Refused | Edited, Field(discriminator="result")]


class LineSchedule(Model):
    """The delivery schedule of one order line, whole."""

    line: Annotated[int, Field(gt=0)]
    schedule: Annotated[tuple[DeliveryLine, ...], Field(min_length=1)]
    completed: bool = False
    """Nothing more is expected: delivery is completed in the ERP, and nothing else is written."""
    price_unit: PositiveQuantity | None = None
    """The quantity that the written price buys, where a person's edit of the price is looked for as well."""
    written: WrittenLine | None = None
    """The state we last wrote to the ERP's line; where the ERP holds something else, a person edited it."""


class OrderSchedule(Model):
    """The confirmed and delivered quantities of an order, whole lines only."""

    order_id: OrderId
    order_number: str
    item_classes: tuple[str, ...] = ()
    """As in OrderDocument."""
    lines: tuple[LineSchedule, ...]
