"""PlanRun: finds the net change of a staged plan and delivers it.

It decides whether the run may continue by itself (decisions.plan_limits) and otherwise asks a person. The ledger
finds the net change and ends the run cleanly when a newer plan arrives: every step may run twice and starts from what
is written there.
"""

import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from temporalio import workflow
from temporalio.common import RetryPolicy

from activities.plan import PlanActivities
from canonical.base import Model
from canonical.calls import PlanRunCall
from canonical.exception import Alternative, Choice, Decision, ExceptionDecided, ExceptionKind, Proposal
from canonical.identity import ExceptionId, exception_id
from canonical.messages import ExceptionRaised, ProposalChanged
from canonical.plan import ENDED, PlanMatched
from canonical.plan import PlanRunStatus as PlanRunStatus
from decisions.plan_limits import over_error_limit, over_withdrawal_limit
from workflows.entity import ON_CURRENT_VERSION, new_version_waits
from workflows.questions import change_proposal, raise_exception

STEP_TIMEOUT = timedelta(hours=12)
"""A delivery takes as long as the plan needs; the heartbeat shows that its worker is alive."""
STEP_HEARTBEAT = timedelta(seconds=10)
STEP_RETRIES = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), backoff_coefficient=2, maximum_interval=timedelta(seconds=30)
)
_LOOK_AGAIN = timedelta(hours=4)
"""How soon a run that waits for a person notices, without a signal, that a newer plan has ended it."""


def plan_workflow_id(run: PlanRunStatus) -> str:
    """A version that was stopped and sent again with corrections is another run and another workflow."""
    return f"{run.id}/{run.number}"


class WaitingRun(Model):
    """A run that waits for a person."""

    matched: PlanMatched
    why: str
    exception_id: ExceptionId
    questions: int


class PlanRunInput(BaseModel):
    """The only argument of a run: the staged plan and, after continue-as-new, what the previous run waited for."""

    run: PlanRunStatus
    waiting: WaitingRun | None = None


