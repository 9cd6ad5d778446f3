"""Cover: what a requirement wants of an order, and what the order gives it, in schedule lines."""

import datetime as dt
from decimal import Decimal
from enum import StrEnum

from canonical.base import Code, Criticality, Instant, Model, Money, PositiveQuantity, Quantity, UnitCode
from canonical.identity import OrderId, RequirementId
from canonical.need import Peg
from canonical.policy import LinePolicy, RouteKind
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

    quantity: Quantity
    date: dt.date | None
    state: ScheduleLineState


def in_need_unit(schedule_lines: tuple[ScheduleLine, ...], per_order_unit: PerUnit) -> tuple[ScheduleLine, ...]:
    """An order's schedule lines in the unit of the need; so many need units are one order unit.

    Rounded down as a whole and not schedule line by schedule line: what covers the need in one schedule line covers it
    in many.
    """
    if per_order_unit == SAME:
        return schedule_lines
    converted, ordered, reached = [], Decimal(0), Decimal(0)
    for part in schedule_lines:
        ordered += part.quantity
        until = rescale(ordered, per_order_unit, NEED_DECIMALS, "down")
        converted.append(part.model_copy(update={"quantity": until - reached}))
        reached = until
    return tuple(converted)


class RequestedComponent(Model):
    """A component that a subcontractor is to be given for one lot unit; `date` is when it must be on stock."""

    item: Code
    unit: UnitCode
    per_unit: PositiveQuantity
    """For one order unit."""
    date: dt.date


class LotTerms(Model):
    """R5: how the source sells, in the order unit."""

    minimum: Quantity
    multiple: PositiveQuantity
    maximum: PositiveQuantity | None = None


class SupplyRequest(Model):
    """The coverage that a requirement wants of one order now, whole (never a delta).

    No lots: the requirement wants nothing of this order any more.
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
    needed: Quantity
    """What the requirement itself needs of the lots; the rest is surplus of the lot size."""
    lot_terms: LotTerms | None = None
    """By which a line that several share is sized; None: it shares none."""
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
    info_record: str | None = None
    need_unit: str = ""
    """The unit of the need; empty: that of the order. Lots, `needed` and pegs are in the order unit."""
    per_order_unit: PerUnit = SAME
    """(numerator, denominator): so many need units are one order unit."""
    route: RouteKind = RouteKind.DIRECT
    components: tuple[RequestedComponent, ...] = ()
    """Of a subcontract: what the supplier is to be given for all lots."""
    policy: LinePolicy | None = None
    item_class: str | None = None
    """By which the line's policy is asked for again; None: it holds as it is."""
    internal: bool = False
    """The need is one of ours (of a transfer or subcontract): APS does not know it."""
    answered_on: bool = False
    """The requirement answers a transfer with what it gets: it is told of every answer, even of one as wanted."""
    expedite: bool = False
    approved_by: str | None = None
    """Who decided this change as a person; a proposal is not asked for again."""
    reason: str = ""
    correlation_id: str = ""
    reported_at: Instant | None = None
    """The requirement's clock. A workflow task that is decided anew states the same revision once more, later and
    perhaps otherwise: the later one holds."""

    @property
    def rank(self) -> tuple[int, float]:
        """What is compared to tell the newer of two supply requests (R10)."""
        return (self.request_revision, self.reported_at.timestamp() if self.reported_at else 0.0)

    @property
    def quantity(self) -> Decimal:
        """Σ lots."""
        return sum(self.lots, Decimal(0))


class CoverageChanged(Model):
    """What an order gives a requirement now, whole; `sequence` rises with each statement (R10)."""

    order_id: OrderId
    sequence: int
    as_of: Instant
    """The business time of what it states."""
    supplier: Code
    order_number: str | None = None
    order_revision: int = 0
    request_revision: int = 0
    """The newest supply request that this statement takes into account."""
    schedule_lines: tuple[ScheduleLine, ...] = ()
    refused: str | None = None
    """Why the order could not grant the supply request; None where it did."""
    open_quantity: Quantity = Decimal(0)
    """R3: what this order can't take any more and is to be ordered anew."""
    closed: bool = False
    """Nothing more will come of this order for the requirement."""
    reported_at: Instant | None = None
    """The order's clock; see Want.reported_at."""

    @property
    def rank(self) -> tuple[int, float]:
        """What is compared to tell the newer of two statements of an order (R10)."""
        return (self.sequence, self.reported_at.timestamp() if self.reported_at else 0.0)


class OrderCoverage(Model):
    """One order that serves a requirement: what was asked of it, and what it last stated."""

    order_id: OrderId
    supplier: Code
    request: SupplyRequest
    reported: CoverageChanged | None = None
    """None: the order gives exactly what was wanted, or has not answered yet."""
    released: bool = False
    """It had ended before it took the supply request; its last statement, if not here yet, is on its way."""
    settled: int = 0
    """The supply request whose balance has been ordered anew: later statements name the same balance again."""

    @property
    def closed(self) -> bool:
        """Nothing more will come of it."""
        return self.released or (self.reported is not None and self.reported.closed)

    @property
    def needed(self) -> Decimal:
        """What the requirement asked of it for itself, in the need's unit."""
        if self.request.per_order_unit == SAME:
            return self.request.needed
        return rescale(self.request.needed, self.request.per_order_unit, NEED_DECIMALS, "down")

    @property
    def open_quantity(self) -> Decimal:
        """R3: what it was to bring and can't take any more; to be ordered anew. In the need's unit, rounded up."""
        if self.request.per_order_unit == SAME:
            return self.open_quantity_in_order_unit
        return rescale(self.open_quantity_in_order_unit, self.request.per_order_unit, NEED_DECIMALS, "up")

    @property
    def open_quantity_in_order_unit(self) -> Decimal:
        """The balance in the order unit."""
        if self.pending or self.reported is None or self.settled >= self.request.request_revision:
            return Decimal(0)
        if not self.released:
            return self.reported.open_quantity
        received = sum(
            (p.quantity for p in self.reported.schedule_lines if p.state is ScheduleLineState.RECEIVED), Decimal(0)
        )
        return max(Decimal(0), self.request.needed - received)

    @property
    def pending(self) -> bool:
        """A changed supply request has not been answered yet: the last statement is out of date."""
        if self.released:
            return self.reported is None or not self.reported.closed
        return (
            not self.closed
            and self.reported is not None
            and self.reported.request_revision < self.request.request_revision
        )

    @property
    def supply(self) -> tuple[ScheduleLine, ...]:
        """What it is known to bring, in the need's unit."""
        if self.reported is not None:
            return in_need_unit(self.reported.schedule_lines, self.request.per_order_unit)
        if self.released or not self.request.lots:
            return ()
        return (ScheduleLine(quantity=self.needed, date=self.request.dock_date, state=ScheduleLineState.ORDERED),)

    @property
    def received(self) -> Decimal:
        """What is on stock of it, in the need's unit."""
        return sum((part.quantity for part in self.supply if part.state is ScheduleLineState.RECEIVED), Decimal(0))
