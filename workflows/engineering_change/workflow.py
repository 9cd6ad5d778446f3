"""EngineeringChange: one revision of an assembly's bill of material, from the event to the final report.

It looks up where the outgoing components are used, proposes their dispositions (R13) for one approval (R15), then
notifies the requirements of what they still need and publishes the needs of the new components. It changes no order:
orders follow their requirements by R3. A revision that is republished before the approval replaces the proposal.
"""

from collections.abc import Sequence

from pydantic import JsonValue
from temporalio import workflow

from activities.internal import InternalActivities
from canonical.bom import BomLineChange
from canonical.calls import ChangeBomCall, PublishNeedsCall, WhereUsed, WhereUsedCall
from canonical.exception import Choice, ExceptionDecided, Proposal
from canonical.identity import ChangeId
from canonical.messages import ChangeOpened, ChangeSuperseded
from canonical.need import Need
from canonical.records import ChangeSnapshot, ChangeStage
from decisions.engineering_change.choices import cost_of
from decisions.engineering_change.component_use import ComponentPlan, Cut, cuts, plan_component
from decisions.engineering_change.incoming_components import new_needs
from decisions.engineering_change.proposal import (
    BomChangeOutcome,
    as_it_was_put,
    carried_out,
    judge_change_of_bom,
    left_as_it_is,
)
from decisions.engineering_change.report import affected_requirements, check, instructions_of
from workflows.engineering_change.messages import ChangeInput, ChangeMessage, record_revision, take
from workflows.engineering_change.reports import (
    bom_changes,
    change_details,
    change_report,
    change_snapshot,
    decided_by,
    needs_now,
)
from workflows.engineering_change.state import ChangeState
from workflows.entity import CALL_RETRIES, CALL_TIMEOUT, Entity, activity_name
from workflows.questions import Questions


