"""Events from outside as the gateway takes them in: the `data` of each CloudEvent type."""

import datetime as dt
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from canonical.base import Code, Criticality, Model, PositiveQuantity, UnitCode
from canonical.bom import BomLine, require_sound
from canonical.order import EditedField, LineAnswer, edited_value
from canonical.stock import SignedQuantity

REQUIREMENT_PLANNED = "pegline.requirement.planned.v1"
REQUIREMENT_WITHDRAWN = "pegline.requirement.withdrawn.v1"
ORDER_ANSWERED = "pegline.order.answered.v1"
SHIPMENT_ANNOUNCED = "pegline.shipment.announced.v1"
GOODS_RECEIVED = "pegline.goods.received.v1"
ORDER_EDITED = "pegline.order.edited.v1"
BOM_REVISED = "pegline.bom.revised.v1"
STOCK_CHANGED = "pegline.stock.changed.v1"
CONSUMPTION_REPORTED = "pegline.consumption.reported.v1"
OUR_SOURCE = "pegline"
"""The CloudEvents source of needs that our own orders state."""


class PegData(Model):
    """One pegged demand."""

    demand: Annotated[str, Field(min_length=1, max_length=200)]
    quantity: PositiveQuantity
    date: dt.date
    criticality: Criticality = Criticality.B
    assembly: Code | None = None
    """What is made of the need for this demand; engineering changes find it by that (R13)."""


class RequirementPlanned(Model):
    """`pegline.requirement.planned.v1`."""

    plant: Code
    item: Code
    quantity: PositiveQuantity
    unit: UnitCode
    required_date: dt.date
    demand_reference: Annotated[str, Field(min_length=1, max_length=200)]
    plan_version: Annotated[int, Field(ge=0)]
    source_revision: Annotated[int, Field(ge=0)] = 0
    sourcing_rule: str | None = None
    pegging: tuple[PegData, ...] = ()
    planner: str | None = None
    demanded_by: str | None = None
    """Only of needs that an order of ours states (source `pegline`): refused from anybody else."""
    demanding_line: int | None = None
    transit_days: Annotated[int, Field(ge=0, le=400)] = 0


class RequirementWithdrawnData(Model):
    """`pegline.requirement.withdrawn.v1`."""

    plant: Code
    item: Code
    demand_reference: Annotated[str, Field(min_length=1, max_length=200)]
    plan_version: Annotated[int, Field(ge=0)]
    source_revision: Annotated[int, Field(ge=0)] = 0


class OrderAnswered(Model):
    """`pegline.order.answered.v1`: the canonical answer, for suppliers without EDI."""

    order: Annotated[str, Field(min_length=1, max_length=35)]
    order_revision: int | None = None
    lines: Annotated[tuple[LineAnswer, ...], Field(min_length=1)]


class ShipmentAnnouncedData(Model):
    """`pegline.shipment.announced.v1`."""

    order: Annotated[str, Field(min_length=1, max_length=35)]
    line: Annotated[int, Field(gt=0)]
    quantity: PositiveQuantity
    unit: UnitCode
    date: dt.date
    receipt_number: Annotated[str, Field(min_length=1, max_length=70)]


class GoodsReceivedData(ShipmentAnnouncedData):
    """`pegline.goods.received.v1`."""


class OrderEditedData(Model):
    """`pegline.order.edited.v1`: a person changed the document in the ERP, one event a field.

    A quantity is in the order unit, a price in the order's currency; a deletion is `false` → `true`.
    """

    order: Annotated[str, Field(min_length=1, max_length=35)]
    line: Annotated[int, Field(gt=0)]
    field: EditedField
    old: str
    new: str
    price_unit: PositiveQuantity | None = None
    """The quantity that an edited price buys; None: as ordered."""
    edited_by: Annotated[str, Field(min_length=1, max_length=80)]

    @field_validator("old", "new")
    @classmethod
    def _as_the_field_wants_it(cls, text: str, checked: ValidationInfo) -> str:
        field = checked.data.get("field")
        return text if field is None else edited_value(field, text)

    @field_validator("new")
    @classmethod
    def _something_changed(cls, new: str, checked: ValidationInfo) -> str:
        if checked.data.get("field") == "deleted" and new != "true":
            raise ValueError("a line that was deleted stays so: only a deletion is told")
        if new == checked.data.get("old"):
            raise ValueError("nothing was edited: old and new are equal")
        return new


class BomRevisedData(Model):
    """`pegline.bom.revised.v1`: what a revision of an assembly's bill of material changes, whole."""

    plant: Code
    assembly: Code
    revision: Code
    effective_from: dt.date
    lines: Annotated[tuple[BomLine, ...], Field(min_length=1, max_length=500)]
    plan_version: Annotated[int, Field(ge=0)] = 0
    source_revision: Annotated[int, Field(ge=0)] = 0
    """Rises where the same revision is told anew (R10); without it, `time` orders them."""
    supersedes: Code | None = None
    """The revision that this one takes the place of, where that is not carried out yet."""

    @field_validator("supersedes")
    @classmethod
    def _of_another(cls, supersedes: str | None, checked: ValidationInfo) -> str | None:
        if supersedes is not None and supersedes == checked.data.get("revision"):
            raise ValueError(f"revision {supersedes} can't take its own place; tell it anew, or name the one before")
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
    quantity: SignedQuantity
    """Unrestricted stock less what is reserved for demand that the plan has netted; below zero: overcommitted."""
    unit: UnitCode
    reason: Annotated[str, Field(max_length=200)] = ""
    sequence: Annotated[int, Field(ge=0, le=2**53 - 1)] = 0
    """Orders statements of one moment (R10)."""


class ConsumptionReportedData(Model):
    """`pegline.consumption.reported.v1`: one unplanned use, such as scrap."""

    plant: Code
    item: Code
    quantity: PositiveQuantity
    unit: UnitCode
    reason: Annotated[str, Field(max_length=200)] = ""
