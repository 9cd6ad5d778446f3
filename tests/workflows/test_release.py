"""An order that the ERP has to release first waits for that; its supplier learns nothing before."""

from datetime import timedelta

from canonical.records import OrderStage
from tests.workflows.harness import Harness

OPEN = "its release in the ERP is not completed"


async def test_an_order_goes_to_its_supplier_once_the_erp_has_released_it(harness: Harness) -> None:
    harness.erp.unreleased = OPEN
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.ordered(requirement)
    await harness.skip_consolidation(order)
    held = await harness.order_until(order, lambda found: found.order_number)
    await harness.registered(held.id, "approval.awaited")
    assert held.stage == OrderStage.UNSENT
    assert held.reason.startswith("waits for approval in erp since")
    assert held.reason.endswith(f"({held.order_number}, {OPEN})")
    assert harness.supplier.sent == {}

    harness.erp.unreleased = ""
    await harness.skip(harness.handle(held.id), timedelta(minutes=6))
    sent = await harness.sent(requirement)
    assert len(harness.supplier.sent[sent.order_number or ""]) == 1
    kinds = await harness.kinds(held.id)
    assert kinds.index("order.placed") < kinds.index("approval.awaited") < kinds.index("approval.given")
    assert kinds.count("approval.awaited") == 1
    assert len(harness.erp.writes) == 1, "it is looked for by its reference, not placed again"


async def test_a_change_that_opens_the_release_again_waits_for_it(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)
    await harness.answer(order)
    await harness.settled(order)

    harness.erp.unreleased = OPEN
    await harness.replan(need, 2, quantity=150)
    await harness.registered(order.id, "approval.awaited")
    assert [sent.revision for sent in harness.supplier.sent[order.order_number or ""]] == [1]

    harness.erp.unreleased = ""
    await harness.skip(harness.handle(order.id), timedelta(minutes=6))
    await harness.registered(order.id, "approval.given")
    await harness.registered(order.id, "order.sent", times=2)
    assert (await harness.kinds(order.id)).count("order.changed") == 1
