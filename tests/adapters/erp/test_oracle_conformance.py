"""Oracle's dialect keeps the rules of the ports."""

from collections.abc import AsyncIterator

import pytest

from conformance.erp.suite import Case, every_case
from tests.adapters.erp.oracle_bench import OracleBench


@pytest.fixture(scope="module")
async def bench() -> AsyncIterator[OracleBench]:
    made = OracleBench()
    await made.load()
    yield made
    await made.simulator.settled()


@every_case
async def test_conformance(case: Case, bench: OracleBench) -> None:
    await case.run(bench)
