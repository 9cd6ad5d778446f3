"""How an order calls: counterparts on their own queues, the desk by local activities; audit events ride along with
each."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from canonical.calls import Call
from canonical.order import ChangeOutcome, Refused
from canonical.records import AuditBatch
from workflows import queues
from workflows.entity import CALL_HEARTBEAT, CALL_RETRIES, CALL_TIMEOUT, INTERNAL_RETRIES, INTERNAL_TIMEOUT, Entity
from workflows.purchase_order.state import OrderState

Outcome = TypeVar("Outcome")
AnyCall = TypeVar("AnyCall", bound=Call)


class OrderCalls(Entity):
    """The part of a PurchaseOrder that every call goes through."""

    state: OrderState

    def key(self, step: str) -> str:
        """The idempotency key of a step of this order, the same on every attempt."""
        return f"{self.state.id}#{step}"

    async def call(
        self, method: Callable[..., Awaitable[Outcome]], call: AnyCall, counterpart: str, summary: str
    ) -> Outcome:
        """One activity on the counterpart's queue, tried until it answers; audit events that ride along are written
        then."""
        attempt = call

        async def once() -> Outcome:
            nonlocal attempt
            this, attempt = attempt, attempt.model_copy(update={"maybe_written": True})
            return await workflow.execute_activity_method(
                method,
                args=[this],
                task_queue=queues.counterpart_queue(workflow.info().task_queue, counterpart),
                start_to_close_timeout=CALL_TIMEOUT,
                heartbeat_timeout=CALL_HEARTBEAT,
                retry_policy=CALL_RETRIES,
                summary=summary,
            )

        return await self.carried(call.audit_batch, once, f"{counterpart}.{method.__name__}")

    async def call_once(
        self, method: Callable[..., Awaitable[Outcome]], call: AnyCall, counterpart: str, summary: str
    ) -> Outcome | None:
        """One activity on the counterpart's queue, tried once; None: it failed, and nobody knows what it did.

        Whoever goes on from there does so after the pause that the counterpart asked for.
        """
        try:
            outcome: Outcome = await workflow.execute_activity_method(
                method,
                args=[call],
                task_queue=queues.counterpart_queue(workflow.info().task_queue, counterpart),
                start_to_close_timeout=CALL_TIMEOUT,
                heartbeat_timeout=CALL_HEARTBEAT,
                retry_policy=RetryPolicy(maximum_attempts=1),
                summary=summary,
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            if isinstance(error.cause, ApplicationError) and error.cause.next_retry_delay:
                await workflow.sleep(error.cause.next_retry_delay, summary="the counterpart asked to be left alone")
            return None
        if call.audit_batch is not None:
            self.event_log.written(call.audit_batch.sequence)
        return outcome

    async def call_internal(
        self, method: Callable[..., Awaitable[Outcome]], call: object, audit_batch: AuditBatch, name: str
    ) -> Outcome:
        """One local activity at the desk, with the audit events that ride along."""
        return await self.carried(
            audit_batch,
            lambda: workflow.execute_local_activity_method(
                method,
                args=[call],
                start_to_close_timeout=INTERNAL_TIMEOUT,
                retry_policy=INTERNAL_RETRIES,
            ),
            name,
        )

    def record_refusal(self, outcome: ChangeOutcome | None) -> None:
        """Remember a reasoned no until a person has seen to it."""
        if isinstance(outcome, Refused):
            self.state.refusal = f"{outcome.reason} ({outcome.code})"
            self.record("write.refused", system=outcome.system, code=outcome.code, reason=outcome.reason)
