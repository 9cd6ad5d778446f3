"""Gateway and worker on a day other than the machine's: `python -m demo.another_day DAYS gateway|worker`.

Their clocks run whole days ahead of the machine's (behind it if negative), so that the time of day and all durations
are real. Otherwise both are composed as usual.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails

import worker
from runtime import event_loop
from runtime.gateway import run_gateway


def clock(ahead: timedelta) -> Callable[[], datetime]:
    """The machine's clock plus the offset."""
    return lambda: datetime.now(UTC) + ahead


class AnotherDayRunner(UnsandboxedWorkflowRunner):
    """Runs workflows with clocks ahead of the server's by the offset, from their first task on and in every replay."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _Ahead(super().create_instance(det), self._ahead)


class _Ahead(WorkflowInstance):
    def __init__(self, instance: WorkflowInstance, ahead: timedelta) -> None:
        self._instance, self._ahead = instance, ahead

    def activate(self, act: Any) -> Any:
        act.timestamp.FromDatetime(act.timestamp.ToDatetime(UTC) + self._ahead)
        return self._instance.activate(act)

    def get_serialization_context(self, command_info: Any) -> Any:
        return self._instance.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:
        return self._instance.get_external_store_context(command_info)

    def get_info(self) -> Any:
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        return self._instance.get_thread_id()


def main() -> int:
    """Run the program named by the arguments."""
    days, program = sys.argv[1:]
    ahead = timedelta(days=int(days))
    if program == "gateway":
        return run_gateway(clock(ahead))
    return int(event_loop.run(worker.main(AnotherDayRunner(ahead), clock(ahead))))


if __name__ == "__main__":
    sys.exit(main())
