"""How a version of the code becomes the current one, and what becomes of the runs of the others.

A version is a digest of the code that decides (runtime.temporal.code_version). Temporal's Worker Versioning keeps each
run on the version that it began on, and starts new runs on the current one; an entity that learns of a new current
version continues as new on it (workflows.entity). Decided here:

- A version takes over by itself where nobody serves the current one: at the first start, and where the workers of the
  old version are gone. Where they still serve, an operator makes the new version current (docs/upgrading.md).
- Runs of a version that nobody serves any more would stand still for ever. The current version adopts them, if it can
  replay a sample of them; else it leaves them, and says so until somebody serves that version again.
- A version that can't replay what it would get by taking over does not take over: `CannotReplay`.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.batch.v1 import BatchOperationUpdateWorkflowExecutionOptions
from temporalio.api.deployment.v1 import WorkerDeploymentInfo
from temporalio.api.enums.v1 import TaskQueueType, VersionDrainageStatus
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    StartBatchOperationRequest,
)
from temporalio.client import Client
from temporalio.common import OneTimeVersioningOverride, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode

from runtime.replay_guard import ReplayOutcome

SILENCE = timedelta(seconds=75)
"""A worker that has not asked for work for so long is gone: it asks at least once a minute."""
LOOK_AGAIN_SECONDS = 15.0
_REGISTERED_SECONDS = 60.0
"""How long Temporal may take to know all queues of a version whose workers have started, and, when it has started
itself, to answer questions about versions: workflows of its own keep them."""
_PASSING = (RPCStatusCode.RESOURCE_EXHAUSTED, RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED)

Guard = Callable[[str], Awaitable[ReplayOutcome]]
"""Replays a sample of the runs that a visibility query finds."""

log = logging.getLogger("pegline.rollout")


class CannotReplay(Exception):
    """This version can't go on with open runs that it would get; the message says which, and what to do."""

    def __init__(self, version: str, failed: Mapping[str, str]) -> None:
        self.failed = failed
        shown = "".join(f"\n  {run}: {why}" for run, why in list(failed.items())[:5])
        super().__init__(
            f"this version, {version}, can't go on with {len(failed)} of the open runs that were tried:{shown}\n"
            "Start the version that they belong to again, beside this one, and let them move (docs/upgrading.md)."
            " PEGLINE_REPLAY_GUARD=warn serves all the same."
        )


