"""The suite of supplier channels against the EDI gateway of the dialect `edifact`."""

from collections.abc import AsyncIterator

import pytest

from conformance.supplier.suite import ChannelCase, every_case, run
from tests.adapters.supplier.edifact.bench import EdifactBench


@pytest.fixture
async def bench() -> AsyncIterator[EdifactBench]:
    made = await EdifactBench.start()
    yield made
    await made.simulator.settled()


@every_case
async def test_conformance(case: ChannelCase, bench: EdifactBench) -> None:
    await run(case, bench)
