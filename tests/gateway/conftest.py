"""A gateway over a real ledger and fake entities that record their messages."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.ports import SupplierDialect
from canonical.audit_event import FIRST_HASH, AuditEvent, chain
from canonical.identity import OrderId
from canonical.need import Need
from canonical.policy import Ownership
from canonical.records import (
    AuditBatch,
    OrderSnapshot,
    OrderStage,
    RequirementSnapshot,
    RequirementStage,
    Snapshot,
)
from gateway.access.access import Access
from gateway.access.senders import Senders
from gateway.app import create_app
from gateway.delivery.relay import Relay, RelayPace
from gateway.intake.intake import SystemReaders
from ledger.database import connect
from ledger.inbox.dead_letters import KeptLetter
from ledger.inbox.inbox import InboxMessage
from ledger.ledger import Ledger
from policies.book import FixedPolicies
from tests.databases import empty
from tests.gateway.access import RULES, Guarded, IssuerInProcess
from tests.gateway.fakes import PLANTS, TODAY, FakeEntities, PlainDialect
from tools.postgres import Postgres

STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}


@dataclass
class Gateway:
    """The app, what is behind it, and the shortest way to use it."""

    app: FastAPI
    client: httpx.AsyncClient
    ledger: Ledger
    entities: FakeEntities
    dialect: PlainDialect
    clock: list[dt.datetime]
    """Now; a test may set it."""
    today: list[dt.date]
    policies: FixedPolicies
    dialects: dict[str, SupplierDialect]
    chains: dict[str, AuditEvent] = field(default_factory=dict)

    @property
    def relay(self) -> Relay:
        relay: Relay = self.app.state.relay
        return relay

    def own(self, plant: str = "P1", /, **domains: tuple[str, ...]) -> None:
        """Only these sources own the domains at the plant; a source may be a pattern."""
        policy = self.policies.by_plant[plant]
        self.policies.by_plant[plant] = policy.model_copy(update={"ownership": Ownership(**domains)})

    async def send(self, event: dict[str, Any], **headers: str) -> httpx.Response:
        return await self.client.post("/v1/events", content=json.dumps(event), headers={**STRUCTURED, **headers})

    async def send_batch(self, *events: Any) -> httpx.Response:
        return await self.client.post("/v1/events", content=json.dumps(events), headers=BATCH)

    async def document(self, text: str, channel: str = "plain", **headers: str) -> httpx.Response:
        return await self.client.post(f"/v1/suppliers/{channel}/messages", content=text, headers=headers)

    async def letters(self) -> tuple[KeptLetter, ...]:
        return (await self.ledger.dead_letters.list()).items

    async def inbox_of(self, entity: str) -> list[InboxMessage]:
        return await self.ledger.reads.inbox_of(entity)

    async def statuses(self, entity: str) -> list[str]:
        return [message.status for message in await self.inbox_of(entity)]

    def audit_event(self, entity: str, kind: str, at: dt.datetime, data: dict[str, Any] | None = None) -> AuditEvent:
        """The entity's next audit event, chained to the one before."""
        last = self.chains.get(entity)
        made = chain(
            entity, last.sequence + 1 if last else 1, last.hash if last else FIRST_HASH, kind, at, at, data or {}
        )
        self.chains[entity] = made
        return made

    async def record(self, snapshot: Snapshot, *audit_events: AuditEvent, final_state: str | None = None) -> None:
        written = audit_events or (self.audit_event(snapshot.id, "noted", self.clock[0]),)
        await self.ledger.record([AuditBatch(audit_events=written, snapshot=snapshot, final_state=final_state)])
        await self.ledger.unmeasured.clear()

    async def order(
        self, number: str = "4500000001", *, closed: bool = False, final_state: str | None = None, **changes: Any
    ) -> OrderSnapshot:
        """An order that the ledger knows."""
        snapshot = OrderSnapshot(
            id=OrderId(f"order/P1/1580/o{number}"),
            plant="P1",
            supplier="1580",
            stage=OrderStage.CLOSED if closed else OrderStage.SENT,
            order_number=number,
            closed=closed,
            **changes,
        )
        await self.record(snapshot, final_state=final_state)
        return snapshot

    async def requirement(self, need: Need, stage: RequirementStage, **changes: Any) -> RequirementSnapshot:
        """A requirement that the ledger knows."""
        fields: dict[str, Any] = {"request_revision": 1, "needed": need.quantity} | changes
        snapshot = RequirementSnapshot(id=need.id, need=need, stage=stage, **fields)
        await self.record(snapshot)
        return snapshot


@pytest.fixture(scope="session")
async def engine(postgres_server: Postgres, _migrated_template: str) -> AsyncIterator[AsyncEngine]:
    engine = await connect(await postgres_server.create("gateway", template=_migrated_template))
    yield engine
    await engine.dispose()


@pytest.fixture
async def ledger(engine: AsyncEngine) -> Ledger:
    """Emptied for each test: quicker than a database of its own."""
    async with engine.begin() as connection:
        await empty(connection)
    return Ledger(engine)


@asynccontextmanager
async def serving(
    ledger: Ledger,
    access: Access | None = None,
    senders: Senders | None = None,
    systems: SystemReaders = lambda name: None,
) -> AsyncIterator[Gateway]:
    """A gateway over the ledger; without `access` nobody is asked who they are."""
    entities, dialect, clock = FakeEntities(), PlainDialect(), [dt.datetime.now(dt.UTC)]
    today, policies = [TODAY], FixedPolicies(PLANTS)
    dialects: dict[str, SupplierDialect] = {"plain": dialect}
    app = create_app(
        ledger,
        entities,
        dialects,
        policies,
        lambda _: today[0],
        now=lambda: clock[0],
        relay=False,
        relay_pace=RelayPace(retry_seconds=0.0, poll_seconds=0.05),
        unknown_order_grace=dt.timedelta(0),
        body_limit_bytes=20_000,
        access=access,
        senders=senders,
        systems=systems,
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield Gateway(app, client, ledger, entities, dialect, clock, today, policies, dialects)


@pytest.fixture
async def gateway(ledger: Ledger) -> AsyncIterator[Gateway]:
    async with serving(ledger) as made:
        yield made


@pytest.fixture(scope="session")
def issuer() -> IssuerInProcess:
    return IssuerInProcess()


@pytest.fixture
async def guarded(ledger: Ledger, issuer: IssuerInProcess) -> AsyncIterator[Guarded]:
    """A gateway that asks who calls: see tests.gateway.access.Guarded."""
    async with issuer.http() as http:
        access = Access(RULES, http, ledger)
        async with serving(ledger, access) as made, Guarded(made, access, issuer) as found:
            yield found


async def until(come: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while True:
            if await come():
                return
            await asyncio.sleep(0.01)


async def tried(gateway: Gateway, entity: str) -> bool:
    return (await gateway.inbox_of(entity))[0].attempts > 0
