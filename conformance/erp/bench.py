"""What an adapter's project gives the suite: a running system, the adapter connected to it, and a look past the
adapter.

A bench is an object with the attributes and methods of `ErpBench`; it inherits nothing. It reads the system's documents
by a way of its own (the system's database, its books, a client that is not the adapter's), for what an adapter says of
its own work is not what is tested. Where the system has no such thing, a method raises CannotHappen with the reason,
and the case is skipped. Every case makes documents with references of their own, so that one system serves all cases.
"""

import datetime as dt
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import NamedTuple, Protocol

import httpx

from adapters.ports import DuplicateSweepPort, ErpPort, MasterDataPort
from canonical.order import EditedField, OrderDocument
from canonical.sourcing import ItemAtPlant


class SeenLine(NamedTuple):
    """A line of an order as the system holds it."""

    line: int
    """Our number of it."""
    item: str
    quantity: Decimal
    unit: str
    """As UN/ECE code."""
    price: Decimal
    """For one unit, exactly."""
    deliveries: tuple[tuple[dt.date, Decimal], ...]
    """What is to come on which day, the earliest first; what was received counts with its day."""
    cancelled: bool = False
    """Nothing of it is wanted any more: deleted, cancelled, or whatever the system calls it."""
    completed: bool = False
    """Nothing more of it is expected, after a part was received."""


class SeenOrder(NamedTuple):
    """An order of a reference as the system holds it, cancelled ones included."""

    number: str
    lines: tuple[SeenLine, ...]
    requisition: str = ""

    @property
    def lives(self) -> bool:
        """Whether somebody may still deliver it."""
        return any(not line.cancelled for line in self.lines)

    def line(self, number: int) -> SeenLine | None:
        """The line of our number; None: the order has none."""
        return next((line for line in self.lines if line.line == number), None)


class ConnectedErp(Protocol):
    """The adapter under test; adapters.dialects.ErpSystem is one."""

    @property
    def orders(self) -> ErpPort: ...

    @property
    def master_data(self) -> MasterDataPort: ...

    @property
    def duplicates(self) -> DuplicateSweepPort | None: ...


class ErpBench(Protocol):
    """An ERP that the suite may write into."""

    @property
    def template(self) -> OrderDocument:
        """An order that the system takes as it is: two lines of different items, their units, prices and days in the
        future. The suite gives it references, quantities and days of its own. At least one line's unit has decimals.
        """
        ...

    @property
    def items(self) -> Sequence[ItemAtPlant]:
        """Some items exactly as master data must be read, with all their sources; empty: not tested."""
        ...

    @property
    def items_at_plant(self) -> int:
        """How many items the system keeps at the template's plant: more than fit on one of its pages."""
        ...

    @property
    def unique_references(self) -> bool:
        """Whether the system itself refuses a second document of a reference."""
        ...

    @property
    def settle_seconds(self) -> float:
        """How long a call may take here until what it wrote can be read: half a second for a simulator in the same
        process.
        """
        ...

    @property
    def secrets(self) -> Sequence[str]:
        """What may stand in no message: the password, the client secret."""
        ...

    def transport(self) -> httpx.AsyncBaseTransport:
        """A new transport to the system: httpx.AsyncHTTPTransport() for one that listens at an address."""
        ...

    def client(self, transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
        """The adapter's HTTP client on that transport, with base URL and log-on (adapters.http.make_client)."""
        ...

    def connect(
        self, client: httpx.AsyncClient, *, settle_seconds: float, second_create_seconds: float
    ) -> ConnectedErp:
        """A new adapter, as after a worker's start; it remembers nothing."""
        ...

    async def orders(self, reference: str) -> Sequence[SeenOrder]:
        """All orders of the reference, the oldest first."""
        ...

    async def edit(self, order: str, line: int, field: EditedField, value: str) -> None:
        """A person at the system's own screens sets a field of a line (canonical.order.edited_value)."""
        ...

    async def receive(self, order: str, line: int, quantity: Decimal) -> None:
        """The warehouse posts a receipt."""
        ...

    def locked(self, order: str) -> AbstractAsyncContextManager[None]:
        """Within it, the order is locked: somebody has it open at a screen."""
        ...


__all__ = ["ConnectedErp", "ErpBench", "SeenLine", "SeenOrder"]
