"""The conformance suite against a simulated Odoo; the plant lies in Auckland, a day ahead of UTC."""

from collections.abc import AsyncIterator

import pytest

from conformance.erp.suite import Case, every_case
from tests.adapters.erp.odoo import OdooBench


@pytest.fixture
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[OdooBench]:
    odoo = await OdooBench.start()
    if "all_pages" in request.node.name:
        await odoo.keep_many_items()
    yield odoo
    await odoo.simulator.settled()


@every_case
async def test_conformance(case: Case, bench: OdooBench) -> None:
    await case.run(bench)
