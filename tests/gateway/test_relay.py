"""What a plan states reaches its requirement: once, again where a delivery fails, and of many states the newest."""

import asyncio
import datetime as dt
import json
import time
from decimal import Decimal
from functools import partial

import httpx
import pytest

from canonical.identity import RequirementId
from canonical.messages import RequirementOpened, RequirementWithdrawn
from canonical.records import OrderLineSnapshot, RequirementStage
from canonical.supply import ScheduleLine, ScheduleLineState
from gateway.app import create_app
from gateway.delivery.relay import Relay, RelayPace
from tests.gateway.conftest import Gateway, tried, until
from tests.gateway.fakes import (
    DOWN,
    ITEM,
    POLICIES,
    TODAY,
    FakeEntities,
    answered,
    planned,
    requirement_id,
    withdrawn,
)


async def reached(entities: FakeEntities, reported: int) -> bool:
    return len(entities.messages) >= reported


async def test_a_planned_requirement_starts_with_what_the_plan_states(gateway: Gateway) -> None:
    peg = {"demand": "BUILD-1", "quantity": "500", "date": "2026-06-15", "criticality": "A"}
    await gateway.send(planned(pegging=[peg], source_revision=3, planner="pam", sourcing_rule="first"))
    await gateway.relay.drain()
    [opened] = gateway.entities.messages_to(requirement_id())
    assert isinstance(opened, RequirementOpened)
    need = opened.need
    assert (need.quantity, need.unit, need.required_date) == (Decimal(500), "EA", dt.date(2026, 6, 15))
    assert (need.revision.plan_version, need.revision.source_revision, need.revision.event_id) == (1, 3, "e-1")
    assert need.revision.effective_at == dt.datetime.fromisoformat("2026-06-01T08:00:00+02:00")
    assert (need.pegs[0].criticality, need.planner, need.sourcing_rule) == ("A", "pam", "first")
    [message] = await gateway.inbox_of(requirement_id())
    assert (message.status, message.correlation_id) == ("delivered", opened.correlation_id)


async def test_a_second_pass_delivers_nothing_again(gateway: Gateway) -> None:
    await gateway.send(planned())
    await gateway.relay.drain()
    await gateway.send(planned())
    await gateway.relay.drain()
    assert len(gateway.entities.messages) == 1


async def test_a_plan_that_repeats_the_same_need_never_touches_the_entity(gateway: Gateway) -> None:
    await gateway.send(planned())
    await gateway.relay.drain()
    await gateway.send(planned("e-2", version=2))
    await gateway.relay.drain()
    assert len(gateway.entities.messages) == 1
    assert await gateway.statuses(requirement_id()) == ["delivered", "unchanged"]


async def test_new_needs_start_a_workflow_and_changed_needs_signal_it(gateway: Gateway) -> None:
    await gateway.send(planned())
    await gateway.relay.drain()
    assert gateway.entities.changed == []
    await gateway.send(planned("e-2", version=2, quantity="700"))
    await gateway.relay.drain()
    assert gateway.entities.changed == [requirement_id()]
    assert len(gateway.entities.messages) == 2


async def test_an_old_plan_that_comes_late_is_stale_by_its_version_not_its_arrival(gateway: Gateway) -> None:
    """R10: plan v12 arrives 09:20, v11 at 09:25: v11 is ignored."""
    await gateway.send(planned("v12", version=12, quantity="600"))
    await gateway.relay.drain()
    await gateway.send(planned("v11", version=11, quantity="400", attributes={"time": "2026-06-02T09:00:00Z"}))
    await gateway.relay.drain()
    assert len(gateway.entities.messages) == 1
    assert await gateway.statuses(requirement_id()) == ["delivered", "stale"]


async def test_an_unchanged_plan_still_moves_the_fence_for_late_ones(gateway: Gateway) -> None:
    for id, version, quantity in (("v1", 1, "500"), ("v3", 3, "500"), ("v2", 2, "700")):
        await gateway.send(planned(id, version=version, quantity=quantity))
        await gateway.relay.drain()
    assert await gateway.statuses(requirement_id()) == ["delivered", "unchanged", "stale"]


