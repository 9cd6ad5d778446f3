"""The supplier's system rejects an order: the buyer hears of it at the order, and has it sent again."""

from typing import Any

import pytest

from tests.scenarios.loop import Loop


@pytest.mark.parametrize(
    ("behaviour", "says"), [("reject_syntax", "CONTRL"), ("reject_application", "not sold any more")]
)
async def test_a_rejected_order_is_raised_sent_again_and_answered(loop: Loop, behaviour: str, says: str) -> None:
    await loop.command("/edi/control/behaviours", [{"match": {}, "behaviour": behaviour, "times": 1}])
    [requirement] = await loop.plan(FRAME=40)
    sent = await loop.order(requirement, "sent")

    async def asked() -> Any:
        return (await loop.read(f"orders/{sent['id'].removeprefix('order/')}"))["exception_id"]

    question = await loop.until(asked, "the buyer is asked about the rejection")
    path = question.replace("exception/", "exceptions/", 1)
    # The order names its question before the question has recorded itself.
    seen = await loop.until(lambda: loop.read(path), "the question can be read")
    summary = seen["proposal"]["summary"]
    assert f"rejected the order {sent['order_number']}" in summary
    assert says in summary
    assert (await loop.books("edi"))["orders"] == {}
    decided = await loop.people.post(
        f"/v1/{path}/decision",
        json={"choice": "retry", "decided_by": "bea.buyer", "comment": "they have fixed their converter"},
        headers={"If-Match": f'"{seen["digest"]}"'},
    )
    assert decided.status_code == 200, decided.text
    again = await loop.order(requirement, "acknowledged")
    assert again["order_number"] == sent["order_number"]
    assert (await loop.books("edi"))["counts"]["rejected"] == 1
