"""Prepares an installation for worker and gateway: tables, Temporal namespace, search attributes.

    python -m runtime.prepare

Run once before a new version starts; it waits for the servers and changes nothing that is there already.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.envconfig import ClientConnectConfig
from temporalio.service import RPCError, RPCStatusCode

from adapters.errors import TransientError
from ledger.database import migrate
from settings import Settings, SettingsError
from workflows.search_attributes import ALL

SearchAttributes = Sequence[SearchAttributeKey[Any]]

RETENTION = timedelta(days=30)
"""How long Temporal keeps the history of a closed run in a namespace that we make."""

_TIMEOUT_SECONDS = 120.0
_LEAVING_SECONDS = 5.0


class SearchAttributeConflict(Exception):
    """The namespace has a search attribute of that name with another type."""


async def prepare(settings: Settings) -> None:
    """Bring database and namespace to what this version needs. Raises TimeoutError, SearchAttributeConflict."""
    await _patiently("the database", lambda: migrate(settings.database_url))
    print("database: tables are up to date", flush=True)
    await prepare_namespace(settings.temporal, ALL)
    print(f"Temporal: namespace {settings.temporal.get('namespace', 'default')} is ready", flush=True)


async def prepare_namespace(connection: ClientConnectConfig, search_attributes: SearchAttributes) -> None:
    """Make the namespace where it is missing and register what it lacks."""

    async def once() -> None:
        client = await Client.connect(**connection)
        await ensure_namespace(client)
        await register_search_attributes(client, search_attributes)

    await _patiently("Temporal", once)


async def ensure_namespace(client: Client) -> bool:
    """Make the client's namespace where it is missing; True where it was."""
    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as refused:
        if refused.status != RPCStatusCode.NOT_FOUND:
            raise
    else:
        return False
    retention = Duration()
    retention.FromTimedelta(RETENTION)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=client.namespace, workflow_execution_retention_period=retention)
    )
    return True


async def register_search_attributes(client: Client, search_attributes: SearchAttributes) -> list[str]:
    """Add those that the namespace lacks and answer their names. Raises SearchAttributeConflict."""
    present = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    requested = {key.name: IndexedValueType.ValueType(key.indexed_value_type) for key in search_attributes}
    for name, kind in requested.items():
        if name in present.custom_attributes and present.custom_attributes[name] != kind:
            there = IndexedValueType.Name(present.custom_attributes[name])
            raise SearchAttributeConflict(
                f"attribute {name} of namespace {client.namespace} is {there}, not {IndexedValueType.Name(kind)};"
                " remove it there (`temporal operator search-attribute remove`) or use another namespace"
            )
    missing = {name: kind for name, kind in requested.items() if name not in present.custom_attributes}
    if missing:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        )
    return sorted(missing)


async def _patiently(what: str, step: Callable[[], Awaitable[None]]) -> None:
    """Repeat the step while its server is not there yet; a namespace just made is unknown for some seconds, too."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while True:
        try:
            return await step()
        except (TransientError, RuntimeError, RPCError, OSError) as failed:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} was not ready within {_TIMEOUT_SECONDS:g} s: {failed}") from failed
        await asyncio.sleep(1)


def wait_for_foreign_threads() -> None:
    """Wait until no thread but Python's own is inside Python.

    The Temporal client's threads call into Python to hand over a result. Who ends right after the last one, as we do,
    may catch that thread on its way out: an interpreter that ends under it aborts the process, all done as it is.
    """
    ours = {thread.ident for thread in threading.enumerate()}
    until = time.monotonic() + _LEAVING_SECONDS
    while sys._current_frames().keys() - ours and time.monotonic() < until:
        time.sleep(0.001)


def main() -> int:
    """Prepare what the environment's settings name; 2 where they are wrong, 1 where a server does not come."""
    try:
        asyncio.run(prepare(Settings.load()))
    except SettingsError as error:
        print(f"The installation can't be prepared:\n{error}", file=sys.stderr)
        return 2
    except (TimeoutError, SearchAttributeConflict) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        wait_for_foreign_threads()
    return 0


if __name__ == "__main__":
    sys.exit(main())