async def test_of_several_revisions_that_wait_together_the_newest_is_delivered(gateway: Gateway) -> None:
    await gateway.send_batch(
        planned("v2", version=2, quantity="600"),
        planned("v3", version=3, quantity="700"),
        planned("v1", version=1, quantity="500"),
    )
    await gateway.relay.drain()
    [opened] = gateway.entities.messages_to(requirement_id())
    assert isinstance(opened, RequirementOpened)
    assert opened.need.quantity == Decimal(700)
    assert await gateway.statuses(requirement_id()) == ["superseded", "delivered", "superseded"]


async def test_two_sources_may_use_one_event_id(gateway: Gateway) -> None:
    await gateway.send_batch(planned(), planned(attributes={"source": "aps-2"}))
    await gateway.relay.drain()
    assert len(gateway.entities.messages) == 2


async def test_a_withdrawal_reaches_its_requirement_and_one_of_nothing_is_kept(gateway: Gateway) -> None:
    await gateway.send(planned())
    await gateway.relay.drain()
    await gateway.send_batch(withdrawn("w-1"), withdrawn("w-2", "PLO-2", version=5))
    await gateway.relay.drain()
    assert [type(each) for each in gateway.entities.messages_to(requirement_id())] == [
        RequirementOpened,
        RequirementWithdrawn,
    ]
    assert await gateway.statuses(requirement_id("PLO-2")) == ["unknown_withdrawal"]
    await gateway.send(planned("late", "PLO-2", version=4))
    await gateway.relay.drain()
    assert await gateway.statuses(requirement_id("PLO-2")) == ["unknown_withdrawal", "stale"]


async def test_a_requirement_that_has_ended_opens_again_with_what_it_kept(gateway: Gateway) -> None:
    await gateway.send(planned())
    await gateway.relay.drain()
    [first] = gateway.entities.messages_to(requirement_id())
    assert isinstance(first, RequirementOpened)
    part = ScheduleLine(quantity=Decimal(500), date=dt.date(2026, 6, 10), state=ScheduleLineState.RECEIVED)
    line = OrderLineSnapshot(
        line=10,
        item="FR-R92B-58",
        requirement_id=RequirementId(requirement_id()),
        quantity=Decimal(500),
        unit="EA",
        delivery_date=dt.date(2026, 6, 10),
        price="1",
        schedule_lines=(part,),
        shipped=Decimal(500),
        received=Decimal(500),
        allocated=Decimal(500),
    )
    order = await gateway.order(closed=True, lines=(line,))
    await gateway.requirement(
        first.need, RequirementStage.FULFILLED, closed=True, order_ids=(order.id,), coverage=(part,)
    )
    await gateway.send(planned("e-2", version=2, quantity="600"))
    await gateway.relay.drain()
    opened = gateway.entities.messages_to(requirement_id())[-1]
    assert isinstance(opened, RequirementOpened)
    assert gateway.entities.reopened == [requirement_id()]
    assert sum(each.quantity for coverage in opened.kept for each in coverage.schedule_lines) == Decimal(500)
    assert opened.first_sequence == 2


async def test_a_requirement_that_ends_in_the_very_moment_is_judged_again(gateway: Gateway) -> None:
    gateway.entities.ended.add(requirement_id())
    await gateway.send(planned())
    done = asyncio.create_task(gateway.relay.drain())
    await until(lambda: tried(gateway, requirement_id()))
    gateway.entities.ended.clear()
    await done
    assert await gateway.statuses(requirement_id()) == ["delivered"]


async def test_nothing_is_lost_while_temporal_is_down(gateway: Gateway) -> None:
    await gateway.send_batch(*(planned(f"e-{n}", f"PLO-{n}") for n in range(30)))
    gateway.entities.failures = [DOWN] * 5
    assert await gateway.relay.drain() is True
    assert (await gateway.ledger.reads.waiting_summary()).undelivered > 0
    gateway.entities.failures = []
    assert await gateway.relay.drain() is False
    assert len({entity for entity, _ in gateway.entities.messages}) == 30
    assert (await gateway.ledger.reads.waiting_summary()).undelivered == 0


async def test_an_outage_is_not_met_by_every_message_that_waits(gateway: Gateway) -> None:
    await gateway.send_batch(*(planned(f"e-{n}", f"PLO-{n}") for n in range(60)))
    gateway.entities.failures = [DOWN] * 1000
    await gateway.relay.drain()
    assert 1000 - len(gateway.entities.failures) <= RelayPace().concurrency