class Rollout:
    """One version of the code in an installation's Worker Deployment."""

    def __init__(
        self, client: Client, version: WorkerDeploymentVersion, queue: str, guard: Guard, *, warn: bool
    ) -> None:
        self._client = client
        self._version = version
        self._queue = queue
        self._guard = guard
        self._warn = warn
        self._waiting_for: str | None = None
        self._moved: set[str] = set()
        self._fit: set[str | None] = set()
        """Versions whose runs this one has been found to go on with; None: runs without a version."""
        self._refused: CannotReplay | None = None
        self.orphans: dict[str, int] = {}
        """Open runs that nobody serves, by version."""

    async def prepare(self) -> None:
        """Before this version's workers ask for work: whether it may take over. Raises CannotReplay, RPCError."""
        current = _current(await self._deployment())
        if current != self._version.build_id and not (current and await self._served(current)):
            await self._try_runs_of(current)

    async def settle(self) -> bool:
        """Take over where nobody serves the current version, and adopt what nobody serves; whether it is current.

        Raises CannotReplay, RPCError.
        """
        deployment = await self._deployment()
        current = _current(deployment)
        if current != self._version.build_id:
            if current and await self._served(current):
                self._say_that_it_waits(current)
                return False
            await self._try_runs_of(current)
            await self._become_current()
            deployment = await self._deployment()
        self._waiting_for = None
        await self._adopt(deployment)
        return True

    async def check(self) -> None:
        """For /readyz: raises CannotReplay while nobody serves the current version and this one can't take over."""
        if self._refused is not None:
            raise self._refused

    async def keep_settling(self) -> None:
        """Settle now and then, for as long as the worker runs."""
        while True:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            try:
                await self.settle()
                self._refused = None
            except CannotReplay as refused:
                # Logged only when it changes: it would fill the log until somebody comes.
                if str(refused) != str(self._refused):
                    log.error("%s", refused)
                self._refused = refused
            except RPCError as error:
                log.warning("the versions of the workers can't be looked at: %s", error)
            except Exception:
                log.exception("the versions of the workers could not be settled, which is tried again")

    # -- runs of other versions

    async def _try_runs_of(self, version: str | None) -> None:
        """Raise CannotReplay if this version can't go on with runs of a version, or without one (None)."""
        if failed := await self._failed(version):
            refused = CannotReplay(self._version.build_id, failed)
            if not self._warn:
                raise refused
            log.error("%s", refused)

    async def _failed(self, version: str | None) -> Mapping[str, str]:
        """Of a sample of a version's open runs, those that this version can't go on with."""
        if version in self._fit:
            return {}
        failed = (await self._guard(self._runs_of(version))).failed
        if not failed:
            self._fit.add(version)
        return failed

    async def _adopt(self, deployment: WorkerDeploymentInfo) -> None:
        orphans: dict[str, int] = {}
        for version in _others(deployment, self._version.build_id):
            query = self._runs_of(version)
            if await self._served(version):
                self._moved.discard(version)
                continue
            count = 0 if version in self._moved else (await self._client.count_workflows(query)).count
            if not count:
                continue
            if failed := await self._failed(version):
                orphans[version] = count
                if self.orphans.get(version) != count:
                    why = CannotReplay(self._version.build_id, failed)
                    log.error("%d open runs of version %s stand still, since nobody serves it: %s", count, version, why)
            else:
                await self._move(query, f"version {version} is not served any more")
                self._moved.add(version)
                log.warning("moved %d open runs of version %s, which nobody serves, to this version", count, version)
        self.orphans = orphans

    async def _move(self, query: str, reason: str) -> None:
        """Move the runs to this version: each stays with it after its next task."""
        override = OneTimeVersioningOverride(self._version)._to_proto()
        await self._client.workflow_service.start_batch_operation(
            StartBatchOperationRequest(
                namespace=self._client.namespace,
                visibility_query=query,
                job_id=str(uuid.uuid4()),
                reason=reason,
                update_workflow_options_operation=BatchOperationUpdateWorkflowExecutionOptions(
                    identity=self._client.identity,
                    workflow_execution_options=WorkflowExecutionOptions(versioning_override=override),
                    update_mask=FieldMask(paths=["versioning_override"]),
                ),
            )
        )

    def _runs_of(self, version: str | None) -> str:
        """The visibility query of a version's open runs; None: of those that belong to none."""
        name = "TemporalWorkerDeploymentVersion"
        whose = f"{name} = '{self._version.deployment_name}:{version}'" if version else f"{name} IS NULL"
        return f"TaskQueue = '{self._queue}' AND ExecutionStatus = 'Running' AND {whose}"

    # -- the deployment at Temporal

    async def _deployment(self) -> WorkerDeploymentInfo:
        request = DescribeWorkerDeploymentRequest(
            namespace=self._client.namespace, deployment_name=self._version.deployment_name
        )
        until = time.monotonic() + _REGISTERED_SECONDS
        while True:
            try:
                return (await self._client.workflow_service.describe_worker_deployment(request)).worker_deployment_info
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return WorkerDeploymentInfo()
                if error.status not in _PASSING or time.monotonic() > until:
                    raise
                log.info("the versions of the workers are not known yet: %s", error)
            await asyncio.sleep(1)

    async def _become_current(self) -> None:
        """Make this version current, as soon as Temporal knows its workers on every queue."""
        request = SetWorkerDeploymentCurrentVersionRequest(
            namespace=self._client.namespace,
            deployment_name=self._version.deployment_name,
            build_id=self._version.build_id,
            identity=self._client.identity,
        )
        until = time.monotonic() + _REGISTERED_SECONDS
        while True:
            try:
                await self._client.workflow_service.set_worker_deployment_current_version(request)
                log.info("version %s is current", self._version.build_id)
                return
            except RPCError as error:
                if time.monotonic() > until:
                    raise
                log.debug("version %s can't become current yet: %s", self._version.build_id, error)
            await asyncio.sleep(0.2)

    async def _served(self, version: str) -> bool:
        """Whether a worker of the version asked for workflow tasks lately."""
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=self._queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        earliest = datetime.now(UTC) - SILENCE
        pollers = (await self._client.workflow_service.describe_task_queue(request)).pollers
        return any(
            poller.deployment_options.build_id == version and poller.last_access_time.ToDatetime(tzinfo=UTC) > earliest
            for poller in pollers
        )

    def _say_that_it_waits(self, current: str) -> None:
        if self._waiting_for != current:
            self._waiting_for = current
            log.info(
                "version %s is current and served; this version, %s, waits until it is made current: temporal worker"
                " deployment set-current-version --deployment-name %s --build-id %s",
                current,
                self._version.build_id,
                self._version.deployment_name,
                self._version.build_id,
            )


def _current(deployment: WorkerDeploymentInfo) -> str | None:
    return deployment.routing_config.current_deployment_version.build_id or None


def _others(deployment: WorkerDeploymentInfo, version: str) -> list[str]:
    """The other versions that may have open runs."""
    return [
        each.deployment_version.build_id
        for each in deployment.version_summaries
        if each.deployment_version.build_id != version
        and each.drainage_status != VersionDrainageStatus.VERSION_DRAINAGE_STATUS_DRAINED
    ]
