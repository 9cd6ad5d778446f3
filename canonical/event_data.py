"""External events as the gateway accepts them: the `data` of each CloudEvent type."""

from collections import Counter
from decimal import Decimal
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from canonical.base import (
    Code,
    Count,
    Criticality,
    Day,
    DayOrNone,
    DocumentNumber,
    Label,
    LineNumber,
    Model,
    OrderNumber,
    PartnerUnit,
    PersonName,
    SentQuantity,
    SentQuantityOrZero,
    SentSignedQuantity,
    UnitCode,
)
from canonical.bom import BomLine, require_sound
from canonical.order import LINES_MAX, DespatchFunction, EditedField, LineAnswer, edited_value

REQUIREMENT_PLANNED = "pegline.requirement.planned.v1"
REQUIREMENT_WITHDRAWN = "pegline.requirement.withdrawn.v1"
ORDER_ANSWERED = "pegline.order.answered.v1"
SHIPMENT_ANNOUNCED = "pegline.shipment.announced.v1"
GOODS_RECEIVED = "pegline.goods.received.v1"
ORDER_EDITED = "pegline.order.edited.v1"
APPROVAL_DECIDED = "pegline.approval.decided.v1"
ORDER_CHANGED = "pegline.order.changed.v1"
BOM_REVISED = "pegline.bom.revised.v1"
STOCK_CHANGED = "pegline.stock.changed.v1"
CONSUMPTION_REPORTED = "pegline.consumption.reported.v1"
OUR_SOURCE = "pegline"
"""The CloudEvents source of needs that come from our own orders."""


_ZERO = Decimal(0)
PEGS_MAX = 1_000
"""A requirement's history could not hold more."""


class PegData(Model):
    """One pegged demand."""

    demand: Label
    quantity: SentQuantity
    date: Day
    criticality: Criticality = Criticality.B
    assembly: Code | None = None
    """The assembly made for this demand; engineering changes find the demand by it (R13)."""
    customer: Label | None = None
    """Whom the demand is for, as people are to read it."""


class RequirementPlanned(Model):
    """`pegline.requirement.planned.v1`."""

    plant: Code
    item: Code
    quantity: SentQuantity
    unit: UnitCode
    required_date: Day
    demand_reference: Label
    plan_version: Count
    source_revision: Count = 0
    sourcing_rule: Label | None = None
    pegging: Annotated[tuple[PegData, ...], Field(max_length=PEGS_MAX)] = ()
    planner: Label | None = None
    demanded_by: Label | None = None
    """Only for needs from one of our orders (source `pegline`): refused from anybody else."""
    demanding_line: LineNumber | None = None
    from_stock: SentQuantityOrZero = Decimal(0)
    """Of a transfer: what the plant itself has promised from its stock."""
    transit_days: Annotated[int, Field(ge=0, le=400)] = 0


class RequirementWithdrawnData(Model):
    """`pegline.requirement.withdrawn.v1`."""

    plant: Code
    item: Code
    demand_reference: Label
    plan_version: Count
    source_revision: Count = 0


class OrderAnswered(Model):
    """`pegline.order.answered.v1`: the canonical answer, for suppliers without EDI."""

    order: OrderNumber
    order_revision: Count | None = None
    lines: Annotated[tuple[LineAnswer, ...], Field(min_length=1, max_length=LINES_MAX)]

    @field_validator("lines")
    @classmethod
    def _each_once(cls, lines: tuple[LineAnswer, ...]) -> tuple[LineAnswer, ...]:
        twice = [number for number, times in Counter(line.line for line in lines).items() if times > 1]
        if twice:
            raise ValueError(f"line {twice[0]} is answered twice; give its parts as schedule_lines of one line")
        return lines


class ShipmentAnnouncedData(Model):
    """`pegline.shipment.announced.v1`."""

    order: OrderNumber
    line: LineNumber
    quantity: SentQuantity
    unit: PartnerUnit
    date: DayOrNone
    """The day of arrival; null: unknown."""
    despatch_number: DocumentNumber
    function: DespatchFunction = "original"
    takes_back: DocumentNumber | None = None
    """Of a cancellation or replacement: the despatch number it takes back; null: its own."""

    @field_validator("takes_back")
    @classmethod
    def _where_something_is_taken_back(cls, takes_back: str | None, checked: ValidationInfo) -> str | None:
        if takes_back is not None and checked.data.get("function") == "original":
            raise ValueError("an original despatch advice takes none back; send it as a replacement")
        return takes_back


