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
from canonical.identity import external_reference
from canonical.order import OrderDocument
from tests.workflows.conftest import MakeHarness
from tests.workflows.fakes import cut_off
from tests.workflows.harness import CHANGED, Harness
from tests.workflows.lookout import TIMEOUT_SECONDS


@pytest.mark.recorded("call_broken_off")
async def test_a_call_that_breaks_off_is_tried_again_as_unsure_and_there_is_one_order(harness: Harness) -> None:
    harness.erp.failures += [TransientError("erp", "503"), cut_off("erp")]
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    assert harness.erp.maybe_written == [False, True, True]
    assert harness.erp.writes == [f"place {harness.document(order).reference}"]


async def test_a_call_that_wrote_before_it_broke_off_finds_its_order_again(harness: Harness) -> None:
    harness.erp.failures_after_writing.append(cut_off("erp"))
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    assert harness.erp.maybe_written == [False, True]
    assert harness.erp.writes == [f"place {harness.document(order).reference}"]
    placed = next(
        audit_event
        for audit_event in await harness.ledger.reads.audit_events([order.id])
        if audit_event.kind == "order.placed"
    )
    assert placed.data["found_existing"] is True


async def test_a_counterpart_that_asks_for_a_pause_is_left_alone_for_so_long(harness: Harness) -> None:
    harness.erp.failures.append(TransientError("erp", "429", retry_after_seconds=1))
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    history = await harness.handle(order.id).fetch_history()
    [failed] = [each for each in history.events if each.HasField("activity_task_failed_event_attributes")]
    again = next(
        each
        for each in history.events
        if each.event_id > failed.event_id and each.HasField("activity_task_scheduled_event_attributes")
    )
    assert again.event_time.ToDatetime() - failed.event_time.ToDatetime() >= timedelta(seconds=1)


async def test_a_document_to_the_supplier_is_sent_once_however_often_the_call_fails(harness: Harness) -> None:
    harness.supplier.failures += [cut_off("edi"), cut_off("edi")]
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    assert len(harness.supplier.sent[order.order_number or ""]) == 1


async def test_an_order_number_that_the_erp_gives_twice_is_an_operators_and_reaches_no_supplier(
    harness: Harness,
) -> None:
    first = await harness.sent(await harness.plan(harness.need(harness.item("CHAIN", "Cyclops"))))
    harness.erp.give_again(str(first.order_number))
    requirement = await harness.plan(harness.need(harness.item("PEDAL", "Litware")))
    second = await harness.ordered(requirement)
    await harness.skip_consolidation(second)
    assert await harness.until(lambda: harness.incident(second.id)) == "erp.place_order"
    reference = external_reference(second.id)
    assert len(harness.supplier.sent) == 1

    harness.erp.numbers[reference] = "4500000777"
    harness.erp.orders["4500000777"] = harness.erp.orders[str(first.order_number)]
    await harness.skip(harness.handle(second.id), timedelta(seconds=31))
    assert (await harness.sent(requirement)).order_number == "4500000777"
    await harness.without_incident(second.id)
    [opened] = [one for one in await harness.ledger.reads.audit_events([second.id]) if one.kind == "incident.opened"]
    assert f"gave order number {first.order_number} twice; {first.id} has it" in str(opened.data["error"])
    assert f"the other document there, of reference {reference}" in str(opened.data["error"])


@pytest.mark.recorded("incident")
async def test_what_only_a_person_can_fix_is_an_incident_and_goes_on_by_itself_when_it_is_fixed(
    harness: Harness,
) -> None:
    # Once in the call that places and sends, then in those that place alone.
    harness.erp.failures += [PermanentError("erp", "user PEGLINE is locked")] * 3
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.ordered(requirement)
    await harness.skip_consolidation(order)
    assert await harness.until(lambda: harness.incident(order.id)) == "erp.place_order"
    assert (await harness.order_of(requirement)).exception_id is None, "no buyer is asked about it"

    await harness.skip(harness.handle(order.id), timedelta(seconds=31))
    await harness.until(lambda: _failed(harness))
    assert await harness.incident(order.id) == "erp.place_order"
    await harness.skip(harness.handle(order.id), timedelta(minutes=3))

    sent = await harness.sent(requirement)
    await harness.without_incident(order.id)
    assert harness.erp.maybe_written == [False, True, True, True], "nobody knows what the failed calls did"
    kinds = await harness.kinds(sent.id)
    assert kinds.count("incident.opened") == 1
    assert kinds.count("incident.closed") == 1


async def test_an_order_whose_call_keeps_failing_continues_as_new_and_makes_that_call_again(restless: Harness) -> None:
    harness = restless
    harness.erp.failures += [PermanentError("erp", "user PEGLINE is locked")] * 4
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.ordered(requirement)
    await harness.skip_consolidation(order)
    assert await harness.until(lambda: harness.incident(order.id)) == "erp.place_order"
    first_run = (await harness.handle(order.id).describe()).run_id
    await harness.skip(harness.handle(order.id), timedelta(seconds=31))

    async def second_run_fails() -> bool:
        return len(harness.erp.maybe_written) == 4

    await harness.until(second_run_fails)
    assert (await harness.handle(order.id).describe()).run_id != first_run
    assert await harness.incident(order.id) == "erp.place_order"
    await harness.skip(harness.handle(order.id), timedelta(seconds=31))

    sent = await harness.sent(requirement)
    await harness.without_incident(order.id)
    assert harness.erp.maybe_written == [False, True, True, True, True], "a new run knows as little what they did"
    assert harness.erp.orders.keys() == {sent.order_number}
    kinds = await harness.kinds(sent.id)
    assert (kinds.count("incident.opened"), kinds.count("incident.closed")) == (1, 1)
    await harness.answer(sent)
    await harness.settled(sent)


