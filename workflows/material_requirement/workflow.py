"""MaterialRequirement: one need of a plant for an item, from the plan's signal to the receipt.

It owns its need, its decision and its exceptions. It never touches a document: it states to orders what cover it
wants, and tests what they state back against the pegged need. Handlers only record; the loop in `run` acts.
"""

from decimal import Decimal

from temporalio import workflow

from activities.internal import InternalActivities
from canonical.calls import AnswerOrderCall, AssessCall
from canonical.exception import Choice, ExceptionDecided, ExceptionKind, Proposal
from canonical.identity import exception_id
from canonical.messages import (
    BomChanged,
    ExceptionRaised,
    ProposalChanged,
    RequirementOpened,
    RequirementWithdrawn,
    StockAllocated,
)
from canonical.records import RequirementSnapshot, RequirementStage
from canonical.supply import CoverageChanged
from decisions.assess import NotOrderable
from decisions.feasibility import Feasible, Short
from decisions.master_data import master_data_proposal
from decisions.shortage import shortage_proposal
from workflows.bounded_memory import carried_requirement
from workflows.entity import INTERNAL_RETRIES, INTERNAL_TIMEOUT
from workflows.material_requirement.answers import answer_due, record_answered
from workflows.material_requirement.coverage import CoverageSeeker
from workflows.material_requirement.messages import RequirementMessage, take
from workflows.material_requirement.need import judge_need, record_need
from workflows.material_requirement.stage import describe_coverage, stage_and_reason
from workflows.material_requirement.state import OpenException, RequirementState
from workflows.questions import change_proposal, raise_exception


