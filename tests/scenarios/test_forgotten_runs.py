"""Temporal forgets a closed run after its retention time; the ledger knows for good who it was and what it has."""

import asyncio
import json
from decimal import Decimal
from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.service import RPCError, RPCStatusCode

from canonical.identity import requirement_id
from tests.scenarios.books import orders
from tests.scenarios.loop import Loop
from tests.scenarios.master_data import PLANT, in_days


async def test_a_forgotten_requirement_is_neither_done_again_nor_lost(loop: Loop) -> None:
    requirement = requirement_id(PLANT, "FRAME", loop.source, "BY-HAND")
    stated = loop.event(plan_version=2) | {"id": "BY-HAND@2"}
    assert (await loop.post(stated)).status_code == 202
    order = await loop.order(requirement, "acknowledged")
    await loop.receive(await loop.despatch(order["order_number"]))
    await loop.staged(requirement, "fulfilled")
    await loop.order(requirement, "closed")
    await loop.at_rest(0.3)
    before = await loop.all_writes()
    await forget(loop, requirement, order["id"])

    # What is repeated, in its old envelope or in a new one, and what is older: nothing.
    assert (await loop.post(stated)).status_code == 202
    assert (await loop.post(loop.event(plan_version=2) | {"id": "again", "time": stated["time"]})).status_code == 202
    assert (await loop.post(loop.event(plan_version=1, quantity="90") | {"id": "late"})).status_code == 202
    # A whole plan that has it no more, and one that has it as it was: nothing either.
    assert await publish(loop, 3, other()) == {"new": 1}
    assert await publish(loop, 4, other(), line("BY-HAND", "40")) == {"unchanged": 2}
    await loop.order(requirement_id(PLANT, "CHAIN", loop.source, "OTHER"), "acknowledged")
    await loop.at_rest(0.3)
    assert await loop.requirement(requirement) == {**await loop.staged(requirement, "fulfilled"), "closed": True}
    [ours] = [one for one in orders(await loop.books("erp")) if one["items"][0]["Material"] == "FRAME"]
    assert ours["PurchaseOrder"] == order["order_number"]
    assert (await loop.all_writes())["wms"] == before["wms"]
    events = [each for each in (await loop.trace(requirement))["messages"] if each["entity"] == requirement]
    assert [each["status"] == "delivered" for each in events] == [True, False, False]

    # A newer plan that wants more: what it has received counts, and only the rest is ordered.
    assert await publish(loop, 5, other(), line("BY-HAND", "100")) == {"unchanged": 1, "changed": 1}

    async def reordered() -> Any:
        held = [one for one in orders(await loop.books("erp")) if one["items"][0]["Material"] == "FRAME"]
        return held if len(held) == 2 else None

    held = await loop.until(reordered, "the rest is ordered")
    assert [Decimal(one["items"][0]["OrderQuantity"]) for one in held] == [40, 60]
    trace = await loop.trace(requirement)
    assert trace["chain_intact"]
    assert [audit_event["kind"] for audit_event in trace["audit_events"]].count("requirement.opened") == 2


async def forget(loop: Loop, *workflow_ids: str) -> None:
    """As Temporal does when the retention time of a closed run is over."""
    service = loop.client.workflow_service
    for workflow_id in workflow_ids:
        await loop.client.get_workflow_handle(workflow_id).result()
        execution = WorkflowExecution(workflow_id=workflow_id)
        request = DeleteWorkflowExecutionRequest(namespace=loop.client.namespace, workflow_execution=execution)
        await service.delete_workflow_execution(request)
        async with asyncio.timeout(90):
            while await known(loop, workflow_id):  # noqa: ASYNC110 - nobody tells of it; it has to be asked for
                await asyncio.sleep(0.05)


async def known(loop: Loop, workflow_id: str) -> bool:
    """Whether Temporal has the run still."""
    try:
        await loop.client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


def line(reference: str, quantity: str, item: str = "FRAME") -> dict[str, str]:
    due = in_days(60).isoformat()
    return {"item": item, "quantity": quantity, "unit": "EA", "required_date": due, "demand_reference": reference}


def other() -> dict[str, str]:
    return line("OTHER", "20", "CHAIN")


async def publish(loop: Loop, version: int, *lines: dict[str, str]) -> dict[str, int]:
    """A whole plan, once it is delivered; what its lines came to."""
    answer = await loop.people.post(
        "/v1/plan-runs",
        params={"source": loop.source, "plant": PLANT, "version": str(version)},
        content="".join(f"{json.dumps(each)}\n" for each in lines),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert answer.status_code == 202, answer.text

    async def done() -> Any:
        run = await loop.read(answer.headers["location"].removeprefix("/v1/"))
        return run if run["stage"] == "done" else None

    outcomes: dict[str, int] = (await loop.until(done, f"version {version} is delivered"))["outcomes"]
    return outcomes
