"""A requirement decides by all its rules, with the policy and master data of the moment, and leaves on record why."""

from decimal import Decimal
from typing import Any

from canonical.exception import Choice, ExceptionKind
from canonical.policy import Dampener, Quota
from canonical.sourcing import ItemAtPlant
from tests.workflows.harness import CHANGED, POLICY, Harness

STRICT = POLICY.model_copy(
    update={"version": "strict", "dampener": Dampener(quantity=Decimal(5), share=Decimal("0.01"))}
)


async def test_a_changed_policy_sets_the_dampener_of_the_next_plan(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"), 1000)
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)
    await harness.replan(need, 2, quantity=1030)
    await harness.registered(requirement, "requirement.change_suppressed")
    assert (await harness.requirement(requirement)).policy_version == "test"

    harness.policy_changes = True
    harness.policies.by_plant["1710"] = STRICT
    await harness.replan(need, 3, quantity=1030)

    changed = await harness.order_until(order, lambda found: found.revision == 2)
    assert [int(line.quantity) for line in changed.lines] == [1030]
    found = await harness.requirement_until(requirement, lambda now: now.policy_version == "strict")
    assert found.stage == "covered"
    suppressed, acted = [
        await audit_events_of(harness, requirement, kind)
        for kind in ("requirement.change_suppressed", "requirement.changed")
    ]
    assert [(audit_event["act"], audit_event["policy_version"]) for audit_event in suppressed + acted] == [
        (False, "test"),
        (True, "strict"),
    ]
    assert acted[0]["reason"]["thresholds"]["dampener.quantity"] == "5"
    assert (acted[0]["acted_on"]["quantity"], acted[0]["proposed"]["quantity"]) == ("1000", "1030")


async def test_a_need_in_grams_is_ordered_in_pounds_changed_received_and_met(harness: Harness) -> None:
    item = in_grams(harness, harness.item("GREASE", "Cyclops", unit="LBR", multiple=Decimal("0.001")))
    need = harness.need(item, 50_000, unit="GRM")
    requirement = await harness.plan(need)
    order = await harness.sent(requirement)
    assert [(str(line.quantity), line.unit) for line in order.lines] == [("110.232", "LBR")]

    await harness.replan(need, 2, quantity=60_000)
    changed = await harness.order_until(order, lambda found: found.revision == 2 and found.stage == "sent")
    assert [str(line.quantity) for line in changed.lines] == ["132.278"], "60,000 g / 453.59237 g, rounded up"
    await harness.answer(changed)
    await harness.receive(await harness.settled(changed))

    assert await harness.ended(requirement) == "fulfilled"
    received = sum((part.quantity for part in (await harness.requirement(requirement)).coverage), Decimal(0))
    assert Decimal(60_000) <= received < Decimal(60_001)
    assert "exception.raised" not in await harness.kinds(requirement)


async def test_a_quota_gives_the_second_need_to_the_other_supplier(harness: Harness) -> None:
    item = harness.item("CHAIN", "Cyclops", "Trey")
    quotas = {f"{supplier}-{harness.prefix}": Quota(share=share) for supplier, share in shares(Cyclops=60, Trey=40)}
    harness.policies.by_plant["1710"] = POLICY.model_copy(update={"version": "quotas", "quotas": quotas})

    suppliers = []
    for number in range(3):
        requirement = await harness.plan(harness.need(item, 100, reference=f"BS-{number}"))
        suppliers.append((await harness.ordered(requirement)).supplier.partition("-")[0])

    assert suppliers == ["Cyclops", "Trey", "Cyclops"], "0/60 first by preference; 100/60 > 0/40; 100/60 < 100/40"
    [decided] = await audit_events_of(harness, requirement, "sourcing.decided")
    assert [reason["rule"] for reason in decided["reasons"]] == ["R2", "R14", "R6", "R5"]
    assert decided["allocated"] == {f"{supplier}-{harness.prefix}": "100" for supplier in ("Cyclops", "Trey")}


