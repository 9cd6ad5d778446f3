"""6. Engineering replaces a component."""

from typing import Any

from canonical.event_data import OUR_SOURCE
from canonical.identity import requirement_reference
from demo.bom_change import ChangeReported, lines_of_item, quantities
from demo.books import Books
from demo.erp_books import Line, items_by_line, tracking_of_line
from demo.site import REPLACEMENT
from demo.story import Story


async def engineering(story: Story) -> None:
    """Another component replaces one between two build orders; a single decision covers needs, stock and orders."""
    story.narrator.chapter("6. Engineering replaces a component")
    books = await story.books()
    before = lines_of_item(books, REPLACEMENT.plant, REPLACEMENT.outgoing)
    *_, earlier, later = _days(books)
    await _release(story, later)
    first = await story.until(lambda: _question(story, other_than=""), "the proposal")
    _describe_proposal(story, first, f"{REPLACEMENT.assembly} revision {REPLACEMENT.revision} from {later} on")
    await _release(story, earlier)
    question = await story.until(lambda: _question(story, other_than=first["digest"]), "the revised proposal")
    _describe_proposal(story, question, f"engineering moves it to {earlier}; the proposal is another one")
    offered = [way["choice"] for way in question["proposal"]["alternatives"]]
    overtaken = await story.people.decide(question, offered[0], "on the first proposal", digest=first["digest"])
    story.narrator.say(f"a decision on the first one's page: {overtaken.status} {overtaken.said}")
    # As proposed, where one choice covers it; else the excess is used up and the rest cancelled.
    choice = "approve" if "approve" in offered else "use_up"
    await story.settle_all([(question, choice, "the spare pedals go to the workshop")])
    await story.calm()
    asked = await _asked_again(story, {order for order, _ in before})
    await story.settle_all([(each, "approve", "follows from the change") for each in asked])
    await story.collect()
    await story.calm()
    await _note(story, await story.people.change_report(question), before, approvals=1 + len(asked))


async def _release(story: Story, effective_from: str) -> None:
    await story.control(
        "/plm/control/notices",
        {
            "notice": "ECN-1001",
            "plant": REPLACEMENT.plant,
            "assembly": REPLACEMENT.assembly,
            "revision": REPLACEMENT.revision,
            "effective_from": effective_from,
            "replaced": [{"old": REPLACEMENT.outgoing, "new": REPLACEMENT.incoming, "unit": REPLACEMENT.unit}],
        },
    )


async def _question(story: Story, other_than: str) -> dict[str, Any] | None:
    found = await story.people.exceptions(state="open", kind="engineering_change")
    return next((each for each in found if each["digest"] != other_than), None)


async def _asked_again(story: Story, orders: set[str]) -> list[dict[str, Any]]:
    """The orders' own questions before they are reduced: an acknowledged line needs a person (R15)."""
    found = await story.people.exceptions(state="open", kind="change_proposal")
    return [each for each in found if each["proposal"]["order_number"] in orders]


async def _note(story: Story, report: dict[str, Any], before: dict[Line, Any], approvals: int) -> None:
    books = await story.books()
    reported = ChangeReported(
        change=report["id"],
        approvals=approvals if report["decided"] else 0,
        dispositions=report["dispositions"],
        before=before,
        after=quantities(books, before),
        ended=await _ended(story, report["id"]),
        new_lines=await _new_lines(story, books),
    )
    story.notes.changes.append(reported)
    lines = ", ".join(
        f"{order}/{line} {was:f} → {reported.after[order, line]:f}" for (order, line), was in before.items()
    )
    story.narrator.say(f"{REPLACEMENT.outgoing} in the ERP: {lines}")
    items = items_by_line(books)
    new = ", ".join(f"{line[0]}/{line[1]} {items[line]['OrderQuantity']}" for line in reported.new_lines)
    story.narrator.say(f"{REPLACEMENT.incoming} on order for the needs of the change: {new or 'nothing'}")


async def _ended(story: Story, change: str) -> set[str]:
    """Requirements that the change ended, by their own audit events."""
    ended = set()
    for row in await story.people.requirements(plant=REPLACEMENT.plant, item=REPLACEMENT.outgoing):
        audit_events = (await story.people.trace(row["id"]))["audit_events"]
        reported = [audit_event["data"] for audit_event in audit_events if audit_event["kind"] == "bom.changed"]
        if row["closed"] and any(data["change_id"] == change and not float(data["quantity"]) for data in reported):
            ended.add(row["need"]["demand_reference"])
    return ended


async def _new_lines(story: Story, books: Books) -> list[Line]:
    """Lines in the ERP for requirements that the change published."""
    stated_by = f"{REPLACEMENT.assembly}/{REPLACEMENT.revision}/"
    needs = [
        requirement_reference(row["id"])
        for row in await story.people.requirements(item=REPLACEMENT.incoming)
        if row["need"]["source"] == OUR_SOURCE and row["need"]["demand_reference"].startswith(stated_by)
    ]
    return [line for line, tracking in tracking_of_line(books).items() if tracking in needs]


def _describe_proposal(story: Story, question: dict[str, Any], what: str) -> None:
    proposal = question["proposal"]
    story.narrator.say(what)
    for one in proposal["dispositions"]:
        of = f"order line {one['reference']}" if one["reference"] else "stock"
        story.narrator.say(f"[dim]{one['fate']:9}[/dim] {one['quantity']} {one['unit']} {one['component']}, {of}")
    asked = " and ".join(proposal["approvers"])
    ways = ", ".join(
        way["choice"] + (f" ({way['extra_cost']} {way['currency']})" if float(way["extra_cost"] or 0) else "")
        for way in proposal["alternatives"]
    )
    story.narrator.say(f"worth {proposal['value']} {proposal['currency']}; one decision by {asked}: {ways}")


def _days(books: Books) -> list[str]:
    """The days on which the outgoing component is needed, each once."""
    planned = books.planned["requirements"].values()
    return sorted(
        {
            row["required_date"]
            for row in planned
            if (row["plant"], row["item"]) == (REPLACEMENT.plant, REPLACEMENT.outgoing)
        }
    )
