"""Policy changes while an order lives: what it decides next, it decides by the policy as it is then."""

from decimal import Decimal
from typing import Any

from canonical.order import AnswerOutcome
from canonical.policy import PlantPolicy, Tolerance
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import ACCEPTED, Harness

WIDE = Tolerance(price_more=Decimal("0.10"))


def now_in_force(harness: Harness, version: str, **changes: object) -> PlantPolicy:
    """The plant's policy with changes, from this moment on."""
    changed = harness.policy.model_copy(update={"version": version, **changes})
    harness.policies.by_plant[harness.policy.plant] = changed
    return changed


async def data_of(harness: Harness, entity: str, kind: str) -> dict[str, Any]:
    """The data of the ledger's first audit event of the kind."""
    return next(
        dict(audit_event.data)
        for audit_event in await harness.ledger.reads.audit_events([entity])
        if audit_event.kind == kind
    )


async def test_an_answer_is_judged_by_the_policy_as_it_is_when_it_comes(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    now_in_force(harness, "wider", tolerance=WIDE)

    await harness.answer(order, harness.line(10, (ACCEPTED, 100, 58), price="2.10"))

    settled = await harness.settled(order)
    changed, judged = (
        await data_of(harness, order.id, "policy.changed"),
        await data_of(harness, order.id, "answer.judged"),
    )
    assert (changed["before"], changed["version"]) == ("test", "wider")
    [line] = judged["lines"]
    assert line["accepted"] is True
    assert line["asked"] is False
    assert line["reason"]["policy_version"] == "wider"
    assert line["reason"]["thresholds"]["tolerance.price_more"] == "0.10"
    assert settled.exception_id is None
    assert settled.policy_version == "wider"


async def test_a_change_is_judged_by_the_frozen_zone_as_it_is_when_it_comes(harness: Harness) -> None:
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    order = await harness.acknowledged(await harness.plan(need))
    now_in_force(harness, "frozen", frozen_zone_days=100)

    await harness.replan(need, 2, quantity=150)

    assert "inside the frozen zone of 100 working days" in (await harness.question(order)).proposal.summary


async def test_receipts_and_shipments_ask_for_no_policy(harness: Harness) -> None:
    order = await harness.acknowledged(await harness.plan(harness.need(harness.item("CHAIN", "Cyclops"))))
    now_in_force(harness, "newer")

    await harness.ship(order, 40, despatch="D-1")
    await harness.receive(order)

    assert await harness.ended(order.id) == "closed"
    assert "policy.changed" not in await harness.kinds(order.id)


async def test_an_item_with_rules_of_its_own_is_judged_by_them(make_harness: MakeHarness) -> None:
    harness = await make_harness()
    item = harness.item("CHAIN", "Cyclops")
    own = harness.policy.model_copy(update={"version": "own", "tolerance": WIDE})
    harness.policies.own["1710", item, ""] = own
    order = await harness.sent(await harness.plan(harness.need(item)))

    await harness.answer(order, harness.line(10, (AnswerOutcome.ACCEPTED, 100, 58), price="2.10"))

    settled = await harness.settled(order)
    assert settled.exception_id is None, "within the item's tolerance, not within the plant's"
