"""How a requirement uses a substitute item: proposed to the planner, approved, reported to planning, and waited for.

Requirements and bills of material are the plan's (R7): an approved substitution changes neither. The requirement waits
for the plan to withdraw or lower it; the substitute's own requirement comes with the plan. What is permitted is decided
in decisions.substitution.
"""

import datetime as dt

from temporalio import workflow

from activities.internal import InternalActivities
from canonical.calls import ReportSubstitutionCall
from canonical.exception import Alternative, Choice, Decision, Proposal
from canonical.identity import OrderId
from canonical.messages import SubstitutionReported
from canonical.substitution import Substitution
from decisions.calendars import add_working_days
from decisions.feasibility import Short
from decisions.overdue import start_of_next_working_day
from decisions.substitution import substitution_for, substitution_proposal, substitution_ways
from workflows.entity import MOMENT, Entity
from workflows.material_requirement.messages import RequirementMessage
from workflows.material_requirement.state import RequirementState, SubstituteUse

_DECLINED_KEPT = 20


class SubstituteItems:
    """The substitute items of one requirement."""

    def __init__(self, state: RequirementState, entity: Entity[RequirementState, RequirementMessage]) -> None:
        self._state = state
        self._entity = entity

    def ways(self, short: Short, today: dt.date) -> tuple[Alternative, ...]:
        """What the buyer is offered; not what the planner declined for this shortage."""
        state, assessment = self._state, self._state.assessment
        assert assessment is not None
        assert assessment.item is not None
        found = substitution_ways(
            state.tested,
            short,
            assessment.item,
            state.policy,
            today,
            free=assessment.free_substitutes,
        )
        return tuple(way for way in found if way.substitute not in state.substitutes_declined)

    def propose(self, short: Short, decision: Decision, today: dt.date) -> None:
        """Have the planner asked; nothing else changes until the planner has decided."""
        offered = [way.substitute for way in self.ways(short, today) if way.substitute is not None]
        chosen = next((each for each in offered if decision.substitute in (None, each.item)), None)
        if chosen is None:
            why = f"{decision.substitute or 'no item'} may not be used instead (any more)"
            self._entity.record("decision.without_effect", decision.decided_at, choice=decision.choice, why=why)
            return
        self._state.substitution = SubstituteUse(proposed_by=decision.decided_by, substitution=chosen)
        self._record("substitution.proposed", chosen, decision.decided_at, decided_by=decision.decided_by)

    @property
    def asked(self) -> SubstituteUse | None:
        """What the planner has not decided yet; None: nothing is proposed."""
        use = self._state.substitution
        return use if use is not None and use.follows_by is None else None

    def proposal(self, short: Short, today: dt.date, *, order_number: str | None) -> Proposal | None:
        """The question to the planner; None: there is none (any more), since the shortage or the policy changed."""
        use, state, assessment = self.asked, self._state, self._state.assessment
        if use is None or assessment is None or not self._holds(use, short):
            return None
        return substitution_proposal(
            state.tested,
            short,
            state.covered_by,
            state.late_supplier,
            state.policy,
            use.substitution,
            today,
            free=assessment.free_substitutes.get(use.substitution.item),
            proposed_by=use.proposed_by,
            order_number=order_number,
        )

    async def settle(self, use: SubstituteUse, short: Short, decision: Decision, today: dt.date) -> None:
        """Approved: planning is told, and the need waits for the plan. Declined: it needs another way out."""
        state, approved = self._state, decision.choice is Choice.APPROVE
        if approved and not self._holds(use, short):
            return
        if not approved:
            state.substitutes_declined = (*state.substitutes_declined[1 - _DECLINED_KEPT :], use.substitution)
            state.substitution = None
        by = decision.decided_by
        self._record("substitution.settled", use.substitution, decision.decided_at, approved=approved, decided_by=by)
        if approved:
            follows_by = add_working_days(state.policy.calendar, today, state.policy.substitution.plan_within_days)
            # By the newest order that may still deliver: its coverage goes to planning.
            told = next((coverage.order_id for coverage in reversed(state.live)), None)
            state.substitution = use.model_copy(update={"follows_by": follows_by, "told": told})
            await self._report(told, use.substitution)

    async def review(self, outcome: object, today: dt.date) -> None:
        """End the wait for the plan: nothing is short any more, something else is, or its time is over."""
        use = self._state.substitution
        if use is None or use.follows_by is None:
            return
        if not isinstance(outcome, Short):
            await self._end(use, "the coverage meets the pegged dates now")
        elif outcome.short_quantity > use.substitution.replaces or outcome.short_at < use.substitution.use_on:
            await self._end(use, "more is short than the planner approved, or sooner")
        elif today > use.follows_by:
            await self._end(use, f"the plan has not followed by {use.follows_by}")

    def withdrawn(self) -> None:
        """The plan no longer has the need: that is an answer, too. The order hears of it by its release."""
        use, self._state.substitution = self._state.substitution, None
        if use is not None:
            self._record("substitution.ended", use.substitution, why="the plan withdrew the need")

    @property
    def waits(self) -> bool:
        """The planner has approved one, and the plan has not followed yet."""
        use = self._state.substitution
        return use is not None and use.follows_by is not None and not self._state.withdrawn

    def time_left(self) -> dt.timedelta | None:
        """Until the plan's time is over; None: nothing is waited for."""
        use, assessment = self._state.substitution, self._state.assessment
        if use is None or use.follows_by is None or assessment is None:
            return None
        over = start_of_next_working_day(use.follows_by, assessment.policy.calendar)
        return max(over - workflow.now(), MOMENT)

    def is_over(self, today: dt.date) -> bool:
        """The plan's time is over."""
        use = self._state.substitution
        return use is not None and use.follows_by is not None and today > use.follows_by

    def _holds(self, use: SubstituteUse, short: Short) -> bool:
        """Whether it is still what policy permits for this shortage, however late that has become; else it is dropped.

        Policy is read again with every decision.
        """
        state, assessment = self._state, self._state.assessment
        assert assessment is not None
        assert assessment.item is not None
        now = substitution_for(state.tested, short, assessment.item, state.policy, use.substitution.item)
        if now != use.substitution:
            self.drop("the policy does not permit it any more" if now is None else "the shortage is another one")
        return now == use.substitution

    def drop(self, why: str) -> None:
        """Forget what the planner has not decided; what is approved is waited for."""
        use = self._state.substitution
        if use is not None and use.follows_by is None:
            self._state.substitution = None
            self._record("substitution.ended", use.substitution, why=why)

    async def _end(self, use: SubstituteUse, why: str) -> None:
        self._state.substitution = None
        self._record("substitution.ended", use.substitution, why=why)
        await self._report(use.told, None)

    async def _report(self, order: OrderId | None, substitution: Substitution | None) -> None:
        if order is None:
            return
        reported = SubstitutionReported(
            requirement_id=self._state.id, substitution=substitution, reported_at=workflow.now()
        )
        call = ReportSubstitutionCall(audit_batch=self._entity.audit_batch(), order_id=order, reported=reported)
        await self._entity.recorded(InternalActivities.report_substitution, call)

    def _record(self, kind: str, substitution: Substitution, at: dt.datetime | None = None, **more: str | bool) -> None:
        self._entity.record(
            kind,
            at,
            item=substitution.item,
            quantity=str(substitution.quantity),
            unit=substitution.unit,
            replaces=str(substitution.replaces),
            **more,
        )
