"""The ERP's state of our documents, as small models that every dialect reads its rows into.

Decided here: what may stand in them. Which rows are alive, deleted or blocked is each dialect's own.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from canonical.base import FIRST_DAY, LAST_DAY

_BEYOND, _FINEST = Decimal(10) ** 12, Decimal("0.000001")


@dataclass(frozen=True)
class RemoteScheduleLine:
    """A schedule line as the ERP holds it."""

    number: int
    date: dt.date | None
    quantity: Decimal
    committed: Decimal
    etag: str = field(default="", compare=False)
    """The row's entity tag, where the ERP gives one."""


@dataclass(frozen=True)
class RemoteComponent:
    """A component that a subcontractor gets for a schedule line, as the ERP holds it; quantity and unit as entered."""

    schedule_line: int
    reservation: int
    record_type: str
    material: str
    quantity: Decimal
    unit: str
    date: dt.date | None
    etag: str = field(default="", compare=False)


@dataclass(frozen=True)
class RemoteItem:
    """An order item as the ERP holds it."""

    order: str
    number: int
    quantity: Decimal
    deleted: bool
    completed: bool
    requisition: str
    schedule: tuple[RemoteScheduleLine, ...] = ()
    price: Decimal = Decimal(0)
    price_unit: Decimal = Decimal(1)
    components: tuple[RemoteComponent, ...] = ()
    material: str = ""
    plant: str = ""
    blocked: bool = False
    unit: str = ""
    """The order unit, in the ERP's code."""
    etag: str = field(default="", compare=False)


Items = Mapping[int, RemoteItem]
"""An order's items by number."""


@dataclass(frozen=True)
class RemoteDocument:
    """A requisition or order of our reference: its number, the items still alive; an order's requisition.

    `open_items`: for a requisition, the items that are alive and not in an order.
    """

    number: str
    live_items: tuple[int, ...]
    requisition: str = ""
    open_items: tuple[int, ...] = ()
    unreleased: str = ""
    """Why the ERP has not released it yet; empty: it may go to its supplier."""

    @property
    def deleted(self) -> bool:
        """No item of it is left."""
        return not self.live_items


def quantity_or_price(number: Decimal) -> Decimal:
    """The number, if the rest of Pegline can hold it. Raises ValueError."""
    if not 0 <= number < _BEYOND or number % _FINEST:
        raise ValueError(f"a quantity or price beyond what an order can hold: {str(number)[:60]!r}")
    return number


def day_within_calendar(day: dt.date | None) -> dt.date | None:
    """The day, if the rest of Pegline can hold it. Raises ValueError."""
    if day is not None and not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"{day} does not lie between {FIRST_DAY} and {LAST_DAY}")
    return day


def age(number: str) -> tuple[int, str]:
    """By age: an ERP numbers its documents upwards; a shorter number is a lower one."""
    return (len(number.lstrip("0")), number)


class NotWritable(ValueError):
    """A value that the ERP can't hold; the message names value and field, `code` its kind."""

    code = "not_writable"
