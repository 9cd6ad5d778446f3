"""An old plan that arrives late does nothing, in whatever envelope it comes (R10)."""

from tests.scenarios.loop import Loop


async def test_a_late_plan_version_has_no_effect_in_any_book(loop: Loop) -> None:
    frame, chain = await loop.plan(FRAME=40, CHAIN=200)
    for requirement in (frame, chain):
        await loop.order(requirement, "acknowledged")
    revised = await loop.command(
        "/aps/control/revise", {"share_changed": "0.5", "share_gone": "0.5", "share_new": "0", "seed": "late"}
    )
    assert (len(revised["changed"]), len(revised["gone"])) == (1, 1)
    withdrawn = next(each for each in (frame, chain) if each.endswith(revised["gone"][0]))
    await loop.staged(withdrawn, "withdrawn")
    await loop.at_rest()
    before = await picture(loop, frame, chain)

    await loop.command("/aps/control/republish", {"version": 1})
    await loop.command("/aps/control/republish", {"version": 1, "fresh_ids": True})
    await loop.at_rest()
    assert await picture(loop, frame, chain) == before
    for requirement in (frame, chain):
        messages = (await loop.trace(requirement))["messages"]
        planned = [each for each in messages if each["type"].startswith("pegline.requirement")]
        assert [each["status"] for each in planned] == ["delivered", "delivered", "stale"], "the same id is no message"


async def picture(loop: Loop, *requirements: str) -> object:
    """All writes, and all that entities have recorded."""
    traces = [await loop.trace(requirement) for requirement in requirements]
    return await loop.all_writes(), [[audit_event["hash"] for audit_event in trace["audit_events"]] for trace in traces]
