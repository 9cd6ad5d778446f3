"""7. A buyer edits an order in the ERP."""

from demo.erp_books import acknowledged_line, quantity_of
from demo.story import Story

EDIT_QUANTITY = 40
"""The quantity that the buyer adds to a line in the ERP."""


async def edit(story: Story) -> None:
    """A buyer changes a line in the ERP itself: the change is kept, and the other buyer decides its consequences."""
    story.narrator.chapter("7. A buyer changes an order in the ERP itself")
    order, line, before = acknowledged_line(await story.books())
    after = before + EDIT_QUANTITY
    await story.control("/erp/control/edits", {"order": order, "item": line, "user": "CARLA", "quantity": str(after)})
    await story.calm()
    asked = await story.people.exceptions(state="open", kind="change_proposal")
    own = [each for each in asked if each["proposal"]["order_number"] == order]
    await story.settle_all([(each, "approve", "she spoke with the supplier") for each in own])
    await story.calm()
    kept = quantity_of(await story.books(), order, line)
    story.notes.edits_kept += kept == after
    story.narrator.say(f"order {order}, line {line}: {before} before, {after} by her, {kept} in the ERP at the end")