@pytest.mark.recorded("incident_of_master_data")
async def test_a_requirement_whose_master_data_can_not_be_read_is_an_incident_and_goes_on_by_itself(
    harness: Harness,
) -> None:
    harness.master_data.failures.append(PermanentError("erp", "user PEGLINE is locked"))
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    assert await harness.until(lambda: harness.incident(requirement)) == "internal.assess"
    await harness.skip(harness.handle(requirement), timedelta(seconds=31))
    await harness.sent(requirement)
    await harness.without_incident(requirement)


@pytest.mark.recorded("incident_of_two_calls")
async def test_an_incident_stays_while_one_of_two_calls_keeps_failing(harness: Harness) -> None:
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    # Once in the call that tells both, once in that to the ERP alone.
    harness.erp.failures += [PermanentError("erp", "user PEGLINE is locked")] * 2
    harness.aps.open_for_calls.clear()
    await harness.answer(order)
    assert await harness.until(lambda: harness.incident(order.id)) == "erp.write_schedule"

    harness.aps.open_for_calls.set()
    await harness.until(lambda: _reported(harness))
    assert await harness.incident(order.id) == "erp.write_schedule"

    await harness.skip(harness.handle(order.id), timedelta(seconds=31))
    await harness.settled(order)
    await harness.without_incident(order.id)


@pytest.mark.recorded("cancelled")
async def test_an_order_that_an_operator_cancels_ends_with_the_call_that_was_under_way(harness: Harness) -> None:
    harness.erp.open_for_calls.clear()
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.ordered(requirement)
    await harness.skip_consolidation(order)
    await harness.until(lambda: _is_calling(harness, order.id))
    await harness.handle(order.id).cancel()
    await _is_cancelled(harness, order.id)
    assert harness.erp.writes == []


@pytest.mark.recorded("cancelled_in_an_incident")
async def test_a_requirement_that_an_operator_cancels_ends_while_it_waits_to_try_again(harness: Harness) -> None:
    harness.master_data.failures.append(PermanentError("erp", "user PEGLINE is locked"))
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    assert await harness.until(lambda: harness.incident(requirement)) == "internal.assess"
    await harness.handle(requirement).cancel()
    await _is_cancelled(harness, requirement)


async def _is_calling(harness: Harness, entity: str) -> bool:
    return bool((await harness.handle(entity).describe()).raw_description.pending_activities)


async def _is_cancelled(harness: Harness, entity: str) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        with pytest.raises(WorkflowFailureError) as ended:
            await harness.handle(entity).result()
    assert isinstance(ended.value.cause, CancelledError)


async def _reported(harness: Harness) -> bool:
    return harness.aps.reports == 1


async def _failed(harness: Harness) -> bool:
    return not harness.erp.failures


async def test_audit_events_are_the_same_when_a_worker_has_to_start_from_the_first_event_again(
    make_harness: MakeHarness,
) -> None:
    harness = await make_harness(cached=0)
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.acknowledged(requirement, harness.line(10, (CHANGED, 100, 70)))
    await harness.decide(await harness.short(requirement), Choice.ACCEPT)
    await harness.requirement_until(requirement, lambda found: found.exception_id is None)
    await harness.receive(order, days=70)

    assert await harness.ended(requirement) == "fulfilled"
    assert "incident.opened" not in await harness.kinds(requirement)


async def test_what_a_killed_worker_held_goes_on_elsewhere_within_seconds(
    make_harness: MakeHarness, tmp_path: Path
) -> None:
    harness = await make_harness(without="erp", consolidation_minutes=0)
    written = tmp_path / "order.json"
    doomed = await asyncio.create_subprocess_exec(
        *(sys.executable, str(Path(__file__).with_name("doomed_worker.py"))),
        *(harness.client.service_client.config.target_host, harness.queue, harness.database_url, str(written)),
    )
    try:
        requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
        await harness.until(lambda: _exists(written))
    finally:
        doomed.kill()
        await doomed.wait()
    document = OrderDocument.model_validate_json(written.read_text())
    harness.erp.orders["4500000000"], harness.erp.numbers[document.reference] = document, "4500000000"

    async with AsyncExitStack() as stack:
        for worker in harness.held_back:
            await stack.enter_async_context(worker)
        order = await harness.order_until(await harness.ordered(requirement), lambda found: found.stage == "sent", 15)

    assert order.order_number == "4500000000"
    assert harness.erp.maybe_written == [True]
    assert harness.erp.writes == []


async def _exists(path: Path) -> bool:
    return path.exists()
