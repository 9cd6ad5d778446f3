"""Both entities on the server: answers and receipts in any order, some twice, end in the same books."""

import functools
import random
import uuid

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canonical.messages import GoodsReceived, SupplierAnswered
from tests.workflows.world import ACCEPTED, CHANGED, World


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms(use_true_random=False))
async def test_the_entities_end_alike_on_the_server(world: World, chance: random.Random) -> None:
    name = uuid.uuid4().hex[:6]
    chain, bell = (world.need(world.item(f"{item}-{name}", "Cyclops")) for item in ("CHAIN", "BELL"))
    for need in (chain, bell):
        await world.ordered(await world.plan(need))
    order = await world.sent(chain.id)
    answers = [
        world.an_answer(order, world.line(10, (CHANGED, 100, 65))),
        world.an_answer(order, world.line(20, (ACCEPTED, 100, 58))),
        world.an_answer(order, world.line(10, (CHANGED, 60, 57), (CHANGED, 40, 58))),
    ]
    receipts = [GoodsReceived(receipts=(world.receipt(order, 30, f"GR-{name}-{number}"),)) for number in range(3)]
    messages: list[SupplierAnswered | GoodsReceived] = [*answers, *receipts]
    messages += chance.sample(messages, 2)
    chance.shuffle(messages)

    for message in messages:
        if isinstance(message, SupplierAnswered):
            await world.entities.answer_order(order.id, message)
        else:
            await world.entities.receive_goods(order.id, message)

    for entity in (order.id, chain.id, bell.id) * 2:
        await world.until(functools.partial(world.at_rest, entity))
    assert world.cover_in_aps(chain.id, order) == [(90, 50, "received"), (10, 58, "confirmed")]
    assert world.cover_in_aps(bell.id, order) == [(100, 58, "confirmed")]
    assert world.schedule_in_erp(order, 10) == [(60, 60, 57), (40, 40, 58)]
    assert world.schedule_in_erp(order, 20) == [(100, 100, 58)]
    for need in (chain, bell):
        found = await world.requirement(need.id)
        assert (found.stage, found.exception_id) == ("covered", None)
    await world.receive(await world.order_of(chain.id), receipt=f"GR-{name}-last")
    assert [await world.ended(need.id) for need in (chain, bell)] == ["fulfilled", "fulfilled"]
