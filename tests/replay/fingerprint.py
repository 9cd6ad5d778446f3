"""What workflows command, in words without ids, moments and payloads: the same however messages are worded.

    local desk.assess  30s, 6 attempts
    activity erp.place_and_send at erp  30s, heartbeat 5s, 1 attempt
    < signal coverage_changed

A line that begins with `<` is an event that the workflow received: it explains the commands after it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import RetryPolicy
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.activity_result import ActivityResolution
from temporalio.bridge.proto.child_workflow import ParentClosePolicy
from temporalio.bridge.proto.workflow_activation import WorkflowActivation, WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.workflow import _Definition


class Watching(WorkflowRunner):
    """Runs workflows as another runner does, and writes down what they command; by run."""

    def __init__(self, runner: WorkflowRunner) -> None:
        self._runner = runner
        self.lines: defaultdict[str, list[str]] = defaultdict(list)

    def prepare_workflow(self, defn: _Definition) -> None:
        self._runner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        lines = self.lines[det.info.run_id] = []
        return _Watched(self._runner.create_instance(det), _Run(det.info.task_queue), lines)


@dataclass
class _Run:
    """What words of a command need of the run that it is of."""

    queue: str
    activities: dict[int, str] = field(default_factory=dict)
    """Their types, by number."""


class _Watched(WorkflowInstance):
    def __init__(self, instance: WorkflowInstance, run: _Run, lines: list[str]) -> None:
        self._instance, self._run, self._lines = instance, run, lines

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        completion = self._instance.activate(act)
        self._lines += [line for job in act.jobs for line in _received(job, self._run)]
        self._lines += [line for each in completion.successful.commands for line in _commanded(each, self._run)]
        return completion

    def get_serialization_context(self, command_info: Any) -> Any:
        return self._instance.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:
        return self._instance.get_external_store_context(command_info)

    def get_info(self) -> Any:
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        return self._instance.get_thread_id()


def _received(job: WorkflowActivationJob, run: _Run) -> Iterator[str]:
    """The events a workflow receives, except timers and successful calls."""
    kind = job.WhichOneof("variant")
    if kind == "signal_workflow":
        yield f"< signal {job.signal_workflow.signal_name}"
    elif kind == "do_update":
        yield f"< update {job.do_update.name}"
    elif kind == "cancel_workflow":
        yield "< cancel"
    elif kind == "resolve_activity":
        ended = _ended(job.resolve_activity.result)
        if ended:
            yield f"< {run.activities[job.resolve_activity.seq]} {ended}"
    elif kind == "resolve_signal_external_workflow" and job.resolve_signal_external_workflow.HasField("failure"):
        yield "< nobody listens to the signal"


def _ended(result: ActivityResolution) -> str:
    kind = result.WhichOneof("status")
    if kind == "failed":
        return "timed out" if _cause(result.failed.failure).HasField("timeout_failure_info") else "failed"
    return {"cancelled": "was cancelled", "backoff": "is tried again later"}.get(kind or "", "")


def _cause(failure: Failure) -> Failure:
    """Whether an activity's failure comes wrapped differs between the first run and a replay."""
    return _cause(failure.cause) if failure.HasField("activity_failure_info") else failure


def _commanded(command: WorkflowCommand, run: _Run) -> Iterator[str]:
    kind = command.WhichOneof("variant")
    assert kind is not None
    what = getattr(command, kind)
    if kind in ("schedule_activity", "schedule_local_activity"):
        run.activities[what.seq] = what.activity_type
    if kind == "respond_to_query":
        return
    word = _WORDS.get(kind)
    yield word(what, run) if word else kind.replace("_", " ")


def _activity(what: Any, run: _Run) -> str:
    elsewhere = what.task_queue.removeprefix(run.queue)
    at = f" at {elsewhere.strip('-')}" if elsewhere else ""
    return f"activity {what.activity_type}{at}  {_limits(what)}"


def _desk_activity(what: Any, _: _Run) -> str:
    again = ", after a pause" if what.attempt > 1 else ""
    return f"local {what.activity_type}  {_limits(what)}{again}"


def _limits(what: Any) -> str:
    limits = (
        ("", "start_to_close_timeout"),
        ("heartbeat ", "heartbeat_timeout"),
        ("in all ", "schedule_to_close_timeout"),
        ("queued ", "schedule_to_start_timeout"),
    )
    held = [f"{word}{_seconds(getattr(what, name))}" for word, name in limits if name in _set_fields(what)]
    return ", ".join([*held, _attempts(what.retry_policy)])


def _set_fields(what: Any) -> set[str]:
    return {field.name for field, _ in what.ListFields()}


def _attempts(policy: RetryPolicy) -> str:
    if not policy.maximum_attempts:
        return "until it succeeds"
    return f"{policy.maximum_attempts} attempt{'s' if policy.maximum_attempts > 1 else ''}"


def _seconds(duration: Duration) -> str:
    return f"{duration.ToTimedelta().total_seconds():g}s"


def _timer(what: Any, _: _Run) -> str:
    """A timer that runs until a moment has a length of its own each time."""
    length: Duration = what.start_to_fire_timeout
    return "timer until a moment" if length.nanos else f"timer of {_seconds(length)}"


def _child(what: Any, _: _Run) -> str:
    closes = ParentClosePolicy.Name(what.parent_close_policy).removeprefix("PARENT_CLOSE_POLICY_").lower()
    return f"child {what.workflow_type} ({closes}) by {_attributes(what)}"


def _attributes(what: Any) -> str:
    return ", ".join(sorted(what.search_attributes.indexed_fields)) or "no search attribute"


def _signal(what: Any, _: _Run) -> str:
    return f"signal {what.signal_name} to {what.workflow_execution.workflow_id.partition('/')[0]}"


def _update(what: Any, _: _Run) -> str:
    return f"update {what.WhichOneof('response')}"


def _cancelled_activity(what: Any, run: _Run) -> str:
    return f"cancel {run.activities[what.seq]}"


def _attributes_set(what: Any, _: _Run) -> str:
    return f"search attributes {_attributes(what)}"


def _continued(what: Any, _: _Run) -> str:
    return f"continue as new {what.workflow_type}".strip()


def _patch(what: Any, _: _Run) -> str:
    return f"patch {what.patch_id}"


_WORDS: Mapping[str, Callable[[Any, _Run], str]] = {
    "schedule_activity": _activity,
    "schedule_local_activity": _desk_activity,
    "request_cancel_activity": _cancelled_activity,
    "request_cancel_local_activity": _cancelled_activity,
    "start_timer": _timer,
    "start_child_workflow_execution": _child,
    "signal_external_workflow_execution": _signal,
    "upsert_workflow_search_attributes": _attributes_set,
    "update_response": _update,
    "continue_as_new_workflow_execution": _continued,
    "set_patch_marker": _patch,
}
