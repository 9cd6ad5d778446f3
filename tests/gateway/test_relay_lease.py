"""One relay works at a time, and one that is frozen loses its turn: another takes over and nobody is deceived."""

import datetime as dt
from functools import partial

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.app import create_app
from gateway.delivery.relay import RelayPace
from ledger.inbox.lease import RELAY, Lease
from ledger.ledger import Ledger
from tests.gateway.conftest import Gateway, tried, until
from tests.gateway.fakes import DOWN, POLICIES, TODAY, FakeEntities, planned, problem, requirement_id


async def taken(ledger: Ledger, seconds: float) -> Lease:
    lease = await ledger.leases.take(RELAY, seconds)
    assert lease is not None
    return lease


async def test_a_relay_that_is_frozen_loses_its_turn_when_its_lease_expires(gateway: Gateway) -> None:
    frozen = await taken(gateway.ledger, seconds=0.3)  # it never renews: its process stands still
    await gateway.send(planned())
    await gateway.relay.drain()
    assert gateway.entities.messages == []

    async def delivered() -> bool:
        await gateway.relay.drain()
        return bool(gateway.entities.messages)

    await until(delivered)
    assert not frozen.held


async def test_a_relay_that_comes_back_after_another_took_over_records_nothing(gateway: Gateway) -> None:
    await gateway.send(planned())
    [row] = await gateway.inbox_of(requirement_id())
    former = await taken(gateway.ledger, seconds=0)
    present = await taken(gateway.ledger, seconds=10)
    assert present.fence == former.fence + 1
    assert await gateway.ledger.leases.renew(former, 10) is False
    await gateway.ledger.inbox.delivered([row.id], "delivered", fence=former.fence)
    await gateway.ledger.inbox.postponed([row.id], "it was down", dt.timedelta(0), fence=former.fence)
    [row] = await gateway.inbox_of(requirement_id())
    assert (row.status, row.attempts) == ("stored", 0)
    await gateway.ledger.inbox.delivered([row.id], "delivered", fence=present.fence)
    assert await gateway.statuses(requirement_id()) == ["delivered"]


async def test_a_relay_that_loses_its_lease_delivers_nothing_more(gateway: Gateway, engine: AsyncEngine) -> None:
    held = await taken(gateway.ledger, seconds=10)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE lease SET expires_at = now()"))
    await taken(gateway.ledger, seconds=10)
    assert held.held, "it does not know yet"
    assert await gateway.ledger.leases.renew(held, 10) is False
    assert not held.held


async def test_a_held_lease_is_renewed_for_as_long_as_its_holder_lives(gateway: Gateway) -> None:
    async with gateway.ledger.leases.held(RELAY, 0.3) as lease:
        assert lease is not None
        begun = dt.datetime.now()  # noqa: DTZ005
        await until(partial(_past, begun + dt.timedelta(seconds=0.7)))
        assert lease.held
        assert await gateway.ledger.leases.take(RELAY, 10) is None
    assert await gateway.ledger.leases.take(RELAY, 10) is not None


async def _past(moment: dt.datetime) -> bool:
    return dt.datetime.now() > moment  # noqa: DTZ005


@pytest.fixture
async def strict(ledger: Ledger) -> httpx.AsyncClient:
    """A gateway that is not ready when a message has been due for a minute."""
    app = create_app(
        ledger,
        FakeEntities(),
        {},
        POLICIES,
        lambda _: TODAY,
        relay=False,
        relay_pace=RelayPace(retry_seconds=60),
        undelivered_age_max=dt.timedelta(minutes=1),
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


async def test_a_gateway_is_not_ready_while_a_message_waits_that_nobody_delivers(
    gateway: Gateway, strict: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await gateway.send(planned())
    assert (await strict.get("/readyz")).status_code == 200
    await _received_ago(engine, minutes=2)
    statement = problem(await strict.get("/readyz"), 503, "not_ready")
    assert (statement["field"], "due for 12" in statement["detail"]) == ("relay", True)
    await gateway.relay.drain()
    assert (await strict.get("/readyz")).status_code == 200


async def test_a_message_that_cannot_be_delivered_makes_no_gateway_unready(
    gateway: Gateway, strict: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    gateway.entities.failures = [DOWN]
    await gateway.send(planned())
    await gateway.relay.drain()
    await until(partial(tried, gateway, requirement_id()))
    await _received_ago(engine, minutes=2)
    assert (await strict.get("/readyz")).status_code == 200


async def _received_ago(engine: AsyncEngine, minutes: int) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            text("UPDATE inbox SET received_at = now() - make_interval(mins => :m)"), {"m": minutes}
        )