async def test_one_entity_that_fails_holds_up_no_other_and_is_counted(gateway: Gateway) -> None:
    await gateway.send_batch(planned(), planned("e-2", "PLO-2"))
    gateway.entities.failing.add(requirement_id())
    pace = RelayPace(retry_seconds=60)
    app = create_app(gateway.ledger, gateway.entities, {}, POLICIES, lambda _: TODAY, relay=False, relay_pace=pace)
    await app.state.relay.drain()
    [waiting] = await gateway.inbox_of(requirement_id())
    assert (waiting.status, waiting.attempts) == ("stored", 1)
    assert "no such namespace" in (waiting.error or "")
    assert waiting.not_before > dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    assert await gateway.statuses(requirement_id("PLO-2")) == ["delivered"]


async def test_never_more_at_once_than_the_pace_allows(gateway: Gateway) -> None:
    await gateway.send_batch(*(planned(f"e-{n}", f"PLO-{n}") for n in range(60)))
    await gateway.relay.drain()
    assert 2 < gateway.entities.most_at_once <= RelayPace().concurrency


async def test_a_small_plants_plan_and_an_answer_do_not_wait_behind_a_big_plants_plan(gateway: Gateway) -> None:
    await gateway.order()
    big = [planned(f"big-{n}", f"BIG-{n}") for n in range(700)]
    for start in range(0, len(big), 50):
        assert (await gateway.send_batch(*big[start : start + 50])).status_code == 202
    small = [planned(f"small-{n}", f"SMALL-{n}", plant="P2") for n in range(5)]
    await gateway.send_batch(*small, answered("answer"))
    await gateway.relay.drain()
    reported = [entity for entity, _ in gateway.entities.messages]
    assert len(reported) == 706
    places = [place for place, entity in enumerate(reported) if "/P2/" in entity or entity.startswith("order/")]
    assert len(places) == 6
    before = [entity for entity in reported[: max(places)] if "BIG-" in entity]
    assert len(before) <= 2 * RelayPace().batch, "two batches of the big plant at most"


async def test_an_outage_ends_all_partitions_and_loses_nothing(gateway: Gateway) -> None:
    for plant in ("P1", "P2"):
        await gateway.send_batch(*(planned(f"{plant}-{n}", f"{plant}-{n}", plant=plant) for n in range(30)))
    gateway.entities.failures = [DOWN] * 5
    assert await gateway.relay.drain() is True
    reported = len(gateway.entities.messages)
    assert (await gateway.ledger.reads.waiting_summary()).undelivered == 60 - reported, "what was told is written down"
    gateway.entities.failures = []
    assert await gateway.relay.drain() is False
    assert len({entity for entity, _ in gateway.entities.messages}) == 60


async def test_messages_of_another_partition_are_delivered_before_the_big_plan_is_done(gateway: Gateway) -> None:
    big, released = [planned(f"big-{n}", f"BIG-{n}") for n in range(600)], asyncio.Event()
    gateway.entities.held = {requirement_id(f"BIG-{n}"): released for n in range(500, 600)}
    for start in range(0, len(big), 50):
        await gateway.send_batch(*big[start : start + 50])
    await gateway.send(planned("early", "EARLY", plant="P2"))
    done = asyncio.create_task(gateway.relay.drain())
    await until(partial(reached, gateway.entities, 2))
    await until(partial(delivered, gateway.entities, "EARLY"))
    await gateway.send(planned("late", "LATE", plant="P2"))
    await until(partial(delivered, gateway.entities, "LATE"))
    assert len(gateway.entities.messages) <= 502
    released.set()
    await done
    reported = [entity for entity, _ in gateway.entities.messages]
    assert len(reported) == 602
    assert reported.index(f"requirement/P2/{ITEM}/aps~LATE") < 601


