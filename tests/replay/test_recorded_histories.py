"""Runs live for weeks: an edit that decides a recorded history otherwise fails here before it lands.

The histories are those of the stories in tests/workflows that are marked `recorded`:

    pytest tests/workflows -m recorded --record-histories

records them all again, and `-k` some of them; their earlier recordings are replaced. Each story has a fingerprint
as well: what its workflows command, in words. A change of messages or names leaves it as it is; where it differs, the
workflows do something else.
"""

import difflib
import importlib
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

import pytest
from temporalio.activity import _Definition as Activity
from temporalio.worker import WorkflowRunner
from temporalio.workflow import _Definition as Definition

import activities
from runtime.temporal import WORKFLOWS
from tests.replay.replaying import RUNNERS, type_of
from tests.replay.stories import decided_again, fingerprint_of, histories_of, marked, recorded, runs_kept
from workflows import entity

WHAT_TO_DO = """
Is the change meant? Before there is a version that somebody runs: record again (see this module), look at the
fingerprints' diff, and commit it with the change. After: runs of the old version go on, so keep its way beside the
new one (`if workflow.patched("what-changed"): new() else: old()`), and record the story of the new way beside the old.
If it is not meant, the first difference above is where to look.
"""

CALLS = ("activity", "local")
STORIES = recorded()
FINGERPRINTS: Mapping[str, str] = {story: fingerprint_of(story) for story in STORIES}


def sections(fingerprints: Iterable[str] = FINGERPRINTS.values()) -> Mapping[str, list[str]]:
    """By workflow type, the lines of the fingerprints."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for fingerprint in fingerprints:
        for part in re.split(r"^== ", fingerprint, flags=re.MULTILINE)[1:]:
            name, *lines = part.splitlines()
            found[name.partition("-")[0]] += filter(None, lines)
    return found


def covering() -> list[str]:
    """Stories that together have every kind of command and message of every workflow type; half of them do."""
    kinds = {
        story: {(name, *line.split()[: 3 if line[0] == "<" else 2]) for name, lines in found.items() for line in lines}
        for story, found in ((story, sections([FINGERPRINTS[story]])) for story in STORIES)
    }
    missing, chosen = set().union(*kinds.values()), list[str]()
    while missing:
        chosen.append(max(kinds, key=lambda story: len(kinds[story] & missing) / len(runs_kept(story))))
        missing -= kinds[chosen[-1]]
    return chosen


COMMANDED = sections()
DEFINITIONS = {str(definition.name): definition for definition in map(Definition.must_from_class, WORKFLOWS)}


def test_every_story_that_is_marked_has_histories_and_every_history_belongs_to_one() -> None:
    assert marked() == STORIES, "record them (see this module), or delete the folder of a story that is no more"
    assert all(histories_of(story) and FINGERPRINTS[story] for story in STORIES)


def test_every_workflow_type_is_in_some_story() -> None:
    assert {type_of(run) for story in STORIES for run in histories_of(story).values()} == set(DEFINITIONS)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_message_that_a_workflow_takes_is_in_some_story(name: str) -> None:
    definition = DEFINITIONS[name]
    taken = {f"< signal {signal}" for signal in definition.signals} | {f"< update {one}" for one in definition.updates}
    # `upgrade` only wakes: what it leads to takes two versions of the code (tests/workflows/test_new_code.py).
    assert taken - {"< signal upgrade"} <= set(COMMANDED[name])


def test_every_activity_is_called_in_some_story() -> None:
    called = {line.split()[1] for lines in COMMANDED.values() for line in lines if line.split()[0] in CALLS}
    assert called == set(activities_defined())


def activities_defined() -> Iterator[str]:
    """By the classes of the package."""
    for module in pkgutil.walk_packages(activities.__path__, "activities."):
        for owner in vars(importlib.import_module(module.name)).values():
            for method in vars(owner).values() if isinstance(owner, type) else ():
                defined = Activity.from_callable(method) if callable(method) else None
                if defined is not None:
                    yield str(defined.name)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_workflow_that_calls_internal_activities_has_a_time_out_of_one_in_some_story(name: str) -> None:
    lines = COMMANDED[name]
    internal = {line.split()[1] for line in lines if line.startswith("local ")}
    assert not internal or any(f"< {call} timed out" in lines for call in internal)


def test_incidents_cancelled_calls_and_continue_as_new_are_in_some_story() -> None:
    lines = [line for lines in COMMANDED.values() for line in lines]
    incidents = [line for line in lines if line.startswith("search attributes") and "PeglineIncident" in line]
    assert len(incidents) > 1
    for sign in (r"continue as new", r"< \S+ was cancelled", r"< \S+ failed", r"timer of 30s", "< cancel"):
        assert any(re.fullmatch(sign, line) for line in lines), sign


@pytest.mark.parametrize("story", STORIES)
async def test_a_recorded_story_is_decided_as_it_was(story: str) -> None:
    await check(story, RUNNERS["production"])


@pytest.mark.parametrize("story", covering())
async def test_a_recorded_story_needs_nothing_that_the_strict_runner_forbids(story: str) -> None:
    await check(story, RUNNERS["strict"])


async def check(story: str, runner: WorkflowRunner) -> None:
    now, failed = await decided_again(histories_of(story), runner)
    before = FINGERPRINTS[story]
    if now != before or failed:
        different = difflib.unified_diff(
            before.splitlines(), now.splitlines(), f"{story}, recorded", f"{story}, by today's code", n=6, lineterm=""
        )
        statement = [f"{name}: {error}" for name, error in failed.items()]
        pytest.fail("\n".join([*different, *statement, WHAT_TO_DO]), pytrace=False)


async def test_what_the_server_does_not_compare_is_compared_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entity, "INCIDENT_PAUSES", (timedelta(minutes=1),))
    with pytest.raises(pytest.fail.Exception) as failed:
        await check("incident_of_master_data", RUNNERS["production"])
    statement = str(failed.value)
    assert "-timer of 30s\n+timer of 60s" in statement
    assert "record again" in statement
    assert "TMPRL1100" not in statement


async def test_what_the_server_would_stumble_over_is_shown_as_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: object) -> None: ...

    monkeypatch.setattr(entity.Entity, "come_to_rest", never)
    with pytest.raises(pytest.fail.Exception) as failed:
        await check("happy", RUNNERS["production"])
    statement = str(failed.value)
    assert "-local internal.record" in statement
    assert "PurchaseOrder-1: " in statement
    assert "TMPRL1100" in statement
