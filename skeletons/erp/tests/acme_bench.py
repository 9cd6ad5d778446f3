"""The bench of the conformance suite: acme, the adapter connected to it, and a look past the adapter.

conformance/erp/bench.py in Pegline says what each method is for.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from decimal import Decimal

import httpx

from adapters.dialects import Connection, ErpSystem
from adapters.http import make_client
from canonical.calendar import Calendar
from canonical.identity import OrderId, external_reference, requirement_reference
from canonical.order import DocumentLine, EditedField, OrderDocument
from canonical.policy import PlantPolicy
from canonical.sourcing import ItemAtPlant
from conformance.erp.bench import SeenOrder
from policies.book import FixedPolicies
from skeletons.erp.pegline_acme.dialect import DIALECT
from skeletons.erp.tests.acme_server import AcmeServer

NOW = dt.datetime(2027, 1, 4, 8, tzinfo=dt.UTC)
PLANT, SUPPLIER, SECRET = "1000", "V-100", "acme-secret"


def line(number: int, item: str, quantity: str, unit: str, price: str) -> DocumentLine:
    """A line that acme takes as it is."""
    return DocumentLine(
        line=number,
        item=item,
        description=item,
        quantity=Decimal(quantity),
        unit=unit,
        delivery_date=dt.date(2027, 3, 1),
        price=Decimal(price),
        requirement_reference=requirement_reference(item),
    )


def order() -> OrderDocument:
    """An order of two lines; the unit of one has decimals."""
    order_id = OrderId(f"order/{PLANT}/{SUPPLIER}/1")
    return OrderDocument(
        order_id=order_id,
        reference=external_reference(order_id),
        plant=PLANT,
        company_code=PLANT,
        purchasing_organization=PLANT,
        purchasing_group="001",
        supplier=SUPPLIER,
        currency="EUR",
        order_date=NOW.date(),
        lines=(line(10, "BOLT", "100", "H87", "0.25"), line(20, "STEEL", "250.5", "KGM", "3.25")),
    )


def policies() -> FixedPolicies:
    """The plant's policy, by whose calendar its days are."""
    calendar = Calendar(name="Monday to Friday")
    codes = {"company_code": PLANT, "purchasing_organization": PLANT}
    return FixedPolicies({PLANT: PlantPolicy(plant=PLANT, version="v1", calendar=calendar, office=calendar, **codes)})


@dataclass
class AcmeBench:
    """Implements conformance.erp.bench.ErpBench."""

    server: AcmeServer = field(default_factory=AcmeServer)
    template: OrderDocument = field(default_factory=order)
    settle_seconds: float = 0.2
    secrets: Sequence[str] = (SECRET,)

    def transport(self) -> httpx.AsyncBaseTransport:
        """To the server in this process; httpx.AsyncHTTPTransport() for one that listens at an address."""
        return httpx.ASGITransport(self.server.app)

    def client(self, transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
        """With the log-on that the landscape would give it."""
        headers = {"Authorization": f"Bearer {SECRET}"}
        return make_client("http://acme", timeout_seconds=5, transport=transport, headers=headers)

    def connect(self, client: httpx.AsyncClient, *, settle_seconds: float, second_create_seconds: float) -> ErpSystem:
        """A new adapter, as after a worker's start."""
        times = settle_seconds, second_create_seconds
        return DIALECT.connect(Connection("acme", client, self.options, *times, policies(), lambda: NOW))

    # Yours, from here on

    options: Mapping[str, str] = field(default_factory=dict)
    items: Sequence[ItemAtPlant] = ()
    """Some items exactly as they must be read; empty: reading is not tested."""
    items_at_plant: int = 0
    """How many there are at the plant; 0: paging is not tested."""
    unique_references: bool = False
    """Whether acme itself refuses a second order of a reference."""

    async def orders(self, reference: str) -> Sequence[SeenOrder]:
        """All orders of the reference, from the server's own books."""
        raise NotImplementedError("orders is still to be written in tests/acme_bench.py")

    async def edit(self, order: str, line: int, field: EditedField, value: str) -> None:
        """What a person does at acme's screens; raise CannotHappen(reason) for what nobody can do there."""
        raise NotImplementedError("edit is still to be written in tests/acme_bench.py")

    async def receive(self, order: str, line: int, quantity: Decimal) -> None:
        """The warehouse posts a receipt."""
        raise NotImplementedError("receive is still to be written in tests/acme_bench.py")

    def locked(self, order: str) -> AbstractAsyncContextManager[None]:
        """Within it, somebody has the order open; raise CannotHappen(reason) where nothing is ever locked."""
        raise NotImplementedError("locked is still to be written in tests/acme_bench.py")
