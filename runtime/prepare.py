"""Prepares an installation for worker and gateway: tables, Temporal namespace, search attributes.

    python -m runtime.prepare

Run once before a new version starts; it waits for the servers and changes nothing that already exists.
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
"""How long Temporal keeps the history of a closed run in a namespace created here."""

_TIMEOUT_SECONDS = 120.0
_LEAVING_SECONDS = 5.0


class SearchAttributeConflict(Exception):
    """The namespace has a search attribute of the same name with another type."""


async def prepare(settings: Settings) -> None:
    """Update database and namespace to what this version needs. Raises TimeoutError, SearchAttributeConflict."""
    await _patiently("the database", lambda: migrate(settings.database_url))
    print("database: tables are up to date", flush=True)
    await prepare_namespace(settings.temporal, ALL)
    print(f"Temporal: namespace {settings.temporal.get('namespace', 'default')} is ready", flush=True)


async def prepare_namespace(connection: ClientConnectConfig, search_attributes: SearchAttributes) -> None:
    """Create the namespace if it is missing, and register missing search attributes."""

    async def once() -> None:
        client = await Client.connect(**connection)
        await ensure_namespace(client)
        await register_search_attributes(client, search_attributes)

    await _patiently("Temporal", once)


async def ensure_namespace(client: Client) -> bool:
    """Create the client's namespace if it is missing; returns whether it was."""
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
    """Add those that the namespace lacks and return their names. Raises SearchAttributeConflict."""
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
    """Retry the step until its server is up; a newly created namespace is also unknown for some seconds."""
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

    The Temporal client's threads call into Python to hand over a result. If the interpreter exits right after the last
    result, such a thread may still be on its way out; the process is then aborted although all work is done.
    """
    ours = {thread.ident for thread in threading.enumerate()}
    until = time.monotonic() + _LEAVING_SECONDS
    while sys._current_frames().keys() - ours and time.monotonic() < until:
        time.sleep(0.001)


def main() -> int:
    """Prepare the installation in the settings; returns 2 if they are wrong, 1 if a server does not come up."""
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
