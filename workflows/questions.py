"""Raising an exception and keeping its proposal true, for every entity alike."""

from temporalio import workflow
from temporalio.exceptions import FailureError
from temporalio.workflow import ParentClosePolicy

from canonical.identity import ExceptionId
from canonical.messages import ExceptionRaised, ProposalChanged
from workflows import search_attributes as sa
from workflows.exception.state import ExceptionInput
from workflows.exception.workflow import ShortageException


async def raise_exception(raised: ExceptionRaised) -> None:
    """Start the exception as a child that outlives its parent's runs."""
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
    """Tell an open exception what it is about now; one that has been decided meanwhile no longer listens."""
    handle = workflow.get_external_workflow_handle(exception)
    try:
        await handle.signal(ShortageException.proposal_changed, changed)
    except FailureError as error:
        workflow.logger.info("exception %s no longer listens: %s", exception, error)
