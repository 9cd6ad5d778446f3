"""An order's calls to its counterparts, each through that counterpart's own queue."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from canonical.calls import Call
from workflows import queues
from workflows.entity import CALL_HEARTBEAT, CALL_RETRIES, CALL_TIMEOUT, Entity
from workflows.purchase_order.state import OrderState

Outcome = TypeVar("Outcome")
AnyCall = TypeVar("AnyCall", bound=Call)


class CounterpartCalls:
    """Makes calls through the own queues of the order's systems."""

    def __init__(self, entity: Entity[OrderState, Any]) -> None:
        self._entity = entity

    async def call(
        self, method: Callable[..., Awaitable[Outcome]], call: AnyCall, counterpart: str, summary: str
    ) -> Outcome:
        """Make a call until it succeeds; then the audit events it carries count as written."""
        name = f"{counterpart}.{method.__name__}"
        attempt = call.model_copy(update={"maybe_written": call.maybe_written or self._entity.failing(name)})

        async def once() -> Outcome:
            nonlocal attempt
            this, attempt = attempt, attempt.model_copy(update={"maybe_written": True})
            return await self._execute(method, this, counterpart, summary, CALL_RETRIES)

        return await self._entity.with_events(call.audit_batch, once, name)

    async def call_once(
        self, method: Callable[..., Awaitable[Outcome]], call: AnyCall, counterpart: str, summary: str
    ) -> Outcome | None:
        """Make a call once; None: it failed and its effect is unknown.

        In that case it returns only after the pause that the counterpart asked for.
        """
        try:
            outcome = await self._execute(method, call, counterpart, summary, RetryPolicy(maximum_attempts=1))
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            if isinstance(error.cause, ApplicationError) and error.cause.next_retry_delay:
                await workflow.sleep(error.cause.next_retry_delay, summary="the counterpart asked to be left alone")
            return None
        self._entity.calls_out()
        if call.audit_batch is not None:
            self._entity.event_log.written(call.audit_batch.sequence)
        return outcome

    async def _execute(
        self,
        method: Callable[..., Awaitable[Outcome]],
        call: Call,
        counterpart: str,
        summary: str,
        retries: RetryPolicy,
    ) -> Outcome:
        system = queues.system_of(self._entity.state.systems, counterpart)
        return await workflow.execute_activity_method(
            method,
            args=[call],
            task_queue=queues.counterpart_queue(workflow.info().task_queue, system),
            start_to_close_timeout=CALL_TIMEOUT,
            heartbeat_timeout=CALL_HEARTBEAT,
            retry_policy=retries,
            summary=summary,
        )
