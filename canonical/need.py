"""The need: how much of an item a plant needs, by when, and for which demand."""

import datetime as dt
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from canonical.base import Code, Criticality, Instant, Label, Model, PositiveQuantity, Quantity, UnitCode
from canonical.identity import OrderId, RequirementId, requirement_id


class Peg(Model):
    """One demand that the need serves; `date` is the day by which the demand needs it on stock."""

    demand: str
    quantity: PositiveQuantity
    date: dt.date
    criticality: Criticality = Criticality.B
    assembly: Code | None = None
    """The assembly made for this demand, where the plan names it (R13)."""
    customer: Label | None = None
    """Whom the demand is for, where the plan names it: for people, decided on by nothing."""


class Revision(Model):
    """R10: a message's place in its sender's own order of events; never the arrival time."""

    plan_version: Annotated[int, Field(ge=0)]
    source_revision: Annotated[int, Field(ge=0)] = 0
    effective_at: Instant
    event_id: str

    @property
    def rank(self) -> tuple[int, int, float, str]:
        """The key to compare by (R10)."""
        return (self.plan_version, self.source_revision, self.effective_at.timestamp(), self.event_id)


class Need(Model):
    """A material requirement as the planning system last stated it, whole."""

    plant: Code
    item: Code
    quantity: PositiveQuantity
    unit: UnitCode
    required_date: dt.date
    source: Code
    demand_reference: Annotated[str, Field(min_length=1, max_length=200)]
    revision: Revision
    sourcing_rule: str | None = None
    item_revision: str = ""
    """The drawing's revision, where the plan distinguishes it; needs of two revisions never match (R1)."""
    pegging: tuple[Peg, ...] = ()
    planner: str | None = None
    demanded_by: OrderId | None = None
    """For a need from one of our own orders: the transfer or subcontract it serves."""
    demanding_line: int | None = None
    """The line of that order, where the need is to answer it: a transfer."""
    from_stock: Quantity = Decimal(0)
    """For a transfer: the part that was promised from the plant's own stock, and needs no order."""
    transit_days: int = 0
    """For a transfer: working days from the supplying plant's stock to the order's dock."""

    @property
    def id(self) -> RequirementId:
        """R1: the requirement this need belongs to."""
        return requirement_id(self.plant, self.item, self.source, self.demand_reference)

    @property
    def pegs(self) -> tuple[Peg, ...]:
        """The pegged demand by date; without pegging, the need itself (R7)."""
        if not self.pegging:
            return (Peg(demand=self.demand_reference, quantity=self.quantity, date=self.required_date),)
        return tuple(sorted(self.pegging, key=lambda peg: (peg.date, peg.demand)))

    @property
    def criticality(self) -> Criticality:
        """The highest class among the pegs."""
        return min(peg.criticality for peg in self.pegs)


class Withdrawal(Model):
    """The planning system no longer has this need."""

    plant: Code
    item: Code
    source: Code
    demand_reference: Annotated[str, Field(min_length=1, max_length=200)]
    revision: Revision

    @property
    def id(self) -> RequirementId:
        """R1: the requirement that is withdrawn."""
        return requirement_id(self.plant, self.item, self.source, self.demand_reference)
