"""What happens to orders in an ERP that reports nothing by itself: asked for, taken in once, at once on a notice."""

import datetime as dt
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from adapters.dialects import Dialects
from canonical.messages import ApprovalReported, GoodsReceived
from canonical.order import Placed
from landscape.book import LandscapeBook
from ledger.landscape.feeds import deletions
from runtime.order_changes import OrderChanges
from runtime.systems import SystemPool
from tests.adapters.erp.business_central import NOW, Central
from tests.adapters.erp.coupa_bench import CoupaBench
from tests.gateway.access import Guarded
from tests.gateway.conftest import Gateway

ADDRESS = "/v1/systems/central/notifications"


def landscape(central: Central, client: httpx.AsyncClient, owned: str) -> str:
    options = {**central.connection(client, 1, 1).options, "notify_at": f"http://gateway{ADDRESS}"}
    written = ", ".join(f"{name} = {json.dumps(value)}" for name, value in options.items())
    return f"""
[systems.central]
kind = "erp"
dialect = "business-central"
address = "http://central"
sources = ["central"]
options = {{ {written} }}

[[owner]]
system = "central"
domains = {owned}
"""


@asynccontextmanager
async def following(
    gateway: Gateway, path: Path, owned: str = '["orders", "goods_receipt", "order_document"]'
) -> AsyncIterator[tuple[Central, OrderChanges, str]]:
    """Business Central with an order of ours, and what asks it."""
    central = await Central.start(transport=httpx.ASGITransport(gateway.app))
    async with central.client(central.transport()) as client:
        system = central.connect(client, settle_seconds=0.1, second_create_seconds=0.1)
        placed = await system.orders.place_order(central.template, key="place", maybe_written=False)
        assert isinstance(placed, Placed)
        path.write_text(landscape(central, client, owned))
        pool = SystemPool(
            LandscapeBook(path),
            Dialects(),
            gateway.policies,
            lambda name, system, pace: central.client(central.transport()),
            lambda: NOW,
        )
        yield central, OrderChanges(pool, gateway.ledger, lambda: NOW, ask_every_seconds=3_600), placed.order_number
        await pool.close()


async def test_receipts_and_changes_are_taken_in_once_and_a_notice_makes_it_at_once(
    gateway: Gateway, tmp_path: Path
) -> None:
    async with following(gateway, tmp_path / "landscape.toml") as (central, changes, number):
        order = await gateway.order(number, erp="central")
        await central.receive(number, 20, Decimal("50.5"))
        assert await changes.look("central") == 2
        await gateway.relay.drain()
        told = gateway.entities.messages_to(order.id)
        [looks] = [each for each in told if isinstance(each, ApprovalReported)]
        [received] = [each for each in told if isinstance(each, GoodsReceived)]
        assert looks.changed
        assert [(each.line, each.quantity) for each in received.receipts] == [(20, Decimal("50.5"))]
        assert await changes.look("central") == 0, "it is not time yet"

        central.simulator.clock.set(NOW + dt.timedelta(minutes=1))
        await central.edit(number, 10, "quantity", "120")
        await central.control("notify", {})
        assert await changes.look("central") == 1, "the receipt is known"


async def test_an_order_that_somebody_deleted_is_looked_at_at_once(gateway: Gateway, tmp_path: Path) -> None:
    async with following(gateway, tmp_path / "landscape.toml") as (central, changes, number):
        order = await gateway.order(number, erp="central")
        assert await changes.look("central") == 1, "that it is there"
        await central.control("edits", {"order": number, "delete": True})
        await central.control("notify", {})
        assert await changes.look("central") == 1
        await gateway.relay.drain()
        looks = [each for each in gateway.entities.messages_to(order.id) if isinstance(each, ApprovalReported)]
        assert [each.document for each in looks] == [number, number]
        await gateway.ledger.feeds.notified(deletions("central"))
        assert await changes.look("central") == 0, "once a day is enough"


