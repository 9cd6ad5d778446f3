"""A Coupa of our own, and a client that logs on and is soon impatient."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import SecretStr

from adapters.erp.coupa.client import CoupaOrders
from adapters.erp.coupa.documents import CoupaSettings
from adapters.http import make_client
from adapters.oauth import ClientCredentials, TokenEndpoint
from adapters.supplier.coupa.collecting import CoupaQueue
from simulators.coupa import create
from simulators.faults import Fault, InProcessTransport, Match, Simulator


@dataclass
class Coupa:
    simulator: Simulator
    control: httpx.AsyncClient
    orders: CoupaOrders
    queue: CoupaQueue

    async def people(self, action: str, **body: Any) -> Any:
        """What people do in Coupa, suppliers in its portal, and warehouses."""
        response = await self.control.post(f"/control/{action}", json={**_UNTOLD.get(action, {}), **body})
        assert response.status_code < 300, response.text
        return response.json()

    def fault(self, kind: str, on: str, method: str = "POST", **more: Any) -> None:
        """Misbehave at the next call of this method whose path matches."""
        match = Match(method=method, path_regex=on)
        self.simulator.plan.add(Fault.model_validate({"kind": kind, "match": match.model_dump(), **more}))

    def held(self, part: str) -> list[dict[str, Any]]:
        """The rows of a part of the books."""
        return list(self.simulator.books()[part])


_UNTOLD = {action: {"tell": False} for action in ("approve", "reject", "withdraw")}


@asynccontextmanager
async def a_coupa(now: str = "2027-01-04T08:00:00+00:00", *, limited: bool = False) -> AsyncIterator[Coupa]:
    simulator = create(limited=limited)
    transport = InProcessTransport(app=simulator)
    endpoint = TokenEndpoint("http://coupa/oauth2/token", "pegline", SecretStr("pegline"), secret_in="body")
    auth = ClientCredentials(endpoint, system="coupa", transport=transport)
    control = httpx.AsyncClient(base_url="http://coupa", transport=httpx.ASGITransport(simulator))
    client = make_client("http://coupa", "", "", 0.5, transport, auth=auth)
    async with control, client as http:
        assert (await control.put("/control/clock", json={"now": now})).status_code == 200
        orders = CoupaOrders(http, CoupaSettings(units={"H87": "EA"}), settle_seconds=0.3, look_every_seconds=0.05)
        yield Coupa(simulator, control, orders, CoupaQueue(http, "cloud"))
        await simulator.settled()
