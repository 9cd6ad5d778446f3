"""Policy changes while an order lives: what it decides next, it decides by the policy as it is then."""

from decimal import Decimal
from typing import Any

from canonical.order import LineOutcome
from canonical.policy import PlantPolicy, Tolerance
from tests.workflows.conftest import MakeWorld
from tests.workflows.world import ACCEPTED, World

WIDE = Tolerance(price_more=Decimal("0.10"))


def now_in_force(world: World, version: str, **changes: object) -> PlantPolicy:
    """The plant's policy with changes, from this moment on."""
    changed = world.policy.model_copy(update={"version": version, **changes})
    world.policies.by_plant[world.policy.plant] = changed
    return changed


async def data_of(world: World, entity: str, kind: str) -> dict[str, Any]:
    """What the ledger's first fact of the kind says."""
    return next(dict(fact.data) for fact in await world.ledger.reads.facts([entity]) if fact.kind == kind)


async def test_an_answer_is_judged_by_the_policy_as_it_is_when_it_comes(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.sent(requirement)
    now_in_force(world, "wider", tolerance=WIDE)

    await world.answer(order, world.line(10, (ACCEPTED, 100, 58), price="2.10"))

    settled = await world.settled(order)
    changed, judged = await data_of(world, order.id, "policy.changed"), await data_of(world, order.id, "answer.judged")
    assert (changed["before"], changed["version"]) == ("test", "wider")
    [line] = judged["lines"]
    assert (line["accepted"], line["asked"], line["reason"]["policy_version"]) == (True, False, "wider")
    assert line["reason"]["thresholds"]["tolerance.price_more"] == "0.10"
    assert (settled.exception_id, settled.policy_version) == (None, "wider")


async def test_a_change_is_judged_by_the_freeze_fence_as_it_is_when_it_comes(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"))
    order = await world.acknowledged(await world.plan(need))
    now_in_force(world, "frozen", freeze_fence_days=100)

    await world.replan(need, 2, quantity=150)

    assert "inside the freeze fence of 100 working days" in (await world.question(order)).proposal.summary


async def test_receipts_and_shipments_ask_for_no_policy(world: World) -> None:
    order = await world.acknowledged(await world.plan(world.need(world.item("CHAIN", "Cyclops"))))
    now_in_force(world, "newer")

    await world.ship(order, 40, despatch="D-1")
    await world.receive(order)

    assert await world.ended(order.id) == "closed"
    assert "policy.changed" not in await world.kinds(order.id)


async def test_an_item_with_rules_of_its_own_is_judged_by_them(make_world: MakeWorld) -> None:
    world = await make_world()
    item = world.item("CHAIN", "Cyclops")
    own = world.policy.model_copy(update={"version": "own", "tolerance": WIDE})
    world.policies.own["1710", item, ""] = own
    order = await world.sent(await world.plan(world.need(item)))

    await world.answer(order, world.line(10, (LineOutcome.ACCEPTED, 100, 58), price="2.10"))

    settled = await world.settled(order)
    assert settled.exception_id is None, "within the item's tolerance, not within the plant's"
