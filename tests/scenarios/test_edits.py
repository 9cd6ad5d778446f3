"""A buyer edits an order at the ERP's own screens: it is asked about, and never written over."""

from typing import Any

import pytest

from tests.scenarios.loop import Loop


async def question(loop: Loop, order: str, statement: str) -> Any:
    """The open exception of the order with this text, once there is one."""

    async def look() -> Any:
        inbox = await loop.read("exceptions?state=open")
        asked = [row for row in inbox["items"] if row["raised_by"] == order]
        return next((row for row in asked if statement in row["proposal"]["summary"]), None)

    return await loop.until(look, f"{order} asks a person: {statement}")


async def quantity_in_erp(loop: Loop, number: str) -> str:
    [held] = [one for one in (await loop.books("erp"))["orders"] if one["PurchaseOrder"] == number]
    return str(held["items"][0]["OrderQuantity"])


async def decide(loop: Loop, asked: Any, choice: str) -> None:
    path = f"/v1/{asked['id'].replace('exception/', 'exceptions/', 1)}"
    etag = (await loop.people.get(path)).headers["etag"]
    body = {"choice": choice, "decided_by": "bea.buyer", "comment": "as it is"}
    taken = await loop.people.post(f"{path}/decision", json=body, headers={"If-Match": etag})
    assert taken.status_code == 200, taken.text


@pytest.mark.parametrize(("choice", "left", "documents"), [("approve", "60", 2), ("decline", "40", 1)])
async def test_a_reported_edit_is_adopted_or_undone_by_a_person(
    loop: Loop, choice: str, left: str, documents: int
) -> None:
    [requirement] = await loop.plan(FRAME=40)
    order = await loop.order(requirement)
    number = order["order_number"]
    await loop.command("/erp/control/edits", {"order": number, "item": 10, "user": "MILLER", "quantity": "60"})
    asked = await question(loop, order["id"], "MILLER changed line 10")
    await loop.at_rest()
    assert await quantity_in_erp(loop, number) == "60"
    await decide(loop, asked, choice)

    async def settled() -> bool:
        reported = len(await loop.writes("edi"))
        return (await quantity_in_erp(loop, number), reported) == (left, documents)

    await loop.until(settled, f"the edit is settled by {choice}")
    await loop.at_rest()
    assert await settled()


async def test_an_edit_whose_event_was_lost_is_found_before_it_is_written_over(loop: Loop) -> None:
    [requirement] = await loop.plan(FRAME=40)
    order = await loop.order(requirement)
    number = order["order_number"]
    edit = {"order": number, "item": 10, "user": "MILLER", "quantity": "60", "tell": False}
    await loop.command("/erp/control/edits", edit)
    await loop.plan(FRAME=400)
    await decide(loop, await question(loop, order["id"], "400"), "approve")
    await question(loop, order["id"], "unknown changed line 10")
    await loop.at_rest()
    assert await quantity_in_erp(loop, number) == "60"


async def test_an_edit_whose_event_was_lost_is_found_before_a_schedule_is_written_over_it(loop: Loop) -> None:
    [requirement] = await loop.plan(FRAME=40)
    order = await loop.order(requirement, "acknowledged")
    number = order["order_number"]
    edit = {"order": number, "item": 10, "user": "MILLER", "quantity": "60", "tell": False}
    await loop.command("/erp/control/edits", edit)
    await loop.receive(await loop.despatch(number))
    asked = await question(loop, order["id"], "unknown changed line 10")
    await loop.at_rest()
    assert await quantity_in_erp(loop, number) == "60"
    await decide(loop, asked, "decline")

    async def undone() -> bool:
        return await quantity_in_erp(loop, number) == "40"

    await loop.until(undone, "the ERP has back what we ordered")
    await loop.staged(requirement, "fulfilled")
