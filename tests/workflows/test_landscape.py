"""Several ERPs: each plant's documents go to its own, a slow or absent one holds nobody else back, and an edit of the
landscape takes effect while everything runs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from canonical.exception import Choice
from canonical.need import Need
from canonical.policy import RouteKind, RouteRule
from canonical.records import OrderSnapshot
from console.observe import would_have
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import Harness
from tests.workflows.landscaped import Landscaped

SYSTEM = '[systems.{name}]\nkind = "{kind}"\ndialect = "memory"\naddress = "http://{name}"\n'
OWNER = '[[owner]]\nsystem = "{system}"\ndomains = ["orders", "master_data"]\nplant = "{plant}"\n'
COMMON = (
    SYSTEM.format(name="edi", kind="supplier")
    + SYSTEM.format(name="aps", kind="planning")
    + '[[owner]]\nsystem = "aps"\ndomains = ["coverage"]\n[[channel]]\nsystem = "edi"\n'
)


def erp(name: str, *plants: str, more: str = "") -> str:
    owners = "".join(OWNER.format(system=name, plant=plant) for plant in plants)
    return SYSTEM.format(name=name, kind="erp") + more + owners


TRANSFER = RouteRule(kind=RouteKind.TRANSFER, supplying_plant="2000", transit_days=3)
TWO = COMMON + erp("erp-north", "1710") + erp("erp-south", "2000")


async def placed_in(harness: Harness, order: OrderSnapshot) -> OrderSnapshot:
    return await harness.order_until(order, lambda found: found.stage == "sent")


async def test_two_erps_with_the_same_numbers_never_meet_and_a_slow_one_holds_nobody_back(
    make_harness: MakeHarness, tmp_path: Path
) -> None:
    systems = Landscaped(tmp_path / "landscape.toml", TWO)
    harness = await make_harness(landscape=systems, consolidation_minutes=0)
    north, south = systems.erps["erp-north"], systems.erps["erp-south"]
    systems.plant("2000", item := harness.item("CHAIN", "Cyclops"))
    south.open_for_calls.clear()
    slow = await harness.plan(harness.need(item, plant="2000"))
    quick = await harness.plan(harness.need(item))

    await harness.answer(first := await harness.sent(quick))
    await harness.settled(first)
    await harness.receive(first)
    assert await harness.ended(first.id) == "closed"
    assert (await harness.ordered(slow)).stage == "placing", "the slow one is still at its first call"

    south.open_for_calls.set()
    second = await placed_in(harness, await harness.ordered(slow))
    assert (first.order_number, first.erp) == ("4500000001", "erp-north")
    assert (second.order_number, second.erp) == ("4500000001", "erp-south")
    assert [order.plant for order in (*north.orders.values(), *south.orders.values())] == ["1710", "2000"]
    found = await harness.ledger.registry.orders_of("4500000001")
    assert [(one.plant, one.erp) for one in found] == [("1710", "erp-north"), ("2000", "erp-south")]


async def transferring(
    make_harness: MakeHarness, systems: Landscaped, *routes: RouteRule, minutes: int = 0
) -> tuple[Harness, Need]:
    """Plant 1710 gets chains by these routes, plant 2000 from its supplier."""
    harness = await make_harness(landscape=systems, consolidation_minutes=minutes, routes=routes)
    systems.plant("2000", item := harness.item("CHAIN", "Cyclops"))
    direct = {"routes": (RouteRule(kind=RouteKind.DIRECT),)}
    harness.policies.by_plant["2000"] = harness.policies.by_plant["2000"].model_copy(update=direct)
    return harness, harness.need(item)


async def test_a_transfer_between_two_erps_is_asked_about_and_neither_gets_half_of_it(
    make_harness: MakeHarness, tmp_path: Path
) -> None:
    systems = Landscaped(tmp_path / "landscape.toml", TWO)
    harness, need = await transferring(make_harness, systems, TRANSFER)
    del harness.master_data.items["2000", need.item]
    requirement = await harness.plan(need)

    question = await harness.short(requirement)
    defect = question.proposal.defects[0]
    assert (defect.field, defect.value, defect.systems) == ("supplying_plant", "2000", ("erp-north", "erp-south"))
    assert defect.detail == (
        "plant 1710 can't transfer from plant 2000 by one order: its orders are in erp-north, those of plant 2000 in "
        "erp-south"
    )
    assert "buy from plant 2000 as from a supplier: give it an info record in erp-north" in defect.next_step
    assert (dict(systems.erps["erp-north"].orders), dict(systems.erps["erp-south"].orders)) == ({}, {})

    # What it says is done: the plant is a supplier of the ERP, and gets orders by a channel as any other.
    direct = harness.policy.model_copy(update={"routes": (RouteRule(kind=RouteKind.DIRECT),), "version": "bought"})
    harness.policies.by_plant["1710"], harness.policy_changes = direct, True
    await harness.decide(question, Choice.RETRY)
    order = await harness.sent(requirement)
    assert (order.erp, order.route, order.order_number in dict(harness.supplier.sent)) == ("erp-north", "direct", True)


async def test_a_plant_that_goes_to_another_erp_before_its_transfer_is_placed_gets_none(
    make_harness: MakeHarness, tmp_path: Path
) -> None:
    systems = Landscaped(tmp_path / "landscape.toml", COMMON + erp("erp-north", "1710", "2000"))
    harness, need = await transferring(make_harness, systems, TRANSFER, minutes=60)
    order = await harness.ordered(requirement := await harness.plan(need))
    assert (order.stage, order.route) == ("consolidating", RouteKind.TRANSFER)

    systems.write(TWO)
    await harness.until(lambda: served_by(harness, "erp-south"))
    await harness.skip_consolidation(order)
    question = await harness.asked(await harness.order_until(order, lambda found: found.exception_id is not None))
    assert "plant 1710 can't transfer from plant 2000 by one order" in question.proposal.summary
    assert (dict(systems.erps["erp-north"].orders), dict(systems.erps["erp-south"].orders)) == ({}, {})

    systems.write(COMMON + erp("erp-south") + erp("erp-north", "1710", "2000"))
    await harness.until(lambda: is_one_again(systems))
    await harness.decide(question, Choice.RETRY)
    placed = await harness.sent(requirement)
    assert (placed.erp, list(systems.erps["erp-north"].orders)) == ("erp-north", [placed.order_number])


async def is_one_again(systems: Landscaped) -> bool | None:
    return systems.workers._pool.landscape.two_erps("1710", "2000") is None or None


async def test_a_system_in_maintenance_queues_work_and_no_attempt_is_counted(
    make_harness: MakeHarness, tmp_path: Path
) -> None:
    window = 'maintenance = [{ from = 2000-01-01T00:00:00, to = 2199-12-31T00:00:00, zone = "UTC" }]\n'
    systems = Landscaped(tmp_path / "landscape.toml", TWO)
    harness = await make_harness(landscape=systems, consolidation_minutes=0)
    item = harness.item("CHAIN", "Cyclops")
    # Planning alone: master data of an ERP in maintenance could not be read either.
    systems.write(TWO.replace('address = "http://aps"\n', f'address = "http://aps"\n{window}'))
    await harness.until(lambda: is_left_alone(systems, "aps"))
    order = await harness.sent(await harness.plan(harness.need(item)))
    await harness.answer(order)
    waiting = await harness.until(lambda: pending_at_aps(harness, order))
    assert waiting == 1, "it waits in the queue: no attempt has begun, none has failed"
    systems.write(TWO)
    await harness.settled(order)
    history = await harness.handle(order.id).fetch_history()
    assert not [each for each in history.events if each.HasField("activity_task_failed_event_attributes")]


async def is_left_alone(systems: Landscaped, system: str) -> bool:
    return system not in systems.workers.served


async def pending_at_aps(harness: Harness, order: OrderSnapshot) -> int | None:
    described = (await harness.handle(order.id).describe()).raw_description
    waiting = [each for each in described.pending_activities if each.activity_type.name == "aps.write_coverage"]
    return waiting[0].attempt if waiting else None


async def test_a_plant_and_its_erp_are_added_and_moved_while_everything_runs(
    make_harness: MakeHarness, tmp_path: Path
) -> None:
    systems = Landscaped(tmp_path / "landscape.toml", COMMON + erp("erp-north", "1710"))
    harness = await make_harness(landscape=systems, consolidation_minutes=60)
    systems.plant("3000", item := harness.item("CHAIN", "Cyclops"))
    unowned = await harness.plan(harness.need(item, plant="3000"))
    assert await harness.until(lambda: harness.incident(unowned)) == "internal.assess"

    systems.write(COMMON + erp("erp-north", "1710") + erp("erp-east", "3000"))
    await harness.skip(harness.handle(unowned), timedelta(seconds=31))
    here = await harness.sent(await harness.plan(harness.need(item)))
    there = await harness.ordered(unowned)
    assert (there.stage, there.erp) == ("consolidating", "erp-east")

    # Both plants move to yet another one: what is placed stays, what still consolidates goes there.
    moved = COMMON + erp("erp-north") + erp("erp-east") + erp("erp-new", "1710", "3000")
    systems.write(moved)
    await harness.until(lambda: served_by(harness, "erp-new"))
    await harness.skip_consolidation(there)
    there = await placed_in(harness, there)
    assert (there.erp, list(systems.erps["erp-new"].orders)) == ("erp-new", ["4500000001"])
    await harness.answer(here)
    await harness.settled(here)
    assert systems.erps["erp-north"].writes[-1] == f"schedule {here.order_number}"
    assert "order.moved" in await harness.kinds(there.id)
    assert systems.erps["erp-east"].orders == {}


async def served_by(harness: Harness, system: str) -> bool | None:
    return system in (await harness.ledger.landscapes.keep("test", {}, "")) or None


async def test_a_plant_that_is_only_observed_decides_and_records_until_it_goes_live(
    make_harness: MakeHarness, tmp_path: Path
) -> None:
    observed = TWO + '[[mode]]\nmode = "observe"\nplant = "1710"\n'
    systems = Landscaped(tmp_path / "landscape.toml", observed)
    harness = await make_harness(landscape=systems, consolidation_minutes=0)
    need = harness.need(harness.item("CHAIN", "Cyclops"))
    requirement = await harness.plan(need)
    order = await harness.ordered(requirement)
    await harness.registered(order.id, "order.observed")
    await harness.replan(need, version=2, quantity=150)
    await harness.registered(order.id, "order.observed", times=2)
    found = await harness.order_until(order, lambda each: "150" in str(each.lines[0].quantity))
    assert "is only observed: Pegline would have placed order" in found.reason
    events = await harness.ledger.reads.audit_events([order.id])
    said = [str(each.data["lines"]) for each in events if each.kind == "order.observed"]
    assert ["'quantity': '100'" in said[0], "'quantity': '150'" in said[1], len(said)] == [True, True, 2]
    assert (systems.erps["erp-north"].writes, dict(harness.supplier.sent), found.exception_id) == ([], {}, None)

    now = datetime.now(UTC)
    [would] = await would_have(harness.ledger, "1710", now - timedelta(hours=1), now + timedelta(days=1))
    assert (would.order, str(would.quantity), would.unit) == (order.id, "150", "EA")

    systems.write(TWO)
    await harness.skip(harness.handle(order.id), timedelta(hours=5))
    order = await placed_in(harness, order)
    assert systems.erps["erp-north"].writes == [f"place {harness_reference(systems, order)}"]
    assert len(harness.supplier.sent[order.order_number or ""]) == 1


def harness_reference(systems: Landscaped, order: OrderSnapshot) -> str:
    return systems.erps["erp-north"].orders[order.order_number or ""].reference
