"""Supply requests and coverage: what a requirement requests from an order, and the schedule lines that the order gives
it.
"""

import datetime as dt
from decimal import Decimal
from enum import StrEnum

from canonical.base import Code, Criticality, Instant, Model, Money, OrderQuantity, PositiveQuantity, Quantity, UnitCode
from canonical.identity import OrderId, RequirementId
from canonical.need import Peg
from canonical.policy import LinePolicy, RouteKind
from canonical.sourcing import AgreementReference, PriceBreak, price_of
from canonical.units import NEED_DECIMALS, SAME, PerUnit, rescale


class ScheduleLineState(StrEnum):
    """How sure a schedule line of supply is."""

    ORDERED = "ordered"
    CONFIRMED = "confirmed"
    BACKORDERED = "backordered"
    SHIPPED = "shipped"
    RECEIVED = "received"


class ScheduleLine(Model):
    """A quantity that arrives at the dock on a day; `date` is None where the supplier gave none."""

    quantity: OrderQuantity
    date: dt.date | None
    state: ScheduleLineState


def in_need_unit(schedule_lines: tuple[ScheduleLine, ...], per_order_unit: PerUnit) -> tuple[ScheduleLine, ...]:
    """An order's schedule lines in the unit of the need; so many need units are one order unit.

    Rounded to six decimals as a whole, not line by line: the share of a need (SHARE_DECIMALS) becomes exactly the need,
    in one schedule line or in many.
    """
    if per_order_unit == SAME:
        return schedule_lines
    converted, ordered, reached = [], Decimal(0), Decimal(0)
    for part in schedule_lines:
        ordered += part.quantity
        until = rescale(ordered, per_order_unit, NEED_DECIMALS, "nearest")
        converted.append(part.model_copy(update={"quantity": until - reached}))
        reached = until
    return tuple(converted)


class RequestedComponent(Model):
    """A component that a subcontractor is to be given; `date` is when it must be on stock."""

    item: Code
    unit: UnitCode
    per_unit: PositiveQuantity
    """For one order unit; for the whole line where it is `fixed`."""
    fixed: bool = False
    date: dt.date


class LotTerms(Model):
    """R5: how the source sells, in the order unit."""

    minimum: Quantity
    multiple: PositiveQuantity
    maximum: PositiveQuantity | None = None


class OtherUnit(Model):
    """Another unit in which an item is counted: so many of it are one order unit."""

    unit: UnitCode
    per_order_unit: PerUnit


class SupplyRequest(Model):
    """The whole quantity that a requirement now requests from one order (never a delta).

    No lots: the requirement needs nothing from this order any more.
    """

    requirement_id: RequirementId
    request_revision: int
    plant: Code
    item: Code
    description: str = ""
    material_group: str = ""
    unit: UnitCode
    lots: tuple[PositiveQuantity, ...]
    """R5: the quantities to order, a line each."""
    needed: OrderQuantity
    """The part of the lots that the requirement itself needs; the rest is lot surplus."""
    need_quantity: Quantity | None = None
    """The same in the unit of the need, exactly; None: that unit is the order's."""
    lot_terms: LotTerms | None = None
    """The terms for sizing a shared line; None: it shares none."""
    required_date: dt.date
    """The day on which the requirement needs it, by which it is served (R11); not the day it must be at the dock."""
    dock_date: dt.date
    """R6: the day the goods must be at the dock."""
    send_by: dt.date
    """R6: the day the order must be with the supplier."""
    pegs: tuple[Peg, ...]
    goods_receipt_days: int
    criticality: Criticality
    price: Money
    currency: str
    price_unit: PositiveQuantity = Decimal(1)
    price_breaks: tuple[PriceBreak, ...] = ()
    """Other prices from a line's quantity on."""
    info_record: str | None = None
    agreement: AgreementReference | None = None
    """The item of an outline agreement that the order calls off."""
    need_unit: str = ""
    """The unit of the need; empty: that of the order. Lots, `needed` and pegs are in the order unit."""
    per_order_unit: PerUnit = SAME
    """(numerator, denominator): so many need units are one order unit."""
    other_units: tuple[OtherUnit, ...] = ()
    """The item's other units, in which the supplier or a warehouse may count."""
    route: RouteKind = RouteKind.DIRECT
    from_stock: OrderQuantity = Decimal(0)
    """For a transfer: the part that the supplying plant has on stock, as a person chose (R7)."""
    components: tuple[RequestedComponent, ...] = ()
    """For a subcontract: the components to give to the supplier for all lots."""
    policy: LinePolicy | None = None
    item_class: str | None = None
    """The class by which the line's policy is looked up again; None: it stays as it is."""
    internal: bool = False
    """The need comes from one of our orders (transfer or subcontract): APS does not know it."""
    answered_on: bool = False
    """The requirement answers a transfer with what it gets: every answer is reported to it, even one as requested."""
    expedite: bool = False
    approved_by: str | None = None
    """The person who approved this change; no further proposal is made."""
    reason: str = ""
    correlation_id: str = ""
    reported_at: Instant | None = None
    """The requirement's clock. A workflow task that is executed again sends the same revision later, perhaps with other
    content: the later one holds.
    """

    @property
    def rank(self) -> tuple[int, float]:
        """The key that orders two supply requests (R10)."""
        return (self.request_revision, self.reported_at.timestamp() if self.reported_at else 0.0)

    @property
    def quantity(self) -> Decimal:
        """Σ lots."""
        return sum(self.lots, Decimal(0))

    def price_of(self, quantity: Decimal) -> Decimal:
        """The price, for `price_unit`, of a line of so many order units."""
        return price_of(quantity, self.price, self.price_breaks)

    @property
    def exact_need(self) -> tuple[Decimal, PerUnit]:
        """The need without any rounding: a quantity, and how many of its units are one order unit."""
        return (self.needed, SAME) if self.need_quantity is None else (self.need_quantity, self.per_order_unit)


