"""The whole loop in one process: real Temporal, ledger, adapters and gateway; the counterparts are simulated.

Composed as by worker.py and runtime.gateway; only that calls between us and the counterparts stay in the process.
What a story knows of its outcome it reads where a buyer or planner would: in the counterparts' books and by the API.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
from temporalio.client import Client

from adapters.aps.rest.client import RestAps
from adapters.erp.sap.client import SapErp
from adapters.erp.sap.master import SapMasterData
from adapters.http import make_client
from adapters.supplier.edifact.client import EdifactSupplier
from adapters.supplier.edifact.dialect import EdifactDialect
from canonical.identity import requirement_id
from gateway.app import create_app
from gateway.delivery.relay import RelayPace
from ledger.database import connect
from ledger.ledger import Ledger
from policies.book import FixedPolicies, PolicyBook
from runtime.directory import EntityDirectory
from simulators.app import Counterparts as Simulators
from simulators.app import create as create_simulators
from simulators.aps.app import create as create_aps
from simulators.faults import InProcessTransport
from tests.scenarios.master_data import MASTER_DATA, PLANT, aps_model, in_days, today
from worker import Counterparts, build_workers

Found = TypeVar("Found")
GATEWAY, COUNTERPARTS = "http://gateway", "http://counterparts"
CALL_SECONDS, SETTLE_SECONDS = 1.0, 1.5
"""Short, so that a story of lost answers is short; the settle time is longer than any write comes late."""
TIMEOUT_SECONDS = 30.0
STRUCTURED, EDIFACT = "application/cloudevents+json", "application/edifact"


class Door(httpx.AsyncBaseTransport):
    """The gateway's address: whoever calls while no gateway is up is not connected."""

    def __init__(self) -> None:
        self.inside: httpx.ASGITransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.inside is None:
            raise httpx.ConnectError("connection refused", request=request)
        return await self.inside.handle_async_request(request)


