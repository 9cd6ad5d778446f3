"""A simulated Coupa for the conformance suites: what is submitted is approved at once, unless people are to do it."""

import datetime as dt
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
from pydantic import SecretStr

from adapters.dialects import Connection, ErpSystem
from adapters.erp.coupa.dialect import DIALECT
from adapters.http import make_client
from adapters.oauth import ClientCredentials, TokenEndpoint
from canonical.order import EditedField, OrderDocument
from canonical.sourcing import ItemAtPlant
from conformance.erp.bench import SeenLine, SeenOrder
from conformance.verdict import CannotHappen
from policies.book import FixedPolicies
from simulators.coupa import create
from simulators.faults import InProcessTransport, Simulator
from tests.adapters.erp.documents import document, line

NOW = dt.datetime(2027, 1, 4, 8, tzinfo=dt.UTC)
FRAME, STEEL = "FRAME-1", "STEEL-1"
_LINE = re.compile(r"/(\d+)\)$")
_OURS = {"EA": "H87", "KG": "KGM"}


@dataclass
class CoupaBench:
    """Implements conformance.procurement.bench.ProcurementBench."""

    simulator: Simulator
    template: OrderDocument = field(
        default_factory=lambda: document(
            line(10, "100", item=FRAME, price=Decimal("78.07"), info_record=None),
            line(20, "250.5", item=STEEL, unit="KGM", price=Decimal("3.25"), info_record=None),
            supplier="V-100",
        )
    )
    items: Sequence[ItemAtPlant] = ()
    items_at_plant: int = 0
    unique_references: bool = False
    settle_seconds: float = 0.4
    secrets: Sequence[str] = ("a-client-secret",)

    @classmethod
    @asynccontextmanager
    async def start(cls) -> AsyncIterator["CoupaBench"]:
        simulator = create(client_secret="a-client-secret", limited=False)
        simulator.clock.set(NOW)
        bench = cls(simulator)
        await bench.people("setup", approves=True, items=[FRAME, STEEL])
        yield bench
        await simulator.settled()

    async def people(self, action: str, **body: Any) -> None:
        async with httpx.AsyncClient(base_url="http://coupa", transport=self.transport()) as http:
            answer = await http.post(f"/control/{action}", json=body)
            assert answer.status_code < 300, answer.text

    def transport(self) -> httpx.AsyncBaseTransport:
        return InProcessTransport(app=self.simulator)

    def client(self, transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
        endpoint = TokenEndpoint("http://coupa/oauth2/token", "pegline", SecretStr("a-client-secret"), secret_in="body")
        auth = ClientCredentials(endpoint, system="coupa", transport=self.transport())
        return make_client("http://coupa", "", "", 2, transport, auth=auth)

    def connect(self, client: httpx.AsyncClient, *, settle_seconds: float, second_create_seconds: float) -> ErpSystem:
        options = {"units": "H87=EA,KGM=KG"}
        times = settle_seconds, second_create_seconds
        return DIALECT.connect(Connection("coupa", client, options, *times, FixedPolicies({}), lambda: NOW))

    # -- what it holds, and what people do

    def held(self, part: str) -> list[dict[str, Any]]:
        return list(self.simulator.books()[part])

    async def orders(self, reference: str) -> Sequence[SeenOrder]:
        ours = {row["id"] for row in self.held("requisitions") if row["req-title"] == reference}
        return [_seen(row) for row in self.held("orders") if row["requisition-header"]["id"] in ours]

    async def edit(self, order: str, line: int, field: EditedField, value: str) -> None:
        given: Mapping[EditedField, dict[str, Any]] = {
            "quantity": {"quantity": value},
            "delivery_date": {"need_by": f"{value}T12:00:00+00:00"},
            "price": {"price": value},
            "deleted": {"deleted": True},
            "delivery_completed": {"status": "soft_closed_for_receiving"},
        }
        if field not in given:
            raise CannotHappen(f"nobody can set {field} of a line in Coupa")
        await self.people("edit", order=order, line=self._number(order, line), **given[field])

    async def receive(self, order: str, line: int, quantity: Decimal) -> None:
        await self.people("receive", order=order, line=self._number(order, line), quantity=str(quantity))

    def _number(self, order: str, line: int) -> int:
        """Coupa's own count of our line."""
        [held] = [row for row in self.held("orders") if row["po-number"] == order]
        [number] = [row["line-num"] for row in held["order-lines"] if _ours(row) == line]
        return int(number)

    def locked(self, order: str) -> AbstractAsyncContextManager[None]:
        raise CannotHappen("Coupa locks no order; a change that waits is waited for")

    # -- approvals

    async def let_people_approve(self) -> None:
        await self.people("setup", approves=False)

    async def requests(self, reference: str) -> Sequence[str]:
        return [
            str(row["id"])
            for row in self.held("requisitions")
            if row["req-title"] == reference and row["status"] not in ("draft", "withdrawn")
        ]

    async def approve(self, document: str) -> None:
        await self.people("approve", **self._which(document), tell=False)

    async def refuse(self, document: str, reason: str) -> None:
        await self.people("reject", **self._which(document), reason=reason, tell=False)

    async def withdraw(self, document: str) -> None:
        await self.people("withdraw", requisition=int(document), tell=False)

    def _which(self, document: str) -> dict[str, int]:
        is_change = any(str(row["id"]) == document for row in self.held("changes"))
        return {"change" if is_change else "requisition": int(document)}


def _ours(row: Mapping[str, Any]) -> int:
    found = _LINE.search(row["description"])
    assert found, row
    return int(found[1])


def _seen(order: Mapping[str, Any]) -> SeenOrder:
    gone = order["status"] == "cancelled"
    lines = tuple(
        SeenLine(
            line=_ours(row),
            item=row["item"]["item-number"],
            quantity=Decimal(row["quantity"]),
            unit=_OURS.get(row["uom"]["code"], row["uom"]["code"]),
            price=Decimal(row["price"]),
            deliveries=((dt.date.fromisoformat(row["need-by-date"][:10]), Decimal(row["quantity"])),),
            cancelled=gone or row["status"] == "cancelled",
            completed=row["status"] == "soft_closed_for_receiving",
        )
        for row in order["order-lines"]
    )
    return SeenOrder(order["po-number"], lines, str(order["requisition-header"]["id"]))
