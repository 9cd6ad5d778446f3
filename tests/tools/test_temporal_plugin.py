"""One plugin gives clients, workers and replayers the same converter, interceptors and runner."""

import importlib.util
from pathlib import Path

from temporalio.client import Client
from temporalio.common import VersioningBehavior
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from activities.internal import InternalActivities
from runtime.activities import activities_of
from runtime.temporal import (
    DATA_CONVERTER,
    STRICT_RUNNER,
    WORKFLOWS,
    code_version,
    deployment,
    temporal_plugin,
    version_of_this_code,
)

ROOT = Path(__file__).parents[2]
VERSION = version_of_this_code("pegline")


async def test_a_worker_takes_runner_and_interceptors_from_its_client(temporal_env: WorkflowEnvironment) -> None:
    config = temporal_env.client.config()
    config["plugins"] = [temporal_plugin()]
    client = Client(**config)
    worker = Worker(client, task_queue="plugged", workflows=WORKFLOWS, deployment_config=deployment(VERSION))
    given = worker.config(active_config=True)
    assert client.data_converter is DATA_CONVERTER
    assert isinstance(given["workflow_runner"], UnsandboxedWorkflowRunner)
    assert [type(one).__name__ for one in given["interceptors"]] == ["_CorrelationInterceptor"]
    tracing = [one for one in client.config(active_config=True)["interceptors"] if isinstance(one, TracingInterceptor)]
    assert len(tracing) == 1


def test_a_replayer_decides_as_the_workers_do() -> None:
    given = Replayer(workflows=WORKFLOWS, plugins=[temporal_plugin(STRICT_RUNNER)]).config(active_config=True)
    assert given["workflow_runner"] is STRICT_RUNNER
    assert given["data_converter"] is DATA_CONVERTER
    assert len(given["workflows"]) == len(WORKFLOWS)


def test_the_sandbox_lets_through_modules_that_exist() -> None:
    ours = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    passed = STRICT_RUNNER.restrictions.passthrough_modules
    named = [name for name in passed if name.partition(".")[0] in ours]
    assert len(named) > 10
    assert [name for name in named if importlib.util.find_spec(name) is None] == []


def test_every_run_stays_with_the_version_of_the_code_that_began_it() -> None:
    config = deployment(VERSION)
    assert (config.version.deployment_name, config.version.build_id) == ("pegline", code_version())
    assert config.use_worker_versioning
    assert config.default_versioning_behavior is VersioningBehavior.PINNED


def test_every_activity_of_a_group_is_found() -> None:
    names = {method.__name__ for method in activities_of(object.__new__(InternalActivities))}
    assert {"assess", "record", "close_exception"} <= names
    assert not any(name.startswith("_") for name in names)
