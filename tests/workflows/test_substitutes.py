"""A substitute item takes the place of what is short: the buyer proposes it, the planner approves, the plan follows."""

import datetime as dt
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from canonical.exception import Choice, Decision, DecisionRefused, ExceptionKind
from canonical.identity import RequirementId
from canonical.need import Need
from canonical.policy import SubstituteItem, SubstitutionRules
from canonical.records import ExceptionSnapshot, OrderSnapshot
from canonical.sourcing import Assessment
from decisions.feasibility import Short
from tests.decisions.models import a_policy, a_source, an_item, june
from tests.workflows.arrivals import NOW
from tests.workflows.conftest import MakeHarness
from tests.workflows.harness import ACCEPTED, CHANGED, EVERY_DAY, REJECTED, Harness, today
from tests.workflows.requirement_harness import covered_requirement
from workflows.material_requirement.substitution import SubstituteItems

SUBSTITUTES = (SubstituteItem(item="CHAIN-NEW", quantity=Decimal(2)),)


class Story:
    """A need of 100, of which 40 come late; the buyer has proposed a substitute."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.need: Need
        self.requirement: RequirementId
        self.order: OrderSnapshot

    async def short(self) -> ExceptionSnapshot:
        harness = self.harness
        self.need = harness.need(harness.item("CHAIN", "Cyclops"))
        self.requirement = await harness.plan(self.need)
        self.order = await harness.acknowledged(
            self.requirement, harness.line(10, (ACCEPTED, 60, 58), (CHANGED, 40, 70))
        )
        return await harness.short(self.requirement)

    async def proposed(self) -> ExceptionSnapshot:
        """The planner's question."""
        asked = await self.short()
        with pytest.raises(DecisionRefused) as other:
            await self.harness.decide(asked, Choice.SUBSTITUTE, substitute="ROPE")
        assert other.value.code == "choice_not_offered"
        await self.harness.decide(asked, Choice.SUBSTITUTE, substitute="CHAIN-NEW", decided_by="bea.buyer")
        return await self.asked_after(asked)

    async def approved(self) -> ExceptionSnapshot:
        """The planner's question, once it is approved and the plan is waited for."""
        put = await self.proposed()
        await self.harness.decide(put, Choice.APPROVE, decided_by="pam.planner")
        await self.harness.registered(self.requirement, "substitution.settled")
        await self.harness.registered(self.order.id, "substitution.reported")
        return put

    async def asked_after(self, *asked: ExceptionSnapshot) -> ExceptionSnapshot:
        """The next question."""
        known = {None, *(each.id for each in asked)}
        found = await self.harness.requirement_until(self.requirement, lambda now: now.exception_id not in known)
        return await self.harness.asked(found)

    async def why_ended(self) -> str:
        await self.harness.registered(self.requirement, "substitution.ended")
        events = await self.harness.ledger.reads.audit_events([self.requirement])
        return str(next(event.data["why"] for event in reversed(events) if event.kind == "substitution.ended"))

    async def reported(self, *, substitution: bool) -> None:
        """Until planning holds one, or none."""

        async def is_so() -> bool:
            return (self.harness.aps.substitutions.get(self.requirement) is not None) is substitution

        await self.harness.until(is_so)


def choices(asked: ExceptionSnapshot) -> set[Choice]:
    return {way.choice for way in asked.proposal.alternatives}


@pytest.fixture
async def story(make_harness: MakeHarness) -> Story:
    return Story(await make_harness(substitutes=SUBSTITUTES))


@pytest.mark.recorded("substituted")
async def test_the_plan_follows_an_approved_substitution_with_less_of_the_item_and_a_need_of_the_other(
    story: Story,
) -> None:
    harness, put = story.harness, await story.proposed()
    assert (put.assignee, put.proposal.kind) == ("planner", ExceptionKind.CHANGE_PROPOSAL)
    used = put.proposal.alternatives[0].substitute
    assert used is not None
    assert (used.item, int(used.quantity), int(used.replaces)) == ("CHAIN-NEW", 80, 40)
    assert "CHAIN-NEW" in (await harness.requirement(story.requirement)).reason

    await harness.decide(put, Choice.APPROVE, decided_by="pam.planner")
    await story.reported(substitution=True)
    assert harness.aps.substitutions[story.requirement] == used
    waits = await harness.requirement_until(story.requirement, lambda now: now.exception_id is None)
    assert waits.stage == "short"
    assert "waits for the plan until" in waits.reason
    assert len(waits.order_ids) == 1, "nothing is ordered meanwhile"

    new = harness.need(harness.item("CHAIN-NEW", "Trey"), 80, reference="BS-1S")
    other = await harness.plan(new)
    await harness.replan(story.need, 2, quantity=Decimal(60))
    assert await story.why_ended() == "the coverage meets the pegged dates now"
    await story.reported(substitution=False)
    assert (await harness.sent(other)).lines[0].quantity == 80

    sent = await harness.order_until(story.order, lambda found: found.revision == 2 and found.stage == "sent")
    await harness.answer(sent)
    assert sent.lines[0].quantity == 60
    await harness.requirement_until(story.requirement, lambda now: now.stage == "covered")
    await harness.receive(await harness.settled(sent))
    assert await harness.ended(story.requirement) == "fulfilled"


