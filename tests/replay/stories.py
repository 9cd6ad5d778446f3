"""Which stories are recorded, and where their histories and fingerprints lie.

histories/<story>/<workflow type>-<number>[.<run>].json
fingerprints/<story>.txt
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from temporalio.client import WorkflowHistory
from temporalio.worker import WorkflowRunner

from tests.replay.fingerprint import Watching
from tests.replay.replaying import RUNNERS, replay, type_of

HERE = Path(__file__).parent
HISTORIES, FINGERPRINTS = HERE / "histories", HERE / "fingerprints"
TOLD_IN = HERE.parent / "workflows"
RUNS_KEPT = 3
"""Of a workflow that continues as new; those after it are of the same kind."""

_OF_A_MACHINE = frozenset({"stackTrace", "identity"})
_PROCESS = re.compile(r"^\d+@\S+$")
"""As the SDK names a worker, and the queue of what it has cached."""
_MARK = re.compile(r'^@pytest\.mark\.recorded\("(\w+)"\)$', re.MULTILINE)


def marked() -> list[str]:
    """The names of the stories that are marked `recorded`."""
    return sorted(name for path in TOLD_IN.rglob("test_*.py") for name in _MARK.findall(path.read_text()))


def recorded() -> list[str]:
    """The names of the stories whose histories are kept."""
    return sorted(path.name for path in HISTORIES.iterdir())


def runs_kept(story: str) -> list[Path]:
    """The files of its runs."""
    return sorted((HISTORIES / story).glob("*.json"), key=lambda path: path.stem)


@cache
def histories_of(story: str) -> Mapping[str, WorkflowHistory]:
    """By name, such as `PurchaseOrder-1`. Reading them takes seconds for all: nobody does at import."""
    return MappingProxyType({path.stem: _history(path) for path in runs_kept(story)})


def fingerprint_of(story: str) -> str:
    """As it is kept; empty: it is not."""
    path = FINGERPRINTS / f"{story}.txt"
    return path.read_text() if path.exists() else ""


async def decided_again(
    histories: Mapping[str, WorkflowHistory], runner: WorkflowRunner
) -> tuple[str, dict[str, Exception]]:
    """The fingerprint of the runs as the code decides them now, and by name those that it can't decide as they were."""
    watching = Watching(runner)
    failed = await replay(list(histories.values()), watching)
    parts = ["\n".join([f"== {name}", *watching.lines[history.run_id]]) + "\n" for name, history in histories.items()]
    return "\n".join(parts), {name: failed[run.run_id] for name, run in histories.items() if run.run_id in failed}


def named(runs: Sequence[WorkflowHistory]) -> dict[str, WorkflowHistory]:
    """The runs of a story by name, in the order of their beginning."""
    numbers: dict[str, int] = {}
    runs_so_far, kinds = Counter[str](), Counter[str]()
    found = {}
    for run in runs:
        if run.workflow_id not in numbers:
            kinds[type_of(run)] += 1
            numbers[run.workflow_id] = kinds[type_of(run)]
        runs_so_far[run.workflow_id] += 1
        number = runs_so_far[run.workflow_id]
        if number <= RUNS_KEPT:
            later = f".{number}" if number > 1 else ""
            found[f"{type_of(run)}-{numbers[run.workflow_id]}{later}"] = run
    return dict(sorted(found.items()))


async def keep(story: str, runs: Sequence[WorkflowHistory]) -> None:
    """Write a story's histories and fingerprint in place of what was kept before."""
    histories = named(runs)
    fingerprints = {await fingerprint_by(runner, histories) for runner in RUNNERS.values()}
    assert len(fingerprints) == 1, "both runners decide alike"
    shutil.rmtree(HISTORIES / story, ignore_errors=True)
    (HISTORIES / story).mkdir(parents=True)
    for name, run in histories.items():
        (HISTORIES / story / f"{name}.json").write_text(_an_event_a_line(json.loads(run.to_json())["events"]))
    FINGERPRINTS.mkdir(exist_ok=True)
    (FINGERPRINTS / f"{story}.txt").write_text(fingerprints.pop())


async def fingerprint_by(runner: WorkflowRunner, histories: Mapping[str, WorkflowHistory]) -> str:
    """Of histories that the runner decides as they were."""
    fingerprint, failed = await decided_again(histories, runner)
    assert not failed, failed
    return fingerprint


def _an_event_a_line(events: Sequence[Any]) -> str:
    return '{"events": [\n' + ",\n".join(json.dumps(_without_machine(event)) for event in events) + "\n]}\n"


def _without_machine(value: Any) -> Any:
    """Without the fields that describe only the machine that recorded it."""
    if isinstance(value, str):
        return _PROCESS.sub("worker", value)
    if isinstance(value, dict):
        return {key: _without_machine(each) for key, each in value.items() if key not in _OF_A_MACHINE}
    return [_without_machine(each) for each in value] if isinstance(value, list) else value


def _history(path: Path) -> WorkflowHistory:
    """As it was recorded, under its own workflow id: ids of children and calls are made of it."""
    text = path.read_text()
    started = json.loads(text)["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(started["workflowId"], text)
