"""The dev server keeps its runs where it has a file for them, and search attributes are registered."""

from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from runtime.prepare import SearchAttributeConflict, prepare_namespace
from tools.processes import Processes
from tools.temporal_server import join, start

PLANT = SearchAttributeKey.for_keyword("TestPlant")
SHORT = SearchAttributeKey.for_bool("TestShort")
ORDERS = SearchAttributeKey.for_keyword_list("TestOrders")


async def test_a_kept_server_remembers_its_runs_and_learns_new_attributes(tmp_path: Path, temporal_cli: Path) -> None:
    database = tmp_path / "state" / "temporal.db"
    async with Processes(tmp_path, on_signals=False) as processes:
        server = await start(processes, temporal_cli, [PLANT], database=database)
        client = await Client.connect(**server.connection)
        await client.start_workflow(
            "Requirement",
            id="requirement/1000/BK-1",
            task_queue="nobody",
            search_attributes=TypedSearchAttributes([SearchAttributePair(PLANT, "1000")]),
        )
    async with Processes(tmp_path, on_signals=False) as processes:
        server = await start(processes, temporal_cli, [PLANT, SHORT, ORDERS], database=database)
        client = await Client.connect(**server.connection)
        described = await client.get_workflow_handle("requirement/1000/BK-1").describe()
        assert described.typed_search_attributes[PLANT] == "1000"
        assert (await client.count_workflows("TestPlant = '1000' AND TestShort IS NULL")).count == 1


async def test_attributes_are_registered_with_a_server_that_runs_already(tmp_path: Path, temporal_cli: Path) -> None:
    async with Processes(tmp_path, on_signals=False) as processes:
        ours = await start(processes, temporal_cli, [])
        joined = await join(ours.connection, [PLANT, SHORT])
        again = await join(ours.connection, [PLANT, SHORT])
        assert joined.address == again.address == ours.environment["TEMPORAL_ADDRESS"]
        with pytest.raises(
            SearchAttributeConflict, match="TestPlant of namespace default is INDEXED_VALUE_TYPE_KEYWORD"
        ):
            await join(ours.connection, [SearchAttributeKey.for_int("TestPlant")])


async def test_an_installation_gets_its_namespace_once(tmp_path: Path, temporal_cli: Path) -> None:
    async with Processes(tmp_path, on_signals=False) as processes:
        server = await start(processes, temporal_cli, [])
        connection = {**server.connection, "namespace": "factory"}
        for _ in range(2):
            await prepare_namespace(connection, [PLANT])  # type: ignore[arg-type]
        client = await Client.connect(**connection)  # type: ignore[arg-type]
        assert (await client.count_workflows("TestPlant = '1000'")).count == 0
