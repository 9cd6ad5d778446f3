"""3. Shortages and other exceptions."""

from collections import defaultdict
from typing import Any

from demo.accounts import where_to_log_in
from demo.story import Decided, Story

WISHES = ("split", "expedite", "accept")


async def shortages(story: Story) -> None:
    """The buyer logs in and decides, on the questions' pages, on requirements that can't meet their pegged date."""
    story.narrator.chapter("3. Shortages are put to the buyer")
    for line in where_to_log_in(story.stage.gateway):
        story.narrator.say(f"[dim]{line}[/dim]")
    open_now = await story.people.exceptions(state="open")
    by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for exception in open_now:
        by_kind[exception["proposal"]["kind"]].append(exception)
    story.narrator.say(", ".join(f"{len(found)} {kind}" for kind, found in sorted(by_kind.items())) + " open")
    found = by_kind["shortage"]
    if found:
        stale = await story.people.decide(found[0], "accept", "on an old picture", digest="0" * 16)
        story.notes.refused_digest = stale.status == 412
        story.narrator.say(f"a decision on a page that is out of date: {stale.status} {stale.said}")
    await story.settle_all(_decisions(found[: max(0, len(found) - 2)]))
    await story.settle_all([(each, "approve", "a small price rise; taken") for each in by_kind["change_proposal"]])
    await story.calm()
    await story.collect()
    await story.calm()


def _decisions(found: list[dict[str, Any]]) -> list[Decided]:
    """Takes each alternative in turn, where it is offered and helps."""
    decisions: list[Decided] = []
    for number, exception in enumerate(found):
        proposal = exception["proposal"]
        offered = [way["choice"] for way in proposal["alternatives"]]
        nothing_comes = proposal["short_quantity"] == proposal["quantity"] and proposal["available_on"] is None
        first = number % len(WISHES)
        choice = next(
            (
                wish
                for wish in (*WISHES[first:], *WISHES[:first])
                if wish in offered and not (wish == "accept" and nothing_comes)
            ),
            None,
        )
        if choice:
            decisions.append((exception, choice, "decided by what the alternatives cost"))
    return decisions
