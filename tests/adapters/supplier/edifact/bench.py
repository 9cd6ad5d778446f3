"""A simulated EDI gateway for the suite of supplier channels."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import httpx

from adapters.dialects import Connection, SupplierChannel
from adapters.http import make_client
from adapters.supplier.edifact.channel import DIALECT
from canonical.order import OrderDocument
from conformance.supplier.bench import Arrived, ArrivedLine
from policies.book import FixedPolicies
from simulators.edi.app import create
from simulators.faults import InProcessTransport, Simulator
from tests.adapters.supplier.edifact.orders import line, order

NOW = dt.datetime(2026, 6, 1, 8, tzinfo=dt.UTC)
ORDER = order(line(10), line(20, quantity=Decimal("12.5"), unit="KGM", price_unit=Decimal(100)))


@dataclass
class EdifactBench:
    """Implements conformance.supplier.bench.ChannelBench."""

    simulator: Simulator
    template: OrderDocument = ORDER
    secrets: Sequence[str] = ("edi-password",)

    def transport(self) -> httpx.AsyncBaseTransport:
        return InProcessTransport(app=self.simulator)

    def client(self, transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
        return make_client("http://edi", "pegline", "edi-password", 2, transport)

    def connect(self, client: httpx.AsyncClient) -> SupplierChannel:
        return DIALECT.connect(Connection("edi", client, {}, 1, 1, FixedPolicies({}), lambda: NOW))

    async def arrived(self, document: OrderDocument) -> Arrived:
        number = document.order_number or ""
        held = self.simulator.books()["orders"].get(number)
        if held is None:
            return Arrived()
        said = [one.summary.split()[0] for one in self.simulator.log.writes if one.document == number]
        lines = tuple(
            ArrivedLine(
                int(each),
                one["item"],
                Decimal(one["quantity"]),
                one["unit"],
                Decimal(one["price"]) / Decimal(one["price_unit"]),
                dt.date.fromisoformat(one["date"]),
                cancelled=one["cancelled"],
            )
            for each, one in held["lines"].items()
        )
        return Arrived(said.count("ORDERS"), said.count("ORDCHG"), said.count("OSTENQ"), lines)

    async def be_silent(self) -> None:
        """Its suppliers answer nothing: only what arrives is looked at."""
        async with httpx.AsyncClient(base_url="http://edi", transport=self.transport()) as http:
            rules = [{"behaviour": "silent_until_reminded"}]
            (await http.post("/control/behaviours", json=rules)).raise_for_status()

    @classmethod
    async def start(cls) -> "EdifactBench":
        made = cls(create("http://gateway", transport=httpx.MockTransport(lambda request: httpx.Response(202))))
        await made.be_silent()
        return made
