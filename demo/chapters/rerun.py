"""4. and 5. The plan is rerun while the worker is killed; then its first version arrives late."""

import asyncio
import time
from typing import Any

from demo.books import Books
from demo.shares import Decrease, SharedLine, decrease_of, read_lines, shared_lines
from demo.site import REPLACEMENT
from demo.stage import SETTLE_SECONDS
from demo.story import Story
from workflows.entity import CALL_HEARTBEAT

SHARES = {"share_changed": 0.10, "share_gone": 0.03, "share_new": 0.03, "share_slightly": 0.02}


async def rerun(story: Story) -> None:
    """Plan version 2 as one plan run per plant while the worker is killed; then version 1 again, late, as events."""
    story.narrator.chapter("4. Plan version 2, a plan run a plant: 10 % changed, 3 % gone, 3 % new")
    notes, books = story.notes, await story.books()
    notes.erp_before_rerun = await story.erp_seq()
    notes.read_before = read_lines(books)
    notes.shared = shared_lines(books, notes.read_before)
    for reported in notes.read_before.unread:
        story.narrator.say(f"[bold red]not understood[/bold red] {reported}")
    shared = line_to_cut(notes.shared)
    last = _least_urgent(books, shared)
    maybe_written = (
        f" (who shares which of {count} more, the books leave open)"
        if (count := len(notes.read_before.maybe_written))
        else ""
    )
    story.narrator.say(
        f"{len(notes.shared)} order lines serve more than one requirement{maybe_written}; {_reported(shared)}"
    )
    notes.revision = await story.control(
        "/aps/control/revise",
        {**SHARES, "gone": [last], "kept": _kept(books, shared, last), "seed": 7, "as_runs": True},
    )
    counts = ", ".join(f"{len(notes.revision[name])} {name}" for name in ("changed", "slightly", "gone", "new"))
    story.narrator.say(f"{notes.revision['requirements']} lines: {counts}; {last} is one of those gone")
    killed_at = await _kill_the_worker(story)
    await _take_reports(story)
    # Activities that it was running are retried when their heartbeats time out.
    await asyncio.sleep(max(0.0, killed_at + CALL_HEARTBEAT.total_seconds() + 1 - time.monotonic()))
    await story.calm(still_seconds=1.5)
    await story.collect()
    waiting = await story.people.exceptions(state="open", kind="change_proposal")
    story.narrator.say(f"{len(waiting)} changes are worth too much, or come too late, to be sent without a person")
    await story.settle_all([(each, "approve", "follows the plan") for each in waiting])
    await story.collect()
    # Calls of unknown outcome are resolved within this time, so that their effects are not attributed to the late plan.
    await story.calm(still_seconds=SETTLE_SECONDS + 0.5)
    notes.erp_after_rerun = await story.erp_seq()
    notes.decreases = _decreases(await story.books(), notes.shared, shared, notes.revision)
    for decrease in notes.decreases:
        story.narrator.say(_cut(decrease))
    await _late_plan(story)


async def _kill_the_worker(story: Story) -> float:
    """Kill the worker and start it again; returns when it was killed, by the monotonic clock."""
    story.narrator.chapter("5. The worker is killed (-9) with orders open, and started again")
    await story.stage.kill_worker()
    story.notes.kills += 1
    began = time.monotonic()
    await asyncio.sleep(1)
    await story.stage.start_worker()
    story.narrator.say(f"started again after {time.monotonic() - began:.1f} s; its work goes on")
    return began


async def _take_reports(story: Story) -> None:
    """Every plan run ends with a report of what its lines came to."""
    source, version = (await story.books()).aps["source"], story.notes.revision["version"]

    async def ended() -> list[dict[str, Any]] | None:
        found = [await story.people.plan_run(source, plant, version) for plant in story.notes.revision["runs"]]
        return found if all(run["stage"] == "done" for run in found) else None

    story.notes.plan_runs = await story.until(ended, "the end of the plan runs")
    for run in story.notes.plan_runs:
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in run["outcomes"].items() if count)
        story.narrator.say(f"plan run {run['plant']}, version {run['version']}: {run['lines']} lines: {outcomes}")


async def _late_plan(story: Story) -> None:
    before = await story.effects()
    await story.control("/aps/control/republish", {"version": 1, "fresh_ids": True})
    await story.calm(still_seconds=2.0)
    story.notes.late_effects = await story.effects_since(before)
    story.narrator.say(f"version 1 arrives once more, late, under new ids: {len(story.notes.late_effects)} effects")


def line_to_cut(shared: list[SharedLine]) -> SharedLine:
    """A line that takes fewer whole lots once any of its requirements releases its allocation; preferably a confirmed
    one.
    """
    for line in sorted(shared, key=lambda line: not line.confirmed):
        if all(line.without({reference}) < line.quantity for reference in line.needs):
            return line
    raise LookupError(f"none of {len(shared)} shared lines can be cut; the story can't go on")


def _decreases(books: Books, shared: list[SharedLine], meant: SharedLine, revision: dict[str, Any]) -> list[Decrease]:
    """The chosen line, and those drawn at random: confirmed lines that lose some of their requirements while others
    stay unchanged.
    """
    gone, otherwise = set(revision["gone"]), {*revision["changed"], *revision["slightly"]}
    return [
        decrease_of(books, line, gone & set(line.needs))
        for line in shared
        if line is meant or (line.confirmed and gone & set(line.needs) and not otherwise & set(line.needs))
    ]


def _least_urgent(books: Books, line: SharedLine) -> str:
    planned = books.planned["requirements"]
    return max(line.needs, key=lambda reference: (planned[reference]["pegging"][0]["criticality"], reference))


def _kept(books: Books, line: SharedLine, last: str) -> list[str]:
    """Lines that version 2 leaves unchanged, so that the figures of this chapter and the next have a single cause."""
    outgoing = [
        reference
        for reference, row in books.planned["requirements"].items()
        if (row["plant"], row["item"]) == (REPLACEMENT.plant, REPLACEMENT.outgoing)
    ]
    return [reference for reference in line.needs if reference != last] + outgoing


def _reported(line: SharedLine) -> str:
    needs = " + ".join(f"{need:f}" for need in line.needs.values())
    return f"of them line {line.name} over {line.quantity:f} {line.item} for {needs}"


def _cut(decrease: Decrease) -> str:
    line = decrease.line
    others = ", ".join(
        f"{reference} {coming:f} of {line.needs[reference]:f}" for reference, coming in decrease.coverage.items()
    )
    return (
        f"shared decrease (R12): line {line.name} {line.quantity:f} before, {decrease.after:f} after "
        f"({decrease.expected:f} is what is left, in whole lots); the others keep theirs: {others or 'none'}"
    )