@workflow.defn(name="PlanRun")
class PlanRun:
    """One plan version of a source for a plant."""

    @workflow.init
    def __init__(self, given: PlanRunInput) -> None:
        self._run = given.run
        self._waiting = given.waiting
        self._decision: Decision | None = None
        self._superseded = False
        self._questions = given.waiting.questions if given.waiting else 0

    @workflow.run
    async def run(self, given: PlanRunInput) -> str:
        """Match, ask a person if a limit is exceeded, deliver."""
        matched = self._waiting.matched if self._waiting else await self._match()
        if self._run.stage not in ENDED and self._waiting is not None:
            await self._wait_for_decision(self._waiting)
        if self._run.stage in ENDED:
            return self._run.stage
        rules = matched.policy.plan
        done = await self._step(PlanActivities.deliver, batch=rules.batch_lines, per_second=rules.changes_per_second)
        self._run = self._run.model_copy(update={"stage": done.stage})
        self._show(f"Ended: {done.stage}.")
        return self._run.stage

    @workflow.signal(name="exception_decided")
    def exception_decided(self, decided: ExceptionDecided) -> None:
        """A person decided on the withdrawals; the run needs no answer about an ambiguous match."""
        if decided.decision.choice in (Choice.APPROVE, Choice.DECLINE):
            self._decision = decided.decision

    @workflow.signal(name="superseded")
    def superseded(self) -> None:
        """A newer plan seems to have arrived; the ledger decides whether it ended this run."""
        self._superseded = True

    @workflow.signal(name="upgrade")
    def upgrade(self) -> None:
        """Wakes the run, so that it learns of a new version of its code; it continues as new on that one."""

    @workflow.query(name="status")
    def status(self) -> PlanRunStatus:
        """The run as of its last step; the counts are in the gateway's view."""
        return self._run

    async def _match(self) -> PlanMatched:
        """Find the net change; over a limit, stop or wait for a person."""
        matched: PlanMatched = await self._step(PlanActivities.match)
        self._run = matched.run
        if self._run.stage in ENDED:
            return matched
        rules = matched.policy.plan
        if (why := over_error_limit(self._run, rules)) is not None:
            self._run = await self._step(PlanActivities.stop, detail=why)
            self._show(why)
            return matched
        if matched.ambiguous:
            await self._raise(matched, _tie(matched))
        if (why := over_withdrawal_limit(matched, rules)) is not None:
            self._run = await self._step(PlanActivities.wait, detail=why)
            if self._run.stage not in ENDED:
                asked = await self._raise(matched, _withdrawals(matched, why))
                self._waiting = WaitingRun(matched=matched, why=why, exception_id=asked, questions=self._questions)
        return matched

    async def _wait_for_decision(self, waiting: WaitingRun) -> None:
        """Wait until a person decides or a newer plan has ended the run."""
        while self._decision is None:
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._decision is not None or self._superseded or new_version_waits(),
                    timeout=_LOOK_AGAIN,
                    timeout_summary="until it is looked again for a newer plan",
                )
            if self._decision is not None:
                break
            self._superseded = False
            self._run = await self._step(PlanActivities.wait, detail=waiting.why)
            if self._run.stage in ENDED:
                gone = ProposalChanged(proposal=None, reason=self._run.detail)
                await change_proposal(waiting.exception_id, gone)
                return
            due = workflow.info().is_continue_as_new_suggested() or new_version_waits()
            if self._decision is None and due:
                workflow.continue_as_new(
                    PlanRunInput(run=self._run, waiting=waiting), initial_versioning_behavior=ON_CURRENT_VERSION
                )
        if self._decision.choice is Choice.DECLINE:
            kept = f"{self._decision.decided_by} decided that nothing is withdrawn"
            self._run = await self._step(PlanActivities.keep_needs, detail=kept)

    async def _raise(self, matched: PlanMatched, proposal: Proposal) -> ExceptionId:
        self._questions += 1
        me = plan_workflow_id(self._run)
        exception = exception_id(me, self._questions)
        await raise_exception(
            ExceptionRaised(
                exception_id=exception,
                raised_by=me,
                proposal=proposal,
                policy=matched.policy,
                assignee=matched.policy.planner,
                raised_at=workflow.now(),
                correlation_id=self._run.id,
            )
        )
        return exception

    async def _step(self, activity: Callable[..., Any], detail: str = "", batch: int = 0, per_second: int = 0) -> Any:
        self._show(detail)
        return await workflow.execute_activity_method(
            activity,
            PlanRunCall(run=self._run, detail=detail, batch=batch, per_second=per_second),
            start_to_close_timeout=STEP_TIMEOUT,
            heartbeat_timeout=STEP_HEARTBEAT,
            retry_policy=STEP_RETRIES,
        )

    def _show(self, detail: str) -> None:
        run = self._run
        workflow.set_current_details(
            f"**{run.stage}**: {run.lines} lines, {run.refused} of them refused, {run.past_due} past due.\n\n"
            f"{detail or run.detail}"
        )


def _withdrawals(matched: PlanMatched, why: str) -> Proposal:
    return Proposal(
        kind=ExceptionKind.CHANGE_PROPOSAL,
        summary=f"The plan for {matched.run.plant} waits: {why}",
        plant=matched.run.plant,
        alternatives=(
            Alternative(choice=Choice.APPROVE, note="withdraw them; their orders shrink or are given up"),
            Alternative(choice=Choice.DECLINE, note="keep them all and deliver the rest of the plan"),
        ),
        approvers=(matched.policy.planner,),
        proposed_by=matched.run.source,
    )


def _tie(matched: PlanMatched) -> Proposal:
    run, items = matched.run, ", ".join(matched.ambiguous_items)
    return Proposal(
        kind=ExceptionKind.AMBIGUOUS_MATCH,
        summary=f"{matched.ambiguous} lines of version {run.version} of {run.source} could be more than one known need "
        f"(items {items}); both stay as they were",
        plant=run.plant,
        item=matched.ambiguous_items[0] if len(matched.ambiguous_items) == 1 else None,
        alternatives=(
            Alternative(
                choice=Choice.ACCEPT,
                note="leave the known needs as they are; the next plan tells them apart by demand_reference",
            ),
        ),
        approvers=(matched.policy.planner,),
        proposed_by=run.source,
        rule="R1",
    )
