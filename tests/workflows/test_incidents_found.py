"""Operators find workflows that can't go on, by what the server itself keeps."""

import asyncio
from uuid import uuid4

from temporalio.testing import WorkflowEnvironment

from canonical.records import Incident
from runtime.directory import EntityDirectory
from workflows import search_attributes as sa


async def test_a_workflow_that_shows_an_incident_is_found_with_the_call_that_fails(
    temporal_env: WorkflowEnvironment,
) -> None:
    name, queue = f"order/P1/1580/{uuid4().hex}", f"nobody-{uuid4().hex}"
    with temporal_env.with_time_skipping_disabled():
        handle = await temporal_env.client.start_workflow(
            "PurchaseOrder",
            id=name,
            task_queue=queue,
            search_attributes=sa.attributes({sa.PLANT: "P1", sa.INCIDENT: "erp.place_order"}),
        )
        try:
            directory = EntityDirectory(temporal_env.client, queue)
            found: Incident | None = None
            async with asyncio.timeout(20):
                while found is None:
                    found = next((each for each in await directory.incidents(500) if each.id == name), None)
            assert (found.type, found.plant, found.call) == ("PurchaseOrder", "P1", "erp.place_order")
        finally:
            await handle.terminate()
