"""SAP's OData V4 dialect keeps the rules of the ports."""

from collections.abc import AsyncIterator

import pytest

from conformance.erp.suite import Case, every_case
from tests.adapters.erp.sap_v4_bench import SapV4Bench


@pytest.fixture
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[SapV4Bench]:
    made = SapV4Bench()  # one a case: to look at its orders takes the longer, the more there are
    await made.load()
    if "all_pages" in request.node.name:
        await made.keep_many_items()
    yield made
    await made.simulator.settled()


@every_case
async def test_conformance(case: Case, bench: SapV4Bench) -> None:
    await case.run(bench)
