"""Runs live for weeks: an edit that decides a recorded history otherwise fails here before it lands.

The histories are those of the stories in tests/workflows that are marked `recorded`:

    pytest tests/workflows -m recorded --record-histories

records them anew. Once a version is installed somewhere, a change that breaks one of its histories needs
`workflow.patched`, and a new recording beside the old one.
"""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from runtime.temporal import STRICT_RUNNER, WORKFLOWS, temporal_plugin

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


def test_every_entity_has_recorded_histories() -> None:
    kinds = {path.name.partition("-")[0] for path in HISTORIES}
    assert kinds == {"requirement", "order", "exception", "change"}


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_recorded_history_is_decided_as_it_was(path: Path) -> None:
    history = WorkflowHistory.from_json(path.stem, path.read_text())
    replayer = Replayer(workflows=WORKFLOWS, plugins=[temporal_plugin(STRICT_RUNNER)], debug_mode=True)
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    assert result.replay_failure is None