@dataclass
class Loop:
    """An installation with its counterparts."""

    client: Client
    ledger: Ledger
    simulators: Simulators
    door: Door
    policies: FixedPolicies
    database_url: str
    queue: str
    source: str
    plan_version: int = 0
    people: httpx.AsyncClient = field(init=False)
    """Whoever uses the API."""
    control: httpx.AsyncClient = field(init=False)
    """The counterparts' control rooms."""

    def __post_init__(self) -> None:
        self.people = httpx.AsyncClient(transport=self.door, base_url=GATEWAY)
        self.control = httpx.AsyncClient(transport=httpx.ASGITransport(self.simulators), base_url=COUNTERPARTS)

    # -- what runs

    @asynccontextmanager
    async def gateway(self, *, relay: bool = True, client: Client | None = None) -> AsyncIterator[None]:
        """The gateway is up; `client` reaches another Temporal than ours."""
        app = create_app(
            self.ledger,
            EntityDirectory(client or self.client, self.queue),
            {"edifact": EdifactDialect()},
            self.policies,
            lambda _: datetime.now(UTC).date(),
            relay=relay,
            relay_pace=RelayPace(retry_seconds=0.1, poll_seconds=0.5),
            unknown_order_grace=timedelta(seconds=1),
        )
        async with app.router.lifespan_context(app):
            self.door.inside = httpx.ASGITransport(app, raise_app_exceptions=False)
            try:
                yield
            finally:
                self.door.inside = None

    @asynccontextmanager
    async def workers(self) -> AsyncIterator[None]:
        """The workers run."""
        async with AsyncExitStack() as stack:

            async def reached(name: str) -> httpx.AsyncClient:
                transport = InProcessTransport(self.simulators)
                return await stack.enter_async_context(
                    make_client(f"{COUNTERPARTS}/{name}", "PEGLINE", "pegline", CALL_SECONDS, transport)
                )

            erp = await reached("erp")
            counterparts = Counterparts(
                erp=SapErp(erp, settle_seconds=SETTLE_SECONDS, look_every_seconds=0.2, policies=self.policies),
                supplier=EdifactSupplier(await reached("edi"), sender="PEGLINE"),
                aps=RestAps(await reached("aps")),
                master_data=SapMasterData(erp, cache_seconds=60),
            )
            for worker in build_workers(self.client, self.queue, self.ledger, counterparts, self.policies):
                await stack.enter_async_context(worker)
            yield

    # -- what counterparts and people do

    async def command(self, path: str, body: Any) -> Any:
        """Command a counterpart through its control routes, such as `/erp/control/faults`."""
        answer = await self.control.post(path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def fault(self, name: str, kind: str, path_regex: str, *, method: str = "POST", **more: Any) -> None:
        """A counterpart misbehaves at the next such call."""
        match = {"method": method, "path_regex": path_regex}
        await self.command(f"/{name}/control/faults", {"kind": kind, "match": match, **more})

    async def struck(self, name: str) -> list[bool]:
        """Of each fault of a counterpart whether it has struck."""
        faults = (await self.control.get(f"/{name}/control/faults")).json()["faults"]
        return [bool(fault["hits"]) for fault in faults]

    async def plan(self, *, days: int = 60, wait: bool = True, **quantities: int) -> list[str]:
        """The planning system plans to build bicycles and publishes what must be bought; the requirements, by item."""
        self.plan_version += 1
        builds = [
            {"build": f"BUILD-{item}", "plant": PLANT, "item": f"BIKE-{item}", "quantity": quantity}
            | {"date": in_days(days).isoformat()}
            for item, quantity in quantities.items()
        ]
        body = {"version": self.plan_version, "today": today().isoformat(), "builds": builds, "wait": wait}
        await self.command("/aps/control/plan", body)
        planned = (await self.books("aps"))["versions"][str(self.plan_version)]["requirements"]
        found = {row["item"]: requirement_id(PLANT, row["item"], self.source, key) for key, row in planned.items()}
        return [found[item] for item in quantities]

    def event(self, **changes: Any) -> dict[str, Any]:
        """A need as somebody states it by hand; `changes` are of its data, None leaves a field out."""
        data = {
            "plant": PLANT,
            "item": "FRAME",
            "quantity": "40",
            "unit": "EA",
            "required_date": in_days(60).isoformat(),
            "demand_reference": "BY-HAND",
            "plan_version": 1,
        }
        return {
            "specversion": "1.0",
            "id": "BY-HAND@1",
            "source": self.source,
            "type": "pegline.requirement.planned.v1",
            "time": datetime.now(UTC).isoformat(),
            "data": {key: value for key, value in (data | changes).items() if value is not None},
        }

    async def post(self, event: Mapping[str, Any], **headers: str) -> httpx.Response:
        """Somebody sends an event to the gateway."""
        return await self.people.post("/v1/events", json=dict(event), headers={"Content-Type": STRUCTURED, **headers})

    async def post_document(self, document: str) -> httpx.Response:
        """A supplier sends a document to the gateway."""
        return await self.people.post(
            "/v1/suppliers/edifact/messages", content=document.encode(), headers={"Content-Type": EDIFACT}
        )

    async def despatch(self, order: str) -> list[dict[str, Any]]:
        """The supplier sends what it promised; its lines as the warehouse posts them."""
        reported = await self.command("/edi/control/despatch", {"order": order})
        return [
            {"order": order, "line": int(line["line"]), "quantity": line["quantity"], "unit": line["unit"]}
            | {"date": despatch["date"]}
            for despatch in reported["despatches"]
            for line in despatch["lines"]
        ]

    async def receive(self, lines: list[dict[str, Any]]) -> None:
        """The warehouse receives."""
        await self.command("/wms/control/receive", {"receipts": lines})

    # -- what is looked at

    async def books(self, name: str) -> Any:
        """A counterpart's books."""
        return (await self.control.get(f"/{name}/control/books")).json()

    async def writes(self, name: str) -> list[dict[str, Any]]:
        """A counterpart's write log."""
        found: list[dict[str, Any]] = (await self.control.get(f"/{name}/control/writes")).json()["writes"]
        return found

    async def all_writes(self) -> dict[str, int]:
        """How many writes each book has seen."""
        return {name: len(await self.writes(name)) for name in ("erp", "edi", "aps", "wms")}

    async def read(self, path: str) -> Any:
        """What the API answers; None where it knows nothing of it (yet)."""
        answer = await self.people.get(f"/v1/{path}")
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def requirement(self, requirement: str) -> Any:
        return await self.read(requirement.replace("requirement/", "requirements/", 1))

    async def staged(self, requirement: str, stage: str) -> Any:
        """The requirement once it has reached the stage."""

        async def look() -> Any:
            found = await self.requirement(requirement)
            return found if found and found["stage"] == stage else None

        return await self.until(look, f"{requirement} is {stage}")

    async def trace(self, requirement: str) -> Any:
        return await self.read(requirement.replace("requirement/", "requirements/", 1) + "/trace")

    async def order(self, requirement: str, stage: str = "acknowledged") -> Any:
        """The requirement's one order, as its trace shows it, once it has reached the stage."""

        async def look() -> Any:
            found = await self.trace(requirement)
            if not found or not found["orders"]:
                return None
            [order] = found["orders"]
            return order if order["stage"] == stage else None

        return await self.until(look, f"the order of {requirement} is {stage}")

    async def question(self, requirement: str) -> Any:
        """The open exception of the requirement, once there is one."""

        async def look() -> Any:
            inbox = await self.read("exceptions?state=open")
            return next((row for row in inbox["items"] if row["raised_by"] == requirement), None)

        return await self.until(look, f"{requirement} asks a person")

    async def delivered(self) -> None:
        """Until nothing waits in the inbox."""

        async def look() -> bool:
            return (await self.ledger.reads.waiting_summary()).undelivered == 0

        await self.until(look, "the inbox is empty")

    async def at_rest(self, seconds: float = 1.0) -> None:
        """Until nothing waits in the inbox and no book has seen a write for a while."""
        await self.delivered()
        last, since = await self.all_writes(), asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - since < seconds:
            await asyncio.sleep(0.1)
            if (now := await self.all_writes()) != last:
                last, since = now, asyncio.get_running_loop().time()

    async def until(self, look: Callable[[], Awaitable[Found | None]], what: str) -> Found:
        """Look until it is so."""
        deadline = asyncio.get_running_loop().time() + TIMEOUT_SECONDS
        while not (found := await look()):
            assert asyncio.get_running_loop().time() < deadline, f"not within {TIMEOUT_SECONDS:g} s: {what}"
            await asyncio.sleep(0.05)
        return found


@asynccontextmanager
async def installed(client: Client, database_url: str) -> AsyncIterator[Loop]:
    """Counterparts with their master data, and a ledger; neither gateway nor workers run yet.

    Orders are placed at once: that lines collect is the workflows' own story, told with their clocks.
    """
    own = uuid4().hex[:8]
    shipped = PolicyBook(Path("policies"))
    found = {plant: shipped.effective(plant) for plant in shipped.plants}
    at_once = {"consolidation_minutes": 0}
    policies = FixedPolicies({plant: policy.model_copy(update=at_once) for plant, policy in found.items() if policy})
    door = Door()
    simulators = create_simulators(GATEWAY, transport=door)
    # Ids are made of the source: under a name of its own, a loop meets no other on the shared server.
    simulators.apps["/aps"] = create_aps(GATEWAY, name=own, transport=door)
    engine = await connect(database_url)
    loop = Loop(client, Ledger(engine), simulators, door, policies, database_url, f"loop-{own}", f"aps-{own}")
    try:
        async with loop.people, loop.control, _lifespan(simulators):
            await loop.command("/erp/control/master-data", MASTER_DATA)
            await loop.command("/aps/control/model", aps_model())
            yield loop
    finally:
        await engine.dispose()


@asynccontextmanager
async def _lifespan(app: Simulators) -> AsyncIterator[None]:
    """Run the counterparts' lifespan, at whose end nothing is under way."""
    reported: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    delivered: asyncio.Queue[Any] = asyncio.Queue()
    running = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, reported.get, delivered.put))
    await reported.put({"type": "lifespan.startup"})
    assert (await delivered.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await reported.put({"type": "lifespan.shutdown"})
        await running
