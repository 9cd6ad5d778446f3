"""How every process connects to Temporal: one plugin for clients, workers and replayers."""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import temporalio.service
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.plugin import SimplePlugin
from temporalio.runtime import Runtime
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    UnsandboxedWorkflowRunner,
    WorkerDeploymentConfig,
    WorkflowRunner,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from adapters.http import correlation
from runtime.telemetry import tracing_interceptor
from settings import Settings
from workflows.engineering_change.workflow import EngineeringChange
from workflows.exception.workflow import ShortageException
from workflows.material_requirement.workflow import MaterialRequirement
from workflows.plan_run import PlanRun
from workflows.purchase_order.workflow import PurchaseOrder
from workflows.stock_balance.workflow import StockBalance

WORKFLOWS: Sequence[type] = (
    MaterialRequirement,
    PurchaseOrder,
    ShortageException,
    EngineeringChange,
    PlanRun,
    StockBalance,
)

STRICT_RUNNER = SandboxedWorkflowRunner(
    restrictions=SandboxRestrictions.default.with_passthrough_modules(
        # Only the models, activity stubs and ports; `decisions` stays inside, so that an impure one fails.
        "canonical",
        "activities",
        "adapters.ports",
        "adapters.errors",
        "pydantic",
        "pydantic_core",
        "annotated_types",
        "opentelemetry",
        # Models and constants without behaviour: loaded once instead of for every workflow.
        "workflows.engineering_change.state",
        "workflows.event_log",
        "workflows.memory",
        "workflows.purchase_order.line",
        "workflows.purchase_order.state",
        "workflows.queues",
        "workflows.material_requirement.state",
        "workflows.search_attributes",
        "workflows.stock_balance.state",
    )
)
"""The runner of the tests: non-deterministic calls fail."""

RUNNER = UnsandboxedWorkflowRunner()
"""The runner of workers. The sandbox reloads the workflows' modules for every workflow, on the one thread that serves
all: 40 % of a worker's time in a plan run (docs/adr/0010). It also reads them from disk each time, so that replacing
files under a running worker would mix two versions."""


def temporal_plugin(runner: WorkflowRunner = RUNNER) -> SimplePlugin:
    """Pegline's data converter, interceptors and workflow runner. Workers inherit them from their client."""
    return SimplePlugin(
        "pegline",
        data_converter=pydantic_data_converter,
        workflow_runner=runner,
        interceptors=[tracing_interceptor(), _CorrelationInterceptor()],
    )


async def connect_temporal(
    settings: Settings, runner: WorkflowRunner = RUNNER, runtime: Runtime | None = None
) -> Client:
    """Connect the client that the settings describe; its workers run workflows with `runner`, and metrics go there
    where `runtime` has them."""
    return await Client.connect(**settings.temporal, plugins=[temporal_plugin(runner)], runtime=runtime)


def version_of_this_code(queue: str) -> WorkerDeploymentVersion:
    """This code as a version of the installation that works on the queue."""
    return WorkerDeploymentVersion(deployment_name=queue, build_id=code_version())


def deployment(version: WorkerDeploymentVersion | None) -> WorkerDeploymentConfig:
    """How workers take part in Worker Versioning: each run stays with the version that it began on (docs/adr/0022).

    None: they take whatever there is, and Temporal's UI shows their code's version all the same.
    """
    return WorkerDeploymentConfig(
        version=version or version_of_this_code("unversioned"),
        use_worker_versioning=version is not None,
        default_versioning_behavior=VersioningBehavior.PINNED if version else VersioningBehavior.UNSPECIFIED,
    )


@cache
def code_version() -> str:
    """A digest of the code that affects decisions, subpackages included, and of the SDK's version.

    The SDK's own digest reads every loaded module, which takes seconds when a worker starts.
    """
    here, digest = Path(__file__).parent.parent, hashlib.sha256(temporalio.service.__version__.encode())
    for folder in ("canonical", "decisions", "workflows", "activities"):
        for file in sorted((here / folder).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


class _CorrelationInterceptor(Interceptor):
    """Sets the correlation id of the calling entity for every outgoing call of an activity."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _CorrelationInbound(next)


class _CorrelationInbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        correlation.set(next((found for arg in input.args if (found := getattr(arg, "correlation_id", ""))), ""))
        return await super().execute_activity(input)
