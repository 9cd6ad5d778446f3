"""Bad input gets a clear problem and is kept whole; after the fix it is put in again and has its effect."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.adapters.supplier.edifact.documents import ordrsp
from tests.scenarios.loop import STRUCTURED, Loop
from tests.scenarios.master_data import today

LONG_AGO = (today() - timedelta(days=4000)).isoformat()


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("plant", "9999", "unknown_plant"),
        ("unit", "BUSHEL", "unknown_unit"),
        ("quantity", "-5", "invalid_field"),
        ("required_date", LONG_AGO, "date_out_of_range"),
        ("item", None, "invalid_field"),
    ],
)
async def test_a_need_that_no_plant_can_have_is_refused_by_its_field_and_kept(
    still_loop: Loop, field: str, value: str | None, code: str
) -> None:
    async with still_loop.gateway():
        event = still_loop.event(**{field: value})
        refused = await still_loop.post(event)
        problem = await problem_kept(still_loop, refused, 422, json.dumps(event).encode())
        assert (problem["code"], problem["field"], problem.get("value")) == (code, f"data.{field}", value)
        assert problem["next_step"]
        assert (await still_loop.ledger.reads.waiting_summary()).undelivered == 0


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ('{"specversion": "1.0", "id": ', "malformed_json", "body"),
        ('{"specversion": "1.0", "source": "s", "type": "pegline.requirement.planned.v1"}', "malformed_event", "data"),
        ('["not", "an", "event"]', "malformed_event", "body"),
        ('{"specversion": "0.3"}', "malformed_event", "specversion"),
    ],
)
async def test_a_malformed_event_is_refused_and_kept_as_it_came(
    still_loop: Loop, body: str, code: str, field: str
) -> None:
    async with still_loop.gateway():
        refused = await still_loop.people.post("/v1/events", content=body, headers={"Content-Type": STRUCTURED})
        problem = await problem_kept(still_loop, refused, 400, body.encode())
        assert (problem["code"], problem["field"]) == (code, field)


async def test_an_id_that_is_used_again_for_another_need_changes_nothing(loop: Loop) -> None:
    event = loop.event()
    assert (await loop.post(event)).status_code == 202
    requirement = f"requirement/1710/FRAME/{loop.source}~BY-HAND"
    await loop.order(requirement, "acknowledged")
    other = {**event, "data": {**event["data"], "quantity": "70"}}
    problem = await problem_kept(loop, await loop.post(other), 409, json.dumps(other).encode())
    assert (problem["code"], problem["field"], problem["value"]) == ("same_id_other_body", "id", "BY-HAND@1")
    assert (await loop.post(event)).status_code == 202, "the first, once more, is no conflict"
    await loop.at_rest()
    assert (await loop.requirement(requirement))["need"]["quantity"] == "40"
    assert len(await loop.writes("edi")) == 1


async def test_a_need_of_a_plant_that_is_set_up_later_is_put_in_again_and_ordered(still_loop: Loop) -> None:
    loop = still_loop
    policy = loop.policies.by_plant.pop("1710")
    async with loop.gateway():
        refused = await loop.post(loop.event())
        assert refused.json()["code"] == "unknown_plant"
    loop.policies.by_plant["1710"] = policy
    async with loop.workers(), loop.gateway():
        replayed = await loop.people.post(f"{refused.json()['dead_letter']}/replay")
        assert (replayed.status_code, replayed.json()["state"]) == (200, "replayed")
        await loop.order(f"requirement/1710/FRAME/{loop.source}~BY-HAND", "acknowledged")


async def test_a_document_with_wrong_counts_is_a_dead_letter_that_says_so(loop: Loop) -> None:
    await loop.command("/edi/control/behaviours", [{"match": {}, "behaviour": "unreadable"}])
    [requirement] = await loop.plan(FRAME=40)
    order = await loop.order(requirement, "sent")
    [letter] = await letters(loop)
    assert (letter["code"], letter["state"]) == ("control_count", "open")
    assert "says 17, but there are 16 segments" in letter["detail"]
    assert letter["next_step"]
    still = await loop.people.post(f"/v1/dead-letters/{letter['id']}/replay")
    assert (still.status_code, still.json()["code"]) == (422, "control_count")
    await loop.command("/edi/control/fix", {"order": order["order_number"]})
    await loop.order(requirement, "acknowledged")


async def test_an_answer_to_an_order_that_becomes_known_is_put_in_again(loop: Loop) -> None:
    await loop.command("/edi/control/behaviours", [{"match": {}, "behaviour": "silent_until_reminded"}])
    number = "4500000000"  # the first that the ERP gives
    document = ordrsp(bgm="BGM+231+OR-9+29", heading=("DTM+137:20260601:102", f"RFF+ON:{number}::1"))
    taken = await loop.post_document(document)
    assert taken.status_code == 202
    [letter] = await letters(loop)
    assert letter["code"] == "unknown_order"
    assert number in letter["detail"]
    assert (await loop.people.get(taken.headers["location"])).json()["dead_letter"].endswith(letter["id"])
    [requirement] = await loop.plan(FRAME=40)
    assert (await loop.order(requirement, "sent"))["order_number"] == number
    replayed = await loop.people.post(f"/v1/dead-letters/{letter['id']}/replay")
    assert (replayed.status_code, replayed.json()["outcome"]) == (200, "delivered")
    await loop.order(requirement, "acknowledged")
    assert (await loop.read(f"dead-letters/{letter['id']}"))["state"] == "replayed"


async def problem_kept(loop: Loop, answer: httpx.Response, status: int, body: bytes) -> Any:
    """The problem of a refusal, whose dead letter holds the body as it was sent."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    letter = (await loop.people.get(problem["dead_letter"])).json()
    assert (letter["code"], letter["state"]) == (problem["code"], "open")
    kept = (await loop.people.get(letter["body_link"])).content
    assert kept == body or json.loads(kept) == json.loads(body)
    return problem


async def letters(loop: Loop) -> list[Any]:
    """The dead letters, once there are any and nothing else waits."""

    async def look() -> list[Any]:
        items: list[Any] = (await loop.read("dead-letters?state=open"))["items"]
        return items

    found = await loop.until(look, "there is a dead letter")
    await loop.delivered()
    return found
