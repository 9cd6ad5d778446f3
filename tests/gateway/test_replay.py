"""Dead letters are listed, and put in again after a fix."""

import json
from typing import Any

import httpx

from tests.gateway.conftest import Gateway
from tests.gateway.fakes import DOWN, PLANTS, answered, planned


async def replay(gateway: Gateway, letter: str) -> httpx.Response:
    return await gateway.client.post(f"/v1/dead-letters/{letter}/replay")


async def test_a_dead_letter_of_the_relay_is_delivered_after_the_fix(gateway: Gateway) -> None:
    await gateway.send(answered("a-1"))
    await gateway.relay.drain()
    [letter] = await gateway.letters()
    still = await replay(gateway, letter.id)
    assert (still.status_code, still.json()["code"]) == (422, "unknown_order")
    order = await gateway.order()
    fixed = await replay(gateway, letter.id)
    assert (fixed.status_code, fixed.json()["state"], fixed.json()["outcome"]) == (200, "replayed", "delivered")
    assert len(gateway.entities.messages_to(order.id)) == 1
    assert await gateway.statuses("4500000001") == ["delivered"]
    again = await replay(gateway, letter.id)
    assert (again.status_code, again.json()) == (200, fixed.json())
    assert len(gateway.entities.messages_to(order.id)) == 1


async def test_a_dead_letter_of_the_door_is_taken_in_after_the_fix(gateway: Gateway) -> None:
    refused = (await gateway.send(planned(plant="P3"))).json()
    letter = refused["dead_letter"].rsplit("/", 1)[1]
    assert (await replay(gateway, letter)).status_code == 422
    gateway.policies.by_plant["P3"] = PLANTS["P1"]
    fixed = (await replay(gateway, letter)).json()
    assert (fixed["state"], fixed["outcome"]) == ("replayed", "stored")
    await gateway.relay.drain()
    assert await gateway.statuses(f"requirement/P3/{planned()['data']['item']}/aps~PLO-1") == ["delivered"]


async def test_a_binary_event_is_replayed_with_its_headers(gateway: Gateway) -> None:
    stated = planned(plant="P3")
    headers = {f"ce-{name}": value for name, value in stated.items() if name != "data"}
    response = await gateway.client.post(
        "/v1/events", content=json.dumps(stated["data"]), headers={**headers, "content-type": "application/json"}
    )
    gateway.policies.by_plant["P3"] = PLANTS["P1"]
    letter = response.json()["dead_letter"].rsplit("/", 1)[1]
    assert (await replay(gateway, letter)).json()["outcome"] == "stored"


async def test_a_document_for_a_channel_set_up_later_is_replayed(gateway: Gateway) -> None:
    order = await gateway.order()
    response = await gateway.document("answer;4500000001;1;10;500;2026-06-10", channel="later")
    letter = response.json()["dead_letter"].rsplit("/", 1)[1]
    assert (await replay(gateway, letter)).status_code == 422
    gateway.dialects["later"] = gateway.dialect
    assert (await replay(gateway, letter)).json()["outcome"] == "stored"
    await gateway.relay.drain()
    assert len(gateway.entities.messages_to(order.id)) == 1


async def test_a_replay_while_temporal_is_down_leaves_the_letter_open(gateway: Gateway) -> None:
    await gateway.send(answered("a-1"))
    await gateway.relay.drain()
    [letter] = await gateway.letters()
    await gateway.order()
    gateway.entities.failures = [DOWN]
    response = await replay(gateway, letter.id)
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    [kept] = await gateway.letters()
    assert kept.state == "open"


async def test_a_malformed_letter_stays_malformed_and_a_conflict_a_conflict(gateway: Gateway) -> None:
    await gateway.send(planned())
    broken = (
        await gateway.client.post("/v1/events", content=b"{", headers={"content-type": "application/cloudevents+json"})
    ).json()
    conflict = (await gateway.send(planned(quantity="1"))).json()
    assert (await gateway.client.post(broken["dead_letter"] + "/replay")).status_code == 422
    assert (await gateway.client.post(conflict["dead_letter"] + "/replay")).status_code == 409


async def test_dead_letters_come_in_pages(gateway: Gateway) -> None:
    for number in range(5):
        await gateway.send(planned(f"e-{number}", plant="P9"))
    seen: list[Any] = []
    path: str | None = "/v1/dead-letters?state=open&limit=2"
    while path:
        page = (await gateway.client.get(path)).json()
        seen += page["items"]
        path = page["next"]
    assert [each["context"]["event_id"] for each in seen] == [f"e-{number}" for number in range(5)]
    assert (await gateway.client.get("/v1/dead-letters/nothing")).status_code == 404
