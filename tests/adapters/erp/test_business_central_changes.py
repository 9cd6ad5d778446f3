"""Subscriptions with their handshake, what changed, and receipts that name no order line."""

import datetime as dt
from decimal import Decimal
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from adapters.erp.business_central.changes import BusinessCentralChanges
from adapters.erp.business_central.receipts import BusinessCentralReceipts, ReceivedGoods, match_goods
from adapters.erp.business_central.settings import CentralSettings, read_settings
from adapters.erp.parts import LinePart
from adapters.errors import PermanentError
from canonical.order import Placed
from tests.adapters.erp.business_central import NOW, Central

STATE, URL = "a secret of the subscription", "http://pegline/notifications"


class Subscriber:
    """Who listens at the address; `status`: what it answers notifications with."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.status, self.shakes_hands = 200, True
        route = Route("/notifications", self.take, methods=["POST"])
        self.transport = httpx.ASGITransport(Starlette(routes=[route]))

    async def take(self, request: Request) -> Response:
        if (token := request.query_params.get("validationToken")) is not None:
            return PlainTextResponse(token if self.shakes_hands else "no")
        self.bodies.append(await request.body())
        return Response(status_code=self.status)


def settings(central: Central, client: httpx.AsyncClient) -> CentralSettings:
    return read_settings(central.connection(client, 1, 1))


async def test_a_subscription_is_made_once_renewed_a_day_before_its_end_and_notifies() -> None:
    subscriber = Subscriber()
    central = await Central.start(transport=subscriber.transport)
    async with central.client(central.transport()) as client:
        changes = BusinessCentralChanges(client, settings(central, client))
        assert await changes.offers_subscriptions()
        made = await changes.subscribed(URL, STATE, NOW)
        assert await changes.subscribed(URL, STATE, NOW + dt.timedelta(days=1)) == made
        central.simulator.clock.set(NOW + dt.timedelta(days=2, hours=1))
        renewed = await changes.subscribed(URL, STATE, NOW + dt.timedelta(days=2, hours=1))
        assert renewed.id == made.id
        assert renewed.until - made.until >= dt.timedelta(days=2)


async def test_an_address_that_does_not_shake_hands_gets_no_subscription() -> None:
    subscriber = Subscriber()
    subscriber.shakes_hands = False
    central = await Central.start(transport=subscriber.transport)
    async with central.client(central.transport()) as client:
        with pytest.raises(PermanentError, match="validationToken"):
            await BusinessCentralChanges(client, settings(central, client)).subscribed(URL, STATE, NOW)


async def test_a_subscription_that_an_answer_ended_is_made_again() -> None:
    subscriber = Subscriber()
    central = await Central.start(transport=subscriber.transport)
    async with central.client(central.transport()) as client:
        changes = BusinessCentralChanges(client, settings(central, client))
        first = await changes.subscribed(URL, STATE, NOW)
        system = central.connect(client, settle_seconds=0.1, second_create_seconds=0.1)
        await system.orders.place_order(central.template, key="place", maybe_written=False)
        subscriber.status = 404
        await central.control("notify", {})
        assert (await changes.subscribed(URL, STATE, NOW)).id != first.id


async def test_where_orders_take_no_subscription_what_changed_is_asked_for() -> None:
    central = await Central.start(orders_notify=False)
    async with central.client(central.transport()) as client:
        changes = BusinessCentralChanges(client, settings(central, client))
        assert not await changes.offers_subscriptions()
        system = central.connect(client, settle_seconds=0.1, second_create_seconds=0.1)
        placed = await system.orders.place_order(central.template, key="place", maybe_written=False)
        assert isinstance(placed, Placed)
        assert [number for number, _ in await changes.changed_since(NOW)] == [placed.order_number]
        assert await changes.changed_since(NOW + dt.timedelta(days=1)) == []


# Receipts


def part(received: str, item: str = "1896-S") -> LinePart:
    return LinePart("id", 10000, dt.date(2027, 3, 1), Decimal(100), Decimal(received), material=item, unit="PCS")


def goods(receipt: str, quantity: str, **other: Any) -> ReceivedGoods:
    known: dict[str, Any] = {"sequence": 10000, "item": "1896-S", "unit": "PCS", "date": dt.date(2027, 3, 1)}
    return ReceivedGoods(receipt=receipt, quantity=Decimal(quantity), **{**known, **other})


def test_goods_belong_to_the_only_line_of_their_item() -> None:
    parts = {10: [part("40")], 20: [part("5", item="STEEL")]}
    matched, left = match_goods([goods("1", "30"), goods("2", "10")], parts)
    assert [(line, one.receipt) for line, one in matched] == [(10, "1"), (10, "2")]
    assert left == []


def test_of_two_lines_of_one_item_the_quantity_tells_where_it_leaves_one() -> None:
    matched, left = match_goods([goods("1", "30"), goods("2", "70")], {10: [part("30")], 20: [part("70")]})
    assert [(line, one.receipt) for line, one in matched] == [(10, "1"), (20, "2")]
    assert left == []


@pytest.mark.parametrize(
    ("receipts", "first", "second"),
    [(("30", "30"), "30", "30"), (("50",), "20", "30"), (("30", "20", "10"), "30", "30")],
    ids=["the same quantity twice", "one receipt for both", "a sum"],
)
def test_where_the_quantity_does_not_tell_nothing_is_guessed(
    receipts: tuple[str, ...], first: str, second: str
) -> None:
    received = [goods(str(n), quantity) for n, quantity in enumerate(receipts)]
    matched, left = match_goods(received, {10: [part(first)], 20: [part(second)]})
    assert matched == []
    assert {one.lines for one in left} == {(10, 20)}


async def test_what_was_received_for_an_order_is_read_from_its_receipts() -> None:
    central = await Central.start()
    async with central.client(central.transport()) as client:
        system = central.connect(client, settle_seconds=0.1, second_create_seconds=0.1)
        placed = await system.orders.place_order(central.template, key="place", maybe_written=False)
        assert isinstance(placed, Placed)
        await central.receive(placed.order_number, 20, Decimal("50.5"))
        received, left = await BusinessCentralReceipts.of(client, settings(central, client)).received(
            placed.order_number
        )
    assert [(one.line, one.quantity, one.unit) for one in received] == [(20, Decimal("50.5"), "KGM")]
    assert left == []
