"""Temporal is not there, in every way in which it is not: callers get 503 and nothing is taken for settled."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from temporalio.api.common.v1 import GrpcStatus
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure, NotFoundFailure
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from canonical.messages import RequirementWithdrawn
from canonical.need import Revision, Withdrawal
from gateway.app import create_app
from gateway.problems import is_engine_down
from runtime.directory import EntityDirectory
from tests.gateway.conftest import Gateway
from tests.gateway.exceptions import PATH, shortage
from tests.gateway.fakes import ITEM, MORNING, PLANT, POLICIES, TODAY, planned, problem, requirement_id

NOT_THERE = [
    RPCStatusCode.CANCELLED,
    RPCStatusCode.UNKNOWN,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.PERMISSION_DENIED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.FAILED_PRECONDITION,
    RPCStatusCode.ABORTED,
    RPCStatusCode.INTERNAL,
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.UNAUTHENTICATED,
]


class FailingClient:
    """A Temporal client whose every call fails."""

    def __init__(self, failure: Callable[[], Exception]) -> None:
        self._failure = failure

    def get_workflow_handle(self, id: str) -> Any:
        return SimpleNamespace(signal=self._call, query=self._call, describe=self._call, execute_update=self._call)

    async def start_workflow(self, *_: object, **__: object) -> None:
        raise self._failure()

    async def _call(self, *_: object, **__: object) -> None:
        raise self._failure()


def failing(failure: Callable[[], Exception]) -> EntityDirectory:
    client: Any = FailingClient(failure)
    return EntityDirectory(client)


def status(code: RPCStatusCode) -> Callable[[], Exception]:
    return lambda: RPCError(code.name.lower(), code, b"")


def not_found(detail: Any) -> Callable[[], Exception]:
    packed = AnyMessage()
    packed.Pack(detail)
    raw = GrpcStatus(code=5, message="not found", details=[packed]).SerializeToString()
    return lambda: RPCError("not found", RPCStatusCode.NOT_FOUND, raw)


NO_NAMESPACE = not_found(NamespaceNotFoundFailure(namespace="pegline"))
FAILURES: dict[str, Callable[[], Exception]] = {
    **{code.name: status(code) for code in NOT_THERE},
    "update timed out": WorkflowUpdateRPCTimeoutOrCancelledError,
    "no namespace": NO_NAMESPACE,
}


async def decided(gateway: Gateway, directory: EntityDirectory) -> httpx.Response:
    asked = shortage()
    await gateway.record(asked)
    app = create_app(gateway.ledger, directory, {}, POLICIES, lambda _: TODAY, relay=False)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        return await client.post(
            f"{PATH}/decision",
            content=json.dumps({"choice": "accept", "decided_by": "anna"}),
            headers={"If-Match": f'"{asked.digest}"', "content-type": "application/json"},
        )


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
async def test_a_decision_gets_the_answer_to_retry_later(gateway: Gateway, failure: Callable[[], Exception]) -> None:
    answer = await decided(gateway, failing(failure))
    problem(answer, 503, "engine_unavailable")
    assert answer.headers["retry-after"] == "5"


async def test_a_message_to_a_missing_namespace_is_not_taken_for_one_to_an_ended_entity() -> None:
    revision = Revision(plan_version=2, effective_at=MORNING, event_id="e-2")
    gone = Withdrawal(plant=PLANT, item=ITEM, source="aps", demand_reference="PLO-1", revision=revision)
    withdrawn = RequirementWithdrawn(withdrawal=gone)
    ended = failing(not_found(NotFoundFailure()))
    assert await ended.withdraw_requirement(gone.id, withdrawn) is False
    with pytest.raises(RPCError) as caught:
        await failing(NO_NAMESPACE).withdraw_requirement(gone.id, withdrawn)
    assert is_engine_down(caught.value)


async def test_an_outage_in_any_form_postpones_what_waits(gateway: Gateway) -> None:
    await gateway.send(planned())
    gateway.entities.failures = [RPCStatusCode.UNAUTHENTICATED]
    assert await gateway.relay.drain() is True
    [row] = await gateway.inbox_of(requirement_id())
    assert (row.status, row.attempts) == ("stored", 1)
