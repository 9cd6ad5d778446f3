"""What an adapter's project gives the suite of supplier channels: a channel, the adapter, and a look past the adapter.

A bench is an object with the attributes and methods of `ChannelBench`; it inherits nothing. It reads what arrived at
the other end of the channel by a way of its own. Where the channel has no such thing, a method raises CannotHappen with
the reason, and the case is skipped. Every case sends an order of its own.
"""

import datetime as dt
from decimal import Decimal
from typing import NamedTuple, Protocol

from adapters.ports import SupplierPort
from canonical.order import OrderDocument
from conformance.writing import WritingBench


class ArrivedLine(NamedTuple):
    """A line as the supplier has it."""

    line: int
    item: str
    quantity: Decimal
    unit: str
    """As UN/ECE code."""
    price: Decimal
    """For one unit, exactly."""
    day: dt.date
    cancelled: bool = False


class Arrived(NamedTuple):
    """What arrived of an order: how many documents of each kind, and its lines by the newest."""

    orders: int = 0
    changes: int = 0
    reminders: int = 0
    lines: tuple[ArrivedLine, ...] = ()


class ConnectedChannel(Protocol):
    """The adapter under test; adapters.dialects.SupplierChannel is one."""

    @property
    def supplier(self) -> SupplierPort: ...


class ChannelBench(WritingBench[ConnectedChannel], Protocol):
    """A channel that the suite may send by."""

    @property
    def template(self) -> OrderDocument:
        """An order that the channel takes as it is: two lines, one of a unit with decimals."""
        ...

    async def arrived(self, document: OrderDocument) -> Arrived:
        """What the supplier has of the order, by its number."""
        ...


__all__ = ["Arrived", "ArrivedLine", "ChannelBench", "ConnectedChannel"]
