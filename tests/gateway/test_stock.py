"""Stock events at the gateway: accepted, kept, and delivered where a need is affected."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from canonical.messages import StockOpened
from canonical.records import RequirementStage
from canonical.sourcing import Assessment, ItemAtPlant, UnitConversion
from tests.decisions.models import a_policy
from tests.gateway.conftest import Gateway, tried, until
from tests.gateway.fakes import ITEM, PLANT, event, planned, requirement_id

STOCK = f"stock/{PLANT}/{ITEM}"


def changed(id: str, quantity: str = "100", hour: int = 9, **data: Any) -> dict[str, Any]:
    stated = {"plant": PLANT, "item": ITEM, "quantity": quantity, "unit": "EA", "reason": "count"}
    time = f"2026-06-01T{hour:02}:00:00+02:00"
    return event(id, "pegline.stock.changed.v1", stated | data, source="wms", time=time)


def consumed(id: str, quantity: str = "5", hour: int = 10, **data: Any) -> dict[str, Any]:
    stated = {"plant": PLANT, "item": ITEM, "quantity": quantity, "unit": "EA", "reason": "scrap"}
    time = f"2026-06-01T{hour:02}:00:00+02:00"
    return event(id, "pegline.consumption.reported.v1", stated | data, source="mes", time=time)


async def relay(gateway: Gateway, *events: dict[str, Any]) -> None:
    for each in events:
        assert (await gateway.send(each)).status_code == 202
        await gateway.relay.drain()


async def open_need(gateway: Gateway) -> None:
    """A need that the plan stated at eight, as its requirement has recorded it."""
    await relay(gateway, planned())
    [opened] = gateway.entities.messages_to(requirement_id())
    await gateway.requirement(opened.need, RequirementStage.COVERED)  # type: ignore[union-attr]


def reported(gateway: Gateway) -> list[tuple[str, int]]:
    messages = [each for each in gateway.entities.messages_to(STOCK) if isinstance(each, StockOpened)]
    return [(str(each.figure.available_to_promise), len(each.users)) for each in messages]


async def test_the_stock_balance_gets_the_available_quantity_whichever_event_came_first(gateway: Gateway) -> None:
    await open_need(gateway)
    await relay(gateway, consumed("u-1"), changed("s-1"), changed("s-0", "70", 7), changed("s-1"), consumed("u-2", "1"))
    assert reported(gateway) == [("95", 0), ("94", 0)]
    rows = await gateway.inbox_of(STOCK)
    assert [(row.event_id, row.status) for row in rows] == [
        ("u-1", "noted"),
        ("s-1", "delivered"),
        ("s-0", "stale"),
        ("u-2", "delivered"),
    ]


async def test_stock_events_that_wait_together_are_delivered_as_one_figure(gateway: Gateway) -> None:
    await open_need(gateway)
    await gateway.send_batch(changed("s-1"), consumed("u-1"), consumed("u-2"))
    await gateway.relay.drain()
    assert reported(gateway) == [("90", 0)]


async def test_nobody_is_started_where_no_need_is_open_and_nothing_is_short(gateway: Gateway) -> None:
    await relay(gateway, changed("s-1"))
    assert reported(gateway) == []
    assert await gateway.statuses(STOCK) == ["noted"]
    await relay(gateway, consumed("u-1", "101"))
    assert reported(gateway) == [("-1", 0)]


async def test_a_need_stated_before_the_stock_and_delivered_after_it_is_included(gateway: Gateway) -> None:
    await relay(gateway, changed("s-1"), planned())
    assert reported(gateway) == [("100", 1)]
    [message] = gateway.entities.messages_to(STOCK)
    assert isinstance(message, StockOpened)
    assert [user.requirement_id for user in message.users] == [requirement_id()]


async def test_a_need_that_was_stated_after_the_stock_is_not_affected(gateway: Gateway) -> None:
    await relay(gateway, changed("s-1", hour=7), planned())
    assert reported(gateway) == []


async def test_a_stock_balance_that_ends_in_this_very_moment_is_started_again(gateway: Gateway) -> None:
    gateway.entities.ended.add(STOCK)
    await gateway.send(changed("s-1", "-5"))
    done = asyncio.create_task(gateway.relay.drain())
    await until(lambda: tried(gateway, STOCK))
    gateway.entities.ended.clear()
    await done
    assert reported(gateway) == [("-5", 0)]
    assert await gateway.statuses(STOCK) == ["delivered"]


async def test_another_unit_is_converted_by_physics_or_master_data_and_otherwise_kept_for_a_person(
    gateway: Gateway,
) -> None:
    await relay(gateway, changed("s-1", "-10"), consumed("u-1", "1", unit="DZN"), consumed("u-2", "1", unit="CT"))
    assert reported(gateway) == [("-10", 0), ("-22", 0)]
    [letter] = await gateway.letters()
    assert (letter.letter.code, letter.letter.next_step.split(",")[0]) == ("unit_mismatch", "state it in EA")

    carton = UnitConversion(unit="CT", numerator=Decimal(8), denominator=Decimal(1))
    item = ItemAtPlant(plant=PLANT, item=ITEM, base_unit="EA", goods_receipt_days=2, conversions=(carton,))
    await gateway.ledger.stock.record_item(Assessment(item=item, policy=a_policy(plant=PLANT)))
    replayed = await gateway.client.post(f"/v1/dead-letters/{letter.id}/replay")
    assert replayed.status_code == 200, replayed.text
    assert reported(gateway)[-1] == ("-30", 0)


@pytest.mark.parametrize(
    ("sent", "status", "field"),
    [
        (changed("s-1", unit="BLOB"), 422, "data.unit"),
        (changed("s-1", "many"), 422, "data.quantity"),
        (consumed("u-1", "-1"), 422, "data.quantity"),
        (changed("s-1", plant="P9"), 422, "data.plant"),
        (changed("s-1") | {"time": "2026-06-03T08:00:00Z"}, 422, "time"),
        ({name: value for name, value in changed("s-1").items() if name != "time"}, 400, "time"),
    ],
)
async def test_what_cannot_be_so_is_refused_by_field(
    gateway: Gateway, sent: dict[str, Any], status: int, field: str
) -> None:
    response = await gateway.send(sent)
    assert (response.status_code, response.json()["field"]) == (status, field)
    assert response.json()["next_step"]


async def test_stock_is_accepted_from_its_owner_only(gateway: Gateway) -> None:
    gateway.own(stock=("wms",))
    assert (await gateway.send(changed("s-1"))).status_code == 202
    refused = await gateway.send(consumed("u-1"))
    assert (refused.status_code, refused.json()["code"]) == (403, "not_owner")
