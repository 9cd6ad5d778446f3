"""1. A published plan becomes requirements and orders."""

from demo.behaviours import APS_FAULTS, EDI_FAULTS, ERP_FAULTS, SUPPLIERS
from demo.site import aps_plan
from demo.story import REQUIREMENTS, Story


async def plan(story: Story) -> None:
    """Plan version 1 arrives as events and becomes requirements, orders and answers."""
    story.narrator.chapter("1. The planning system publishes plan version 1, an event a line")
    await story.control("/edi/control/behaviours", SUPPLIERS)
    for name, faults in (("erp", ERP_FAULTS), ("edi", EDI_FAULTS), ("aps", APS_FAULTS)):
        await story.control(f"/{name}/control/faults", faults)
    story.narrator.say(f"the story plays on {story.today:%A, %d %B %Y}")
    published = await story.control("/aps/control/plan", aps_plan(story.today, story.now.isoformat()))
    total = published["requirements"]
    story.narrator.say(f"{total} requirements for bought items of three plants, exploded and netted")

    async def decided() -> int:
        return sum(row["stage"] != "assessing" for row in await story.people.requirements())

    await story.watch("requirements started", total, lambda: story.clocks.count(REQUIREMENTS))
    await story.watch("requirements decided", total, decided)
    await story.collect()