async def test_the_plan_s_sourcing_rule_is_obeyed_and_followed_when_it_changes(harness: Harness) -> None:
    cyclops, trey = (f"{supplier}-{harness.prefix}" for supplier in ("Cyclops", "Trey"))
    need = harness.need(harness.item("CHAIN", "Cyclops", "Trey"), sourcing_rule=f"supplier:{trey}")
    requirement = await harness.plan(need)
    first = await harness.sent(requirement)
    assert first.supplier == trey

    await harness.replan(need, 2, sourcing_rule=cyclops)

    second = await harness.sent(requirement, orders=2)
    assert second.supplier == cyclops
    assert [int(line.quantity) for line in second.lines] == [100]
    let_go = await harness.order_until(first, lambda found: found.revision == 2)
    assert [line.cancelled for line in let_go.lines] == [True]


async def test_a_sourcing_rule_that_nobody_knows_is_a_defect_of_master_data_with_its_reason(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"), sourcing_rule="supplier:NOBODY")
    requirement = await harness.plan(need)

    exception = await harness.short(requirement)

    assert (exception.proposal.kind, exception.proposal.defects[0].field) == (
        ExceptionKind.MASTER_DATA,
        "sourcing_rule",
    )
    assert [reason.rule for reason in exception.proposal.reasons] == ["R3"]
    await harness.replan(need, 2, sourcing_rule=None)
    assert await harness.ended(exception.id) == "overtaken"
    assert (await harness.sent(requirement)).supplier == f"Cyclops-{harness.prefix}"


async def test_a_decision_is_on_record_with_all_that_it_needs_to_be_made_again(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops", "Trey"), 437)
    requirement = await harness.plan(need)
    await harness.answer(await harness.sent(requirement), harness.line(10, (CHANGED, 437, 70)))
    exception = await harness.short(requirement)
    assert [reason.rule for reason in exception.proposal.reasons] == ["R7", "R15"]
    await harness.decide(exception, Choice.SPLIT)
    await harness.ordered(requirement, orders=2)

    first, *_, last = await audit_events_of(harness, requirement, "sourcing.decided")
    assert ItemAtPlant.model_validate(first["item"]).sources[0].supplier == f"Cyclops-{harness.prefix}"
    assert first["quantity"] == "437"
    assert first["exclude"] == []
    assert first["outcome"]["lots"] == ["437"]
    assert last["exclude"] == [f"Cyclops-{harness.prefix}"]
    assert last["outcome"]["supplier"] == f"Trey-{harness.prefix}"


async def test_an_item_that_has_gone_from_master_data_is_asked_for_before_its_lateness_is_judged(
    harness: Harness,
) -> None:
    item = harness.item("CHAIN", "Cyclops")
    requirement = await harness.plan(harness.need(item))
    order = await harness.sent(requirement)
    known = harness.master_data.items.pop(("1710", item))

    await harness.answer(order, harness.line(10, (CHANGED, 100, 70)))

    exception = await harness.short(requirement)
    assert (exception.proposal.kind, exception.proposal.defects[0].field) == (ExceptionKind.MASTER_DATA, "item")
    harness.master_data.items["1710", item] = known
    await harness.decide(exception, Choice.RETRY)
    late = await harness.requirement_until(requirement, lambda now: now.exception_id not in (None, exception.id))
    assert (await harness.asked(late)).proposal.kind is ExceptionKind.SHORTAGE


async def test_goods_that_come_while_master_data_is_blocked_meet_the_need_all_the_same(harness: Harness) -> None:
    item = harness.item("CHAIN", "Cyclops")
    requirement = await harness.plan(harness.need(item))
    order = await harness.sent(requirement)
    harness.master_data.items.pop(("1710", item))
    await harness.answer(order, harness.line(10, (CHANGED, 100, 70)))
    exception = await harness.short(requirement)

    await harness.receive(await harness.order_of(requirement))

    assert await harness.ended(requirement) == "fulfilled"
    assert await harness.ended(exception.id) == "overtaken"


async def audit_events_of(harness: Harness, entity: str, kind: str) -> list[dict[str, Any]]:
    """The data of an entity's audit events of a kind."""
    return [
        audit_event.data
        for audit_event in await harness.ledger.reads.audit_events([entity])
        if audit_event.kind == kind
    ]


def in_grams(harness: Harness, item: str) -> str:
    """The item, kept in grams."""
    kept = harness.master_data.items["1710", item]
    harness.master_data.items["1710", item] = kept.model_copy(update={"base_unit": "GRM"})
    return item


def shares(**by_supplier: int) -> list[tuple[str, Decimal]]:
    return [(supplier, Decimal(share)) for supplier, share in by_supplier.items()]