@workflow.defn(name="EngineeringChange")
class EngineeringChange(Entity[ChangeState, ChangeMessage]):
    """One durable workflow per revision of an assembly at a plant."""

    @workflow.init
    def __init__(self, given: ChangeInput) -> None:
        super().__init__(given, given.state or ChangeState.of(given.opening))
        self._plans: tuple[ComponentPlan, ...] = ()
        self._questions = Questions(self.state, self)
        if given.state is None:
            record_revision(self.state, "change.opened", self.record)

    @workflow.run
    async def run(self, given: ChangeInput) -> str:
        """Evaluate, propose, carry out the decision, and end with the report."""
        await self.live()
        return self.state.stage

    # -- messages: handlers only put them into the inbox

    @workflow.signal(name="bom_revised")
    def bom_revised(self, opened: ChangeOpened) -> None:
        """The revision is republished."""
        self.inbox.append(opened)

    @workflow.signal(name="superseded")
    def superseded(self, superseded: ChangeSuperseded) -> None:
        """Another revision replaces this one."""
        self.inbox.append(superseded)

    @workflow.signal(name="exception_decided")
    def exception_decided(self, decided: ExceptionDecided) -> None:
        """A person decided."""
        self.inbox.append(decided)

    @workflow.query(name="status")
    def status(self) -> ChangeSnapshot:
        """The current state."""
        return self.snapshot()

    async def take(self, messages: Sequence[ChangeMessage]) -> None:
        """Apply the messages that arrived to the state, in this order."""
        for message in messages:
            take(self.state, message, self.record)

    async def act(self) -> None:
        """Evaluate the newest message."""
        if self.state.unjudged:
            await self._judge()

    @property
    def ended(self) -> bool:
        """Nothing is left to wait for."""
        return self.state.ended

    # -- judge

    async def _judge(self) -> None:
        """Apply R13 to current ledger, master data and policy; then ask a person, or carry out the change."""
        state = self.state
        used = await self._where_used()
        if self.inbox:
            return  # messages that arrived meanwhile may change the outcome; all is evaluated with them
        outcome = self._outcome(used)
        state.unjudged, state.policy = False, used.policy
        state.dispositions, state.reasons, state.why = outcome.dispositions, outcome.reasons, outcome.why
        state.affected = affected_requirements(self._plans, {})
        decision = state.decision
        state.superseded_by = state.superseded_by or used.superseded_by
        if state.superseded_by is not None:
            await self._give_way(state.superseded_by)
            return
        proposal = as_it_was_put(outcome.proposal, state.proposal) if outcome.proposal is not None else None
        if decision is not None and proposal is not None and decision.digest != proposal.digest:
            state.decision = decision = None
            self.record("decision.void", rule="R15", digest=proposal.digest)
        if decision is not None and decision.choice is Choice.DECLINE:
            self._decline()
            return
        # Keep the proposal that was decided on, even if by now nobody would have to be asked.
        state.proposal = proposal or (state.proposal if decision is not None else None)
        if proposal is not None and decision is None:
            await self._propose(proposal)
            return
        if state.question is not None:
            await self._overtake("nothing is left to decide")
        await self._carry_out(used)

    async def _where_used(self) -> WhereUsed:
        revised = self.state.revised
        outgoing = tuple(line.component for line in revised.lines if line.change is not BomLineChange.ADDED)
        call = WhereUsedCall(
            plant=revised.plant, assembly=revised.assembly, revision=revised.revision, components=outgoing
        )
        return await self.persist(
            # Not a local activity: a workflow task that runs again must not read what it has changed itself meanwhile
            # and mistake its own effect for a material change (R15).
            lambda: workflow.execute_activity_method(
                InternalActivities.where_used, call, start_to_close_timeout=CALL_TIMEOUT, retry_policy=CALL_RETRIES
            ),
            activity_name(InternalActivities.where_used),
        )

    def _outcome(self, used: WhereUsed) -> BomChangeOutcome:
        revised, today = self.state.revised, used.policy.calendar.day_of(workflow.now())
        lines = {line.component: line for line in revised.lines}
        self._plans = tuple(
            plan_component(revised, lines[use.component], use, assessment, today)
            for use, assessment in zip(used.uses, used.assessments, strict=True)
        )
        return judge_change_of_bom(revised, self._plans, used.policy, today)

    # -- ask

    async def _propose(self, proposal: Proposal) -> None:
        """Ask a person about the proposal, or change the open question."""
        state = self.state
        assert state.policy is not None
        state.stage = ChangeStage.PROPOSED
        if (known := state.question) is not None and known.digest != proposal.digest:
            self.record("change.proposal_changed", exception_id=known.id, digest=proposal.digest)
        state.question = await self._questions.ask(known, proposal, state.policy)

    async def _overtake(self, reason: str) -> None:
        question, self.state.question = self.state.question, None
        assert question is not None
        await self._questions.withdraw(question, reason)

    # -- carry out

    def _decline(self) -> None:
        state = self.state
        state.stage, state.dispositions = ChangeStage.DECLINED, left_as_it_is(state.dispositions)
        self._check()
        self._report("change.declined")

    async def _give_way(self, to: ChangeId) -> None:
        """Carry out nothing, whatever was decided: the other revision is evaluated as a whole."""
        state = self.state
        if state.question is not None:
            await self._overtake(f"{to} takes its place")
        state.stage, state.dispositions = ChangeStage.SUPERSEDED, left_as_it_is(state.dispositions)
        self._check()
        self._report("change.superseded", by=to)

    async def _carry_out(self, used: WhereUsed) -> None:
        """Notify each requirement of what it still needs; publish the needs of new components like a plan's."""
        state = self.state
        state.dispositions = carried_out(state.dispositions, self._plans, state.decision)
        found = tuple(cut for plan in self._plans for cut in cuts(plan, state.dispositions))
        needs, left = new_needs(state.revised, self._plans, {use.component: use for use in used.uses})
        state.left_to_the_plan, state.cost = left, cost_of(state.dispositions)
        state.instructions = instructions_of(state.dispositions, used.policy)
        undelivered = await self._notify(found) if found else ()
        if needs:
            await self._publish_needs(needs)
        state.changed_requirements = tuple(cut.requirement_id for cut in found if cut.requirement_id not in undelivered)
        state.new_requirements = tuple(need.id for need in needs)
        reported = {cut.requirement_id: cut.quantity for cut in found if cut.requirement_id not in undelivered}
        state.affected = affected_requirements(self._plans, reported)
        state.stage = ChangeStage.CARRIED_OUT
        self._check()
        self._report("change.carried_out", ended_before=list(undelivered))

    async def _notify(self, found: tuple[Cut, ...]) -> tuple[str, ...]:
        """Notify the requirements; returns those that had already ended."""
        state, now = self.state, workflow.now()
        changes = bom_changes(state, found, now)
        self.record(
            "change.reported",
            decided_by=decided_by(state),
            requirements=[{"id": cut.requirement_id, "quantity": str(cut.quantity)} for cut in found],
        )
        delivered = await self.recorded(
            InternalActivities.change_bom, ChangeBomCall(audit_batch=self.audit_batch(), changes=changes)
        )
        return tuple(cut.requirement_id for cut, running in zip(found, delivered, strict=True) if not running)

    async def _publish_needs(self, needs: tuple[Need, ...]) -> None:
        state, now = self.state, workflow.now()
        stated = needs_now(state, needs, now)
        self.record("change.needs_published", requirements=[need.id for need in needs])
        call = PublishNeedsCall(audit_batch=self.audit_batch(), needs=stated, correlation_id=state.correlation_id)
        await self.recorded(InternalActivities.publish_needs, call)

    # -- reports

    def _check(self) -> None:
        """Recount and record that every affected order quantity has a disposition, down to the last piece."""
        state = self.state
        state.check = found = check(self._plans, state.dispositions)
        self.record(
            "change.checked",
            order_lines=found.order_lines,
            requirements=found.requirements,
            unaccounted=list(found.unaccounted),
            complete=found.complete,
            rule="R13",
        )

    def _report(self, kind: str, **more: JsonValue) -> None:
        """Record the disposition of every quantity of the outgoing components."""
        self.record(kind, **change_report(self.state), **more)

    def snapshot(self) -> ChangeSnapshot:
        """The current state, for the ledger's reads."""
        return change_snapshot(self.state)

    def details(self) -> str:
        """The current state in an operator's words, for Temporal's UI."""
        return change_details(self.state)
