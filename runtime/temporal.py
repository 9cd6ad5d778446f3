"""How every process connects to Temporal: one plugin for clients, workers and replayers."""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import temporalio.service
from pydantic import ValidationError
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
)
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
from workflows.entity import Entity
from workflows.exception.workflow import ShortageException
from workflows.material_requirement.workflow import MaterialRequirement
from workflows.memory import Unreadable
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


MESSAGES = frozenset(
    kind
    for each in WORKFLOWS
    if issubclass(each, Entity)
    for signal in workflow._Definition.must_from_class(each).signals.values()
    for kind in signal.arg_types or ()
)
"""What entities are sent."""


class _MessageConverter(PydanticJSONPlainPayloadConverter):
    """Reads JSON; a message that this code can't read reaches its entity all the same, which sets it aside.

    The SDK drops a signal whose reading fails, with a line in the worker's log.
    """

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        try:
            return super().from_payload(payload, type_hint)
        except ValidationError as error:
            if type_hint is None or type_hint not in MESSAGES:
                raise
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            content = payload.data.decode(errors="replace")
            return Unreadable(type=type_hint.__name__, content=content, reason=f"{where}: {first['msg']}"[:300])


class PayloadConverter(CompositePayloadConverter):
    """Temporal's converter with our reading of JSON."""

    def __init__(self) -> None:
        given = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(
            *(_MessageConverter() if isinstance(each, JSONPlainPayloadConverter) else each for each in given)
        )


DATA_CONVERTER = DataConverter(payload_converter_class=PayloadConverter)


def temporal_plugin(runner: WorkflowRunner = RUNNER) -> SimplePlugin:
    """Pegline's data converter, interceptors and workflow runner. Workers inherit them from their client."""
    return SimplePlugin(
        "pegline",
        data_converter=DATA_CONVERTER,
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
