"""The conformance suite against Business Central, with our reference in a field of the extension's page."""

from collections.abc import AsyncIterator

import pytest

from conformance.erp.suite import Case, every_case
from tests.adapters.erp.business_central import Central


@pytest.fixture
async def bench() -> AsyncIterator[Central]:
    central = await Central.start()
    yield central
    await central.simulator.settled()


@every_case
async def test_conformance(case: Case, bench: Central) -> None:
    await case.run(bench)
