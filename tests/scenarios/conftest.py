"""A loop per test: everything runs unless the test starts it itself.

After each story every run is decided again from its history.
"""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.conftest import FreshDatabase
from tests.replay.replaying import RUNNERS, replay, runs_on
from tests.scenarios.loop import Loop, installed


@pytest.fixture
async def still_loop(temporal_env: WorkflowEnvironment, fresh_database: FreshDatabase) -> AsyncIterator[Loop]:
    """Counterparts and ledger; neither gateway nor workers run yet."""
    with temporal_env.with_time_skipping_disabled():
        async with installed(temporal_env.client, await fresh_database()) as loop:
            yield loop
            failed = await replay(await runs_on(loop.client, loop.queue), RUNNERS["production"])
            assert not failed, failed


@pytest.fixture
async def loop(still_loop: Loop) -> AsyncIterator[Loop]:
    """Everything runs."""
    async with still_loop.workers(), still_loop.gateway():
        yield still_loop
