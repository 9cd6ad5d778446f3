"""Calls that fail are tried until they succeed, there is still one order, and operators see what keeps failing."""

import asyncio
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError

from adapters.errors import PermanentError, TransientError
from canonical.exception import Choice
from canonical.order import OrderDocument
from tests.workflows.conftest import MakeWorld
from tests.workflows.fakes import cut_off
from tests.workflows.lookout import PATIENCE_SECONDS
from tests.workflows.world import CHANGED, World
from workflows.search_attributes import INCIDENT


@pytest.mark.recorded("call_broken_off")
async def test_a_call_that_breaks_off_is_tried_again_as_unsure_and_there_is_one_order(world: World) -> None:
    world.erp.failures += [TransientError("erp", "503"), cut_off("erp")]
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.sent(requirement)
    assert world.erp.unsure == [False, True, True]
    assert world.erp.writes == [f"place {world.document(order).reference}"]


async def test_a_call_that_wrote_before_it_broke_off_finds_its_order_again(world: World) -> None:
    world.erp.failures_after_writing.append(cut_off("erp"))
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.sent(requirement)
    assert world.erp.unsure == [False, True]
    assert world.erp.writes == [f"place {world.document(order).reference}"]
    placed = next(fact for fact in await world.ledger.reads.facts([order.id]) if fact.kind == "order.placed")
    assert placed.data["found_existing"] is True


async def test_a_counterpart_that_asks_for_a_pause_is_left_alone_for_so_long(world: World) -> None:
    world.erp.failures.append(TransientError("erp", "429", retry_after_seconds=1))
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.sent(requirement)
    history = await world.handle(order.id).fetch_history()
    [failed] = [each for each in history.events if each.HasField("activity_task_failed_event_attributes")]
    again = next(
        each
        for each in history.events
        if each.event_id > failed.event_id and each.HasField("activity_task_scheduled_event_attributes")
    )
    assert again.event_time.ToDatetime() - failed.event_time.ToDatetime() >= timedelta(seconds=1)


async def test_a_document_to_the_supplier_is_sent_once_however_often_the_call_fails(world: World) -> None:
    world.supplier.failures += [cut_off("edi"), cut_off("edi")]
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.sent(requirement)
    assert len(world.supplier.sent[order.order_number or ""]) == 1


@pytest.mark.recorded("incident")
async def test_what_only_a_person_can_mend_is_an_incident_and_goes_on_by_itself_when_it_is_mended(
    world: World,
) -> None:
    # Once in the call that places and sends, then in those that place alone.
    world.erp.failures += [PermanentError("erp", "user PEGLINE is locked")] * 3
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.ordered(requirement)
    await world.skip_collecting(order)
    assert await world.until(lambda: _incident(world, order.id)) == "erp.place_order"
    assert (await world.order_of(requirement)).exception_id is None, "no buyer is asked about it"

    await world.skip(world.handle(order.id), timedelta(seconds=31))
    await world.until(lambda: _failed(world))
    assert await _incident(world, order.id) == "erp.place_order"
    await world.skip(world.handle(order.id), timedelta(minutes=3))

    sent = await world.sent(requirement)
    assert await _incident(world, order.id) is None
    assert world.erp.unsure == [False, True, True, True], "nobody knows what the failed calls did"
    kinds = await world.kinds(sent.id)
    assert (kinds.count("incident.opened"), kinds.count("incident.closed")) == (1, 1)


@pytest.mark.recorded("incident_of_master_data")
async def test_a_requirement_whose_master_data_can_not_be_read_is_an_incident_and_goes_on_by_itself(
    world: World,
) -> None:
    world.master_data.failures.append(PermanentError("erp", "user PEGLINE is locked"))
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    assert await world.until(lambda: _incident(world, requirement)) == "desk.assess"
    await world.skip(world.handle(requirement), timedelta(seconds=31))
    await world.sent(requirement)
    assert await _incident(world, requirement) is None


