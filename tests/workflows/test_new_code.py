"""New code under running orders: each run stays with the code that began it, and none stands still unseen."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, SetWorkerDeploymentCurrentVersionRequest
from temporalio.common import WorkerDeploymentVersion
from temporalio.testing import WorkflowEnvironment

from ledger.database import connect
from runtime.replay_guard import ReplayOutcome, replay_sample
from runtime.rollout import CannotReplay, Rollout
from runtime.temporal import RUNNER, WORKFLOWS
from tests.conftest import FreshDatabase
from tests.workflows.harness import POLICY, Harness
from workflows.purchase_order.workflow import OrderInput, PurchaseOrder

OLD, NEW = "old", "new"


@workflow.defn(name="PurchaseOrder")
class OrderWithOneMoreCall(PurchaseOrder):
    """Tomorrow's code: before an order acts, it reads the policy once more."""

    @workflow.init
    def __init__(self, given: OrderInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: OrderInput) -> str:
        return await super().run(given)

    async def act(self) -> None:
        self.state.policy = await self.policy_now(self.state.policy)
        await super().act()


ONE_MORE_CALL = [OrderWithOneMoreCall if each is PurchaseOrder else each for each in WORKFLOWS]


class Installation:
    """A plant whose workers belong to versions, and the operator who replaces them."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self._running: dict[str, AsyncExitStack] = {}

    def version(self, build: str) -> WorkerDeploymentVersion:
        return WorkerDeploymentVersion(self.harness.queue, build)

    async def start(self, build: str, workflows: Sequence[type] = WORKFLOWS, *, warn: bool = False) -> Rollout:
        """Start workers of a version as worker.py does."""

        async def guard(query: str) -> ReplayOutcome:
            return await replay_sample(self.harness.client, query, RUNNER, workflows)

        rollout = Rollout(self.harness.client, self.version(build), self.harness.queue, guard, warn=warn)
        await rollout.prepare()
        stack = self._running[build] = AsyncExitStack()
        for worker in self.harness.workers(
            version=self.version(build),
            workflows=workflows,
            workflow_failure_exception_types=[],
            identity=f"{build} workers of {self.harness.queue}",
        ):
            await stack.enter_async_context(worker)
        await rollout.settle()
        return rollout

    async def stop(self, build: str) -> None:
        await self._running.pop(build).aclose()

    async def stop_all(self) -> None:
        for build in list(self._running):
            await self.stop(build)

    async def make_current(self, build: str) -> None:
        await self.harness.client.workflow_service.set_worker_deployment_current_version(
            SetWorkerDeploymentCurrentVersionRequest(
                namespace=self.harness.client.namespace, deployment_name=self.harness.queue, build_id=build
            )
        )

        async def known_to_the_queue() -> bool:
            described = await self.harness.client.workflow_service.describe_task_queue(
                DescribeTaskQueueRequest(
                    namespace=self.harness.client.namespace,
                    task_queue=TaskQueue(name=self.harness.queue),
                    task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
                )
            )
            return described.versioning_info.current_deployment_version.build_id == build

        # The server tells its task queues afterwards; a message before that is still the old version's. What the
        # deployment says of it (routing_config_update_state) is no help: at times it never gets to be completed.
        await self.harness.until(known_to_the_queue, seconds=60)

    async def wake(self, entity: str, build: str) -> None:
        """Until the entity's present run belongs to the version, as it has been told that there is another one."""
        await self.harness.handle(entity).signal("upgrade")

        async def look() -> bool:
            info = (await self.harness.handle(entity).describe()).raw_info
            return info.versioning_info.deployment_version.build_id == build

        await self.harness.until(look)

    async def version_of(self, entity: str) -> str:
        info = (await self.harness.handle(entity).describe()).raw_info
        return str(info.versioning_info.deployment_version.build_id)


@pytest.fixture
async def installation(temporal_env: WorkflowEnvironment, fresh_database: FreshDatabase) -> AsyncIterator[Installation]:
    engine = await connect(await fresh_database())
    found = Installation(Harness(temporal_env, engine, POLICY, RUNNER))
    with temporal_env.with_time_skipping_disabled():
        yield found
        await found.stop_all()
    await engine.dispose()


async def test_an_order_of_old_code_moves_to_new_code_with_its_next_message_and_back_where_that_is_wanted(
    installation: Installation,
) -> None:
    harness = installation.harness
    await installation.start(OLD)
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)

    await installation.start(NEW, ONE_MORE_CALL)
    another = await harness.sent(await harness.plan(harness.need(harness.item("BELL", "Trey"))))
    assert await installation.version_of(another.id) == OLD, "the old version is served: an operator decides"

    await installation.make_current(NEW)
    await harness.answer(order)
    await harness.settled(order)
    assert await installation.version_of(order.id) == NEW
    for idle in (another.id, requirement):
        await installation.wake(idle, NEW)

    await installation.make_current(OLD)
    for moved in (order.id, another.id, requirement):
        await installation.wake(moved, OLD)
    await installation.stop(NEW)
    await harness.answer(another)
    await harness.settled(another)
    await harness.receive(order)
    assert await harness.ended(order.id) == "closed"
    assert await harness.ended(requirement) == "fulfilled"


async def test_code_that_can_not_go_on_with_running_orders_does_not_replace_the_old(installation: Installation) -> None:
    harness = installation.harness
    await installation.start(OLD)
    order = await harness.sent(await harness.plan(harness.need(harness.item("CHAIN", "Cyclops"))))
    await installation.stop(OLD)

    with pytest.raises(CannotReplay, match="PurchaseOrder") as refused:
        await installation.start(NEW, ONE_MORE_CALL)
    assert list(refused.value.failed) == [f"PurchaseOrder {order.id}"]

    await installation.start(OLD)
    await harness.answer(order)
    await harness.settled(order)


async def test_in_an_emergency_new_code_serves_what_is_new_and_leaves_old_orders_to_old_code(
    installation: Installation,
) -> None:
    harness = installation.harness
    await installation.start(OLD)
    order = await harness.sent(await harness.plan(harness.need(harness.item("CHAIN", "Cyclops"))))
    await installation.stop(OLD)

    rollout = await installation.start(NEW, ONE_MORE_CALL, warn=True)
    assert rollout.orphans[OLD] >= 1
    await harness.sent(await harness.plan(harness.need(harness.item("BELL", "Trey"))))

    await harness.answer(order)
    await installation.start(OLD)
    await harness.settled(order)
    await rollout.settle()
    assert rollout.orphans == {}


async def test_code_that_can_go_on_with_running_orders_replaces_the_old_by_itself(installation: Installation) -> None:
    harness = installation.harness
    await installation.start(OLD)
    requirement = await harness.plan(harness.need(harness.item("CHAIN", "Cyclops")))
    order = await harness.sent(requirement)
    await installation.stop(OLD)

    rollout = await installation.start(NEW)
    assert rollout.orphans == {}
    await harness.answer(order)
    await harness.settled(order)
    await harness.receive(order)
    assert await harness.ended(order.id) == "closed"
    assert await harness.ended(requirement) == "fulfilled"
