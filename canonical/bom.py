"""Engineering changes: the lines of a revised bill of material, where its outgoing components are used, and their
dispositions. R13 decides them (decisions.engineering_change).
"""

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from canonical.base import Code, Model, Money, OrderQuantity, PositiveQuantity, Quantity, UnitCode
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
    """In one assembly: for a removed component before the change, for the others from the effectivity date on."""
    unit: UnitCode
    change: BomLineChange
    quantity_before: PositiveQuantity | None = None
    """For a changed component, in one assembly before the change; None: as in the previous revision."""
    replaces: Code | None = None
    """For an added component: the component whose demand it takes over; None: the plan states its demand."""
    stock: Quantity | None = None
    """The available stock of an outgoing component, in `unit`, as the sender knows it; None: as the ledger has it."""


class BomRevised(Model):
    """A revision of an assembly's bill of material, whole; `stated` orders messages about it (R10)."""

    plant: Code
    assembly: Code
    revision: Code
    effective_from: dt.date
    """The first day on which the assembly is made by it."""
    lines: Annotated[tuple[BomLine, ...], Field(min_length=1, max_length=500)]
    supersedes: Code | None = None
    """The revision that it replaces, if that is not carried out yet; None: it replaces none."""
    source: Code
    stated: Revision

    @model_validator(mode="after")
    def _each_component_once(self) -> "BomRevised":
        require_sound(self.lines)
        return self

    @property
    def superseded(self) -> ChangeId | None:
        """The engineering change that it replaces."""
        return change_id(self.plant, self.assembly, self.supersedes) if self.supersedes else None

    @property
    def id(self) -> ChangeId:
        """The engineering change that carries it out."""
        return change_id(self.plant, self.assembly, self.revision)


def require_sound(lines: tuple[BomLine, ...]) -> None:
    """Each component once, and a replaced one is removed or changed by the same revision; else ValueError."""
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
    """The supply of an order line for one requirement on one day, received or not; in the order unit."""

    order_id: OrderId
    order_number: str | None
    supplier: str
    line: int
    """0: the order is still consolidating and has no lines."""
    requirement_id: RequirementId | None = None
    """Possibly closed already; None: the lot surplus of a shared line."""
    unit: str
    quantity: OrderQuantity
    date: dt.date | None
    """At the dock; None: unknown."""
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
    """Other assemblies that use it, by the revisions received so far."""
    quantity_before: PositiveQuantity | None = None
    """In one assembly, by the newest of the assembly's other revisions."""
    stock: Quantity = Decimal(0)
    """The available stock, in `stock_unit`, as reported by stock systems."""
    stock_unit: str = ""
    """Empty: none was reported."""


class FateOption(Model):
    """One option for a quantity without use."""

    choice: str
    """decisions.engineering_change.engineering_change.Candidate."""
    cost: Money | None = None
    """In the company's currency, for the whole quantity; None: the price is unknown."""
    known: bool = True
    """It is certainly possible; other options are offered but never proposed."""
    late: bool = False
    """For a cancellation: past the cut-off, so that the supplier may refuse it."""
    by_hand: bool = False
    """No entity carries it out: its owner gets an instruction."""
    note: str = ""


class ChangeDisposition(Model):
    """The disposition of a quantity of an outgoing component."""

    component: Code
    reference: str
    """The order line; empty: the stock."""
    order_id: OrderId | None = None
    line: int | None = None
    requirement_id: RequirementId | None = None
    on_stock: bool = False
    """It is received already."""
    quantity: Quantity
    unit: str
    fate: str
    """decisions.engineering_change.engineering_change.Fate; once decided also returned, scrapped, reworked, left."""
    number: int = 0
    """The number by which a decision refers to it; 0: there is nothing to choose."""
    candidates: tuple[str, ...] = ()
    """The options for a quantity without use, the cheapest first."""
    options: tuple[FateOption, ...] = ()
    """The candidates with their cost."""
    proposed: str = ""
    """The candidate that is carried out unless somebody chooses another; once decided, the decided one."""
    by_hand: bool = False
    """Once decided: no entity carries it out, and an instruction names its owner."""
    value: Quantity = Decimal(0)
    """In the company's currency."""
    cost: Money = Decimal(0)
    """The cost of the proposed or decided option, in the company's currency."""


class ChangeInstruction(Model):
    """An action of a change that a person has to take: no entity carries it out, and nothing was booked."""

    owner: str
    """The role that has to act."""
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
    """An open requirement of an outgoing component, and what it still needs."""

    requirement_id: RequirementId
    component: Code
    unit: str
    quantity: Quantity
    keeps: Quantity
    """0: nothing any more."""


class ChangeCheck(Model):
    """Whether every quantity affected by the change has a fate."""

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