class GoodsReceivedData(Model):
    """`pegline.goods.received.v1`."""

    order: OrderNumber
    line: LineNumber
    quantity: SentSignedQuantity
    """Below zero: taken back, because the receipt was a mistake (`reverses`) or the goods went back to the supplier."""
    unit: PartnerUnit
    date: Day
    receipt_number: DocumentNumber
    """Of what is taken back: its own number."""
    reverses: DocumentNumber | None = None
    """The number of the receipt that is taken back, in whole or in part."""
    final: bool = False
    """Delivery is completed with this receipt: nothing more of the line comes."""

    @field_validator("quantity")
    @classmethod
    def _something_moved(cls, quantity: Decimal) -> Decimal:
        if quantity == 0:
            raise ValueError("nothing was received: send a quantity above zero, or below it for what is taken back")
        return quantity

    @field_validator("reverses", "final")
    @classmethod
    def _of_the_right_direction(cls, given: str | bool | None, checked: ValidationInfo) -> str | bool | None:
        taken_back = checked.data.get("quantity", _ZERO) < 0
        if checked.field_name == "reverses" and given is not None and not taken_back:
            raise ValueError("a receipt is taken back by a quantity below zero")
        if checked.field_name == "final" and given and taken_back:
            raise ValueError("what is taken back completes no delivery")
        return given


class OrderEditedData(Model):
    """`pegline.order.edited.v1`: a person changed the document in the ERP, one event a field.

    A quantity is in the order unit, a price in the order's currency; a deletion, a block and a completed delivery are
    `false` → `true`, and `true` → `false` where they are lifted.
    """

    order: OrderNumber
    line: LineNumber
    field: EditedField
    old: Annotated[str, Field(max_length=40)]
    new: Annotated[str, Field(max_length=40)]
    price_unit: SentQuantity | None = None
    """The quantity that an edited price buys; None: as ordered."""
    edited_by: PersonName

    @field_validator("old", "new")
    @classmethod
    def _as_the_field_wants_it(cls, text: str, checked: ValidationInfo) -> str:
        field = checked.data.get("field")
        return text if field is None else edited_value(field, text)

    @field_validator("new")
    @classmethod
    def _something_changed(cls, new: str, checked: ValidationInfo) -> str:
        if new == checked.data.get("old"):
            raise ValueError("nothing was edited: old and new are equal")
        return new


class ApprovalDecidedData(Model):
    """`pegline.approval.decided.v1`: people of another system decided on a requisition, a change or an order.

    It says no more than that: the order looks there.
    """

    order: DocumentNumber
    """The order's number there or, before it has one, its requisition's."""
    document: DocumentNumber | None = None
    """What waited; null: the same."""


class OrderChangedData(Model):
    """`pegline.order.changed.v1`: an order of ours changed in the ERP, which does not say what: it is read there."""

    order: OrderNumber


class BomRevisedData(Model):
    """`pegline.bom.revised.v1`: all changes that a revision makes to an assembly's bill of material."""

    plant: Code
    assembly: Code
    revision: Code
    effective_from: Day
    lines: Annotated[tuple[BomLine, ...], Field(min_length=1, max_length=500)]
    plan_version: Count = 0
    source_revision: Count = 0
    """Rises when the same revision is sent again (R10); without it, `time` orders them."""
    supersedes: Code | None = None
    """The revision that this one replaces, if that is not carried out yet."""

    @field_validator("supersedes")
    @classmethod
    def _of_another(cls, supersedes: str | None, checked: ValidationInfo) -> str | None:
        if supersedes is not None and supersedes == checked.data.get("revision"):
            raise ValueError(
                f"revision {supersedes} can't replace itself; send it without `supersedes`, or name the one before"
            )
        return supersedes

    @field_validator("lines")
    @classmethod
    def _sound(cls, lines: tuple[BomLine, ...]) -> tuple[BomLine, ...]:
        require_sound(lines)
        return lines


class StockChangedData(Model):
    """`pegline.stock.changed.v1`: the whole quantity that is available to promise, never a difference."""

    plant: Code
    item: Code
    quantity: SentSignedQuantity
    """Unrestricted stock less what is reserved for demand that the plan has netted; below zero: overcommitted."""
    unit: UnitCode
    reason: Annotated[str, Field(max_length=200)] = ""
    sequence: Count = 0
    """Orders reports of the same moment (R10)."""


class ConsumptionReportedData(Model):
    """`pegline.consumption.reported.v1`: one unplanned use, such as scrap."""

    plant: Code
    item: Code
    quantity: SentQuantity
    unit: UnitCode
    reason: Annotated[str, Field(max_length=200)] = ""