def _in_need_unit(request: SupplyRequest, quantity: Decimal) -> Decimal:
    """A quantity of the order unit in the unit of the request's need."""
    ratio = request.per_order_unit
    return quantity if ratio == SAME else rescale(quantity, ratio, NEED_DECIMALS, "nearest")


class CoverageChanged(Model):
    """The whole coverage that an order now gives a requirement; `sequence` rises with each report (R10)."""

    order_id: OrderId
    sequence: int
    as_of: Instant
    """The business time of its content."""
    supplier: Code
    order_number: str | None = None
    order_revision: int = 0
    request_revision: int = 0
    """The newest supply request that this report takes into account."""
    schedule_lines: tuple[ScheduleLine, ...] = ()
    refused: str | None = None
    """Why the order could not grant the supply request; None where it did."""
    remarks: tuple[str, ...] = ()
    """What the supplier said of its lines in words, for a person."""
    open_quantity: OrderQuantity = Decimal(0)
    """R3: the quantity that this order can't deliver and that must be ordered again."""
    closed: bool = False
    """This order will deliver nothing more for the requirement."""
    overdue_since: dt.date | None = None
    """The earliest date of it that has passed without a receipt: the need is to be tested again (R7)."""
    reported_at: Instant | None = None
    """The order's clock; see SupplyRequest.reported_at."""

    @property
    def rank(self) -> tuple[int, float]:
        """The key that orders two reports of an order (R10)."""
        return (self.sequence, self.reported_at.timestamp() if self.reported_at else 0.0)


class OrderCoverage(Model):
    """One order that serves a requirement: the request to it, and its last report."""

    order_id: OrderId
    supplier: Code
    request: SupplyRequest
    reported: CoverageChanged | None = None
    """None: the order gives exactly what was requested, or has not answered yet."""
    released: bool = False
    """It had ended before it took the supply request; its last report may still be on its way."""
    settled: int = 0
    """The supply request whose open quantity was ordered again: later reports repeat the same open quantity."""
    settled_quantity: Quantity = Decimal(0)
    """How much of it was, in the order unit; more may become open later, and less where goods have come after all."""

    @property
    def closed(self) -> bool:
        """It will deliver nothing more."""
        return self.released or (self.reported is not None and self.reported.closed)

    @property
    def needed(self) -> Decimal:
        """The quantity that the requirement requested for itself, in the need's unit."""
        return _in_need_unit(self.request, self.request.needed)

    @property
    def open_quantity(self) -> Decimal:
        """R3: the quantity that it can't deliver and that must be ordered again. In the need's unit."""
        return _in_need_unit(self.request, self.open_quantity_in_order_unit)

    @property
    def open_quantity_in_order_unit(self) -> Decimal:
        """The open quantity in the order unit."""
        if self.pending or self.reported is None:
            return Decimal(0)
        ordered_again = self.settled >= self.request.request_revision
        if not self.released:
            return max(Decimal(0), self.reported.open_quantity - (self.settled_quantity if ordered_again else 0))
        if ordered_again:
            return Decimal(0)
        received = sum(
            (p.quantity for p in self.reported.schedule_lines if p.state is ScheduleLineState.RECEIVED), Decimal(0)
        )
        return max(Decimal(0), self.request.needed - received)

    @property
    def recovered(self) -> Decimal:
        """The quantity that was ordered again, and that this order brings after all; in the order unit."""
        if self.released or self.reported is None or self.settled < self.request.request_revision:
            return Decimal(0)
        return max(Decimal(0), self.settled_quantity - self.reported.open_quantity)

    @property
    def pending(self) -> bool:
        """A changed supply request has not been answered yet: the last report is out of date."""
        if self.released:
            return self.reported is None or not self.reported.closed
        return (
            not self.closed
            and self.reported is not None
            and self.reported.request_revision < self.request.request_revision
        )

    @property
    def supply(self) -> tuple[ScheduleLine, ...]:
        """The supply it is known to bring, in the need's unit."""
        if self.reported is not None:
            return in_need_unit(self.reported.schedule_lines, self.request.per_order_unit)
        if self.released or not self.request.lots:
            return ()
        return (ScheduleLine(quantity=self.needed, date=self.request.dock_date, state=ScheduleLineState.ORDERED),)

    @property
    def received(self) -> Decimal:
        """The received quantity, in the need's unit."""
        return sum((part.quantity for part in self.supply if part.state is ScheduleLineState.RECEIVED), Decimal(0))