async def test_one_slow_call_keeps_nobody_waiting_but_its_own_entity(gateway: Gateway) -> None:
    slow, released = requirement_id("SLOW"), asyncio.Event()
    gateway.entities.held[slow] = released
    await gateway.send(planned("slow-1", "SLOW"))
    done = asyncio.create_task(gateway.relay.drain())
    await until(partial(busy, gateway.entities))
    await gateway.send_batch(planned("slow-2", "SLOW", version=2, quantity="600"), planned("other", "OTHER"))
    await until(partial(delivered, gateway.entities, "OTHER"))
    assert gateway.entities.messages_to(slow) == []
    released.set()
    await done
    statement = [
        each.need.quantity for each in gateway.entities.messages_to(slow) if isinstance(each, RequirementOpened)
    ]
    assert statement == [500, 600]
    assert await gateway.statuses(slow) == ["delivered", "delivered"]
    assert gateway.entities.changed == [slow], "the second is told by what was noted of the first"


async def test_a_relay_that_is_stopped_in_mid_batch_leaves_what_was_not_delivered(gateway: Gateway) -> None:
    slow = requirement_id("SLOW")
    gateway.entities.held[slow] = asyncio.Event()
    await gateway.send(planned("slow", "SLOW"))
    done = asyncio.create_task(gateway.relay.drain())
    await until(partial(busy, gateway.entities))
    done.cancel()
    with pytest.raises(asyncio.CancelledError):
        await done
    assert await gateway.statuses(slow) == ["stored"]
    gateway.entities.held.clear()
    await gateway.relay.drain()
    assert await gateway.statuses(slow) == ["delivered"]


async def busy(entities: FakeEntities) -> bool:
    return entities.at_once > 0


async def delivered(entities: FakeEntities, reference: str) -> bool:
    return any(entity.endswith(f"~{reference}") for entity, _ in entities.messages)


async def test_the_running_relay_delivers_at_once_and_survives_an_outage(gateway: Gateway) -> None:
    entities = FakeEntities()
    entities.failures = [DOWN, DOWN]
    pace = RelayPace(poll_seconds=30, retry_seconds=0.01)
    app = create_app(gateway.ledger, entities, {}, POLICIES, lambda _: TODAY, relay_pace=pace)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://g") as client:
        for number in range(3):
            headers = {"content-type": "application/cloudevents+json"}
            body = json.dumps(planned(f"e-{number}", f"PLO-{number}"))
            assert (await client.post("/v1/events", content=body, headers=headers)).status_code == 202
            await until(partial(reached, entities, number + 1))
        assert (await client.get("/readyz")).json()["relay"] == "running"
    assert app.state.relay.running is False


@pytest.mark.parametrize("turns", range(4))
async def test_the_relay_stops_when_asked_even_as_something_arrives(gateway: Gateway, turns: int) -> None:
    app = create_app(
        gateway.ledger, FakeEntities(), {}, POLICIES, lambda _: TODAY, relay_pace=RelayPace(poll_seconds=60)
    )
    async with asyncio.timeout(30), app.router.lifespan_context(app):
        await until(partial(is_idle, app.state.relay))
        app.state.relay.wake()
        for _ in range(turns):
            await asyncio.sleep(0)
        reported = time.monotonic()
    assert time.monotonic() - reported < 20, "it does not wait for its next look"
    assert app.state.relay.running is False


async def is_idle(relay: Relay) -> bool:
    await asyncio.sleep(0.1)
    return relay.running


async def test_two_relays_on_one_ledger_do_not_work_at_once(gateway: Gateway) -> None:
    await gateway.send(planned())
    async with gateway.ledger.leases.held("relay", 10) as ours:
        assert ours
        await gateway.relay.drain()
        assert gateway.entities.messages == []
    await gateway.relay.drain()
    assert len(gateway.entities.messages) == 1


@pytest.mark.parametrize("seed", range(3))
async def test_any_order_of_arrival_ends_in_the_newest_state(gateway: Gateway, seed: int) -> None:
    import random

    events = [planned(f"v{version}", version=version, quantity=str(version * 100)) for version in range(1, 6)]
    shuffled = random.Random(seed).sample(events * 2, len(events) * 2)
    for each in shuffled:
        await gateway.send(each)
        if each["id"] in ("v2", "v4"):
            await gateway.relay.drain()
    await gateway.relay.drain()
    last = gateway.entities.messages_to(requirement_id())[-1]
    assert isinstance(last, RequirementOpened)
    assert last.need.quantity == Decimal(500)
    versions = [
        each.need.revision.plan_version
        for each in gateway.entities.messages_to(requirement_id())
        if isinstance(each, RequirementOpened)
    ]
    assert versions == sorted(set(versions))