@pytest.mark.recorded("incident_of_two_calls")
async def test_an_incident_stays_while_one_of_two_calls_keeps_failing(world: World) -> None:
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.sent(requirement)
    # Once in the call that tells both, once in that to the ERP alone.
    world.erp.failures += [PermanentError("erp", "user PEGLINE is locked")] * 2
    world.aps.open_for_calls.clear()
    await world.answer(order)
    assert await world.until(lambda: _incident(world, order.id)) == "erp.write_schedule"

    world.aps.open_for_calls.set()
    await world.until(lambda: _reported(world))
    assert await _incident(world, order.id) == "erp.write_schedule"

    await world.skip(world.handle(order.id), timedelta(seconds=31))
    await world.settled(order)
    assert await _incident(world, order.id) is None


@pytest.mark.recorded("cancelled")
async def test_an_order_that_an_operator_cancels_ends_with_the_call_that_was_under_way(world: World) -> None:
    world.erp.open_for_calls.clear()
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.ordered(requirement)
    await world.skip_collecting(order)
    await world.until(lambda: _is_calling(world, order.id))
    await world.handle(order.id).cancel()
    await _is_cancelled(world, order.id)
    assert world.erp.writes == []


@pytest.mark.recorded("cancelled_in_an_incident")
async def test_a_requirement_that_an_operator_cancels_ends_while_it_waits_to_try_again(world: World) -> None:
    world.master_data.failures.append(PermanentError("erp", "user PEGLINE is locked"))
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    assert await world.until(lambda: _incident(world, requirement)) == "desk.assess"
    await world.handle(requirement).cancel()
    await _is_cancelled(world, requirement)


async def _is_calling(world: World, entity: str) -> bool:
    return bool((await world.handle(entity).describe()).raw_description.pending_activities)


async def _is_cancelled(world: World, entity: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(WorkflowFailureError) as ended:
            await world.handle(entity).result()
    assert isinstance(ended.value.cause, CancelledError)


async def _reported(world: World) -> bool:
    return world.aps.reports == 1


async def _incident(world: World, entity: str) -> str | None:
    description = await world.handle(entity).describe()
    return description.typed_search_attributes.get(INCIDENT)


async def _failed(world: World) -> bool:
    return not world.erp.failures


async def test_facts_are_the_same_when_a_worker_has_to_start_from_the_first_event_again(
    make_world: MakeWorld,
) -> None:
    world = await make_world(cached=0)
    requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
    order = await world.acknowledged(requirement, world.line(10, (CHANGED, 100, 70)))
    await world.decide(await world.short(requirement), Choice.ACCEPT)
    await world.requirement_until(requirement, lambda found: found.exception_id is None)
    await world.receive(order, days=70)

    assert await world.ended(requirement) == "fulfilled"
    assert "incident.opened" not in await world.kinds(requirement)


async def test_what_a_killed_worker_held_goes_on_elsewhere_within_seconds(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    world = await make_world(without="erp", consolidation_minutes=0)
    written = tmp_path / "order.json"
    doomed = await asyncio.create_subprocess_exec(
        *(sys.executable, str(Path(__file__).with_name("doomed_worker.py"))),
        *(world.client.service_client.config.target_host, world.queue, world.database_url, str(written)),
    )
    try:
        requirement = await world.plan(world.need(world.item("CHAIN", "Cyclops")))
        await world.until(lambda: _exists(written))
    finally:
        doomed.kill()
        await doomed.wait()
    document = OrderDocument.model_validate_json(written.read_text())
    world.erp.orders["4500000000"], world.erp.numbers[document.reference] = document, "4500000000"

    async with AsyncExitStack() as stack:
        for worker in world.held_back:
            await stack.enter_async_context(worker)
        order = await world.order_until(await world.ordered(requirement), lambda found: found.stage == "sent", 15)

    assert order.order_number == "4500000000"
    assert (world.erp.unsure, world.erp.writes) == ([True], [])


async def _exists(path: Path) -> bool:
    return path.exists()
