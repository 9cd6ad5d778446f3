"""SAP's OData V2 dialect keeps the rules of the ports."""

from collections.abc import AsyncIterator

import pytest

from conformance.erp.suite import Case, every_case
from tests.adapters.erp.sap_bench import SapBench


@pytest.fixture(scope="module")
async def bench() -> AsyncIterator[SapBench]:
    made = SapBench()
    await made.load()
    await made.keep_many_items()
    yield made
    await made.simulator.settled()


@every_case
async def test_conformance(case: Case, bench: SapBench) -> None:
    await case.run(bench)
