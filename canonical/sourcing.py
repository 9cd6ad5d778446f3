"""What master data says of an item at a plant: who supplies it, on which terms."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from canonical.base import Code, Model, Money, PositiveQuantity, Quantity, UnitCode
from canonical.calendar import Calendar
from canonical.policy import PlantPolicy, RouteKind


class UnitConversion(Model):
    """Of one item: `numerator` base units are `denominator` of `unit`. Exact, as master data keeps it."""

    unit: UnitCode
    numerator: PositiveQuantity
    denominator: PositiveQuantity


class Component(Model):
    """What a supplier is given to make `per` base units of a subcontracted item."""

    item: Code
    quantity: PositiveQuantity
    unit: UnitCode
    per: PositiveQuantity = Decimal(1)


class Source(Model):
    """One way to get an item; quantities in `unit`, the order unit."""

    supplier: Code
    """Of a transfer: the supplying plant."""
    route: RouteKind = RouteKind.DIRECT
    blocked: bool = False
    """Purchasing has blocked the supplier, or this record of it."""
    supplier_name: str = ""
    unit: UnitCode
    lead_time_days: Annotated[int, Field(ge=0, le=400)]
    lead_time_in: Literal["calendar_days", "working_days"] = "calendar_days"
    minimum_quantity: Quantity
    multiple: PositiveQuantity
    maximum_quantity: PositiveQuantity | None = None
    price: Money
    currency: str
    price_unit: PositiveQuantity = Decimal(1)
    """The quantity that `price` buys."""
    preference: int = 1
    """1 is the first source."""
    info_record: str | None = None
    calendar: Calendar
    terms: str = "standard"
    """Lines may share an order only where this is equal."""


class ItemAtPlant(Model):
    """An item as the plant keeps it."""

    plant: Code
    item: Code
    description: str = ""
    base_unit: UnitCode
    goods_receipt_days: Annotated[int, Field(ge=0, le=60)]
    material_group: str = ""
    item_class: str = ""
    """By which plants set policy (A, B, C); empty where the item has none."""
    blocked: str = ""
    """Why nothing may be ordered of it (a status of master data); empty: it may."""
    conversions: tuple[UnitConversion, ...] = ()
    components: tuple[Component, ...] = ()
    """What a subcontractor is given for it."""
    sources: tuple[Source, ...] = ()
    """By preference; empty where nobody supplies it."""


class UnknownItem(Model):
    """Master data has no such item at the plant."""

    plant: str
    item: str
    detail: str


class Assessment(Model):
    """All that a requirement needs to decide: master data and policy, as they are now."""

    item: ItemAtPlant | None
    unknown: UnknownItem | None = None
    policy: PlantPolicy
    by_supplier: dict[str, PlantPolicy] = {}
    """Of suppliers for which the plant has rules of their own."""
    allocated: dict[str, Decimal] = {}
    """R14: what each supplier has been given of the item so far, in base units; only where quotas apply."""
    left_out: tuple[Source, ...] = ()
    """Sources of master data whose route the policy does not take."""
    kept_at: dict[str, bool] = {}
    """Of the supplying plants that the policy names: whether they keep the item."""
    calendars: dict[str, Calendar] = {}
    """By supplier, what master data says where a working day counts and policy gave another calendar."""
    receipt_days_of_policy: bool = False
    """The item says nothing of its goods receipt days."""

    def policy_for(self, supplier: str) -> PlantPolicy:
        """What holds for the item when this supplier brings it."""
        return self.by_supplier.get(supplier, self.policy)


class MasterDataDefect(Model):
    """What is wrong in master data, where, and whose it is."""

    field: str
    value: str
    detail: str
    owner: str
    next_step: str
    systems: tuple[str, ...] = ()
    """The systems that disagree, or the one that has it wrong."""
