"""MaterialRequirement: one need of a plant for an item, from the plan's signal to the receipt.

It owns its need, its decisions and its exceptions. It never changes a document: it sends supply requests to orders, and
tests the coverage they report against the pegged need. Handlers only fill the inbox; `Entity.live` has the loop.
"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from temporalio import workflow

from activities.internal import InternalActivities
from canonical.calls import AnswerOrderCall, AssessCall
from canonical.exception import Choice, ExceptionDecided, ExceptionKind, Proposal
from canonical.messages import (
    BomChanged,
    RequirementOpened,
    RequirementWithdrawn,
    StockAllocated,
)
from canonical.records import RequirementSnapshot, RequirementStage
from canonical.supply import CoverageChanged
from decisions.assess import NotOrderable
from decisions.feasibility import Feasible, Short
from decisions.master_data import master_data_proposal
from decisions.overdue import start_of_next_working_day
from decisions.shortage import reschedule_proposal, shortage_proposal
from workflows.entity import MOMENT, Entity
from workflows.material_requirement.coverage import RequirementSourcing
from workflows.material_requirement.messages import (
    RequirementInput,
    RequirementMessage,
    judge_need,
    record_need,
    take,
)
from workflows.material_requirement.state import RequirementState, Rescheduling, describe_coverage, stage_and_reason
from workflows.material_requirement.substitution import SubstituteItems
from workflows.material_requirement.transfer_answer import answer_due, record_answered
from workflows.questions import Questions


@workflow.defn(name="MaterialRequirement")
class MaterialRequirement(Entity[RequirementState, RequirementMessage]):
    """One durable workflow per material requirement."""

    @workflow.init
    def __init__(self, given: RequirementInput) -> None:
        super().__init__(given, given.state or RequirementState.of(given.opening))
        self._assessed_now = False
        self._substitutes = SubstituteItems(self.state, self)
        self._sourcing = RequirementSourcing(self.state, self, self._substitutes)
        self._questions = Questions(self.state, self)
        if given.state is None:
            record_need(given.opening.need, "requirement.opened", self.record)

    @workflow.run
    async def run(self, given: RequirementInput) -> str:
        """Decide the coverage and test it against the need, until all is received or nothing is needed any more."""
        await self.live()
        return self.state.stage

    # -- messages: handlers only put them into the inbox

    @workflow.signal(name="plan_changed")
    def plan_changed(self, opened: RequirementOpened) -> None:
        """The plan states the need again."""
        self.inbox.append(opened)

    @workflow.signal(name="withdrawn")
    def withdrawn(self, withdrawn: RequirementWithdrawn) -> None:
        """The plan no longer has the need."""
        self.inbox.append(withdrawn)

    @workflow.signal(name="coverage_changed")
    def coverage_changed(self, changed: CoverageChanged) -> None:
        """An order reports its coverage."""
        self.inbox.append(changed)

    @workflow.signal(name="exception_decided")
    def exception_decided(self, decided: ExceptionDecided) -> None:
        """A person decided."""
        self.inbox.append(decided)

    @workflow.signal(name="bom_changed")
    def bom_changed(self, changed: BomChanged) -> None:
        """An engineering change reports what is still needed."""
        self.inbox.append(changed)

    @workflow.signal(name="stock_allocated")
    def stock_allocated(self, allocated: StockAllocated) -> None:
        """The requirement's allocation from stock changed."""
        self.inbox.append(allocated)

    @workflow.query(name="status")
    def status(self) -> RequirementSnapshot:
        """The current state."""
        return self.snapshot()

    async def take(self, messages: Sequence[RequirementMessage]) -> None:
        """Apply the messages that arrived to the state, in this order."""
        for message in messages:
            take(self.state, message, self.record)

    async def act(self) -> None:
        """Assess, decide the coverage, test it against the need."""
        self._assessed_now = self._has_to_decide
        if self._assessed_now:
            await self._assess()
        await self._decide_sourcing()
        await self._test_feasibility()
        self._find_stage()
        await self._answer()

    @property
    def ended(self) -> bool:
        """Nothing is left to wait for."""
        return self.state.ended

    def time_to_wait(self) -> timedelta | None:
        """Until the plant's next working day, while supply is overdue: it can be there that day at the earliest; until
        the time of a plan is over that is to follow.
        """
        if self.state.assessment is None or self._blocked or self.ended:
            return None
        left = self._substitutes.time_left()
        if not self._overdue:
            return left
        calendar = self.state.assessment.policy.calendar
        overdue = max(start_of_next_working_day(self._sourcing.today, calendar) - workflow.now(), MOMENT)
        return overdue if left is None else min(left, overdue)

    def remembered(self) -> RequirementState:
        """The state for the next run."""
        return self.state.carried()

    def final_state(self) -> str:
        """What was received may be taken back."""
        fulfilled = self.state.stage is RequirementStage.FULFILLED
        return self.state.carried().model_dump_json() if fulfilled else ""

    # -- assess

    async def _assess(self) -> None:
        """Read current master data and policy before any decision; then apply R4."""
        state = self.state
        if state.decision is not None and state.decision.choice is Choice.RETRY:
            state.decision = None
        call = AssessCall(plant=state.need.plant, item=state.need.item)
        state.assessment = await self.internal(InternalActivities.assess, call)
        state.unjudged = False
        judge_need(state, self.record)

    @property
    def _has_to_decide(self) -> bool:
        """Whether the messages call for a decision; a goods receipt needs none."""
        state = self.state
        if state.withdrawn:
            return False
        if state.proposed is not None or state.decision is not None:
            return True
        if self._blocked:
            return False
        if state.to_be_sourced:
            return True
        if state.assessment is not None and self._substitutes.is_over(self._sourcing.today):
            return True
        if state.tested_on is not None and self._overdue and state.tested_on != self._sourcing.today:
            return True
        awaited = state.all_there or any(coverage.pending for coverage in state.coverages)
        return state.unjudged and (not awaited or any(coverage.open_quantity > 0 for coverage in state.coverages))

    # -- decide

    async def _decide_sourcing(self) -> None:
        """Request supply for the uncovered quantity, and send changed requests to known orders."""
        state = self.state
        if state.withdrawn:
            self._substitutes.withdrawn()
            await self._sourcing.release_coverage()
            return
        if not self._assessed_now:
            return
        problem: NotOrderable | None = None
        if state.assessment is not None and state.assessment.item is None:
            decided = self._sourcing.decide(state.acted_on.quantity)
            problem = decided if isinstance(decided, NotOrderable) else None
        else:
            await self._review_substitution()
            if state.to_be_sourced:
                problem = await self._sourcing.source_need()
        problem = problem or await self._sourcing.act_on_decision()
        if problem is None and not self._substitutes.waits:
            problem = await self._sourcing.source_open_quantity()
        if problem is None:
            await self._overtake("master data is complete now", ExceptionKind.MASTER_DATA)
            return
        proposal = master_data_proposal(state.acted_on, problem.defects, problem.policy)
        proposal = proposal.model_copy(update={"reasons": problem.reasons()})
        state.exception = await self._questions.ask_once(
            state.exception, proposal, state.policy, item_class=state.item_class
        )

    async def _review_substitution(self) -> None:
        """Whether the plan is still waited for; an order that has not answered may yet bring what is missing."""
        today, unanswered = self._sourcing.today, any(coverage.pending for coverage in self.state.coverages)
        if self._substitutes.waits and (not unanswered or self._substitutes.is_over(today)):
            await self._substitutes.review(self._sourcing.judge(), today)

    # -- test, and ask a person

    async def _test_feasibility(self) -> None:
        """R7: test the coverage against the pegged need; ask a person about a shortage that nobody accepted."""
        state = self.state
        if state.withdrawn:
            await self._leave("the plan withdrew the need")
            return
        if state.covered_revision is None or any(coverage.pending for coverage in state.coverages):
            return
        if state.all_there:
            # However late it came: nothing can be done about it any more.
            await self._overtake("all that is expected is there")
            return
        if self._blocked or not self._assessed_now:
            return
        outcome, state.tested_on = self._sourcing.judge(), self._sourcing.today
        if isinstance(outcome, Feasible) or self._substitutes.waits or self._is_accepted(outcome):
            self._substitutes.drop("the coverage meets the pegged dates")
            await self._overtake("the coverage meets the pegged dates")
            return
        if state.rescheduling is not None and state.rescheduling.about != outcome.why:
            state.rescheduling = None
        waiting = state.rescheduled(outcome)
        proposal = self._substitutes.proposal(outcome, self._sourcing.today, order_number=self._order_number)
        if proposal is None:
            proposal = self._shortage(outcome) if waiting is None else self._rescheduling(outcome, waiting)
        await self._ask(proposal, about=outcome.why)

    def _is_accepted(self, short: Short) -> bool:
        """Whether a person accepted it. The day of overdue supply moves on: it is waited for until the accepted one."""
        accepted = self.state.accepted
        if accepted is None or not self._overdue:
            return accepted is not None and accepted.covers(short)
        promised = self._sourcing.judge(as_promised=True)
        in_time = accepted.available_on is None or self._sourcing.today <= accepted.available_on
        return in_time and accepted.covers(short._replace(available_on=promised.available_on))

    @property
    def _overdue(self) -> bool:
        """Supply has not come by its date: the shortage that R7 finds may grow with every day."""
        state = self.state
        waits = state.covered_revision is None or any(coverage.pending for coverage in state.coverages)
        return not (state.withdrawn or waits or state.assessment is None) and state.overdue(self._sourcing.today)

    @property
    def _blocked(self) -> bool:
        """Master data has to be fixed before anything else is decided."""
        return self.state.exception is not None and self.state.exception.kind is ExceptionKind.MASTER_DATA

    def _shortage(self, short: Short) -> Proposal:
        state, assessment = self.state, self.state.assessment
        assert assessment is not None
        assert assessment.item is not None
        reported = [coverage.reported for coverage in reversed(state.coverages) if coverage.reported is not None]
        return shortage_proposal(
            state.tested,
            short,
            state.covered_by,
            state.late_supplier,
            assessment.item,
            state.policy,
            self._sourcing.today,
            order_number=self._order_number,
            reason=next((each.refused for each in reported if each.refused), "") or _words(reported),
            held_back=state.held_back,
            # Overdue supply has another date every day, and one that the planner declined is no way out.
            may_reschedule=state.rescheduling is None and not self._overdue,
            free_at=assessment.free_at,
            substitutes=self._substitutes.ways(short, self._sourcing.today),
        )

    def _rescheduling(self, short: Short, waiting: Rescheduling) -> Proposal:
        state = self.state
        return reschedule_proposal(
            state.tested,
            short,
            state.covered_by,
            state.late_supplier,
            state.policy,
            self._sourcing.today,
            proposed_by=waiting.proposed_by,
            order_number=self._order_number,
        )

    @property
    def _order_number(self) -> str | None:
        """Of the newest order that has reported its coverage."""
        reported = [each.reported for each in reversed(self.state.coverages) if each.reported is not None]
        return reported[0].order_number if reported else None

    async def _ask(self, proposal: Proposal, about: str = "") -> None:
        """Open an exception, or send the changed proposal to the open one."""
        state = self.state
        state.exception = await self._questions.ask(
            state.exception, proposal, state.policy, about=about, item_class=state.item_class
        )

    async def _leave(self, reason: str) -> None:
        """Need no answer to the open exception any more."""
        question = self.state.exception
        if question is not None:
            self.state.exception = None
            await self._questions.leave(question, reason)

    async def _overtake(self, reason: str, kind: ExceptionKind | None = None) -> None:
        """Withdraw the open exception: its cause is gone."""
        question = self.state.exception
        if question is None or (kind is not None and question.kind is not kind):
            return
        self.state.exception = None
        await self._questions.withdraw(question, reason)

    # -- answer

    async def _answer(self) -> None:
        """Send the transfer order that demands the need a new answer, if it changed."""
        state = self.state
        answered = answer_due(state, workflow.now())
        if answered is None:
            return
        order = state.need.demanded_by
        assert order is not None
        record_answered(state, answered)
        self.record(
            "transfer.answered",
            order_id=order,
            answer_number=answered.answer.answer_number,
            revision=answered.answer.order_revision,
            schedule_lines=[part.model_dump(mode="json") for part in answered.answer.lines[0].schedule_lines],
        )
        call = AnswerOrderCall(audit_batch=self.audit_batch(), order_id=order, answered=answered)
        await self.recorded(InternalActivities.answer_order, call)

    # -- stage and snapshot

    def _find_stage(self) -> None:
        state, ended_before = self.state, self.state.ended
        state.stage, state.reason = stage_and_reason(state)
        if state.ended and not ended_before:
            kind = "requirement.fulfilled" if state.stage is RequirementStage.FULFILLED else "requirement.withdrawn"
            last = max(
                (coverage.reported.as_of for coverage in state.coverages if coverage.reported), default=workflow.now()
            )
            self.record(kind, last, received=str(state.received))
        self.show()

    def snapshot(self) -> RequirementSnapshot:
        """The current state, for the ledger's reads."""
        state = self.state
        return RequirementSnapshot(
            id=state.id,
            need=state.need,
            stage=state.stage,
            request_revision=state.request_revision,
            order_ids=tuple(coverage.order_id for coverage in state.coverages),
            coverage=state.supply,
            needed=Decimal(0) if state.withdrawn else state.tested.quantity,
            from_stock=Decimal(0) if state.withdrawn else state.from_stock,
            reason=state.reason,
            policy_version=state.decided_under,
            exception_id=state.exception.id if state.exception else None,
            correlation_id=state.correlation_id,
            closed=state.ended,
        )

    def details(self) -> str:
        """The current state in an operator's words, for Temporal's UI."""
        state, need = self.state, self.state.tested
        lines = [
            f"**{state.stage.capitalize()}** — {state.reason}",
            f"Needs {need.quantity} {need.unit} of {need.item} at plant {need.plant} by {need.required_date} "
            f"(plan version {state.need.revision.plan_version}, for {need.pegs[0].demand}).",
        ]
        if state.held_back:
            asked = state.acted_on
            lines.append(
                f"Its orders are asked for {asked.quantity} by {asked.required_date}: the change is small (R4)."
            )
        if state.from_stock:
            lines.append(f"{state.from_stock} {need.unit} of it are met from stock, as long as it is free.")
        if state.decided_under:
            lines.append(f"Last decided under policy version `{state.decided_under}`.")
        lines += [f"- {describe_coverage(coverage)}" for coverage in state.coverages]
        return "\n\n".join(lines)


def _words(reported: Sequence[CoverageChanged]) -> str:
    """What the suppliers said of their lines in words."""
    said = dict.fromkeys(text for each in reported for text in each.remarks)
    return f"the supplier writes: {'; '.join(said)}"[:500] if said else ""
