"""A requirement that is bought through Coupa: requisition, an approval that takes its time, the order, the goods."""

from collections.abc import AsyncIterator

import pytest

from canonical.exception import Choice
from canonical.messages import ApprovalReported
from canonical.records import OrderSnapshot
from tests.adapters.erp.coupa import Coupa, a_coupa
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import Harness


@pytest.fixture
async def coupa() -> AsyncIterator[Coupa]:
    async with a_coupa() as made:
        yield made


async def submitted(harness: Harness, coupa: Coupa, requirement: str) -> OrderSnapshot:
    """The requirement's order once its requisition waits in Coupa."""
    order = await harness.ordered(requirement)
    now = await harness.clock(order.id)
    assert (await coupa.control.put("/control/clock", json={"now": now.isoformat()})).status_code == 200
    await harness.skip_consolidation(order)
    return await waiting(harness, order)


async def waiting(harness: Harness, order: OrderSnapshot, *besides: str) -> OrderSnapshot:
    """The order once something else than these waits in Coupa."""
    return await harness.order_until(order, lambda now: now.approval and now.approval.document not in besides)


async def decide(harness: Harness, coupa: Coupa, order: OrderSnapshot, reason: str = "") -> None:
    """A person in Coupa decides on what waits, and Coupa reports that."""
    assert order.approval is not None
    number = order.approval.document
    of = {"requisition" if number == order.requisition_number else "change": int(number)}
    await coupa.people("reject" if reason else "approve", **of, **({"reason": reason} if reason else {}))
    await harness.entities.report_approval(order.id, ApprovalReported(event_id=f"decided-{number}", document=number))


async def test_from_the_requirement_to_the_goods_though_an_answer_is_lost(
    make_harness: MakeHarness, coupa: Coupa
) -> None:
    harness = await make_harness(erp=coupa.orders)
    coupa.fault("timeout_after_write", "submit_for_approval", seconds=0.7)
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    waits = await submitted(harness, coupa, requirement)
    assert waits.reason.startswith("waits for approval in Coupa since ")
    assert harness.supplier.sent == {}

    await decide(harness, coupa, waits)

    sent = await harness.order_until(waits, lambda now: now.stage == "sent")
    [order], [_] = coupa.held("orders"), coupa.held("requisitions")
    assert sent.order_number == order["po-number"]
    await harness.answer(sent)
    await harness.receive(await harness.settled(sent))
    assert await harness.ended(requirement) == "fulfilled"


async def test_a_need_that_changes_and_an_approver_who_refuses_leave_one_order(
    make_harness: MakeHarness, coupa: Coupa
) -> None:
    harness = await make_harness(erp=coupa.orders)
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    first = await submitted(harness, coupa, await harness.plan(need))
    await harness.replan(need, 2, quantity=250)
    second = await waiting(harness, first, str(first.requisition_number))
    [requisition] = coupa.held("requisitions")
    assert requisition["requisition-lines"][0]["quantity"] == "250.000000"

    await decide(harness, coupa, second, reason="over budget")
    question = await harness.question(second)
    assert "over budget" in question.proposal.summary
    await harness.decide(question, Choice.RETRY, comment="budget is raised")
    third = await waiting(harness, first, str(first.requisition_number), str(second.requisition_number))
    await decide(harness, coupa, third)

    await harness.order_until(first, lambda now: now.stage == "sent")
    [order] = coupa.held("orders")
    assert [line["quantity"] for line in order["order-lines"]] == ["250.000000"]

    await harness.replan(need, 3, quantity=400)
    change = await waiting(harness, first, str(third.requisition_number))
    await decide(harness, coupa, change)
    await harness.order_until(first, lambda now: now.revision == 2)
    assert [line["quantity"] for line in coupa.held("orders")[0]["order-lines"]] == ["400.000000"]
