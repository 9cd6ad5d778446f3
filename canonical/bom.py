"""Engineering changes: what a revision of a bill of material changes, where its outgoing components are used, and what
becomes of them. What is decided of it is R13 (decisions.engineering_change.component_use).
"""

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from canonical.base import Code, Model, Money, PositiveQuantity, Quantity, UnitCode
from canonical.identity import ChangeId, OrderId, RequirementId, change_id
from canonical.need import Peg, Revision


class BomLineChange(StrEnum):
    """What the revision does to a component."""

    REMOVED = "removed"
    ADDED = "added"
    CHANGED = "changed"


class BomLine(Model):
    """One component of the assembly that the revision touches."""

    component: Code
    quantity: PositiveQuantity
    """In one assembly: of a removed component as it was, of the others as it is from the effectivity date on."""
    unit: UnitCode
    change: BomLineChange
    quantity_before: PositiveQuantity | None = None
    """Of a changed component, in one assembly until then; None: as the revision before said."""
    replaces: Code | None = None
    """Of an added component: whose demand it takes over; None: the plan states its demand."""
    stock: Quantity | None = None
    """What is free of an outgoing component, in `unit`, as the sender knows it; None: as the ledger has it."""


class BomRevised(Model):
    """A revision of an assembly's bill of material, whole; `stated` orders what is said of it (R10)."""

    plant: Code
    assembly: Code
    revision: Code
    effective_from: dt.date
    """From this day on the assembly is made by it."""
    lines: Annotated[tuple[BomLine, ...], Field(min_length=1, max_length=500)]
    supersedes: Code | None = None
    """The revision that it takes the place of, where that is not carried out yet; None: it stands beside all others."""
    source: Code
    stated: Revision

    @model_validator(mode="after")
    def _each_component_once(self) -> "BomRevised":
        require_sound(self.lines)
        return self

    @property
    def superseded(self) -> ChangeId | None:
        """The engineering change that it takes the place of."""
        return change_id(self.plant, self.assembly, self.supersedes) if self.supersedes else None

    @property
    def id(self) -> ChangeId:
        """The engineering change that carries it out."""
        return change_id(self.plant, self.assembly, self.revision)


def require_sound(lines: tuple[BomLine, ...]) -> None:
    """Each component once, and what is replaced is removed or changed by the same revision; raises ValueError."""
    components = [line.component for line in lines]
    if twice := sorted({name for name in components if components.count(name) > 1}):
        raise ValueError(f"component {twice[0]} is on two lines; state each component once")
    outgoing = {line.component for line in lines if line.change is not BomLineChange.ADDED}
    for line in lines:
        if line.replaces is None:
            continue
        if line.change is not BomLineChange.ADDED:
            raise ValueError(f"{line.component} is {line.change} and replaces {line.replaces}; only what is added does")
        if line.replaces not in outgoing:
            raise ValueError(f"{line.component} replaces {line.replaces}, which the revision does not touch")


class UsedBy(Model):
    """An open requirement of an outgoing component."""

    requirement_id: RequirementId
    revision: Revision
    unit: str
    quantity: Quantity
    pegs: tuple[Peg, ...]


class SuppliedBy(Model):
    """What a line of an order brings, or brought, for one requirement on one day; in the order unit."""

    order_id: OrderId
    order_number: str | None
    supplier: str
    line: int
    """0: the order still collects, and has no lines."""
    requirement_id: RequirementId | None = None
    """Perhaps one that is not open any more; None: nobody's, the surplus of a shared line's lot."""
    unit: str
    quantity: Quantity
    date: dt.date | None
    """At the dock; None: nobody said when."""
    received: bool = False
    shipped: bool = False
    unsent: bool = False
    """The supplier does not know of it yet."""

    @property
    def reference(self) -> str:
        """How a person names the line."""
        name = self.order_number or self.order_id
        return f"{name}/{self.line}" if self.line else name


class ComponentUse(Model):
    """Where a component is used at the plant."""

    component: Code
    requirements: tuple[UsedBy, ...] = ()
    supply: tuple[SuppliedBy, ...] = ()
    other_assemblies: tuple[str, ...] = ()
    """That use it too, by the revisions told so far."""
    quantity_before: PositiveQuantity | None = None
    """In one assembly, by the newest of the assembly's other revisions."""
    stock: Quantity = Decimal(0)
    """What is free of it, in `stock_unit`, by what systems state of stock."""
    stock_unit: str = ""
    """Empty: nobody has stated any."""


class FateOption(Model):
    """One thing that can be done with a quantity that has no use."""

    choice: str
    """decisions.engineering_change.engineering_change.Candidate."""
    cost: Money | None = None
    """In the company's currency, of the whole quantity; None: nobody knows its price."""
    known: bool = True
    """It is sure to be possible; what is not is never proposed, only offered."""
    late: bool = False
    """Of a cancellation: past the cut-off, so that the supplier may refuse it."""
    by_hand: bool = False
    """No entity carries it out: who owns it is told to."""
    note: str = ""


class ChangeDisposition(Model):
    """What becomes of a quantity of an outgoing component."""

    component: Code
    reference: str
    """The order line; empty: the stock."""
    order_id: OrderId | None = None
    line: int | None = None
    requirement_id: RequirementId | None = None
    on_stock: bool = False
    """It has come in already."""
    quantity: Quantity
    unit: str
    fate: str
    """decisions.engineering_change.engineering_change.Fate; once decided also returned, scrapped, reworked, left."""
    number: int = 0
    """By which a decision names it; 0: there is nothing to choose."""
    candidates: tuple[str, ...] = ()
    """What can be done with what has no use, the cheapest first."""
    options: tuple[FateOption, ...] = ()
    """The candidates with their cost."""
    proposed: str = ""
    """The candidate that is carried out where nobody chooses otherwise; once decided, the one that was."""
    by_hand: bool = False
    """Once decided: no entity carries it out, and an instruction says whose it is."""
    value: Quantity = Decimal(0)
    """In the company's currency."""
    cost: Money = Decimal(0)
    """Of what is proposed, or of what was decided, in the company's currency."""


class ChangeInstruction(Model):
    """What a person has to do of a change: no entity of ours carries it out, and nothing was booked."""

    owner: str
    """The role whose it is."""
    action: str
    """return, scrap, rework, or cancel."""
    component: Code
    reference: str
    """The order line; empty: the stock."""
    quantity: Quantity
    unit: str
    value: Quantity
    cost: Money
    currency: str


class AffectedRequirement(Model):
    """An open requirement of an outgoing component, and what it goes on needing."""

    requirement_id: RequirementId
    component: Code
    unit: str
    quantity: Quantity
    keeps: Quantity
    """0: nothing any more."""


class ChangeCheck(Model):
    """Whether everything that the change touches has been given a fate."""

    order_lines: int
    requirements: int
    unaccounted: tuple[str, ...] = ()
    """Order lines whose dispositions do not add up to what they hold, with both figures."""

    @property
    def complete(self) -> bool:
        """Nothing is left over."""
        return not self.unaccounted


__all__ = [
    "AffectedRequirement",
    "BomLine",
    "BomLineChange",
    "BomRevised",
    "ChangeCheck",
    "ChangeDisposition",
    "ChangeInstruction",
    "ComponentUse",
    "FateOption",
    "SuppliedBy",
    "UsedBy",
    "require_sound",
]