@workflow.defn(name="MaterialRequirement")
class MaterialRequirement(CoverageSeeker):
    """One durable workflow per material requirement."""

    @workflow.init
    def __init__(self, opened: RequirementOpened, carried: RequirementState | None) -> None:
        self.state = carried or RequirementState.of(opened)
        self.event_log = self.state.event_log
        self._inbox: list[RequirementMessage] = []
        self._assessed_now = False
        if carried is None:
            record_need(opened.need, "requirement.opened", self.record)

    @workflow.run
    async def run(self, opened: RequirementOpened, carried: RequirementState | None) -> str:
        """Take what arrived, assess, decide the coverage, test it against the need; rest until a message comes."""
        while True:
            self._take_messages()
            self._assessed_now = self._has_to_decide
            if self._assessed_now:
                await self._assess()
            await self._decide_sourcing()
            await self._test_feasibility()
            self._find_stage()
            await self._answer()
            await self.come_to_rest()
            if self._inbox:
                continue
            if self.state.ended:
                return self.state.stage
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(args=[opened, carried_requirement(self.state)])
            await workflow.wait_condition(lambda: bool(self._inbox))

    # -- what it is told: handlers only record

    @workflow.signal
    def plan_changed(self, opened: RequirementOpened) -> None:
        """The plan states the need anew."""
        self._inbox.append(opened)

    @workflow.signal
    def withdrawn(self, withdrawn: RequirementWithdrawn) -> None:
        """The plan no longer has the need."""
        self._inbox.append(withdrawn)

    @workflow.signal
    def coverage_changed(self, changed: CoverageChanged) -> None:
        """An order states what it gives."""
        self._inbox.append(changed)

    @workflow.signal
    def exception_decided(self, decided: ExceptionDecided) -> None:
        """A person decided."""
        self._inbox.append(decided)

    @workflow.signal
    def bom_changed(self, changed: BomChanged) -> None:
        """An engineering change says what is still needed."""
        self._inbox.append(changed)

    @workflow.signal
    def stock_allocated(self, allocated: StockAllocated) -> None:
        """What is met from stock, and needs no order."""
        self._inbox.append(allocated)

    @workflow.query
    def status(self) -> RequirementSnapshot:
        """The present state."""
        return self.snapshot()

    def _take_messages(self) -> None:
        messages, self._inbox = self._inbox, []
        for message in messages:
            take(self.state, message, self.record)

    # -- assess

    async def _assess(self) -> None:
        """Master data and policy as they are now, before anything is decided by them; then R4."""
        state = self.state
        if state.decision is not None and state.decision.choice is Choice.RETRY:
            state.decision = None
        call = AssessCall(plant=state.need.plant, item=state.need.item)
        state.assessment = await self.persist(
            lambda: workflow.execute_local_activity_method(
                InternalActivities.assess, call, start_to_close_timeout=INTERNAL_TIMEOUT, retry_policy=INTERNAL_RETRIES
            ),
            "internal.assess",
        )
        state.unjudged = False
        judge_need(state, self.record)

    @property
    def _has_to_decide(self) -> bool:
        """Whether what arrived leads to a decision; that the goods came needs none."""
        state = self.state
        if state.withdrawn:
            return False
        if state.proposed is not None or state.decision is not None:
            return True
        if self._blocked:
            return False
        if state.covered_revision != state.acted_on.revision.rank or state.stock_moved:
            return True
        awaited = state.all_there or any(coverage.pending for coverage in state.coverages)
        return state.unjudged and (not awaited or any(coverage.open_quantity > 0 for coverage in state.coverages))

    # -- decide

    async def _decide_sourcing(self) -> None:
        """Ask orders for what is not covered yet, and state what changed to those that are known."""
        state = self.state
        if state.withdrawn:
            await self.release_coverage()
            return
        if not self._assessed_now:
            return
        problem: NotOrderable | None = None
        if state.assessment is not None and state.assessment.item is None:
            decided = self.decide(state.acted_on.quantity)
            problem = decided if isinstance(decided, NotOrderable) else None
        elif state.covered_revision != state.acted_on.revision.rank or state.stock_moved:
            problem = await self.source_need()
        problem = problem or await self.act_on_decision() or await self.source_open_quantity()
        if problem is None:
            await self._overtake("master data is complete now", ExceptionKind.MASTER_DATA)
            return
        proposal = master_data_proposal(state.acted_on, problem.defects, problem.policy)
        await self._raise(proposal.model_copy(update={"reasons": problem.reasons()}))

    # -- test, and ask a person

    async def _test_feasibility(self) -> None:
        """R7: the coverage against the pegged need; a shortage that nobody accepted is put to a person."""
        state = self.state
        if state.withdrawn:
            await self._overtake("the plan withdrew the need")
            return
        if state.covered_revision is None or any(coverage.pending for coverage in state.coverages):
            return
        if state.all_there:
            # However late it came: nobody can do anything about it any more.
            await self._overtake("all that is expected is there")
            return
        if self._blocked or not self._assessed_now:
            return
        outcome = self.judge()
        if isinstance(outcome, Feasible) or (state.accepted is not None and state.accepted.coverages(outcome)):
            await self._overtake("the coverage meets the pegged dates")
            return
        await self._raise(self._shortage(outcome), about=outcome.why)

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
            state.acted_on,
            short,
            state.covered_by,
            state.late_supplier,
            assessment.item,
            state.policy,
            workflow.now().date(),
            order_number=reported[0].order_number if reported else None,
            reason=next((each.refused for each in reported if each.refused), ""),
        )

    async def _raise(self, proposal: Proposal, about: str = "") -> None:
        """Open an exception, or put the changed proposal to the one that is open."""
        state = self.state
        assert state.assessment is not None
        known = state.exception
        if known is not None and known.digest == proposal.digest:
            return
        if known is None:
            state.exceptions_raised += 1
        identity = known.id if known else exception_id(state.id, state.exceptions_raised)
        state.exception = OpenException(id=identity, kind=proposal.kind, digest=proposal.digest, about=about)
        if known is not None:
            await change_proposal(identity, ProposalChanged(proposal=proposal))
            return
        policy = state.policy
        raised = ExceptionRaised(
            exception_id=identity,
            raised_by=state.id,
            proposal=proposal,
            policy=policy,
            assignee=policy.buyer,
            raised_at=workflow.now(),
            item_class=state.item_class,
            correlation_id=state.correlation_id,
        )
        self.record(
            "exception.raised",
            exception_id=identity,
            kind=proposal.kind,
            summary=proposal.summary,
            reasons=[reason.model_dump(mode="json") for reason in proposal.reasons],
            policy_version=policy.version,
        )
        await raise_exception(raised)

    async def _overtake(self, reason: str, kind: ExceptionKind | None = None) -> None:
        """What the open exception was about went away by itself."""
        open_exception = self.state.exception
        if open_exception is None or (kind is not None and open_exception.kind is not kind):
            return
        self.state.exception = None
        self.record("exception.overtaken", exception_id=open_exception.id, why=reason)
        await change_proposal(open_exception.id, ProposalChanged(proposal=None, reason=reason))

    # -- answer

    async def _answer(self) -> None:
        """Tell the transfer that demands the need what it gets, where that has changed."""
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
        audit_batch = self.audit_batch()
        call = AnswerOrderCall(audit_batch=audit_batch, order_id=order, answered=answered)
        await self.carried(
            audit_batch,
            lambda: workflow.execute_local_activity_method(
                InternalActivities.answer_order,
                call,
                start_to_close_timeout=INTERNAL_TIMEOUT,
                retry_policy=INTERNAL_RETRIES,
            ),
            "internal.answer_order",
        )

    # -- where it stands

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
        """The present state, for the ledger's reads."""
        state = self.state
        return RequirementSnapshot(
            id=state.id,
            need=state.need,
            stage=state.stage,
            request_revision=state.request_revision,
            order_ids=tuple(coverage.order_id for coverage in state.coverages),
            coverage=state.supply,
            needed=Decimal(0) if state.withdrawn else state.acted_on.quantity,
            from_stock=Decimal(0) if state.withdrawn else state.from_stock,
            reason=state.reason,
            policy_version=state.decided_under,
            exception_id=state.exception.id if state.exception else None,
            correlation_id=state.correlation_id,
            closed=state.ended,
        )

    def details(self) -> str:
        """The present state in an operator's words, for Temporal's UI."""
        state, need = self.state, self.state.acted_on
        lines = [
            f"**{state.stage.capitalize()}** — {state.reason}",
            f"Needs {need.quantity} {need.unit} of {need.item} at plant {need.plant} by {need.required_date} "
            f"(plan version {state.need.revision.plan_version}, for {need.pegs[0].demand}).",
        ]
        if state.from_stock:
            lines.append(f"{state.from_stock} {need.unit} of it are met from stock, as long as it is free.")
        if state.decided_under:
            lines.append(f"Last decided under policy version `{state.decided_under}`.")
        lines += [f"- {describe_coverage(coverage)}" for coverage in state.coverages]
        return "\n\n".join(lines)
