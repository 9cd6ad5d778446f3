"""A requirement decides by all its rules, with the policy and master data of the moment, and leaves on record why."""

from decimal import Decimal
from typing import Any

from canonical.exception import Choice, ExceptionKind
from canonical.policy import Damping, Quota
from canonical.sourcing import ItemAtPlant
from tests.workflows.world import CHANGED, POLICY, World

STRICT = POLICY.model_copy(update={"version": "strict", "damping": Damping(quantity=Decimal(5), share=Decimal("0.01"))})


async def test_a_policy_that_changes_meanwhile_damps_the_next_plan_otherwise(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"), 1000)
    requirement = await world.plan(need)
    order = await world.sent(requirement)
    await world.replan(need, 2, quantity=1030)
    await world.noted(requirement, "need.damped")
    assert (await world.requirement(requirement)).policy_version == "test"

    world.policy_changes = True
    world.policies.by_plant["1710"] = STRICT
    await world.replan(need, 3, quantity=1030)

    changed = await world.order_until(order, lambda found: found.revision == 2)
    assert [int(line.quantity) for line in changed.lines] == [1030]
    found = await world.requirement_until(requirement, lambda now: now.policy_version == "strict")
    assert found.stage == "covered"
    damped, acted = [await facts_of(world, requirement, kind) for kind in ("need.damped", "need.changed")]
    assert [(fact["act"], fact["policy_version"]) for fact in damped + acted] == [(False, "test"), (True, "strict")]
    assert acted[0]["reason"]["thresholds"]["damping.quantity"] == "5"
    assert (acted[0]["acted_on"]["quantity"], acted[0]["proposed"]["quantity"]) == ("1000", "1030")


async def test_a_need_in_grams_is_ordered_in_pounds_changed_received_and_met(world: World) -> None:
    item = in_grams(world, world.item("GREASE", "Cyclops", unit="LBR", multiple=Decimal("0.001")))
    need = world.need(item, 50_000, unit="GRM")
    requirement = await world.plan(need)
    order = await world.sent(requirement)
    assert [(str(line.quantity), line.unit) for line in order.lines] == [("110.232", "LBR")]

    await world.replan(need, 2, quantity=60_000)
    changed = await world.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    assert [str(line.quantity) for line in changed.lines] == ["132.278"], "60,000 g / 453.59237 g, rounded up"
    await world.answer(changed)
    await world.receive(await world.settled(changed))

    assert await world.ended(requirement) == "fulfilled"
    received = sum((part.quantity for part in (await world.requirement(requirement)).cover), Decimal(0))
    assert Decimal(60_000) <= received < Decimal(60_001)
    assert "exception.raised" not in await world.kinds(requirement)


async def test_a_quota_gives_the_second_need_to_the_other_supplier(world: World) -> None:
    item = world.item("CHAIN", "Cyclops", "Trey")
    quotas = {f"{supplier}-{world.prefix}": Quota(share=share) for supplier, share in shares(Cyclops=60, Trey=40)}
    world.policies.by_plant["1710"] = POLICY.model_copy(update={"version": "quotas", "quotas": quotas})

    suppliers = []
    for number in range(3):
        requirement = await world.plan(world.need(item, 100, reference=f"BS-{number}"))
        suppliers.append((await world.ordered(requirement)).supplier.partition("-")[0])

    assert suppliers == ["Cyclops", "Trey", "Cyclops"], "0/60 first by preference; 100/60 > 0/40; 100/60 < 100/40"
    [decided] = await facts_of(world, requirement, "cover.decided")
    assert [reason["rule"] for reason in decided["reasons"]] == ["R2", "R14", "R6", "R5"]
    assert decided["allocated"] == {f"{supplier}-{world.prefix}": "100" for supplier in ("Cyclops", "Trey")}


async def test_the_plan_s_sourcing_rule_is_obeyed_and_followed_when_it_changes(world: World) -> None:
    cyclops, trey = (f"{supplier}-{world.prefix}" for supplier in ("Cyclops", "Trey"))
    need = world.need(world.item("CHAIN", "Cyclops", "Trey"), sourcing_rule=f"supplier:{trey}")
    requirement = await world.plan(need)
    first = await world.sent(requirement)
    assert first.supplier == trey

    await world.replan(need, 2, sourcing_rule=cyclops)

    second = await world.sent(requirement, orders=2)
    assert (second.supplier, [int(line.quantity) for line in second.lines]) == (cyclops, [100])
    let_go = await world.order_until(first, lambda found: found.revision == 2)
    assert [line.cancelled for line in let_go.lines] == [True]


async def test_a_sourcing_rule_that_nobody_knows_is_a_defect_of_master_data_with_its_reason(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops"), sourcing_rule="supplier:NOBODY")
    requirement = await world.plan(need)

    exception = await world.short(requirement)

    assert (exception.proposal.kind, exception.proposal.defects[0].field) == (
        ExceptionKind.MASTER_DATA,
        "sourcing_rule",
    )
    assert [reason.rule for reason in exception.proposal.reasons] == ["R3"]
    await world.replan(need, 2, sourcing_rule=None)
    assert await world.ended(exception.id) == "overtaken"
    assert (await world.sent(requirement)).supplier == f"Cyclops-{world.prefix}"


async def test_a_decision_is_on_record_with_all_that_it_needs_to_be_made_again(world: World) -> None:
    need = world.need(world.item("CHAIN", "Cyclops", "Trey"), 437)
    requirement = await world.plan(need)
    await world.answer(await world.sent(requirement), world.line(10, (CHANGED, 437, 70)))
    exception = await world.short(requirement)
    assert [reason.rule for reason in exception.proposal.reasons] == ["R7", "R15"]
    await world.decide(exception, Choice.SPLIT)
    await world.ordered(requirement, orders=2)

    first, *_, last = await facts_of(world, requirement, "cover.decided")
    assert ItemAtPlant.model_validate(first["item"]).sources[0].supplier == f"Cyclops-{world.prefix}"
    assert (first["quantity"], first["exclude"], first["outcome"]["lots"]) == ("437", [], ["437"])
    assert (last["exclude"], last["outcome"]["supplier"]) == (
        [f"Cyclops-{world.prefix}"],
        f"Trey-{world.prefix}",
    )


async def test_an_item_that_has_gone_from_master_data_is_asked_for_before_its_lateness_is_judged(world: World) -> None:
    item = world.item("CHAIN", "Cyclops")
    requirement = await world.plan(world.need(item))
    order = await world.sent(requirement)
    known = world.master_data.items.pop(("1710", item))

    await world.answer(order, world.line(10, (CHANGED, 100, 70)))

    exception = await world.short(requirement)
    assert (exception.proposal.kind, exception.proposal.defects[0].field) == (ExceptionKind.MASTER_DATA, "item")
    world.master_data.items["1710", item] = known
    await world.decide(exception, Choice.RETRY)
    late = await world.requirement_until(requirement, lambda now: now.exception_id not in (None, exception.id))
    assert (await world.asked(late)).proposal.kind is ExceptionKind.SHORTAGE


async def test_goods_that_come_while_master_data_is_blocked_meet_the_need_all_the_same(world: World) -> None:
    item = world.item("CHAIN", "Cyclops")
    requirement = await world.plan(world.need(item))
    order = await world.sent(requirement)
    world.master_data.items.pop(("1710", item))
    await world.answer(order, world.line(10, (CHANGED, 100, 70)))
    exception = await world.short(requirement)

    await world.receive(await world.order_of(requirement))

    assert await world.ended(requirement) == "fulfilled"
    assert await world.ended(exception.id) == "overtaken"


async def facts_of(world: World, entity: str, kind: str) -> list[dict[str, Any]]:
    """The data of an entity's facts of a kind."""
    return [fact.data for fact in await world.ledger.reads.facts([entity]) if fact.kind == kind]


def in_grams(world: World, item: str) -> str:
    """The item, kept in grams."""
    kept = world.master_data.items["1710", item]
    world.master_data.items["1710", item] = kept.model_copy(update={"base_unit": "GRM"})
    return item


def shares(**by_supplier: int) -> list[tuple[str, Decimal]]:
    return [(supplier, Decimal(share)) for supplier, share in by_supplier.items()]
