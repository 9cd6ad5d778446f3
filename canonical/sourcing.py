"""Master data of an item at a plant: who supplies it, on which terms."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from canonical.base import Code, Label, Model, Money, PositiveQuantity, Quantity, Text, UnitCode
from canonical.calendar import Calendar
from canonical.policy import PlantPolicy, RouteKind


class UnitConversion(Model):
    """For one item: `numerator` base units are `denominator` of `unit`. Exact, as in master data."""

    unit: UnitCode
    numerator: PositiveQuantity
    denominator: PositiveQuantity


class Component(Model):
    """A component given to a supplier to make `per` base units of a subcontracted item."""

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
    supplier_name: Text = ""
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
    info_record: Label | None = None
    calendar: Calendar
    terms: str = "standard"
    """Lines may share an order only where this is equal."""


class ItemAtPlant(Model):
    """An item as the plant keeps it."""

    plant: Code
    item: Code
    description: Text = ""
    base_unit: UnitCode
    goods_receipt_days: Annotated[int, Field(ge=0, le=60)]
    material_group: str = ""
    item_class: str = ""
    """The class by which plants set policy (A, B, C); empty where the item has none."""
    blocked: Text = ""
    """Why it must not be ordered (a status of master data); empty: it may."""
    conversions: Annotated[tuple[UnitConversion, ...], Field(max_length=200)] = ()
    components: Annotated[tuple[Component, ...], Field(max_length=500)] = ()
    """The components given to a subcontractor for it."""
    sources: Annotated[tuple[Source, ...], Field(max_length=200)] = ()
    """By preference; empty where nobody supplies it."""


class UnknownItem(Model):
    """Master data has no such item at the plant."""

    plant: str
    item: str
    detail: Text


class Assessment(Model):
    """Everything that a requirement needs to decide: current master data and policy."""

    item: ItemAtPlant | None
    unknown: UnknownItem | None = None
    policy: PlantPolicy
    by_supplier: dict[str, PlantPolicy] = {}
    """The policies of suppliers for which the plant has rules of their own."""
    allocated: dict[str, Decimal] = {}
    """R14: the quantity of the item allocated to each supplier so far, in base units; only where quotas apply."""
    left_out: tuple[Source, ...] = ()
    """Sources of master data whose route the policy does not use."""
    kept_at: dict[str, bool] = {}
    """For each supplying plant that the policy names: whether it keeps the item."""
    calendars: dict[str, Calendar] = {}
    """By supplier, master data's calendar where the policy has set another one."""
    receipt_days_of_policy: bool = False
    """The item has no goods receipt days of its own."""

    def policy_for(self, supplier: str) -> PlantPolicy:
        """The policy for the item when this supplier delivers it."""
        return self.by_supplier.get(supplier, self.policy)


class MasterDataDefect(Model):
    """A defect of master data, its place and its owner."""

    field: str
    value: str
    detail: str
    owner: str
    next_step: str
    systems: tuple[str, ...] = ()
    """The systems that disagree, or the one that has it wrong."""