async def test_a_plan_that_withdraws_the_need_ends_it_as_any(story: Story) -> None:
    await story.approved()
    await story.harness.withdraw(story.need, 2)
    assert await story.why_ended() == "the plan withdrew the need"
    cancelled = await story.harness.order_until(story.order, lambda found: found.revision == 2)
    await story.harness.answer(await story.harness.order_until(cancelled, lambda found: found.stage == "sent"))
    assert await story.harness.ended(story.order.id) == "cancelled"
    assert await story.harness.ended(story.requirement) == "withdrawn"
    assert story.harness.aps.substitutions[story.requirement] is None


async def test_a_planner_who_declines_it_leaves_the_buyer_the_other_ways(story: Story) -> None:
    put = await story.proposed()
    await story.harness.decide(put, Choice.DECLINE, decided_by="pam.planner")
    again = await story.asked_after(put)
    assert again.proposal.kind is ExceptionKind.SHORTAGE
    assert Choice.SUBSTITUTE not in choices(again)
    assert Choice.RESCHEDULE in choices(again)
    assert story.harness.aps.substitutions[story.requirement] is None


async def test_a_plan_that_does_not_follow_in_time_has_the_buyer_asked_again(make_harness: MakeHarness) -> None:
    rules = SubstitutionRules(plan_within_days=3)
    story = Story(await make_harness(substitutes=SUBSTITUTES, substitution=rules))
    harness, put = story.harness, await story.approved()
    await story.reported(substitution=True)
    day = today()
    # Not a moment more: what has asked a person stands still in time.
    over = dt.datetime.combine(day + timedelta(days=4), dt.time(0), EVERY_DAY.tzinfo)
    await harness.skip_to(story.requirement, over)
    again = await story.asked_after(put)
    assert again.proposal.kind is ExceptionKind.SHORTAGE
    assert Choice.SUBSTITUTE in choices(again)
    assert await story.why_ended() == f"the plan has not followed by {day + timedelta(days=3)}"
    await story.reported(substitution=False)


async def test_what_the_policy_does_not_permit_any_more_is_not_approved(story: Story) -> None:
    harness, put = story.harness, await story.proposed()
    ended = (SUBSTITUTES[0].model_copy(update={"effective_to": today()}),)
    harness.policies.by_plant["1710"] = harness.policy.model_copy(update={"substitutes": ended, "version": "ended"})
    harness.policy_changes = True
    await harness.decide(put, Choice.APPROVE, decided_by="pam.planner")
    again = await story.asked_after(put)
    assert Choice.SUBSTITUTE not in choices(again)
    assert await story.why_ended() == "the policy does not permit it any more"
    assert "substitution.reported" not in await harness.kinds(story.order.id)


async def test_what_comes_even_later_is_not_ordered_anew_meanwhile_and_what_is_short_beyond_it_is_asked_about(
    story: Story,
) -> None:
    harness, put = story.harness, await story.approved()
    await harness.answer(story.order, harness.line(10, (ACCEPTED, 60, 58), (REJECTED, 40, None)))
    await harness.registered(story.requirement, "coverage.changed", times=2)
    waits = await harness.requirement(story.requirement)
    assert (waits.exception_id, len(waits.order_ids)) == (None, 1)

    await harness.answer(story.order, harness.line(10, (ACCEPTED, 30, 58), (REJECTED, 70, None)))
    again = await story.asked_after(put)
    assert again.proposal.kind is ExceptionKind.SHORTAGE
    assert await story.why_ended() == "more is short than the planner approved, or sooner"
    await story.reported(substitution=False)


class Records:
    """An entity of which only the audit events matter."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.why: list[object] = []

    def record(self, kind: str, at: dt.datetime | None = None, /, **data: object) -> None:
        self.kinds.append(kind)
        self.why.append(data.get("why"))


def test_a_proposal_holds_however_late_supply_becomes_and_not_for_another_quantity() -> None:
    state, records = covered_requirement(), Records()
    policy = a_policy(substitutes=SUBSTITUTES)
    state.assessment = Assessment(item=an_item(a_source()), policy=policy)
    items = SubstituteItems(state, cast("Any", records))
    decision = Decision(event_id="d", digest="x", choice=Choice.SUBSTITUTE, decided_by="bea", decided_at=NOW)

    def short(quantity: int, day: int) -> Short:
        return Short(Decimal(quantity), june(15), june(day), day - 15, Decimal(1000), f"{quantity} until {day}")

    items.propose(short(200, 22), decision, june(1))
    assert items.proposal(short(200, 23), june(2), order_number=None) is not None
    assert items.proposal(short(300, 23), june(2), order_number=None) is None
    assert (records.kinds[-1], records.why[-1]) == ("substitution.ended", "the shortage is another one")
    assert items.asked is None

    unknown = decision.model_copy(update={"substitute": "ROPE"})
    items.propose(short(200, 22), unknown, june(1))
    assert (records.kinds[-1], items.asked) == ("decision.without_effect", None)
