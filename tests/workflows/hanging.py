"""Local activities that hang once: the first call of each in a workflow is given up after a second, without a retry."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

GIVEN_UP_AFTER = timedelta(seconds=1)
ONCE = RetryPolicy(maximum_attempts=1)


class Hanging(Interceptor):
    """The named activities hang the first time that they run in this worker."""

    def __init__(self, *activities: str) -> None:
        self._activities = frozenset(activities)
        self.to_hang = set(activities)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Hangs(next, self.to_hang)

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        activities = self._activities

        class Impatient(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(_GivesUp(outbound, set(activities)))

        return Impatient


class _Hangs(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, to_hang: set[str]) -> None:
        super().__init__(next)
        self._to_hang = to_hang

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        name = activity.info().activity_type
        if name in self._to_hang:
            self._to_hang.discard(name)
            await asyncio.Event().wait()
        return await super().execute_activity(input)


class _GivesUp(WorkflowOutboundInterceptor):
    def __init__(self, next: WorkflowOutboundInterceptor, first: set[str]) -> None:
        super().__init__(next)
        self._first = first

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        if input.activity in self._first:
            self._first.discard(input.activity)
            input.start_to_close_timeout, input.retry_policy = GIVEN_UP_AFTER, ONCE
        return super().start_local_activity(input)
