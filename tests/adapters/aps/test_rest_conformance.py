"""The planning suite against the planning system of the dialect `rest`."""

from collections.abc import AsyncIterator

import pytest

from conformance.planning.suite import PlanningCase, every_case, run
from tests.adapters.aps.rest_bench import RestPlanningBench


@pytest.fixture
async def bench() -> AsyncIterator[RestPlanningBench]:
    made = RestPlanningBench()
    yield made
    await made.simulator.settled()


@every_case
async def test_conformance(case: PlanningCase, bench: RestPlanningBench) -> None:
    await run(case, bench)