async def test_where_all_orders_are_gone_another_company_is_asked(
    gateway: Gateway, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with following(gateway, tmp_path / "landscape.toml") as (central, changes, number):
        await central.control("edits", {"order": number, "delete": True})
        for each in range(6):
            await gateway.order(f"10600{each}", erp="central")
        assert await changes.look("central") == 0
        assert "central has none of the 6 open orders" in caplog.text


COUPA = """
[systems.coupa]
kind = "procurement"
dialect = "coupa"
address = "http://coupa"
sources = ["coupa"]
options = { units = "H87=EA,KGM=KG" }

[[owner]]
system = "coupa"
domains = ["orders", "goods_receipt"]
"""


async def test_what_coupa_received_is_taken_in_and_taken_back_and_stays_unexported(
    gateway: Gateway, tmp_path: Path
) -> None:
    (tmp_path / "landscape.toml").write_text(COUPA)
    async with CoupaBench.start() as bench, bench.client(bench.transport()) as client:
        system = bench.connect(client, settle_seconds=0.1, second_create_seconds=0.1)
        placed = await system.orders.place_order(bench.template, key="place", maybe_written=False)
        assert isinstance(placed, Placed)
        order = await gateway.order(placed.order_number, erp="coupa")
        pool = SystemPool(
            LandscapeBook(tmp_path / "landscape.toml"),
            Dialects(),
            gateway.policies,
            lambda name, system, pace: bench.client(bench.transport()),
            lambda: NOW,
        )
        changes = OrderChanges(pool, gateway.ledger, lambda: NOW, ask_every_seconds=3_600)
        await bench.people("clock", now="2099-01-01T00:00:00+00:00")
        await bench.receive(placed.order_number, 20, Decimal("50.5"))
        assert await changes.look("coupa") == 1
        [row] = bench.held("receipts")
        await bench.people("void", receipt=row["id"])
        await gateway.ledger.feeds.notified("coupa")
        assert await changes.look("coupa") == 1, "the receipt is known"
        await gateway.relay.drain()
        told = [each for each in gateway.entities.messages_to(order.id) if isinstance(each, GoodsReceived)]
        said = [(one.line, one.quantity, one.unit, one.reverses) for each in told for one in each.receipts]
        assert said == [(20, Decimal("50.5"), "KGM", None), (20, Decimal("-50.5"), "KGM", f"{row['id']}/20")]
        assert [each["exported"] for each in bench.held("receipts")] == [False]
        await pool.close()


async def test_what_another_system_owns_is_not_taken_from_the_erp(gateway: Gateway, tmp_path: Path) -> None:
    async with following(gateway, tmp_path / "landscape.toml", '["orders"]') as (central, changes, number):
        await gateway.order(number, erp="central")
        await central.receive(number, 20, Decimal("50.5"))
        assert await changes.look("central") == 0


async def test_a_handshake_is_answered_without_a_log_in_and_a_notice_by_its_secret(guarded: Guarded) -> None:
    client, ledger = guarded.gateway.client, guarded.gateway.ledger
    shaken = await client.post(ADDRESS, params={"validationToken": "a token"})
    assert (shaken.status_code, shaken.text) == (200, "a token")
    strangers = await client.post(ADDRESS, json={"value": [{"clientState": "s"}]})
    assert (strangers.status_code, strangers.json()["code"]) == (403, "not_subscribed")
    feed = await ledger.feeds.turn("central", 3_600)
    assert feed is not None
    assert await ledger.feeds.turn("central", 3_600) is None
    taken = await client.post(ADDRESS, json={"value": [{"clientState": feed.client_state}]})
    assert taken.status_code == 202
    assert await ledger.feeds.turn("central", 3_600) is not None
    assert (await client.post(ADDRESS, content=b"[]")).status_code == 400


@pytest.mark.parametrize("path", ["/v1/events", "/v1/sap/erp-main/events"])
async def test_a_cloudevents_handshake_names_the_origin_that_may_send(guarded: Guarded, path: str) -> None:
    headers = {"WebHook-Request-Origin": "mesh.example"}
    shaken = await guarded.gateway.client.request("OPTIONS", path, headers=headers)
    assert (shaken.status_code, shaken.headers["webhook-allowed-origin"]) == (200, "mesh.example")
    assert int(shaken.headers["webhook-allowed-rate"]) > 0
    bare = await guarded.gateway.client.request("OPTIONS", path)
    assert "webhook-allowed-origin" not in bare.headers
