"""2. The suppliers answer."""

import asyncio
from datetime import timedelta

from demo.story import ORDERS, RUNNING, Story


async def answers(story: Story) -> None:
    """Suppliers answer; the silent ones are reminded at half of their SLA, stepped at its true length."""
    story.narrator.chapter("2. The suppliers answer as suppliers do")
    await story.calm()
    for _ in range(10):
        silent = await story.clocks.count(f"{ORDERS} AND PeglineStage='sent' AND {RUNNING}")
        if not silent or (await story.books()).edi["counts"]["reminders"] >= 3:
            break
        story.narrator.say(f"{silent} orders without an answer: their clocks are stepped by 12 hours")
        await story.clocks.step(f"{ORDERS} AND PeglineStage='sent'", timedelta(hours=12))
        await asyncio.sleep(0.5)
    await story.calm()
    letters = await story.people.dead_letters()
    story.narrator.say(f"{len(letters)} message(s) that can't be read are kept as dead letters")
    for number, order in (await story.books()).edi["orders"].items():
        if order["waiting"]:
            await story.control("/edi/control/fix", {"order": number})
    await story.calm()
    story.narrator.say(f"reminders sent: {(await story.books()).edi['counts']['reminders']}")
