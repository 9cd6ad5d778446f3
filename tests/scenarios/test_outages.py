"""What was accepted is not lost, whichever of our own parts is away meanwhile, and has its effect once."""

import asyncio
from typing import Any

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from tests.scenarios.books import confirmed, entered_once, orders, requisitions
from tests.scenarios.loop import Loop
from tests.scenarios.outages import Line, no_database


async def test_what_was_stored_before_the_gateway_went_down_is_delivered_once(still_loop: Loop) -> None:
    loop = still_loop
    async with loop.workers():
        async with loop.gateway(relay=False):
            [requirement] = await loop.plan(FRAME=40)
            assert (await loop.ledger.reads.waiting_summary()).undelivered == 1
            assert await loop.requirement(requirement) is None
        assert await loop.all_writes() == {"erp": 0, "edi": 0, "aps": 0, "wms": 0}
        async with loop.gateway():
            await loop.order(requirement, "acknowledged")
            await once(loop, requirement)


async def test_counterparts_reach_a_gateway_that_was_down_when_they_first_called(still_loop: Loop) -> None:
    loop = still_loop
    async with loop.workers():
        [requirement] = await loop.plan(FRAME=40, wait=False)
        await loop.until(lambda: called_in_vain(loop, "aps"), "the plan found no gateway")
        async with loop.gateway():
            order = await loop.order(requirement, "acknowledged")
            lines = await loop.despatch(order["order_number"])
        receiving = asyncio.create_task(loop.receive(lines))
        await loop.until(lambda: called_in_vain(loop, "wms"), "the receipt found no gateway")
        async with loop.gateway():
            await receiving
            await loop.staged(requirement, "fulfilled")
            await once(loop, requirement)


async def test_a_hook_is_accepted_while_temporal_is_away_and_delivered_when_it_is_back(
    still_loop: Loop, temporal_env: WorkflowEnvironment
) -> None:
    loop = still_loop
    line = Line(temporal_env.client.service_client.config.target_host)
    await line.connect()
    client = await Client.connect(line.address, data_converter=temporal_env.client.data_converter)
    async with loop.workers(), loop.gateway(client=client):
        await line.cut()
        [requirement] = await loop.plan(FRAME=40)
        assert [each["status"] for each in (await loop.books("aps"))["deliveries"]] == [202]
        await asyncio.sleep(0.5)
        assert (await loop.ledger.reads.waiting_summary()).undelivered == 1
        assert (await loop.people.get("/readyz")).status_code == 200, "it still takes in what comes"
        await line.connect()
        await loop.order(requirement, "acknowledged")
        await once(loop, requirement)
    await line.cut()


async def test_a_requirement_goes_on_after_the_ledger_was_away(loop: Loop) -> None:
    await loop.fault("erp", "slow", "A_PurchaseOrder$", seconds=0.6)
    [requirement] = await loop.plan(FRAME=40)
    await loop.until(lambda: requisition_held(loop), "the requisition is in the ERP")
    async with no_database(loop.database_url):
        assert (await loop.people.get("/readyz")).status_code == 503
        refused = await loop.post(loop.event())
        assert (refused.status_code, refused.json()["code"]) == (503, "ledger_unavailable")
        assert refused.headers["retry-after"]
        # A supplier answers and a plan is published meanwhile: both are sent again until they are taken in.
        [other] = await loop.plan(CHAIN=200, wait=False)
        await asyncio.sleep(1.5)
    for each in (requirement, other):
        await loop.order(each, "acknowledged")
    assert len(orders(await confirmed(loop))) == 2
    for each in (requirement, other):
        assert (await loop.trace(each))["chain_intact"]


async def called_in_vain(loop: Loop, counterpart: str) -> bool:
    """Whether an event of the counterpart has been tried and waits to be sent again."""
    deliveries = (await loop.books(counterpart))["deliveries"]
    return any(one["state"] == "waiting" and one["attempts"] for one in deliveries)


async def requisition_held(loop: Loop) -> Any:
    return requisitions(await loop.books("erp"))


async def once(loop: Loop, requirement: str) -> None:
    """The need has had its effect once in every book, and its event was delivered once."""
    await loop.delivered()
    assert list((await loop.books("edi"))["orders"]) == [await entered_once(loop)]
    trace = await loop.trace(requirement)
    assert [each["status"] for each in trace["messages"] if each["entity"] == requirement] == ["delivered"]
    assert [audit_event["kind"] for audit_event in trace["audit_events"]].count("requirement.opened") == 1
