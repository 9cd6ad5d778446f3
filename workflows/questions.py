"""Raise, change and withdraw the questions that entities ask people; the same for every entity."""

import datetime as dt
from typing import Any, Protocol

from temporalio import workflow
from temporalio.exceptions import FailureError
from temporalio.workflow import ParentClosePolicy

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
        raised_by = workflow.info().workflow_id
        identity = known.id if known else exception_id(raised_by, self._state.questions_raised)
        question = OpenQuestion(id=identity, kind=proposal.kind, digest=proposal.digest, about=about)
        if known is not None:
            self._entity.calls_out()
            await change_proposal(identity, ProposalChanged(proposal=proposal))
            return question
        self._record_raised(identity, proposal, policy)
        self._entity.calls_out()
        await raise_exception(
            ExceptionRaised(
                exception_id=identity,
                raised_by=raised_by,
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
        return question

    async def withdraw(self, known: OpenQuestion, reason: str) -> None:
        """Withdraw a question whose cause is gone."""
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
