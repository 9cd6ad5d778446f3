"""Raise, change and withdraw the questions that entities ask people; the same for every entity."""

import datetime as dt
from typing import Any, Protocol

from temporalio import workflow
from temporalio.exceptions import FailureError
from temporalio.workflow import ParentClosePolicy

from activities.internal import InternalActivities
from canonical.calls import JoinQuestionCall, LeaveQuestionCall
from canonical.exception import Proposal
from canonical.identity import ExceptionId, exception_id
from canonical.messages import ExceptionRaised, ProposalChanged
from canonical.policy import PlantPolicy
from workflows import search_attributes as sa
from workflows.entity import Entity
from workflows.exception.state import ExceptionInput
from workflows.exception.workflow import ShortageException
from workflows.memory import OpenQuestion


class AskingState(Protocol):
    """The part of an entity's state that asking needs."""

    correlation_id: str
    questions_raised: int


class Questions:
    """Asks questions for one entity, which itself remembers the open ones."""

    def __init__(self, state: AskingState, entity: Entity[Any, Any]) -> None:
        self._state = state
        self._entity = entity

    async def ask(
        self,
        known: OpenQuestion | None,
        proposal: Proposal,
        policy: PlantPolicy,
        *,
        about: str = "",
        item_class: str = "",
        sla_started_at: dt.datetime | None = None,
        latest_safe_date: dt.date | None = None,
    ) -> OpenQuestion:
        """Open an exception, or send the changed proposal to the open one."""
        if known is not None and known.digest == proposal.digest:
            return known
        if known is None:
            self._state.questions_raised += 1
        identity = known.id if known else exception_id(workflow.info().workflow_id, self._state.questions_raised)
        question = OpenQuestion(id=identity, kind=proposal.kind, digest=proposal.digest, about=about)
        if known is not None:
            self._entity.calls_out()
            await change_proposal(identity, ProposalChanged(proposal=proposal))
            return question
        await self._raise(
            identity,
            proposal,
            policy,
            item_class=item_class,
            sla_started_at=sla_started_at,
            latest_safe_date=latest_safe_date,
        )
        return question

    async def _raise(
        self,
        identity: ExceptionId,
        proposal: Proposal,
        policy: PlantPolicy,
        *,
        item_class: str,
        sla_started_at: dt.datetime | None = None,
        latest_safe_date: dt.date | None = None,
    ) -> None:
        self._record_raised(identity, proposal, policy)
        self._entity.calls_out()
        await raise_exception(
            ExceptionRaised(
                exception_id=identity,
                raised_by=workflow.info().workflow_id,
                proposal=proposal,
                policy=policy,
                assignee=policy.buyer,
                raised_at=workflow.now(),
                sla_started_at=sla_started_at,
                latest_safe_date=latest_safe_date,
                item_class=item_class,
                correlation_id=self._state.correlation_id,
            )
        )

    async def ask_once(
        self, known: OpenQuestion | None, proposal: Proposal, policy: PlantPolicy, *, item_class: str = ""
    ) -> OpenQuestion:
        """Ask a question that says nothing of this entity's own; whoever has asked the same already asks for all."""
        if known is not None and known.digest == proposal.digest:
            return known
        if known is not None:
            await self.withdraw(known, "the question is another one now")
        self._state.questions_raised += 1
        me = workflow.info().workflow_id
        own = exception_id(me, self._state.questions_raised)
        assert proposal.item is not None
        call = JoinQuestionCall(
            audit_batch=self._entity.audit_batch(),
            plant=proposal.plant,
            item=proposal.item,
            digest=proposal.digest,
            exception_id=own,
            requirement_id=me,
        )
        held = await self._entity.recorded(InternalActivities.join_question, call)
        question = OpenQuestion(id=held, kind=proposal.kind, digest=proposal.digest, shared=True)
        if held == own:
            await self._raise(own, proposal, policy, item_class=item_class)
        else:
            self._entity.record("exception.joined", exception_id=held, kind=proposal.kind, summary=proposal.summary)
        return question

    async def leave(self, known: OpenQuestion, reason: str) -> None:
        """This entity has no need of an answer any more; the question stays open while others have."""
        if known.shared and await self._leave(known):
            self._entity.record("exception.left", exception_id=known.id, why=reason)
            return
        await self._withdraw(known, reason)

    async def _leave(self, known: OpenQuestion) -> int:
        """How many others wait for the answer."""
        call = LeaveQuestionCall(
            audit_batch=self._entity.audit_batch(),
            exception_id=known.id,
            requirement_id=workflow.info().workflow_id,
        )
        return await self._entity.recorded(InternalActivities.leave_question, call)

    async def withdraw(self, known: OpenQuestion, reason: str) -> None:
        """Withdraw a question whose cause is gone; others who share it try again."""
        if known.shared:
            await self._leave(known)
        await self._withdraw(known, reason)

    async def _withdraw(self, known: OpenQuestion, reason: str) -> None:
        self._entity.record("exception.overtaken", exception_id=known.id, why=reason)
        self._entity.calls_out()
        await change_proposal(known.id, ProposalChanged(proposal=None, reason=reason))

    def _record_raised(self, identity: ExceptionId, proposal: Proposal, policy: PlantPolicy) -> None:
        value = {} if not proposal.currency else {"value": str(proposal.value), "currency": proposal.currency}
        self._entity.record(
            "exception.raised",
            exception_id=identity,
            kind=proposal.kind,
            summary=proposal.summary,
            **value,
            reasons=[reason.model_dump(mode="json") for reason in proposal.reasons],
            policy_version=policy.version,
        )


async def raise_exception(raised: ExceptionRaised) -> None:
    """Start the exception as a child workflow that outlives its parent's runs."""
    proposal = raised.proposal
    await workflow.start_child_workflow(
        ShortageException.run,
        ExceptionInput(opened=raised),
        id=raised.exception_id,
        parent_close_policy=ParentClosePolicy.ABANDON,
        search_attributes=sa.attributes(
            {
                sa.PLANT: proposal.plant,
                sa.ITEM: proposal.item,
                sa.SUPPLIER: proposal.supplier,
                sa.ORDER: proposal.order_number,
                sa.EXCEPTION_KIND: proposal.kind,
                sa.STAGE: "open",
                sa.BUYER: raised.assignee,
                sa.CORRELATION_ID: raised.correlation_id,
            }
        ),
        static_summary=proposal.summary[:190],
        static_details=f"Raised by `{raised.raised_by}`. Decide it with POST /v1/exceptions/…/decision.",
    )


async def change_proposal(exception: ExceptionId, changed: ProposalChanged) -> None:
    """Send an open exception its changed proposal; one that has been decided meanwhile ignores it."""
    handle = workflow.get_external_workflow_handle(exception)
    try:
        await handle.signal(ShortageException.proposal_changed, changed)
    except FailureError as error:
        workflow.logger.info("exception %s no longer listens: %s", exception, error)
