"""Master data of an item at a plant: who supplies it, on which terms."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from canonical.base import Code, DayOrNone, Label, LineNumber, Model, Money, PositiveQuantity, Quantity, Text, UnitCode
from canonical.calendar import Calendar
from canonical.landscape import TwoErps
from canonical.policy import PlantPolicy, RouteKind
from canonical.units import PerUnit


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
    fixed: bool = False
    """The quantity is for each order line, however much of the item that is for."""
    valid_from: DayOrNone = None
    valid_to: DayOrNone = None
    """The days on which it is issued, both included; None: without limit."""


class AgreementReference(Model):
    """An item of an outline agreement (contract) with a supplier."""

    number: Code
    item: LineNumber


class Agreement(AgreementReference):
    """The same with its validity, and what orders have left of it."""

    valid_from: DayOrNone = None
    valid_to: DayOrNone = None
    """The order dates for which it holds, both included; None: without limit."""
    quantity_left: Quantity | None = None
    """In the order unit; None: no quantity was agreed."""
    value_left: Quantity | None = None
    """In the source's currency; None: no value was agreed."""

    @property
    def reference(self) -> AgreementReference:
        """Its number and item alone."""
        return AgreementReference(number=self.number, item=self.item)


class PriceBreak(Model):
    """The price of an order line from a quantity on, in the order unit."""

    from_quantity: PositiveQuantity
    price: Money


def price_of(quantity: Decimal, price: Decimal, breaks: tuple[PriceBreak, ...]) -> Decimal:
    """The price of a line: that of the highest break which its quantity reaches, else the price without breaks."""
    reached = [each for each in breaks if each.from_quantity <= quantity]
    return max(reached, key=lambda each: each.from_quantity).price if reached else price


class Source(Model):
    """One way to get an item on one set of terms; quantities in `unit`, the order unit.

    A supplier whose terms change on a day is several sources, each with its own days.
    """

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
    price_breaks: tuple[PriceBreak, ...] = ()
    """Other prices from a line's quantity on."""
    price_from: DayOrNone = None
    price_to: DayOrNone = None
    """The order dates for which the price holds, both included; None: without limit."""
    available_from: DayOrNone = None
    available_to: DayOrNone = None
    """The delivery dates for which it may be used, both included; None: without limit."""
    purchasing_organization: str = ""
    """Who buys on these terms; empty: everybody."""
    base_units: PerUnit | None = None
    """(numerator, denominator): so many of the item's base units are one order unit of this supplier; None: as the item
    converts."""
    agreement: Agreement | None = None
    """The outline agreement that orders on these terms call off; None: they call off none."""
    preference: int = 1
    """1 is the first source; equal ones are ranked by policy (`tie_break`)."""
    info_record: Label | None = None
    calendar: Calendar
    terms: str = "standard"
    """Lines may share an order only where this is equal."""

    def price_of(self, quantity: Decimal) -> Decimal:
        """The price, for `price_unit`, of a line of so many order units."""
        return price_of(quantity, self.price, self.price_breaks)


def in_force(day: dt.date, first: dt.date | None, last: dt.date | None) -> bool:
    """Whether the day lies in a period; None: without limit."""
    return (first is None or first <= day) and (last is None or day <= last)


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


class FreeStock(Model):
    """What a plant has on stock that no netted demand and no requirement counts on."""

    quantity: Quantity
    unit: UnitCode


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
    """Sources of master data whose route the policy does not use, or whose terms are another organization's."""
    kept_at: dict[str, bool] = {}
    """For each supplying plant that the policy names: whether it keeps the item."""
    apart: dict[str, TwoErps] = {}
    """Supplying plants that the policy names and whose orders are in another system, so that nothing is transferred."""
    free_at: dict[str, FreeStock] = {}
    """By supplying plant that keeps the item: what it has on stock for anybody; left out without a figure."""
    free_substitutes: dict[str, FreeStock] = {}
    """By substitute item that the policy names: what the plant has on stock for anybody; left out without a figure."""
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
