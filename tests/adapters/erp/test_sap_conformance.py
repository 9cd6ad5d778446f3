"""SAP's OData V2 dialect keeps the rules of the ports."""

from collections.abc import AsyncIterator

import pytest

from conformance.erp.suite import Case, every_case
from tests.adapters.erp.sap_bench import SapBench


@pytest.fixture
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[SapBench]:
    made = SapBench()  # one a case: to look at its orders takes the longer, the more there are
    await made.load()
    if "all_pages" in request.node.name:
        await made.keep_many_items()
    yield made
    await made.simulator.settled()


@every_case
async def test_conformance(case: Case, bench: SapBench) -> None:
    await case.run(bench)
