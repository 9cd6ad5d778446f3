"""Both entities on the server: answers and receipts in any order, some twice, end in the same books."""

import functools
import random
import uuid

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canonical.messages import GoodsReceived, SupplierAnswered
from tests.workflows.harness import ACCEPTED, CHANGED, Harness


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms(use_true_random=False))
async def test_the_entities_end_alike_on_the_server(harness: Harness, chance: random.Random) -> None:
    name = uuid.uuid4().hex[:6]
    chain, bell = (harness.need(harness.item(f"{item}-{name}", "Cyclops")) for item in ("CHAIN", "BELL"))
    for need in (chain, bell):
        await harness.ordered(await harness.plan(need))
    order = await harness.sent(chain.id)
    answers = [
        harness.an_answer(order, harness.line(10, (CHANGED, 100, 65))),
        harness.an_answer(order, harness.line(20, (ACCEPTED, 100, 58))),
        harness.an_answer(order, harness.line(10, (CHANGED, 60, 57), (CHANGED, 40, 58))),
    ]
    receipts = [GoodsReceived(receipts=(harness.receipt(order, 30, f"GR-{name}-{number}"),)) for number in range(3)]
    messages: list[SupplierAnswered | GoodsReceived] = [*answers, *receipts]
    messages += chance.sample(messages, 2)
    chance.shuffle(messages)

    for message in messages:
        if isinstance(message, SupplierAnswered):
            await harness.entities.answer_order(order.id, message)
        else:
            await harness.entities.receive_goods(order.id, message)

    for entity in (order.id, chain.id, bell.id) * 2:
        await harness.until(functools.partial(harness.at_rest, entity))
    assert harness.coverage_in_aps(chain.id, order) == [(90, 50, "received"), (10, 58, "confirmed")]
    assert harness.coverage_in_aps(bell.id, order) == [(100, 58, "confirmed")]
    assert harness.schedule_in_erp(order, 10) == [(60, 60, 57), (40, 40, 58)]
    assert harness.schedule_in_erp(order, 20) == [(100, 100, 58)]
    for need in (chain, bell):
        found = await harness.requirement(need.id)
        assert found.stage == "covered"
        assert found.exception_id is None
    await harness.receive(await harness.order_of(chain.id), receipt=f"GR-{name}-last")
    assert [await harness.ended(need.id) for need in (chain, bell)] == ["fulfilled", "fulfilled"]
